"""The preview that messengers and social networks show of a link to the page.

Their programs run no JavaScript and take the first tags in the HTML, which are Gradio's own advertisement.
"""

import functools
import re
import shutil
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse

from fkd.page.ranking import TEMPLATES
from fkd.page.uploads import address, page_folder

CARD = Path(__file__).parent / "card.jpg"  # 1200 x 630 px, made by "Share" on the first example
CRAWLERS = re.compile(
    "facebookexternalhit|twitterbot|slackbot|discordbot|linkedinbot|whatsapp|telegrambot|mastodon|bluesky|signal", re.I
)
TITLE = "Which facial keypoint detector finds your face better?"
DESCRIPTION = "Two detectors on the same photo, side by side: see where they differ, and try your own."


def is_crawler(request: Request) -> bool:
    """Whether a request is for a link's preview."""
    return bool(CRAWLERS.search(request.headers.get("user-agent", "")))


def preview(request: Request) -> HTMLResponse:
    """Return the page's title, description and picture."""
    base = str(request.base_url.replace(scheme=request.headers.get("x-forwarded-proto", request.url.scheme)))
    page = TEMPLATES.get_template("preview.html")
    return HTMLResponse(page.render(title=TITLE, description=DESCRIPTION, address=base, card=base + _card()))


@functools.cache
def _card() -> str:
    """Return the address of the picture."""
    return address(Path(shutil.copy(CARD, page_folder())))
