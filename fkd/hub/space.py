"""The page as a Space on the Hugging Face Hub."""

import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from fkd.hub.errors import in_a_sentence
from fkd.hub.reference import PINNED, HubModel
from fkd.hub.repository import pull
from fkd.photo.kinds import ENDINGS, files_in, read_detector, try_file

PAGE = ["app.py", "requirements.lock", "LICENSE", "CITATION.cff", "*.md", "docs/**/*", "fkd/**/*", "examples/**/*"]
PAGE += ["leaderboard/*/*.json", "benchmarks/*.md", "benchmarks/*.png"]
NOT_PAGE = ("__pycache__", "training-state")


def deploy(
    home: Path, repo_id: str, private: bool = False, models: Sequence[str] = (), hardware: str | None = None
) -> str:
    """Create or update a Gradio Space that serves the page, in one commit, and return its address.

    home: the folder of app.py. models: Hub models, user/name, to show in place of home's `checkpoints`; each is
    pulled first, so that it is known to be safe, and pinned to that commit. hardware: the Hub's name of it, if not its
    default.
    Raises FkdError, with advice, for a missing permission, name or network, or a file that is not a detector.
    """
    patterns = PAGE if models else [*PAGE, "checkpoints/*/*"]
    contents: dict[str, Path | bytes] = {
        path.relative_to(home).as_posix(): path
        for pattern in patterns
        for path in sorted(home.glob(pattern))
        if path.is_file() and not any(name in str(path) for name in NOT_PAGE)
    }
    files = [] if models else files_in(home / "checkpoints")
    for file in files:
        try_file(ENDINGS[file.suffix], file)  # refuse now a file that the page could not read
        read_detector(file)
        contents[f"checkpoints/{file.name}"] = file
    contents["requirements.txt"] = _requirements(home, {ENDINGS[file.suffix] for file in files})
    if models:
        repos = [HubModel.parse(model).repo_id for model in models]
        pinned = [str(HubModel(repo, pull(repo).name)) for repo in repos]
        contents[f"checkpoints/{PINNED}"] = json.dumps(pinned, indent=2).encode()
    return _upload(repo_id, contents, private, "gradio", hardware)


def deploy_site(home: Path, site: Path, repo_id: str, private: bool = False) -> str:
    """Create or update a static Space of a folder that `fkd site` wrote, in one commit, and return its address.

    Raises FkdError as `deploy`.
    """
    contents: dict[str, Path | bytes] = {
        path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()
    }
    head = (home / "README.md").read_text("utf-8").split("---\n")[1].splitlines()
    kept = [line for line in head if not line.startswith(("sdk", "python_version", "app_file"))]
    contents["README.md"] = "\n".join(["---", *kept, "sdk: static", "---", "Written by `fkd site`.", ""]).encode()
    return _upload(repo_id, contents, private, "static")


def site_address(repo_id: str) -> str:
    """Return where a static Space is served."""
    return f"https://{re.sub('[^a-z0-9]+', '-', repo_id.lower())}.static.hf.space/"


def _upload(
    repo_id: str, contents: Mapping[str, bytes | Path], private: bool, sdk: str, hardware: str | None = None
) -> str:
    """Bring a Space to these contents (path -> bytes or file) in one commit, if anything differs; return its URL.

    Removes other files from the folders that these paths name; files elsewhere are the owner's.
    """
    api = HfApi()
    with in_a_sentence(repo_id):
        made = {"repo_type": "space", "private": private, "exist_ok": True, "space_sdk": sdk}
        url = api.create_repo(repo_id, **made, space_hardware=hardware)  # type: ignore[arg-type]  # the Hub checks it
        folders = {path.partition("/")[0] for path in contents if "/" in path}
        listed = api.list_repo_files(repo_id, repo_type="space")
        outdated = {path for path in listed if path.partition("/")[0] in folders} - contents.keys()
        operations: list[CommitOperationAdd | CommitOperationDelete] = []
        operations += [CommitOperationAdd(path, content) for path, content in contents.items()]
        operations += [CommitOperationDelete(path) for path in sorted(outdated)]
        api.create_commit(repo_id, operations, commit_message="Written by fkd", repo_type="space")
    return str(url)


def _requirements(home: Path, kinds: Collection[str]) -> bytes:
    """The locked versions, and the extras that these kinds of files need: a Space reads this one file alone."""
    extras = tomllib.loads((home / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    lines = [f"{requirement}\n" for kind in sorted(kinds) for requirement in extras.get(kind, [])]
    return (home / "requirements.lock").read_bytes() + "".join(lines).encode()
