"""Plotly figures of a model's errors on a drawn face."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from fkd.keypoints import EDGES, FRAME_SIZE, MEAN_FACE, NAMES
from fkd.metrics import Detail
from fkd.page.plots import LABELS, LAYOUT


def error_face(details: dict[str, Detail], colours: dict[str, str]) -> go.Figure:
    """The mean face with an ellipse about each keypoint, one colour per model: half of its errors are inside.

    The ellipses are of a normal distribution with the errors' mean and covariance, in the frame's pixels.
    """
    figure = _face(MEAN_FACE)
    turn = np.linspace(0, 2 * np.pi, 40)
    circle = np.stack([np.cos(turn), np.sin(turn)]) * np.sqrt(2 * np.log(2))  # the radius that holds half
    for model, detail in details.items():
        x, y = [], []
        for name, point in zip(NAMES, MEAN_FACE, strict=True):
            offset = detail.offsets[name]
            if offset is None:
                continue
            mean_x, mean_y, xx, xy, yy = offset
            size, axes = np.linalg.eigh([[xx, xy], [xy, yy]])
            ellipse = axes @ (np.sqrt(size.clip(0))[:, None] * circle) + np.array([[mean_x], [mean_y]])
            x += [*(point[0] + ellipse[0]), None]
            y += [*(point[1] + ellipse[1]), None]
        figure.add_scatter(x=x, y=y, name=model, mode="lines", line={"color": colours[model], "width": 2})
    figure.update_layout(height=520)
    figure.update_xaxes(range=[8, 88])
    figure.update_yaxes(range=[88, 20])
    return figure


def _face(points: Sequence[tuple[float, float]]) -> go.Figure:
    """A drawn face with its frame's pixels as axes."""
    figure, at = go.Figure(), dict(zip(NAMES, points, strict=True))
    lines = [(at[start], at[stop], (None, None)) for start, stop in EDGES]
    figure.add_scatter(
        x=[end[0] for line in lines for end in line],
        y=[end[1] for line in lines for end in line],
        mode="lines",
        line={"color": "rgba(128,128,128,0.5)", "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=[point[0] for point in points],
        y=[point[1] for point in points],
        text=LABELS,
        mode="markers",
        marker={"color": "#8a8f98", "size": 5},
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(**LAYOUT | {"height": 420})
    figure.update_xaxes(range=[0, FRAME_SIZE], visible=False)
    figure.update_yaxes(range=[FRAME_SIZE, 8], visible=False, scaleanchor="x")
    return figure
