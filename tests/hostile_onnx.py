"""ONNX files that no honest program wrote, or that are of something else: how each is made, and the message it gets."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx_files import constant, mean_face, model

from fkd.keypoints import MEAN_FACE
from fkd.photo.detectors import onnx_file

FLAT = ("Flatten", ["images"], ["points"], {})
MEAN = ("ReduceMean", ["images"], ["light"], {"axes": [1, 2, 3], "keepdims": 1})  # [N, 1, 1, 1]


def after_mean(*nodes, weights=(), **given) -> onnx.ModelProto:
    """A graph whose nodes start from "light", the frames' mean [N, 1, 1, 1], and end in "points"."""
    return model([MEAN, *nodes], weights, **given)


def filled(shape, value=0.0) -> onnx.ModelProto:
    """A tensor of any shape, made while the graph runs, of which a mean is taken."""
    fill = helper.make_tensor("value", TensorProto.FLOAT, [1], [value])
    return after_mean(
        ("ConstantOfShape", ["shape"], ["large"], {"value": fill}),
        ("ReduceMean", ["large"], ["mean"], {"keepdims": 0}),
        ("Add", ["face", "mean"], ["each"], {}),
        ("Squeeze", ["light", "axes"], ["thin"], {}),
        ("Add", ["each", "thin"], ["points"], {}),
        weights=[
            constant("shape", shape, np.int64), constant("face", [MEAN_FACE]), constant("axes", [3], np.int64),
        ],
    )  # fmt: skip


def value_info(name: str, shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    made = mean_face(name="mean face")
    change(made)
    return made


def first(operator: str, **given) -> onnx.ModelProto:
    """With another operator before the others."""
    return changed(lambda made: made.graph.node.insert(0, helper.make_node(operator, [], ["new"], **given)))


def outside(location: str) -> onnx.ModelProto:
    """With the mean face in another file."""

    def change(made):
        weight = made.graph.initializer[2]
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)

    return changed(change)


def answers(values, kind=np.float32) -> onnx.ModelProto:
    """Answers with these values, whatever it is shown."""
    shape = [-1, *np.shape(values)[1:]]
    return model(
        [
            ("ReduceMean", ["images"], ["light"], {"axes": [1, 2, 3], "keepdims": 0}),
            ("Mul", ["light", "zero"], ["none"], {}),
            ("Unsqueeze", ["none", "axes"], ["each"], {}),
            ("Cast", ["each"], ["cast"], {"to": helper.np_dtype_to_tensor_dtype(np.dtype(kind))}),
            ("Add", ["cast", "values"], ["points"], {}),
        ],
        [constant("axes", range(1, len(shape)), np.int64), constant("zero", 0), constant("values", values, kind)],
        gives=["N", *shape[1:]],
        out=helper.np_dtype_to_tensor_dtype(np.dtype(kind)),
    )


def loop(operator: str) -> onnx.ModelProto:
    """A Loop of 2^60 rounds, or an If, with a graph of its own."""
    flag = helper.make_tensor_value_info("again", TensorProto.BOOL, [])
    count = helper.make_tensor_value_info("count", TensorProto.INT64, [])
    same = helper.make_node("Identity", ["true"], ["again"])
    body = helper.make_graph([same], "body", [count, helper.make_tensor_value_info("true", 9, [])], [flag])
    branch = helper.make_graph([helper.make_node("Identity", ["face"], ["branch"])], "branch", [], [
        helper.make_tensor_value_info("branch", TensorProto.FLOAT, None)
    ])  # fmt: skip
    made = mean_face()
    if operator == "Loop":
        node = helper.make_node("Loop", ["rounds", ""], [], body=body)
    else:
        node = helper.make_node("If", ["yes"], ["chosen"], then_branch=branch, else_branch=branch)
    made.graph.node.insert(0, node)
    made.graph.initializer.extend([constant("rounds", 2**60, np.int64), constant("yes", True, bool)])
    return made


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mean.onnx", mean_face().SerializeToString())
    return file.getvalue()


def functions() -> onnx.ModelProto:
    """Each of forty functions calls the one before it twice."""
    made, sets = mean_face(), [helper.make_opsetid("", 17), helper.make_opsetid("bombs", 1)]
    for level in range(40):
        called = f"f{level - 1}" if level else "Identity"
        domain = "bombs" if level else ""
        calls = [helper.make_node(called, [a], [b], domain=domain) for a, b in ("xt", "ty")]
        made.functions.append(helper.make_function("bombs", f"f{level}", ["x"], ["y"], calls, sets))
    made.opset_import.append(helper.make_opsetid("bombs", 1))
    return made


def doubling() -> onnx.ModelProto:
    """A text that is joined with itself sixty times."""
    made = mean_face()
    made.graph.node.extend(helper.make_node("StringConcat", [f"t{n}"] * 2, [f"t{n + 1}"]) for n in range(60))
    return made


