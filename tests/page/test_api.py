"""The API, for gradio_client and curl: as documented, and with no more rights than a visitor."""

import re
import shlex
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from served import FILE, Caller

from app import build_app
from fkd.keypoints import NAMES
from fkd.page.site import launch_options

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "grace_hopper.jpg"


@pytest.fixture(scope="module")
def address():
    """The page with the shipped models, served."""
    app = build_app()
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    yield url
    app.close()


@pytest.mark.slow
def test_the_documented_examples_run(address):
    document = (ROOT / "docs" / "api.md").read_text().replace("http://127.0.0.1:7860", address.rstrip("/"))
    (by_client,) = re.findall(r"```python\n(.*?)```", document, re.S)
    exec(by_client.replace("photo.jpg", str(PHOTO)), {})
    ask, hear = re.findall(r"^curl [^#\n]*", document, re.M)
    _, _, url, _, kind, _, data = shlex.split(ask)
    asked = httpx.post(url, content=data, headers=[kind.split(": ")]).json()
    assert '"rmse"' in httpx.get(shlex.split(hear)[2].replace("EVENT_ID", asked["event_id"])).text


@pytest.mark.slow
def test_programs_ask_by_name_with_the_photo_first(address):
    client = Client(address, verbose=False)
    photo = handle_file(PHOTO)
    (face,) = client.predict(photo, api_name="/predict")["faces"]
    assert set(face["points"]) == set(NAMES) and len(face["box"]) == 4
    both = client.predict(photo, models="fcnn,resnet18", api_name="/compare")
    assert set(both["models"]) == {"fcnn", "resnet18"} and both["milliseconds"]["finding faces"] > 0
    assert client.predict(api_name="/leaderboard")[0]["rank"] == 1
    with pytest.raises(AppError, match="unknown model 'none': expected one of fcnn"):
        client.predict(photo, model="none", api_name="/predict")
    named = set(client.view_api(return_format="dict")["named_endpoints"])
    assert named == {"/predict", "/compare", "/leaderboard"}

    stolen = {"path": "/etc/hostname", "meta": FILE}
    for payload in (stolen, "/etc/hostname", {"path": "/etc/hostname"}):
        assert Caller(address).call("predict", [payload, "fcnn", False])[0] in ("400", "error")


def test_each_endpoint_answers_and_precise_points_differ(address):
    page = Caller(address)
    photo = {"path": page.upload("face.jpg", PHOTO.read_bytes()), "meta": FILE}
    (usual,), (precise,) = (page.call("predict", [photo, "fcnn", precise])[1][0]["faces"] for precise in (False, True))
    assert set(usual["points"]) == set(NAMES)
    assert precise["points"] != usual["points"] and precise["box"] == usual["box"]
    assert set(page.call("compare", [photo, "fcnn,resnet18", False])[1][0]["models"]) == {"fcnn", "resnet18"}
    assert page.call("leaderboard", ["wild15"])[1][0][0]["rank"] == 1
    kind, refusal = page.call("predict", [photo, "none", False])
    assert kind == "error" and "unknown model 'none': expected one of fcnn" in str(refusal)


def test_the_page_is_no_tool_server_whatever_the_environment_asks_for(monkeypatch):
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    app = build_app()
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    assert httpx.get(url).status_code == 200 and httpx.post(f"{url}gradio_api/mcp/").status_code >= 400
    app.close()
