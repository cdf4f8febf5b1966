"""Files: written so that a reader sees the old one or the new one whole, and opened with a stranger's in mind."""

import json
import os
import stat
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def one_line(text: object, most: int = 100) -> str:
    """Text from outside (a file's name, a library's error) as a sentence can quote it: printable, one line, cut."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(text)).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def open_regular(path: Path | str, most_bytes: int) -> BinaryIO:
    """Opens a file to read its bytes.

    Raises ValueError, naming the file, if it is missing, cannot be opened, has more than `most_bytes`, or is not a
    regular file: to open a pipe would wait for ever, and a device may never end.
    """
    path = Path(path)
    name = one_line(path.name)
    try:
        state = path.stat()
        regular = stat.S_ISREG(state.st_mode)
        file = path.open("rb") if regular and state.st_size <= most_bytes else None
    except FileNotFoundError:
        raise ValueError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:  # a ValueError where the name has a NUL
        raise ValueError(f"{name} cannot be opened ({getattr(error, 'strerror', error)})") from None
    if not regular:
        raise ValueError(f"{name} is not a regular file")
    if file is None:
        raise ValueError(f"{name} is larger than {most_bytes / 1e6:,.0f} MB")
    return file


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Gives a path aside to write to, and renames it to `path` if the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_aside_prefix(path)) as aside:
        yield Path(aside) / path.name
        os.replace(Path(aside) / path.name, path)


def remove_leftovers(path: Path | str) -> None:
    """Removes what killed writes of `path` left aside. Only for who knows that nobody is writing it now."""
    path = Path(path)
    for aside in path.parent.iterdir():
        if aside.name.startswith(_aside_prefix(path)) and aside.is_dir():
            shutil.rmtree(aside)


def _aside_prefix(path: Path) -> str:
    return f".fkd-{path.name[:40]}-"  # cut, so that a long name stays one that a file can have


def write_json(path: Path | str, value: dict) -> None:
    """Writes a value as indented JSON."""
    with replacing(path) as aside:
        aside.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")
