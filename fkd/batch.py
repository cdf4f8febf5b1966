"""Many photos at once: from files and zips, one after the other, what cannot be read said beside what can."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from fkd.checkpoint import Checkpoint
from fkd.photo_file import PHOTOS, read_photo
from fkd.predict import Face, predict

MOST_PHOTOS, MOST_BYTES = 200, 500_000_000  # of one batch; bytes as unpacked


@dataclass(frozen=True)
class Answered:
    """One photo of a batch: its name, the upright photo and its faces, or why it has none of them."""

    name: str
    photo: Image.Image | None
    faces: list[Face]
    problem: str


@dataclass(frozen=True)
class Source:
    """A photo yet to be read: a file, or a member of a zip."""

    name: str
    file: Path
    member: str = ""


def list_sources(files: Sequence[Path | str]) -> list[Source]:
    """The photos among files and in zips (not zips in zips), in the order given; what is no photo by name is left out.

    Raises ValueError if there is none, more than MOST_PHOTOS, more than MOST_BYTES, or a zip is damaged.
    """
    found, size = [], 0
    for file in map(Path, files):
        if file.suffix.lower() == ".zip":
            try:
                with zipfile.ZipFile(file) as archive:
                    members = [info for info in archive.infolist() if _is_photo(info.filename)]
            except (zipfile.BadZipFile, OSError) as error:
                raise ValueError(f"{file.name} is a damaged zip ({error}): pack it again") from None
            size += sum(info.file_size for info in members)
            found += [Source(info.filename, file, info.filename) for info in members]
        elif _is_photo(file.name):
            size += file.stat().st_size
            found.append(Source(file.name, file))
    if not found:
        raise ValueError(f"there is no photo ({', '.join(PHOTOS)}) among these files")
    if len(found) > MOST_PHOTOS or size > MOST_BYTES:
        raise ValueError(
            f"{len(found):,} photos of {size / 1e6:,.0f} MB are more than one batch takes "
            f"({MOST_PHOTOS} photos, {MOST_BYTES / 1e6:.0f} MB): part them"
        )
    return found


def answer(checkpoint: Checkpoint, sources: Sequence[Source]) -> Iterator[Answered]:
    """Finds the faces of each photo and their keypoints, one photo at a time, so that a caller may stop."""
    for source in sources:
        try:
            photo = _read(source)
            yield Answered(source.name, photo, predict(checkpoint, photo), "")
        except ValueError as error:
            yield Answered(source.name, None, [], str(error))


def _is_photo(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in PHOTOS and not hidden


def _read(source: Source) -> Image.Image:
    if not source.member:
        return read_photo(source.file)
    try:
        with zipfile.ZipFile(source.file) as archive, archive.open(source.member) as member:
            content = member.read(MOST_BYTES + 1)  # a zip may lie about a member's size
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
        raise ValueError(f"{source.name} cannot be unpacked ({error})") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"{source.name} unpacks to more than {MOST_BYTES / 1e6:.0f} MB")
    return read_photo(io.BytesIO(content), source.name)
