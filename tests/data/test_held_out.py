import numpy as np
import pandas as pd
import pytest
from commands import run
from conftest import draw_faces, write_competition
from PIL import Image

from fkd.data.competition import read_lookup, read_test
from fkd.data.held_out import export_test, held_out


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


def test_a_folder_that_is_not_empty_is_left_alone(competition, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for there in ("full", "file"):
        with pytest.raises(ValueError, match="already exists and is not empty"):
            export_test(competition, tmp_path / there)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert "frames, " in run("data", "export-test", "--data", competition, "--out", tmp_path / "empty")
