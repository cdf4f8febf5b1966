"""Permanent URLs of the tabs. page.js makes `window.fkd`."""

import json


def remember(tab: str, *names: str, selected: bool = False) -> str:
    """Return JavaScript that writes a tab and its inputs, under these names, to the URL; lists are joined by commas.

    selected: True for a select event; a URL that already names the tab is left unchanged.
    """
    return f"(...values) => {{ window.fkd.openTab({json.dumps([tab, names])}, values, {json.dumps(selected)}); }}"
