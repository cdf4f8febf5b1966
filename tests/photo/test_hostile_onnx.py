"""Hostile ONNX files, and files of something else: each is refused in one sentence."""

import re
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from conftest import EXAMPLES
from onnx import TensorProto, helper
from onnx_files import constant, mean_face, model
from PIL import Image

from fkd.errors import FkdError
from fkd.hub.reference import load
from fkd.hub.space import deploy
from fkd.keypoints import MEAN_FACE
from fkd.page.answers import Options, answer_photo
from fkd.page.detectors import read_detectors

FLAT = ("Flatten", ["images"], ["points"], {})


def value_info(name: str, shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    made = mean_face(name="mean face")
    change(made)
    return made


def external(weight: onnx.TensorProto, location: str) -> onnx.TensorProto:
    """The weight, in another file."""
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    return weight


def answers(values) -> onnx.ModelProto:
    """Answers with these values, whatever it is shown."""
    shape = [-1, *np.shape(values)[1:]]
    return model(
        [
            ("ReduceMean", ["images"], ["light"], {"axes": [1, 2, 3], "keepdims": 0}),
            ("Mul", ["light", "zero"], ["none"], {}),
            ("Unsqueeze", ["none", "axes"], ["each"], {}),
            ("Add", ["each", "values"], ["points"], {}),
        ],
        [constant("axes", range(1, len(shape)), np.int64), constant("zero", 0), constant("values", values)],
        gives=["N", *shape[1:]],
    )


def nested() -> onnx.ModelProto:
    """With a branch that reads its weights from another file."""
    weight = external(constant("branch", [MEAN_FACE]), "/etc/passwd")
    branch = helper.make_graph([], "branch", [], [value_info("branch", None)], [weight])
    choice = helper.make_node("If", ["yes"], ["new"], then_branch=branch, else_branch=branch)
    made = changed(lambda made: made.graph.node.insert(0, choice))
    made.graph.initializer.append(constant("yes", True, bool))
    return made


NAN, FACE = np.full((1, 15, 2), np.nan, np.float32), np.array([MEAN_FACE], np.float32)
ELSEWHERE = r"some of its weights are in another file: .*external_data=False"
INPUT = r"expected one: float32 \[N, 1, 96, 96\] or \[N, 96, 96, 1\]"
SHAPES = r"has the output points .* expected points \[N, 15, 2\]"
FINITE = "points is not finite, or far outside the frame"
# What is in the file, or how it is made -> the message.
HOSTILE: dict[str, tuple[object, str]] = {
    "nothing": (b"", "is refused"),
    "text": (b"this is a network", "not an ONNX file, or is truncated"),
    "half of one": (mean_face().SerializeToString()[:300], "not an ONNX file, or is truncated"),
    "a name in no encoding": (
        mean_face().SerializeToString().replace(b"ReduceMean", b"ReduceMea\xff"), "OpenVINO cannot read it",
    ),
    "a custom operator": (
        lambda: changed(lambda made: setattr(made.graph.node[0], "domain", "eve")),
        "OpenVINO cannot read it",
    ),
    "weights at a path": (lambda: changed(lambda made: external(made.graph.initializer[2], "/etc/passwd")), ELSEWHERE),
    "weights beside it in a nested graph": (nested, ELSEWHERE),
    "colour pictures": (lambda: model([FLAT], takes=["N", 3, 96, 96]), INPUT),
    "points in 0..1": (lambda: answers(FACE / 96), r"between 0.15.* and 0.8.*, expected .* convert them, or"),
    "points in -1..1": (lambda: answers(FACE / 48 - 1), r"convert them, or state in its metadata"),
    "points in -0.5..0.5": (lambda: answers(FACE / 96 - 0.5), r"convert them, or state in its metadata"),
    "a scale that is none": (lambda: mean_face(scale="px"), r'its scale and offset: 0 is "px", expected'),
    "fourteen points": (lambda: answers(FACE[:, :14]), SHAPES),
    "NaN": (lambda: answers(NAN), FINITE),
    "standardized points": (lambda: answers((FACE - 48) / 20), "convert them, or state in its metadata"),
    "pixels of a frame of 224": (lambda: answers(FACE * 224 / 96), "and 1.*, expected pixels of the 96 x 96"),
    "points beside the frame": (lambda: answers(FACE + 400), "and 4.*, expected pixels of the 96 x 96"),
    "another output": (
        lambda: changed(lambda made: made.graph.output.append(value_info("light", ["N"]))),
        "has the output light .*, expected points",
    ),
    "an uncertainty of NaN": (lambda: _uncertain(np.nan), "uncertainty is not finite"),
    "other keypoints": (lambda: mean_face(keypoints="chin,nose"), "other keypoints than fkd's 15"),
    "a record of nothing": (lambda: mean_face(fkd="{}"), "fkd: version: Field required"),
    "a record that is not JSON": (lambda: mean_face(fkd="[" * 9000), "fkd is not readable as JSON"),
}  # fmt: skip


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


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence(name, tmp_path):
    content, said = HOSTILE[name]
    (tmp_path / "net.onnx").write_bytes(content if isinstance(content, bytes) else content().SerializeToString())
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
    fcnn, net = EXAMPLES.parent / "checkpoints" / "fcnn", f"onnx:{tmp_path / 'net.onnx'}"
    detectors = {"fcnn": load(fcnn, "fcnn"), "net": load(net, "net")}
    Image.new("L", (200, 200)).save(tmp_path / "dark.png")
    wishes = Options(list(detectors), whole=True)
    dark = answer_photo(detectors, str(tmp_path / "dark.png"), wishes)
    assert dark.status == "**net.onnx: points is not finite, or far outside the frame**"
    assert not dark.answered.comparison.answers
    assert answer_photo(
        detectors, str(EXAMPLES / "grace_hopper.jpg"), Options(list(detectors))
    ).answered.comparison.answers


def test_texts_of_the_metadata_are_short_plain_lines(tmp_path):
    made = mean_face(name="<img src=x onerror=alert(1)>" + "a" * 1000, owner="\u202eada", licence="MIT\n# Terms")
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    detector = load(f"onnx:{tmp_path / 'net.onnx'}")
    assert len(detector.name) == 60 and "<" not in detector.name
    assert (detector.owner, detector.data.terms) == ("ada", "MIT # Terms")


def test_a_file_that_ends_its_process_on_some_frame_is_refused_before_it_is_run_here(tmp_path):
    nodes = [
        ("ReduceMean", ["images"], ["light"], {"axes": [1, 2, 3], "keepdims": 0}),
        ("Sub", ["light", "most"], ["over"], {}),
        ("Relu", ["over"], ["bright"], {}),
        ("Mul", ["bright", "far"], ["place"], {}),
        ("Cast", ["place"], ["index"], {"to": TensorProto.INT64}),
        ("Unsqueeze", ["index", "second"], ["indices"], {}),
        ("GatherND", ["table", "indices"], ["found"], {}),
        ("Unsqueeze", ["found", "axes"], ["each"], {}),
        ("Add", ["each", "face"], ["points"], {}),
    ]
    weights = [constant("most", 0.9), constant("far", 1e12), constant("second", [1], np.int64)]
    weights += [constant("table", [0, 0, 0]), constant("axes", [1, 2], np.int64), constant("face", [MEAN_FACE])]
    (tmp_path / "checkpoints").mkdir()
    for name in ("app.py", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    path = tmp_path / "checkpoints" / "net.onnx"
    path.write_bytes(model(nodes, weights).SerializeToString())
    assert load(f"onnx:{path}").on_frames(np.full((1, 96, 96), 100, np.uint8)).shape == (1, 15, 2)
    for use in (lambda: read_detectors([f"onnx:{path}"]), lambda: deploy(tmp_path, "ada/page")):
        with pytest.raises(FkdError, match=r"^net.onnx is refused: the process that tried it died \(SIGSEGV\)$"):
            use()
    path.write_bytes(mean_face().SerializeToString())
    assert list(read_detectors([f"onnx:{path}"])) == ["net"]
