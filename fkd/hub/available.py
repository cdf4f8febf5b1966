"""Which checkpoints are available: folders, and what was pulled from the Hub. Never uses the network."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field

from fkd.board.record import Evaluation
from fkd.files import read_json, typed
from fkd.hub.reference import PATTERN, HubModel
from fkd.hub.repository import cached
from fkd.learn.checkpoint import CONFIG, Config, read_config, weights_in

PINNED = "pinned.json"  # among checkpoint folders: Hub models to show with them, or instead
Reference = Annotated[str, Field(pattern=PATTERN, max_length=300)]


def read_pinned(checkpoints: Path) -> list[HubModel]:
    """The Hub models that are shown with a folder of checkpoints.

    Raises ValueError for a pinned.json that is not a list of them.
    """
    path = checkpoints / PINNED
    if not path.exists():
        return []
    return [HubModel.parse(reference) for reference in typed(read_json(path), list[Reference], str(path))]


def weights_there(folders: Iterable[Path], entries: Iterable[Evaluation] = ()) -> dict[str, Path]:
    """Checkpoint folders by the sha256 of their weights: these, and what `pull` brought of the entries' repositories.

    Anything that is not a checkpoint is left out.
    """
    pulled = {cached(entry.name, entry.revision) for entry in entries if entry.revision}
    return weights_in([*folders, *(folder for folder in pulled if folder)])


def known_checkpoints(folders: Iterable[Path], entries: Iterable[Evaluation] = ()) -> dict[str, Config]:
    """What the checkpoints of `weights_there` are, by the sha256 of their weights."""
    configs = {}
    for sha256, folder in weights_there(folders, entries).items():
        with suppress(ValueError, OSError):  # not a checkpoint that could be measured again
            configs[sha256] = read_config(folder / CONFIG)
    return configs


def checkpoint_folders(checkpoints: Path) -> list[Path]:
    """The folders of checkpoints in one folder, and of those pinned there that were pulled, without network access.

    Raises ValueError for a pinned.json that is not a list of models.
    """
    pulled = [cached(model.repo_id, model.revision) for model in read_pinned(checkpoints)]
    return [*sorted(path.parent for path in checkpoints.glob(f"*/{CONFIG}")), *(folder for folder in pulled if folder)]
