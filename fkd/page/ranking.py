"""A ranking as an HTML table with sort buttons; `ranking.css` turns its rows into cards on a phone.

Names come from strangers: all text is escaped.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import gradio as gr

from fkd.board.entries import Benchmark, Entries, Published, read_entries, read_synced
from fkd.board.ranking import RankingRow, ranking
from fkd.board.record import Evaluation
from fkd.hub.repository import weights_there
from fkd.metrics import METRICS, RMSE

MAX_ROWS = 100  # sent to a browser: drawing thousands takes seconds
STATUSES = ["verified", "submitted", "not verified", "unreadable", "claimed", "refused"]
FIRST_STATUSES = STATUSES[:-1]  # shown until a visitor chooses
HUB = "https://huggingface.co"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Value:
    """A value of a row, under a heading that sorts by it.

    Attributes:
        key: Of `record`.
        form: Format of a known value.
        scale: The value is divided by it.
    """

    key: str
    head: str
    form: str = "{}"
    scale: float = 1

    @property
    def is_number(self) -> bool:
        """Whether it is shown on the right."""
        return self.form != "{}"

    def text(self, record: Mapping[str, Any]) -> str:
        """Return the text of a cell; empty if unknown."""
        value = record[self.key]
        if value in (None, ""):
            return ""
        return self.form.format(value / self.scale if self.is_number else value)


RMSE_FORM = f"{{:.{RMSE.digits}f}}"
# A column has one value, or two with a slash between them.
COLUMNS = (
    (Value("rank", "rank"),),
    (Value("model", "model"),),
    (Value("network", "network"),),
    (Value(RMSE.key, RMSE.title, RMSE_FORM), Value(f"aligned_{RMSE.key}", "aligned", RMSE_FORM)),
    *((Value(metric.key, metric.title, f"{{:.{metric.digits}f}}"),) for metric in METRICS if metric is not RMSE),
    (Value("parameters", "parameters", "{:.1f} M", 1e6), Value("latency_ms", "ms", "{:.1f} ms")),
)
OPTIONAL = (
    Value("status", "status"),
    Value("predictions", "predictions"),
    Value("macs", "multiply-adds, M", "{:,.0f}", 1e6),
    Value("hardware", "measured on"),
    Value("trained_on", "trained on"),
    Value("overlap", "sources trained on"),
    Value("date", "date"),
    Value("unranked", "why unranked"),
)
SORT_KEYS = [value.key for column in (*COLUMNS, OPTIONAL) for value in column]


@dataclass(frozen=True)
class Choice:
    """A visitor's choices for a benchmark; the fields are the names in the URL, in the order of the inputs.

    Attributes:
        search: Part of a model's or a network's name.
        averaged: Include ensembles and flip averaging.
        status: Some of STATUSES.
        columns: Keys of OPTIONAL.
        sort: One of SORT_KEYS, after a minus for the largest first.
        model: Names of the models in the figures.
    """

    benchmark: str = ""
    search: str = ""
    averaged: bool = False
    status: Sequence[str] = tuple(FIRST_STATUSES)
    columns: Sequence[str] = ()
    sort: str = "rank"
    model: Sequence[str] = ()

    def __post_init__(self) -> None:
        if str(self.sort).removeprefix("-") not in SORT_KEYS:
            object.__setattr__(self, "sort", "rank")

    @classmethod
    def from_address(cls, query: Mapping[str, str]) -> "Choice":
        """Build a choice from URL parameters; missing or invalid ones keep their defaults."""
        values: dict[str, Any] = {name: query[name] for name in ("benchmark", "search", "sort") if name in query}
        for name, allowed in {"status": STATUSES, "columns": [value.key for value in OPTIONAL]}.items():
            if query.get(name):
                values[name] = [value for value in query[name].split(",") if value in allowed]
        models = [name for name in query.get("model", "").split(",") if name]
        return cls(**values, averaged=query.get("averaged") == "true", model=models)

    def keeps(self, row: RankingRow) -> bool:
        """Whether a row is shown."""
        named = str(self.search or "").strip().casefold() in f"{row.name} {row.network}".casefold()
        return row.status in self.status and named


def is_single(entry: Evaluation) -> bool:
    """Whether an entry is a single model, without flip averaging."""
    return entry.members == 1 and not entry.mirror


def ranked(root: Path, benchmark: Benchmark, folders: Collection[Path], averaged: bool = True) -> list[RankingRow]:
    """Return the ranking of all entries, or of single models only. folders: of the page's checkpoints."""
    entries = read_entries(root, benchmark)
    measured = [entry for entry in entries.measured if averaged or is_single(entry)]
    weights = weights_there(folders, entries.measured)
    return ranking(benchmark, Entries(measured, entries.unreadable), weights, read_synced(root).claims)


