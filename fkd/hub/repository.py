"""Push and pull checkpoints on the Hugging Face Hub: a repository is a checkpoint folder.

A repository is untrusted: only certain files are downloaded, safetensors and JSON of limited size, and each is checked
before the next.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    ModelCard,
    get_token,
    hf_hub_download,
    scan_cache_dir,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HFValidationError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils.sha import git_hash, sha_fileobj

from fkd.errors import FkdError
from fkd.files import LARGEST, file_sha256
from fkd.hub.errors import in_a_sentence, uploading
from fkd.hub.header import TIMEOUT, check_header, read_header
from fkd.learn.record import CONFIG, LARGEST_CONFIG, WEIGHTS, read_config
from fkd.photo.detectors.checkpoint import CheckpointDetector

EVALUATION, HISTORY = "evaluation.json", "history.csv"
SIZES = {CONFIG: LARGEST_CONFIG, EVALUATION: LARGEST, HISTORY: LARGEST, WEIGHTS: 1_000_000_000}  # bytes at most
ONNX = "model.onnx"  # the checkpoint once more, for other programs: pushed where asked for, never pulled
RUNS_CODE = {".bin", ".ckpt", ".dill", ".h5", ".joblib", ".keras", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"}


@dataclass(frozen=True)
class Pushed:
    """Where a push went: the repository's or pull request's address, the commit, and whether anything changed.

    outdated: whether an ONNX file of the weights before was removed.
    """

    url: str
    commit: str
    changed: bool
    outdated: bool


def pull(
    repo_id: str,
    revision: str | None = None,
    largest: int = SIZES[WEIGHTS],
    anonymous: bool = False,
    cache: Path | None = None,
) -> Path:
    """Download a checkpoint into huggingface_hub's cache and return its folder, named by its commit.

    A revision that is a full commit hash and already cached is not requested again. largest: limit of the weights'
    size, bytes. anonymous: read public repositories only, even if this process has a token. cache: a folder to use in
    place of huggingface_hub's. A refused checkpoint is removed from the cache.
    Raises FkdError if the repository does not exist or is not a checkpoint that is safe to load.
    """
    where = f"hf:{repo_id}"
    with in_a_sentence(repo_id, anonymous):
        if revision and not anonymous and cache is None and (there := cached(repo_id, revision)):
            return there
        token = False if anonymous else None
        api = HfApi(token=token)
        info = api.model_info(repo_id, revision=revision, files_metadata=True, timeout=TIMEOUT)
        siblings = info.siblings or []
        names = _safe_names(where, {file.rfilename: file.size or 0 for file in siblings}, largest)
        hashes = {file.rfilename: file.lfs.sha256 if file.lfs else str(file.blob_id) for file in siblings}
        commit = str(info.sha)
        path = _download(repo_id, CONFIG, commit, hashes[CONFIG], token, cache)
        with _named(where, path.parent):
            read_config(path)
        check_header(where, read_header(where, repo_id, commit, token))
        for name in names:
            folder = _download(repo_id, name, commit, hashes[name], token, cache).parent
    with _named(where, folder):
        try:
            _check(folder, cache)  # refuse a broken checkpoint now, not when it is needed
        except FkdError:
            scan_cache_dir(folder.parents[2]).delete_revisions(folder.name).execute()
            raise
    return folder


def cached(repo_id: str, revision: str) -> Path | None:
    """The folder of a checkpoint that `pull` downloaded at this commit, or None. Never uses the network."""
    if not re.fullmatch("[0-9a-f]{40}", revision) or not re.fullmatch(r"[\w.-]+/[\w.-]+", repo_id):
        return None
    try:
        config, weights = [try_to_load_from_cache(repo_id, name, revision=revision) for name in (CONFIG, WEIGHTS)]
    except HFValidationError:
        return None
    return Path(config).parent if isinstance(config, str) and isinstance(weights, str) else None


def push(
    folder: Path | str, repo_id: str, files: dict[str, bytes], private: bool = False, pull_request: bool = False
) -> Pushed:
    """Publish a checkpoint folder in one commit, or in a pull request.

    files: more files to publish, by path in the repository. Other files in the repository are kept, except for an ONNX
    file of other weights. A missing repository is created, and removed again if the commit fails.
    Raises FkdError, with advice, for a missing permission, name or network.
    """
    folder = Path(folder)
    _check(folder)  # publish nothing that cannot be loaded
    contents: dict[str, Path | bytes] = {
        name: folder / name for name in (CONFIG, WEIGHTS, EVALUATION, HISTORY) if (folder / name).exists()
    }
    contents |= files
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationAdd(name, content) for name, content in sorted(contents.items())
    ]
    with in_a_sentence(repo_id):
        api = HfApi()
        if get_token() is None:
            raise LocalTokenNotFoundError
        made = not api.repo_exists(repo_id)
        if made and pull_request:
            raise FkdError(f"{repo_id} does not exist, so it takes no pull request: push without --pr to create it")
        before, outdated = None, False
        if made:
            api.create_repo(repo_id, private=private)
        else:
            info = api.model_info(repo_id, files_metadata=True)
            before, there = info.sha, {file.rfilename: file.lfs for file in info.siblings or []}
            weights = there.get(WEIGHTS)
            outdated = ONNX in there.keys() - files.keys() and bool(
                weights and weights.sha256 != file_sha256(folder / WEIGHTS)
            )
            if outdated:
                operations.append(CommitOperationDelete(ONNX))
        try:
            with uploading(repo_id):
                commit = api.create_commit(
                    repo_id,
                    operations,
                    commit_message="Checkpoint, evaluation and card by fkd",
                    create_pr=pull_request,
                    parent_commit=before,
                )
        except BaseException:
            if made:
                api.delete_repo(repo_id, missing_ok=True)
            raise
    return Pushed(commit.pr_url or str(commit.repo_url), commit.oid, commit.oid != before, outdated)


def remote_card(repo_id: str) -> str:
    """Return the repository's README.md, or an empty string."""
    with in_a_sentence(repo_id):
        try:
            return str(ModelCard.load(repo_id, ignore_metadata_errors=True).content)
        except (RepositoryNotFoundError, EntryNotFoundError):
            return ""


