"""The page in public: only uploads are read, slow handlers time out, every error is one sentence."""

import asyncio
import errno
import inspect
import json
import logging
import re
import shutil
import time
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio import routes
from gradio.data_classes import ImageData
from huggingface_hub import constants
from PIL import Image
from served import FILE, Caller, forged, launched, wait_until

from app import build_app
from fkd.board.entries import SYNCED
from fkd.errors import FkdError
from fkd.page import compare, guard, uploads
from fkd.page.batch import answer_files
from fkd.page.components import Photo
from fkd.page.guard import ANSWER_LIMIT, FAULT, FULL, MALFORMED, NOT_UPLOADED, ROUTES, check_files, handler
from fkd.page.site import build_app as build
from fkd.page.site import launch_options
from fkd.photo import many_photos
from fkd.photo.detectors.checkpoint import CheckpointDetector

ROOT = Path(__file__).parents[2]
JUNK = [None, [], {"a": 1}, [["x"]], 1e300]
NUMBER_OPEN = 24  # routes that the page, gradio_client or curl need


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page with the shipped fcnn, as it is served."""
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    shutil.copytree(ROOT / "checkpoints" / "fcnn", checkpoints / "fcnn")
    leaderboard = tmp_path_factory.mktemp("board") / "leaderboard"  # the page notes in it when the Hub was last read
    shutil.copytree(ROOT / "leaderboard", leaderboard, ignore=shutil.ignore_patterns(SYNCED))
    app = build_app(checkpoints, leaderboard)
    with pytest.MonkeyPatch.context() as patch, launched(app) as caller:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        caller.blocks = app
        yield caller


@pytest.fixture(scope="module")
def uploaded(page) -> dict:
    """An uploaded photo, in the form of a request."""
    return {"path": page.upload("grace.jpg", (ROOT / "examples" / "grace_hopper.jpg").read_bytes()), "meta": FILE}


@pytest.fixture
def secret(tmp_path) -> Path:
    """A real picture that nobody uploaded."""
    return Path(shutil.copy(ROOT / "examples" / "grace_hopper.jpg", tmp_path / "secret.jpg"))


def answer_uploaded(page: Caller, photo: dict, session: str) -> tuple[bool, dict]:
    """Answers a photo by the handler of the Compare tab."""
    number = next(number for number, inputs in page.handlers("image") if len(inputs) == 4)
    return page.join(number, [photo, ["fcnn"], False, None], session)


def test_a_picture_that_was_not_uploaded_is_not_read_and_the_answer_tells_nothing(page, uploaded, secret, tmp_path):
    assert page.call("predict", [uploaded, "fcnn", False])[0] == "complete"
    refused = ("400", json.dumps({"detail": NOT_UPLOADED}, separators=(",", ":")))
    answers = [(way, page.call("predict", [way, "fcnn", False])) for way in forged(secret, tmp_path / "l.png")]
    assert len(answers) > 100
    wrong = [(way, answer) for way, answer in answers if answer != refused]
    # Text where a file belongs reaches the component, which refuses it, whatever it names.
    assert len(wrong) == 4 and all(isinstance(way, str) for way, _ in wrong)
    assert all((kind, answer["error"]) == ("error", NOT_UPLOADED) for _, (kind, answer) in wrong)


def test_the_component_itself_reads_no_other_file(secret):
    for payload in (ImageData(path=str(secret)), ImageData(url=f"file://{secret}"), ImageData(path="http://x/y.png")):
        with pytest.raises(gr.Error, match="not uploaded here"):
            Photo().preprocess(payload)


def test_the_pages_own_handlers_read_no_other_file_either(page, uploaded, secret):
    kinds = ("image", "file")
    tried = 0
    for component in kinds:
        for number, inputs in page.handlers(component):
            stolen = [{"path": str(secret), "meta": FILE} if kind in kinds else None for kind in inputs]
            ok, answer = page.join(number, stolen, f"{component}{number}")
            assert not ok and NOT_UPLOADED in answer["error"], number
            tried += 1
    assert tried >= 8
    ok, answer = answer_uploaded(page, uploaded, "mine")
    assert ok and '"fcnn"' in json.dumps(answer["data"]), answer


def test_a_link_in_the_folder_of_uploads_leads_nowhere(page, uploaded, secret):
    assert page.client.get(f"gradio_api/file={secret}").status_code == 403
    link = Path(uploaded["path"]).with_name("link.jpg")
    link.symlink_to(secret)
    assert NOT_UPLOADED in page.call("predict", [{"path": str(link), "meta": FILE}, "fcnn", False])[1]
    link.unlink()


def test_check_files_looks_into_everything():
    with pytest.raises(FkdError):
        check_files({"a": [{"b": [{"path": "/etc/passwd", "meta": FILE}]}]})


@pytest.mark.slow
def test_nonsense_gets_a_sentence_and_no_traceback(page, caplog):
    with caplog.at_level(logging.ERROR):
        for dependency in page.config["dependencies"]:
            number, inputs = dependency["id"], dependency["inputs"]
            for junk in JUNK if inputs else [None]:
                ok, answer = page.join(number, [junk] * len(inputs), f"junk{number}-{JUNK.index(junk)}", junk)
                text = None if ok else answer["error"]  # none if the data do not fit a component
                assert text is None or re.fullmatch(r"[^\n]{10,400}", text), (number, junk)
                assert text != FAULT, (number, junk)
    assert not caplog.records


def test_a_callers_mistake_is_named(page):
    for name, data, text in (
        ("predict", [None, "fcnn", False], "no photo was sent"),
        ("predict", [None, ["fcnn", "none"], False], "Value: 'none' (type: <class 'str'>) is not in the list"),
    ):
        kind, answer = page.call(name, data)
        assert kind == "error" and answer["error"].startswith(text)


def test_a_bug_in_the_finder_is_an_apology_and_a_log_entry(page, uploaded, monkeypatch, caplog):
    monkeypatch.setattr(many_photos, "find_faces", lambda _: np.zeros(3).reshape(2, 2))
    with caplog.at_level(logging.ERROR):
        kind, answer = page.call("predict", [uploaded, "fcnn", False])
        ok, shown = answer_uploaded(page, uploaded, "bug")
    assert kind == "error" and answer["error"] == FAULT
    assert not ok and shown["error"] == FAULT
    assert caplog.text.count("cannot reshape array of size 3 into shape (2,2)") >= 2 and "Traceback" in caplog.text


def test_what_the_page_does_not_have_is_refused_in_a_sentence(page):
    assert page.call("nothing", []) == ("400", f'{{"detail":"{MALFORMED}"}}')
    assert MALFORMED in page.join(9999, [], "nobody")[1]["error"]
    direct = page.client.post("gradio_api/run/predict", json={"data": []})
    assert direct.status_code == 404 and "queue" in direct.json()["detail"]


def test_a_bug_in_a_route_is_a_sentence_and_one_line_of_the_log_with_its_place(page, monkeypatch, caplog):
    monkeypatch.setattr(routes.route_utils, "get_fn", lambda **_: {}["/home/host/secret"])
    for _ in range(3):
        answer = page.client.post("gradio_api/call/predict", json={"data": []})
        assert answer.status_code == 400 and "secret" not in answer.text
    assert len(caplog.messages) == 3
    line = caplog.messages[0]
    assert "KeyError" in line and "test_guard.py" in line and "secret" not in line


UPLOAD = {"content-type": "multipart/form-data; boundary=b"}
PART = '--b\r\nContent-Disposition: form-data; name="files"{}\r\n\r\nx\r\n--b--\r\n'
MALFORMED_REQUESTS = {
    "no file name": ("POST", "upload", UPLOAD, PART.format("")),
    "a field beside an upload id": ("POST", "upload?upload_id=a", UPLOAD, PART.format("")),
    "an odd charset": ("POST", "upload", {"content-type": UPLOAD["content-type"] + "; charset=undefined"}, PART),
    "a long boundary": ("POST", "upload", {"content-type": f"multipart/form-data; boundary={'b' * 300}"}, PART),
    "not a number": ("POST", "queue/join", {}, '{"data": [], "fn_index": NaN, "session_hash": "a"}'),
    "an infinite number": ("POST", "queue/join", {}, '{"data": [], "fn_index": 1e400, "session_hash": "a"}'),
    "brackets": ("POST", "queue/join", {}, "[" * 100_000),
    "half a letter": ("POST", "queue/join", {}, '{"data": ["\\ud800"], "fn_index": 0, "session_hash": "\\ud800"}'),
}


@pytest.mark.parametrize("name", MALFORMED_REQUESTS)
def test_a_malformed_request_gets_a_sentence_and_floods_no_log(page, caplog, capfd, name):
    method, path, headers, content = MALFORMED_REQUESTS[name]
    headers = {"content-type": "application/json"} | headers
    for _ in range(3):
        answer = page.client.request(method, f"gradio_api/{path}", headers=headers, content=content)
        assert answer.status_code in (400, 413, 422) and answer.text, answer.status_code
    assert len(caplog.records) <= 3 and "Traceback" not in "".join([caplog.text, *capfd.readouterr()])


def test_a_stream_of_no_session_ends_without_a_traceback(page, caplog, capfd):
    for _ in range(3):
        assert "session_not_found" in page.client.get("gradio_api/queue/data?session_hash=nobody").text
    assert len(caplog.records) <= 3 and "Traceback" not in "".join([caplog.text, *capfd.readouterr()])


@pytest.mark.parametrize("ranges", ["0-1", "0-1,3-4", "1-", "x-y"])
def test_a_file_is_sent_whole_without_the_headers_of_its_request(page, uploaded, ranges):
    headers = {"Range": f"bytes={ranges}", "X-Proxy": "secret", "Cookie": "a=secret"}
    answer = page.client.get(f"gradio_api/file={uploaded['path']}", headers=headers)
    assert answer.status_code == 200 and len(answer.content) > 1000
    assert "secret" not in str(answer.headers) and answer.headers["content-security-policy"] == guard.POLICY


def test_no_host_of_a_caller_is_kept(page):
    for query in ("", "?all_endpoints=true", "?page="):
        page.client.get(f"gradio_api/info{query}", headers={"Host": "evil.example"})
        page.client.get("", headers={"Host": "evil.example"})
        info = page.client.get(f"gradio_api/info{query}").json()
        assert "/predict" in info["named_endpoints"] and "evil" not in json.dumps(info)
    assert "evil" not in page.client.get("").text + page.client.get("config").text


def test_a_full_disk_is_told(page, monkeypatch, caplog):
    async def fails(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(routes.route_utils.GradioUploadFile, "write", fails)
    answer = page.client.post("gradio_api/upload", files={"files": ("a.jpg", b"photo")})
    assert answer.status_code == 507 and answer.json()["detail"] == FULL
    assert len(caplog.records) <= 1
    error = error_of(lambda: exec("raise OSError(28, 'No space left on device')"))
    assert error.message == FULL


@pytest.mark.parametrize("path", ["monitoring", "monitoring/summary", "monitoring/key"])
def test_nobody_is_told_how_the_page_is_used(page, path):
    assert page.client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["queue/join", "call/upload", "run/upload"])
def test_a_request_is_as_large_as_it_needs_to_be(page, path):
    for size, refused in ((guard.MAX_REQUEST_BYTES - 200, False), (guard.MAX_REQUEST_BYTES, True)):
        body = {"data": ["x" * size], "fn_index": 9999, "session_hash": "l"}
        assert (page.client.post(f"gradio_api/{path}", json=body).status_code == 413) == refused


@pytest.mark.parametrize("value", ["[{},{},{}]", '{"a":1,"b":[2]}', "[[[[]]]]", "1,2,3,4"])
def test_a_request_of_many_values_is_turned_away_before_it_is_read(page, monkeypatch, value):
    monkeypatch.delattr(guard, "parse_json")
    body = '{"data": [%s], "fn_index": 0, "session_hash": "many"}' % ",".join([value] * 20_000)  # noqa: UP031
    for path in ("queue/join", "call/predict", "cancel"):
        answer = page.client.post(f"gradio_api/{path}", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 413 and "20,000 values" in answer.json()["detail"]


@pytest.mark.slow
def test_only_the_uploads_themselves_may_be_large(page):
    large = {"files": ("a.jpg", bytes(guard.MAX_FILE_BYTES + 1000))}
    assert page.client.post("gradio_api/upload", files=large).status_code == 413
    field = {"note": (None, "x" * (guard.MAX_FIELD_BYTES + 1))}
    assert page.client.post("gradio_api/upload", files=field).status_code == 400


def test_no_address_is_fetched(page):
    for path in ("file=https://127.0.0.1/a.jpg", "file=http:/127.0.0.1/a.jpg", "proxy=https://127.0.0.1/a"):
        answer = page.client.get(f"gradio_api/{path}")
        assert answer.status_code == 404 and not answer.content


def test_what_gradio_serves_besides_is_closed(page):
    found = set()
    routes = [*page.blocks.app.routes]
    while routes:
        route = routes.pop()
        if hasattr(route, "original_router"):
            routes += route.original_router.routes
            continue
        filled = re.sub(r"\{[^}]*\}", "/x" if "file=" in route.path else "x", route.path)
        if ROUTES.fullmatch(filled.rstrip("/") or "/"):
            found.add(route.path.rstrip("/") or "/")
            continue
        for method in sorted(route.methods or {"GET"}):
            assert page.client.request(method, filled.lstrip("/")).status_code == 404, route.path
    assert len(found) == NUMBER_OPEN, f"a new version of Gradio opens other routes: {sorted(found)}"


def test_no_handler_decodes_a_picture_in_the_pages_own_process(page, uploaded, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise AssertionError("a picture was opened")

    monkeypatch.setattr(Image, "open", fails)
    assert page.call("predict", [uploaded, "fcnn", False])[0] == "complete"
    ok, answer = answer_uploaded(page, uploaded, "apart")
    assert ok and '"fcnn"' in json.dumps(answer["data"])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(uploaded["path"], "a.jpg")
    files = [uploaded["path"], str(tmp_path / "a.zip")]
    *_, view = answer_files([CheckpointDetector.read(ROOT / "checkpoints" / "fcnn")], files, lambda: True)
    assert "<b>2 faces</b> in 2 photos" in view.status


def test_an_answer_that_nobody_fetched_is_small_and_holds_no_photo(page):
    content = (ROOT / "examples" / "barack_obama_speaking.jpg").read_bytes()  # no other test's
    photo = {"path": page.upload("lost.jpg", content), "meta": FILE}
    upload = next(number for number, inputs in page.handlers("image") if len(inputs) == 4)
    batch = next(number for number, inputs in page.handlers("file") if len(inputs) == 3)
    folder = uploads.photo_folder()
    before = set(folder.rglob("*"))
    for number, data in ((upload, [photo, ["fcnn"], False, None]), (batch, [[photo], ["fcnn"], False])):
        body = {"data": data, "fn_index": number, "session_hash": f"lost{number}"}
        page.client.post("gradio_api/queue/join", json=body)
    made = ("photo.jpg", "points.json")
    wait_until(lambda: set(made) <= {path.name for path in set(folder.rglob("*")) - before})
    answers = [page.client.get(f"gradio_api/queue/data?session_hash=lost{each}").text for each in (upload, batch)]
    assert all('"success":true' in answer and "base64" not in answer and len(answer) < 10_000 for answer in answers)
    files = set(re.findall(r"gradio_api/file=[^\"\\]+", "".join(answers)))
    assert len(files) >= 4 and all(page.client.get(file).status_code == 200 for file in files)
    for new in set(folder.iterdir()) - before:
        uploads.sweep(new, time.time() + uploads.MAX_AGE + 5)
    assert not [file for file in files if page.client.get(file).is_success]


def test_queues_and_sessions_have_their_limits(tmp_path):
    app = build_app(leaderboard=tmp_path)
    assert app._queue.max_size == guard.MAX_WAITING and launch_options()["state_session_capacity"] == guard.MAX_SESSIONS
    assert not [fn for fn in app.fns.values() for _, event in fn.targets if event == "stream"], "no camera is read"


def test_the_served_page_deletes_old_photos(monkeypatch, tmp_path):
    for name, value in (("MAX_AGE", 0), ("SWEEP_INTERVAL", 0.05)):
        monkeypatch.setattr(uploads, name, value)
    monkeypatch.setattr(guard, "photo_folder", lambda: tmp_path)
    photo = tmp_path / "face.jpg"
    with launched(button(lambda: None)):
        photo.write_bytes(b"a photo")
        wait_until(lambda: not photo.exists())


def test_the_served_page_forgets_sessions(monkeypatch, evaluated, tmp_path):
    monkeypatch.setattr(compare, "MAX_AGE", 1)
    with launched(build([evaluated], tmp_path)) as page:
        photo = {"path": page.upload("a.jpg", (ROOT / "examples" / "grace_hopper.jpg").read_bytes()), "meta": FILE}
        upload = next(number for number, inputs in page.handlers("image") if len(inputs) == 4)
        (whole,) = (one["id"] for one in page.config["components"] if one["props"].get("elem_id") == "whole")
        (again,) = (one["id"] for one in page.config["dependencies"] if one["targets"] == [[whole, "input"]])
        options = [["net"], False, None]
        assert '"net"' in json.dumps(page.join(upload, [photo, *options], "s")[1]["data"])
        assert '"net"' in json.dumps(page.join(again, [None, *options], "s")[1]["data"])
        time.sleep(2.5)  # each answer restarts the clock
        assert "Choose a photo" in page.join(again, [None, *options], "s")[1]["data"][0]


def button(work) -> gr.Blocks:
    """A page with one button that calls `work`."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Button().click(work, None, gr.Textbox())
    return page