def sparse() -> onnx.ModelProto:
    values, places = helper.make_tensor("dense", 1, [1], [1.0]), helper.make_tensor("places", 7, [1], [5])
    return changed(
        lambda made: made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [10**12]))
    )


NAN, FACE = np.full((1, 15, 2), np.nan, np.float32), np.array([MEAN_FACE], np.float32)
STANDARD = "is not one of the standard operators that fkd runs"
ELSEWHERE = "some of its weights are in another file"
INPUT = r"expected one: tensor\(float\) \[N, 1, 96, 96\]"
SHAPES = r"expected float32 \[., 15, 2\] or \[., 30\]"
FINITE = "points that are not finite, or far outside the frame"
# What is in the file, or how it is made at a path -> the message.
HOSTILE: dict[str, tuple[object, str]] = {
    "nothing": (b"", "it has no graph"),
    "text": (b"this is a network", "not an ONNX file, or is cut off"),
    "a web page": (b"<html><script>alert(1)</script></html>", "not an ONNX file, or is cut off"),
    "zeros": (bytes(1000), "not an ONNX file, or is cut off"),
    "half of one": (lambda: mean_face().SerializeToString()[:300], "not an ONNX file, or is cut off"),
    "a zip with one": (zipped, "not an ONNX file, or is cut off"),
    "a folder": (Path.mkdir, "is not a regular file"),
    "a link to nowhere": (lambda path: path.symlink_to("/nowhere.onnx"), "does not exist"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be opened"),
    "a pipe": (os.mkfifo, "is not a regular file"),
    "too large": (lambda path: _sparse_file(path, onnx_file.LARGEST + 1), "is larger than 500 MB"),
    "no nodes": (lambda: changed(lambda made: made.graph.ClearField("node")), "it has no graph"),
    "a hundred thousand nodes": (
        lambda: model([("Identity", [f"x{n}"], [f"x{n + 1}"], {}) for n in range(100_000)]),
        "100,000 nodes, more than 20,000",
    ),
    "a custom operator": (
        lambda: first("Shell", domain="eve"),
        f"eve.Shell {STANDARD}",
    ),
    "an operator of Microsoft's": (
        lambda: first("Gelu", domain="com.microsoft"),
        f"com.microsoft.Gelu {STANDARD}",
    ),
    "an operator named in HTML": (
        lambda: first("<b>\n" * 999),
        STANDARD,
    ),
    "an operator of nobody's": (
        lambda: first("Frobnicate"),
        f"Frobnicate {STANDARD}",
    ),
    "chance": (
        lambda: first("RandomUniform", shape=[9]),
        f"RandomUniform {STANDARD}",
    ),
    "a loop of 2^60 rounds": (lambda: loop("Loop"), f"Loop {STANDARD}"),
    "a branch": (lambda: loop("If"), f"If {STANDARD}"),
    "a graph in an operator that has none": (
        lambda: changed(lambda made: made.graph.node[0].attribute.append(helper.make_attribute("g", made.graph))),
        "ReduceMean has a graph of its own",
    ),
    "functions that call each other": (functions, "functions of its own"),
    "a text that doubles": (doubling, f"StringConcat {STANDARD}"),
    "weights of text": (
        lambda: changed(lambda made: made.graph.initializer.append(helper.make_tensor("t", 8, [1], [b"text"]))),
        "it works on text",
    ),
    "weights beside it": (lambda: outside("weights.bin"), ELSEWHERE),
    "weights above it": (lambda: outside("../../../../etc/passwd"), ELSEWHERE),
    "weights at a path": (lambda: outside("/etc/passwd"), ELSEWHERE),
    "sparse weights of 10^12": (sparse, "it has sparse weights"),
    "weights larger than the file": (
        lambda: changed(lambda made: made.graph.initializer[2].dims.__setitem__(slice(None), [10**9, 15, 2])),
        "is not run",
    ),
    "a tensor of 6.4 GB": (lambda: filled([40_000, 40_000]), "fails on . face.*bfc_arena"),
    "a tensor of 10^13": (lambda: filled([10**7, 10**6]), "fails on . face"),
    "a tensor of 2^63": (lambda: filled([2**31, 2**32]), "fails on . face"),
    "a tensor of side -5": (lambda: filled([-5]), "fails on . face|is not run"),
    "a tile of 10^10": (
        lambda: after_mean(
            ("Tile", ["light", "often"], ["large"], {}), ("ReduceMean", ["large"], ["points"], {"axes": [3]}),
            weights=[constant("often", [1, 10**5, 10**5, 1], np.int64)],
        ),
        "fails on . face",
    ),
    "a range of 10^12": (
        lambda: after_mean(
            ("Range", ["from", "to", "by"], ["large"], {}), ("ReduceMean", ["large"], ["m"], {"keepdims": 0}),
            ("Add", ["light", "m"], ["points"], {}),
            weights=[constant("from", 0), constant("to", 1e12), constant("by", 1)],
        ),
        "fails on . face",
    ),
    "a sum of a row and a column": (
        lambda: after_mean(
            ("Add", ["row", "column"], ["large"], {}), ("ReduceMean", ["large"], ["m"], {"keepdims": 0}),
            ("Add", ["light", "m"], ["points"], {}),
            weights=[constant("row", np.zeros((1, 10**5))), constant("column", np.zeros((10**5, 1)))],
        ),
        "fails on . face",
    ),
    "a division by zero": (
        lambda: after_mean(
            ("Cast", ["light"], ["whole"], {"to": 7}), ("Sub", ["whole", "whole"], ["zero"], {}),
            ("Div", ["one", "zero"], ["q"], {}), ("Cast", ["q"], ["points"], {"to": 1}),
            weights=[constant("one", 1, np.int64)],
        ),
        "fails on . face",
    ),
    "a cycle": (lambda: changed(lambda made: made.graph.node[0].input.__setitem__(0, "points")), "is not run"),
    "no input": (lambda: changed(lambda made: made.graph.ClearField("input")), "is not run|inputs none"),
    "two inputs": (
        lambda: changed(lambda made: made.graph.input.append(value_info("more", ["N"]))), INPUT,
    ),
    "colour pictures": (lambda: model([FLAT], takes=["N", 3, 96, 96]), INPUT),
    "pictures of bytes": (
        lambda: model([("Cast", ["images"], ["points"], {"to": 1})], kind=TensorProto.UINT8, gives=None), INPUT,
    ),
    "seven faces at a time": (lambda: model([FLAT], takes=[7, 1, 96, 96], gives=None), INPUT),
    "a later operator set": (
        lambda: changed(lambda made: made.opset_import[0].__setattr__("version", 9999)), "is not run",
    ),
    "fourteen points": (lambda: answers(FACE[:, :14]), SHAPES),
    "points in four dimensions": (lambda: answers(FACE[None]), SHAPES),
    "one answer for all faces": (
        lambda: after_mean(
            ("ReduceMean", ["light"], ["m"], {"axes": [0], "keepdims": 0}), ("Add", ["face", "m"], ["points"], {}),
            weights=[constant("face", FACE)], gives=[1, 15, 2],
        ),
        SHAPES,
    ),
    "points of double precision": (lambda: answers(FACE, np.float64), SHAPES),
    "whole numbers": (lambda: answers(FACE.astype(np.int64), np.int64), SHAPES),
    "NaN": (lambda: answers(NAN), FINITE),
    "infinity": (lambda: answers(np.full((1, 15, 2), -np.inf)), FINITE),
    "points of 10^30": (lambda: answers(FACE * 1e30), FINITE),
    "points beside the frame": (lambda: answers(FACE + 400), "a point at 4.*, expected pixels of the 96 x 96"),
    "another output": (
        lambda: changed(lambda made: made.graph.output.append(value_info("light", ["N"]))),
        "has the output light, expected uncertainty or four_point",
    ),
    "an uncertainty below zero": (lambda: _uncertain(-1.0), "an uncertainty below 0"),
    "an uncertainty of NaN": (lambda: _uncertain(np.nan), "uncertainty that are not finite"),
    "metadata of a million letters": (lambda: mean_face(name="a" * 10**6), "more than 100,000 characters"),
    "a name of a thousand letters": (lambda: mean_face(name="a" * 1000), "its metadata has the name"),
    "a name in HTML": (lambda: mean_face(name="<img src=x onerror=alert(1)>"), "its metadata has the name"),
    "a licence in two lines": (lambda: mean_face(licence="MIT\n# Terms"), "its metadata has the licence"),
    "an owner turned round": (lambda: mean_face(owner="\u202eada"), "its metadata has the owner"),
    "other keypoints": (lambda: mean_face(keypoints="chin,nose"), "other keypoints than fkd's 15"),
    "a record of nothing": (lambda: mean_face(fkd="{}"), "fkd lacks version"),
    "a record that is not JSON": (lambda: mean_face(fkd="[" * 9000), "fkd is not readable as JSON"),
    "a key twice": (
        lambda: changed(lambda made: made.metadata_props.add(key="name", value="eve")), "its metadata has a key twice",
    ),
}  # fmt: skip


def write(content: object, path: Path) -> None:
    """Writes a hostile file."""
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    made = content(path) if content in (Path.mkdir, os.mkfifo) or content.__code__.co_argcount else content()
    if made is not None:
        path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())


def _uncertain(value: float) -> onnx.ModelProto:
    """With an uncertainty of this value."""
    made = mean_face()
    made.graph.node.append(helper.make_node("Squeeze", ["each", "lastaxis"], ["thin"]))
    made.graph.node.append(helper.make_node("Add", ["thin", "uncertain"], ["uncertainty"]))
    made.graph.initializer.extend(
        [constant("lastaxis", [2], np.int64), constant("uncertain", np.full((1, 15), value * 9))]
    )
    made.graph.output.append(value_info("uncertainty", ["N", 15]))
    return made


def _sparse_file(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)
