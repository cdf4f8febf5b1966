"""Hub models that visitors add to the page while it runs."""

import tempfile
import threading
from collections import ChainMap
from pathlib import Path

from fkd.errors import FkdError
from fkd.hub.errors import HostError
from fkd.hub.reference import SCHEME, HubModel
from fkd.hub.repository import networks_in, pull
from fkd.page.own import LazyDetectors
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector

MAX_MODELS, MAX_BYTES = 12, 200_000_000  # models of all visitors together; weights of one


class Detectors(ChainMap[str, Detector]):
    """The page's own detectors and those added by visitors, by name; the oldest of the latter are dropped first.

    Visitors' models are stored outside the host's cache of the Hub.
    """

    def __init__(self, own: LazyDetectors):
        self.own = own
        self._added: dict[str, Detector] = {}
        self._folders: dict[str, tempfile.TemporaryDirectory[str]] = {}
        self._turn = threading.Lock()
        super().__init__(self._added, own)  # type: ignore[arg-type]  # only the first is ever written

    def add(self, reference: str) -> str:
        """Pull a public user/repo or user/repo@revision, and return its name here.

        Raises FkdError if it is not a checkpoint that is safe to load.
        """
        name = reference.strip().removeprefix("https://huggingface.co/").removeprefix(SCHEME).strip("/")
        if not name:
            raise FkdError("Name a Hub model: user/repo, or user/repo@revision.")
        if name in self.own:
            return name
        model = HubModel.parse(name)
        folder = tempfile.TemporaryDirectory(prefix="fkd-model-", ignore_cleanup_errors=True)
        try:
            pulled = pull(model.repo_id, model.revision, MAX_BYTES, anonymous=True, cache=Path(folder.name))
            detector = CheckpointDetector.read(pulled, name, model.owner, networks=networks_in(Path(folder.name)))
        except BaseException as error:
            folder.cleanup()
            if isinstance(error, HostError):
                raise FkdError("The Hub cannot be read from this page at the moment: try again later.") from None
            raise
        with self._turn:
            if name in self._added:
                self._remove(name)
            self._added[name], self._folders[name] = detector, folder
            while len(self._added) > MAX_MODELS:
                self._remove(next(iter(self._added)))
        return name

    def _remove(self, name: str) -> None:
        del self._added[name]
        self._folders.pop(name).cleanup()
