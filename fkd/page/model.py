"""The Model tab: the card of one model."""

import os
from collections.abc import Mapping

import gradio as gr

from fkd.board.record import read_evaluation
from fkd.errors import FkdError
from fkd.files import markdown
from fkd.hub.card import model_card
from fkd.hub.repository import EVALUATION
from fkd.page.browser import PRIVATE, remember
from fkd.page.detectors import by_error
from fkd.page.guard import handler, pick
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector


def model_tab(detectors: Mapping[str, Detector], page: gr.Blocks, tab: gr.Tab) -> None:
    """Build the tab, inside `tab` of `page`."""
    first = by_error(detectors)[0]
    chosen = gr.Dropdown(list(detectors), value=first, label="Model", elem_id="model")
    card = gr.Markdown(describe(detectors[first]), elem_id="card")

    @handler
    def show(name: str) -> str:
        return describe(pick(detectors, name))

    @handler
    def open_view(request: gr.Request) -> str:
        """Return the model that the URL names: ?tab=model&model=NAME."""
        name = str(request.query_params.get("model", ""))
        return name if name in detectors else first

    page.load(open_view, None, chosen, queue=False, **PRIVATE)
    chosen.change(show, chosen, card, **PRIVATE)
    tab.select(None, chosen, js=remember("model", "model", selected=True))
    chosen.input(None, chosen, js=remember("model", "model"))


def describe(detector: Detector) -> str:
    """Return a card as Markdown."""
    name = detector.name
    if not isinstance(detector, CheckpointDetector):
        owner = f"By {markdown(detector.owner)}. " if detector.owner else ""
        return f"# {markdown(name)}\n{owner}Terms: {markdown(detector.data.terms) or 'not stated'}."
    try:
        evaluation = read_evaluation(detector.folder / EVALUATION)
        # Rebuild the card from the records: a README from the Hub may hold anything.
        card = model_card(detector, evaluation, name if "/" in name else "").split("---\n", 2)[2]
    except FileNotFoundError:
        return f"# {markdown(name)}\nIt has not been evaluated."
    except FkdError as error:
        reason = markdown(str(error).replace(f"{detector.folder}{os.sep}", ""))  # visitors read it
        return f"# {markdown(name)}\nIts records cannot be read: {reason}."
    return "\n".join(line for line in card.splitlines() if not line.startswith(("![", "<!--")))
