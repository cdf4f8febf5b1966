"""Lasting addresses: what several tabs need. `window.fkd` is made by page.js."""

import json


def remember(tab: str, *names: str, selected: bool = False) -> str:
    """JavaScript that keeps a tab and its inputs, under these names, in the address; lists are joined by commas.

    selected: because the tab was selected, which an address that has it already stays as it is for: as the page opens,
    the inputs do not have the address's values yet.
    """
    return f"(...values) => {{ window.fkd.openTab({json.dumps([tab, names])}, values, {json.dumps(selected)}); }}"
