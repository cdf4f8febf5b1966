"""Blind votes: which of two detectors' unnamed answers a visitor preferred. Kept apart from every ranking."""

import dataclasses
import threading
from dataclasses import dataclass
from pathlib import Path

from fkd.files import STRICT, Count, Line, read_json, typed, write_json
from fkd.hub.errors import HostError

MOST_PAIRS = 1000  # of detectors: more are not kept, so that nobody fills the disk with them
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Tally:
    """How often visitors preferred one of two detectors, called both the same, or both bad."""

    __pydantic_config__ = STRICT

    first: Line
    second: Line
    first_better: Count = 0
    second_better: Count = 0
    same: Count = 0
    bad: Count = 0

    def sentence(self) -> str:
        """The counts in words."""
        total = self.first_better + self.second_better + self.same + self.bad
        return (
            f"Votes of visitors of this page: {self.first} better {self.first_better}, {self.second} better "
            f"{self.second_better}, the same {self.same}, both bad {self.bad}, of {total}."
        )


def read_votes(path: Path) -> list[Tally]:
    """What `add_vote` kept. Raises HostError for a file that is not of its making."""
    try:
        return typed(read_json(path), list[Tally], str(path)) if path.exists() else []
    except ValueError as error:
        raise HostError(str(error)) from None


def add_vote(path: Path, first: str, second: str, choice: str) -> Tally:
    """Counts one vote, "first_better", "second_better", "same" or "bad", and returns the tally of the two.

    Raises ValueError for another choice, or too many pairs, and HostError as `read_votes` does.
    """
    swapped = first > second
    first, second = sorted((first, second))
    if swapped:
        choice = {"first_better": "second_better", "second_better": "first_better"}.get(choice, choice)
    if choice not in ("first_better", "second_better", "same", "bad"):
        raise ValueError(f"{choice[:40]!r} is not a vote")
    with _LOCK:
        tallies = {(tally.first, tally.second): tally for tally in read_votes(path)}
        if (first, second) not in tallies and len(tallies) >= MOST_PAIRS:
            raise ValueError("this page counts no more pairs of models")
        before = tallies.get((first, second), Tally(first, second))
        tallies[first, second] = dataclasses.replace(before, **{choice: getattr(before, choice) + 1})
        write_json(path, [dataclasses.asdict(tally) for tally in tallies.values()])
    return tallies[first, second]
