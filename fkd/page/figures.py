"""The figures below a ranking, and the paper's table next to ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from fkd.board.record import Evaluation
from fkd.errors import FkdError
from fkd.files import typed_rows
from fkd.learn.record import Epoch
from fkd.page.face_plots import error_face
from fkd.page.plots import cumulative_errors, keypoint_errors, robustness_curves, trade_off, training_curves
from fkd.page.words import PAPER_COLUMNS, PAPER_TEXT
from fkd.photo.colours import BLUE, GREEN, RED, distinct, network_colour

COUNT = 5  # figures


def plot_places() -> list[gr.Plot]:
    """Place the figures, in the order of `figures`."""
    places = []

    def place(title: str, name: str, about: str = "", scale: int = 1) -> None:
        with gr.Column(min_width=320, scale=scale):
            gr.Markdown(f"### {title}\n{about}")
            places.append(gr.Plot(show_label=False, elem_classes=name))

    with gr.Row():
        place("Error against time and size", "trade-off", "Down and left is better. Larger dots have more parameters.")
        place("Cumulative error distribution", "cumulative", "Up and left is better.")
    with gr.Row():
        place("Errors on the face", "face-plot", "Half of a point's errors are inside its ellipse.", 2)
        degraded = "RMSE, px (log scale), on the same faces made worse step by step."
        place("Accuracy on degraded faces", "degraded", degraded, 3)
    with gr.Accordion("Error of each keypoint", open=False, elem_id="more-figures"):
        places.append(gr.Plot(show_label=False, elem_classes="errors"))
    return places


def plotted_first(entries: Sequence[Evaluation]) -> list[str]:
    """The models in the plots until a visitor chooses: the first four of a checkpoint's own predictions.

    Ensembles, flip averaging and submitted predictions are there only if there is nothing else.
    """
    plain = [entry.name for entry in entries if entry.members == 1 and not entry.mirror and not entry.submitted]
    return (plain or [entry.name for entry in entries])[:4]


def figures(every: Sequence[Evaluation], models: Sequence[str], across: int = 4) -> list[object]:
    """Draw some of a benchmark's entries, in the order of `plot_places`; None where there is nothing to draw.

    Args:
        every: All entries, which decide the colours.
        models: Names of the entries to draw.
        across: How many small figures fit in a row.
    """
    colours = entry_colours(every)
    entries = sorted((entry for entry in every if entry.name in models), key=lambda entry: entry.accuracy.rmse)
    if not entries:
        return [None] * COUNT
    return [
        trade_off(entries, colours),
        cumulative_errors(entries, colours),
        error_face({entry.name: entry.detail for entry in entries}, colours),
        robustness_curves({entry.name: entry.robustness for entry in entries}, colours, across),
        keypoint_errors(entries, colours),
    ]


def history(folder: Path) -> pd.DataFrame | None:
    """A checkpoint's training, one row per epoch; None if it is not recorded, or not as fkd records it."""
    try:
        return pd.DataFrame(typed_rows(folder / "history.csv", Epoch))
    except (FkdError, OSError):
        return None


def entry_colours(entries: Sequence[Evaluation]) -> dict[str, str]:
    """By name: single models have their usual colours; flip averaging, ensembles and submitted ones get the rest."""
    plain_first = sorted(entries, key=lambda entry: (entry.submitted, entry.members > 1, entry.mirror))
    colours = distinct([network_colour(entry.model) for entry in plain_first])
    return dict(zip((entry.name for entry in plain_first), colours, strict=True))


def paper_section(paper: dict[str, Any]) -> None:
    """The paper's table next to what its settings gave here, and the curves. paper: of benchmarks/paper.py."""
    gr.Markdown(f"## The paper, reproduced\n{PAPER_TEXT.format(**paper)}")
    shown = pd.DataFrame(paper["table"]).rename(columns=PAPER_COLUMNS)[list(PAPER_COLUMNS.values())]
    gr.Dataframe(
        shown.style.format(precision=2, na_rep="-"),
        interactive=False,
        wrap=True,
        column_widths=["130px", "120px", "130px", "130px", "100px", "90px", "130px"],
        elem_id="paper",
        elem_classes="ranking",
    )
    colours = dict(zip(paper["curves"], (RED, GREEN, BLUE), strict=True))
    curves = {name: pd.DataFrame(rows) for name, rows in paper["curves"].items()}
    gr.Plot(training_curves(curves, colours), show_label=False, elem_classes="paper-curves")
