"""Somebody's network as an ONNX file: a detector that OpenVINO runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fkd.data.conventions import COMPETITION, Convention, Outputs, ambiguous, label_points, merge
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import one_line
from fkd.keypoints import FRAME_SIZE, NAMES
from fkd.photo.colours import PALETTE
from fkd.photo.detectors.onnx_file import OnnxFile, read_onnx, why
from fkd.photo.detectors.outputs import CONVENTION, OTHER_POINTS, POINTS, UNCERTAINTY, frame_answers, label_outputs
from fkd.photo.face import Face, FaceBox
from fkd.photo.frames import faces_by_frames

TEXTS = {"name": 60, "owner": 60, "licence": 2000, "license": 2000}  # of the metadata, characters at most
FURTHEST = 10_000.0  # px from the frame's corner: no face has points there


@dataclass(frozen=True)
class OnnxDetector:
    """A network from frames float32 [N, 1, 96, 96] in 0..1 to points [N, 15, 2] or [N, 30], frame px.

    Its first output is the points; it may also have "uncertainty" [N, 15], px, and "other_points" [N, 2, 2]: nose tip
    and bottom lip in the four-point convention. Its metadata may state name, owner, licence and keypoints. A file that
    `fkd export` wrote lists its conventions there, and may have more other points, and "convention" [N, C], logits.
    """

    file: OnnxFile
    name: str
    owner: str
    licence: str
    folder: Path
    colour: str = PALETTE[4]

    @classmethod
    def read(cls, path: Path, name: str = "") -> "OnnxDetector":
        """Reads a file, and tries it on three frames; name: its own, else its metadata's, else the file's.

        Raises FkdError, with what is wrong, for a file that is not such a network.
        """
        file = read_onnx(path)
        texts = {key: _text(file, key, most) for key, most in TEXTS.items()}
        keypoints = file.metadata.get("keypoints")
        if keypoints is not None and tuple(keypoints.replace(" ", "").split(",")) != NAMES:
            raise FkdError(f"{file.where}: its metadata names other keypoints than fkd's 15, or in another order")
        shown = name or texts["name"] or one_line(path.stem, 60)
        detector = cls(file, shown, texts["owner"], texts["licence"] or texts["license"], path)
        ramp = np.tile(np.linspace(0, 255, FRAME_SIZE, dtype=np.uint8), (FRAME_SIZE, 1))
        try:
            points = detector.on_frames(np.stack([ramp, ramp.T, np.full_like(ramp, 128)]))
        except FkdError as error:  # the owner of the file may see the reason; a visitor of the page may not
            raise FkdError(f"{error}: {why(error.__cause__)}" if error.__cause__ else str(error)) from None
        outside = np.abs(points - FRAME_SIZE / 2) > 1.5 * FRAME_SIZE
        if outside.any():
            found = f"answers with a point at {points[outside][0]:.4g}"
            raise FkdError(f"{file.where} {found}, expected pixels of the {FRAME_SIZE} x {FRAME_SIZE} frame")
        return detector

    @property
    def validation_rmse(self) -> float:
        """That of the checkpoint that it was exported from, px; inf for any other."""
        return self.file.trained.validation_rmse if self.file.trained else math.inf

    @property
    def network(self) -> str:
        """Its kind."""
        return "onnx"

    @property
    def sha256(self) -> str:
        """The file's."""
        return self.file.sha256

    @property
    def data(self) -> DataRecord:
        """That of the checkpoint that it was exported from; of any other it is not known."""
        return self.file.trained.data if self.file.trained else DataRecord("", self.licence)

    def on_frames(self, images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False) -> np.ndarray:
        """Points float32 [N, 15, 2], as `Detector.on_frames`. Raises FkdError if the network fails."""
        trained = self.file.trained
        offset = np.array(trained.label_offset if trained else [0] * len(self.conventions))

        def run(frames: np.ndarray) -> Outputs:
            return label_outputs(self.run, frames)

        return label_points(run, self.conventions, offset, images, four_point, mirror)

    @property
    def conventions(self) -> tuple[Convention, ...]:
        """The label conventions that it answers in: those of its checkpoint, or the competition's."""
        if self.file.trained:
            return self.file.trained.conventions
        return COMPETITION if OTHER_POINTS in self.file.outputs else merge(COMPETITION)

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """Return the faces in boxes, one photo for each, as `Detector.on_photos`; FkdError if the network fails."""
        return faces_by_frames(
            lambda frames: frame_answers(self.run, frames), photos, boxes, self.validation_rmse, precise
        )

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs for images float32 [N, 1, 96, 96], checked: "points" [N, 15, 2] and others by name."""
        return _checked(self.file, self.conventions, self.file.run(images), len(images))


def _checked(
    file: OnnxFile, conventions: Sequence[Convention], outputs: Mapping[str, np.ndarray], count: int
) -> dict[str, np.ndarray]:
    """A batch's outputs by name, the first as "points". Raises FkdError for a wrong name, shape, type or value."""
    others, choices = sum(len(each.own) for each in conventions), len(ambiguous(conventions))
    expected_shapes = {UNCERTAINTY: (len(NAMES),), OTHER_POINTS: (others, 2), CONVENTION: (choices,)}  # for one face
    for name, value in outputs.items():
        if name != POINTS and name not in expected_shapes:
            raise FkdError(f"{file.where} has the output {one_line(name, 40)}, expected {' or '.join(expected_shapes)}")
        shapes = [(count, 15, 2), (count, 30)] if name == POINTS else [(count, *expected_shapes[name])]
        if value.dtype != np.float32 or value.shape not in shapes:
            expected = " or ".join(map(str, map(list, shapes)))
            found = f"{value.dtype} {list(value.shape)}"
            raise FkdError(f"{file.where} answers {count} face(s) with {name} {found}, expected float32 {expected}")
        if not (np.abs(value) < FURTHEST).all():  # nor is it where it is NaN
            raise FkdError(f"{file.where} answers with {name} that are not finite, or far outside the frame")
        if name == UNCERTAINTY and (value < 0).any():
            raise FkdError(f"{file.where} answers with an uncertainty below 0")
    return {**outputs, POINTS: outputs[POINTS].reshape(count, len(NAMES), 2)}


def _text(file: OnnxFile, key: str, most: int) -> str:
    """A text of the metadata that is shown, "" if it has none. Raises FkdError for more than a plain line."""
    text = file.metadata.get(key, "")
    if len(text) > most or not text.isprintable() or "<" in text:
        raise FkdError(f"{file.where}: its metadata has the {key} {one_line(text, 40)!r}, expected a plain line")
    return text.strip()
