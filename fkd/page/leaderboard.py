"""The tab of rankings: one benchmark at a time, filtered, with plots, downloads and a lasting address."""

import contextlib
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import pandas as pd
from pandas.io.formats.style import Styler

from fkd.board.entries import Benchmark, problems, read_benchmarks, read_entries, read_published, read_synced
from fkd.board.ranking import ranking
from fkd.hub.available import known_checkpoints
from fkd.hub.claims import sync
from fkd.learn.checkpoint import weights_in
from fkd.page.address import remember
from fkd.page.figures import COUNT, figures, paper_section, plot_places, plotted_first
from fkd.page.ranking_table import (
    ALWAYS,
    FAMILIES,
    MOST_ROWS,
    SIZES,
    STATUSES,
    WIDTHS,
    Filters,
    column_names,
    csv_file,
    json_file,
    published_table,
    ranking_table,
)
from fkd.page.words import CITATION, NO_ENTRY, QUESTIONS, REPORTED, WHAT_RANKS, column_words

COPY_LINK = "() => navigator.clipboard.writeText(window.location.href)"


@dataclass(frozen=True)
class Board:
    """What the tab is of: a folder of entries, its benchmarks by name, the folders of the page's models by name."""

    root: Path
    benchmarks: dict[str, Benchmark]
    folders: dict[str, Path]

    def benchmark(self, name: str) -> Benchmark:
        """The benchmark of that name; the first for any other name."""
        return self.benchmarks.get(name) or next(iter(self.benchmarks.values()))


@dataclass(frozen=True)
class Opened:
    """What an address asks for: a tab (or "", for none), a benchmark, models in the plots among those measured."""

    tab: str
    benchmark: str
    measured: list[str]
    plotted: list[str]

    def outputs(self) -> list[object]:
        """For (tabs, benchmark, models)."""
        tabs = gr.Tabs(selected=self.tab) if self.tab else gr.Tabs()
        return [tabs, self.benchmark, gr.Dropdown(choices=self.measured, value=self.plotted)]


@dataclass(frozen=True)
class View:
    """What is shown of a benchmark: its text, table, files to download, scores reported elsewhere, models to plot."""

    about: str
    table: Styler
    csv: str
    json: str
    published: pd.DataFrame
    measured: list[str]
    plotted: list[str]
    any_row: bool

    def outputs(self) -> list[object]:
        """For (about, ranking, csv, json, elsewhere, published, below, models)."""
        any_entry, names = bool(self.measured), [str(name) for name in self.table.columns]
        return [
            self.about,
            gr.Dataframe(
                self.table,
                visible=self.any_row,
                datatype=["markdown" if name == "card" else "str" for name in names],
                column_widths=[WIDTHS.get(name, 110) for name in names],
            ),
            gr.DownloadButton(value=self.csv, visible=any_entry),
            gr.DownloadButton(value=self.json, visible=any_entry),
            gr.Column(visible=len(self.published) > 0),
            self.published if len(self.published) else None,
            gr.Column(visible=any_entry),
            gr.Dropdown(choices=self.measured, value=self.plotted),
        ]


def leaderboard_tab(
    root: Path, folders: dict[str, Path], paper: Path | None, page: gr.Blocks, tabs: gr.Tabs, tab: gr.Tab
) -> None:
    """Builds the tab, inside `tab` of `tabs` of `page`.

    root: of the entries. folders: of the checkpoints, by name. paper: what benchmarks/paper.py wrote, if it ran.
    """
    benchmarks = {each.name: each for each in sorted(read_benchmarks(root), key=lambda each: not each.fingerprint)}
    board = Board(root, benchmarks, folders)
    if not benchmarks:
        gr.Markdown("There are no results yet: `python -m fkd evaluate checkpoints/NAME --data DIR` makes the first.")
        gr.Markdown(_problems(root))
        return
    benchmark = gr.Dropdown(list(benchmarks), value=next(iter(benchmarks)), label="Benchmark", elem_id="benchmark")
    about = gr.Markdown(elem_id="about-benchmark")
    with gr.Accordion("Filters and columns", open=False, elem_id="filters"):
        with gr.Row():
            status = gr.CheckboxGroup(STATUSES, value=STATUSES[:4], label="Status", elem_id="status-filter")
            family = gr.Dropdown(FAMILIES, value=FAMILIES[0], label="Family", elem_id="family")
            size = gr.Dropdown(list(SIZES), value=next(iter(SIZES)), label="Parameters", elem_id="size")
        optional = [name for name in column_names() if name not in ALWAYS]
        columns = gr.Dropdown(optional, multiselect=True, label="Columns (none chosen: all)", elem_id="columns")
    table = gr.Dataframe(
        interactive=False, wrap=True, show_search="search", pinned_columns=2, elem_id="ranking", elem_classes="ranking",
        max_height=600,
    )  # fmt: skip
    with gr.Row():
        csv = gr.DownloadButton("Table as CSV", size="sm", min_width=120, elem_id="ranking-csv")
        as_json = gr.DownloadButton("Entries as JSON", size="sm", min_width=120, elem_id="ranking-json")
        link = gr.Button("Copy link to this view", size="sm", min_width=120, elem_id="copy-link")
        again = gr.Button("Read the Hub again", size="sm", min_width=120, elem_id="sync")
    from_hub = gr.Markdown(elem_id="from-hub")
    page.load(functools.partial(_from_hub, root), None, from_hub, api_visibility="private")
    broken = gr.Markdown(elem_id="problems")
    page.load(functools.partial(_problems, root), None, broken, api_visibility="private")
    with gr.Accordion("What the columns mean", open=False):
        gr.Markdown(column_words())
    with gr.Accordion("Questions: why is a model missing, or without a rank?", open=False, elem_id="questions"):
        gr.Markdown(QUESTIONS)
    with gr.Accordion("Cite this", open=False):
        gr.Code(CITATION, language=None, label="BibTeX", show_label=False, elem_id="citation")
    with gr.Column(visible=False) as elsewhere:
        gr.Markdown(REPORTED)
        published = gr.Dataframe(
            interactive=False, wrap=True, datatype=["str", "str", "str", "markdown"],
            column_widths=["90px", "210px", "170px", "150px"], elem_id="published", elem_classes="ranking",
        )  # fmt: skip
    with gr.Column() as below:
        models = gr.Dropdown([], multiselect=True, label="Models in the plots", elem_id="plotted")
        plots = plot_places()

    filters = [benchmark, status, family, size, columns]
    shown = [about, table, csv, as_json, elsewhere, published, below, models]

    def show(
        name: str, statuses: list[str], family: str, size: str, columns: list[str], models: list[str]
    ) -> list[object]:
        return _show(board, name, Filters(statuses, family, size), columns, models).outputs()

    def draw(name: str, models: list[str], seen: bool) -> list[object]:
        if not seen:
            return [gr.skip()] * COUNT
        benchmark = board.benchmark(name)
        return figures(read_entries(root, benchmark).measured, folders, models).outputs()

    for change in (benchmark.change, status.change, family.change, size.change, columns.change):
        change(show, [*filters, models], shown, api_visibility="private")
    gr.on(
        [tab.select, models.input, benchmark.input],
        None,
        [benchmark, models],
        js=remember("leaderboard", "benchmark", "model"),
    )

    def open_view(request: gr.Request) -> list[object]:  # a partial would not be given the request
        return _open(board, request).outputs()

    page.load(open_view, None, [tabs, benchmark, models], api_visibility="private").then(
        show, [*filters, models], shown, api_visibility="private"
    )
    # Figures take a second to make and to draw, so they wait until somebody looks at this tab.
    seen = gr.State(False)
    models.change(draw, [benchmark, models, seen], plots, api_visibility="private")
    tab.select(lambda: True, None, seen, api_visibility="private").then(
        draw, [benchmark, models, seen], plots, api_visibility="private"
    )
    link.click(None, js=COPY_LINK)
    again.click(functools.partial(_read_again, root), outputs=from_hub, api_visibility="private").then(
        show, [*filters, models], shown, api_visibility="private"
    )
    if paper and paper.exists():
        paper_section(json.loads(paper.read_text()))


