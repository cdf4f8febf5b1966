"""A ranking on the page: the visitor's choices, columns, rows and downloads."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import pandas as pd

from fkd.board.entries import Published
from fkd.board.ranking import RankingRow
from fkd.board.record import Evaluation
from fkd.metrics import METRICS, RMSE, Metric
from fkd.page.uploads import new_folder

MOST_ROWS = 100  # sent to a browser: drawing thousands takes seconds
STATUSES = ["verified", "submitted", "not verified", "unreadable", "claimed", "refused"]
FIRST_STATUSES = STATUSES[:-1]  # shown until a visitor chooses

Value = str | float | None
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Choice:
    """A visitor's choices for a benchmark; the fields are the names in the URL, in the order of the inputs.

    search: part of a model's or a network's name. averaged: include ensembles and flip averaging. status: some of
    STATUSES. columns: keys of optional columns. sort: a key of `sort_keys`, after a minus for the largest first. model:
    names of the models in the figures.
    """

    benchmark: str = ""
    search: str = ""
    averaged: bool = False
    status: Sequence[str] = tuple(FIRST_STATUSES)
    columns: Sequence[str] = ()
    sort: str = "rank"
    model: Sequence[str] = ()

    @classmethod
    def of(cls, *values: Any) -> "Choice":
        """Build a choice from the inputs, in the order of the fields; invalid text is replaced by the default."""
        choice = cls(*values)
        is_key = str(choice.sort).removeprefix("-") in sort_keys()
        search = choice.search if isinstance(choice.search, str) else ""
        sort = choice.sort if is_key else cls.sort
        return dataclasses.replace(choice, search=search, averaged=bool(choice.averaged), sort=sort)

    @classmethod
    def from_address(cls, asked: Mapping[str, str]) -> "Choice":
        """Build a choice from URL parameters; missing or invalid ones keep their defaults."""
        given: dict[str, Any] = {name: asked[name] for name in ("benchmark", "search") if name in asked}
        given["averaged"] = asked.get("averaged") == "true"
        if asked.get("sort", "").removeprefix("-") in sort_keys():
            given["sort"] = asked["sort"]
        optional = [column.key for column in OPTIONAL]
        for name, allowed in {"status": STATUSES, "columns": optional}.items():
            if asked.get(name):
                given[name] = [value for value in asked[name].split(",") if value in allowed]
        given["model"] = [name for name in asked.get("model", "").split(",") if name]
        return cls(**given)

    def keeps(self, row: RankingRow) -> bool:
        """Whether a row is shown."""
        named = self.search.strip().casefold() in f"{row.name} {row.network}".casefold()
        return row.status in self.status and named


@dataclass(frozen=True)
class Column:
    """A column: its key and heading; value: its sort value; text: the text of a cell, empty if unknown.

    second: another column in the same cells, with its own sort button.
    """

    key: str
    head: str
    value: Callable[[RankingRow], Value]
    text: Callable[[RankingRow], str]
    is_number: bool = False
    second: "Column | None" = None


def is_single(entry: Evaluation) -> bool:
    """Whether an entry is a single model, without flip averaging."""
    return entry.members == 1 and not entry.mirror


def _of_entry(name: str, show: Callable[[Any], Value]) -> Callable[[RankingRow], Value]:
    return lambda row: show(getattr(row.entry, name)) if row.entry else None


def _worded(key: str, head: str, value: Callable[[RankingRow], Value]) -> Column:
    return Column(key, head, value, lambda row: str(value(row) or ""))


def _measured(key: str, head: str, shown: Callable[[float], str], value: Callable[[RankingRow], Value]) -> Column:
    def text(row: RankingRow) -> str:
        number = value(row)
        return "" if number is None else shown(float(number))

    return Column(key, head, value, text, is_number=True)


def _figure(metric: Metric) -> Column:
    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.{metric.digits}f}"

    column = _measured(metric.key, metric.title, shown, lambda row: row.figures.get(metric.key))
    if metric is not RMSE:
        return column
    aligned = Column(
        f"aligned_{metric.key}",
        "aligned",
        lambda row: row.aligned.get(metric.key),
        lambda row: shown(row.aligned.get(metric.key)) if row.entry else "",
        is_number=True,
    )
    return dataclasses.replace(column, second=aligned)


def _predictions(row: RankingRow) -> str:
    """Describe the predictions: one model or an ensemble, flip averaging."""
    if not row.entry:
        return ""
    if row.entry.submitted:
        return "submitted"
    what = "one model" if row.entry.members == 1 else f"mean of {row.entry.members} models"
    return f"{what}, flip averaging" if row.entry.mirror else what


def _of_cost(name: str) -> Callable[[RankingRow], Value]:
    return _of_entry("cost", lambda cost: getattr(cost, name, None))  # None of an entry without a cost


MILLISECONDS = _measured("ms", "ms", lambda ms: f"{ms:.1f} ms", _of_cost("latency_ms"))
SIZE = dataclasses.replace(
    _measured("parameters", "parameters", lambda count: f"{count / 1e6:.1f} M", lambda row: row.parameters),
    second=MILLISECONDS,
)
OPTIONAL = (
    _worded("status", "status", lambda row: row.status),
    _worded("predictions", "predictions", _predictions),
    _measured("macs", "multiply-adds, M", lambda count: f"{count / 1e6:,.0f}", _of_cost("macs")),
    _worded("hardware", "measured on", _of_cost("hardware")),
    _worded("trained", "trained on", _of_entry("data", lambda data: data.name)),
    _worded("overlap", "sources trained on", lambda row: row.overlap),
    _worded("date", "date", lambda row: row.date),
    _worded("unranked", "why unranked", lambda row: row.unranked),
)


def first_columns() -> list[Column]:
    """The columns that are always shown."""
    return [
        Column("rank", "rank", lambda row: row.rank, lambda row: "" if row.rank is None else str(row.rank), True),
        _worded("model", "model", lambda row: row.name),
        _worded("network", "network", lambda row: row.network),
        *map(_figure, METRICS),
        SIZE,
    ]


def sort_keys() -> dict[str, Callable[[RankingRow], Value]]:
    """Return the functions that give a row's sort value, by key."""
    columns = [*first_columns(), *OPTIONAL]
    return {part.key: part.value for column in columns for part in (column, column.second) if part}


