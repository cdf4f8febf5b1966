"""Entries and claims -> a ranking, row by row; nothing is drawn here."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fkd.board.entries import Benchmark, Claim, Entries
from fkd.board.record import Evaluation
from fkd.data.record import DataRecord
from fkd.keypoints import NAMES
from fkd.metrics import METRICS, RMSE
from fkd.resampling import resampled_rmse

Status = Literal["verified", "submitted", "not verified", "unreadable", "claimed", "refused"]
MEASURED = ("rmse_low", "rmse_high", "macs", "latency_ms", "hardware", "members", "mirror", "trained_on")


@dataclass(frozen=True)
class RankingRow:
    """One row of a ranking: a measured entry, a Hub model's claim, or a file that is not an entry.

    name: the entry's, the repository's or the file's. status: "verified" was measured by fkd and its weights are at
    hand, "not verified" lacks the weights, "submitted" is a file of predictions. unranked: why it has no rank, or
    empty. rank: from 1. tied: whether it shares its rank. overlap: the sources of the benchmark's faces that its author
    trained on too.
    """

    name: str
    status: Status
    unranked: str
    entry: Evaluation | None = None
    claim: Claim | None = None
    rank: int | None = None
    tied: bool = False
    overlap: str = ""

    @property
    def owner(self) -> str:
        """The owner on the Hub; empty for a local checkpoint."""
        return self.name.rpartition("/")[0]

    @property
    def figures(self) -> Mapping[str, float | None]:
        """By the keys of METRICS; unknown figures are None or missing."""
        if self.entry:
            return self.entry.accuracy.figures
        return self.claim.figures if self.claim else {}

    @property
    def aligned(self) -> Mapping[str, float | None]:
        """The aligned figures (`fkd.board.measuring.aligned`), as `figures`."""
        return (self.entry.aligned or {}) if self.entry else {}

    @property
    def network(self) -> str:
        """fcnn, timm's name, or several of them; empty if unknown."""
        if self.entry:
            return self.entry.model
        return self.claim.network if self.claim else ""

    @property
    def parameters(self) -> int | None:
        """The number of parameters; None if unknown."""
        if self.entry:
            return self.entry.cost.parameters if self.entry.cost else None
        return self.claim.parameters if self.claim else None

    def record(self) -> dict[str, Any]:
        """Return the row as a flat JSON object, with the same keys for every row; unknown values are None.

        The RMSE of each keypoint (px) has the keypoint's name as its key.
        """
        dated = self.entry or self.claim
        return {
            "rank": self.rank,
            "tied": self.tied,
            "status": self.status,
            "model": self.name,
            "owner": self.owner,
            "network": self.network,
            **{metric.key: self.figures.get(metric.key) for metric in METRICS},
            **{f"aligned_{metric.key}": self.aligned.get(metric.key) for metric in METRICS},
            "parameters": self.parameters,
            "date": dated.date if dated else "",
            "unranked": self.unranked,
            "overlap": self.overlap,
            **(_measured(self.entry) if self.entry else dict.fromkeys((*MEASURED, *NAMES))),
        }


def ranking(
    benchmark: Benchmark, entries: Entries, weights: Container[str], claims: Iterable[Claim] = ()
) -> list[RankingRow]:
    """Rank entries by test RMSE; those that may not be ranked come last, with the reason.

    An entry that is `tied` with the best of a rank shares it. weights: the sha256 of the weights at hand; an entry with
    any others is not verified.

    Claims are never ranked: they come last, among the unranked rows. A claim is replaced by the model's entry if that
    was measured at the claim's revision, or has the RMSE it states. A file that is not an entry is a row too.
    """
    rows = [_entry_row(benchmark, entry, weights) for entry in entries.measured]
    measured = {entry.name: entry for entry in entries.measured}
    for claim in claims:
        entry = measured.get(claim.repo)
        if claim.benchmark == benchmark.name and not (entry and _is_of(claim, entry)):
            rows.append(_claim_row(claim))
    rows += [RankingRow(name, "unreadable", why) for name, why in entries.unreadable.items()]
    rows.sort(key=_order)
    return [*_ranked([row for row in rows if not row.unranked]), *(row for row in rows if row.unranked)]


