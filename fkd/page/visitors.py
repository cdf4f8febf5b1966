"""Hub models that visitors add to the page while it runs."""

import tempfile
import threading
from collections import ChainMap
from pathlib import Path

from fkd.hub.errors import HostError
from fkd.hub.reference import SCHEME, HubModel
from fkd.hub.repository import pull
from fkd.page.own import Own
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector

MOST, LARGEST = 12, 200_000_000  # models of all visitors together; bytes of one's weights


class Detectors(ChainMap[str, Detector]):
    """The page's own detectors and those that visitors added, by name; the oldest of the latter make room.

    What visitors add lies in folders of its own: it neither fills the host's cache of the Hub nor empties it.
    """

    def __init__(self, own: Own):
        self.own = own
        self._added: dict[str, Detector] = {}
        self._folders: dict[str, tempfile.TemporaryDirectory[str]] = {}
        self._turn = threading.Lock()
        super().__init__(self._added, own)  # type: ignore[arg-type]  # only the first is ever written

    def add(self, asked: str) -> str:
        """Pulls user/repo or user/repo@revision, as anybody may read it, and returns its name here.

        Raises ValueError, with what to do, if it is no checkpoint that is safe to load.
        """
        name = asked.strip().removeprefix("https://huggingface.co/").removeprefix(SCHEME).strip("/")
        if not name:
            raise ValueError("Name a Hub model: user/repo, or user/repo@revision.")
        if name in self.own:
            return name
        model = HubModel.parse(name)
        folder = tempfile.TemporaryDirectory(prefix="fkd-model-", ignore_cleanup_errors=True)
        try:
            pulled = pull(model.repo_id, model.revision or None, LARGEST, anonymous=True, cache=Path(folder.name))
            detector = CheckpointDetector.read(pulled, name, model.owner)
        except BaseException as error:
            folder.cleanup()
            if isinstance(error, HostError):
                raise ValueError("The Hub cannot be read from this page at the moment: try again later.") from None
            raise
        with self._turn:
            if name in self._added:
                self._remove(name)
            self._added[name], self._folders[name] = detector, folder
            while len(self._added) > MOST:
                self._remove(next(iter(self._added)))
        return name

    def _remove(self, name: str) -> None:
        del self._added[name]
        self._folders.pop(name).cleanup()
