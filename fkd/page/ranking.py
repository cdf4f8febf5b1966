"""A ranking as an HTML table with sort buttons; `ranking.css` turns its rows into cards on a phone.

Names come from strangers: the templates escape all text.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from fkd.board.entries import Benchmark, Entries, read_benchmarks, read_entries, read_synced
from fkd.board.ranking import RankingRow, ranking
from fkd.board.record import Evaluation
from fkd.hub.repository import weights_there
from fkd.metrics import METRICS, RMSE
from fkd.page.detectors import folders_of
from fkd.page.viewer import Scores
from fkd.photo.detector import Detector

MAX_ROWS = 100  # sent to a browser: drawing thousands takes seconds
HERE = Path(__file__).parent
TEMPLATES = Environment(loader=FileSystemLoader(HERE), autoescape=True)


@dataclass(frozen=True)
class Value:
    """A value of a row, under a heading that sorts by it."""

    key: str  # of `RankingRow.record`
    head: str
    form: str = "{}"  # of a known value
    scale: float = 1  # the value is divided by it
    about: str = ""  # a tooltip

    @property
    def is_number(self) -> bool:
        """Whether it is shown on the right."""
        return self.form != "{}"

    def text(self, record: Mapping[str, Any]) -> str:
        """Return the text of a cell; empty if unknown."""
        value = record[self.key]
        if not _is_known(value):
            return ""
        return self.form.format(value / self.scale if self.is_number else value)


RMSE_FORM = f"{{:.{RMSE.digits}f}}"
ALIGNED = "the same, once each point's mean offset is taken away"
COST = "one face on the processor that the CSV names"
# A column has one value, or two with a slash between them.
COLUMNS = (
    (Value("rank", "rank"),),
    (Value("model", "model"),),
    (Value("network", "network"),),
    (
        Value(RMSE.key, RMSE.title, RMSE_FORM, about=RMSE.about),
        Value(f"aligned_{RMSE.key}", "aligned", RMSE_FORM, about=ALIGNED),
    ),
    *(
        (Value(metric.key, metric.title, f"{{:.{metric.digits}f}}", about=metric.about),)
        for metric in METRICS
        if metric is not RMSE
    ),
    (Value("parameters", "parameters", "{:.1f} M", 1e6), Value("latency_ms", "ms", "{:.1f} ms", about=COST)),
)
KEYS = [value.key for column in COLUMNS for value in column]


@dataclass(frozen=True)
class Choice:
    """A visitor's choices for a benchmark; the fields are the names in the URL, in the order of the inputs."""

    benchmark: str = ""
    search: str = ""  # part of a model's or a network's name
    averaged: bool = False  # include ensembles and flip averaging

    def keeps(self, row: RankingRow) -> bool:
        """Whether a row is shown."""
        search = str(self.search or "").strip().casefold()
        return search in f"{row.name} {row.network}".casefold()


def is_single(entry: Evaluation) -> bool:
    """Whether an entry is a single model, without flip averaging."""
    return entry.members == 1 and not entry.mirror


def ranked(root: Path, benchmark: Benchmark, folders: Collection[Path], averaged: bool = True) -> list[RankingRow]:
    """Return the ranking of all entries, or of single models only. folders: of the page's checkpoints."""
    entries = read_entries(root, benchmark)
    measured = [entry for entry in entries.measured if averaged or is_single(entry)]
    weights = weights_there(folders, entries.measured)
    return ranking(benchmark, Entries(measured, entries.unreadable), weights, read_synced(root).claims)


def ranking_html(
    rows: Sequence[RankingRow], choice: Choice, models: Mapping[str, str], colours: Mapping[str, str], note: str = ""
) -> str:
    """Render the first MAX_ROWS rows, with a note below; the browser sorts them.

    models: names of the page's own models, by the sha256 of their weights. colours: by the name of an entry.
    """
    shown = rows[:MAX_ROWS]
    lines = [
        {
            "row": row,
            "values": {key: row.record()[key] for key in KEYS},
            "texts": [" / ".join(filter(None, (each.text(row.record()) for each in column))) for column in COLUMNS],
            "model": models.get("".join(row.entry.weights)) if row.entry else None,
            "colour": colours.get(row.name),
            "note": _note(row),
        }
        for row in shown
    ]
    # One scale for the intervals of all rows, px; unranked rows do not stretch it.
    ranked = [row.entry.accuracy for row in shown if row.entry and row.rank is not None]
    low = min((each.rmse_low for each in ranked), default=0)
    high = max((each.rmse_high for each in ranked), default=0)
    return TEMPLATES.get_template("ranking.html").render(
        columns=COLUMNS, lines=lines, low=low, span=(high - low or 1) if ranked else 0, choice=choice, note=note,
    )  # fmt: skip


def tested(leaderboard: Path, detectors: Mapping[str, Detector]) -> Scores:
    """Return the results of the page's own detectors on the first benchmark that has any."""
    own = {detector.sha256: name for name, detector in detectors.items()}
    for benchmark in read_benchmarks(leaderboard):
        rows = [row for row in ranked(leaderboard, benchmark, folders_of(detectors), averaged=False) if row.rank]
        rmse = {own[row.entry.weights[0]]: row.rmse for row in rows if row.entry and row.entry.weights[0] in own}
        if rmse:
            return Scores(benchmark.faces, rmse)
    return Scores()


def _is_known(value: object) -> bool:
    return value not in (None, "")


def _note(row: RankingRow) -> str:
    """Return why a row has no rank, or how its predictions were made if that is unusual."""
    if row.unranked:
        return f"{row.status}: {row.unranked}"
    if row.entry is None or is_single(row.entry):
        return ""
    what = "one model" if row.entry.members == 1 else f"mean of {row.entry.members} models"
    return f"{what}, flip averaging" if row.entry.mirror else what
