"""Find the available checkpoints: folders, files, and models pulled from the Hub. Never uses the network."""

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
    """Return the Hub models that are shown with a folder of checkpoints.

    Raises FkdError if pinned.json is not a list of Hub models.
    """
    path = checkpoints / PINNED
    if not path.exists():
        return []
    return [HubModel.parse(reference) for reference in typed(read_json(path), list[Reference], str(path))]


def weights_there(paths: Iterable[Path], entries: Iterable[Evaluation] = ()) -> dict[str, Path]:
    """Map the sha256 of weights to their checkpoint folder or file.

    Includes the given paths and the entries' repositories, if `pull` downloaded them; skips any other folder.
    """
    pulled = {cached(entry.name, entry.revision) for entry in entries if entry.revision}
    return weights_in([*paths, *(folder for folder in pulled if folder)])


def checkpoint_paths(checkpoints: Path) -> list[Path]:
    """Return the checkpoints in a folder, and the pinned ones that were pulled, without network access.

    Raises FkdError if pinned.json is not a list of Hub models.
    """
    pulled = [cached(model.repo_id, model.revision) for model in read_pinned(checkpoints)]
    return [*paths_in(checkpoints), *(folder for folder in pulled if folder)]


def paths_in(checkpoints: Path) -> list[Path]:
    """Return the checkpoints in a folder: folders first, then files."""
    return [*sorted(path.parent for path in checkpoints.glob(f"*/{CONFIG}")), *files_in(checkpoints)]
