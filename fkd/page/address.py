"""Lasting addresses: what several tabs need."""

# The compare tab has no address of its own; it is also selected as the page opens, whatever the address then asks.
FORGET = "() => { if (window.fkdLeft) history.replaceState(null, '', location.pathname) }"


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
