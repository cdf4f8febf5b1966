"""The Leaderboard tab: one benchmark at a time, searched, sorted and filtered, with figures and a permanent URL."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from fkd.board.entries import (
    KAGGLE,
    SYNCED,
    Benchmark,
    Entries,
    problems,
    read_benchmarks,
    read_entries,
    read_published,
    read_synced,
)
from fkd.board.ranking import RankingRow
from fkd.errors import FkdError
from fkd.hub.claims import sync
from fkd.learn.record import weights_in
from fkd.metrics import METRICS, RMSE
from fkd.page.browser import remember, save_on_click
from fkd.page.guard import event_value, handler
from fkd.page.plots import draw, entry_colours, plotted_first
from fkd.page.ranking import (
    FIRST_STATUSES,
    MAX_ROWS,
    OPTIONAL,
    STATUSES,
    Choice,
    is_single,
    published_html,
    ranked,
    ranking_html,
    ranking_view,
)
from fkd.page.uploads import new_folder

HERE = Path(__file__).parent
PAUSE = 60  # s between two readings of the Hub that visitors ask for
NAMES = [field.name for field in dataclasses.fields(Choice)]
# The default choices as text; these are left out of the URL.
FIRST = [",".join(value) if isinstance(value, tuple) else str(value) for value in dataclasses.astuple(Choice())]
# Whether the browser has room for figures side by side.
IS_WIDE = "() => window.innerWidth >= 700"

WHAT_RANKS = f"""Models ranked by their error ({RMSE.label} in px of the 96 px frame; lower is better) on the
{{faces:,}} held-out faces of **{{name}}**: {{description}}."""
NO_ENTRY = """Nobody has entered a result on **{name}** yet ({description}). If you have its files, enter the first
with `python -m fkd evaluate checkpoints/NAME --data DIR --benchmark {name}`."""
NO_KAGGLE_ENTRY = """Kaggle's own faces have no ranking yet, since only Kaggle may hand them out:
`python -m fkd evaluate checkpoints/NAME --data DIR --benchmark kaggle` adds the first entry, if you have them."""
NO_RESULTS = "There are no results yet: `python -m fkd evaluate checkpoints/NAME --data DIR` makes the first."


Update = dict[gr.blocks.Block, Any]
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = PRIVATE | {"queue": False}


class LeaderboardTab:
    """The tab, built inside `tab` of `page`.

    Args:
        root: Folder of the entries.
        folders: Checkpoint folders, by name.
        page: The page.
        tab: The tab.
    """

    def __init__(self, root: Path, folders: dict[str, Path], page: gr.Blocks, tab: gr.Tab):
        self.root, self.folders = root, folders
        benchmarks = sorted(read_benchmarks(root), key=lambda each: not each.fingerprint)
        self.benchmarks = {benchmark.name: benchmark for benchmark in benchmarks}
        if not benchmarks:
            gr.Markdown(NO_RESULTS)
            gr.Markdown(problems_text(root))
            return
        self._place_choices()
        self._place_ranking()
        self._place_texts()
        self._place_figures()
        inputs = [self.benchmark, self.search, self.averaged, self.status, self.columns, self.sort, self.models]
        self._connect(page, tab, inputs)
        self._connect_figures(tab)

    def _place_choices(self) -> None:
        self.about = gr.Markdown(elem_id="about-benchmark")
        with gr.Row(elem_id="look"):
            self.benchmark = gr.Dropdown(
                list(self.benchmarks), value=next(iter(self.benchmarks)), label="Benchmark", container=False,
                min_width=140, elem_id="benchmark",
            )  # fmt: skip
            self.search = gr.Textbox(
                label="Search models", placeholder="Search models", max_length=100, container=False, min_width=140,
                elem_id="search",
            )  # fmt: skip
            self.averaged = gr.Checkbox(
                label="Include ensembles and flip averaging", container=False, elem_id="averaged"
            )

    def _place_ranking(self) -> None:
        self.table = ranking_view()
        self.sort = gr.Textbox("rank", visible=False)
        with gr.Row():
            self.csv = gr.Button("Table as CSV", size="sm", min_width=120, elem_id="ranking-csv")
            self.refresh = gr.Button("Refresh from the Hub", size="sm", min_width=120, elem_id="sync")
        self.synced = gr.Markdown(elem_id="from-hub", elem_classes="caption")
        self.problems = gr.Markdown(elem_id="problems")
        with gr.Accordion("Filters and columns", open=False, elem_id="filters"):
            self.status = gr.CheckboxGroup(STATUSES, value=FIRST_STATUSES, label="Status", elem_id="status-filter")
            optional = [(value.head, value.key) for value in OPTIONAL]
            self.columns = gr.Dropdown(optional, multiselect=True, label="More columns", elem_id="columns")

    def _place_texts(self) -> None:
        with gr.Accordion("Columns and questions", open=False, elem_id="questions"):
            gr.Markdown(questions())
        with gr.Accordion("Published Kaggle scores", open=False, elem_id="published") as self.published:
            self.scores = gr.HTML(padding=False)
        with gr.Accordion("Cite this", open=False, elem_id="cite"):
            citation = (HERE / "citation.bib").read_text("utf-8")
            gr.Code(citation, language=None, show_label=False, show_line_numbers=False, wrap_lines=True)

    def _place_figures(self) -> None:
        self.plots: list[gr.Plot] = []

        def place(title: str, name: str, about: str, scale: int = 1) -> None:
            with gr.Column(min_width=320, scale=scale):
                gr.Markdown(f"### {title}\n{about}")
                self.plots.append(gr.Plot(show_label=False, elem_classes=name))

        with gr.Accordion("Figures", open=False, elem_id="figures") as self.figures:
            self.models = gr.Dropdown([], multiselect=True, label="Models in the figures", elem_id="plotted")
            with gr.Row():
                larger = "Down and left is better. Larger dots have more parameters."
                place("Error against time and size", "trade-off", larger)
                place("Cumulative error distribution", "cumulative", "Up and left is better.")
            with gr.Row():
                place("Errors on the face", "face-plot", "Half of a point's errors are inside its ellipse.", 2)
                degraded = "RMSE, px (log scale), on the same faces made worse step by step."
                place("Accuracy on degraded faces", "degraded", degraded, 3)

    def _connect(self, page: gr.Blocks, tab: gr.Tab, inputs: Sequence[gr.components.Component]) -> None:
        shown = [
            self.about, self.table, self.sort, self.published, self.scores, self.csv, self.figures, self.models,
        ]  # fmt: skip
        shows: dict[str, Any] = QUICK | {
            "fn": self.show, "inputs": inputs, "outputs": shown, "show_progress": "hidden",
        }  # fmt: skip
        keep, keep_selected = (
            f"""(...values) => ({remember("leaderboard", *NAMES, selected=selected)})(...values.map(
            (value, number) => !value || String(value) === {json.dumps(FIRST)}[number] ? '' : value))"""
            for selected in (False, True)
        )
        page.load(self.read_notes, None, [self.synced, self.problems], **QUICK)
        page.load(self.open_view, None, inputs, **QUICK).then(**shows)
        latest = {"trigger_mode": "always_last"}
        for part in (self.benchmark, self.search, self.averaged, self.status, self.columns):
            part.input(**shows | latest).then(None, inputs, js=keep)
        # One after the other, since each click has its own order.
        sorts: dict[str, Any] = shows | {"fn": self.sort_by, "queue": True, "concurrency_limit": 1}
        self.table.input(**sorts, trigger_mode="multiple").then(None, inputs, js=keep)
        self.refresh.click(self.read_again, outputs=self.synced, **PRIVATE).then(**shows)
        tab.select(None, inputs, js=keep_selected)
        self.models.input(None, inputs, js=keep)
        save_on_click(self.csv, self.write_csv, inputs)

    def _connect_figures(self, tab: gr.Tab) -> None:
        """Draw the figures once they are seen, since that takes a second: is_wide is None until then."""
        is_wide, width = gr.State(None), gr.Checkbox(visible=False)
        draws: dict[str, Any] = PRIVATE | {
            "fn": self.draw, "inputs": [self.benchmark, self.models, is_wide], "outputs": self.plots,
        }  # fmt: skip
        self.models.change(**draws)
        tab.select(lambda wide: gr.Accordion(open=wide), width, self.figures, js=IS_WIDE, **QUICK)
        self.figures.expand(lambda wide: wide, width, is_wide, js=IS_WIDE, **QUICK).then(**draws)

    def rows(self, choice: Choice) -> list[RankingRow]:
        """Return the rows chosen by the visitor, ranked among single models or among all entries."""
        every = ranked(self.root, self.named(choice.benchmark), self.folders.values(), choice.averaged)
        return [row for row in every if choice.keeps(row)]

    def named(self, name: str) -> Benchmark:
        """Return the benchmark of that name; the first for any other name."""
        return self.benchmarks.get(str(name)) or next(iter(self.benchmarks.values()))

    @handler
    def show(self, *values: Any) -> Update:
        """Show a benchmark as the visitor chose to see it."""
        return self._show(Choice(*values))

    @handler
    def sort_by(self, event: gr.EventData, *values: Any) -> Update:
        """Sort by the heading that was clicked."""
        choice = dataclasses.replace(Choice(*values), sort=str(event_value(event, "sort")))
        return self._show(choice) | {self.sort: choice.sort}

    def _show(self, choice: Choice) -> Update:
        benchmark = self.named(choice.benchmark)
        entries = read_entries(self.root, benchmark)
        rows = self.rows(choice)
        kaggle = self.benchmarks.get(KAGGLE)
        has_entry = bool(entries.measured)
        is_filtered = has_entry or bool(entries.unreadable)
        colours = entry_colours(entries.measured)
        note = _note(benchmark, entries, len(rows), choice) if has_entry else ""
        scores = read_published(self.root, kaggle) if kaggle else []
        update: Update = {
            self.about: _about(benchmark, entries, kaggle),
            self.table: ranking_html(rows, choice, self._own_names(), colours, note, is_filtered),
            self.published: gr.Accordion(visible=bool(scores)),
            self.scores: published_html(scores),
            self.csv: gr.Button(visible=has_entry),
            self.figures: gr.Accordion(visible=has_entry),
        }
        models, plotted = _plotted(entries, choice)
        if plotted != list(choice.model):
            update[self.models] = gr.Dropdown(choices=models, value=plotted)
        return update

    def _own_names(self) -> dict[str, str]:
        """Return the names of the page's models, by the sha256 of their weights."""
        names = {folder: name for name, folder in self.folders.items()}
        return {sha256: names[folder] for sha256, folder in weights_in(self.folders.values()).items()}

    @handler
    def open_view(self, request: gr.Request) -> list[Any]:
        """Fill the inputs from a URL such as ?tab=leaderboard&benchmark=NAME&model=A,B."""
        query = request.query_params
        choice = Choice.from_address(query if query.get("tab") == "leaderboard" else {})
        benchmark = self.named(choice.benchmark)
        models, plotted = _plotted(read_entries(self.root, benchmark), choice)
        values = dataclasses.astuple(dataclasses.replace(choice, benchmark=benchmark.name))
        others = [list(value) if isinstance(value, tuple) else value for value in values[:-1]]
        return [*others, gr.Dropdown(choices=models, value=plotted)]

    @handler
    def read_notes(self) -> list[str]:
        """Describe the last reading of the Hub, and list unreadable files."""
        return [hub_text(self.root), problems_text(self.root)]

    @handler
    def read_again(self) -> str:
        """Read the Hub, once a minute at most, and describe the result."""
        file = self.root / SYNCED
        if not file.exists() or time.time() - file.stat().st_mtime > PAUSE:
            with contextlib.suppress(FkdError):  # stored with the claims, and shown with them
                sync(self.root)
        return hub_text(self.root)

    @handler
    def draw(self, name: str, models: list[str], is_wide: bool | None) -> Update:
        """Draw the figures of some models, once they can be seen."""
        if is_wide is None:
            return {self.plots[0]: gr.skip()}
        entries = read_entries(self.root, self.named(name)).measured
        return dict(zip(self.plots, draw(entries, models, 4 if is_wide else 2), strict=True))

    def write_csv(self, *values: Any) -> str:
        """Write the chosen rows, all values of each, to a new file, and return its path."""
        choice = Choice(*values)
        path = new_folder() / f"{self.named(choice.benchmark).name}.csv"
        pd.DataFrame([row.record() for row in self.rows(choice)]).to_csv(path, index=False)
        return str(path)


