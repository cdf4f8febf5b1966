"""The figures below a ranking, and the paper's table beside ours."""

from pathlib import Path

import gradio as gr
import pandas as pd

from fkd.board.entries import Benchmark, Entries
from fkd.board.ranking import table
from fkd.board.record import Evaluation
from fkd.board.robustness import STEPS
from fkd.files import typed_rows
from fkd.learn.checkpoint import Epoch
from fkd.page.plots import (
    cumulative_errors,
    error_face,
    keypoint_errors,
    keypoint_heatmap,
    robustness_curves,
    trade_off,
    training_curves,
)
from fkd.page.words import PAPER_COLUMNS, PAPER_TEXT
from fkd.photo.colours import BLUE, GREEN, RED, distinct, network_colour

COUNT = 7 + len(STEPS)  # figures


def plot_places() -> list[gr.Plot]:
    """Where the figures go, in the order in which `figures` gives them."""
    places = []

    def place(title: str, name: str, width: int = 300) -> None:
        with gr.Column(min_width=width):
            gr.Markdown(title)
            places.append(gr.Plot(show_label=False, elem_classes=name))

    with gr.Row():
        place("### Error against size", "size-plot")
        place("### Error against time", "time-plot")
    with gr.Row():
        place("### How many faces are how good", "cumulative")
        place("### Where the errors lie\nHalf of a point's errors lie inside its ellipse, on a mean face.", "face-plot")
    with gr.Row():
        place("### Error of each keypoint", "errors")
        place("### The same as a table of colours", "heat")
    place("### Training curves\nSolid: validation. Dotted: training, on augmented faces, so harder.", "curves")
    gr.Markdown(
        "### Accuracy on degraded faces\nThe same test faces made worse step by step, from left (as they are) to right."
    )
    with gr.Row():
        for kind in STEPS:
            place(f"#### {kind}", "degraded", 270)
    return places


def plotted_first(entries: list[Evaluation]) -> list[str]:
    """The models in the plots until a visitor chooses: the best four as they are, without mirroring or ensembles."""
    plain = [entry.name for entry in entries if entry.members == 1 and not entry.mirror]
    return (plain or [entry.name for entry in entries])[:4]


def figures(benchmark: Benchmark, every: list[Evaluation], folders: dict[str, Path], models: list[str]) -> list:
    """The figures of some of a benchmark's entries, in the order of `plot_places`; None where there is nothing.

    folders: of the checkpoints, by name, for their training's history.
    """
    colours = entry_colours(every)
    entries = [entry for entry in every if entry.name in models]
    if not entries:
        return [None] * COUNT
    rows = table(benchmark, Entries(entries), {})  # for its columns: ranks are not drawn
    histories = {entry.name: history(folders[entry.name]) for entry in entries if entry.name in folders}
    histories = {name: rows for name, rows in histories.items() if rows is not None}
    return [
        trade_off(rows, "parameters", "parameters, millions", colours, 1e6),
        trade_off(rows, "latency_ms", "milliseconds a face", colours),
        cumulative_errors(entries, colours),
        error_face({entry.name: entry.detail for entry in entries}, colours),
        keypoint_errors(rows, colours),
        keypoint_heatmap(rows),
        training_curves(histories, colours),
        *(
            robustness_curves({e.name: e.robustness[kind] for e in entries if kind in e.robustness}, kind, colours)
            for kind in STEPS
        ),
    ]


def history(folder: Path) -> pd.DataFrame | None:
    """A checkpoint's training, one row per epoch; None if it is not recorded, or not as fkd records it."""
    try:
        return pd.DataFrame(typed_rows(folder / "history.csv", Epoch))
    except (ValueError, OSError):
        return None


def entry_colours(entries: list[Evaluation]) -> dict[str, str]:
    """By name: of single models as they are everywhere; averaged predictions and ensembles take what they leave."""
    plain_first = sorted(entries, key=lambda entry: (entry.members > 1, entry.mirror))
    colours = distinct([network_colour(entry.model) for entry in plain_first])
    return dict(zip((entry.name for entry in plain_first), colours, strict=True))


def paper_section(paper: dict) -> None:
    """The paper's table beside what its settings gave here, and the curves. paper: of benchmarks/paper.py."""
    gr.Markdown(f"## The paper, reproduced\n{PAPER_TEXT.format(**paper)}")
    shown = pd.DataFrame(paper["table"]).rename(columns=PAPER_COLUMNS)[list(PAPER_COLUMNS.values())]
    gr.Dataframe(
        shown.style.format(precision=2, na_rep="-"),
        interactive=False,
        wrap=True,
        column_widths=["130px", "130px", "100px", "130px", "130px", "130px"],
        elem_id="paper",
        elem_classes="ranking",
    )
    colours = dict(zip(paper["curves"], (RED, GREEN, BLUE), strict=True))
    curves = {name: pd.DataFrame(rows) for name, rows in paper["curves"].items()}
    gr.Plot(training_curves(curves, colours), show_label=False, elem_classes="paper-curves")
