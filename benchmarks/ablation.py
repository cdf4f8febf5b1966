"""The gain of each part of the recipe: one change at a time, on one fixed leak-free split, several seeds.

    python benchmarks/ablation.py --data DIR --out ablation.csv          prints the table; skips runs that the file has

By default timm's smallest residual network (with the heatmap head 0.9 million parameters) and a short fixed
schedule, which a CPU can run; --model and --epochs change that.
Each run's validation RMSE is of its best epoch, on all faces of the validation part, on those with 15 points, and on
those with four. Losses that lost live here and nowhere else.
"""

import argparse
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from paper import PAPER_AUGMENT, markdown
from safetensors.torch import load_file

from fkd.data.conventions import label_points
from fkd.data.faces import Faces
from fkd.data.split import Split, fingerprint, split_data
from fkd.files import replacing
from fkd.learn.config import AugmentConfig, TrainConfig
from fkd.learn.heads import Head, HeatmapHead, heatmap_loss, masked_loss
from fkd.learn.models import KeypointModel, ModelConfig, outputs
from fkd.learn.record import CONFIG, WEIGHTS, read_config
from fkd.learn.train import train


class PointLoss(HeatmapHead):
    """Huber's loss of the expected coordinates."""

    def loss(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return masked_loss(self.points(output), target)


class BothLosses(PointLoss):
    def loss(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return super().loss(output, target) + heatmap_loss(output, target)


@dataclass(frozen=True)
class Variant:
    """One change of the recipe. head: in place of the config's."""

    model: dict = field(default_factory=dict)
    train: dict = field(default_factory=dict)
    head: type[Head] | None = None

    def build(self, config: ModelConfig) -> KeypointModel:
        return KeypointModel(config, self.head)


FULL = AugmentConfig(stretch=0, shear=0, bend=0, last=1, wide=0)  # a short run has no time to narrow it
PARTS = {
    "all": lambda faces: slice(None),
    "15 points": lambda faces: ~faces.four_point,
    "4 points": lambda faces: faces.four_point,
}
VARIANTS = {
    "ours": Variant(),
    "head: regression": Variant(model={"head": "regression"}),
    "heatmap, loss of the points": Variant(head=PointLoss),
    "heatmap, loss of the points and cross-entropy": Variant(head=BothLosses),
    "label conventions mixed": Variant(train={"conventions": "one"}),
    "complete rows only": Variant(train={"labels": "complete"}),
    "augmentation: none": Variant(train={"augment": None}),
    "augmentation: the paper's": Variant(train={"augment": PAPER_AUGMENT}),
    "augmentation: strength 0.4": Variant(train={"augment": FULL.scaled(0.4)}),
    "augmentation: with stretch and shear": Variant(train={"augment": replace(FULL, stretch=0.1, shear=0.1)}),
    "augmentation: with bends": Variant(train={"augment": replace(FULL, bend=3)}),
}


def predict_points(
    model: KeypointModel, images: np.ndarray, four_point: np.ndarray | None = None, mirror: bool = False
):
    """Points [N, 15, 2] px for images uint8 [N, 96, 96], as `label_points` gives them, by torch."""
    offset = model.label_offset.cpu().numpy()
    return label_points(
        lambda batch: outputs(model, batch), model.config.conventions, offset, images, four_point, mirror
    )


def run(name: str, base: dict, faces: Faces, split: Split, seed: int, model: str, device: str) -> dict:
    """Train a variant; return its row: validation RMSE in px by part, without and with flip averaging."""
    variant = VARIANTS[name]
    config = ModelConfig(model, **variant.model)
    settings = TrainConfig(**base | variant.train, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        train(config, settings, faces, split, folder, "ablation", device=device, build=variant.build)
        trained = variant.build(read_config(Path(folder) / CONFIG).model).to(device)
        trained.load_state_dict(load_file(Path(folder) / WEIGHTS))
    validation, row = faces[split.validation], {"variant": name, "seed": seed}
    for mirror in (False, True):
        error = (predict_points(trained, validation.images, validation.four_point, mirror) - validation.points) ** 2
        for part, rows in PARTS.items():
            row[part + (", mirrored" if mirror else "")] = float(np.sqrt(np.nanmean(error[rows(validation)])))
    return row


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread (smallest to largest) over the seeds, a row per variant; one seed has no spread."""
    by_variant = runs.groupby(pd.Categorical(runs["variant"], list(VARIANTS)), observed=True)
    table = pd.DataFrame(index=by_variant.size().index)
    for part in runs.columns.intersection([*PARTS, "all, mirrored"], sort=False):
        table[part] = [
            f"{errors.mean():.3f}" + (f" ({errors.min():.3f} to {errors.max():.3f})" if len(errors) > 1 else "")
            for _, errors in by_variant[part]
        ]
    return table.assign(seeds=by_variant.size())


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
            done.append(settings | run(name, base, faces, split, seed, arguments.model, device))
            with replacing(arguments.out) as aside:
                pd.DataFrame(done).to_csv(aside, index=False, float_format="%.4f")
    print(markdown(summary(pd.DataFrame(done)).reset_index(names="variant")))


if __name__ == "__main__":
    main()
