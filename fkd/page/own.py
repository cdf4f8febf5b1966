"""The page's own detectors, by name; the page opens before the networks of its checkpoint folders are read."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fkd.files import read_json
from fkd.hub.reference import load
from fkd.keypoints import FRAME_SIZE
from fkd.learn.record import CONFIG, WEIGHTS
from fkd.photo.colours import network_colour
from fkd.photo.detector import Detector

NEEDED = (CONFIG, WEIGHTS)  # of a checkpoint folder


class Own(Mapping[str, Detector]):
    """Detectors by name, each checkpoint folder read when it is first asked for.

    folders: those that have one, by name. colours: by name, as far as the records tell.
    Raises ValueError or FileNotFoundError for a reference that names no detector, or if two have one name.
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
                raise ValueError(f"two of the checkpoints have the name {name}: the page needs one name for each")
            self.colours[name], self._errors[name] = colour, error
            if folder:
                self.folders[name] = folder

    def by_error(self) -> list[str]:
        """The names, the lowest validation RMSE first."""
        return sorted(self._errors, key=self._errors.__getitem__)

    def read(self) -> None:
        """Reads every detector that has not been read, and has it answer once: a network is compiled for that.

        Raises ValueError or FileNotFoundError as `load` does.
        """
        for name in self:
            self._reading_once(name).on_frames(np.zeros((1, FRAME_SIZE, FRAME_SIZE), np.uint8))

    def __getitem__(self, name: str) -> Detector:
        if name not in self._errors:
            raise KeyError(name)
        try:
            return self._reading_once(name)
        except (ValueError, OSError) as error:  # for the host, who hears of it from `read`, not for visitors
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
    """A colour and a validation RMSE, px, as a config.json has them: `load` is strict about it later.

    Raises ValueError if it is not JSON.
    """
    config = read_json(folder / CONFIG)
    try:
        return network_colour(str(config["model"]["name"])), float(config["training"]["validation_rmse"])
    except (KeyError, TypeError, ValueError):
        return network_colour(""), float("inf")
