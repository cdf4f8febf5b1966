"""The command that trains a model again, for its card."""

import shlex
import textwrap
from typing import Any

from fkd import __version__
from fkd.learn.config import AugmentConfig, ModelConfig, TrainConfig
from fkd.learn.record import Checkpoint

GAP = "\0"  # at which no line breaks, and which is in no argument
SAID = {"name", "epochs", "augment", "seed", "half"}  # in the command whatever their value, or as a flag


def training_command(checkpoint: Checkpoint[Any]) -> str:
    """The `fkd train` of a checkpoint's settings, in lines of a shell.

    Empty if another version trained it, in which the same command may mean something else, or if a command cannot say
    its settings: its augmentation is not the usual one of some strength.
    """
    model, training, data = checkpoint.model.config, checkpoint.training, checkpoint.data
    if training.fkd_version != __version__:
        return ""
    strength = 0.0
    if training.augment:
        strength = round(training.augment.rotation / AugmentConfig().rotation, 4)
        if training.augment != AugmentConfig().scaled(strength):
            return ""
    words = [
        f"python -m fkd train --data {shlex.quote(data.name)}",
        f"--out {shlex.quote(f'checkpoints/{checkpoint.name}')}",
    ]
    words += [f"--model {model.name}", f"--epochs {training.epochs}", f"--augment {strength:g}"]
    usual = vars(TrainConfig(epochs=training.epochs)) | vars(ModelConfig(model.name))
    settings = vars(training) | vars(model)
    for key in usual:  # in their order, so that a card stays the same
        if key not in SAID and settings[key] != usual[key]:
            words.append(f"--{key.replace('_', '-')} {settings[key]}")
    words += [f"--seed {training.seed}"] + ["--half"] * training.half
    whole = " ".join(word.replace(" ", GAP) for word in words)  # an option stays beside its value
    lines = textwrap.wrap(whole, 100, break_long_words=False, break_on_hyphens=False)
    lines = [line.replace(GAP, " ") for line in lines]
    lines += [f"--terms {shlex.quote(data.terms)}"] if data.terms else []
    return " \\\n    ".join(lines)
