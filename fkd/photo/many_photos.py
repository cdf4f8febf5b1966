"""Many photos at once: from files and zips, one after the other; unreadable files are reported with the rest."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from fkd.errors import FkdError
from fkd.files import one_line, open_regular
from fkd.photo.detector import Detector
from fkd.photo.face import Face, FaceBox
from fkd.photo.finder import find_faces
from fkd.photo.predict import predict
from fkd.photo.reading import MOST_FILE_BYTES, PHOTOS, read_photo
from fkd.zips import open_member, open_zip

MOST_PHOTOS, MOST_BYTES = 200, 500_000_000  # of one batch; bytes as unpacked
MOST_FACES = 100  # of one photo


@dataclass(frozen=True)
class Answered:
    """One photo of a batch: its name, the upright photo and its faces, or why it has none of them.

    Photos are large: whoever collects answers keeps them without (`dataclasses.replace(answered, photo=None)`).
    """

    name: str
    photo: Image.Image | None
    faces: list[Face]
    problem: str


@dataclass(frozen=True)
class Source:
    """A photo yet to be read: a file, or a member of a zip; or what cannot be one, and the problem with it."""

    name: str
    file: Path
    member: zipfile.ZipInfo | None = None
    problem: str = ""


def list_sources(files: Sequence[Path | str]) -> list[Source]:
    """The photos among files and in zips (not zips in zips), in the order given; other files are left out.

    A damaged zip is a source with a problem. Raises FkdError for no photo at all, more than MOST_PHOTOS, or more
    than MOST_BYTES.
    """
    sources: list[Source] = []
    size = 0
    for file in map(Path, files):
        _check(len(sources), size)  # before the next is opened: a request may name one zip any number of times
        if file.suffix.lower() == ".zip":
            name = one_line(file.name)
            try:
                with open_regular(file, MOST_BYTES) as opened, open_zip(opened, name) as archive:
                    members = [info for info in archive.infolist() if _is_photo(info.filename)]
            except FkdError as error:
                sources.append(Source(name, file, problem=str(error)))
                continue
            size += sum(info.file_size for info in members)
            sources += [Source(_harmless(info.filename), file, info) for info in members]
        elif _is_photo(file.name):
            size += file.stat().st_size if file.is_file() else 0
            sources.append(Source(_harmless(file.name), file))
    if all(source.problem for source in sources):
        problems = [source.problem for source in sources]
        raise FkdError("; ".join(problems) or f"there is no photo ({', '.join(PHOTOS)}) among these files")
    _check(len(sources), size)
    return sources


def _check(photos: int, size: int) -> None:
    if photos > MOST_PHOTOS or size > MOST_BYTES:
        raise FkdError(
            f"{photos:,} photos of {size / 1e6:,.0f} MB are more than one batch takes "
            f"({MOST_PHOTOS} photos, {MOST_BYTES / 1e6:.0f} MB): split them"
        )


def answer(detector: Detector, sources: Sequence[Source]) -> Iterator[Answered]:
    """Finds the faces of each photo and their keypoints, one photo at a time, so that a caller may stop."""
    return (_answer(detector, source) for source in sources)


def find_at_most(photo: Image.Image) -> list[FaceBox]:
    """As `find_faces`, the largest MOST_FACES: so a crowd photo cannot block the server for hours."""
    return find_faces(photo)[:MOST_FACES]


def _answer(detector: Detector, source: Source) -> Answered:
    try:
        photo = _read(source)
        return Answered(source.name, photo, predict(detector, photo, find=find_at_most), "")
    except FkdError as error:
        return Answered(source.name, None, [], str(error))


def _is_photo(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts)
    return path.suffix.lower() in PHOTOS and not hidden


def _harmless(name: str) -> str:
    """A name that leads nowhere else, wherever the answers are unpacked or printed."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return one_line("/".join(part for part in parts if part not in ("/", "//", "..")))


def _read(source: Source) -> Image.Image:
    if source.problem:
        raise FkdError(source.problem)
    if not source.member:
        return read_photo(source.file, source.name)
    with (
        open_regular(source.file, MOST_BYTES) as opened,
        open_zip(opened, source.name) as archive,
        open_member(archive, source.member, MOST_FILE_BYTES, source.name) as member,
    ):
        return read_photo(io.BytesIO(member.read()), source.name)
