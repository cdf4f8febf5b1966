"""Rows of benchmarks/bench.py: training, against the usual way to do it."""

import itertools
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rows import Bench, Pairs, Row, seconds
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from fkd.data.faces import Faces
from fkd.data.split import Split, split_data
from fkd.keypoints import FRAME_SIZE
from fkd.learn.augment import AugmentConfig, augment
from fkd.learn.config import TrainConfig
from fkd.learn.inference import bf16_is_quick
from fkd.learn.models import ModelConfig, build_model
from fkd.learn.train import train

BATCH, STEPS = 32, 15
warnings.filterwarnings("ignore", "RandomErasing")  # it is meant to leave the points
# The changes that AugmentConfig's defaults draw, by torchvision; stretch, shear and bends it is spared.
USUAL_AUGMENT = v2.Compose(
    [
        v2.ToDtype(torch.float32, scale=True),
        v2.RandomHorizontalFlip(),
        v2.RandomAffine(25, (8 / FRAME_SIZE, 8 / FRAME_SIZE), (0.8, 1.25)),
        v2.ColorJitter(0.2, 0.4),
        v2.GaussianBlur(5, (0.1, 0.75)),
        v2.RandomErasing(1, (0.001, 0.04)),
        v2.GaussianNoise(0, 0.02),
    ]
)


class UsualDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """One face at a time: image float [1, 96, 96] and points [15, 2] px, changed at random."""

    def __init__(self, faces: Faces):
        self.faces = faces

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = tv_tensors.Image(torch.tensor(self.faces.images[row])[None])
        points = tv_tensors.KeyPoints(torch.tensor(self.faces.points[row]), canvas_size=(FRAME_SIZE, FRAME_SIZE))
        return USUAL_AUGMENT(image, points)


def usual_seconds(name: str, faces: Faces) -> float:
    """Seconds of an epoch of a torch loop with a DataLoader of two workers, from its first batch on."""
    model = build_model(ModelConfig(name)).to(memory_format=torch.contiguous_format).train()  # torch's own layout
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    batches = iter(DataLoader(UsualDataset(faces), BATCH, shuffle=True, num_workers=2))
    first = next(batches)  # after the workers have started

    def epoch() -> None:
        for images, target in itertools.chain([first], batches):
            output = model(images)
            loss = model.head.loss(output, model.targets(target, torch.zeros(len(target), dtype=torch.bool)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return seconds(epoch)


def some(data: Path, steps: int = STEPS) -> tuple[Faces, Split]:
    """So many batches to train on, and one to validate on."""
    faces, split = split_data(data)
    none = np.zeros(0, dtype=int)
    return faces, Split(split.train[: BATCH * steps], split.validation[:BATCH], none)


def batches_of(name: str) -> Callable[[Bench], Pairs]:
    def measure(bench: Bench) -> Pairs:
        config = TrainConfig(epochs=1, batch_size=BATCH)

        def run(steps: int) -> float:
            faces, split = some(bench.data, steps)
            with tempfile.TemporaryDirectory() as folder:
                return seconds(lambda: train(ModelConfig(name), config, faces, split, Path(folder) / "run", "bench"))

        pairs = []
        for _ in range(bench.runs):
            faces, split = some(bench.data)
            usual = usual_seconds(name, faces[split.train])
            pairs.append((run(STEPS + 1) - run(1), usual))  # what an epoch takes beside its batches is in both
        return pairs

    return measure


def augmentation(bench: Bench) -> Pairs:
    faces, split = some(bench.data)
    model = build_model(ModelConfig("resnet18")).train()
    images = torch.from_numpy(faces.images[split.train])[:, None].float() / 255  # [N, 1, 96, 96]
    points = torch.from_numpy(faces.points[split.train])  # [N, 15, 2] px
    generator = torch.Generator().manual_seed(0)

    def changes() -> None:
        for batch, target in zip(images.split(BATCH), points.split(BATCH), strict=True):
            augment(batch, target, AugmentConfig(), generator)

    def passes() -> None:
        for batch in images.split(BATCH):
            model.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_quick(torch.device("cpu"))):
                output = model(batch)
            model.head.points(output).sum().backward()

    return bench.in_turn(changes, passes)


USUAL = "one face at a time, DataLoader with 2 workers, float32"
ROWS = [
    Row("15 batches of resnet18", USUAL, "s", batches_of("resnet18"), ratio=1 / 2),
    Row("15 batches of resnet50", USUAL, "s", batches_of("resnet50"), ratio=1 / 2),
    Row("augmenting its batches", "resnet18 forward and backward", "s", augmentation, ratio=1 / 10),
]
