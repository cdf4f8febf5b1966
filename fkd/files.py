"""Write files atomically, and read untrusted ones strictly.

Untrusted JSON (entries, claims, config.json, headers of weights) is read by `read_json` or `parse_json`, which accept
plain JSON of limited size, and `typed`, which turns it into a frozen dataclass.
"""

import csv
import functools
import hashlib
import io
import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from fkd.errors import FkdError

Result = TypeVar("Result")
LARGEST, DEEPEST = 1_000_000, 20  # bytes of a file of JSON, levels of brackets in it
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
# Types of fields in records. The limits keep sums finite and tables readable.
Count = Annotated[int, Field(ge=0, le=2**53)]
Figure = Annotated[float, Field(ge=0, le=1e9)]
Signed = Annotated[float, Field(ge=-1e9, le=1e9)]
Line = Annotated[str, Field(max_length=300, pattern=r"^\P{C}*$")]  # no control characters
# pydantic's error type -> the expected value.
EXPECTED = {
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "string_pattern_mismatch": "one line of text of the right form",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "dataclass_type": "an object",
    "too_short": "{min_length} or more of them",
    "too_long": "{max_length} of them at most",
    "string_too_short": "{min_length} characters or more",
    "string_too_long": "{max_length} characters at most",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than_equal": "{le:g} at most",
}


def one_line(text: object, most: int = 100) -> str:
    """Make untrusted text safe to quote in a message: printable, one line, truncated."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(text)).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def file_stem(name: str) -> str:
    """The file stem for a model name: user--name for user/name."""
    return name.replace("/", "--")


def open_regular(path: Path | str, most_bytes: int) -> io.BufferedReader:
    """Open a file to read its bytes.

    Raises FkdError, naming the file, if it is missing, cannot be opened, has more than `most_bytes`, or is not a
    regular file: to open a pipe would wait for ever, and a device may never end.
    """
    path = Path(path)
    name = one_line(path.name)
    try:
        state = path.stat()
        regular = stat.S_ISREG(state.st_mode)
        file = path.open("rb") if regular and state.st_size <= most_bytes else None
    except FileNotFoundError:
        raise FkdError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:  # a ValueError where the name has a NUL
        raise FkdError(f"{name} cannot be opened ({getattr(error, 'strerror', error)})") from None
    if not regular:
        raise FkdError(f"{name} is not a regular file")
    if file is None:
        raise FkdError(f"{name} is larger than {most_bytes / 1e6:,.0f} MB")
    return file


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path` if the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_temporary_prefix(path)) as folder:
        unfinished = Path(folder) / path.name
        yield unfinished
        os.replace(unfinished, path)


def remove_leftovers(path: Path | str) -> None:
    """Remove temporary files of interrupted writes of `path`. Nothing may be writing `path` meanwhile."""
    path = Path(path)
    for sibling in path.parent.iterdir():
        if sibling.name.startswith(_temporary_prefix(path)) and sibling.is_dir():
            shutil.rmtree(sibling)


def _temporary_prefix(path: Path) -> str:
    return (
        f".fkd-{hashlib.sha256(path.name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}-"  # unique to this name
    )


def cache_folder() -> Path:
    """Return the folder for what can be computed again: FKD_CACHE, or ~/.cache/fkd."""
    return Path(os.environ.get("FKD_CACHE") or Path.home() / ".cache" / "fkd")


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path | str, value: Any) -> None:
    """Write a value as indented JSON."""
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_bytes(path: Path | str, largest: int = LARGEST) -> bytes:
    """The contents of a regular file of at most `largest` bytes.

    Raises FileNotFoundError, or FkdError for a larger file or anything but a file.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise FkdError(f"{path} is not a file")
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise FkdError(f"{path} has more than the {largest:,} bytes that fkd reads")
    return content


def read_json(path: Path | str, largest: int = LARGEST) -> Any:
    """The JSON value in a file, as `parse_json` reads it.

    Raises FileNotFoundError, or FkdError with the file and what is wrong with it.
    """
    return parse_json(read_bytes(path, largest), str(path))