def _open(board: Board, request: gr.Request) -> Opened:
    """What the address asks for: ?tab=leaderboard&benchmark=NAME&model=A,B."""
    asked = request.query_params
    benchmark = board.benchmark(asked.get("benchmark", ""))
    entries = read_entries(board.root, benchmark).measured
    measured = [entry.name for entry in entries]
    wanted = [model for model in asked.get("model", "").split(",") if model in measured]
    tab = asked["tab"] if asked.get("tab") in ("leaderboard", "model") else ""
    return Opened(tab, benchmark.name, measured, wanted or plotted_first(entries))


def _show(board: Board, name: str, filters: Filters, columns: Sequence[str], models: Sequence[str]) -> View:
    """A benchmark as filtered. columns: those to show, all if none. models: those in the plots until now."""
    benchmark = board.benchmark(name)
    entries = read_entries(board.root, benchmark)
    known = known_checkpoints(board.folders.values(), entries.measured)
    rows = ranking(benchmark, entries, known, read_synced(board.root).claims)
    kept = [row for row in rows if filters.keeps(row)]
    about = f"{benchmark.description}. "
    if rows:
        about += (
            f"{benchmark.faces:,} faces, {benchmark.values:,} labelled coordinates (fingerprint "
            f"`{benchmark.fingerprint}`).\n\n{WHAT_RANKS}"
        )
    else:
        about += "\n\n" + NO_ENTRY.format(name=benchmark.name)
    if len(kept) > MOST_ROWS:
        about += f" The first {MOST_ROWS} of {len(kept):,} rows are shown; the CSV has them all."
    measured = [entry.name for entry in entries.measured]
    return View(
        about=about,
        table=ranking_table(kept, columns, _names(board.folders)),
        csv=csv_file(benchmark.name, kept),
        json=json_file(benchmark.name, kept),
        published=published_table(read_published(board.root, benchmark)),
        measured=measured,
        plotted=[model for model in models if model in measured] or plotted_first(entries.measured),
        any_row=bool(entries.measured or entries.unreadable),
    )


def _names(folders: dict[str, Path]) -> dict[str, str]:
    """What the page's models are called, by the sha256 of their weights."""
    names = {folder: name for name, folder in folders.items()}
    return {sha256: names[folder] for sha256, folder in weights_in(folders.values()).items()}


def _problems(root: Path) -> str:
    """What cannot be read of the leaderboard's files, as Markdown that shows their words as they are."""
    return "\n".join(f"- `{problem.replace('`', '')}`" for problem in problems(root))


def _from_hub(root: Path) -> str:
    """What is known of the Hub's models, and since when."""
    synced = read_synced(root)
    refused = sum(bool(claim.refused) for claim in synced.claims)
    text = f"Models on the Hub, read {synced.date}: {len(synced.claims) - refused:,} claims, {refused:,} refused."
    if not synced.date:
        text = "Models on the Hub have not been read yet."
    return f"{text} The last reading failed; the next is within the hour." if synced.failure else text


def _read_again(root: Path) -> str:
    """Handler: what is known of the Hub after another look at it."""
    with contextlib.suppress(ValueError):  # it is kept with the claims, and shown with them
        sync(root)
    return _from_hub(root)
