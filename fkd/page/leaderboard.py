"""The tab of rankings: one benchmark at a time, searched, sorted and filtered, with figures and a lasting address."""

import contextlib
import dataclasses
import functools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.board.entries import SYNCED, read_benchmarks, read_entries
from fkd.board.ranking import RankingRow
from fkd.errors import FkdError
from fkd.hub.claims import sync
from fkd.page.address import remember
from fkd.page.downloads import save_on_click
from fkd.page.figures import figures, plot_places, plotted_first
from fkd.page.guard import handler
from fkd.page.ranking import COPY, SORT, published_view, ranking_html, ranking_view
from fkd.page.ranking_table import FIRST_STATUSES, OPTIONAL, STATUSES, Choice, csv_file, json_file
from fkd.page.standings import Board, hub_text, problems_text, view
from fkd.page.words import CITATION, QUESTIONS, column_words

PAUSE = 60  # s between two readings of the Hub that visitors ask for
NAMES = [field.name for field in dataclasses.fields(Choice)]
# The default choices as text; these are left out of the URL.
FIRST = [",".join(value) if isinstance(value, tuple) else str(value) for value in dataclasses.astuple(Choice())]
# Whether the browser has room for figures side by side.
IS_WIDE = "() => window.innerWidth >= 700"


def leaderboard_tab(root: Path, folders: dict[str, Path], page: gr.Blocks, tab: gr.Tab) -> None:
    """Builds the tab, inside `tab` of `page`. root: of the entries. folders: of the checkpoints, by name."""
    benchmarks = {each.name: each for each in sorted(read_benchmarks(root), key=lambda each: not each.fingerprint)}
    board = Board(root, benchmarks, folders)
    if not benchmarks:
        gr.Markdown("There are no results yet: `python -m fkd evaluate checkpoints/NAME --data DIR` makes the first.")
        gr.Markdown(problems_text(root))
        return
    about = gr.Markdown(elem_id="about-benchmark")
    with gr.Row(elem_id="look"):
        benchmark = gr.Dropdown(
            list(benchmarks), value=next(iter(benchmarks)), label="Benchmark", container=False, min_width=140,
            elem_id="benchmark",
        )  # fmt: skip
        search = gr.Textbox(
            label="Search models", placeholder="Search models", max_length=100, container=False, min_width=140,
            elem_id="search",
        )  # fmt: skip
        averaged = gr.Checkbox(label="Include ensembles and flip averaging", container=False, elem_id="averaged")
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            table = ranking_view()
            sort = gr.Textbox("rank", label="Sorted by", visible=False)
            with gr.Row(elem_id="board-buttons"):
                link = gr.Button("Copy link to this view", size="sm", min_width=120, elem_id="copy-link")
                csv = gr.Button("Table as CSV", size="sm", min_width=120, elem_id="ranking-csv")
                as_json = gr.Button("Entries as JSON", size="sm", min_width=120, elem_id="ranking-json")
                again = gr.Button("Refresh from the Hub", size="sm", min_width=120, elem_id="sync")
            from_hub = gr.Markdown(elem_id="from-hub", elem_classes="caption")
            broken = gr.Markdown(elem_id="problems")
            with gr.Accordion("Filters and columns", open=False, elem_id="filters"):
                status = gr.CheckboxGroup(STATUSES, value=FIRST_STATUSES, label="Status", elem_id="status-filter")
                optional = [(column.head, column.key) for column in OPTIONAL]
                columns = gr.Dropdown(optional, multiselect=True, label="More columns", elem_id="columns")
            with gr.Accordion("Columns and questions", open=False, elem_id="questions"):
                gr.Markdown(f"{column_words()}\n\n{QUESTIONS}")
            with gr.Accordion("Cite this", open=False, elem_id="cite"):
                gr.Code(
                    CITATION, language=None, label="BibTeX", show_label=False, buttons=[], show_line_numbers=False,
                    wrap_lines=True, elem_id="citation",
                )  # fmt: skip
                cite = gr.Button("Copy the citation", size="sm", elem_id="copy-citation")
        with gr.Column(scale=1, min_width=240):
            elsewhere = published_view()
    with gr.Accordion("Figures", open=False, elem_id="figures") as drawn:
        models = gr.Dropdown([], multiselect=True, label="Models in the figures", elem_id="plotted")
        plots = plot_places()

    chosen = [benchmark, search, averaged, status, columns, sort, models]
    shown_parts = [about, table, elsewhere, csv, as_json, drawn, models]
    keep, keep_selected = (
        f"""(...values) => ({remember("leaderboard", *NAMES, selected=selected)})(...values.map(
        (value, number) => !value || String(value) === {json.dumps(FIRST)}[number] ? '' : value))"""
        for selected in (False, True)
    )

    @handler
    def show(*values: Any) -> dict[gr.blocks.Block, Any]:
        shown = view(board, Choice.of(*values))
        any_entry = bool(shown.measured)
        update = {
            about: shown.about,
            table: ranking_html(shown.ranking),
            elsewhere: shown.published,
            csv: gr.Button(visible=any_entry),
            as_json: gr.Button(visible=any_entry),
            drawn: gr.Accordion(visible=any_entry),
        }
        if shown.replots:
            update[models] = gr.Dropdown(choices=shown.measured, value=shown.plotted)
        return update

    @handler
    def draw(name: str, models: list[str], is_wide: bool | None) -> dict[gr.blocks.Block, Any]:
        if is_wide is None:
            return {plots[0]: gr.skip()}
        entries = read_entries(root, board.benchmark(name)).measured
        return dict(zip(plots, figures(entries, models, 4 if is_wide else 2), strict=True))

    @handler
    def open_view(request: gr.Request) -> list[Any]:
        return _open(board, request)

    def download(write: Callable[[str, Sequence[RankingRow]], str], *values: Any) -> str:
        choice = Choice.of(*values)
        return write(board.benchmark(choice.benchmark).name, board.rows(choice))

    private: dict[str, Any] = {"api_visibility": "private", "queue": False}
    page.load(handler(functools.partial(hub_text, root)), None, from_hub, **private)
    page.load(handler(functools.partial(problems_text, root)), None, broken, **private)
    shows: dict[str, Any] = private | {
        "fn": show, "inputs": chosen, "outputs": shown_parts, "show_progress": "hidden",
    }  # fmt: skip
    page.load(open_view, None, chosen, **private).then(**shows)
    for part in (benchmark, search, averaged, status, columns):
        part.input(**shows, trigger_mode="always_last").then(None, chosen, js=keep)
    table.input(None, None, sort, js=SORT).then(None, chosen, js=keep)
    table.input(
        **shows, trigger_mode="always_last", js=f"(...values) => values.with({NAMES.index('sort')}, ({SORT})())"
    )
    again.click(handler(functools.partial(_read_again, root)), outputs=from_hub, api_visibility="private").then(**shows)
    tab.select(None, chosen, js=keep_selected)
    models.input(None, chosen, js=keep)
    for button, write in ((csv, csv_file), (as_json, json_file)):
        save_on_click(button, functools.partial(download, write), chosen)
    link.click(None, js=COPY.format(what="window.location.href", name="Link"))
    cite.click(None, js=COPY.format(what=json.dumps(CITATION), name="Citation"))

    # Figures take a second to draw, so they wait until they are seen: is_wide is None until then.
    is_wide, asks_width = gr.State(None), gr.Checkbox(visible=False)
    draws: dict[str, Any] = {"fn": draw, "inputs": [benchmark, models, is_wide], "outputs": plots}
    draws["api_visibility"] = "private"
    models.change(**draws)
    tab.select(lambda wide: gr.Accordion(open=wide), asks_width, drawn, js=IS_WIDE, **private)
    drawn.expand(lambda wide: wide, asks_width, is_wide, js=IS_WIDE, **private).then(**draws)


def _open(board: Board, request: gr.Request) -> list[Any]:
    """Return the inputs of a Choice for a URL such as ?tab=leaderboard&benchmark=NAME&model=A,B."""
    asked = request.query_params
    choice = Choice.from_address(asked if asked.get("tab") == "leaderboard" else {})
    benchmark = board.benchmark(choice.benchmark)
    entries = read_entries(board.root, benchmark).measured
    measured = [entry.name for entry in entries]
    plotted = [model for model in choice.model if model in measured] or plotted_first(entries)
    values = dataclasses.replace(choice, benchmark=benchmark.name, model=plotted)
    *others, _ = [list(value) if isinstance(value, tuple) else value for value in dataclasses.astuple(values)]
    return [*others, gr.Dropdown(choices=measured, value=plotted)]


def _read_again(root: Path) -> str:
    """Handler: reads the Hub again, but once a minute at most, and says what is then known about it."""
    kept = root / SYNCED
    if not kept.exists() or time.time() - kept.stat().st_mtime > PAUSE:
        with contextlib.suppress(FkdError):  # it is kept with the claims, and shown with them
            sync(root)
    return hub_text(root)
