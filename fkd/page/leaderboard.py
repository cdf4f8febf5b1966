"""The Leaderboard tab: one benchmark at a time, searched, with figures and a permanent URL."""

import dataclasses
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.board import entries as board
from fkd.board.entries import KAGGLE, SYNCED, Benchmark, Entries, read_benchmarks, read_entries
from fkd.board.ranking import RankingRow
from fkd.files import counted, markdown, write_csv
from fkd.hub.claims import sync
from fkd.metrics import METRICS, RMSE
from fkd.page.browser import PRIVATE, SAVE, Update, remember
from fkd.page.detectors import folders_of
from fkd.page.guard import handler
from fkd.page.plots import draw, entry_colours
from fkd.page.ranking import MAX_ROWS, Choice, is_single, ranked, ranking_html
from fkd.page.uploads import new_folder
from fkd.photo.detector import Detector

HERE = Path(__file__).parent
MAX_PLOTTED = 6  # models in the figures
PAUSE = 60  # s between two readings of the Hub that visitors ask for
NAMES = [field.name for field in dataclasses.fields(Choice)]

WHAT_RANKS = f"""Models ranked by their error ({RMSE.label} in px of the 96 px frame; lower is better) on the
{{faces:,}} held-out faces of **{{name}}**: {{description}}."""
NO_ENTRY = """Nobody has entered a result on **{name}** yet ({description}). If you have its files, enter the first
with `python -m fkd evaluate checkpoints/NAME --data DIR --benchmark` and its name."""
NO_RESULTS = "There are no results yet: `python -m fkd evaluate checkpoints/NAME --data DIR` makes the first."
FIGURES = {  # in the order of `draw`
    "trade-off": ("Error against time and size", "Down and left is better. Larger dots have more parameters."),
    "cumulative": ("Cumulative error distribution", "Up and left is better."),
    "face-plot": ("Errors on the face", "Half of a point's errors are inside its ellipse."),
}
QUICK: dict[str, Any] = PRIVATE | {"queue": False}