def error_of(work) -> gr.Error:
    with pytest.raises(gr.Error) as error:
        asyncio.run(handler(work)())
    return error.value


def test_an_answer_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(guard, "ANSWER_LIMIT", 0.1)
    error = error_of(lambda: time.sleep(0.5))
    assert error.message.startswith(f"No answer within {ANSWER_LIMIT} seconds") and not error.print_exception


def test_each_step_of_a_batch_has_the_time_limit(monkeypatch):
    monkeypatch.setattr(guard, "ANSWER_LIMIT", 0.3)

    def steps():
        for pause in (0.2, 0.2, 0.2, 0.6):
            time.sleep(pause)
            yield pause

    async def run() -> list[float]:
        seen = []
        with pytest.raises(gr.Error, match="No answer within"):
            async for value in handler(steps)():
                seen.append(value)
        return seen

    assert asyncio.run(run()) == [0.2, 0.2, 0.2]


def test_a_fault_is_told_without_its_details_and_logged_for_the_host(caplog):
    def broken():
        raise KeyError("/home/host/secret")

    with caplog.at_level(logging.ERROR):
        error = error_of(broken)
    assert error.message == FAULT and not error.print_exception
    assert "/home/host/secret" in caplog.text and "Traceback" in caplog.text


def test_every_event_of_the_page_is_guarded(page):
    """All but those that only the browser handles, and two that touch nothing."""
    bare = [fn.fn for fn in page.blocks.fns.values() if fn.fn and not inspect.iscoroutinefunction(fn.fn)]
    assert len([fn for fn in bare if not inspect.isasyncgenfunction(fn)]) <= 4


def test_a_full_queue_turns_visitors_away_in_a_sentence():
    with launched(button(lambda: time.sleep(3)).queue(max_size=1)) as page:
        body = {"data": [], "fn_index": page.config["dependencies"][0]["id"]}
        answers = [
            page.client.post("gradio_api/queue/join", json=body | {"session_hash": f"s{number}"}) for number in range(6)
        ]
    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert turned_away and all("Queue is full" in answer.text for answer in turned_away)
