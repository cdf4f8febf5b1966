"""Predictors of dlib: their 68 points become the 15 keypoints."""

import numpy as np
import pytest
from conftest import draw_faces
from PIL import Image

from fkd.data.sixty_eight import OF_68
from fkd.errors import FkdError
from fkd.keypoints import BOTTOM_LIP, MEAN_FACE, NAMES, NOSE_TIP, unmirror
from fkd.photo.crop import apply
from fkd.photo.detector import Detector
from fkd.photo.detectors.landmarks import SIZE, ZOOM, read_dlib
from fkd.photo.face import FaceBox

dlib = pytest.importorskip("dlib")

LIP = 4.0  # px from the upper edge of a drawn lower lip to its lower one


def as_68(points: np.ndarray) -> np.ndarray:
    """The 68 points of a drawn face, [68, 2] px, of its 15."""
    landmarks = np.repeat(points[[NOSE_TIP]], 68, 0)
    for name, indices in OF_68.items():
        landmarks[indices] = points[NAMES.index(name)]
    landmarks[[57, 66], 1] += LIP / 2, -LIP / 2
    landmarks[62] = landmarks[66] - [0, LIP]
    landmarks[33] = points[NOSE_TIP] + [0, 5]
    return landmarks


def train(path, faces, count: int = 68):
    """A shape predictor that is trained in a second, of the first `count` points."""
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 4, 2, 60
    options.oversampling_amount, options.nu, options.random_seed = 4, 0.3, "1"
    images, shapes = [], []
    for image, points in zip(faces.images, faces.points, strict=True):
        images.append(np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)))
        parts = [dlib.point(*map(round, point)) for point in apply(ZOOM, as_68(points)[:count])]
        shapes.append([dlib.full_object_detection(dlib.rectangle(23, 58, 361, 396), parts)])
    dlib.train_shape_predictor(images, shapes, options).save(str(path))
    return path


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return train(tmp_path_factory.mktemp("dlib") / "drawn.dat", draw_faces(120, four_point_share=0))


def rmse(answers: np.ndarray, points: np.ndarray) -> float:
    return float(np.sqrt(np.mean((answers - points) ** 2)))


def test_a_shape_predictor_answers_for_frames_in_both_conventions(predictor):
    detector: Detector = read_dlib(predictor)
    faces = draw_faces(20, seed=1, four_point_share=0)
    answers = detector.on_frames(faces.images)
    assert answers.shape == (20, 15, 2) and answers.dtype == np.float32
    assert rmse(answers, faces.points) < 0.8 * rmse(np.array(MEAN_FACE), faces.points)
    four = detector.on_frames(faces.images, np.arange(20) < 10)
    assert (four[10:] == answers[10:]).all()
    moved = four[:10] - answers[:10]
    assert moved[:, NOSE_TIP, 1].mean() == pytest.approx(5, abs=1)
    assert moved[:, BOTTOM_LIP, 1].mean() == pytest.approx(-LIP, abs=1)  # the mouth's middle, above the lip's
    others = [index for index in range(15) if index not in (NOSE_TIP, BOTTOM_LIP)]
    assert (moved[:, others] == 0).all()
    flipped = unmirror(detector.on_frames(faces.images[:, :, ::-1]))
    assert np.allclose(detector.on_frames(faces.images, mirror=True), (answers + flipped) / 2, atol=1e-4)


def test_a_photo_is_answered_as_its_frames_are(predictor):
    detector, faces = read_dlib(predictor, "mine"), draw_faces(2, seed=2, four_point_share=0)
    photo = Image.new("L", (400, 400), 60)
    large = Image.fromarray(faces.images[0]).resize((192, 192), Image.Resampling.BICUBIC)
    photo.paste(large, (40, 60))
    photo.paste(Image.fromarray(faces.images[1]).transpose(Image.Transpose.ROTATE_270), (250, 30))  # clockwise
    boxes = [FaceBox((39.5, 59.5, 231.5, 251.5), 1.0), FaceBox((249.5, 29.5, 345.5, 125.5), 1.0, turn=90.0)]
    first, second = detector.on_photos([photo] * len(boxes), boxes)
    in_frames = detector.on_frames(faces.images)
    assert np.abs((first.points + 0.5 - [40, 60]) / 2 - 0.5 - in_frames[0]).max() < 1
    x, y = (in_frames[1]).T
    assert np.abs(second.points - [250, 30] - np.stack([95 - y, x], 1)).max() < 1
    assert np.abs(second.frame.astype(int) - faces.images[1]).mean() < 2
    assert detector.name == "mine" and (first.doubt, first.spread) == (0.0, None)


def test_what_is_not_such_a_file_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "text.x").write_text("a text")
    for name in ("text.x", "missing.x"):
        with pytest.raises(FkdError, match=f"{name} is not a shape predictor of "):
            read_dlib(tmp_path / name)


def test_a_predictor_of_other_points_is_refused(tmp_path):
    path = train(tmp_path / "five.dat", draw_faces(8, four_point_share=0), 5)
    with pytest.raises(ValueError, match="finds 5 points, expected a shape predictor of the 68 of 300-W"):
        read_dlib(path)
