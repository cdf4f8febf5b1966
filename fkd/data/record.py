"""The record of a data set that checkpoints and leaderboard entries keep: name, terms, counts, fingerprints."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from fkd.files import Count, Line, strict_dataclass


@strict_dataclass
class FaceCounts:
    """How many faces each part has."""

    train: Count = 0
    validation: Count = 0
    test: Count = 0


@strict_dataclass
class Fingerprints:
    """The `fkd.data.split.fingerprint` of each part; empty where it was not recorded."""

    train: Line = ""
    validation: Line = ""
    test: Line = ""


@strict_dataclass
class DataRecord:
    """The training data of a model. terms: of the data, empty if not stated."""

    name: Line
    terms: Annotated[str, Field(max_length=2000)] = ""
    faces: FaceCounts = FaceCounts()
    fingerprints: Fingerprints = Fingerprints()


def data_name(data: Path) -> str:
    """Return the name of a data set in records: its folder's or file's."""
    path = data.resolve()
    return path.stem if path.is_file() else path.name
