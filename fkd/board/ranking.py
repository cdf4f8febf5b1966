"""Entries and claims -> a ranking, row by row; nothing is drawn here."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fkd.board.entries import Benchmark, Claim, Entries
from fkd.board.record import Evaluation, skeleton
from fkd.keypoints import NAMES
from fkd.metrics import METRICS, RMSE, resampled_rmse

Status = Literal["verified", "not verified", "unreadable", "claimed"]


@dataclass(frozen=True)
class RankingRow:
    """One row of a ranking: a measured entry, a Hub model's claim, or a file that is not an entry.

    Attributes:
        name: The entry's, the repository's or the file's.
        unranked: Why it has no rank, or empty.
        figures, aligned: By the keys of METRICS; unknown ones are None or missing.
        tied: Whether it shares its rank.
    """

    name: str
    status: Status
    unranked: str
    figures: Mapping[str, float | None] = field(default_factory=dict)
    aligned: Mapping[str, float | None] = field(default_factory=dict)
    network: str = ""
    parameters: int | None = None
    date: str = ""
    entry: Evaluation | None = None
    rank: int | None = None
    tied: bool = False

    @property
    def owner(self) -> str:
        """The owner on the Hub; empty for a local checkpoint."""
        return self.name.rpartition("/")[0]

    @property
    def rmse(self) -> float:
        """The figure to sort by, px; inf if unknown."""
        rmse = self.figures.get(RMSE.key)
        return math.inf if rmse is None else rmse

    def record(self) -> dict[str, Any]:
        """Return the row as a flat JSON object, with the same keys for every row; unknown values are None.

        The RMSE of each keypoint (px) has the keypoint's name as its key.
        """
        entry = self.entry
        accuracy, cost = (entry.accuracy, entry.cost) if entry else (None, None)
        record: dict[str, Any] = {"rank": self.rank, "tied": self.tied, "status": self.status, "model": self.name}
        record |= {"owner": self.owner, "network": self.network}
        record |= {metric.key: self.figures.get(metric.key) for metric in METRICS}
        record |= {f"aligned_{metric.key}": self.aligned.get(metric.key) for metric in METRICS}
        record |= {name: getattr(self, name) for name in ("parameters", "date", "unranked")}
        record |= {name: getattr(accuracy, name, None) for name in ("rmse_low", "rmse_high")}
        record |= {name: getattr(cost, name, None) for name in ("macs", "latency_ms", "hardware")}
        record |= {name: getattr(entry, name, None) for name in ("members", "mirror")}
        record["trained_on"] = entry.data.name if entry else None
        return record | (accuracy.rmse_by_keypoint if accuracy else dict.fromkeys(NAMES))


def ranking(
    benchmark: Benchmark, entries: Entries, weights: Mapping[str, Path], claims: Iterable[Claim] = ()
) -> list[RankingRow]:
    """Rank entries by test RMSE; unranked rows come last, with the reason.

    An entry that is `tied` with the best of a rank shares it. weights: the checkpoints at hand by `Evaluation.keys`; an
    entry with any others is not verified. A claim is replaced by the model's entry if that was measured at the claim's
    revision, or has the RMSE it states.
    """
    measured = {entry.name: entry for entry in entries.measured}
    rows = [_entry_row(benchmark, entry, weights) for entry in entries.measured]
    for claim in claims:
        entry, row = measured.get(claim.repo), _claim_row(claim)
        is_measured = entry and (entry.revision == claim.revision or abs(row.rmse - entry.accuracy.rmse) < 1e-3)
        if claim.benchmark == benchmark.name and not is_measured:
            rows.append(row)
    rows += [RankingRow(name, "unreadable", why) for name, why in entries.unreadable.items()]
    unranked = [row for row in rows if row.unranked]
    rows = [*_without_repeats([row for row in rows if not row.unranked], weights), *unranked]
    rows.sort(key=lambda row: (row.entry is None, row.rmse))  # measured ones first, then claims
    return [*_ranked([row for row in rows if not row.unranked]), *(row for row in rows if row.unranked)]


def unranked_reason(benchmark: Benchmark, entry: Evaluation) -> str:
    """Return why an entry is not ranked even if it is verified; empty if it is ranked."""
    if entry.fingerprint != benchmark.fingerprint:
        return f"measured on other test data ({entry.fingerprint[:40]}, not {benchmark.fingerprint})"
    if (entry.accuracy.faces, entry.accuracy.values) != (benchmark.faces, benchmark.values):
        return f"measured on {entry.accuracy.values} of {benchmark.values} coordinates"
    if benchmark.labels and entry.detail.labels != benchmark.labels:
        return f"it counts other labels face by face ({entry.detail.labels}, not {benchmark.labels})"
    return "" if entry.held_out else "its checkpoint does not record that the test faces were kept out of training"


def tied(first: Evaluation, second: Evaluation) -> bool:
    """Whether the difference between two entries' RMSE may be 0; False if they count other labels face by face.

    It may if 0 is in the 95% interval of a paired bootstrap by face: each resample has the same faces for both (Efron &
    Tibshirani 1993, chapter 13).
    """
    if first.detail.values != second.detail.values:
        return False
    values = tuple(first.detail.values)
    first_rmse, second_rmse = (_resampled_rmse(tuple(entry.detail.squares), values) for entry in (first, second))
    low, high = np.quantile(first_rmse - second_rmse, (0.025, 0.975))
    return bool(low <= 0 <= high)


@functools.lru_cache(32)
def _resampled_rmse(squares: tuple[float, ...], values: tuple[int, ...]) -> np.ndarray:
    """Cached `resampled_rmse`: the best entry of a rank is compared with several others."""
    return resampled_rmse(np.array(squares), np.array(values))


def _entry_row(benchmark: Benchmark, entry: Evaluation, weights: Mapping[str, Path]) -> RankingRow:
    status: Status = "verified"
    reasons = [unranked_reason(benchmark, entry)]
    if missing := [key for key in entry.keys if key not in weights]:
        status = "not verified"
        absent = (
            f"its checkpoint ({missing[0][:12]}) is not in the folder of checkpoints, so it cannot be measured again"
        )
        hub = f"no commit of {entry.name} with its weights was pulled here: `fkd evaluate hf:{entry.name}` measures it"
        reasons.append(hub if "/" in entry.name else absent)
    return RankingRow(
        entry.name, status, "; ".join(filter(None, reasons)), entry.accuracy.figures, entry.aligned or {}, entry.model,
        entry.cost.parameters, entry.date, entry,
    )  # fmt: skip


def _without_repeats(rows: Iterable[RankingRow], weights: Mapping[str, Path]) -> Iterator[RankingRow]:
    """Yield rows of entries, of which only one of the same weights and averaging, or of names that look alike, ranks.

    It is the one named after its checkpoint; else that with the larger error, the earlier date, the first name.
    """

    def order(row: RankingRow) -> tuple[bool, float, str, str]:
        own = row.entry and weights[row.entry.keys[0]].name + "-mirror" * row.entry.mirror
        return own != row.name, -round(row.rmse, 2), row.date, row.name

    seen: dict[object, str] = {}
    for row in sorted(rows, key=order):
        assert row.entry
        result = frozenset(row.entry.weights), row.entry.mirror
        keys = {result: "the same weights and averaging", skeleton(row.name): "a name that looks the same"}
        same = [f"{seen[key]} has {what}" for key, what in keys.items() if key in seen]
        if not same:
            seen |= dict.fromkeys(keys, row.name)
        yield dataclasses.replace(row, unranked="".join(same[:1]))


def _claim_row(claim: Claim) -> RankingRow:
    reason = f"claimed by its author, not measured here: `fkd evaluate hf:{claim.repo}` measures and ranks it"
    return RankingRow(claim.repo, "claimed", reason, claim.figures, {}, claim.network, claim.parameters, claim.date)


def _ranked(rows: Sequence[RankingRow]) -> list[RankingRow]:
    """Add ranks to rows sorted by RMSE: a row tied with the best of a rank shares it."""
    ranks: list[int] = []
    leader: Evaluation | None = None
    for place, row in enumerate(rows, 1):
        assert row.entry
        if leader and tied(leader, row.entry):
            ranks.append(ranks[-1])
        else:
            leader = row.entry
            ranks.append(place)
    return [
        dataclasses.replace(row, rank=rank, tied=ranks.count(rank) > 1) for row, rank in zip(rows, ranks, strict=True)
    ]
