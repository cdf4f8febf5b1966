"""MediaPipe's face landmarkers as detectors: `mediapipe:FILE`, a .task bundle (mediapipe 1.2 or newer)."""

import atexit
import threading
from pathlib import Path

import numpy as np

from fkd.errors import FkdError, require
from fkd.files import file_sha256, one_line
from fkd.photo.colours import PALETTE
from fkd.photo.detectors.landmarks import SIZE, LandmarkDetector

# The keypoints among those of the face mesh (Kartynnik et al. 2019), counted from 0, chosen on wild15's validation
# faces with the 468-point network of @mediapipe/face_mesh 0.4 in a bundle; px as it is (aligned). An eye's centre is
# the middle of its corners 0.96 (0.92), with its lids 0.96 (0.94); a brow's inner end 107 and 55's mean 2.46 (2.30),
# 107 alone 3.09 (2.33), 55 2.87 (2.30); its outer end 70 2.67 (2.50), 46 3.32 (2.57); nose 4 1.48 (1.43), 1 2.83
# (1.48); bottom lip 14 and 17's mean 1.59 (1.54), 17 2.17 (1.59), 14 2.70 (1.54).
OF_MESH = {
    "left_eye_center": [362, 263],
    "right_eye_center": [33, 133],
    "left_eye_inner_corner": [362],
    "left_eye_outer_corner": [263],
    "right_eye_inner_corner": [133],
    "right_eye_outer_corner": [33],
    "left_eyebrow_inner_end": [336, 285],
    "left_eyebrow_outer_end": [300],
    "right_eyebrow_inner_end": [107, 55],
    "right_eyebrow_outer_end": [70],
    "nose_tip": [4],
    "mouth_left_corner": [291],
    "mouth_right_corner": [61],
    "mouth_center_top_lip": [0],
    "mouth_center_bottom_lip": [14, 17],
}
# By the aligned figure, since the four-point labels of wild15 are 1.4 px to the right: nose 2 2.41 (1.38), 164 1.69
# (1.38) but that is below the nose, 94 2.99 (1.53); lip 13 and 14's mean 2.23 (1.47), 14 2.03 (1.74), 13 2.93 (1.65).
FOUR_OF_MESH = {"nose_tip": [2], "mouth_center_bottom_lip": [13, 14]}
LEAST_CONFIDENCE = 0.01  # that a crop holds a face is known already
# px of the crop, on each side: the finder inside a bundle wants to see more than the face. With this margin all of 538
# validation faces are found, with half of it one is not.
MARGIN = SIZE // 4


def read_mediapipe(path: Path | str, name: str = "") -> LandmarkDetector:
    """Read a face landmarker's .task file; name: the file's if empty.

    Raises FkdError for a file that is not a face landmarker, or without mediapipe.
    """
    path = Path(path)
    mediapipe, tasks = (require(module, "mediapipe") for module in ("mediapipe", "mediapipe.tasks.python"))
    vision = tasks.vision
    options = vision.FaceLandmarkerOptions(
        tasks.BaseOptions(model_asset_path=str(path)),
        min_face_detection_confidence=LEAST_CONFIDENCE,
        min_face_presence_confidence=LEAST_CONFIDENCE,
    )
    try:
        landmarker = vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise FkdError(f"{path} is not a face landmarker of MediaPipe ({one_line(error, 200)})") from None
    # Clear the handle, or closing at exit raises.
    atexit.register(setattr, landmarker, "_handle", None)
    lock = threading.Lock()  # a landmarker takes one image at a time

    def landmarks(image: np.ndarray) -> np.ndarray:
        seen = np.pad(image, MARGIN, mode="edge")
        picture = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(np.stack([seen] * 3, -1)))
        with lock:
            faces = landmarker.detect(picture).face_landmarks
        if not faces:
            return np.full((478, 2), np.nan)
        return np.array([(point.x, point.y) for point in faces[0]]) * len(seen) - 0.5 - MARGIN

    return LandmarkDetector(
        name or path.stem, landmarks, OF_MESH, FOUR_OF_MESH, "mediapipe", file_sha256(path), PALETTE[5], folder=path
    )