class LeaderboardTab:
    """The tab, built inside `tab` of `page`. root: folder of the entries."""

    def __init__(self, root: Path, detectors: Mapping[str, Detector], page: gr.Blocks, tab: gr.Tab):
        self.root, self.folders = root, folders_of(detectors)
        self.own = {detector.sha256: name for name, detector in detectors.items()}
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
        self._connect(page, tab, [self.benchmark, self.search, self.averaged])  # the fields of `Choice`

    def _place_choices(self) -> None:
        # The first view is in the page, so that nothing jumps when another one is opened.
        first = self.named("")
        self.about = gr.Markdown(_about(first, read_entries(self.root, first)), elem_id="about-benchmark")
        with gr.Row(elem_id="look"):
            self.benchmark = gr.Dropdown(
                list(self.benchmarks), value=next(iter(self.benchmarks)), label="Benchmark", container=False,
                min_width=140, elem_id="benchmark",
            )  # fmt: skip
            self.search = gr.Textbox(
                label="Search models", placeholder="Search models", max_length=100, container=False, min_width=140,
                elem_id="search",
            )  # fmt: skip
            gr.ClearButton(self.search, value="Clear", size="sm", min_width=60, scale=0, elem_id="clear")
            averaged = "Include ensembles and flip averaging"
            self.averaged = gr.Checkbox(label=averaged, container=False, elem_id="averaged")

    def _place_ranking(self) -> None:
        css = (HERE / "ranking.css").read_text("utf-8")
        self.table = gr.HTML(self._html(Choice()), css_template=css, apply_default_css=False, elem_id="ranking")
        with gr.Row():
            self.csv = gr.Button("Table as CSV", size="sm", min_width=120, elem_id="ranking-csv")
            self.refresh = gr.Button("Refresh from the Hub", size="sm", min_width=120, elem_id="sync")
        self.synced = gr.Markdown(elem_id="from-hub", elem_classes="caption")
        self.problems = gr.Markdown(elem_id="problems")

    def _place_texts(self) -> None:
        with gr.Accordion("Columns and questions", open=False, elem_id="questions"):
            gr.Markdown(questions())
        is_shown = KAGGLE in self.benchmarks
        with gr.Accordion("Published Kaggle scores", open=False, visible=is_shown, elem_id="published"):
            gr.HTML((HERE / "published.html").read_text("utf-8"), padding=False)
        with gr.Accordion("Cite this", open=False, elem_id="cite"):
            citation = (HERE / "citation.bib").read_text("utf-8")
            gr.Code(
                citation, language=None, show_label=False, show_line_numbers=False, wrap_lines=True, buttons=["copy"]
            )

    def _place_figures(self) -> None:
        self.plots: list[gr.Plot] = []
        with gr.Accordion("Figures", open=False, elem_id="figures") as self.figures:
            gr.Markdown(f"The first {MAX_PLOTTED} models of the ranking above.")
            with gr.Row():
                for name, (title, about) in FIGURES.items():
                    with gr.Column(min_width=320):
                        gr.Markdown(f"### {title}\n{about}")
                        self.plots.append(gr.Plot(show_label=False, elem_classes=name))

    def _connect(self, page: gr.Blocks, tab: gr.Tab, inputs: Sequence[gr.components.Component]) -> None:
        shown = [self.about, self.table, self.csv, self.figures]
        shows: dict[str, Any] = QUICK | {
            "fn": self._show, "inputs": inputs, "outputs": shown, "show_progress": "hidden",
        }  # fmt: skip
        is_open = gr.State(False)  # the figures are drawn once they are seen, since that takes a second
        draws: dict[str, Any] = PRIVATE | {"fn": self._draw, "inputs": [is_open, *inputs], "outputs": self.plots}
        keep = remember("leaderboard", *NAMES)
        page.load(self._read_notes, None, [self.synced, self.problems], **QUICK)
        page.load(self._open_view, None, inputs, **QUICK).then(**shows)
        latest = {"trigger_mode": "always_last"}
        # Of a textbox, `input` comes with keys that write, not with Delete or a cut.
        # `change` also comes when the page opens, on any tab.
        keep_search = f"(...values) => {{ if (window.fkd.tabNow() === 'leaderboard') ({keep})(...values); }}"
        self.search.change(**shows | latest).then(None, inputs, js=keep_search).then(**draws)
        for part in (self.benchmark, self.averaged):
            part.input(**shows | latest).then(None, inputs, js=keep).then(**draws)
        self.figures.expand(lambda: True, None, is_open, **QUICK).then(**draws)
        self.refresh.click(self._read_again, outputs=self.synced, **PRIVATE).then(**shows)
        tab.select(None, inputs, js=remember("leaderboard", *NAMES, selected=True))
        file = gr.File(visible="hidden")
        self.csv.click(handler(self._write_csv), inputs, file, **PRIVATE).success(None, file, js=SAVE)

    def rows(self, choice: Choice) -> list[RankingRow]:
        """Return the rows chosen by the visitor, ranked among single models or among all entries."""
        every = ranked(self.root, self.named(choice.benchmark), self.folders, choice.averaged)
        return [row for row in every if choice.keeps(row)]

    def named(self, name: str) -> Benchmark:
        """Return the benchmark of that name; the first for any other name."""
        return self.benchmarks.get(str(name)) or next(iter(self.benchmarks.values()))

    @handler
    def _show(self, *values: Any) -> Update:
        choice = Choice(*values)
        benchmark = self.named(choice.benchmark)
        entries = read_entries(self.root, benchmark)
        has_entry = bool(entries.measured)
        return {
            self.about: _about(benchmark, entries),
            self.table: self._html(choice),
            self.csv: gr.Button(visible=has_entry),
            self.figures: gr.Accordion(visible=has_entry),
        }

    def _html(self, choice: Choice) -> str:
        benchmark = self.named(choice.benchmark)
        entries, rows = read_entries(self.root, benchmark), self.rows(choice)
        note = _note(benchmark, entries, len(rows), choice) if entries.measured else ""
        return ranking_html(rows, choice, self.own, entry_colours(entries.measured), note)

    @handler
    def _open_view(self, request: gr.Request) -> list[Any]:
        """Fill the inputs from a URL such as ?tab=leaderboard&benchmark=NAME&search=TEXT."""
        query = request.query_params if request.query_params.get("tab") == "leaderboard" else {}
        return [self.named(query.get("benchmark", "")).name, query.get("search", ""), query.get("averaged") == "true"]

    @handler
    def _read_notes(self) -> list[str]:
        return [hub_text(self.root), problems_text(self.root)]

    @handler
    def _read_again(self) -> str:
        """Read the Hub, once a minute at most."""
        file = self.root / SYNCED
        if not file.exists() or time.time() - file.stat().st_mtime > PAUSE:
            sync(self.root)
        return hub_text(self.root)

    @handler
    def _draw(self, is_open: bool, *values: Any) -> Update:
        entries = [row.entry for row in self.rows(Choice(*values)) if row.entry][:MAX_PLOTTED]
        if not is_open or not entries:
            return {self.plots[0]: gr.skip()}
        every = read_entries(self.root, self.named(values[0])).measured
        return dict(zip(self.plots, draw(entries, entry_colours(every)), strict=True))

    def _write_csv(self, *values: Any) -> str:
        choice = Choice(*values)
        path = new_folder() / f"{self.named(choice.benchmark).name}.csv"
        records = [row.record() for row in self.rows(choice)]
        write_csv(path, list(dict.fromkeys(itertools.chain.from_iterable(records))), records)
        return str(path)


def questions() -> str:
    """Describe the columns, and answer common questions, as Markdown."""
    metrics = "\n".join(f"- **{metric.title}**: {metric.about}; lower is better." for metric in METRICS)
    return (HERE / "questions.md").read_text("utf-8").format(rmse=RMSE.label, metrics=metrics)


def _about(benchmark: Benchmark, entries: Entries) -> str:
    """Describe the benchmark, as Markdown."""
    text = WHAT_RANKS if entries.measured or entries.unreadable else NO_ENTRY
    description = markdown(benchmark.description.rstrip("."))
    return text.format(name=markdown(benchmark.name), faces=benchmark.faces, description=description)


def _note(benchmark: Benchmark, entries: Entries, count: int, choice: Choice) -> str:
    """Return the note below a ranking of `count` rows."""
    averaged = sum(not is_single(entry) for entry in entries.measured)
    note = f"{benchmark.faces:,} faces, {benchmark.values:,} labelled coordinates, fingerprint {benchmark.fingerprint}."
    if averaged and not choice.averaged:
        note = f"Ranks are among single models; {averaged} more entries (ensembles, flip averaging) are hidden. {note}"
    if count > MAX_ROWS:
        note = f"The first {MAX_ROWS} of {count:,} rows are shown; the CSV has them all. {note}"
    return note


def problems_text(root: Path) -> str:
    """List the leaderboard's unreadable files with the reasons, as Markdown."""
    return "\n".join(f"- {markdown(problem)}" for problem in board.problems(root))


def hub_text(root: Path) -> str:
    """Summarize the claims of Hub models, with the date of the last sync."""
    synced = board.read_synced(root)
    if not synced.date:
        return "Models on the Hub have not been read yet."
    return f"Models on the Hub, read {markdown(synced.date)}: {counted(len(synced.claims), 'claim')}."
