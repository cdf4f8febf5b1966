"""Files for downloads, and lasting addresses: what several tabs need."""

import shutil
import tempfile
import threading
from pathlib import Path

KEPT = 60  # s: Gradio copies a file into its own cache, which it empties within the hour, as a handler returns it


def short_lived_folder() -> Path:
    """A new folder for files that a handler returns; it is removed a minute later, since photos may be in them."""
    folder = Path(tempfile.mkdtemp(prefix="fkd-"))
    timer = threading.Timer(KEPT, shutil.rmtree, [folder], {"ignore_errors": True})
    timer.daemon = True
    timer.start()
    return folder


def remember(tab: str, *names: str) -> str:
    """JavaScript that keeps a tab and its inputs, under these names, in the address; lists are joined by commas.

    Inside a Space the address that a visitor sees is that of the frame's parent.
    """
    return f"""(...values) => {{
        window.fkdLeft = true;
        const asked = new URLSearchParams({{tab: '{tab}'}});
        {list(names)}.forEach((name, number) => asked.set(name, String(values[number])));
        history.replaceState(null, '', '?' + asked);
        if (window.parent !== window) window.parent.postMessage({{queryString: asked.toString()}}, 'https://huggingface.co');
    }}"""
