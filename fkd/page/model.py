"""The tab of one model: its card, its curves, and what its errors look like, without showing a test face."""

import functools
from pathlib import Path

import gradio as gr

from fkd.board.record import read_evaluation
from fkd.hub.card import model_card
from fkd.learn.checkpoint import Checkpoint
from fkd.metrics import CASES
from fkd.page.address import remember
from fkd.page.figures import history
from fkd.page.guard import pick_models
from fkd.page.plots import case_face, error_face, training_curves
from fkd.photo.draw import GREEN

CASES_SAID = """### Its best and its worst faces
Arrows lead from each point of the mean face to where the model's answer went, as far as it went from the label: the
faces themselves may not be shown."""


def model_tab(models: dict[str, Checkpoint], folders: dict[str, Path], page: gr.Blocks, tab: gr.Tab) -> None:
    """Builds the tab, inside `tab` of `page`."""
    names = list(models)
    chosen = gr.Dropdown(names, value=names[0], label="Model", elem_id="model")
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            card = gr.Markdown(elem_id="card")
        with gr.Column(scale=2, min_width=300):
            gr.Markdown("### Where its errors lie\nHalf of a point's errors lie inside its ellipse.")
            ellipses = gr.Plot(show_label=False, elem_classes="ellipses")
            gr.Markdown("### Training\nSolid: validation. Dotted: training, on augmented faces, so harder.")
            curves = gr.Plot(show_label=False, elem_classes="model-curves")
    with gr.Column() as cases:
        gr.Markdown(CASES_SAID)
        faces = []
        for kind in ("best", "worst"):
            with gr.Row():
                for number in range(CASES):
                    with gr.Column(min_width=200):
                        gr.Markdown(f"{kind} {number + 1}", elem_classes="caption")
                        faces.append(gr.Plot(show_label=False, elem_classes="case"))
    show = functools.partial(_show, models, folders)
    shown = [card, ellipses, curves, cases, *faces]

    def open_view(request: gr.Request):
        """Handler: the model that the address asks for: ?tab=model&model=NAME."""
        asked = request.query_params.get("model", "")
        return asked if asked in models else names[0]

    seen = gr.State(False)  # nothing is drawn before somebody looks at this tab
    page.load(open_view, None, chosen, api_visibility="private")
    chosen.change(show, [chosen, seen], shown, api_visibility="private")
    tab.select(lambda: True, None, seen, api_visibility="private").then(
        show, [chosen, seen], shown, api_visibility="private"
    )
    gr.on([tab.select, chosen.input], None, chosen, js=remember("model", "model"))


def _show(models: dict[str, Checkpoint], folders: dict[str, Path], name: str, seen: bool):
    """Handler: (card, error ellipses, training curves, cases, a figure a case) of a model, once the tab is seen."""
    if not seen:
        return [gr.skip()] * (4 + 2 * CASES)
    model = pick_models(models, name)[name]
    rows = history(folders[name])
    curves = None if rows is None else training_curves({name: rows}, {name: GREEN})
    nothing = [curves, gr.Column(visible=False), *[None] * 2 * CASES]
    try:
        evaluation = read_evaluation(folders[name] / "evaluation.json")
        # The card is made anew from the records: a README from the Hub may hold anything.
        card = model_card(model, evaluation, name if "/" in name else "").split("---\n", 2)[2]
    except FileNotFoundError:
        return [f"# {name}\nIt has not been evaluated.", None, *nothing]
    except ValueError as error:
        return [f"# {name}\nIts records cannot be read: `{str(error).replace('`', '')}`.", None, *nothing]
    text = "\n".join(line for line in card.splitlines() if not line.startswith(("![", "<!--")))
    cases = [*evaluation.detail.best, *evaluation.detail.worst]
    figures = [case_face(case, GREEN) for case in cases] + [None] * (2 * CASES - len(cases))
    return [text, error_face({name: evaluation.detail}, {name: GREEN}), curves, gr.Column(visible=True), *figures]
