"""A network of anyone's as an ONNX file: a detector that ONNX Runtime runs on the CPU."""

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
from fkd.keypoints import FRAME_SIZE, NAMES, unmirror
from fkd.photo.colours import PALETTE
from fkd.photo.detectors.onnx_file import OnnxFile, read_onnx
from fkd.photo.face import Face, FaceBox
from fkd.photo.frames import FrameAnswers, faces_by_frames

BATCH = 32  # faces at once, as `predict_points`
# The outputs that a file may have besides the first.
UNCERTAINTY, OTHER_POINTS, CONVENTION = "uncertainty", "other_points", "convention"
TEXTS = {"name": 60, "owner": 60, "licence": 2000, "license": 2000}  # of the metadata, characters at most
FURTHEST = 10_000.0  # px from the frame's corner: no answer for any face lies there


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

        Raises ValueError, with what is wrong, for a file that is not such a network.
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
        except ValueError as error:  # whoever reads a file may read why; a visitor of the page may not
            why = str(error.__cause__ or "").rpartition("Status Message: ")[2]
            raise FkdError(f"{error}: {one_line(why, 200)}" if why else str(error)) from None
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
        """Points float32 [N, 15, 2], as `Detector.on_frames`. Raises ValueError if the network fails."""
        trained = self.file.trained
        offset = np.array(trained.label_offset if trained else [0] * len(self.conventions))
        return label_points(self._outputs, self.conventions, offset, images, four_point, mirror)

    @property
    def conventions(self) -> tuple[Convention, ...]:
        """The label conventions that it answers in: those of its checkpoint, or the competition's."""
        if self.file.trained:
            return self.file.trained.conventions
        return COMPETITION if OTHER_POINTS in self.file.outputs else merge(COMPETITION)

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """The faces in boxes, each of its own photo, as `Detector.on_photos`; ValueError if the network fails."""
        return faces_by_frames(self._answer, photos, boxes, self.validation_rmse, precise)

    def _answer(self, frames: np.ndarray) -> FrameAnswers:
        outputs = self.outputs(np.concatenate([frames, frames[:, :, ::-1]]))
        count, spread = len(frames), outputs.get(UNCERTAINTY)
        points = outputs["points"]
        return FrameAnswers(points[:count], unmirror(points[count:]), None if spread is None else spread[:count])

    def _outputs(self, images: np.ndarray) -> Outputs:
        """All points [N, K, 2] px, and the conventions' logits."""
        outputs = self.outputs(images)
        points = [outputs[name] for name in ("points", OTHER_POINTS) if name in outputs]
        return np.concatenate(points, 1), outputs.get(CONVENTION)

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs for images uint8 [N, 96, 96], checked: "points" [N, 15, 2], and the others by their names."""
        size, parts = self.file.batch or BATCH, []
        for start in range(0, len(images), size):
            batch = images[start : start + size, None].astype(np.float32) / 255  # [B, 1, 96, 96]
            parts.append(_checked(self.file, self.conventions, self.file.run(batch), len(batch)))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _checked(
    file: OnnxFile, conventions: Sequence[Convention], outputs: Sequence[np.ndarray], count: int
) -> Mapping[str, np.ndarray]:
    """A batch's outputs by name, the first as "points". Raises FkdError for a wrong name, shape, type or value."""
    others, choices = sum(len(each.own) for each in conventions), len(ambiguous(conventions))
    expected_shapes = {UNCERTAINTY: (len(NAMES),), OTHER_POINTS: (others, 2), CONVENTION: (choices,)}  # for one face
    named = {"points": outputs[0]} | dict(zip(file.outputs[1:], outputs[1:], strict=True))
    for name, value in named.items():
        if name != "points" and name not in expected_shapes:
            raise FkdError(f"{file.where} has the output {one_line(name, 40)}, expected {' or '.join(expected_shapes)}")
        shapes = [(count, 15, 2), (count, 30)] if name == "points" else [(count, *expected_shapes[name])]
        if value.dtype != np.float32 or value.shape not in shapes:
            expected = " or ".join(map(str, map(list, shapes)))
            found = f"{value.dtype} {list(value.shape)}"
            raise FkdError(f"{file.where} answers {count} face(s) with {name} {found}, expected float32 {expected}")
        if not (np.abs(value) < FURTHEST).all():  # nor is it where it is NaN
            raise FkdError(f"{file.where} answers with {name} that are not finite, or far outside the frame")
        if name == UNCERTAINTY and (value < 0).any():
            raise FkdError(f"{file.where} answers with an uncertainty below 0")
    return named | {"points": named["points"].reshape(count, len(NAMES), 2)}


def _text(file: OnnxFile, key: str, most: int) -> str:
    """A text of the metadata that is shown, "" if it has none. Raises ValueError for more than a plain line."""
    text = file.metadata.get(key, "")
    if len(text) > most or not text.isprintable() or "<" in text:
        raise FkdError(f"{file.where}: its metadata has the {key} {one_line(text, 40)!r}, expected a plain line")
    return text.strip()
