"""What each part of the recipe is worth: one change at a time, on one fixed leak-free split, several seeds.

    python benchmarks/ablation.py --data DIR           prints the table, writes benchmarks/ablation.csv

By default timm's smallest residual network (with the heatmap head 0.9 million parameters) and a short fixed
schedule, which a CPU can run; --model and --epochs change that.
Each run's validation RMSE is of its best epoch, on all faces of the validation part, and on those with the 15
points and with the four points apart. Heads that lost live here and nowhere else.
"""

import argparse
import contextlib
import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from paper import PAPER_AUGMENT, markdown
from safetensors.torch import load_file
from torch import nn

from fkd.data.faces import Faces
from fkd.data.split import Split, split_data
from fkd.files import replacing
from fkd.keypoints import FRAME_SIZE
from fkd.learn import train as fkd_train
from fkd.learn.checkpoint import WEIGHTS
from fkd.learn.heatmap import cells, expected_points, heatmap_loss
from fkd.learn.inference import predict_points
from fkd.learn.loss import masked_loss
from fkd.learn.models import KeypointModel, ModelConfig

BINS = 2 * FRAME_SIZE  # of SimCC: half a pixel each


class SimCC(KeypointModel):
    """Li et al. 2022: a distribution over bins of x and one of y, each from a linear layer on the last map."""

    def __init__(self, config: ModelConfig):
        super().__init__(dataclasses.replace(config, head="regression"))
        self.channels = self.body[0].num_features
        self.squeeze = nn.Conv1d(self.channels, self.outputs, 1)
        self.head = nn.Linear(self.head.in_features // self.channels, 2 * BINS)

    def answer(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, deviation = images.mean((1, 2, 3), keepdim=True), images.std((1, 2, 3), keepdim=True).clamp_min(0.01)
        last = self.body((images - mean) / deviation).unflatten(1, (self.channels, -1))  # [B, channels, cells]
        logits = self.head(self.squeeze(last)).float().unflatten(2, (2, BINS))  # [B, K, (x, y), bins]
        return (logits.softmax(-1) * bins(logits)).sum(-1), logits


def bins(logits: torch.Tensor) -> torch.Tensor:
    return (torch.arange(BINS, device=logits.device) + 0.5) / 2 - 0.5


def simcc_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    labelled = torch.isfinite(target)
    away = bins(logits) - target[labelled][:, None]
    return -((-away.square() / 4.5).softmax(-1) * logits[labelled].log_softmax(-1)).sum(-1).mean()


class RLE(KeypointModel):
    """Li et al. 2021: regression of a place and a scale; a normalising flow learns how the error is spread."""

    def __init__(self, config: ModelConfig):
        super().__init__(dataclasses.replace(config, head="regression"))
        self.scale = nn.Linear(self.head.in_features, 2 * self.outputs)

        def net(out: nn.Module) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(2, 64), nn.LeakyReLU(), nn.Linear(64, 64), nn.LeakyReLU(), nn.Linear(64, 2), out
            )

        self.scales = nn.ModuleList(net(nn.Tanh()) for _ in range(6))
        self.shifts = nn.ModuleList(net(nn.Identity()) for _ in range(6))

    def answer(self, images: torch.Tensor) -> tuple[torch.Tensor, tuple]:
        mean, deviation = images.mean((1, 2, 3), keepdim=True), images.std((1, 2, 3), keepdim=True).clamp_min(0.01)
        last = self.body((images - mean) / deviation)
        with torch.autocast(images.device.type, enabled=False):
            place, scale = (layer(last.float()).unflatten(1, (self.outputs, 2)) for layer in (self.head, self.scale))
        points = place * FRAME_SIZE / 2 + (FRAME_SIZE - 1) / 2
        return points, (self, points, scale.sigmoid())

    def log_density(self, error: torch.Tensor) -> torch.Tensor:
        """RealNVP, six coupling layers: error [L, 2] -> log density [L]."""
        log, mask = error.new_zeros(len(error)), error.new_tensor([0.0, 1.0])
        for number in range(6):
            keep = mask if number % 2 else 1 - mask
            scale, shift = (
                self.scales[number](error * keep) * (1 - keep),
                self.shifts[number](error * keep) * (1 - keep),
            )
            error, log = keep * error + (1 - keep) * (error - shift) * (-scale).exp(), log - scale.sum(1)
        return log - error.square().sum(1) / 2 - np.log(2 * np.pi)


def rle_loss(answer: tuple, target: torch.Tensor) -> torch.Tensor:
    model, points, sigma = answer
    labelled = torch.isfinite(target).all(-1)
    error = (points[labelled] - target[labelled]) / (sigma[labelled] * FRAME_SIZE / 2)  # sigma: of half the frame
    flow = model.log_density(error.clamp(-50, 50))
    return (sigma[labelled].log() + np.log(2) + error.abs()).sum(1).mean() - flow.mean()


class Dark(KeypointModel):
    """Zhang et al. 2020: the highest cell, refined by the slope and curvature of the log of the heatmap."""

    def forward(self, *given) -> torch.Tensor:
        with mock.patch("fkd.learn.models.expected_points", dark):
            return super().forward(*given)


def dark(heatmaps: torch.Tensor) -> torch.Tensor:
    size = heatmaps.shape[-1]
    heat = F.pad(heatmaps.flatten(0, 1)[:, None], (1, 1, 1, 1), "replicate")[:, 0]  # log of the heat, but a constant
    top = heatmaps.flatten(2).argmax(-1).flatten()
    y, x, row = top // size + 1, top % size + 1, torch.arange(len(heat), device=heat.device)

    def at(dy: int, dx: int) -> torch.Tensor:
        return heat[row, y + dy, x + dx]

    slope = torch.stack([at(0, 1) - at(0, -1), at(1, 0) - at(-1, 0)], 1) / 2
    xx, yy = at(0, 1) - 2 * at(0, 0) + at(0, -1), at(1, 0) - 2 * at(0, 0) + at(-1, 0)
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    curve = torch.stack([torch.stack([xx, xy], 1), torch.stack([xy, yy], 1)], 1)
    move = -torch.linalg.pinv(curve) @ slope[..., None]
    place = torch.stack([x, y], 1) - 1 + move[..., 0].clamp(-1, 1)
    return ((place + 0.5) * (FRAME_SIZE / size) - 0.5).view(*heatmaps.shape[:2], 2)


def jensen_shannon(heatmaps: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """DSNT's regulariser (Nibali et al. 2018): the divergence from a Gaussian of one cell."""
    labelled = torch.isfinite(target).all(-1)
    away, size = cells(heatmaps) - target[labelled][..., None], FRAME_SIZE / heatmaps.shape[-1]
    across, down = (-away.square() / (2 * size**2)).softmax(-1).unbind(1)
    wanted, heat = (down[:, :, None] * across[:, None, :]).flatten(1), heatmaps[labelled].flatten(1).softmax(-1)
    middle = ((wanted + heat) / 2).clamp_min(1e-12).log()
    return sum(F.kl_div(middle, part, reduction="batchmean") for part in (wanted, heat)) / 2


def of_points(heatmaps: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Huber's loss of the expected coordinates."""
    return masked_loss(expected_points(heatmaps), target)


@dataclass(frozen=True)
class Variant:
    """One change of the recipe. loss: in place of `heatmap_loss`, for what a model answers beside the points.
    aside: in place of the measuring of how far aside the labels lie."""

    model: dict = field(default_factory=dict)
    train: dict = field(default_factory=dict)
    build: Callable[[ModelConfig], nn.Module] = KeypointModel
    loss: Callable = heatmap_loss
    aside: Callable = fkd_train._mean_aside


OURS, BOTH = "ours", "heatmap, loss of the points and cross-entropy"
DECODED = "the same, decoded as DARK"
VARIANTS = {
    OURS: Variant(),
    "head: regression": Variant(model={"head": "regression"}),
    "head: SimCC": Variant(build=SimCC, loss=simcc_loss),
    "head: RLE": Variant(build=RLE, loss=rle_loss),
    "heatmap, loss of the points": Variant(loss=of_points),
    BOTH: Variant(loss=lambda *given: of_points(*given) + heatmap_loss(*given)),
    "heatmap, loss of the points and divergence (DSNT)": Variant(
        loss=lambda *given: of_points(*given) + jensen_shannon(*given)
    ),
    "stem stride 2": Variant(model={"stem_stride": 2}),
    "label conventions mixed": Variant(model={"conventions": 1}),
    # The four-point rows' own outputs would learn nothing, so there are none.
    "complete rows only": Variant(model={"conventions": 1}, train={"labels": "complete"}),
    "augmentation: none": Variant(train={"augment": None}),
    "augmentation: the paper's": Variant(train={"augment": PAPER_AUGMENT}),
    "no moving average": Variant(train={"ema": 0.0}),
    "labels' offset left in": Variant(aside=lambda *given: np.zeros(2)),
}


def run(name: str, base: dict, faces: Faces, split: Split, seed: int, model: str, device: str) -> list[dict]:
    """Trains a variant; returns its row: validation RMSE in px by part, without and with mirroring.

    The weights of BOTH are read in a second way too, for a row of its own.
    """
    variant = VARIANTS[name]
    config = ModelConfig(model, **variant.model)
    settings = fkd_train.TrainConfig(**base | variant.train, seed=seed)
    patches = {"build_model": variant.build, "heatmap_loss": variant.loss, "_mean_aside": variant.aside}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        for target, value in patches.items():
            stack.enter_context(mock.patch.object(fkd_train, target, value))
        fkd_train.train(config, settings, faces, split, folder, "ablation", device=device)
        weights = load_file(Path(folder) / WEIGHTS)
    validation = faces[split.validation]
    four_point, found = validation.four_point, []
    for row, build in {name: variant.build, **({DECODED: Dark} if name == BOTH else {})}.items():
        trained = build(config).to(device)
        trained.load_state_dict(weights)
        found.append({"variant": row, "seed": seed})
        for mirror in (False, True):
            error = (predict_points([trained], validation.images, four_point, mirror) - validation.points) ** 2
            for part, rows in (("all", slice(None)), ("15 points", ~four_point), ("4 points", four_point)):
                found[-1][part + (", mirrored" if mirror else "")] = float(np.sqrt(np.nanmean(error[rows])))
    return found


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread (smallest to largest) over the seeds, a row a variant, in the order of VARIANTS.

    One seed has no spread.
    """
    parts = [name for name in runs.columns if name not in ("variant", "seed")]
    names = list(VARIANTS)
    names.insert(names.index(BOTH) + 1, DECODED)
    order = pd.Categorical(runs["variant"], names)
    by_variant = runs.groupby(order, observed=True)[parts]
    mean, low, high, seeds = by_variant.mean(), by_variant.min(), by_variant.max(), by_variant.size()
    return pd.DataFrame(
        {
            part: [
                f"{mean[part][v]:.3f}" + (f" ({low[part][v]:.3f} to {high[part][v]:.3f})" if seeds[v] > 1 else "")
                for v in mean.index
            ]
            for part in parts
            if part in ("all", "15 points", "4 points", "all, mirrored")
        },
        index=mean.index,
    ).assign(seeds=seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="test_resnet")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()
    faces, split = split_data(arguments.data)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    base = {"epochs": arguments.epochs, "warmup_epochs": 1}
    done = pd.read_csv(arguments.out).to_dict("records") if arguments.out.exists() else []
    known = {(row["variant"], row["seed"]) for row in done}
    for seed in range(arguments.seeds):
        for name in arguments.only:
            if (name, seed) in known:  # a stopped run goes on where it stopped
                continue
            done += run(name, base, faces, split, seed, arguments.model, device)
            with replacing(arguments.out) as aside:
                pd.DataFrame(done).to_csv(aside, index=False, float_format="%.4f")
    print(markdown(summary(pd.DataFrame(done)).reset_index(names="variant")))


if __name__ == "__main__":
    main()