def record(row: RankingRow) -> dict[str, Any]:
    """Return `RankingRow.record` and "predictions": one model or an ensemble, flip averaging."""
    return row.record() | {"predictions": _predictions(row.entry) if row.entry else ""}


def sorted_rows(rows: Iterable[RankingRow], sort: str) -> list[RankingRow]:
    """Sort rows by one of SORT_KEYS, descending after a minus; rows without a value come last."""
    values = [(record(row)[sort.removeprefix("-")], row) for row in rows]
    known = [(value.casefold() if isinstance(value, str) else value, row) for value, row in values if _is_known(value)]
    known.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))
    return [row for _, row in known] + [row for value, row in values if not _is_known(value)]


@dataclass(frozen=True)
class Table:
    """A ranking as HTML.

    Attributes:
        rows: The first MAX_ROWS are shown.
        choice: Gives the order and the columns.
        models: Names of the page's own models, by the sha256 of their weights.
        colours: By the name of an entry.
    """

    rows: Sequence[RankingRow]
    choice: Choice
    models: Mapping[str, str]
    colours: Mapping[str, str]

    def html(self, note: str = "", is_empty: bool = False) -> str:
        """Render the table and a note below it. is_empty: the benchmark has no row at all."""
        columns = [*COLUMNS, *((value,) for value in OPTIONAL if value.key in self.choice.columns)]
        shown = sorted_rows(self.rows, self.choice.sort)[:MAX_ROWS]
        scale = _scale(shown)
        body = "".join(self._row(row, columns, scale) for row in shown)
        heads = "".join(self._heading(column) for column in columns)
        key = self.choice.sort.removeprefix("-")
        label = next((value.head for column in columns for value in column if value.key == key), key)
        order = "largest" if self.choice.sort.startswith("-") else "smallest"
        return f"""<div class="board">
<div class="scrolls" role="region" aria-label="Ranking"{"" if body else " hidden"}>
<table role="table"><thead role="rowgroup"><tr role="row">{heads}</tr></thead>
<tbody role="rowgroup">{body}</tbody></table></div>
<p class="none"{" hidden" if body or is_empty else ""}>No model fits the search and the filters.</p>
<p class="note">{escape(note)}</p>
<p class="hidden" role="status">Sorted by {escape(label)}, {order} first.</p></div>"""

    def _heading(self, column: Sequence[Value]) -> str:
        """Render a heading: one sort button for each of the column's values."""
        buttons, direction, sort = [], "", self.choice.sort
        for value in column:
            arrow = {value.key: " ▲", f"-{value.key}": " ▼"}.get(sort, "")
            if arrow:
                direction = f' aria-sort="{"descending" if sort.startswith("-") else "ascending"}"'
            following = f"-{value.key}" if sort == value.key else value.key
            mark = f'<span aria-hidden="true">{arrow}</span>'
            keys = f'data-sort="{value.key}" data-next="{following}"'
            buttons.append(f'<button type="button" {keys}>{escape(value.head)}{mark}</button>')
        slash = '<i aria-hidden="true">/</i>'
        return f'<th role="columnheader" scope="col" {_data(column)}{direction}>{slash.join(buttons)}</th>'

    def _row(self, row: RankingRow, columns: Sequence[Sequence[Value]], scale: tuple[float, float] | None) -> str:
        cells, values = [], record(row)
        for column in columns:
            texts = filter(None, (value.text(values) for value in column))
            content = f"<span>{escape(' / '.join(texts) or '-')}</span>"
            if column[0].key == "model":
                content = self._name(row) + _note(row)
            elif column[0].key == "rank" and row.tied:
                content += "<small>tied</small>"
            elif column[0].key == RMSE.key and row.entry and scale:
                content += _whisker(row.entry, scale, self.colours.get(row.name, ""))
            heads = " / ".join(value.head for value in column)
            cells.append(f'<td role="cell" {_data(column)} data-head="{escape(heads)}">{content}</td>')
        return f'<tr role="row">{"".join(cells)}</tr>'

    def _name(self, row: RankingRow) -> str:
        """Render the model's name, as a link to its tab or to the Hub."""
        name = escape(row.name)
        model = self.models.get(row.entry.checkpoint) if row.entry else None
        if model:
            return f'<a href="?tab=model&amp;model={quote(model)}">{name}</a>'
        if row.owner:
            link = f'<a href="{HUB}/{quote(row.name)}" target="_blank" rel="noopener nofollow">'
            return f'{link}{name}<span class="there"> on the Hub</span></a>'
        return f"<strong>{name}</strong>"


