"""A ranking as the page shows it: which rows are kept, its columns, its downloads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

import pandas as pd
from pandas.io.formats.style import Styler

from fkd.board.entries import Published
from fkd.board.ranking import RankingRow
from fkd.metrics import METRICS, RMSE
from fkd.page.uploads import new_folder

MOST_ROWS = 100  # of a ranking on the page: a browser takes seconds to draw thousands
STATUSES = ["verified", "not verified", "unreadable", "claimed", "refused"]
FAMILIES = ["all", "fcnn", "resnet"]
SIZES = {"any size": (0, 1e12), "below 5 M": (0, 5e6), "5 to 20 M": (5e6, 2e7), "above 20 M": (2e7, 1e12)}
ALWAYS = ["rank", "model"]
WIDTHS = {
    "rank": 60,
    "model": 130,
    RMSE.title: 90,
    "95% interval": 140,
    "predictions": 150,
    "card": 70,
    "why unranked": 300,
    "measured on": 190,
}  # px; others have 110


@dataclass(frozen=True)
class Filters:
    """Which rows of a ranking a visitor wants to see: some of STATUSES, one of FAMILIES, one of SIZES."""

    statuses: Sequence[str]
    family: str
    size: str

    def keeps(self, row: RankingRow) -> bool:
        """Whether a row is shown; a number of parameters that is not known is of every size."""
        least, most = SIZES[self.size]
        sized = row.parameters is None or least <= row.parameters <= most
        return row.status in self.statuses and sized and self.family in ("all", _family(row))


def column_names() -> list[str]:
    """The columns of a ranking, in their order."""
    ranked, *others = (metric.title for metric in METRICS)
    return [
        *ALWAYS, ranked, "95% interval", "status", "predictions", "card", "network", *others, "parameters, M",
        "multiply-adds, M", "time, ms", "measured on", "trained on", "date", "why unranked",
    ]  # fmt: skip


def ranking_table(rows: Sequence[RankingRow], chosen: Sequence[str], models: Mapping[str, str]) -> Styler:
    """The first MOST_ROWS rows as a table. chosen: which columns, all if none.

    models: the names of the page's own models, by the sha256 of their weights.
    """
    names = [name for name in column_names() if name in ALWAYS or not chosen or name in chosen]
    table = pd.DataFrame([_cells(row, models) for row in rows[:MOST_ROWS]], columns=column_names())[names]
    digits = {metric.title: f"{{:.{metric.digits}f}}" for metric in METRICS}
    return table.style.format({name: digits[name] for name in names if name in digits}, precision=2, na_rep="-")


def published_table(published: Sequence[Published]) -> pd.DataFrame:
    """What others report, as the page names it; each source is a link."""
    return pd.DataFrame(
        {
            RMSE.title: [str(score.rmse) for score in published],
            "what": [score.what for score in published],
            "on": [score.measured_on for score in published],
            "source": [f"[{urlsplit(score.source).netloc}]({score.source})" for score in published],
        }
    )


def csv_file(name: str, rows: Sequence[RankingRow]) -> str:
    """The path of a new file NAME.csv with all that is known of the rows."""
    return _file(f"{name}.csv", pd.DataFrame([row.record() for row in rows]).to_csv(index=False))


def json_file(name: str, rows: Sequence[RankingRow]) -> str:
    """The path of a new file NAME.json with all that is known of the rows."""
    return _file(f"{name}.json", json.dumps([row.record() for row in rows], indent=2))


def _family(row: RankingRow) -> str:
    if not row.network:
        return ""
    return "fcnn" if row.network.startswith("fcnn") else "resnet"


def _cells(row: RankingRow, models: Mapping[str, str]) -> dict[str, str | float | None]:
    entry, claim = row.entry, row.claim
    cells: dict[str, str | float | None] = {metric.title: row.figures.get(metric.key) for metric in METRICS}
    cells |= {
        "rank": "-" if row.rank is None else str(row.rank),
        "model": row.name,
        "95% interval": "",
        "status": row.status,
        "predictions": "",
        "card": _card(row, models),
        "network": row.network,
        "parameters, M": None if row.parameters is None else row.parameters / 1e6,
        "measured on": "",
        "trained on": "",
        "date": claim.date if claim else "",
        "why unranked": row.unranked,
    }
    if entry:
        cells |= {
            "95% interval": f"{entry.accuracy.rmse_low:.3f} to {entry.accuracy.rmse_high:.3f}",
            "predictions": _predictions(entry.members, entry.mirror),
            "multiply-adds, M": entry.cost.macs / 1e6,
            "time, ms": entry.cost.latency_ms,
            "measured on": entry.cost.hardware,
            "trained on": entry.data.name,
            "date": entry.date,
        }
    return cells


def _card(row: RankingRow, models: Mapping[str, str]) -> str:
    """A link to what is said of a model: on this page, or on the Hub."""
    if row.entry and row.entry.checkpoint in models:
        return f"[card](?{urlencode({'tab': 'model', 'model': models[row.entry.checkpoint]})})"
    return f"[card](https://huggingface.co/{quote(row.name)})" if row.owner else ""


def _predictions(members: int, mirror: bool) -> str:
    """Whose predictions were measured."""
    what = "one model" if members == 1 else f"mean of {members} models"
    return f"{what}, flip averaging" if mirror else what


def _file(name: str, text: str) -> str:
    """A file for a download, in a folder of its own, so that it has its name."""
    path = new_folder() / name
    path.write_text(text)
    return str(path)
