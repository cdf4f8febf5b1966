"""The outputs of a keypoint network, the same from torch, OpenVINO and a foreign file."""

from collections.abc import Callable, Mapping

import numpy as np

from fkd.data.conventions import Outputs
from fkd.keypoints import unmirror
from fkd.photo.frames import FrameAnswers

# The names of the outputs, for N images: points [N, 15, 2], frame px, and where the network has them uncertainty
# [N, 15], px, other_points [N, M, 2], which other conventions place differently, and convention [N, C], logits.
POINTS, UNCERTAINTY, OTHER_POINTS, CONVENTION = "points", "uncertainty", "other_points", "convention"
OUTPUTS = (POINTS, UNCERTAINTY, OTHER_POINTS, CONVENTION)
BATCH = 32  # frames that fit a CPU's cache; 256 take 1.8 times as long

Run = Callable[[np.ndarray], Mapping[str, np.ndarray]]  # images float32 [N, 1, 96, 96] in 0..1 -> the outputs


def run_frames(run: Run, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Return a network's outputs for frames uint8 [N, 96, 96], computed BATCH at a time."""
    parts = [
        run(frames[start : start + BATCH, None].astype(np.float32) / 255) for start in range(0, len(frames), BATCH)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def label_outputs(run: Run, frames: np.ndarray) -> Outputs:
    """Return all points and the conventions' logits for frames uint8 [N, 96, 96], as `label_points` takes them."""
    outputs = run_frames(run, frames)
    points = [outputs[name] for name in (POINTS, OTHER_POINTS) if name in outputs]
    return np.concatenate(points, 1), outputs.get(CONVENTION)


def frame_answers(run: Run, frames: np.ndarray) -> FrameAnswers:
    """Return the answers for frames uint8 [N, 96, 96] and for their mirror images."""
    count = len(frames)
    outputs = run_frames(run, np.concatenate([frames, frames[:, :, ::-1]]))
    points, spread = outputs[POINTS], outputs.get(UNCERTAINTY)
    return FrameAnswers(points[:count], unmirror(points[count:]), None if spread is None else spread[:count])