def published_html(scores: Sequence[Published]) -> str:
    """Render scores that were reported elsewhere."""
    items = []
    for score in scores:
        first, *others = score.text.split(", ")
        number, _, part = first.partition(" ")
        host = urlsplit(score.source).netloc.removeprefix("www.")
        link = f'<a href="{escape(score.source)}" target="_blank" rel="noopener nofollow">{escape(host)}</a>'
        about = ", ".join([part, *others])
        items.append(f"<li><b>{number}</b><span>{escape(score.what)}<small>{about}, {link}</small></span></li>")
    intro = "Reported by others for a hidden test set: other faces, not measured here, so not ranked."
    return f'<p class="caption">{intro}</p><ol>{"".join(items)}</ol>'


def ranking_view() -> gr.HTML:
    """Return the place of a table's HTML; a click on a heading is an `input` event with the new `sort`."""
    return gr.HTML(
        "",
        html_template="${value}",
        css_template=(HERE / "ranking.css").read_text("utf-8"),
        js_on_load=(HERE / "ranking.js").read_text("utf-8"),
        apply_default_css=False,
        elem_id="ranking",
    )


def _predictions(entry: Evaluation) -> str:
    if entry.submitted:
        return "submitted"
    what = "one model" if entry.members == 1 else f"mean of {entry.members} models"
    return f"{what}, flip averaging" if entry.mirror else what


def _is_known(value: object) -> bool:
    return value not in (None, "")


def _scale(rows: Sequence[RankingRow]) -> tuple[float, float] | None:
    """Return the ends of the scale for the intervals of all rows, px; unranked rows do not stretch it."""
    ranked = [row.entry.accuracy for row in rows if row.entry and row.rank is not None]
    return (min(each.rmse_low for each in ranked), max(each.rmse_high for each in ranked)) if ranked else None


def _data(column: Sequence[Value]) -> str:
    number = " data-number" if column[0].is_number else ""
    return f'data-column="{column[0].key}"{number}'


def _note(row: RankingRow) -> str:
    """Render why a row has no rank, or how its predictions were made."""
    note = f"{row.status}: {row.unranked}" if row.unranked else ""
    if not note and row.entry and not is_single(row.entry):
        note = _predictions(row.entry)
    return f'<small title="{escape(note)}">{escape(note)}</small>' if note else ""


def _whisker(entry: Evaluation, scale: tuple[float, float], colour: str) -> str:
    """Render an interval on the scale of all rows: a line from end to end, a tick at the value."""
    accuracy, (low, high) = entry.accuracy, scale
    interval = (accuracy.rmse_low, accuracy.rmse, accuracy.rmse_high)
    start, at, end = (min(100, max(0, 100 * (value - low) / (high - low or 1))) for value in interval)
    text = f"{accuracy.rmse_low:.3f} to {accuracy.rmse_high:.3f} px"
    ink = f"--ink: {escape(colour)}" if colour else ""
    line = f'<b style="left: {start:.2f}%; right: {100 - end:.2f}%"></b><i style="left: {at:.2f}%"></i>'
    span = f'<span class="whisker" title="95% interval: {text}" style="{ink}">{line}</span>'
    return f'{span}<span class="hidden"> (95% interval {text})</span>'
