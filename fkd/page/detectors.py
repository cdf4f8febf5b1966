"""The detectors of a page: its own, loaded on first use, and Hub models that visitors add while it runs."""

import math
import tempfile
import threading
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import safetensors

from fkd.errors import FkdError
from fkd.files import read_json
from fkd.hub.errors import HostError
from fkd.hub.reference import SCHEME, HubModel, load
from fkd.hub.repository import networks_in, pull
from fkd.learn.record import CONFIG, WEIGHTS
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.kinds import READERS, try_file

NEEDED = (CONFIG, WEIGHTS)  # of a checkpoint folder
MAX_MODELS, MAX_PARAMETERS = 12, 100_000_000  # of the models of all visitors together
MAX_BYTES = 200_000_000  # weights of one


class LazyDetectors(Mapping[str, Detector]):
    """The page's own detectors by name; a checkpoint folder is read on first use. folders: by name.

    Raises FkdError if two detectors have one name, or a reference cannot be read.
    """

    def __init__(self, references: Sequence[Path | str | Detector]):
        self.folders: dict[str, Path] = {}
        self._loaded: dict[str, Detector] = {}
        self._errors: dict[str, float] = {}  # validation RMSE, px
        self._loading = threading.Lock()
        for reference in references:
            folder: Path | None
            if isinstance(reference, (str, Path)) and all((Path(reference) / file).is_file() for file in NEEDED):
                folder = Path(reference)
                name, error = folder.resolve().name, _validation_rmse(folder)
            else:
                detector = _try_and_load(reference) if isinstance(reference, (str, Path)) else reference
                name, error, folder = detector.name, detector.validation_rmse, detector.folder
                self._loaded.setdefault(name, detector)
            if name in self._errors:
                raise FkdError(f"two of the checkpoints have the name {name}: the page needs one name for each")
            self._errors[name] = error
            if folder:
                self.folders[name] = folder

    def by_error(self) -> list[str]:
        """List the names, the lowest validation RMSE first."""
        return sorted(self._errors, key=self._errors.__getitem__)

    def load(self, name: str) -> Detector:
        """Load a detector, once. Raises FkdError or FileNotFoundError if it is damaged."""
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = load(self.folders[name])
        return self._loaded[name]

    def __getitem__(self, name: str) -> Detector:
        if name not in self._errors:
            raise KeyError(name)
        try:
            return self.load(name)
        except (FkdError, OSError) as error:  # the host's mistake: visitors get an apology, the log the reason
            raise RuntimeError(f"{name} cannot be read") from error

    def __contains__(self, name: object) -> bool:
        return name in self._errors

    def __iter__(self) -> Iterator[str]:
        return iter(self._errors)

    def __len__(self) -> int:
        return len(self._errors)


class Detectors(ChainMap[str, Detector]):
    """The page's own detectors and those added by visitors, by name; the oldest of the latter are dropped first.

    Visitors' models are stored outside the host's cache of the Hub.
    """

    def __init__(self, own: LazyDetectors):
        self.own = own
        self._added: dict[str, Detector] = {}
        self._folders: dict[str, tempfile.TemporaryDirectory[str]] = {}
        self._parameters: dict[str, int] = {}
        self._turn = threading.Lock()
        super().__init__(self._added, own)  # type: ignore[arg-type]  # only the first is ever written

    def add(self, reference: str) -> str:
        """Pull a public user/repo[@revision], and return its name here. Raises FkdError if it is not safe to load."""
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
        parameters = _count_parameters(pulled / WEIGHTS)
        with self._turn:
            if name in self._added:
                self._drop(name)
            while self._added and (
                len(self._added) >= MAX_MODELS or sum(self._parameters.values()) + parameters > MAX_PARAMETERS
            ):
                self._drop(next(iter(self._added)))
            self._added[name], self._folders[name], self._parameters[name] = detector, folder, parameters
        return name

    def _drop(self, name: str) -> None:
        del self._added[name], self._parameters[name]
        self._folders.pop(name).cleanup()


def _count_parameters(weights: Path) -> int:
    with safetensors.safe_open(weights, "np") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - not a dict


def _try_and_load(reference: str | Path) -> Detector:
    kind, _, file = str(reference).partition(":")
    if kind in READERS:
        try_file(kind, Path(file))
    return load(reference)


def _validation_rmse(folder: Path) -> float:
    """Return the validation RMSE, px, in a config.json, which `load` checks later; inf if it learned those faces."""
    config = read_json(folder / CONFIG)
    try:
        training = config["training"]
        return float("inf" if training.get("validation_too") else training["validation_rmse"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return float("inf")
