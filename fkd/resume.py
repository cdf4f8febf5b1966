"""The state of an unfinished training run: all that its next epoch depends on, in one file."""

import json
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file

from fkd.files import replacing

STATE = "training-state.safetensors"


def save_state(path: Path, run: dict, history: list[dict], model, average, optimizer) -> None:
    """Writes models, optimizer and history; the file appears whole or not at all."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.module.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in state.items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as aside:
        save_file(tensors, aside, {"run": json.dumps(run), "history": json.dumps(history)})


def load_state(path: Path, run: dict, model, average, optimizer) -> list[dict]:
    """Puts a saved state into models and optimizer, and returns the history.

    Raises ValueError if there is none, or it is of a run with other settings.
    """
    if not path.exists():
        raise ValueError(f"{path.parent} has no unfinished run to resume ({STATE} is missing)")
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    before = json.loads(metadata["run"])
    for part in run:
        changed = {
            key: (before[part].get(key), value) for key, value in run[part].items() if before[part].get(key) != value
        }
        for key, (old, new) in changed.items():
            raise ValueError(f"{path.parent} was begun with {part} {key} = {old}, not {new}: resume with the same")
    tensors = load_file(path)

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    model.load_state_dict(part("model."))
    average.module.load_state_dict(part("average."))
    state: dict[int, dict] = {}
    for name, tensor in part("optimizer.").items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return json.loads(metadata["history"])