def questions() -> str:
    """Describe the columns, and answer common questions, as Markdown."""
    metrics = "\n".join(f"- **{metric.title}**: {metric.about}; lower is better." for metric in METRICS)
    text = (HERE / "questions.md").read_text("utf-8")
    return text.format(rmse=RMSE.label, metrics=metrics)


def _plotted(entries: Entries, choice: Choice) -> tuple[list[str], list[str]]:
    """Return the models that can be in the figures, and those that are."""
    models = [entry.name for entry in entries.measured]
    return models, [model for model in choice.model if model in models] or plotted_first(entries.measured)


def _about(benchmark: Benchmark, entries: Entries, kaggle: Benchmark | None) -> str:
    """Describe the benchmark, and why Kaggle's faces have no ranking, as Markdown."""
    fields = dataclasses.asdict(benchmark) | {"description": benchmark.description.rstrip(".")}
    if not (entries.measured or entries.unreadable):
        return NO_ENTRY.format(**fields)
    return WHAT_RANKS.format(**fields) + (f" {NO_KAGGLE_ENTRY}" if kaggle and not kaggle.fingerprint else "")


def _note(benchmark: Benchmark, entries: Entries, count: int, choice: Choice) -> str:
    """Return the note below a ranking of `count` rows."""
    averaged = sum(not is_single(entry) for entry in entries.measured)
    sentences = []
    if count > MAX_ROWS:
        sentences.append(f"The first {MAX_ROWS} of {count:,} rows are shown; the CSV has them all.")
    if averaged and not choice.averaged:
        sentences.append(
            f"Ranks are among single models; {averaged} more entries (ensembles, flip averaging) are hidden."
        )
    sentences.append(
        f"{benchmark.faces:,} faces, {benchmark.values:,} labelled coordinates, fingerprint {benchmark.fingerprint}."
    )
    return " ".join(sentences)


def problems_text(root: Path) -> str:
    """List the leaderboard's unreadable files with the reasons, as Markdown with literal text."""
    return "\n".join(f"- `{problem.replace('`', '')}`" for problem in problems(root))


def hub_text(root: Path) -> str:
    """Summarize the claims of Hub models, with the date of the last sync."""
    synced = read_synced(root)
    refused = sum(bool(claim.refused) for claim in synced.claims)
    text = f"Models on the Hub, read {synced.date}: {len(synced.claims) - refused:,} claims, {refused:,} refused."
    if not synced.date:
        text = "Models on the Hub have not been read yet."
    return f"{text} The last sync failed; it will be retried within the hour." if synced.failure else text
