"""Hostile ONNX files, and files of something else: each is refused in one sentence."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import EXAMPLES
from onnx import TensorProto, helper
from onnx_files import constant, mean_face, model
from PIL import Image

from fkd.hub.reference import load
from fkd.keypoints import MEAN_FACE
from fkd.page.answers import Options, answer_photo
from fkd.photo.detectors.onnx import MAX_BYTES

FLAT = ("Flatten", ["images"], ["points"], {})
MEAN = ("ReduceMean", ["images"], ["light"], {"axes": [1, 2, 3], "keepdims": 1})  # [N, 1, 1, 1]


def after_mean(*nodes, weights=(), **given) -> onnx.ModelProto:
    """A graph from "light", the frames' mean [N, 1, 1, 1], to "points"."""
    return model([MEAN, *nodes], weights, **given)


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


def nested() -> onnx.ModelProto:
    """With a branch that reads its weights from another file."""
    weight = constant("branch", [MEAN_FACE])
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    branch = helper.make_graph([], "branch", [], [value_info("branch", None)], [weight])
    made = first("If", then_branch=branch, else_branch=branch)
    made.graph.node[0].input.append("yes")
    made.graph.initializer.append(constant("yes", True, bool))
    return made


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


NAN, FACE = np.full((1, 15, 2), np.nan, np.float32), np.array([MEAN_FACE], np.float32)
CUSTOM = "it has the custom operator "
ELSEWHERE = "some of its weights are in another file"
INPUT = r"expected one: float32 \[N, 1, 96, 96\]"
SHAPES = r"has the output points .* expected points \[N, 15, 2\]"
FINITE = "points is not finite, or far outside the frame"
# What is in the file, or how it is made at a path -> the message.
HOSTILE: dict[str, tuple[object, str]] = {
    "nothing": (b"", "is refused"),
    "text": (b"this is a network", "not an ONNX file, or is truncated"),
    "half of one": (lambda: mean_face().SerializeToString()[:300], "not an ONNX file, or is truncated"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be opened"),
    "too large": (lambda path: _sparse_file(path, MAX_BYTES + 1), "is larger than 500 MB"),
    "a custom operator": (
        lambda: first("Shell", domain="eve"),
        CUSTOM + "eve.Shell",
    ),
    "functions that call each other": (functions, "it defines functions of its own"),
    "weights at a path": (lambda: outside("/etc/passwd"), ELSEWHERE),
    "weights beside it in a nested graph": (nested, ELSEWHERE),
    "colour pictures": (lambda: model([FLAT], takes=["N", 3, 96, 96]), INPUT),
    "pictures of bytes": (
        lambda: model([("Cast", ["images"], ["points"], {"to": 1})], kind=TensorProto.UINT8, gives=None), INPUT,
    ),
    "fourteen points": (lambda: answers(FACE[:, :14]), SHAPES),
    "one answer for all faces": (
        lambda: after_mean(
            ("ReduceMean", ["light"], ["m"], {"axes": [0], "keepdims": 0}), ("Add", ["face", "m"], ["points"], {}),
            weights=[constant("face", FACE)], gives=[1, 15, 2],
        ),
        SHAPES,
    ),
    "points of double precision": (lambda: answers(FACE, np.float64), SHAPES),
    "NaN": (lambda: answers(NAN), FINITE),
    "points beside the frame": (lambda: answers(FACE + 400), "a point at 4.*, expected pixels of the 96 x 96"),
    "another output": (
        lambda: changed(lambda made: made.graph.output.append(value_info("light", ["N"]))),
        "has the output light .*, expected points",
    ),
    "an uncertainty of NaN": (lambda: _uncertain(np.nan), "uncertainty is not finite"),
    "other keypoints": (lambda: mean_face(keypoints="chin,nose"), "other keypoints than fkd's 15"),
    "a record of nothing": (lambda: mean_face(fkd="{}"), "fkd lacks version"),
    "a record that is not JSON": (lambda: mean_face(fkd="[" * 9000), "fkd is not readable as JSON"),
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


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence(name, tmp_path):
    content, said = HOSTILE[name]
    write(content, tmp_path / "net.onnx")
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the sentence is searched below
        load(f"onnx:{tmp_path / 'net.onnx'}")
    sentence = str(error.value)
    assert sentence.startswith("net.onnx") and str(tmp_path) not in sentence
    assert re.search(said, sentence), sentence


def test_a_network_that_fails_on_one_photo_is_a_sentence_there_and_answers_the_next(tmp_path):
    made = mean_face()
    made.graph.node[2].input[0] = "root"  # NaN in the dark
    made.graph.node.insert(2, helper.make_node("Sub", ["each", "dark"], ["less"]))
    made.graph.node.insert(3, helper.make_node("Sqrt", ["less"], ["root"]))
    made.graph.initializer.append(constant("dark", 0.1))
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    detectors = {
        name: load(reference, name)
        for name, reference in (
            ("fcnn", EXAMPLES.parent / "checkpoints" / "fcnn"),
            ("net", f"onnx:{tmp_path / 'net.onnx'}"),
        )
    }
    Image.new("L", (200, 200)).save(tmp_path / "dark.png")
    wishes = Options(list(detectors), whole=True)
    dark = answer_photo(detectors, str(tmp_path / "dark.png"), wishes)
    assert dark.status == "**net.onnx: points is not finite, or far outside the frame**"
    assert dark.picture is None
    assert answer_photo(detectors, str(EXAMPLES / "grace_hopper.jpg"), Options(list(detectors))).picture


def test_texts_of_the_metadata_are_short_plain_lines(tmp_path):
    made = mean_face(name="<img src=x onerror=alert(1)>" + "a" * 1000, owner="\u202eada", licence="MIT\n# Terms")
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    detector = load(f"onnx:{tmp_path / 'net.onnx'}")
    assert len(detector.name) == 60 and "<" not in detector.name
    assert (detector.owner, detector.data.terms) == ("ada", "MIT # Terms")
