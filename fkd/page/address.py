"""Lasting addresses: what several tabs need. `window.fkd` is made by page.js."""

import json


def remember(tab: str, *names: str) -> str:
    """JavaScript that keeps a tab and its inputs, under these names, in the address; lists are joined by commas."""
    return f"(...values) => {{ window.fkd.openTab({json.dumps(tab)}, {json.dumps(names)}, values); }}"
