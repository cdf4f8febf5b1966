"""The record of a data set that checkpoints and leaderboard entries keep: name, terms, counts, fingerprints."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fkd.files import STRICT, Count, Line


@dataclass(frozen=True)
class FaceCounts:
    """How many faces each part has."""

    __pydantic_config__ = STRICT

    train: Count = 0
    validation: Count = 0
    test: Count = 0


@dataclass(frozen=True)
class Fingerprints:
    """The `fkd.data.split.fingerprint` of each part; empty where it was not recorded."""

    __pydantic_config__ = STRICT

    train: Line = ""
    validation: Line = ""
    test: Line = ""


@dataclass(frozen=True)
class DataRecord:
    """The training data of a model. terms: of the data, empty if not stated."""

    __pydantic_config__ = STRICT

    name: Line
    terms: Annotated[str, Field(max_length=2000)] = ""
    faces: FaceCounts = FaceCounts()
    fingerprints: Fingerprints = Fingerprints()
