"""Models of the Hub that visitors add to the page while it runs."""

from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path

from fkd.hub.errors import HostError
from fkd.hub.repository import SCHEME, forget, pull
from fkd.learn.checkpoint import Checkpoint, load_checkpoint

MOST, LARGEST = 12, 200_000_000  # models of all visitors together; bytes of one's weights


class Models(ChainMap):
    """The page's own models and those that visitors added, by name; the oldest of the latter make room."""

    def __init__(self, own: Mapping[str, Checkpoint], folders: Mapping[str, Path]):
        self.own, self._added = own, {}
        super().__init__(self._added, own)
        self._folders = dict(folders)

    def add(self, asked: str) -> str:
        """Pulls user/repo or user/repo@revision, as anybody may read it, and returns its name here.

        Raises ValueError, with what to do, if it is no checkpoint that is safe to load.
        """
        name = asked.strip().removeprefix("https://huggingface.co/").removeprefix(SCHEME).strip("/")
        if not name:
            raise ValueError("Name a model of the Hub: user/repo, or user/repo@revision.")
        if name in self.own:
            return name
        repo, _, revision = name.partition("@")
        try:
            folder = pull(repo, revision or None, LARGEST, anonymous=True)
        except HostError:
            raise ValueError("The Hub cannot be read from this page at the moment: try again later.") from None
        model = load_checkpoint(folder, name)
        self._added.pop(name, None)
        self._added[name], self._folders[name] = model, folder
        while len(self._added) > MOST:
            oldest = next(iter(self._added))
            del self._added[oldest]
            gone = self._folders.pop(oldest)
            if gone not in self._folders.values():
                forget(gone)
        return name
