"""Hub models that visitors add to the page while it runs."""

from collections import ChainMap

from fkd.hub.errors import HostError
from fkd.hub.reference import SCHEME, load_trained
from fkd.hub.repository import forget
from fkd.page.own import Own
from fkd.photo.detector import Detector

MOST, LARGEST = 12, 200_000_000  # models of all visitors together; bytes of one's weights


class Detectors(ChainMap[str, Detector]):
    """The page's own detectors and those that visitors added, by name; the oldest of the latter make room."""

    def __init__(self, own: Own):
        self.own = own
        self._added: dict[str, Detector] = {}
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
        try:
            detector: Detector = load_trained(f"{SCHEME}{name}", name, LARGEST, anonymous=True)
        except HostError:
            raise ValueError("The Hub cannot be read from this page at the moment: try again later.") from None
        self._added.pop(name, None)
        self._added[name] = detector
        while len(self._added) > MOST:
            gone = self._added.pop(next(iter(self._added)))
            if gone.folder and gone.folder not in [detector.folder for detector in self.values()]:
                forget(gone.folder)
        return name
