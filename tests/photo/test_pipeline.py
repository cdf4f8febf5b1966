import itertools
import multiprocessing
import os
import signal
import time
import weakref
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import EXAMPLES
from PIL import Image

from fkd.errors import FkdError
from fkd.photo import pipeline, predict
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.face import FaceBox
from fkd.photo.pipeline import AHEAD, CHUNK, FOUND_AHEAD, answer_folder, answer_photos, start_workers
from fkd.photo.predict import TOGETHER
from fkd.photo.reading import read_photo

CROWD = "3.png"


def boxes_of(photo):
    """As many faces as the photo's width says, every third one of them weak; no look at the photo itself."""
    rng = np.random.default_rng(photo.width)
    corners = rng.uniform(0, 30, (photo.width - 100, 2))
    return [FaceBox((x, y, x + 60, y + 60), -0.5 if number % 3 == 2 else 1.0) for number, (x, y) in enumerate(corners)]


@pytest.fixture
def photos(tmp_path):
    """Noise with 0 to 20 faces, as `boxes_of` has them, and a file that is no photo."""
    rng, paths = np.random.default_rng(0), []
    for number, faces in enumerate((1, 0, 4, 20, 1, 5)):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 256, (100, 100 + faces, 3), np.uint8)).save(paths[-1])
    paths.insert(2, tmp_path / "bad.jpg")
    paths[2].write_bytes(b"no photo")
    return paths


def pairs(paths):
    return ((str(path), path) for path in paths)


def test_answers_are_those_of_one_photo_after_the_other(photos, tiny_checkpoint, monkeypatch):
    detector = CheckpointDetector.read(tiny_checkpoint)
    photos = [path for path in photos if path.name != CROWD]
    crowds = [read_photo(path) for path in photos if path.name in ("2.png", "5.png")]
    weak = [detector.on_photos([photo], boxes_of(photo)[2:3])[0].doubt for photo in crowds]
    monkeypatch.setattr(predict, "CONFIRMED", sum(weak) / 2)  # one stays, one goes
    monkeypatch.setattr(predict, "TOGETHER", 4)  # with faces of a photo in two batches
    monkeypatch.setattr(pipeline, "find_faces", boxes_of)
    rows = list(answer_photos(detector, pairs(photos)))
    assert [row["photo"] for row in rows] == list(map(str, photos))
    assert rows[2] == {
        "photo": str(photos[2]), "faces": [],
        "error": "bad.jpg is not a readable image: use a JPEG, PNG, WebP or HEIC file",
    }  # fmt: skip
    found = 0
    for path, row in zip(photos, rows, strict=True):
        if path == photos[2]:
            continue
        alone = [face.to_json() for face in predict.predict(detector, read_photo(path), find=boxes_of)]
        assert len(row["faces"]) == len(alone)
        for ours, other in zip(row["faces"], alone, strict=True):
            assert ours["box"] == other["box"] and ours["points"].keys() == other["points"].keys()
            np.testing.assert_allclose(list(ours["points"].values()), list(other["points"].values()), atol=0.02)
            np.testing.assert_allclose(list(ours["spread"].values()), list(other["spread"].values()), atol=0.02)
        found += len(alone)
    assert found == 1 + 0 + 4 + 1 + 5 - 1


def test_faces_of_many_photos_go_through_the_network_together(photos, evaluated, monkeypatch):
    batches = []

    class Counted(CheckpointDetector):
        def on_photos(self, photos, boxes, precise=False):
            batches.append(len(boxes))
            return super().on_photos(photos, boxes, precise)

    monkeypatch.setattr(pipeline, "find_faces", boxes_of)
    single = [path for path in photos if path.name in ("0.png", "4.png")]
    list(answer_photos(Counted.read(evaluated), pairs(single * TOGETHER)))
    assert batches == [TOGETHER, TOGETHER]
    batches.clear()
    list(answer_photos(Counted.read(evaluated), pairs(photos)))
    assert max(batches) <= TOGETHER, "a crowd is more than one batch"


