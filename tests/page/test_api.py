"""The API for gradio_client and curl works as documented."""

import re
import shlex
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from served import FILE, Caller, launched

from app import build_app
from fkd.keypoints import NAMES

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "grace_hopper.jpg"


@pytest.fixture(scope="module")
def page():
    """The page with the shipped models, served."""
    with launched(build_app()) as caller:
        yield caller


@pytest.mark.slow
def test_the_documented_examples_run(page):
    document = (ROOT / "docs" / "api.md").read_text().replace("http://127.0.0.1:7860", page.url.rstrip("/"))
    (by_client,) = re.findall(r"```python\n(.*?)```", document, re.S)
    exec(by_client.replace("photo.jpg", str(PHOTO)), {})
    ask, hear = re.findall(r"^curl [^#\n]*", document, re.M)
    _, _, url, _, kind, _, data = shlex.split(ask)
    asked = httpx.post(url, content=data, headers=[kind.split(": ")]).json()
    assert '"rmse"' in httpx.get(shlex.split(hear)[2].replace("EVENT_ID", asked["event_id"])).text
    api = Client(page.url, verbose=False).view_api(return_format="dict")
    assert set(api["named_endpoints"]) == {"/predict", "/compare", "/leaderboard"}


def test_each_endpoint_answers_and_precise_points_differ(page: Caller):
    photo = {"path": page.upload("face.jpg", PHOTO.read_bytes()), "meta": FILE}
    (usual,), (precise,) = (
        page.call("predict", [photo, "fcnn", precise, False])[1][0]["faces"] for precise in (False, True)
    )
    assert set(usual["points"]) == set(NAMES)
    assert precise["points"] != usual["points"] and precise["box"] == usual["box"]
    cut = {"path": page.upload("cut.jpg", PHOTO.read_bytes()[:30_000]), "meta": FILE}
    assert "ends early" in page.call("predict", [cut, "fcnn", False, False])[1][0]["note"]
    (whole,) = page.call("predict", [photo, "fcnn", False, True])[1][0]["faces"]
    assert whole["box"][:2] == [-0.5, -0.5] and whole["box"][2] > usual["box"][2]
    both = page.call("compare", [photo, "fcnn,resnet18", False, False])[1][0]
    assert set(both["models"]) == {"fcnn", "resnet18"} and both["milliseconds"]["finding faces"] > 0
    assert page.call("leaderboard", ["wild15"])[1][0][0]["rank"] == 1


def test_the_page_is_no_tool_server_whatever_the_environment_asks_for(monkeypatch):
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    with launched(build_app()) as page:
        assert page.client.get("").status_code == 200
        assert page.client.post("gradio_api/mcp/").status_code >= 400
