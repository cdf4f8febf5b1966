"""The gain of each part of the recipe: one change at a time, on one fixed leak-free split, several seeds.

    python benchmarks/ablation.py --data DIR --out ablation.csv          prints the table; goes on with runs in the file

By default timm's smallest residual network (with the heatmap head 0.9 million parameters) and a short fixed
schedule, which a CPU can run; --model and --epochs change that.
Each run's validation RMSE is of its best epoch, on all faces of the validation part, and on those with the 15
points and with the four points apart. Heads that lost live here and nowhere else.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from paper import PAPER_AUGMENT, markdown
from safetensors.torch import load_file
from torch import nn

from fkd.data.faces import Faces
from fkd.data.split import Split, fingerprint, split_data
from fkd.files import replacing
from fkd.keypoints import FRAME_SIZE
from fkd.learn.config import AugmentConfig, TrainConfig
from fkd.learn.heads import Head, HeatmapHead, RegressionHead
from fkd.learn.heatmap import cells, heatmap_loss
from fkd.learn.inference import predict_points
from fkd.learn.loss import masked_loss
from fkd.learn.models import KeypointModel, ModelConfig
from fkd.learn.record import CONFIG, WEIGHTS, read_config
from fkd.learn.train import train

BINS = 2 * FRAME_SIZE  # of SimCC: half a pixel each


class SimCC(Head):
    """Li et al. 2022: a distribution over bins of x and one of y, each from a linear layer on the last map.

    The output is the logits [B, K, (x, y), bins].
    """

    def __init__(self, channels: Sequence[int], cells: int, outputs: int):
        super().__init__()
        self.squeeze = nn.Conv1d(channels[-1], outputs, 1)
        self.spread_out = nn.Linear(cells, 2 * BINS)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        last = features.unflatten(1, (self.squeeze.in_channels, -1))  # [B, channels, cells]
        return self.spread_out(self.squeeze(last)).float().unflatten(2, (2, BINS))

    def points(self, output: torch.Tensor) -> torch.Tensor:
        return (output.softmax(-1) * bins(output)).sum(-1)

    def loss(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        labelled = torch.isfinite(target)
        away = bins(output) - target[labelled][:, None]
        return -((-away.square() / 4.5).softmax(-1) * output[labelled].log_softmax(-1)).sum(-1).mean()


def bins(logits: torch.Tensor) -> torch.Tensor:
    return (torch.arange(BINS, device=logits.device) + 0.5) / 2 - 0.5


class RLE(RegressionHead):
    """Li et al. 2021: regression of a place and a scale; a normalising flow learns how the error is spread.

    The output is the points and their scales, each [B, K, 2], scales in half frames.
    """

    def __init__(self, channels: Sequence[int], cells: int, outputs: int):
        super().__init__(channels, cells, outputs)
        self.scale = nn.Linear(self.in_features, self.out_features)

        def net(out: nn.Module) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(2, 64), nn.LeakyReLU(), nn.Linear(64, 64), nn.LeakyReLU(), nn.Linear(64, 2), out
            )

        self.scales = nn.ModuleList(net(nn.Tanh()) for _ in range(6))
        self.shifts = nn.ModuleList(net(nn.Identity()) for _ in range(6))

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        points = super().forward(features)
        with torch.autocast(features.device.type, enabled=False):
            return points, self.scale(features.float()).unflatten(1, (-1, 2)).sigmoid()

    def points(self, output: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return output[0]

    def loss(self, output: tuple[torch.Tensor, torch.Tensor], target: torch.Tensor) -> torch.Tensor:
        points, sigma = output
        labelled = torch.isfinite(target).all(-1)
        error = (points[labelled] - target[labelled]) / (sigma[labelled] * FRAME_SIZE / 2)
        flow = self.log_density(error.clamp(-50, 50))
        return (sigma[labelled].log() + np.log(2) + error.abs()).sum(1).mean() - flow.mean()

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


class PointLoss(HeatmapHead):
    """Huber's loss of the expected coordinates."""

    def loss(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return masked_loss(self.points(output), target)


class BothLosses(PointLoss):
    def loss(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return super().loss(output, target) + heatmap_loss(output, target)


class DSNT(PointLoss):
    def loss(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return super().loss(output, target) + jensen_shannon(output, target)


class Dark(HeatmapHead):
    """Zhang et al. 2020: the highest cell, refined by the slope and curvature of the log of the heatmap."""

    def points(self, output: torch.Tensor) -> torch.Tensor:
        return dark(output)


@dataclass(frozen=True)
class Variant:
    """One change of the recipe. head: in place of the config's."""

    model: dict = field(default_factory=dict)
    train: dict = field(default_factory=dict)
    head: type[Head] | None = None

    def build(self, config: ModelConfig) -> KeypointModel:
        return KeypointModel(config, self.head)


FULL = AugmentConfig(stretch=0, shear=0, bend=0, last=1, wide=0)  # a short run has no time to narrow it
OURS, BOTH = "ours", "heatmap, loss of the points and cross-entropy"
DECODED = "the same, decoded as DARK"
VARIANTS = {
    OURS: Variant(),
    "head: regression": Variant(model={"head": "regression"}),
    "head: SimCC": Variant(head=SimCC),
    "head: RLE": Variant(head=RLE),
    "heatmap, loss of the points": Variant(head=PointLoss),
    BOTH: Variant(head=BothLosses),
    "heatmap, loss of the points and divergence (DSNT)": Variant(head=DSNT),
    "label conventions mixed": Variant(train={"conventions": "one"}),
    "complete rows only": Variant(train={"labels": "complete"}),
    "augmentation: none": Variant(train={"augment": None}),
    "augmentation: the paper's": Variant(train={"augment": PAPER_AUGMENT}),
    "augmentation: strength 0.4": Variant(train={"augment": FULL.scaled(0.4)}),
    "augmentation: with stretch and shear": Variant(train={"augment": replace(FULL, stretch=0.1, shear=0.1)}),
    "augmentation: with bends": Variant(train={"augment": replace(FULL, bend=3)}),
}


def run(name: str, base: dict, faces: Faces, split: Split, seed: int, model: str, device: str) -> list[dict]:
    """Trains a variant; returns its row: validation RMSE in px by part, without and with mirroring.

    The weights of BOTH are read in a second way too, for a row of its own.
    """
    variant = VARIANTS[name]
    config = ModelConfig(model, **variant.model)
    settings = TrainConfig(**base | variant.train, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        train(config, settings, faces, split, folder, "ablation", device=device, build=variant.build)
        weights = load_file(Path(folder) / WEIGHTS)
        config = read_config(Path(folder) / CONFIG).model
    validation = faces[split.validation]
    four_point, found = validation.four_point, []
    for row, read in {name: variant, **({DECODED: Variant(head=Dark)} if name == BOTH else {})}.items():
        trained = read.build(config).to(device)
        trained.load_state_dict(weights)
        found.append({"variant": row, "seed": seed})
        for mirror in (False, True):
            error = (predict_points(trained, validation.images, four_point, mirror) - validation.points) ** 2
            for part, rows in (("all", slice(None)), ("15 points", ~four_point), ("4 points", four_point)):
                found[-1][part + (", mirrored" if mirror else "")] = float(np.sqrt(np.nanmean(error[rows])))
    return found


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread (smallest to largest) over the seeds, a row a variant, in the order of VARIANTS.

    One seed has no spread.
    """
    parts = [name for name in runs.columns if name not in ("variant", "seed", "data", "model", "epochs")]
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
    parser.add_argument("--out", type=Path, default=Path("ablation.csv"))
    arguments = parser.parse_args()
    faces, split = split_data(arguments.data)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    base = {"epochs": arguments.epochs, "warmup_epochs": 1, "augment": FULL}
    done = pd.read_csv(arguments.out).to_dict("records") if arguments.out.exists() else []
    settings = {"data": fingerprint(faces), "model": arguments.model, "epochs": arguments.epochs}
    if [row for row in done if {name: row.get(name) for name in settings} != settings]:
        parser.error(f"{arguments.out} has runs with other data or settings than {settings}: choose another --out")
    known = {(row["variant"], row["seed"]) for row in done}
    for seed in range(arguments.seeds):
        for name in arguments.only:
            if (name, seed) in known:  # a stopped run resumes here
                continue
            rows = run(name, base, faces, split, seed, arguments.model, device)
            done += [settings | row for row in rows]
            with replacing(arguments.out) as aside:
                pd.DataFrame(done).to_csv(aside, index=False, float_format="%.4f")
    print(markdown(summary(pd.DataFrame(done)).reset_index(names="variant")))


if __name__ == "__main__":
    main()
