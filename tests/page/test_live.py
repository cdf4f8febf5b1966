"""Live's handler: two models on each frame of the camera; without a face, few thorough searches."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageColor

from fkd.errors import FkdError
from fkd.keypoints import MEAN_FACE
from fkd.page import live
from fkd.page.live import FULL, MAX_MEGAPIXELS, NONE, Track, _frame
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


DETECTORS = {
    "one": MeanFace("one", GREEN, 0), "<two>": MeanFace("<two>", RED, 40), "unsure": MeanFace("unsure", RED, 40, 3.0),
}  # fmt: skip


def camera(size: tuple[int, int] = (480, 360)) -> io.BytesIO:
    """A frame of a grey wall."""
    file = io.BytesIO()
    Image.new("L", size, "grey").save(file, "JPEG")
    return file


@pytest.fixture
def searches(monkeypatch):
    """Counts the searches of each kind; none finds a face until `searches.boxes` holds one."""
    counted = Counter()
    counted.boxes = []
    for name in ("find_faces", "glance"):
        monkeypatch.setattr(live, name, lambda photo, name=name: (counted.update([name]), counted.boxes)[1])
    return counted


def colours_in(image: Image.Image) -> set[str]:
    pixels = {tuple(pixel) for pixel in np.asarray(image).reshape(-1, 3)}
    return {colour for colour in (RED, GREEN) if ImageColor.getrgb(colour) in pixels}


def test_two_models_are_drawn_in_one_picture_each_in_its_colour(searches):
    searches.boxes, seen = [BOX], None
    for _ in range(4):
        picture, status, seen = _frame(DETECTORS, camera(), "one", "<two>", seen)
        assert colours_in(picture) == {RED, GREEN}
    assert "one" in status and "&lt;two&gt;" in status and "Tracking a face." in status
    assert searches == {"glance": 1}, "nothing searches while the face is followed"
    for second in (NONE, "one"):
        assert colours_in(_frame(DETECTORS, camera(), "one", second, seen)[0]) == {GREEN}


def test_the_surest_model_leads_and_a_face_that_all_doubt_is_searched_again(searches):
    searches.boxes, seen = [BOX], None
    for _ in range(2):
        seen = _frame(DETECTORS, camera(), "unsure", "one", seen)[2]
        assert seen.face.doubt == 0 and searches["glance"] == 1
    _frame(DETECTORS, camera(), "unsure", NONE, seen)
    assert searches["glance"] == 2


def test_without_a_face_few_searches_are_thorough(searches):
    seen = None
    for _ in range(2 * FULL):
        picture, status, seen = _frame(DETECTORS, camera(), "one", NONE, seen)
    assert searches == {"glance": 2 * FULL - 2, "find_faces": 2}
    assert "No face is seen." in status and not colours_in(picture)


def test_a_bad_frame_gets_a_sentence_and_ends_the_tracking(searches):
    seen = Track(misses=3)
    assert _frame(DETECTORS, None, "one", NONE, seen) == (None, "", Track())
    large = camera((3001, 3000))
    for frame, text in ((io.BytesIO(b"<b>"), "not a readable image"), (large, f"larger than {MAX_MEGAPIXELS} mega")):
        picture, status, after = _frame(DETECTORS, frame, "one", NONE, seen)
        assert picture is None and text in status and after == Track()
    for names in ((NONE, NONE), ("one", "two")):
        with pytest.raises(FkdError, match="unknown model"):
            _frame(DETECTORS, camera(), *names, None)