def parse_json(content: bytes, where: str) -> Any:
    """Parse standard UTF-8 JSON: without NaN, huge numbers, duplicate keys or deep nesting.

    Raises FkdError of one line that begins with `where`.
    """
    try:
        value = json.loads(
            content.decode(), parse_constant=_refuse, parse_float=_finite, parse_int=_whole, object_pairs_hook=_once
        )
    except RecursionError:
        raise FkdError(f"{where} is not readable as JSON (more than {DEEPEST} levels of brackets)") from None
    except (FkdError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FkdError(f"{where} is not readable as JSON ({error})") from None
    level, depth = [value], 0
    while level := [inner for outer in level if isinstance(outer, dict | list) for inner in _within(outer)]:
        depth += 1
        if depth > DEEPEST:
            raise FkdError(f"{where} is not readable as JSON (more than {DEEPEST} levels of brackets)")
    return value


def typed(value: Any, result_type: type[Result], where: str) -> Result:
    """Make a `result_type` (a dataclass that is STRICT, or a list of them) of a JSON value, field by field.

    Raises FkdError of one line: `where`, the field, its value and the expected one.
    """
    try:
        content = json.dumps(value, ensure_ascii=False).encode()
        return cast(Result, _adapter(cast(Hashable, result_type)).validate_json(content, strict=True))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise FkdError(f"{where}{_sentence(dict(first))}") from None
    except UnicodeEncodeError:
        raise FkdError(f"{where} has text that is not Unicode (half a surrogate pair)") from None


def typed_rows(path: Path | str, result_type: type[Result], largest: int = LARGEST) -> list[Result]:
    """The rows of a csv file with a header, each a `result_type`, a dataclass of numbers; an empty cell is None.

    Raises FileNotFoundError, or FkdError with the file, the row, the value and the expected one.
    """
    try:
        lines = read_bytes(path, largest).decode().splitlines()
        rows = [{name: _number(cell) for name, cell in row.items()} for row in csv.DictReader(lines, restkey="more")]
    except (csv.Error, UnicodeDecodeError) as error:
        raise FkdError(f"{path} is not readable as csv ({error})") from None
    return typed(rows, list[result_type], str(path))  # type: ignore[valid-type]


@functools.cache
def _adapter(result_type: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(result_type)


def _sentence(error: dict[str, Any]) -> str:
    """The message for one of pydantic's errors, without the file's name."""
    place = ""
    for part in error["loc"]:
        part = " ".join(str(part).split())[:60] if isinstance(part, str) else part
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    within, _, field = place.rpartition(".")
    within = f": {within}" if within else ""
    if error["type"] in ("missing", "unexpected_keyword_argument", "extra_forbidden"):
        return f"{within} {'lacks' if error['type'] == 'missing' else 'has the unknown'} {field}"
    place = f": {place}" if place else ""
    if error["type"] == "json_invalid":
        return " is not readable as JSON (too deeply nested)"
    if error["type"] == "value_error":  # of a dataclass's own check
        return f"{place}: {error['ctx']['error']}"
    expected = EXPECTED.get(error["type"], "").format(**error.get("ctx", {}))
    expected = expected or error["msg"].removeprefix("Input should be ")
    return f"{place} is {_short(error['input'])}, expected {expected[:200]}"


def _short(value: Any) -> str:
    text = json.dumps(value, default=lambda other: type(other).__name__)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def _within(value: dict[str, Any] | list[Any]) -> Iterator[Any]:
    return iter(value.values()) if isinstance(value, dict) else iter(value)


def _refuse(constant: str) -> NoReturn:
    raise FkdError(f"{constant} is no number")


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise FkdError(f"{text[:40]} is too large a number")
    return float(text)


def _whole(text: str) -> int:
    if len(text) > 20:
        raise FkdError(f"{text[:20]}... is too large a number")
    return int(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FkdError(f"{twice[:40]!r} is there twice")
    return value


def _number(cell: Any) -> Any:
    """The JSON value of a csv cell: a number if it is one, None if it is empty."""
    if not isinstance(cell, str) or not cell.strip():
        return cell if isinstance(cell, list) else None
    try:
        return int(cell) if cell.strip().isdigit() else _finite(cell)
    except ValueError:
        return cell
