"""A checkpoint -> an ONNX file, which other programs run without fkd, and `onnx:FILE` reads back."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fkd.files import one_line, replacing
from fkd.keypoints import FRAME_SIZE, NAMES
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.models import KeypointModel
from fkd.photo.detectors.by_torch import TorchModel
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.onnx import BATCH, CONVENTION, OTHER_POINTS, UNCERTAINTY, OnnxDetector
from fkd.photo.detectors.onnx_file import NEEDED, Trained
from fkd.version import __version__

SAME = 1e-3  # px: how far apart torch's answers and the file's may be


class Outputs(nn.Module):
    """A model's outputs in a file: points [N, 15, 2]; then, where the model has them, uncertainty [N, 15], other_points
    [N, M, 2], which other conventions place differently, all in frame px, and convention [N, C], logits.
    """

    def __init__(self, model: KeypointModel):
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """The outputs by name, for images float [N, 1, 96, 96] in 0..1."""
        output, logits = self.model(images)
        points, spread = self.model.head.points(output), self.model.head.spread(output)
        named = {"points": points[:, : len(NAMES)]}
        if spread is not None:
            named[UNCERTAINTY] = spread[:, : len(NAMES)]
        if points.shape[1] > len(NAMES):
            named[OTHER_POINTS] = points[:, len(NAMES) :]
        if logits is not None:
            named[CONVENTION] = logits
        return named


def export_onnx(detector: CheckpointDetector, path: Path) -> None:
    """Writes a checkpoint as an ONNX file, compares its answers with torch's, then renames it to `path`.

    Raises ValueError if any of them is further away than SAME, or a library is missing.
    """
    try:
        import onnx  # noqa: PLC0415 - of the extra fkd[onnx]
        import onnxscript  # noqa: F401, PLC0415 - torch.onnx needs it
    except ModuleNotFoundError:
        raise ValueError(NEEDED) from None
    # By torch in float32, whatever runs the detector's own model.
    checkpoint = load_checkpoint(detector.folder, detector.name)
    detector = dataclasses.replace(detector, checkpoint=checkpoint.by(TorchModel(checkpoint.model)))
    frames = _frames()
    outputs = Outputs(checkpoint.model).eval()
    example = torch.from_numpy(frames[:2, None]).float() / 255  # [2, 1, 96, 96]
    with torch.inference_mode():
        names = list(outputs(example))
    program = torch.onnx.export(
        outputs, (example,), dynamo=True, verbose=False, input_names=["images"], output_names=names,
        dynamic_shapes={"images": {0: torch.export.Dim("N")}},
    )  # fmt: skip
    assert program is not None
    model = program.model_proto
    for part in (model.graph, *model.graph.node):  # torch notes where on this machine each one was written
        del part.metadata_props[:]
    onnx.helper.set_model_props(model, _metadata(detector))
    with replacing(path) as unfinished:
        onnx.save(model, unfinished)
        apart = _furthest(detector, outputs, OnnxDetector.read(unfinished), frames)
        if not apart <= SAME:
            raise ValueError(
                f"{path} was not kept: its answers are up to {apart:.2g} px from torch's, expected {SAME:g}"
            )


def _metadata(detector: CheckpointDetector) -> dict[str, str]:
    checkpoint = detector.checkpoint
    trained = Trained(
        version=__version__,
        checkpoint=checkpoint.sha256,
        network=checkpoint.model.config.name,
        validation_rmse=checkpoint.training.validation_rmse,
        conventions=checkpoint.model.config.conventions,
        label_offset=checkpoint.model.label_offset.tolist(),
        data=checkpoint.data,
    )
    texts = {"name": f"{detector.name}-onnx", "owner": detector.owner, "licence": one_line(detector.licence, 2000)}
    return texts | {"keypoints": ",".join(NAMES), "fkd": json.dumps(dataclasses.asdict(trained))}


def _frames() -> np.ndarray:
    """Frames uint8 [N, 96, 96] to compare answers on, more than one batch of them: blurs of chance."""
    coarse = torch.rand(BATCH + 2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    size = [FRAME_SIZE, FRAME_SIZE]
    frames: np.ndarray = (255 * nn.functional.interpolate(coarse, size, mode="bilinear")).byte()[:, 0].numpy()
    return frames


def _furthest(ours: CheckpointDetector, outputs: Outputs, exported: OnnxDetector, frames: np.ndarray) -> float:
    """The largest difference between their answers, px; NaN if one is."""
    apart = [
        np.abs(ours.on_frames(frames, convention) - exported.on_frames(frames, convention)).max()
        for convention in (np.zeros(len(frames), bool), np.ones(len(frames), bool))
    ]
    batch = torch.from_numpy(frames[:, None]).float() / 255
    with torch.inference_mode():
        spread = outputs(batch).get(UNCERTAINTY)
    if spread is not None:
        apart.append(np.abs(spread.numpy() - exported.outputs(frames)[UNCERTAINTY]).max())
    return float(np.max(apart))
