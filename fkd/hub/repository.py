"""Push and pull checkpoints on the Hugging Face Hub: a repository is a checkpoint folder.

A repository is untrusted: only four files of limited size are downloaded, safetensors, JSON and csv, none of which can
run code, and a checkpoint that is not complete and sound is removed again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import (
    CommitOperationAdd,
    HfApi,
    scan_cache_dir,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import HFValidationError

from fkd.board.record import Evaluation
from fkd.errors import FkdError
from fkd.files import LARGEST
from fkd.hub.errors import in_a_sentence
from fkd.learn.record import CONFIG, LARGEST_CONFIG, WEIGHTS, weights_in
from fkd.photo.detectors.checkpoint import CheckpointDetector

EVALUATION, HISTORY = "evaluation.json", "history.csv"
MAX_BYTES = {CONFIG: LARGEST_CONFIG, EVALUATION: LARGEST, HISTORY: LARGEST, WEIGHTS: 1_000_000_000}
TIMEOUT = 30  # s


@dataclass(frozen=True)
class Pushed:
    """Where a push went: the repository's or pull request's address, the commit, and whether anything changed."""

    url: str
    commit: str
    changed: bool


def pull(repo_id: str, revision: str = "") -> Path:
    """Download a checkpoint and return its folder, named by its commit.

    Args:
        revision: The newest if empty; a full commit hash that is already cached needs no network.

    Raises:
        FkdError: The repository does not exist, or is not a checkpoint that is safe to load; nothing of it is kept.
    """
    if folder := cached(repo_id, revision):
        return folder
    where = f"hf:{repo_id}"
    with in_a_sentence(repo_id):
        info = HfApi().model_info(repo_id, revision=revision or None, files_metadata=True, timeout=TIMEOUT)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        for name, limit in MAX_BYTES.items():
            if sizes.get(name, 0) > limit:
                raise FkdError(f"{where}: {name} has {sizes[name]:,} bytes, more than the {limit:,} that fkd loads")
        folder = Path(snapshot_download(repo_id, revision=info.sha, allow_patterns=[*MAX_BYTES]))
    try:
        CheckpointDetector.read(folder)
    except (FkdError, OSError) as error:
        scan_cache_dir(folder.parents[2]).delete_revisions(folder.name).execute()
        raise FkdError(str(error).replace(str(folder), where)) from None
    return folder


def cached(repo_id: str, revision: str) -> Path | None:
    """Return the folder of a checkpoint that `pull` downloaded at this commit, or None. Never uses the network."""
    if not re.fullmatch("[0-9a-f]{40}", revision):
        return None
    try:
        config, weights = [try_to_load_from_cache(repo_id, name, revision=revision) for name in (CONFIG, WEIGHTS)]
    except HFValidationError:  # an entry's name that no repository can have
        return None
    return Path(config).parent if isinstance(config, str) and isinstance(weights, str) else None


def weights_there(paths: Iterable[Path], entries: Iterable[Evaluation] = ()) -> dict[str, Path]:
    """Map the sha256 of weights, and the keys of Hub models' entries, to the checkpoint folder or file.

    Includes the given paths, and the entries' repositories, if `pull` downloaded them; skips any other folder.
    """
    there = weights_in(paths)
    for entry in entries:
        if folder := cached(entry.name, entry.revision):
            pulled = weights_in([folder])
            keys = zip(entry.keys, entry.weights, strict=True)
            there = pulled | there | {key: folder for key, sha256 in keys if sha256 in pulled}
    return there


def push(
    folder: Path, repo_id: str, files: dict[str, bytes], private: bool = False, pull_request: bool = False
) -> Pushed:
    """Publish a checkpoint folder in one commit, or in a pull request.

    files: more files to publish, by path in the repository. Other files in the repository are kept. A missing
    repository is created.
    Raises FkdError, with advice, for a missing permission, name or network.
    """
    own: dict[str, Path | bytes] = {
        name: folder / name for name in (CONFIG, WEIGHTS, EVALUATION, HISTORY) if (folder / name).exists()
    }
    operations = [CommitOperationAdd(name, content) for name, content in sorted((own | files).items())]
    api = HfApi()
    with in_a_sentence(repo_id):
        api.create_repo(repo_id, private=private, exist_ok=True)
        before = api.model_info(repo_id).sha
        commit = api.create_commit(
            repo_id,
            operations,
            commit_message="Checkpoint, evaluation and card by fkd",
            create_pr=pull_request,
            parent_commit=before,
        )
    return Pushed(commit.pr_url or str(commit.repo_url), commit.oid, commit.oid != before)
