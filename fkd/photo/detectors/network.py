"""A network from 96 x 96 frames to points, as a detector, whatever runs it: torch, OpenVINO or a foreign file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from fkd.data.conventions import Convention, Outputs, label_points
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.keypoints import MEAN_FACE, unmirror
from fkd.photo.crop import align_matrix, apply, crop, frame_matrix, invert
from fkd.photo.detector import check_frames
from fkd.photo.face import Face, FaceBox

# Images float32 [N, 1, 96, 96] in 0..1 -> the outputs by name: points [N, 15, 2], frame px, and where the network has
# them uncertainty [N, 15], px, other_points [N, M, 2], which other conventions place differently, and convention
# [N, C], logits.
Run = Callable[[np.ndarray], Mapping[str, np.ndarray]]
POINTS, UNCERTAINTY, OTHER_POINTS, CONVENTION = "points", "uncertainty", "other_points", "convention"
OUTPUTS = (POINTS, UNCERTAINTY, OTHER_POINTS, CONVENTION)
MAX_PX = 10_000.0  # from the frame's corner: no face has points there
BATCH = 32  # frames that fit a CPU's cache; 256 take 1.8 times as long
# Frame px that the points of a clip's crop may be from where the mean face has them, before it is cropped again: a
# crop that moves by a px against the face moves the answer by half a px.
OFF = 2.0
# The crops of a precise answer, as matrices from the aligned frame's px to theirs: a face is 1.09 times larger in them,
# turned by 5 degrees and moved by 1.5 px. docs/benchmarks.md has the alternatives.
TURNS_AND_CENTRES = ((5, 46, 46), (5, 49, 49), (-5, 46, 49), (-5, 49, 46))  # degrees, px of the aligned frame
VIEWS = [frame_matrix((x - 44, y - 44, x + 44, y + 44), turn) for turn, x, y in TURNS_AND_CENTRES]


def run_frames(run: Run, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Return a network's outputs for frames uint8 [N, 96, 96], computed BATCH at a time."""
    starts = range(0, len(frames), BATCH)
    parts = [run(frames[start : start + BATCH, None].astype(np.float32) / 255) for start in starts]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def check_range(where: str, outputs: Mapping[str, np.ndarray]) -> None:
    """Raise FkdError, which begins with `where`, unless every output is finite and at most MAX_PX in size."""
    for name, value in outputs.items():
        if not (np.abs(value) < MAX_PX).all():  # or NaN
            raise FkdError(f"{where}: {name} is not finite, or far outside the frame")


@dataclass(frozen=True)
class Look:
    """The answers for one crop of each of N faces."""

    frames: np.ndarray  # uint8 [N, 96, 96]
    points: np.ndarray  # [N, 15, 2] photo px, the mean over the crop and its mirror image
    difference: np.ndarray  # [N], half the mean distance between those two, frame px
    spread: np.ndarray | None  # [N, 15] photo px


