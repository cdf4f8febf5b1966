"""Live's handler: two models on each frame of the camera, and searches rationed while there is no face."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageColor

from fkd.errors import FkdError
from fkd.keypoints import MEAN_FACE
from fkd.page import live
from fkd.page.live import FULL, NONE, Track, _frame
from fkd.photo.colours import GREEN, RED
from fkd.photo.face import Face, FaceBox

BOX = FaceBox((180, 100, 350, 270), 1.0)


class MeanFace:
    """A detector that answers with the mean face, moved by some px."""

    def __init__(self, name: str, colour: str, moved: float, doubt: float = 0.0):
        self.name, self.colour, self.moved, self.doubt = name, colour, moved, doubt

    def on_photos(self, photos, boxes, precise=False):
        faces = []
        for box in boxes:
            points = (np.array(MEAN_FACE) / 96 * box.side + box.box[:2] + self.moved).astype(np.float32)
            faces.append(Face(box.box, points, np.zeros((96, 96), np.uint8), doubt=self.doubt))
        return faces


def camera() -> io.BytesIO:
    """A frame of a grey wall, as the camera sends it."""
    file = io.BytesIO()
    Image.new("RGB", (480, 360), "grey").save(file, "JPEG")
    file.seek(0)
    return file


@pytest.fixture
def searches(monkeypatch):
    """How often each way to search was taken; none finds a face until `searches.boxes` holds one."""
    counted = Counter()
    counted.boxes = []
    for name in ("find_faces", "glance"):
        monkeypatch.setattr(live, name, lambda photo, name=name: (counted.update([name]), counted.boxes)[1])
    return counted


def colours_in(image: Image.Image) -> set[str]:
    pixels = {tuple(pixel) for pixel in np.asarray(image).reshape(-1, 3)}
    return {colour for colour in (RED, GREEN) if ImageColor.getrgb(colour) in pixels}


def test_two_models_are_drawn_in_one_picture_each_in_its_colour_and_told(searches):
    detectors = {"one": MeanFace("one", GREEN, 0), "<two>": MeanFace("<two>", RED, 40)}
    searches.boxes = [BOX]
    picture, status, seen = _frame(detectors, camera(), "one", "<two>", None)
    assert colours_in(picture) == {RED, GREEN}
    assert "one" in status and "&lt;two&gt;" in status and "Tracking a face." in status
    for _ in range(3):
        picture, status, seen = _frame(detectors, camera(), "one", "<two>", seen)
    assert colours_in(picture) == {RED, GREEN} and "frames a second" in status
    assert searches == {"glance": 1}, "nothing searches while the face is followed"
    assert colours_in(_frame(detectors, camera(), "one", NONE, seen)[0]) == {GREEN}
    assert colours_in(_frame(detectors, camera(), "one", "one", seen)[0]) == {GREEN}


def test_the_surest_model_leads_and_a_face_that_all_doubt_is_searched_anew(searches):
    sure, unsure = MeanFace("sure", GREEN, 0), MeanFace("unsure", RED, 40, doubt=3.0)
    searches.boxes = [BOX]
    seen = _frame({"unsure": unsure, "sure": sure}, camera(), "unsure", "sure", None)[2]
    assert seen.face.doubt == 0
    assert (
        _frame({"unsure": unsure, "sure": sure}, camera(), "unsure", "sure", seen)[2].face and searches["glance"] == 1
    )
    _frame({"unsure": unsure}, camera(), "unsure", NONE, seen)
    assert searches["glance"] == 2


def test_without_a_face_all_looks_are_taken_once_in_a_while(searches):
    detectors, seen = {"one": MeanFace("one", GREEN, 0)}, None
    for _ in range(2 * FULL):
        picture, status, seen = _frame(detectors, camera(), "one", NONE, seen)
    assert searches == {"glance": 2 * FULL - 2, "find_faces": 2}
    assert "No face is seen." in status and not colours_in(picture)


def test_nonsense_is_told_and_ends_what_was_followed(searches):
    detectors = {"one": MeanFace("one", GREEN, 0)}
    seen = Track(times=(1.0, 2.0))
    assert _frame(detectors, None, "one", NONE, seen) == (None, "", Track())
    nothing, said, seen = _frame(detectors, io.BytesIO(b"<b>"), "one", NONE, seen)
    assert nothing is None and "the frame is not a readable image" in said and seen == Track()
    for names in ((NONE, NONE), ("one", "two")):
        with pytest.raises(FkdError, match="unknown model"):
            _frame(detectors, camera(), *names, None)
