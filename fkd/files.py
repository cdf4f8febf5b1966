"""Write files atomically, and read untrusted ones strictly: `read_json` within a size limit, `typed` a dataclass."""

import atexit
import csv
import dataclasses
import datetime
import functools
import hashlib
import io
import json
import os
import re
import shutil
import stat
import tempfile
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, dataclass_transform

import pydantic.dataclasses
import pydantic_core
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from fkd.errors import FkdError

Result = TypeVar("Result")
LARGEST = 1_000_000  # bytes of a JSON file
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
# Types of fields in records. The limits keep sums finite and tables readable.
Count = Annotated[int, Field(ge=0, le=2**53)]
Figure = Annotated[float, Field(ge=0, le=1e9)]
Signed = Annotated[float, Field(ge=-1e9, le=1e9)]
Line = Annotated[str, Field(max_length=300, pattern=r"^\P{C}*$")]  # no control characters
# As 2026-01-31, or empty.
Date = Annotated[
    str, Field(max_length=10), AfterValidator(lambda text: text and datetime.date.fromisoformat(text).isoformat())
]
MARKDOWN = re.compile(r"[\\`*_\[\]<>&|~#!@]|:(?=//)|(?<=www)\.", re.I)  # addresses become links, too


def one_line(text: object, most: int = 100) -> str:
    """Make untrusted text safe to quote in a message: printable, one line, truncated."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(text)).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def markdown(text: object) -> str:
    """Escape untrusted text for Markdown: it is shown verbatim, on one line, without pictures, links and tags."""
    return MARKDOWN.sub(r"\\\g<0>", one_line(text, 2000))


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 face, 2 faces."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def file_stem(name: str) -> str:
    """The file stem for a model name: user--name for user/name."""
    return name.replace("/", "--")


def open_regular(path: Path | str, most_bytes: int) -> io.BufferedReader:
    """Open a file. Raises FkdError if it has more than `most_bytes`, or is a pipe or a device, which may never end."""
    path = Path(path)
    name = one_line(path.name)
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise FkdError(f"{name} is not a regular file")
        if state.st_size > most_bytes:
            raise FkdError(f"{name} is larger than {most_bytes / 1e6:,.0f} MB")
        return path.open("rb")
    except FkdError:
        raise
    except FileNotFoundError:
        raise FkdError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:  # a ValueError for a name with a NUL
        raise FkdError(f"{name} cannot be opened ({getattr(error, 'strerror', error)})") from None


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path` if the block ends without an error.

    Raises OSError, with what to do, if `path` cannot be written.
    """
    path = Path(path)
    if not path.name:
        raise OSError(f"{path} is a folder, expected a name to write")
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=path.parent, prefix=_temporary_prefix(path))
    with temporary as folder:
        unfinished = Path(folder) / path.name
        yield unfinished
        os.replace(unfinished, path)


def check_writable(path: Path) -> None:
    """Raise OSError, with what to do, unless `path` can be written; leaves nothing behind."""
    with _writing(path), tempfile.TemporaryFile(dir=next(each for each in path.absolute().parents if each.exists())):
        pass


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{path} cannot be written ({error.strerror}): make it writable, or choose another place"
        raise OSError(what) from None


def remove_leftovers(path: Path | str) -> None:
    """Remove temporary files of interrupted writes of `path`. Nothing may be writing `path` meanwhile."""
    for folder in Path(path).parent.glob(f"{_temporary_prefix(Path(path))}*"):
        shutil.rmtree(folder)


def _temporary_prefix(path: Path) -> str:
    return f".fkd-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}-"  # unique to this name


def cache_folder() -> Path:
    """Return the folder of files that can be made again: FKD_CACHE or ~/.cache/fkd, or a temporary one instead."""
    return _writable(os.environ.get("FKD_CACHE") or "~/.cache/fkd")


