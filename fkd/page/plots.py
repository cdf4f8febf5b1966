"""Plotly figures from entries; colours are given by the caller, so that a model keeps its own on the page."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fkd.board.record import STEPS, UNITS, Cost, Evaluation
from fkd.keypoints import NAMES

LABELS = [name.replace("_", " ") for name in NAMES]

LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": "#787d87", "size": 13},
    "margin": {"l": 48, "r": 8, "t": 40, "b": 44},
    # Two names per line, which a phone has room for.
    "legend": {
        "orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "font": {"size": 13},
        "entrywidth": 0.5, "entrywidthmode": "fraction",
    },
    "dragmode": False,  # a finger that scrolls the page over a figure would zoom the figure
}  # fmt: skip
GRID = {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False}


def training_curves(histories: dict[str, pd.DataFrame], colours: dict[str, str]) -> go.Figure:
    """Validation (solid) and training (dotted) RMSE by epoch; training faces are augmented.

    histories: by model, a table of history.csv.
    """
    figure = go.Figure()
    for model, history in histories.items():
        for column, dash, label in (
            ("validation_rmse", "solid", model),
            ("train_rmse", "dot", f"{model}, training"),
        ):
            line = {"color": colours[model], "dash": dash, "width": 2.5 if dash == "solid" else 1.5}
            figure.add_scatter(
                x=history["epoch"], y=history[column], name=label, line=line, mode="lines", showlegend=dash == "solid"
            )
    figure.update_layout(**LAYOUT)
    figure.update_xaxes(title="epoch", **GRID)
    figure.update_yaxes(title="RMSE, px (log scale)", type="log", **_steps((1, 1.5, 2, 3, 5)), **GRID)
    return figure


def keypoint_errors(entries: Sequence[Evaluation], colours: dict[str, str]) -> go.Figure:
    """Draw the RMSE of each keypoint, one bar per model."""
    figure = go.Figure()
    for entry in entries:
        figure.add_bar(
            y=LABELS,
            x=[entry.accuracy.rmse_by_keypoint[name] for name in NAMES],
            name=entry.name,
            orientation="h",
            marker_color=colours[entry.name],
        )
    legend = LAYOUT["legend"] | {"orientation": "v", "x": 0}  # next to the points' names, two do not fit on a line
    figure.update_layout(**LAYOUT | {"barmode": "group", "height": 620, "legend": legend})
    figure.update_xaxes(title="test RMSE, px", **GRID)
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure


def robustness_curves(
    curves: Mapping[str, Mapping[str, list[float]]], colours: dict[str, str], across: int
) -> go.Figure:
    """RMSE at each step of each kind of degradation (`fkd.board.record.STEPS`): small figures with one scale.

    curves: by model and degradation, the RMSE in px at each step. across: how many small figures per row.
    """
    rows = -(-len(STEPS) // across)
    units = {name: "<br>".join(textwrap.wrap(UNITS[name], 20 if across < 4 else 30)) for name in STEPS}
    titles = [f"{name}<br><span style='font-size: 12px'>{units[name]}</span>" for name in STEPS]
    figure = make_subplots(
        rows, across, subplot_titles=titles, shared_yaxes="all", horizontal_spacing=0.03, vertical_spacing=0.4 / rows
    )
    for model, errors in curves.items():
        for number, degradation in enumerate(name for name in STEPS if name in errors):
            place = list(STEPS).index(degradation)
            figure.add_scatter(
                x=[str(step) for step in STEPS[degradation]],
                y=errors[degradation],
                name=model,
                legendgroup=model,
                showlegend=number == 0,
                mode="lines+markers",
                line={"color": colours[model], "width": 2.5},
                row=place // across + 1,
                col=place % across + 1,
            )
    legend = LAYOUT["legend"] | {"y": 1 + 0.2 / rows, "yanchor": "bottom", "entrywidth": 0, "entrywidthmode": "pixels"}
    figure.update_layout(
        **LAYOUT | {"height": 40 + 240 * rows, "legend": legend, "margin": LAYOUT["margin"] | {"t": 84}}
    )
    figure.update_annotations(font_size=14)
    figure.update_xaxes(type="category", **GRID)
    figure.update_yaxes(type="log", **_steps((1, 2, 5)), **GRID)
    return figure


def trade_off(entries: Sequence[Evaluation], colours: dict[str, str]) -> go.Figure:
    """Draw test RMSE with its interval against milliseconds per face (log scale), and the Pareto front.

    A dot's area shows the number of parameters. Entries without a cost are left out.
    """
    figure = go.Figure()
    priced = [(entry, entry.cost) for entry in entries if entry.cost]
    front: list[tuple[float, float]] = []  # price, RMSE
    for at, rmse in sorted((cost.latency_ms, entry.accuracy.rmse) for entry, cost in priced):
        if not front or rmse <= front[-1][1]:
            front.append((at, rmse))
    figure.add_scatter(
        x=[at for at, _ in front],
        y=[rmse for _, rmse in front],
        mode="lines",
        line={"color": "#8a8f98", "dash": "dot"},
        name="Pareto front",
    )
    for entry, cost in priced:
        told = entry.accuracy
        figure.add_scatter(
            x=[cost.latency_ms],
            y=[told.rmse],
            error_y={"array": [told.rmse_high - told.rmse], "arrayminus": [told.rmse - told.rmse_low]},
            name=entry.name,
            mode="markers",
            marker={
                "size": 6 + 2 * ((cost.parameters or 0) / 1e6) ** 0.5,
                "color": colours[entry.name],
            },
            hovertemplate=f"%{{y:.3f}} px, %{{x:.3g}} ms{_parameters(cost)}",
        )
    figure.update_layout(**LAYOUT | {"height": 400})
    figure.update_xaxes(title="milliseconds per face", type="log", **_steps((1, 2, 5)), **GRID)
    figure.update_yaxes(title="test RMSE, px", **GRID)
    return figure


def _parameters(cost: Cost) -> str:
    return "" if cost.parameters is None else f", {cost.parameters / 1e6:.1f} M parameters"


def cumulative_errors(entries: Sequence[Evaluation], colours: dict[str, str]) -> go.Figure:
    """Draw the cumulative distribution of the faces' mean errors, in percent of the inter-ocular distance."""
    figure = go.Figure()
    for entry in entries:
        nme = np.sort([value for value in entry.detail.nme if value is not None])
        figure.add_scatter(
            x=nme,
            y=100 * np.arange(1, len(nme) + 1) / max(1, len(nme)),
            name=entry.name,
            mode="lines",
            line={"color": colours[entry.name], "width": 2.5},
        )
    figure.update_layout(**LAYOUT | {"height": 400})
    figure.update_xaxes(title="mean error, % of eye distance", range=[0, 15], **GRID)
    figure.update_yaxes(title="faces, %", range=[0, 100], **GRID)
    return figure


def _steps(digits: tuple[float, ...]) -> dict[str, Any]:
    """Labels of a log scale: these digits of every power of ten, written out."""
    values = [digit * 10**power for power in range(-2, 5) for digit in digits]
    return {"tickvals": values, "ticktext": [f"{value:g}" for value in values]}
