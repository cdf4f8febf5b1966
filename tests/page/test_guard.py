"""The page among strangers: what was not uploaded is not read, nothing takes for ever, every error is a sentence."""

import asyncio
import base64
import datetime
import io
import logging
import re
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio import routes
from gradio.state_holder import SessionState, StateHolder
from huggingface_hub import constants
from PIL import Image
from served import FILE, Caller, forged

from app import build_app
from fkd.board.entries import SYNCED
from fkd.page import guard, live
from fkd.page.guard import ANSWER_LIMIT, BUSY, FAULT, NOT_FITTING, NOT_UPLOADED, Page, check_files
from fkd.page.live import NONE
from fkd.page.site import LAUNCH
from fkd.page.uploads import KEPT

ROOT = Path(__file__).parents[2]
JUNK = [None, [], {"a": 1}, [["x"]], 1e300]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page with the shipped fcnn, as it is served."""
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    shutil.copytree(ROOT / "checkpoints" / "fcnn", checkpoints / "fcnn")
    leaderboard = tmp_path_factory.mktemp("board") / "leaderboard"  # the page notes in it when the Hub was last read
    shutil.copytree(ROOT / "leaderboard", leaderboard, ignore=shutil.ignore_patterns(SYNCED))
    app = build_app(checkpoints, leaderboard)
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **LAUNCH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        yield Caller(url)
    app.close()


@pytest.fixture(scope="module")
def uploaded(page) -> dict:
    """A photo that was uploaded, as a request names it."""
    return {"path": page.upload("grace.jpg", (ROOT / "examples" / "grace_hopper.jpg").read_bytes()), "meta": FILE}


@pytest.fixture
def secret(tmp_path) -> Path:
    """A real picture that nobody uploaded."""
    return Path(shutil.copy(ROOT / "examples" / "grace_hopper.jpg", tmp_path / "secret.jpg"))


def test_a_picture_that_was_not_uploaded_is_not_read_and_the_answer_tells_nothing(page, uploaded, secret, tmp_path):
    assert page.call("predict", [uploaded, "fcnn"])[0] == "complete"
    answers = {}
    for way, payload in forged(secret, tmp_path / "link.png"):
        kind, answer = page.call("predict", [payload, "fcnn"])
        answers[way] = (kind, answer.get("error") if isinstance(answer, dict) else answer)
    assert len(answers) > 100
    wrong = {way: answer for way, answer in answers.items() if answer != ("error", NOT_UPLOADED)}
    # Text where a file belongs is refused for its form, whatever it names.
    assert set(wrong) == {f"{name} as text" for name in ("real", "missing", "link", "folder")}
    assert set(wrong.values()) == {("error", NOT_FITTING)}


def test_the_pages_own_handlers_read_no_other_file_either(page, uploaded, secret):
    tried = 0
    for component in ("image", "file", "uploadbutton"):
        for number, inputs in page.handlers(component):
            kinds = ("image", "file", "uploadbutton")
            stolen = [{"path": str(secret), "meta": FILE} if kind in kinds else None for kind in inputs]
            ok, answer = page.join(number, stolen, f"{component}{number}")
            assert not ok and answer["error"] in (NOT_UPLOADED, NOT_FITTING), number
            tried += answer["error"] == NOT_UPLOADED
    assert tried >= 8
    # The same request with an uploaded file is answered, so it is the file that was refused.
    number = next(number for number, inputs in page.handlers("uploadbutton") if len(inputs) == 5)
    ok, answer = page.join(number, [uploaded, ["fcnn"], False, None, False], "mine")
    assert ok and "1 face." in answer["data"][0]


def test_a_link_in_the_folder_of_uploads_leads_nowhere(page, uploaded, secret):
    link = Path(uploaded["path"]).with_name("link.jpg")
    link.symlink_to(secret)
    assert page.call("predict", [{"path": str(link), "meta": FILE}, "fcnn"])[1]["error"] == NOT_UPLOADED
    link.unlink()


def test_check_files_looks_into_everything(tmp_path):
    for value in ({"a": [{"b": {"path": "/etc/passwd", "meta": FILE}}]}, [[{"url": "http://x/y.png"}]]):
        with pytest.raises(gr.Error):
            check_files(value)
    check_files([None, "path", {"a": 1}, [[["/etc/passwd"]]]])


@pytest.mark.slow
def test_nonsense_gets_a_sentence_and_no_traceback(page, caplog):
    with caplog.at_level(logging.ERROR):
        for handler in page.config["dependencies"]:
            for number, junk in enumerate(JUNK if handler["inputs"] else [None]):
                session = f"junk{handler['id']}-{number}"
                ok, answer = page.join(handler["id"], [junk] * len(handler["inputs"]), session, junk)
                assert ok or re.fullmatch(r"[^\n]{10,400}", answer["error"] or ""), (handler["id"], junk)
                assert ok or answer["error"] != FAULT, (handler["id"], junk)
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("predict", [None, "fcnn"], "no photo was given"),
        ("predict", [], "no photo was given"),
        ("predict", ["x"], NOT_FITTING),
        ("predict", [None, 3], "there is no model '3': expected one of fcnn"),
        ("compare", [None, "fcnn,none"], "there is no model 'none': expected one of fcnn"),
        ("leaderboard", ["none"], "unknown benchmark 'none'"),
    ],
)
def test_a_callers_mistake_is_named(page, name, data, said):
    kind, answer = page.call(name, data)
    assert kind == "error" and answer["error"].startswith(said)


def test_what_the_page_does_not_have_is_refused_in_a_sentence(page):
    assert page.call("nothing", []) == ("400", f'{{"detail":"{NOT_FITTING}"}}')
    assert NOT_FITTING in page.join(9999, [], "nobody")[1]["error"]
    direct = page.client.post("gradio_api/run/predict", json={"data": []})
    assert direct.status_code == 404 and "queue" in direct.json()["detail"]


def test_a_key_error_in_a_route_is_an_apology_and_a_log_entry(page, monkeypatch, caplog):
    monkeypatch.setattr(routes.client_utils, "construct_args", lambda *_: {}["/home/host/secret"])
    with caplog.at_level(logging.ERROR):
        answer = page.client.post("gradio_api/call/v2/predict", json={})
    assert answer.status_code == 500 and answer.json() == {"detail": FAULT}
    assert "/home/host/secret" in caplog.text and "Traceback" in caplog.text


@pytest.mark.parametrize("path", ["monitoring", "monitoring/summary", "monitoring/key"])
def test_nobody_is_told_how_the_page_is_used(page, path):
    assert page.client.get(path).status_code in (403, 404)


def test_a_file_of_the_server_is_not_served(page, secret):
    answers = {
        name: page.client.get(f"gradio_api/file={name}") for name in (secret, secret.with_name("no"), "/etc/passwd")
    }
    assert {answer.status_code for answer in answers.values()} == {403}


@pytest.mark.slow
def test_too_large_an_upload_is_turned_away(page):
    answer = page.client.post("gradio_api/upload", files={"files": ("a.jpg", bytes(guard.MOST_UPLOADED + 1000))})
    assert answer.status_code == 413


def test_a_request_larger_than_any_photos_frame_is_turned_away(page):
    body = {"data": ["x" * guard.MOST_REQUESTED], "fn_index": 0, "session_hash": "large"}
    assert page.client.post("gradio_api/queue/join", json=body).status_code == 413


def test_only_the_uploads_themselves_may_be_large(page):
    body = {"data": ["x" * guard.MOST_REQUESTED]}
    for path in ("call/upload", "run/upload"):
        assert page.client.post(f"gradio_api/{path}", json=body).status_code == 413
    field = {"note": (None, "x" * (guard.MOST_IN_FIELD + 1))}
    assert page.client.post("gradio_api/upload", files=field).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "process_recording"),
        ("GET", "file=https://127.0.0.1/a.jpg"),
        ("GET", "file=http:/127.0.0.1/a.jpg"),
        ("GET", "proxy=https://127.0.0.1/a.jpg"),
        ("GET", "deep_link"),
        ("POST", "component_server"),
        ("GET", "runs"),
        ("GET", "run-history/buckets"),
    ],
)
def test_what_gradio_serves_besides_is_closed(page, method, path):
    answer = page.client.request(method, f"gradio_api/{path}", files={"video": b"x"} if method == "POST" else None)
    assert answer.status_code == 404 and not answer.content


def test_no_handler_makes_a_component_anew_that_gives_paths():
    app = build_app(leaderboard=ROOT / "none")
    guarded = [part for part in app.blocks.values() if "preprocess" in vars(part)]
    assert len(guarded) == 3, "two cameras and the photo of the API"
    assert not [part for fn in app.fns.values() if fn.fn for part in fn.outputs if part in guarded]


def test_queues_sessions_and_cameras_have_the_limits_that_are_told(tmp_path):
    app = build_app(leaderboard=tmp_path)
    assert app._queue.max_size == guard.MOST_WAITING and LAUNCH["state_session_capacity"] == guard.MOST_SESSIONS
    (camera,) = (fn for fn in app.fns.values() if [event for _, event in fn.targets] == ["stream"])
    assert (camera.time_limit, camera.concurrency_limit) == (live.LIMIT, live.MOST)
    large = io.BytesIO()
    Image.new("1", (3001, 3000)).save(large, "PNG")
    _, said, _ = live._frame({"a": None}, large, "a", NONE, None)
    assert f"larger than {live.MOST_MEGAPIXELS} megapixels" in said


def test_sessions_go_as_their_photos_do():
    holder = StateHolder()
    holder.set_blocks(served_by(lambda: None))
    for session in ("old", "new"):
        holder[session]
    holder.time_last_used["old"] -= datetime.timedelta(seconds=KEPT + 1)
    guard.forget_sessions(SimpleNamespace(state_holder=holder))
    assert list(holder.session_data) == list(holder.time_last_used) == ["new"]


def test_a_cameras_frame_is_answered_and_a_false_one_gets_a_sentence(page):
    (number,) = (
        handler["id"]
        for handler in page.config["dependencies"]
        if [what for _, what in handler["targets"]] == ["stream"]
    )
    content = base64.b64encode((ROOT / "examples" / "grace_hopper.jpg").read_bytes()).decode()
    for frame, said in (
        ("data:image/jpeg;base64," + content, "A face is followed."),
        ("data:image/jpeg;base64,AAAA", "the frame is not a readable image"),
        ("data:image/jpeg;base64,%%%", "the frame is not a readable image"),
        ("data:image/eps;base64," + base64.b64encode(b"%!PS-Adobe-3.0 EPSF-3.0").decode(), "the frame is not"),
    ):
        ok, answer = page.join(number, [{"url": frame}, "fcnn", "none", None], f"camera{said}{len(frame)}")
        assert ok and said in answer["data"][1], frame[:60]


async def _ask(page: Page) -> dict:
    return await page.process_api(page.fns[0], [], None)


def served_by(work) -> Page:
    with Page(analytics_enabled=False) as page:
        gr.Button().click(work, None, gr.Textbox())
    return page


def test_an_answer_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(guard, "ANSWER_LIMIT", 0.1)
    with pytest.raises(gr.Error, match=f"No answer within {ANSWER_LIMIT} seconds"):
        asyncio.run(_ask(served_by(lambda: time.sleep(1))))


def test_an_answer_that_was_given_up_changes_nothing_later(monkeypatch):
    monkeypatch.setattr(guard, "ANSWER_LIMIT", 0.05)
    with Page(analytics_enabled=False) as page:
        kept = gr.State("before")
        gr.Button().click(lambda: time.sleep(0.2) or "late", None, kept)
    session = SessionState(page)

    async def ask() -> None:
        with pytest.raises(gr.Error):
            await page.process_api(page.fns[0], [], session)
        await asyncio.sleep(0.4)

    asyncio.run(ask())
    assert session[kept._id] == "before"


def test_a_fault_is_told_without_its_details_and_logged_for_the_host(caplog):
    def broken():
        raise KeyError("/home/host/secret")

    with pytest.raises(gr.Error) as error, caplog.at_level(logging.ERROR):
        asyncio.run(_ask(served_by(broken)))
    assert error.value.message == FAULT and not error.value.print_exception
    assert "/home/host/secret" in caplog.text


def test_a_full_queue_turns_visitors_away_in_a_sentence(tmp_path):
    page = served_by(lambda: time.sleep(3))
    page.queue(max_size=1)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **LAUNCH)
    caller = Caller(url)
    body = {"data": [], "fn_index": page.config["dependencies"][0]["id"]}
    answers = [
        caller.client.post("gradio_api/queue/join", json=body | {"session_hash": f"s{number}"}) for number in range(6)
    ]
    page.close()
    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert turned_away and {answer.json()["detail"] for answer in turned_away} == {BUSY}
