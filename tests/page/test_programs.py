"""What programs may ask, by gradio_client, curl and MCP: as documented, and no further than a visitor."""

import asyncio
import base64
import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import gradio.mcp
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool
from served import FILE, Caller

from app import build_app
from fkd.keypoints import NAMES
from fkd.page import guard
from fkd.page.guard import NOT_UPLOADED
from fkd.page.site import LAUNCH
from fkd.page.uploads import photo_folder

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "grace_hopper.jpg"
INLINE = "data:image/jpeg;base64," + base64.b64encode(PHOTO.read_bytes()).decode()


@pytest.fixture(scope="module")
def address():
    """The page with the shipped models, served."""
    app = build_app()
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **LAUNCH)
    yield url
    app.close()


def call_tools(address: str, *calls: tuple[str, dict]) -> tuple[Sequence[Tool], list[CallToolResult]]:
    """The page's tools, and their answers to some calls, (name, arguments) each."""

    async def session() -> tuple[Sequence[Tool], list[CallToolResult]]:
        async with (
            streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            tools = (await client.list_tools()).tools
            return tools, [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(session())


def text(answer: CallToolResult) -> str:
    (content,) = answer.content
    return content.text


@pytest.mark.slow
def test_the_documented_examples_run(address, capsys):
    document = (ROOT / "docs" / "api.md").read_text().replace("http://127.0.0.1:7860", address.rstrip("/"))
    by_client, by_mcp = re.findall(r"```python\n(.*?)```", document, re.S)
    exec(by_client.replace("photo.jpg", str(PHOTO)), {})
    capsys.readouterr()
    exec(by_mcp.replace("photo.jpg", str(PHOTO)), {})
    assert "left_eye_center" in capsys.readouterr().out
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
    with pytest.raises(AppError, match="there is no model 'none': expected one of fcnn"):
        client.predict(photo, model="none", api_name="/predict")
    named = set(client.view_api(return_format="dict")["named_endpoints"])
    assert named == {"/predict", "/compare", "/leaderboard"}

    stolen = {"path": "/etc/hostname", "meta": FILE}
    for payload in (stolen, "/etc/hostname", {"path": "/etc/hostname"}):
        asked = httpx.post(f"{address}gradio_api/call/predict", json={"data": [payload, "fcnn"]}).json()
        assert "event: error" in httpx.get(f"{address}gradio_api/call/predict/{asked['event_id']}").text


def test_the_tools_are_the_public_endpoints_and_say_what_they_take(address):
    tools, answers = call_tools(
        address,
        ("predict", {"photo": INLINE}),
        ("compare", {"photo": INLINE, "models": "fcnn,resnet18"}),
        ("leaderboard", {}),
        ("predict", {"photo": INLINE, "model": "none"}),
        ("predict", {}),
        ("predict", {"photo": INLINE, "precise": True}),
    )
    assert {tool.name for tool in tools} == {"predict", "compare", "leaderboard"}, "no handler of the page itself"
    for tool in tools:
        assert "Returns:" in tool.description
        for argument in tool.inputSchema["properties"].values():
            assert argument["type"] in ("string", "boolean") and len(argument["description"]) > 20
    predicted, compared, ranked, unknown, without, precise = answers
    (face,) = json.loads(text(predicted))["faces"]
    assert set(face["points"]) == set(NAMES)
    (other,) = json.loads(text(precise))["faces"]
    assert other["points"] != face["points"] and other["box"] == face["box"]
    assert set(json.loads(text(compared))["models"]) == {"fcnn", "resnet18"}
    assert json.loads(text(ranked))[0]["rank"] == 1
    assert unknown.isError and text(unknown).startswith("there is no model 'none': expected one of fcnn")
    assert without.isError and "'photo' is a required property" in text(without)


def test_a_program_may_leave_out_all_but_the_photo(address):
    page = Caller(address)
    photo = {"path": page.upload("face.jpg", PHOTO.read_bytes()), "meta": FILE}
    for data in ([photo], [photo, "fcnn"], [photo, "fcnn", False]):
        kind, answer = page.call("predict", data)
        assert kind == "complete" and len(answer[0]["faces"]) == 1


def test_a_tool_reads_no_file_of_the_server_and_fetches_no_address(address, tmp_path):
    picture = tmp_path / "secret.jpg"
    picture.write_bytes(PHOTO.read_bytes())
    places = ["/etc/hostname", "file:///etc/hostname", str(picture), str(tmp_path / "missing.jpg"), "~/secret.jpg"]
    places += [f"{address}gradio_api/file={picture}", f"{address}config", "http://127.0.0.1:9/x.png", "https://x.y/z"]
    places += [f"file://{picture}", "ftp://127.0.0.1/x.png", "", "data:text/plain;base64,aGVsbG8="]
    uploaded = Caller(address).upload("face.jpg", PHOTO.read_bytes())
    tries = [("predict", {"photo": place, "model": "fcnn"}) for place in places]
    tries.append(("compare", {"photo": str(picture), "models": "fcnn"}))
    _, answers = call_tools(address, *tries, ("predict", {"photo": uploaded}), ("predict", {"photo": "data:image/,@"}))
    *refused, answered, damaged = answers
    assert {(answer.isError, text(answer)) for answer in refused} == {(True, NOT_UPLOADED)}
    assert not answered.isError and json.loads(text(answered))["faces"]
    assert damaged.isError and "not valid base64" in text(damaged)

    for stolen in ({"path": str(picture), "meta": FILE}, [str(picture)], {"url": "http://127.0.0.1:9/x.png"}):
        _, (answer,) = call_tools(address, ("predict", {"photo": stolen}))
        assert answer.isError and "is not of type 'string'" in text(answer)


def test_a_tools_photo_lies_with_the_other_uploads_and_nowhere_else(address, monkeypatch, tmp_path):
    monkeypatch.setattr(gradio.mcp, "DEFAULT_TEMP_DIR", str(tmp_path))
    before = set(photo_folder().rglob("*"))
    assert not call_tools(address, ("predict", {"photo": INLINE, "model": "fcnn"}))[1][0].isError
    assert [path for path in set(photo_folder().rglob("*")) - before if path.is_file()]
    assert not list(tmp_path.iterdir())


def test_a_call_of_a_tool_is_bounded_as_every_request(address):
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    body = call | {"params": {"name": "predict", "arguments": {"photo": "x" * guard.MOST_REQUESTED}}}
    accepted = {"accept": "application/json, text/event-stream"}
    assert httpx.post(f"{address}gradio_api/mcp/", json=body, headers=accepted).status_code == 413


def test_a_tool_that_takes_too_long_is_given_up(address, monkeypatch):
    monkeypatch.setattr(guard, "ANSWER_LIMIT", 0.01)
    _, (answer,) = call_tools(address, ("compare", {"photo": INLINE}))
    assert answer.isError and text(answer) == guard.TOO_SLOW


def test_the_page_starts_without_mcp(monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)
    app = build_app()
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **LAUNCH)
    assert httpx.get(url).status_code == 200 and httpx.post(f"{url}gradio_api/mcp/").status_code >= 400
    app.close()