@functools.cache
def _writable(name: str) -> Path:
    """The folder of this name; a temporary one, for this process, if it is not writable."""
    try:
        folder = Path(name).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as error:  # the latter for no HOME and no entry of this user, as in a container
        warnings.warn(f"nothing is cached for the next start; set FKD_CACHE: {error}", stacklevel=4)
        folder = Path(tempfile.mkdtemp(prefix="fkd-cache-"))  # others could write into one with a known name
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_version(state: os.stat_result) -> tuple[int, ...]:
    """A key that changes when a file is written again, even if its size and date are restored."""
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def write_json(path: Path | str, value: Any) -> None:
    """Write a value as indented JSON."""
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path | str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a csv for people: spreadsheets read it as UTF-8, and none of its texts as a formula."""
    with Path(path).open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        for row in rows:
            table.writerow({name: f"'{cell}" if _is_formula(cell) else cell for name, cell in row.items()})


def _is_formula(cell: object) -> bool:
    return isinstance(cell, str) and unicodedata.normalize("NFKC", cell).lstrip().startswith(("=", "+", "-", "@"))


def read_bytes(path: Path | str, largest: int = LARGEST) -> bytes:
    """The contents of a regular file. Raises FileNotFoundError, or FkdError as `open_regular`."""
    if not Path(path).exists():
        raise FileNotFoundError(f"{path} does not exist")
    with open_regular(path, largest) as file:
        return file.read()


def read_json(path: Path | str, largest: int = LARGEST) -> Any:
    """The JSON value in a file. Raises as `read_bytes` and `parse_json`."""
    return parse_json(read_bytes(path, largest), str(path))


def parse_json(content: bytes | str, where: str) -> Any:
    """Parse standard JSON, without NaN or deep nesting. Raises FkdError of one line that begins with `where`."""
    try:
        return pydantic_core.from_json(content, allow_inf_nan=False)
    except ValueError as error:  # pydantic raises no more specific type here
        raise FkdError(f"{where} is not readable as JSON ({one_line(error)})") from None


def typed(value: Any, result_type: type[Result], where: str, strict: bool = True) -> Result:
    """Make a STRICT dataclass, or a list of them, of a JSON value. Raises FkdError: `where`, the field and its value.

    strict: take no text for a number.
    """
    try:
        result: Result = _adapter(cast(Any, result_type)).validate_json(json.dumps(value), strict=strict)
        return result
    except ValidationError as error:
        raise FkdError(sentence_of(error, where)) from None


@functools.cache
def _adapter(result_type: Any) -> TypeAdapter[Any]:
    return TypeAdapter(result_type)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, Field))
def strict_dataclass(cls: type[Result]) -> type[Result]:
    """A frozen dataclass that checks its fields when it is made: FkdError names the field and the expected value."""
    checked = pydantic.dataclasses.dataclass(frozen=True, config=STRICT)(cast(Any, cls))
    names = [field.name for field in dataclasses.fields(checked)]
    validate = checked.__init__

    @functools.wraps(validate)
    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            validate(self, **dict(zip(names, args, strict=False)), **kwargs)
        except ValidationError as error:  # pydantic wraps whatever a validator raises, so it is caught here
            raise FkdError(sentence_of(error, "settings")) from None

    checked.__init__ = make  # type: ignore[method-assign]
    return cast(type[Result], checked)


def sentence_of(error: ValidationError, where: str) -> str:
    """The first problem of a validation in one line, as in "config.json: lr is -1, expected greater than 0"."""
    first = error.errors(include_url=False)[0]
    place = ".".join(one_line(part, 60) for part in first["loc"])
    start, problem = f"{where}: {place}" if place else where, first["msg"].removeprefix("Value error, ")[:300]
    if not problem.startswith("Input should be "):
        return f"{start}: {problem}"
    value = one_line(json.dumps(first["input"], default=str), 60)
    return f"{start} is {value}, expected {problem.removeprefix('Input should be ')}"
