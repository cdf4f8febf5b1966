"""Evaluations <-> json files, and folders of them -> ranked tables; nothing is drawn here.

leaderboard/BENCHMARK/benchmark.json says what a ranking is of, published.json what others report on data we
do not have; every other json there is one entry. leaderboard/hub.json is what models on the Hub claim.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fkd.evaluate import Evaluation, from_json
from fkd.files import write_json

BENCHMARK, PUBLISHED, SYNCED = "benchmark.json", "published.json", "hub.json"
KAGGLE = "kaggle-facial-keypoints"


@dataclass(frozen=True)
class Benchmark:
    """What a ranking is of: the test data's fingerprint, how many faces, how many labelled coordinates.

    The first entry fills in the last three of these: until then they are "", 0 and 0. dataset: user/name of its
    repository on the Hub, if it was published there.
    """

    name: str
    description: str
    fingerprint: str
    faces: int
    values: int
    dataset: str = ""


@dataclass(frozen=True)
class Claim:
    """What the card of a model on the Hub says it reaches on a benchmark: px, percent, percent.

    network: fcnn, or timm's name, as its tags say. refused: why it is not shown as such, or an empty text; its figures
    are then None.
    """

    repo: str
    revision: str
    benchmark: str
    network: str
    rmse: float | None
    nme: float | None
    failure_rate: float | None
    parameters: int | None
    date: str
    refused: str


@dataclass(frozen=True)
class Synced:
    """The claims of the Hub's models, and when they were read (UTC); no date if they never were.

    failure: when and why a later reading failed, or an empty text.
    """

    date: str
    claims: list[Claim]
    failure: str = ""


def write_entry(root: Path | str, evaluation: Evaluation, description: str) -> Path:
    """Writes an evaluation as the entry ROOT/BENCHMARK/NAME.json and returns that path.

    A model of the Hub, user/name, has its entry in user--name.json.
    The first entry of a benchmark defines it (benchmark.json); a later one with other test data is written
    all the same, and `table` shows it unranked.
    """
    folder = Path(root) / evaluation.benchmark
    known = [benchmark for benchmark in read_benchmarks(root) if benchmark.name == evaluation.benchmark]
    if not known or not known[0].fingerprint:
        benchmark = Benchmark(
            name=evaluation.benchmark,
            description=known[0].description if known else description,
            fingerprint=evaluation.fingerprint,
            faces=evaluation.accuracy.faces,
            values=evaluation.accuracy.values,
        )
        write_json(folder / BENCHMARK, dataclasses.asdict(benchmark))
    path = folder / f"{evaluation.name.replace('/', '--')}.json"
    write_json(path, dataclasses.asdict(evaluation))
    return path


def read_benchmarks(root: Path | str) -> list[Benchmark]:
    """The benchmarks under ROOT, by name.

    Raises ValueError for a benchmark.json that is not one.
    """
    found = []
    for path in sorted(Path(root).glob(f"*/{BENCHMARK}")):
        try:
            found.append(Benchmark(**json.loads(path.read_text())))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} does not describe a benchmark ({error})") from None
    return found


def read_entries(root: Path | str, benchmark: Benchmark) -> list[Evaluation]:
    """The entries of one benchmark, by name.

    Raises ValueError for a file that is no evaluation.
    """
    entries = []
    for path in sorted((Path(root) / benchmark.name).glob("*.json")):
        if path.name not in (BENCHMARK, PUBLISHED):
            try:
                entries.append(from_json(json.loads(path.read_text())))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
    return entries


def read_published(root: Path | str, benchmark: Benchmark) -> pd.DataFrame:
    """What others report for a benchmark, best first: columns rmse (px), what, measured_on, source (an address).

    These are never ranked with entries: nobody here has measured them. Empty if there is no published.json.
    Raises ValueError for a file that is not such a list.
    """
    path = Path(root) / benchmark.name / PUBLISHED
    if not path.exists():
        return pd.DataFrame()
    try:
        result = pd.DataFrame(json.loads(path.read_text()))[["rmse", "what", "measured_on", "source"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no list of published scores ({error})") from None
    return result.sort_values("rmse", kind="stable").reset_index(drop=True)


def read_synced(root: Path | str) -> Synced:
    """What the last `fkd.sync.sync` kept.

    Raises ValueError for a hub.json that it did not write.
    """
    path = Path(root) / SYNCED
    if not path.exists():
        return Synced("", [])
    try:
        kept = json.loads(path.read_text())
        return Synced(kept["date"], [Claim(**claim) for claim in kept["claims"]], kept["failure"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not what `fkd leaderboard sync` writes ({error}): remove it") from None


def table(benchmark: Benchmark, entries: list[Evaluation], claims: Sequence[Claim] = ()) -> pd.DataFrame:
    """Ranks entries by test RMSE, a row each; those that may not be ranked come last, `unranked` says why.

    An entry that is `tied` with the best of a rank shares it.

    Claims are never ranked, whatever they say: they stand among those that come last. One that has been measured at
    its revision, or that says what was measured, is left out: its entry is there.
    Columns: rank, status ("verified": measured by fkd; "claimed"; "refused"), model, network, rmse, rmse_low,
    rmse_high, nme, failure_rate (px and percent), parameters, macs, latency_ms, hardware, members, mirror, trained_on,
    date, unranked, then the RMSE of each keypoint by its name. What a claim does not say is missing.
    """
    rows = []
    for entry in entries:
        rows.append(
            {
                "rank": 0,
                "status": "verified",
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
                "trained_on": entry.data.get("name", ""),
                "date": entry.date,
                "unranked": unranked_reason(benchmark, entry),
                **entry.accuracy.rmse_by_keypoint,
            }
        )
    measured = {entry.name: entry for entry in entries}
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
    if not rows:
        return pd.DataFrame()
    result = pd.DataFrame(rows)
    result = result.sort_values("rmse", kind="stable").sort_values("unranked", key=lambda why: why != "", kind="stable")
    result["rank"] = pd.array([pd.NA] * len(result), "Int64")
    leader, by_name = None, {entry.name: entry for entry in entries}
    for place, (row, name) in enumerate(result.loc[result["unranked"] == "", "model"].items(), 1):
        if leader is None or not tied(leader, by_name[name]):
            leader, rank = by_name[name], place
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
    """Why an entry may not be ranked, or an empty text if it may."""
    if entry.fingerprint != benchmark.fingerprint:
        return f"measured on other test data ({entry.fingerprint}, not {benchmark.fingerprint})"
    if (entry.accuracy.faces, entry.accuracy.values) != (benchmark.faces, benchmark.values):
        return f"measured on {entry.accuracy.values} of {benchmark.values} coordinates"
    if not entry.held_out:
        return "its checkpoint does not record that the test faces were kept out of training"
    return ""