@dataclass
class NetworkDetector:
    """A network as a `Detector`, which documents most attributes."""

    name: str
    owner: str
    colour: str = field(repr=False)
    network: str
    sha256: str = field(repr=False)
    data: DataRecord
    validation_rmse: float
    folder: Path
    run: Run = field(repr=False)
    # That it answers in, that of photos first.
    conventions: tuple[Convention, ...] = field(repr=False)
    label_offset: np.ndarray = field(repr=False)  # px [C], as in `fkd.learn.models.KeypointModel`

    def on_frames(self, images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False) -> np.ndarray:
        """Return points float32 [N, 15, 2], as `Detector.on_frames`."""
        check_frames(images)

        def all_points(frames: np.ndarray) -> Outputs:
            outputs = self._outputs(frames)
            points = [outputs[name] for name in (POINTS, OTHER_POINTS) if name in outputs]
            return np.concatenate(points, 1), outputs.get(CONVENTION)

        return label_points(all_points, self.conventions, self.label_offset, images, four_point, mirror)

    def on_photos(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], precise: bool = False) -> list[Face]:
        """Return the faces in boxes, one photo for each, as `Detector.on_photos`.

        Each face is cropped twice, by its box and then so that the first points match the mean face: the answer does
        not depend on how tightly the finder drew its box. Precise points are then averaged over VIEWS.
        """
        if not boxes:
            return []
        first = self._look(photos, [frame_matrix(box.box, box.turn) for box in boxes])
        aligned = self._look(photos, [align_matrix(points, MEAN_FACE) for points in first.points])
        points = self._average_views(photos, aligned.points) if precise else aligned.points
        doubts = (first.difference + aligned.difference) / self.validation_rmse
        faces = []
        for number, box in enumerate(boxes):
            spread = None if aligned.spread is None else aligned.spread[number].astype(np.float32)
            in_photo, doubt = points[number].astype(np.float32), float(doubts[number])
            faces.append(Face(box.box, in_photo, aligned.frames[number], spread, doubt))
        return faces

    def on_clip(self, photos: Sequence[Image.Image], boxes: Sequence[FaceBox], mirrored: np.ndarray) -> list[Face]:
        """Return the faces in boxes, as `on_photos`, for frames of a clip: one crop of each, a second one if it is off.

        mirrored: bool [N], the faces whose mirror image is answered too, for their doubt, which is NaN without. The
        points are of the crop alone, so that they do not jump where a frame has a mirror image.
        """
        matrices = [frame_matrix(box.box, box.turn + box.lean) for box in boxes]
        frames = np.stack([crop(photo, matrix) for photo, matrix in zip(photos, matrices, strict=True)])
        outputs = self._outputs(np.concatenate([frames, frames[mirrored, :, ::-1]]))
        flipped = unmirror(outputs[POINTS][len(frames) :])
        doubts, again = np.full(len(frames), np.nan), []
        # Not half the distance, as of one of two crops.
        doubts[mirrored] = np.linalg.norm(outputs[POINTS][: len(frames)][mirrored] - flipped, axis=2).mean(1)
        for number, points in enumerate(outputs[POINTS][: len(frames)]):
            aligned = align_matrix(points, MEAN_FACE)
            if np.linalg.norm(apply(aligned, points) - points, axis=1).mean() > OFF:
                matrices[number] = aligned @ np.vstack([matrices[number], [0, 0, 1]])
                frames[number] = crop(photos[number], matrices[number])
                again.append(number)
        if again:
            for name, values in self._outputs(frames[again]).items():
                outputs[name][again] = values
        faces = []
        for number, (box, matrix) in enumerate(zip(boxes, matrices, strict=True)):
            spread = None
            if UNCERTAINTY in outputs:
                spread = (outputs[UNCERTAINTY][number] / np.sqrt(np.linalg.det(matrix[:, :2]))).astype(np.float32)
            in_photo = apply(invert(matrix), outputs[POINTS][number]).astype(np.float32)
            doubt = float(doubts[number]) / self.validation_rmse
            faces.append(Face(box.box, in_photo, frames[number], spread, doubt))
        return faces

    def _outputs(self, frames: np.ndarray) -> dict[str, np.ndarray]:
        outputs = run_frames(self.run, frames)
        check_range(self.name, outputs)
        return outputs

    def _look(self, photos: Sequence[Image.Image], matrices: Sequence[np.ndarray]) -> Look:
        """Answer for the crops that matrices [2, 3] (photo px -> frame px) describe."""
        frames = np.stack([crop(photo, matrix) for photo, matrix in zip(photos, matrices, strict=True)])
        outputs = self._outputs(np.concatenate([frames, frames[:, :, ::-1]]))
        count = len(frames)
        points, flipped = outputs[POINTS][:count], unmirror(outputs[POINTS][count:])
        back = [invert(matrix) for matrix in matrices]
        spread = None
        if UNCERTAINTY in outputs:
            scale = np.sqrt([abs(np.linalg.det(matrix[:, :2])) for matrix in back])  # photo px per frame px
            spread = outputs[UNCERTAINTY][:count] * scale[:, None]
        in_photo = [apply(matrix, face) for matrix, face in zip(back, (points + flipped) / 2, strict=True)]
        difference = np.linalg.norm(points - flipped, axis=2).mean(1) / 2
        return Look(frames, np.array(in_photo), difference, spread)

    def _average_views(self, photos: Sequence[Image.Image], points: np.ndarray) -> np.ndarray:
        """The mean points over VIEWS of faces with points [N, 15, 2]; both photo px."""
        aligned = [np.vstack([align_matrix(face, MEAN_FACE), [0, 0, 1]]) for face in points]
        matrices = [view @ matrix for matrix in aligned for view in VIEWS]  # photo px -> px of a view
        views = self._look([photo for photo in photos for _ in VIEWS], matrices).points
        mean: np.ndarray = views.reshape(len(points), len(VIEWS), *points[0].shape).mean(1)
        return mean
