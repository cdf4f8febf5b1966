import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from conftest import EXAMPLES

from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.finder import find_faces, whole_photo
from fkd.photo.many_photos import answer_photos, find_photos, walk_photos
from fkd.photo.point_files import answer_row, to_table

ray = pytest.importorskip("ray")
on_ray = pytest.importorskip("fkd.photo.on_ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two_workers():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def photos(tmp_path):
    """40 photos; three of them cannot be read."""
    (tmp_path / "photos" / "below").mkdir(parents=True)
    for number in range(40):
        content = b"no photo" if number % 16 == 3 else (EXAMPLES / "grace_hopper.jpg").read_bytes()
        (tmp_path / "photos" / ("below" if number % 3 else "") / f"_{number:02}.jpg").write_bytes(content)
    return tmp_path / "photos"


def killed_once(folder):
    """A `load` of detectors, one of which ends its process at its second batch."""

    def load(reference):
        class Killed(CheckpointDetector):
            def on_photos(self, photos, boxes, precise=False):
                batches.append(len(photos))
                if len(batches) == 2:
                    try:
                        os.close(os.open(folder / "killed", os.O_CREAT | os.O_EXCL))
                        os.kill(os.getpid(), signal.SIGKILL)
                    except FileExistsError:
                        pass
                return super().on_photos(photos, boxes, precise)

        batches = []
        with open(folder / "loaded", "a") as file:
            file.write(f"{os.getpid()}\n")
        return Killed.read(reference)

    return load


def without_ray(photos, reference, precise=False, find=find_faces):
    answers = answer_photos(CheckpointDetector.read(reference), find_photos([photos]), precise, find)
    return to_table(answer_row(each.name, "net", each.faces, each.problem) for each in answers)


def same_rows(found, expected):
    assert len(found) == len(expected) == 40
    found, expected = (table.sort_values("photo", ignore_index=True) for table in (found, expected))
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=0.02, check_dtype=False)


def test_a_killed_worker_loses_and_doubles_no_row(two_workers, photos, tmp_path, evaluated):
    on_ray.answer_on_ray([photos], tmp_path / "out", killed_once(tmp_path), str(evaluated))
    assert (tmp_path / "killed").exists(), "no worker was killed"
    processes = (tmp_path / "loaded").read_text().split()
    assert 2 <= len(processes) <= 3 and len(set(processes)) == len(processes), "each actor loads the model once"
    same_rows(pd.read_parquet(tmp_path / "out"), without_ray(photos, str(evaluated)))
    with pytest.raises(ValueError, match="out exists already: choose another --out"):
        on_ray.answer_on_ray([photos], tmp_path / "out", CheckpointDetector.read, str(evaluated))


def test_photos_come_in_parquet_files_too(two_workers, photos, tmp_path, evaluated):
    expected = without_ray(photos, str(evaluated), True, whole_photo)
    paths = list(map(str, walk_photos([photos])))
    table = pd.DataFrame({"path": paths, "bytes": [Path(path).read_bytes() for path in paths]})
    for number, columns in enumerate((["path"], ["path", "bytes"])):
        folder = tmp_path / f"in{number}.parquet"
        folder.mkdir()
        table[columns].iloc[:20].to_parquet(folder / "a.parquet")
        table[columns].iloc[20:].to_parquet(folder / "b.parquet")
        out = tmp_path / f"out{number}"
        on_ray.answer_on_ray([folder], out, CheckpointDetector.read, str(evaluated), True, whole_photo)
        same_rows(pd.read_parquet(out), expected)
