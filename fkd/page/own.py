"""Detectors loaded on first use, so that the page opens before all networks are read."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from fkd.errors import FkdError
from fkd.files import read_json
from fkd.hub.reference import load
from fkd.learn.record import CONFIG, WEIGHTS
from fkd.photo.colours import network_colour
from fkd.photo.detector import Detector

NEEDED = (CONFIG, WEIGHTS)  # of a checkpoint folder


class LazyDetectors(Mapping[str, Detector]):
    """Detectors by name; a checkpoint folder is read on first use.

    Attributes:
        folders: Checkpoint folders by name.
        colours: Colours by name.

    Raises:
        FkdError: Two detectors have one name, or a reference cannot be read.
    """

    def __init__(self, references: Sequence[Path | str | Detector]):
        self.folders: dict[str, Path] = {}
        self.colours: dict[str, str] = {}
        self._read: dict[str, Detector] = {}
        self._errors: dict[str, float] = {}  # validation RMSE, px
        self._reading = threading.Lock()
        for reference in references:
            if isinstance(reference, (str, Path)) and all((Path(reference) / file).is_file() for file in NEEDED):
                folder: Path | None = Path(reference)
                name, (colour, error) = Path(reference).resolve().name, _stated(Path(reference))
            else:
                detector = load(reference) if isinstance(reference, (str, Path)) else reference
                name, colour, error = detector.name, detector.colour, detector.validation_rmse
                folder = detector.folder
                self._read.setdefault(name, detector)
            if name in self._errors:
                raise FkdError(f"two of the checkpoints have the name {name}: the page needs one name for each")
            self.colours[name], self._errors[name] = colour, error
            if folder:
                self.folders[name] = folder

    def by_error(self) -> list[str]:
        """List the names, the lowest validation RMSE first."""
        return sorted(self._errors, key=self._errors.__getitem__)

    def read(self, names: Iterable[str]) -> None:
        """Read detectors now. Raises FkdError or FileNotFoundError if one is damaged."""
        for name in names:
            self._reading_once(name)

    def __getitem__(self, name: str) -> Detector:
        if name not in self._errors:
            raise KeyError(name)
        try:
            return self._reading_once(name)
        except (FkdError, OSError) as error:  # the host's mistake: visitors get an apology, the log the reason
            raise RuntimeError(f"{name} cannot be read") from error

    def _reading_once(self, name: str) -> Detector:
        if name not in self._read:
            with self._reading:
                if name not in self._read:
                    self._read[name] = load(self.folders[name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._errors

    def __iter__(self) -> Iterator[str]:
        return iter(self._errors)

    def __len__(self) -> int:
        return len(self._errors)


def _stated(folder: Path) -> tuple[str, float]:
    """Return colour and validation RMSE, px, from a config.json, which `load` checks later.

    Raises FkdError if it is not JSON.
    """
    config = read_json(folder / CONFIG)
    try:
        return network_colour(str(config["model"]["name"])), float(config["training"]["validation_rmse"])
    except (KeyError, TypeError, ValueError):
        return network_colour(""), float("inf")
