"""JavaScript that the page's handlers call; page.js makes `window.fkd`."""

import json
from typing import Any

import gradio as gr

Update = dict[gr.blocks.Block, Any]  # of components, as a handler returns it
PRIVATE: dict[str, Any] = {"api_visibility": "private"}  # of events
SAVE = """file => {
    if (!file) return;
    const link = document.createElement('a');
    [link.href, link.download] = [file.url, file.orig_name];
    link.click();
}"""


def remember(tab: str, *names: str, selected: bool = False) -> str:
    """Return JavaScript that writes a tab and its inputs, under these names, to the URL; lists are joined by commas.

    selected: True for a select event; a URL that already names the tab is left unchanged.
    """
    return f"(...values) => {{ window.fkd.openTab({json.dumps([tab, names])}, values, {json.dumps(selected)}); }}"
