"""Entries and claims -> ranked tables; nothing is drawn here."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fkd.board.entries import Benchmark, Claim, Entries
from fkd.board.record import Evaluation
from fkd.board.verified import unverified_reason
from fkd.keypoints import NAMES
from fkd.learn.checkpoint import Config

COLUMNS = ["rank", "status", "model", "network", "rmse", "rmse_low", "rmse_high", "nme", "failure_rate", "parameters"]
COLUMNS += ["macs", "latency_ms", "hardware", "members", "mirror", "trained_on", "date", "unranked", *NAMES]


def table(
    benchmark: Benchmark, entries: Entries, known: Mapping[str, Config], claims: Sequence[Claim] = ()
) -> pd.DataFrame:
    """Ranks entries by test RMSE, a row each; those that may not be ranked come last, `unranked` says why.

    An entry that is `tied` with the best of a rank shares it. known: the checkpoints that are there, by the sha256 of
    their weights: an entry of others is not verified.

    Claims are never ranked, whatever they say: they stand among those that come last. One that has been measured at
    its revision, or that says what was measured, is left out: its entry is there. A file that is no entry is a row too.
    Columns: rank, status ("verified": measured by fkd, as far as `fkd.board.verified` can tell; "not verified";
    "claimed"; "refused"; "unreadable"), model, network, rmse, rmse_low, rmse_high, nme, failure_rate (px and percent),
    parameters, macs, latency_ms, hardware, members, mirror, trained_on, date, unranked, then the RMSE of each keypoint
    by its name. What a claim does not say is missing.
    """
    rows = []
    for entry in entries.measured:
        unverified = unverified_reason(entry, known)
        rows.append(
            {
                "rank": 0,
                "status": "not verified" if unverified else "verified",
                "model": entry.name,
                "network": entry.model,
                "rmse": entry.accuracy.rmse,
                "rmse_low": entry.accuracy.rmse_low,
                "rmse_high": entry.accuracy.rmse_high,
                "nme": entry.accuracy.nme,
                "failure_rate": entry.accuracy.failure_rate,
                "parameters": entry.cost.parameters,
                "macs": entry.cost.macs,
                "latency_ms": entry.cost.latency_ms,
                "hardware": entry.cost.hardware,
                "members": entry.members,
                "mirror": entry.mirror,
                "trained_on": str(entry.data.get("name", "")),
                "date": entry.date,
                "unranked": unverified or unranked_reason(benchmark, entry),
                **entry.accuracy.rmse_by_keypoint,
            }
        )
    measured = {entry.name: entry for entry in entries.measured}
    for claim in claims:
        known = measured.get(claim.repo)
        if claim.benchmark != benchmark.name or (known and _is_of(claim, known)):
            continue
        command = f"`fkd verify hf:{claim.repo}` measures and ranks it"
        rows.append(
            {
                "rank": 0,
                "status": "refused" if claim.refused else "claimed",
                "model": claim.repo,
                "network": claim.network,
                "rmse": claim.rmse,
                "nme": claim.nme,
                "failure_rate": claim.failure_rate,
                "parameters": claim.parameters,
                "date": claim.date,
                "unranked": claim.refused or f"claimed by its author, not measured here: {command}",
            }
        )
    for name, why in entries.unreadable.items():
        rows.append({"rank": 0, "status": "unreadable", "model": name, "unranked": why})
    if not rows:
        return pd.DataFrame()
    result = pd.DataFrame(rows, columns=COLUMNS)
    texts = ["network", "hardware", "trained_on", "date"]
    result[texts] = result[texts].astype(object).fillna("")
    result = result.sort_values("rmse", kind="stable").sort_values("unranked", key=lambda why: why != "", kind="stable")
    result["rank"] = pd.array([pd.NA] * len(result), "Int64")
    leader = None
    for place, (row, name) in enumerate(result.loc[result["unranked"] == "", "model"].items(), 1):
        if leader is None or not tied(leader, measured[name]):
            leader, rank = measured[name], place
        result.loc[row, "rank"] = rank
    return result.reset_index(drop=True)


def tied(one: Evaluation, other: Evaluation, resamples: int = 2000) -> bool:
    """Whether the faces cannot tell two entries of one benchmark apart: a paired bootstrap by face.

    True if the 95% interval of the difference of their RMSE, over resamples of the same faces for both, holds 0
    (Efron & Tibshirani 1993, chapter 13).
    """
    values = np.array(one.detail.values)
    # A fixed seed: the same entries give the same ranks. The count of each face in each resample:
    draws = np.random.default_rng(0).multinomial(len(values), np.full(len(values), 1 / len(values)), resamples)
    low, high = np.quantile(
        np.subtract(*(np.sqrt(draws @ np.array(entry.detail.squares) / (draws @ values)) for entry in (one, other))),
        (0.025, 0.975),
    )
    return bool(low <= 0 <= high)


def _is_of(claim: Claim, entry: Evaluation) -> bool:
    same = claim.rmse is not None and abs(claim.rmse - entry.accuracy.rmse) < 1e-3
    return same or claim.revision == entry.revision


def unranked_reason(benchmark: Benchmark, entry: Evaluation) -> str:
    """Why an entry may not be ranked, even if it is verified, or an empty text if it may."""
    if entry.fingerprint != benchmark.fingerprint:
        return f"measured on other test data ({entry.fingerprint[:40]}, not {benchmark.fingerprint})"
    if (entry.accuracy.faces, entry.accuracy.values) != (benchmark.faces, benchmark.values):
        return f"measured on {entry.accuracy.values} of {benchmark.values} coordinates"
    if not entry.held_out:
        return "its checkpoint does not record that the test faces were kept out of training"
    return ""
