"""Train on the competition's files, as `fkd train` does."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fkd.data.faces import Faces
from fkd.data.record import data_name
from fkd.data.split import Split, split_data
from fkd.learn import train as loop
from fkd.learn.checkpoint import load_checkpoint
from fkd.learn.config import AugmentConfig, ModelConfig, TrainConfig
from fkd.learn.models import check_name, chosen_device
from fkd.learn.run_state import check_place


def train(
    data: Path | str, out: Path | str, model: str = "resnet18", *, head: str = "", augment: float = 1.0,
    source: Path | str = "", teachers: Sequence[Path | str] = (), terms: str = "", device: str = "auto",
    resume: bool = False, overwrite: bool = False,
    report: Callable[[str, Faces, Split], None] = lambda *started: None, **settings: Any,
) -> loop.Trained:  # fmt: skip
    """Train a network on the competition's files, into the checkpoint folder `out`, with the options of `fkd train`.

    Args:
        source, teachers: Checkpoint folders.
        report: Called with the device, the faces and their split, before the first epoch.
        settings: Fields of `TrainConfig`, such as epochs, batch_size, lr and seed.

    Raises:
        FkdError: For settings and files that cannot be used, and as `fkd.learn.train.train`.
        OSError: If `out` cannot be written.
    """
    check_name(model)  # before the data is read
    strength = AugmentConfig().scaled(augment) if augment else None
    config, network = TrainConfig(augment=strength, **settings), ModelConfig(model, head=head)
    device, start = chosen_device(device), load_checkpoint(source) if source else None
    lessons = [load_checkpoint(each) for each in teachers]
    check_place(Path(out), resume or overwrite)
    faces, split = split_data(data)
    report(device, faces, split)
    parts = (network, config, faces, split, out, data_name(Path(data)), terms, device, resume)
    return loop.train(*parts, source=start, teachers=lessons, overwrite=overwrite)
