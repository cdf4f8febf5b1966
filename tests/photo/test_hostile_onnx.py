"""Hostile ONNX files: each is refused in one sentence."""

import re

import pytest
from conftest import EXAMPLES
from hostile_onnx import HOSTILE, write
from onnx import helper
from onnx_files import constant, mean_face
from PIL import Image

from fkd.hub.reference import load
from fkd.page.answers import Options, answer_photo


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
    assert dark.status == "**net.onnx answers with points that are not finite, or far outside the frame**"
    assert dark.picture is None
    assert answer_photo(detectors, str(EXAMPLES / "grace_hopper.jpg"), Options(list(detectors))).picture
