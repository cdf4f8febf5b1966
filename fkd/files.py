"""Writing files so that a reader sees the old one or the new one whole, never a half."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Gives a path aside to write to, and renames it to `path` if the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as aside:
        yield Path(aside) / path.name
        os.replace(Path(aside) / path.name, path)


def write_json(path: Path | str, value: dict) -> None:
    """Writes a value as indented JSON."""
    with replacing(path) as aside:
        aside.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")
