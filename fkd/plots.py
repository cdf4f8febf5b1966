"""Plotly figures from tables; colours are given by the caller, so that a model keeps its own on the page."""

import pandas as pd
import plotly.graph_objects as go

from fkd.keypoints import NAMES
from fkd.robustness import STEPS, UNITS

LAYOUT = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": "#8a8f98", "size": 13},
    "margin": {"l": 48, "r": 8, "t": 40, "b": 44},
    "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
}
GRID = {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False}


def training_curves(histories: dict[str, pd.DataFrame], colours: dict[str, str]) -> go.Figure:
    """Validation (solid) and training (dotted) RMSE by epoch; training faces are augmented, so harder.

    histories: by model, a table of history.csv.
    """
    figure = go.Figure()
    for model, history in histories.items():
        for column, dash, label in (
            ("validation_rmse", "solid", model),
            ("train_rmse", "dot", f"{model}, training"),
        ):
            line = {"color": colours[model], "dash": dash, "width": 2.5 if dash == "solid" else 1.5}
            figure.add_scatter(x=history["epoch"], y=history[column], name=label, line=line, mode="lines")
    figure.update_layout(**LAYOUT)
    figure.update_xaxes(title="epoch", **GRID)
    figure.update_yaxes(title="RMSE, px (log scale)", type="log", dtick="D2", **GRID)
    return figure


def keypoint_errors(table: pd.DataFrame, colours: dict[str, str]) -> go.Figure:
    """RMSE of each keypoint, a bar a model. table: rows of `leaderboard.table`."""
    figure = go.Figure()
    labels = [name.replace("_", " ") for name in NAMES]
    for row in table.to_dict("records"):
        figure.add_bar(
            y=labels,
            x=[row[name] for name in NAMES],
            name=row["model"],
            orientation="h",
            marker_color=colours[row["model"]],
        )
    figure.update_layout(**LAYOUT | {"barmode": "group", "height": 620})
    figure.update_xaxes(title="test RMSE, px", **GRID)
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure


def robustness_curves(curves: dict[str, list[float]], kind: str, colours: dict[str, str]) -> go.Figure:
    """RMSE at each step of one kind of degradation (`fkd.robustness.STEPS`), a line a model.

    curves: by model, the RMSE in px at each step.
    """
    figure = go.Figure()
    for model, errors in curves.items():
        figure.add_scatter(
            x=[str(step) for step in STEPS[kind]],
            y=errors,
            name=model,
            mode="lines+markers",
            line={"color": colours[model], "width": 2.5},
        )
    figure.update_layout(**LAYOUT | {"height": 280})
    figure.update_xaxes(title=UNITS[kind], type="category", **GRID)
    figure.update_yaxes(title="test RMSE, px", rangemode="tozero", **GRID)
    return figure
