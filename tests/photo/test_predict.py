import numpy as np
import pytest
from conftest import EXAMPLES
from PIL import Image

from fkd.errors import FkdError
from fkd.keypoints import NAMES
from fkd.photo.comparison import compare
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.face import FaceBox
from fkd.photo.finder import whole_photo
from fkd.photo.predict import find_confirmed_faces, predict
from fkd.photo.reading import read_photo

SHIPPED = EXAMPLES.parent / "checkpoints" / "resnet18"


@pytest.mark.parametrize(
    ("name", "eyes", "apart"), [("grace_hopper.jpg", (263, 190), 88), ("eileen_collins.png", (225, 102), 44)]
)
def test_the_points_lie_on_the_face(name, eyes, apart):
    (face,) = predict(CheckpointDetector.read(SHIPPED), read_photo(EXAMPLES / name))
    at = dict(zip(NAMES, face.points, strict=True))
    assert np.hypot(*((at["left_eye_center"] + at["right_eye_center"]) / 2 - eyes)) < 0.08 * apart
    assert at["left_eye_center"][0] - at["right_eye_center"][0] == pytest.approx(apart, rel=0.1)
    assert face.frame.shape == (96, 96)
    x0, y0, x1, y1 = face.box
    assert (face.points > (x0, y0)).all() and (face.points < (x1, y1)).all()


def test_the_answer_follows_the_photo_and_not_the_detectors_box():
    detector, photo = CheckpointDetector.read(SHIPPED), read_photo(EXAMPLES / "grace_hopper.jpg")
    (face,) = predict(detector, photo)
    x0, y0, x1, y1 = face.box
    side = x1 - x0
    for dx, dy, grow in ((0.06, 0, 0), (0, -0.06, 0), (0, 0, 0.08), (0, 0, -0.08)):
        box = (x0 + (dx - grow) * side, y0 + (dy - grow) * side, x1 + (dx + grow) * side, y1 + (dy + grow) * side)
        (moved,) = predict(detector, photo, [FaceBox(box, 1.0)])
        assert np.linalg.norm(moved.points - face.points, axis=1).mean() < 0.03 * 88

    half = photo.resize((photo.width // 2, photo.height // 2))
    (small,) = predict(detector, half)
    assert np.linalg.norm(2 * small.points + 0.5 - face.points, axis=1).mean() < 0.04 * 88


def test_a_heatmap_model_says_how_sure_it_is_in_photo_pixels():
    detector, photo = CheckpointDetector.read(SHIPPED), read_photo(EXAMPLES / "grace_hopper.jpg")
    (face,) = predict(detector, photo, [FaceBox((180, 100, 350, 270), 1.0)])
    assert face.spread.shape == (15,) and (face.spread > 0).all()
    assert list(face.to_json()["spread"]) == list(NAMES)
    big = photo.resize((2 * photo.width, 2 * photo.height))
    (twice,) = predict(detector, big, [FaceBox((360.5, 200.5, 700.5, 540.5), 1.0)])
    assert np.allclose(twice.spread, 2 * face.spread, rtol=0.1)


def make_noise(slope: float, seed: int) -> Image.Image:
    """A cloud with amplitudes that fall with the frequency to the power of slope, as in pictures of nature."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(480)[:, None], np.fft.rfftfreq(640)[None])
    frequency[0, 0] = 1
    values = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(480, 640))) / frequency**slope)
    return Image.fromarray(np.clip(values / values.std() * 50 + 128, 0, 255).astype(np.uint8))


def test_no_face_is_found_in_textures():
    detector = CheckpointDetector.read(SHIPPED)
    for texture in (make_noise(1, 0), make_noise(0.5, 1), Image.new("RGB", (300, 200), "red")):
        assert find_confirmed_faces([detector], texture) == []


def test_a_photo_is_a_path_a_picture_or_pixels_and_float_frames_are_refused(tmp_path):
    path, photo = EXAMPLES / "grace_hopper.jpg", read_photo(EXAMPLES / "grace_hopper.jpg")
    detector, pixels = CheckpointDetector.read(SHIPPED), np.asarray(photo)
    (expected,) = predict(detector, photo)
    for given in (path, str(path), pixels):
        (face,) = predict(detector, given)
        assert np.array_equal(face.points, expected.points)
        assert np.array_equal(compare([detector], given).answers["resnet18"][0].points, expected.points)
    (grey,) = predict(detector, pixels.mean(2).astype(np.uint8))
    assert np.abs(grey.points - expected.points).max() < 3
    for wrong in (pixels / 255, pixels[..., :2], pixels[0, :, 0], pixels[:0]):
        with pytest.raises(FkdError, match=r"the photo is an array of \w+ \[.*\], expected uint8, 0 to 255"):
            predict(detector, wrong)
    for frames in (face.frame[None] / 255, face.frame):
        with pytest.raises(FkdError, match=r"the frames are \w+ \[.*\], expected uint8 \[N, 96, 96\], 0 to 255"):
            detector.on_frames(frames)
    (tmp_path / "cut.jpg").write_bytes(path.read_bytes()[:40_000])
    with pytest.warns(UserWarning, match="cut.jpg ends early: a part"):
        predict(detector, tmp_path / "cut.jpg")
    (whole,) = predict(detector, expected.frame, find=whole_photo)
    assert whole.box == (-0.5, -0.5, 95.5, 95.5) and np.ptp(whole.points, 0).min() > 30