@contextmanager
def _named(where: str, folder: Path) -> Iterator[None]:
    """Errors name the repository, not its folder in the cache."""
    try:
        yield
    except FkdError as error:
        raise FkdError(str(error).replace(str(folder), where)) from None


def _check(folder: Path, cache: Path | None = None) -> None:
    """Raises what `CheckpointDetector.read` raises; cache: as for `pull`."""
    CheckpointDetector.read(folder, networks=networks_in(cache) if cache else None)


def networks_in(cache: Path) -> Path:
    """Where the networks of the models in a cache of their own are exported to."""
    return cache / "networks"


def _download(repo_id: str, name: str, revision: str, digest: str, token: bool | None, cache: Path | None) -> Path:
    """A file of a repository, in the cache; the client does not verify its hash, so we do."""
    path = Path(hf_hub_download(repo_id, name, revision=revision, token=token, cache_dir=cache))
    with path.open("rb") as file:
        same = digest == (sha_fileobj(file).hex() if len(digest) == 64 else git_hash(file.read()))
    if not same:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise FkdError(f"{repo_id}: {name} came damaged (its hash is not {digest[:12]}...): try again")
    return path


def _safe_names(where: str, sizes: dict[str, int], largest_weights: int) -> list[str]:
    """Return the names of the files to download. sizes: the files in the repository, name -> bytes."""
    for name in sizes:
        if PurePosixPath(name).suffix.lower() in RUNS_CODE:
            raise FkdError(f"{where} holds {name}, a kind of file that can run code when it is read: not loaded")
    for name in (CONFIG, WEIGHTS):
        if name not in sizes:
            raise FkdError(f"{where} has no {name}: expected a checkpoint as `fkd push` publishes it")
    for name, largest in (SIZES | {WEIGHTS: largest_weights}).items():
        if sizes.get(name, 0) > largest:
            raise FkdError(f"{where}: {name} has {sizes[name]:,} bytes, more than the {largest:,} that fkd loads")
    return [name for name in SIZES if name in sizes]
