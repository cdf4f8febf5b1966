"""A ranking as a table whose headings sort it, or as cards where it is narrow; and published scores as a list.

`fkd.page.ranking_table` makes the values. The table's event `input` says that a heading was chosen, and SORT, in the
browser, what to sort by since then: a key, after a minus for the largest first.

All that strangers wrote is set as text by the scripts, never as HTML.
"""

from pathlib import Path

import gradio as gr

from fkd.metrics import RMSE

HERE = Path(__file__).parent
TABLE = """
<div class="board">
  <div class="scrolls" role="region" aria-label="Ranking">
    <table role="table"><thead role="rowgroup"><tr role="row"></tr></thead><tbody role="rowgroup"></tbody></table>
  </div>
  <p class="none" hidden>No model fits the search and the filters.</p>
  <p class="note"></p>
  <p class="said" role="status" aria-live="polite"></p>
</div>
"""
SCORES = """
<details class="board scores">
  <summary></summary>
  <p>Reported by others for a hidden test set: other faces, not measured here, so not ranked.</p>
  <ol></ol>
</details>
"""
SORT = "() => document.querySelector('#ranking .board').fkdSort()"
# For a button's js: copies what a JavaScript expression gives, and says so.
COPY = "() => document.querySelector('#ranking .board').fkdCopy({what}, '{name}')"


def ranking_view() -> gr.HTML:
    """The table, empty."""
    return _component(TABLE, "ranking")


def published_view() -> gr.HTML:
    """The list of published scores, empty."""
    return _component(SCORES, "published")


def script(name: str) -> str:
    """The script of a component, which Gradio runs as a function body."""
    text = "\n".join((HERE / f"{part}.js").read_text("utf-8") for part in ("make", name))
    return text.replace("RANKED_BY", RMSE.key)


def _component(template: str, name: str) -> gr.HTML:
    return gr.HTML(
        html_template=template,
        css_template=(HERE / f"{name}.css").read_text("utf-8"),
        js_on_load=script(name),
        apply_default_css=False,
        elem_id=name,
    )
