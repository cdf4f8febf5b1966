"""The API for gradio_client and curl works as documented."""

import base64
import io
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from gradio_client import Client
from PIL import Image
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
    path = event = ""
    answers = []
    for line in re.findall(r"^curl [^#\n]*", document.replace("photo.jpg", str(PHOTO)), re.M):
        command = shlex.split(line.replace("PATH", path).replace("EVENT_ID", event))
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        if "-F" in command:
            (path,) = json.loads(answer)
        elif "-d" in command:
            event = json.loads(answer)["event_id"]
        else:
            answers.append(answer)
    assert '"left_eye_center"' in answers[0]
    api = Client(page.url, verbose=False).view_api(return_format="dict")
    assert set(api["named_endpoints"]) == {"/predict"}


def test_the_description_names_this_pages_values_and_promises_no_addresses(page):
    text = page.client.get("gradio_api/info").text
    assert '"enum":["fcnn","mobile","resnet18","resnet50"]' in text
    assert "Hello" not in text and "raw.githubusercontent" not in text and "URL" not in text
    assert "addresses are refused" in text


def test_a_link_in_a_messenger_shows_the_pages_own_title_and_picture(page):
    headers = {"user-agent": "WhatsApp/2.23", "x-forwarded-proto": "https", "host": "fkd.test"}
    tags = dict(re.findall(r'<meta property="([^"]+)" content="([^"]*)">', page.client.get("/", headers=headers).text))
    assert tags["og:title"] == "Which facial keypoint detector finds your face better?"
    assert tags["og:image"].startswith("https://fkd.test/gradio_api/file=")
    answer = page.client.get("gradio_api/file=" + tags["og:image"].partition("file=")[2])
    assert Image.open(io.BytesIO(answer.content)).size == (1200, 630)
    assert "gradio_config" in page.client.get("/", headers={"user-agent": "Mozilla/5.0"}).text


def test_one_model_or_several_answer_for_the_faces_or_the_whole_photo(page: Caller):
    photo = {"path": page.upload("face.jpg", PHOTO.read_bytes()), "meta": FILE}
    (usual,) = page.call("predict", [photo, "fcnn", False])[1][0][0]["faces"]
    assert set(usual["points"]) == set(NAMES)
    cut = {"path": page.upload("cut.jpg", PHOTO.read_bytes()[:30_000]), "meta": FILE}
    assert "ends early" in page.call("predict", [cut, "fcnn", False])[1][0][0]["note"]
    (whole,) = page.call("predict", [photo, "fcnn", True])[1][0][0]["faces"]
    assert whole["box"][:2] == [-0.5, -0.5] and whole["box"][2] > usual["box"][2]
    both = page.call("predict", [photo, ["fcnn", "resnet18"], False])[1][0]
    assert [row["model"] for row in both] == ["fcnn", "resnet18"] and both[0]["faces"] == [usual]


def test_nothing_sent_is_a_default_and_anything_but_an_upload_is_refused_in_a_sentence(page: Caller, caplog):
    photo = {"path": page.upload("face.jpg", PHOTO.read_bytes()), "meta": FILE}
    usual = page.call("predict", [photo, "resnet18", False])
    assert usual[0] == "complete"
    assert page.call("predict", [photo, None, None]) == usual
    content = "data:image/jpeg;base64," + base64.b64encode(PHOTO.read_bytes()).decode()
    for other in (content, {"url": content}, {"url": content, "meta": FILE}, str(PHOTO), 1, []):
        kind, answer = page.call("predict", [other, "fcnn", False])
        assert kind in ("error", "400") and "This file was not uploaded here: upload it first" in str(answer)
    assert not [record for record in caplog.records if record.exc_info]


def test_the_page_is_no_tool_server_whatever_the_environment_asks_for(monkeypatch):
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    with launched(build_app()) as page:
        assert page.client.get("").status_code == 200
        assert page.client.post("gradio_api/mcp/").status_code >= 400
