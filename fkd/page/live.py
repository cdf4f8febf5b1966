"""The Live tab: models follow faces in the camera's picture, in the visitor's browser (`fkd.page.engine`)."""

from collections.abc import Mapping

import gradio as gr

from fkd.page.browser import PRIVATE
from fkd.page.engine import HERE, is_small, write_engine
from fkd.page.guard import handler
from fkd.page.uploads import address, page_folder
from fkd.photo.detector import Detector

START = """
const folder = () => props.value && new URL(props.value, document.baseURI);
const begin = async () => {
    if (!folder() || element.dataset.begun) return;
    element.dataset.begun = true;
    const { startLive } = await import(new URL('live.js', folder()));
    startLive(element.firstElementChild, folder(), (photo) => { window.fkd.take(photo); trigger('select'); });
};
watch('value', begin);
begin();
"""


def live_tab(detectors: Mapping[str, Detector], tab: gr.Tab, tabs: gr.Tabs) -> None:
    """Build the tab, inside `tab` of `tabs`; the models' files are written when it is first opened."""
    folder = page_folder() / "engine"
    live = gr.HTML(
        None, html_template="<div></div>", css_template=(HERE / "live.css").read_text(), js_on_load=START,
        apply_default_css=False, elem_id="live",
    )  # fmt: skip

    @handler
    def prepare() -> str:
        if not folder.exists():  # Gradio answers one visitor after the other
            write_engine(folder, filter(is_small, detectors.values()))
        return f"{address(folder)}/"

    tab.select(prepare, None, live, **PRIVATE)
    live.select(handler(lambda: gr.Tabs(selected="compare")), None, tabs, queue=False, **PRIVATE)
