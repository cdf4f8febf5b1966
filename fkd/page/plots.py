"""Plotly figures of entries; a model keeps its colour on the whole page."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from fkd.board.record import Evaluation
from fkd.keypoints import EDGES, MEAN_FACE, NAMES
from fkd.photo.colours import distinct, network_colour

LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": "#787d87", "size": 13},
    "margin": {"l": 48, "r": 8, "t": 40, "b": 44},
    # Two names per line, which a phone has room for.
    "legend": {
        "title": None, "traceorder": "normal", "orientation": "h",
        "yanchor": "bottom", "y": 1.0, "x": 0, "font": {"size": 13},
        "entrywidth": 0.5, "entrywidthmode": "fraction",
    },
    "dragmode": False,  # a finger that scrolls the page over a figure would zoom the figure
}  # fmt: skip
GRID = {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False}
GREY = "#8a8f98"
MILLISECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]  # labels of a log scale
DASHES = ["solid", "dash", "dot", "dashdot"]  # so that two curves at the same place can both be seen


def draw(entries: Sequence[Evaluation], colours: dict[str, str]) -> list[go.Figure]:
    """Draw the figures below a ranking. colours: by the name of an entry."""
    return [figure(entries, colours) for figure in (trade_off, cumulative_errors, error_face)]


def entry_colours(entries: Sequence[Evaluation]) -> dict[str, str]:
    """By name: single models that rank have their usual colours; the others get the rest."""
    plain_first = sorted(entries, key=lambda entry: (not entry.held_out, entry.members > 1, entry.mirror))
    colours = distinct([network_colour(entry.model) for entry in plain_first])
    return dict(zip((entry.name for entry in plain_first), colours, strict=True))


def trade_off(entries: Sequence[Evaluation], colours: dict[str, str]) -> go.Figure:
    """Draw test RMSE with its interval against milliseconds per face (log scale), and the Pareto front.

    A dot's size shows the number of parameters.
    """
    rows = [
        (
            entry.name, entry.cost.latency_ms, entry.accuracy.rmse, entry.accuracy.rmse_high - entry.accuracy.rmse,
            entry.accuracy.rmse - entry.accuracy.rmse_low, (entry.cost.parameters or 0) / 1e6,
        )
        for entry in entries
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "ms", "rmse", "above", "below", "parameters, M"])
    figure = px.scatter(
        table, x="ms", y="rmse", error_y="above", error_y_minus="below", color="model", color_discrete_map=colours,
        hover_data=["parameters, M"], log_x=True,
    )  # fmt: skip
    for trace, millions in zip(figure.data, table["parameters, M"], strict=True):
        trace.marker.size = 6 + 2 * millions**0.5
    by_time = table.sort_values("ms")
    front = by_time[by_time["rmse"] == by_time["rmse"].cummin()]
    line = {"color": GREY, "dash": "dot"}
    figure.add_scatter(x=front["ms"], y=front["rmse"], mode="lines", line=line, name="Pareto front")
    figure.update_xaxes(title="milliseconds per face", tickvals=MILLISECONDS, ticktext=list(map(str, MILLISECONDS)))
    figure.update_yaxes(title="test RMSE, px")
    return _styled(figure, 400)


def cumulative_errors(entries: Sequence[Evaluation], colours: dict[str, str]) -> go.Figure:
    """Draw the cumulative distribution of the faces' mean errors, in percent of the inter-ocular distance."""
    rows = [(entry.name, value) for entry in entries for value in entry.detail.nme if value is not None]
    table = pd.DataFrame(rows, columns=["model", "nme"])
    figure = px.ecdf(
        table, x="nme", color="model", line_dash="model", ecdfnorm="percent", color_discrete_map=colours,
        line_dash_sequence=DASHES,
    )  # fmt: skip
    figure.update_xaxes(title="mean error, % of eye distance", range=[0, 15])
    figure.update_yaxes(title="faces, %", range=[0, 100])
    return _styled(figure, 400)


def error_face(entries: Sequence[Evaluation], colours: dict[str, str]) -> go.Figure:
    """Draw the mean face with an ellipse about each keypoint, one colour per model: half of its errors are inside.

    The ellipses are of a normal distribution with the errors' mean and covariance, in the frame's pixels.
    """
    figure, place = go.Figure(), dict(zip(NAMES, MEAN_FACE, strict=True))
    ends = [end for start, stop in EDGES for end in (place[start], place[stop], (None, None))]
    quiet = {"showlegend": False, "hoverinfo": "skip"}
    figure.add_scatter(x=[x for x, _ in ends], y=[y for _, y in ends], mode="lines", line={"color": GREY}, **quiet)
    turn = np.linspace(0, 2 * np.pi, 40)
    circle = np.stack([np.cos(turn), np.sin(turn)]) * np.sqrt(2 * np.log(2))  # the radius that holds half
    for entry in entries:
        outlines = [np.empty((2, 0))]
        for name, offset in entry.detail.offsets.items():
            if offset is not None:
                mean_x, mean_y, xx, xy, yy = offset
                size, axes = np.linalg.eigh([[xx, xy], [xy, yy]])
                centre = np.array(place[name]) + (mean_x, mean_y)
                outline = axes @ (np.sqrt(size.clip(0))[:, None] * circle) + centre[:, None]
                outlines.append(np.append(outline, [[np.nan], [np.nan]], axis=1))  # a gap before the next
        x, y = np.concatenate(outlines, axis=1)
        figure.add_scatter(x=x, y=y, name=entry.name, mode="lines", line={"color": colours[entry.name]})
    figure.update_xaxes(range=[8, 88], visible=False)
    figure.update_yaxes(range=[88, 20], visible=False, scaleanchor="x")
    return _styled(figure, 520)


def _styled(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(**LAYOUT, height=height)
    figure.update_xaxes(**GRID)
    figure.update_yaxes(**GRID)
    return figure
