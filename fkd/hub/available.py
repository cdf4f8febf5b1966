"""Which checkpoints are available: folders, files, and what was pulled from the Hub. Never uses the network."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from fkd.board.record import Evaluation
from fkd.files import read_json, typed
from fkd.hub.reference import PATTERN, HubModel
from fkd.hub.repository import cached
from fkd.learn.record import CONFIG, weights_in
from fkd.photo.kinds import files_in

PINNED = "pinned.json"  # among checkpoint folders: Hub models to show with them, or instead
Reference = Annotated[str, Field(pattern=PATTERN, max_length=300)]


def read_pinned(checkpoints: Path) -> list[HubModel]:
    """The Hub models that are shown with a folder of checkpoints.

    Raises FkdError for a pinned.json that is not a list of them.
    """
    path = checkpoints / PINNED
    if not path.exists():
        return []
    return [HubModel.parse(reference) for reference in typed(read_json(path), list[Reference], str(path))]


def weights_there(paths: Iterable[Path], entries: Iterable[Evaluation] = ()) -> dict[str, Path]:
    """Checkpoint folders and files of weights, by the sha256 of their weights: these, and what `pull` brought of the
    entries' repositories.

    Any other folder is left out.
    """
    pulled = {cached(entry.name, entry.revision) for entry in entries if entry.revision}
    return weights_in([*paths, *(folder for folder in pulled if folder)])


def checkpoint_paths(checkpoints: Path) -> list[Path]:
    """The checkpoints in one folder, and those pinned there that were pulled, without network access.

    Raises FkdError for a pinned.json that is not a list of models.
    """
    pulled = [cached(model.repo_id, model.revision) for model in read_pinned(checkpoints)]
    return [*paths_in(checkpoints), *(folder for folder in pulled if folder)]


def paths_in(checkpoints: Path) -> list[Path]:
    """The checkpoints in one folder: folders, then files."""
    return [*sorted(path.parent for path in checkpoints.glob(f"*/{CONFIG}")), *files_in(checkpoints)]
