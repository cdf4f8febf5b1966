"""Rows of benchmarks/bench.py: training, against the usual way to do it."""

import itertools
import tempfile
from pathlib import Path

import numpy as np
import torch
from rows import Bench, Pairs, Row, seconds
from torch.utils.data import DataLoader, Dataset

from fkd.data.faces import Faces
from fkd.data.split import Split, split_data
from fkd.learn.augment import AugmentConfig, augment
from fkd.learn.config import TrainConfig
from fkd.learn.models import ModelConfig, build_model
from fkd.learn.train import train

BATCH, STEPS = 32, 15


class OneByOne(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """One augmented face at a time: image float [1, 96, 96] and points [15, 2] px."""

    def __init__(self, faces: Faces):
        self.faces, self.generator = faces, torch.Generator()

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        image, points = torch.tensor(self.faces.images[row])[None, None] / 255, torch.tensor(self.faces.points[row])
        images, moved = augment(image, points[None], AugmentConfig(), self.generator)
        return images[0], moved[0]


def usual_seconds(faces: Faces) -> float:
    """Seconds of an epoch of a torch loop with a DataLoader of two workers, from its first batch on."""
    model = build_model(ModelConfig("resnet18")).to(memory_format=torch.contiguous_format).train()  # torch's own layout
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    batches = iter(DataLoader(OneByOne(faces), BATCH, shuffle=True, num_workers=2))
    first = next(batches)  # after the workers have started

    def epoch() -> None:
        for images, target in itertools.chain([first], batches):
            output = model(images)
            loss = model.head.loss(output, model.targets(target, torch.zeros(len(target), dtype=torch.bool)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return seconds(epoch)


def first_batches(data: Path, steps: int) -> tuple[Faces, Split]:
    """A split with `steps` batches to train on, and one to validate on."""
    faces, split = split_data(data)
    none = np.zeros(0, dtype=int)
    return faces, Split(split.train[: BATCH * steps], split.validation[:BATCH], none)


def batches_of_resnet18(bench: Bench) -> Pairs:
    config, model = TrainConfig(epochs=1, batch_size=BATCH), ModelConfig("resnet18")

    def run(steps: int) -> float:
        faces, split = first_batches(bench.data, steps)
        with tempfile.TemporaryDirectory() as folder:
            return seconds(lambda: train(model, config, faces, split, Path(folder) / "run", "bench"))

    pairs = []
    for _ in range(bench.runs):
        faces, split = first_batches(bench.data, STEPS)
        usual = usual_seconds(faces[split.train])
        pairs.append((run(STEPS + 1) - run(1), usual))  # the rest of an epoch is in both
    return pairs


USUAL = "one face at a time, DataLoader with 2 workers, float32"
ROWS = [
    Row("15 batches of resnet18", USUAL, "s", batches_of_resnet18, ratio=1 / 2),
]
