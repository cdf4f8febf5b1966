"""The Model tab: card, training curves and errors of one model."""

import contextlib
import io
import os
from collections.abc import Mapping
from typing import Any

import gradio as gr
import pandas as pd

from fkd.board.record import read_evaluation
from fkd.errors import FkdError
from fkd.files import markdown, read_bytes
from fkd.hub.card import model_card
from fkd.hub.repository import EVALUATION
from fkd.page.browser import PRIVATE, Update, remember
from fkd.page.detectors import by_error
from fkd.page.guard import handler, pick
from fkd.page.plots import error_face, training_curves
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector


def model_tab(detectors: Mapping[str, Detector], page: gr.Blocks, tab: gr.Tab) -> None:
    """Build the tab, inside `tab` of `page`."""
    first = by_error(detectors)[0]
    chosen = gr.Dropdown(list(detectors), value=first, label="Model", elem_id="model")
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            card = gr.Markdown(elem_id="card")
        with gr.Column(scale=2, min_width=300):
            with gr.Column() as errors:
                gr.Markdown("### Errors on the face\nHalf of a point's errors are inside its ellipse.")
                ellipses = gr.Plot(show_label=False, elem_classes="ellipses")
            with gr.Column() as training:
                gr.Markdown("### Training\nSolid: validation. Dotted: training, on augmented faces.")
                curves = gr.Plot(show_label=False, elem_classes="model-curves")

    @handler
    def show(name: str, is_seen: bool) -> Update:
        if not is_seen:
            return {card: gr.skip()}
        text, *figures = describe(pick(detectors, name))
        update: Update = {card: text}
        for part, plot, figure in zip((errors, training), (ellipses, curves), figures, strict=True):
            update |= {part: gr.Column(visible=figure is not None), plot: figure}
        return update

    @handler
    def open_view(request: gr.Request) -> str:
        """Return the model that the URL names: ?tab=model&model=NAME."""
        name = str(request.query_params.get("model", ""))
        return name if name in detectors else first

    shown: list[gr.blocks.Block] = [card, errors, ellipses, training, curves]
    seen = gr.State(False)  # nothing is drawn before the tab is opened
    page.load(open_view, None, chosen, queue=False, **PRIVATE)
    chosen.change(show, [chosen, seen], shown, **PRIVATE)
    tab.select(lambda: True, None, seen, queue=False, **PRIVATE).then(show, [chosen, seen], shown, **PRIVATE)
    tab.select(None, chosen, js=remember("model", "model", selected=True))
    chosen.input(None, chosen, js=remember("model", "model"))


def describe(detector: Detector) -> tuple[str, Any, Any]:
    """Return a card as Markdown, and figures of the errors and the training; None where not recorded."""
    name = detector.name
    if not isinstance(detector, CheckpointDetector):
        owner = f"By {markdown(detector.owner)}. " if detector.owner else ""
        return f"# {markdown(name)}\n{owner}Terms: {markdown(detector.data.terms) or 'not stated'}.", None, None
    curves = None
    with contextlib.suppress(OSError, ValueError):  # a stranger's file
        content = io.BytesIO(read_bytes(detector.folder / "history.csv"))
        history = pd.read_csv(content, usecols=["epoch", "train_rmse", "validation_rmse"], dtype=float)
        curves = training_curves(history, detector.colour)
    try:
        evaluation = read_evaluation(detector.folder / EVALUATION)
        # Rebuild the card from the records: a README from the Hub may hold anything.
        card = model_card(detector.checkpoint, evaluation, name if "/" in name else "").split("---\n", 2)[2]
    except FileNotFoundError:
        return f"# {markdown(name)}\nIt has not been evaluated.", None, curves
    except FkdError as error:
        reason = markdown(str(error).replace(f"{detector.folder}{os.sep}", ""))  # visitors read it
        return f"# {markdown(name)}\nIts records cannot be read: {reason}.", None, curves
    text = "\n".join(line for line in card.splitlines() if not line.startswith(("![", "<!--")))
    return text, error_face([evaluation], {evaluation.name: detector.colour}), curves
