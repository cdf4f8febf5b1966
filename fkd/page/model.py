"""The Model tab: card, training curves and errors of one model."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.board.record import read_evaluation
from fkd.errors import FkdError
from fkd.hub.card import model_card
from fkd.hub.repository import EVALUATION
from fkd.page.address import remember
from fkd.page.face_plots import error_face
from fkd.page.figures import history, paper_section
from fkd.page.guard import handler, pick
from fkd.page.own import LazyDetectors
from fkd.page.plots import training_curves
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector

IN_PAPER = ("fcnn", "resnet50")


@dataclass(frozen=True)
class View:
    """The contents of the tab: the card as Markdown, its figures, and whether the paper has such a network."""

    text: str
    curves: Any = None
    ellipses: Any = None
    in_paper: bool = False


def model_tab(detectors: LazyDetectors, paper: Path | None, page: gr.Blocks, tab: gr.Tab) -> None:
    """Build the tab, inside `tab` of `page`. paper: the figures of benchmarks/paper.py, if there are any."""
    first = detectors.by_error()[0]
    chosen = gr.Dropdown(list(detectors), value=first, label="Model", elem_id="model")
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            card = gr.Markdown(elem_id="card")
        with gr.Column(scale=2, min_width=300):
            gr.Markdown("### Errors on the face\nHalf of a point's errors are inside its ellipse.")
            ellipses = gr.Plot(show_label=False, elem_classes="ellipses")
            gr.Markdown("### Training\nSolid: validation. Dotted: training, on augmented faces.")
            curves = gr.Plot(show_label=False, elem_classes="model-curves")
    with gr.Accordion("Compared with the paper", open=False, visible=False, elem_id="of-paper") as section:
        if paper and paper.exists():
            paper_section(json.loads(paper.read_text()))

    @handler
    def show(name: str, is_seen: bool) -> dict[gr.blocks.Block, Any]:
        if not is_seen:
            return {card: gr.skip()}
        view = _view(pick(detectors, name))
        in_paper = gr.Accordion(visible=bool(paper) and view.in_paper)
        return {card: view.text, ellipses: view.ellipses, curves: view.curves, section: in_paper}

    @handler
    def open_view(request: gr.Request) -> str:
        """Return the model that the URL names: ?tab=model&model=NAME."""
        name = str(request.query_params.get("model", ""))
        return name if name in detectors else first

    shown: list[gr.blocks.Block] = [card, ellipses, curves, section]
    seen = gr.State(False)  # nothing is drawn before the tab is opened
    private: dict[str, Any] = {"api_visibility": "private"}
    page.load(open_view, None, chosen, queue=False, **private)
    chosen.change(show, [chosen, seen], shown, **private)
    tab.select(lambda: True, None, seen, queue=False, **private).then(show, [chosen, seen], shown, **private)
    tab.select(None, chosen, js=remember("model", "model", selected=True))
    chosen.input(None, chosen, js=remember("model", "model"))


def _view(detector: Detector) -> View:
    if not isinstance(detector, CheckpointDetector):
        owner = f"By {detector.owner}. " if detector.owner else ""
        return View(f"# {detector.name}\n{owner}Terms: {detector.licence or 'not stated'}.")
    name, colour, folder = detector.name, detector.colour, detector.folder
    epochs = history(folder)
    curves = None if epochs is None else training_curves({name: epochs}, {name: colour})
    try:
        evaluation = read_evaluation(folder / EVALUATION)
        # Rebuild the card from the records: a README from the Hub may hold anything.
        card = model_card(detector.checkpoint, evaluation, name if "/" in name else "").split("---\n", 2)[2]
    except FileNotFoundError:
        return View(f"# {name}\nIt has not been evaluated.", curves)
    except FkdError as error:
        reason = str(error).replace(f"{folder}{os.sep}", "").replace("`", "")  # visitors read it
        return View(f"# {name}\nIts records cannot be read: `{reason}`.", curves)
    in_paper = detector.checkpoint.model.config.name in IN_PAPER
    text = "\n".join(line for line in card.splitlines() if not line.startswith(("![", "<!--")))
    return View(text, curves, error_face({name: evaluation.detail}, {name: colour}), in_paper)