def test_photos_are_kept_only_until_their_faces_fill_a_batch(photos, evaluated, monkeypatch):
    read, most = [], 0

    def watched(file, name):
        nonlocal most
        photo = read_photo(file, name)
        read.append(weakref.ref(photo))
        most = max(most, sum(photo() is not None for photo in read))
        return photo

    monkeypatch.setattr(pipeline, "read_photo", watched)
    monkeypatch.setattr(pipeline, "find_faces", boxes_of)
    detector = CheckpointDetector.read(evaluated)
    for _ in answer_photos(detector, pairs(itertools.islice(itertools.cycle(photos[:1]), 3 * TOGETHER))):
        pass
    assert most <= TOGETHER + FOUND_AHEAD + 1
    most = 0
    monkeypatch.setattr(pipeline, "MOST_WAITING", 3 * 100 * 100)
    for _ in answer_photos(detector, pairs(itertools.islice(itertools.cycle(photos[1:2]), 30))):  # without a face
        pass
    assert most <= 3 + FOUND_AHEAD + 1, "photos without a face, or large ones, pile up"


def test_one_photo_that_no_answer_comes_for_leaves_the_others(photos, evaluated, monkeypatch):
    class Fails(CheckpointDetector):
        def on_photos(self, photos, boxes, precise=False):
            if any(photo.width == 104 for photo in photos):
                raise FkdError("a similarity needs two different points on both sides")
            return super().on_photos(photos, boxes, precise)

    monkeypatch.setattr(pipeline, "find_faces", boxes_of)
    rows = list(answer_photos(Fails.read(evaluated), pairs(photos)))
    assert [row.get("error", "")[:12] for row in rows] == ["", "", "bad.jpg is n", "a similarity", "", "", ""]
    assert rows[0]["faces"] and rows[-1]["faces"]


@pytest.fixture(scope="module")
def pool():
    with start_workers(2) as pool:
        yield pool


def test_workers_answer_in_order_and_paths_are_taken_as_they_are_needed(pool, tmp_path, evaluated):
    for number in range(CHUNK * AHEAD * 4):
        (tmp_path / f"{number:04}.jpg").write_bytes(b"no photo")
    (tmp_path / "0017.jpg").write_bytes((EXAMPLES / "grace_hopper.jpg").read_bytes())
    taken = []
    paths = (taken.append(path) or path for path in sorted(tmp_path.iterdir()))
    rows = answer_folder(pool, 2, CheckpointDetector.read, str(evaluated), paths)
    first = [next(rows)["photo"] for _ in range(CHUNK)]
    assert len(taken) <= CHUNK * AHEAD * 2, "the whole folder is taken before it is needed"
    rest = list(rows)
    assert first + [row["photo"] for row in rest] == sorted(map(str, tmp_path.iterdir()))
    answers = [row for row in rest if row["faces"]]
    assert [Path(row["photo"]).name for row in answers] == ["0017.jpg"] and len(answers[0]["faces"]) == 1


def test_a_detector_that_cannot_be_loaded_is_said(pool, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        list(answer_folder(pool, 2, CheckpointDetector.read, str(tmp_path), [EXAMPLES / "grace_hopper.jpg"]))


@pytest.mark.slow
def test_a_killed_worker_is_said(tmp_path, evaluated):
    with start_workers(1) as pool:
        rows = answer_folder(pool, 1, CheckpointDetector.read, str(evaluated), itertools.repeat(tmp_path / "none.jpg"))
        assert "none.jpg does not exist" in next(rows)["error"]
        (worker,) = pool._processes.values()
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(ValueError, match="a worker was killed, .*--resume goes on"):
            list(rows)


def _begin(reference, tmp_path, pids):
    with start_workers(1) as pool:
        rows = answer_folder(pool, 1, CheckpointDetector.read, reference, itertools.repeat(tmp_path / "none.jpg"))
        for _ in rows:
            pids.send([process.pid for process in pool._processes.values()])
            time.sleep(60)


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(tmp_path, evaluated):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    parent = multiprocessing.get_context("spawn").Process(target=_begin, args=(str(evaluated), tmp_path, theirs))
    parent.start()
    assert ours.poll(120)
    workers = [psutil.Process(pid) for pid in ours.recv()]
    parent.kill()
    parent.join()
    assert not psutil.wait_procs(workers, timeout=30)[1], "a worker lives on"
