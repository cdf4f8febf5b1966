"""The tab of one model: its card, its training curves, and its errors."""

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from fkd.board.record import read_evaluation
from fkd.hub.card import model_card
from fkd.hub.repository import EVALUATION
from fkd.page.address import remember
from fkd.page.face_plots import error_face
from fkd.page.figures import history, paper_section
from fkd.page.guard import pick
from fkd.page.own import Own
from fkd.page.plots import training_curves
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector

IN_PAPER = ("fcnn", "resnet50")


@dataclass(frozen=True)
class View:
    """The contents of the tab.

    text: the card, Markdown. curves, ellipses: figures of its training and of its errors. in_paper: whether the paper
    has such a network.
    """

    text: str
    curves: Any = None
    ellipses: Any = None
    in_paper: bool = False

    def outputs(self) -> list[Any]:
        """For (card, ellipses, curves, the paper's section)."""
        return [self.text, self.ellipses, self.curves, gr.Accordion(visible=self.in_paper)]


def model_tab(detectors: Own, paper: Path | None, page: gr.Blocks, tab: gr.Tab) -> None:
    """Builds the tab, inside `tab` of `page`. paper: the figures of benchmarks/paper.py, None where they are not."""
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
    with gr.Accordion("Beside the paper", open=False, visible=False, elem_id="of-paper") as section:
        if paper and paper.exists():
            paper_section(json.loads(paper.read_text()))

    def show(name: str, is_seen: bool) -> list[Any]:
        if not is_seen:
            return [gr.skip()] * len(shown)
        view = _view(pick(detectors, name))
        return (view if paper else dataclasses.replace(view, in_paper=False)).outputs()

    shown = [card, ellipses, curves, section]

    def open_view(request: gr.Request) -> str:
        """Handler: the model that the address asks for: ?tab=model&model=NAME."""
        asked = str(request.query_params.get("model", ""))
        return asked if asked in detectors else first

    seen = gr.State(False)  # nothing is drawn before somebody looks at this tab
    page.load(open_view, None, chosen, api_visibility="private")
    chosen.change(show, [chosen, seen], shown, api_visibility="private")
    tab.select(lambda: True, None, seen, api_visibility="private").then(
        show, [chosen, seen], shown, api_visibility="private"
    )
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
    except ValueError as error:
        reason = str(error).replace(f"{folder}{os.sep}", "").replace("`", "")  # visitors read it
        return View(f"# {name}\nIts records cannot be read: `{reason}`.", curves)
    in_paper = detector.checkpoint.model.config.name in IN_PAPER
    text = "\n".join(line for line in card.splitlines() if not line.startswith(("![", "<!--")))
    return View(text, curves, error_face({name: evaluation.detail}, {name: colour}), in_paper)
