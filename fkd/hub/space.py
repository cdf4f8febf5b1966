"""The page as a Space on the Hugging Face Hub."""

import json
from collections.abc import Sequence
from pathlib import Path

from fkd.hub.available import PINNED
from fkd.hub.reference import HubModel
from fkd.hub.repository import pull
from fkd.hub.writing import publish_files

PAGE = ["app.py", "requirements.lock", "LICENSE", "CITATION.cff", "docs/*.md"]
PAGE += ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
PAGE += ["fkd/**/*.py", "fkd/**/*.js", "fkd/**/*.css"]
PAGE += ["examples/*", "examples/page/*", "leaderboard/*/*.json", "benchmarks/paper.json", "benchmarks/paper.png"]
CHECKPOINTS, REFERENCES = "checkpoints/*/*", f"checkpoints/{PINNED}"


def deploy(home: Path, repo_id: str, private: bool = False, models: Sequence[str] = ()) -> str:
    """Makes or updates a Gradio Space that is the page, in one commit, and returns its address.

    home: the folder of app.py. models: Hub models, user/name, to show in place of home's `checkpoints`; each is
    pulled first, so that it is known to be safe, and pinned to that commit.
    Raises ValueError, with what to do, for a missing right, name or network.
    """
    patterns = PAGE if models else [*PAGE, CHECKPOINTS]
    paths = sorted(path for pattern in patterns for path in home.glob(pattern) if path.is_file())
    contents: dict[str, Path | bytes] = {
        path.relative_to(home).as_posix(): path for path in paths if not path.name.startswith("training-state")
    }
    contents["requirements.txt"] = home / "requirements.lock"  # a Space reads this one file alone
    if models:
        pinned = [str(HubModel(model, pull(model).name)) for model in models]
        contents[REFERENCES] = json.dumps(pinned, indent=2).encode()
    return publish_files(repo_id, "space", contents, private)
