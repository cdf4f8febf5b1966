import numpy as np
import pandas as pd
import pytest
from commands import run
from conftest import draw_faces, write_competition
from PIL import Image

from fkd.data.competition import read_lookup, read_test, read_training
from fkd.data.held_out import export_test, held_out
from fkd.data.layout import training_lines, write_csv


def test_the_exported_frames_are_the_held_out_ones_without_labels(competition, tmp_path):
    faces = export_test(competition, tmp_path / "out")
    test, lookup = read_test(tmp_path / "out"), read_lookup(tmp_path / "out")
    assert np.array_equal(test.images, faces.images) and test.image_ids.tolist() == list(range(1, len(faces) + 1))
    assert len(lookup) == np.isfinite(faces.points).sum()
    assert {p.relative_to(tmp_path / "out").parts[0] for p in (tmp_path / "out").iterdir()} == {
        "test.csv", "IdLookupTable.csv", "frames",
    }  # fmt: skip
    assert (pd.read_csv(tmp_path / "out" / "IdLookupTable.csv")["Location"].isna()).all(), "no label leaves the house"
    for image_id, image in zip(test.image_ids, test.images, strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "frames" / f"{image_id}.png")), image)


def test_the_numbers_of_frames_follow_the_faces_not_the_order_of_rows(competition, faces, tmp_path):
    shuffled = faces[np.random.default_rng(0).permutation(len(faces))]
    other = write_competition(tmp_path / "shuffled", shuffled, draw_faces(3, seed=1))
    assert np.array_equal(held_out(competition).images, held_out(other).images)


def test_a_folder_that_holds_something_is_left_alone(competition, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for there in ("full", "file"):
        with pytest.raises(ValueError, match="already exists and is not empty"):
            export_test(competition, tmp_path / there)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert "frames, " in run("data", "export-test", competition, "--out", tmp_path / "empty")


def test_what_is_written_in_the_competitions_layout_is_read_back(faces, tmp_path):
    for name in ("training.csv", "training.zip"):
        (tmp_path / name[-3:]).mkdir()
        write_csv(tmp_path / name[-3:] / name, training_lines(faces.images, faces.points))
        back = read_training(tmp_path / name[-3:])
        assert np.array_equal(back.images, faces.images)
        assert np.allclose(back.points, faces.points, atol=1e-4, equal_nan=True)