def unranked_reason(benchmark: Benchmark, entry: Evaluation) -> str:
    """Return why an entry is not ranked even if it is verified; empty if it is ranked."""
    if entry.fingerprint != benchmark.fingerprint:
        return f"measured on other test data ({entry.fingerprint[:40]}, not {benchmark.fingerprint})"
    if (entry.accuracy.faces, entry.accuracy.values) != (benchmark.faces, benchmark.values):
        return f"measured on {entry.accuracy.values} of {benchmark.values} coordinates"
    if entry.submitted:
        return "its model was not run here"
    if not entry.held_out and overlap(benchmark, entry.data):
        return _may_have_seen(benchmark, entry)
    if not entry.held_out:
        return "its checkpoint does not record that the test faces were kept out of training"
    return ""


def overlap(benchmark: Benchmark, data: DataRecord) -> str:
    """Return the sources of a benchmark's faces that the training data's record names, separated by commas."""
    named = f"{data.name} {data.terms}".casefold()
    return ", ".join(source for source in benchmark.sources if source.casefold() in named)


def tied(first: Evaluation, second: Evaluation) -> bool:
    """Whether the difference between two entries' RMSE may be 0; False if they count other labels face by face."""
    if first.detail.values != second.detail.values:
        return False
    low, high = difference_interval(first, second)
    return low <= 0 <= high


def difference_interval(first: Evaluation, second: Evaluation) -> tuple[float, float]:
    """Return the 95% interval of the difference of two entries' RMSE, px: a paired bootstrap by face.

    Each resample has the same faces for both (Efron & Tibshirani 1993, chapter 13).
    """
    values = tuple(first.detail.values)
    first_rmse, second_rmse = (_resampled_rmse(tuple(entry.detail.squares), values) for entry in (first, second))
    low, high = np.quantile(first_rmse - second_rmse, (0.025, 0.975))
    return float(low), float(high)


@functools.lru_cache(32)
def _resampled_rmse(squares: tuple[float, ...], values: tuple[int, ...]) -> np.ndarray:
    """Cached `resampled_rmse`: the best entry of a rank is compared with several others."""
    return resampled_rmse(np.array(squares), np.array(values))


def _entry_row(benchmark: Benchmark, entry: Evaluation, weights: Container[str]) -> RankingRow:
    status: Status = "submitted" if entry.submitted else "verified"
    reasons = [unranked_reason(benchmark, entry)]
    if missing := [sha256 for sha256 in entry.weights if sha256 not in weights]:
        status = "not verified"
        reasons.append(f"its checkpoint ({missing[0][:12]}) is missing, so it cannot be measured again")
    reason = "; ".join(filter(None, reasons))
    return RankingRow(entry.name, status, reason, entry=entry, overlap=overlap(benchmark, entry.data))


def _may_have_seen(benchmark: Benchmark, entry: Evaluation) -> str:
    shared = overlap(benchmark, entry.data)
    return f"trained on {shared}, a source of this benchmark's faces: it may have been trained on test faces"


def _claim_row(claim: Claim) -> RankingRow:
    if claim.refused:
        return RankingRow(claim.repo, "refused", claim.refused, claim=claim)
    reason = f"claimed by its author, not measured here: `fkd verify hf:{claim.repo}` measures and ranks it"
    return RankingRow(claim.repo, "claimed", reason, claim=claim)


def _is_of(claim: Claim, entry: Evaluation) -> bool:
    """Whether an entry replaces a claim: measured at its revision, or with the RMSE that it states."""
    rmse = claim.figures.get(RMSE.key)
    same = rmse is not None and abs(rmse - entry.accuracy.rmse) < 1e-3
    return same or claim.revision == entry.revision


def _order(row: RankingRow) -> float:
    """Sort key: RMSE; rows without one come last."""
    rmse = row.figures.get(RMSE.key)
    return float("inf") if rmse is None else rmse


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
    shared = Counter(ranks)
    return [dataclasses.replace(row, rank=rank, tied=shared[rank] > 1) for row, rank in zip(rows, ranks, strict=True)]


def _measured(entry: Evaluation) -> dict[str, Any]:
    """Return the values that only an entry has: the keys of MEASURED, then those of NAMES."""
    cost = entry.cost
    return {
        "rmse_low": entry.accuracy.rmse_low,
        "rmse_high": entry.accuracy.rmse_high,
        "macs": cost.macs if cost else None,
        "latency_ms": cost.latency_ms if cost else None,
        "hardware": cost.hardware if cost else None,
        "members": entry.members,
        "mirror": entry.mirror,
        "trained_on": entry.data.name,
        **entry.accuracy.rmse_by_keypoint,
    }
