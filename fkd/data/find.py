"""Find the competition's csv files in the layouts that people have: folders, zips, renamed downloads."""

import io
import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath, PurePosixPath

from fkd.data.table import listing
from fkd.errors import FkdError
from fkd.files import one_line, open_regular
from fkd.zips import open_gzip, open_member, open_zip

COMPETITION = "facial-keypoints-detection"
BUNDLE = f"{COMPETITION}.zip"
WHERE_TO_GET = (
    f"get the files from https://www.kaggle.com/c/{COMPETITION}/data (a free account, and the competition's rules "
    "accepted there)"
)
MAX_BYTES = 1_000_000_000  # of a csv; the competition's training.csv has 240 MB
MAX_ENTRIES, MAX_ZIPS = 10_000, 20  # searched in a folder
ENDINGS = (".csv", ".csv.gz", ".csv.zip", ".zip")  # in the order of preference


def find_csv(data: Path, stem: str) -> Path:
    """Finds STEM.csv: a csv, or a zip or gzip that holds it.

    `data` may be the file itself, or a folder with the file at most two folders below it. The exact name comes
    before a variant (another case, "STEM (1).csv"), and either before a zip of another name.

    Raises:
        FkdError: the file was not found; the message lists the folder's contents.
    """
    if not data.exists():
        raise FkdError(f"{data} does not exist: {WHERE_TO_GET}")
    files = [data] if data.is_file() else _files(data)
    if named := _best(files, stem):
        return Path(named)
    zips = sorted((path for path in files if path.suffix.lower() == ".zip"), key=lambda path: path.name != BUNDLE)
    for path in zips[:MAX_ZIPS]:
        with open_regular(path, MAX_BYTES) as file, open_zip(file, one_line(path.name)) as archive:
            if _best(map(PurePosixPath, archive.namelist()), stem):
                return path
    if data.is_file():
        raise FkdError(f"{one_line(data.name)} is neither {stem}.csv nor a zip that holds it: {WHERE_TO_GET}")
    entries = listing(sorted(path.name for path in itertools.islice(data.iterdir(), MAX_ENTRIES)))
    raise FkdError(
        f"no {stem}.csv in {data}, which holds {entries or 'nothing'}; expected {stem}.csv, {stem}.zip or {BUNDLE}: "
        f"{WHERE_TO_GET}"
    )


@contextmanager
def open_csv(path: Path, stem: str) -> Iterator[tuple[str, io.BufferedReader]]:
    """Opens the csv that `find_csv` found, unpacked as it is read.

    Yields:
        Its name for messages, and the csv's bytes. Reading raises FkdError where a zip is damaged or too large.
    """
    with ExitStack() as stack:
        label = one_line(path.name)
        file = stack.enter_context(open_regular(path, MAX_BYTES))
        is_zip = path.suffix.lower() == ".zip"
        for _ in range(2):  # a zip may hold training.zip
            if is_zip or _starts_with(file, b"PK"):
                archive = stack.enter_context(open_zip(file, label))
                name = _member(archive.namelist(), stem, label)
                label = f"{label}/{one_line(PurePosixPath(name).name)}"
                file = open_member(archive, archive.getinfo(name), MAX_BYTES, label)
                is_zip = _starts_with(file, b"PK")
                if is_zip:
                    file = io.BufferedReader(io.BytesIO(file.read()))
        if _starts_with(file, b"\x1f\x8b"):
            file = open_gzip(file, MAX_BYTES, label)
        yield label, file


def _files(folder: Path) -> list[Path]:
    """The files in a folder and two folders down."""
    entries = [itertools.islice(folder.glob(pattern), MAX_ENTRIES) for pattern in ("*", "*/*", "*/*/*")]
    return sorted(path for path in itertools.chain(*entries) if path.suffix and path.is_file())


def _best(paths: Iterable[PurePath], stem: str) -> PurePath | None:
    """The path that fits STEM.csv best: an exact name, then the fewest folders, then by ENDINGS; None if none fits."""
    ranked = []
    for path in paths:
        name = re.sub(r" ?\(\d+\)", "", path.name).casefold()
        endings = [ending for ending in ENDINGS if name == f"{stem}{ending}".casefold()]
        if endings and "__MACOSX" not in path.parts:
            variant = path.name != stem + endings[0]
            ranked.append((variant, len(path.parts), ENDINGS.index(endings[0]), path))
    return min(ranked)[-1] if ranked else None


def _member(names: Iterable[str], stem: str, label: str) -> str:
    """The member of a zip that is STEM.csv, or else its only csv."""
    paths = [PurePosixPath(name) for name in names if not name.endswith("/")]
    if best := _best(paths, stem):
        return str(best)
    tables = [path for path in paths if path.name.lower().endswith((".csv", ".csv.gz")) and path.name[0] != "."]
    if len(tables) != 1:
        raise FkdError(f"{label} holds {len(tables)} csv files, expected {stem}.csv")
    return str(tables[0])


def _starts_with(file: io.BufferedReader, magic: bytes) -> bool:
    return file.peek(len(magic))[: len(magic)] == magic
