"""A ranking as a table with sort buttons, or as cards on a phone; and published scores as a list.

`fkd.page.ranking_table` makes the values. A click on a heading triggers `input`; SORT, in the browser, returns its key,
after a minus for descending. Untrusted text is escaped in the table, and set with textContent in the list.
"""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from fkd.metrics import RMSE

HERE = Path(__file__).parent
SCORES = """
<details class="board scores">
  <summary></summary>
  <p>Reported by others for a hidden test set: other faces, not measured here, so not ranked.</p>
  <ol></ol>
</details>
"""
SORT = "() => document.querySelector('#ranking').fkdSort"
# For a button's js: copies the value of a JavaScript expression, and confirms it.
COPY = "() => document.querySelector('#ranking').fkdCopy({what}, '{name}')"


def ranking_view() -> gr.HTML:
    """Return the table, empty."""
    return _component("${value}", "ranking", value="")


def published_view() -> gr.HTML:
    """Return the list of published scores, empty."""
    return _component(SCORES, "published")


def _component(template: str, name: str, **named: Any) -> gr.HTML:
    return gr.HTML(
        html_template=template,
        css_template=(HERE / f"{name}.css").read_text("utf-8"),
        js_on_load=(HERE / f"{name}.js").read_text("utf-8"),
        apply_default_css=False,
        elem_id=name,
        **named,
    )


def ranking_html(value: dict[str, Any]) -> str:
    """Render the value made by `fkd.page.ranking_table.table`, with the keys "note" and "any" added."""
    heads = "".join(_heading(column, value["sort"]) for column in value["columns"])
    rows = "".join(_row(row, value) for row in value["rows"])
    key = value["sort"].removeprefix("-")
    label = next((text for column in value["columns"] for sort, text in column["sorts"] if sort == key), key)
    order = "largest" if value["sort"].startswith("-") else "smallest"
    return f"""<div class="board">
<div class="scrolls" role="region" aria-label="Ranking"{"" if rows else " hidden"}>
<table role="table"><thead role="rowgroup"><tr role="row">{heads}</tr></thead>
<tbody role="rowgroup">{rows}</tbody></table></div>
<p class="none"{" hidden" if rows or not value["any"] else ""}>No model fits the search and the filters.</p>
<p class="note">{escape(value["note"])}</p>
<p class="said" role="status" aria-live="polite">Sorted by {escape(label)}, {order} first.</p></div>"""


def _heading(column: dict[str, Any], sort: str) -> str:
    """Render a heading: one sort button for each of the column's values."""
    buttons, direction = [], ""
    for key, label in column["sorts"]:
        arrow = {key: " ▲", f"-{key}": " ▼"}.get(sort, "")
        if arrow:
            direction = f' aria-sort="{"descending" if sort.startswith("-") else "ascending"}"'
        following = f"-{key}" if sort == key else key
        mark = f'<span aria-hidden="true">{arrow}</span>'
        buttons.append(
            f'<button type="button" data-sort="{key}" data-next="{following}">{escape(label)}{mark}</button>'
        )
    number = " data-number" if column["number"] else ""
    slash = '<i aria-hidden="true">/</i>'
    cell = f'<th role="columnheader" scope="col" data-column="{column["key"]}"{number}{direction}>'
    return f"{cell}{slash.join(buttons)}</th>"


def _row(row: dict[str, Any], value: dict[str, Any]) -> str:
    cells = []
    for column in value["columns"]:
        texts = [row["texts"][key] for key, _ in column["sorts"] if row["texts"][key]]
        heads = " / ".join(label for _, label in column["sorts"])
        if column["key"] == "model":
            note = escape(row["note"])
            content = _name(row) + (f'<small title="{note}">{note}</small>' if note else "")
        else:
            content = f"<span>{escape(' / '.join(texts) or '-')}</span>"
        if column["key"] == "rank" and row["tied"]:
            content += "<small>tied</small>"
        if column["key"] == RMSE.key and row["interval"] and value["scale"]:
            content += _whisker(row, *value["scale"])
        number = " data-number" if column["number"] else ""
        cells.append(
            f'<td role="cell" data-column="{column["key"]}" data-head="{escape(heads)}"{number}>{content}</td>'
        )
    return f'<tr role="row">{"".join(cells)}</tr>'


def _name(row: dict[str, Any]) -> str:
    """Render the model's name, as a link to its tab or to the Hub."""
    name = escape(row["texts"]["model"])
    if row["model"]:
        return f'<a href="?tab=model&amp;model={quote(row["model"])}">{name}</a>'
    if row["href"].startswith("https://"):
        link = f'<a href="{escape(row["href"])}" target="_blank" rel="noopener nofollow">'
        return f'{link}{name}<span class="there"> on the Hub</span></a>'
    return f"<strong>{name}</strong>"


def _whisker(row: dict[str, Any], low: float, high: float) -> str:
    """Render an interval on the scale of all rows: a line from end to end, a tick at the value."""
    start, at, end = (min(100, max(0, 100 * (each - low) / (high - low or 1))) for each in row["interval"])
    text = f"{row['interval'][0]:.3f} to {row['interval'][2]:.3f} px"
    ink = f"--ink: {escape(row['colour'])}" if row["colour"] else ""
    line = f'<b style="left: {start:.2f}%; right: {100 - end:.2f}%"></b><i style="left: {at:.2f}%"></i>'
    span = f'<span class="whisker" title="95% interval: {text}" style="{ink}">{line}</span>'
    return f'{span}<span class="hidden"> (95% interval {text})</span>'