def sorted_rows(rows: Iterable[RankingRow], sort: str) -> list[RankingRow]:
    """Sort rows by a key of `sort_keys`, descending after a minus; rows without a value come last."""
    rows, value = list(rows), sort_keys()[sort.removeprefix("-")]
    with_value = [row for row in rows if value(row) not in (None, "")]
    order = {id(row): value(row) for row in with_value}

    def by(row: RankingRow) -> Any:
        shown = order[id(row)]
        return shown.casefold() if isinstance(shown, str) else shown

    return sorted(with_value, key=by, reverse=sort.startswith("-")) + [row for row in rows if id(row) not in order]


def table(
    rows: Sequence[RankingRow], choice: Choice, models: Mapping[str, str], colours: Mapping[str, str]
) -> dict[str, Any]:
    """Return the first MOST_ROWS rows, in the format of the component `fkd.page.ranking`.

    models: the names of the page's own models, by the sha256 of their weights. colours: by the name of an entry.
    """
    columns = [*first_columns(), *(column for column in OPTIONAL if column.key in choice.columns)]
    shown = sorted_rows(rows, choice.sort)[:MOST_ROWS]
    ranked = [row.entry.accuracy for row in shown if row.entry and row.rank is not None]
    return {
        "columns": [
            {
                "key": column.key,
                "sorts": [[part.key, part.head] for part in (column, column.second) if part],
                "number": column.is_number,
            }
            for column in columns
        ],
        "rows": [_row(row, columns, models, colours) for row in shown],
        # One scale for the intervals of all rows, px; unranked rows do not stretch it.
        "scale": [min(each.rmse_low for each in ranked), max(each.rmse_high for each in ranked)] if ranked else None,
        "sort": choice.sort,
    }


def published(scores: Sequence[Published]) -> list[dict[str, str]]:
    """Return published scores in the format of the component."""
    return [
        {"best": f"{score.best:.3f}", "scores": score.text, "what": score.what, "href": score.source}
        | {"host": urlsplit(score.source).netloc.removeprefix("www.")}
        for score in scores
    ]


def csv_file(name: str, rows: Sequence[RankingRow]) -> str:
    """Write all values of the rows to a new file NAME.csv, and return its path."""
    return _file(f"{name}.csv", pd.DataFrame([row.record() for row in rows]).to_csv(index=False))


def json_file(name: str, rows: Sequence[RankingRow]) -> str:
    """Write all values of the rows to a new file NAME.json, and return its path."""
    return _file(f"{name}.json", json.dumps([row.record() for row in rows], indent=2))


def _row(
    row: RankingRow, columns: Sequence[Column], models: Mapping[str, str], colours: Mapping[str, str]
) -> dict[str, Any]:
    entry = row.entry
    model = models.get(entry.checkpoint, "") if entry else ""
    parts = [part for column in columns for part in (column, column.second) if part]
    note = _predictions(row) if entry and not is_single(entry) else ""
    return {
        "texts": {part.key: part.text(row) for part in parts},
        "tied": row.tied,
        "model": model,  # one of the page's models; others may be on the Hub
        "href": f"{HUB}/{quote(row.name)}" if row.owner and not model else "",
        "note": f"{row.status}: {row.unranked}" if row.unranked else note,
        "interval": [entry.accuracy.rmse_low, entry.accuracy.rmse, entry.accuracy.rmse_high] if entry else None,
        "colour": colours.get(row.name, ""),
    }


def _file(name: str, text: str) -> str:
    """Write a download into a new folder, so that it keeps its name; return its path."""
    path = new_folder() / name
    path.write_text(text)
    return str(path)
