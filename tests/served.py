"""The app, served in a separate process on loopback, and requests to it from programs and strangers."""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil

from fkd.page.site import launch_options

ROOT = Path(__file__).parent.parent
FILE = {"_type": "gradio.FileData"}


class Caller:
    """Requests to a page that is served at `url`."""

    def __init__(self, url: str):
        self.url = url
        # A connection that the server is closing is not used again.
        self.client = httpx.Client(base_url=url, timeout=90, limits=httpx.Limits(max_keepalive_connections=0))
        self.config = self.client.get("config").json()

    def upload(self, name: str, content: bytes) -> str:
        """Uploads a file; returns its path on the server."""
        return self.client.post("gradio_api/upload", files={"files": (name, content)}).raise_for_status().json()[0]

    def call(self, name: str, data: list) -> tuple[str, object]:
        """Calls a public endpoint: ("complete" or "error" or the status code, its data)."""
        queued = self.client.post(f"gradio_api/call/{name}", json={"data": data})
        if queued.status_code != 200:
            return str(queued.status_code), queued.text
        answer = self.client.get(f"gradio_api/call/{name}/{queued.json()['event_id']}").text
        events = re.findall(r"event: (\w+)\ndata: (.*)", answer)
        kind, text = next((event for event in events if event[0] in ("complete", "error")), ("none", "null"))
        return kind, json.loads(text)

    def join(self, number: int, data: list, session: str, event_data: object = None) -> tuple[bool, dict]:
        """Calls any handler by its number, as the page itself does: (whether it succeeded, its output)."""
        body = {"data": data, "fn_index": number, "session_hash": session, "event_data": event_data}
        queued = self.client.post("gradio_api/queue/join", json=body)
        if queued.status_code != 200:
            return False, {"error": queued.text}
        end = time.monotonic() + 90
        with self.client.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as lines:
            for line in lines.iter_lines():
                assert time.monotonic() < end, f"handler {number} has not answered"
                message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if message.get("msg") in ("process_completed", "process_streaming"):  # a stream's first answer
                    return message["success"], message["output"]
        return False, {"error": "the stream ended"}

    def handlers(self, component: str) -> list[tuple[int, list]]:
        """The numbers of the handlers that take a component of this kind, with their inputs' kinds."""
        kinds = {part["id"]: part["type"] for part in self.config["components"]}
        found = [(each["id"], [kinds[i] for i in each["inputs"]]) for each in self.config["dependencies"]]
        return [(number, inputs) for number, inputs in found if component in inputs]


@contextmanager
def launched(app):
    """Serves a page in this process: a Caller of it."""
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    try:
        yield Caller(url)
    finally:
        app.close()


class Served(Caller):
    """A running app. scratch: a folder for its log and its folder of uploads."""

    def __init__(self, url: str, process: psutil.Popen, scratch: Path):
        super().__init__(url)
        self.process, self.scratch = process, scratch

    @property
    def printed(self) -> str:
        return (self.scratch / "log").read_text()

    @property
    def folder(self) -> Path:
        """The folder of its uploads."""
        (found,) = self.scratch.glob("fkd-*/run-*/photos")
        return found

    @property
    def memory(self) -> float:
        """Resident memory, MB."""
        return self.process.memory_info().rss / 1e6


@contextmanager
def served(command: Sequence[str | Path] = (sys.executable, "-m", "fkd", "app"), **environment: str):
    """Serves a page of the shipped checkpoints."""
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch, "log")
        Path(scratch, "checkpoints").symlink_to(ROOT / "checkpoints")
        environment = {"GRADIO_TEMP_DIR": scratch, "GRADIO_ANALYTICS_ENABLED": "0"} | environment
        with log.open("w") as file:
            process = psutil.Popen(command, cwd=scratch, env=os.environ | environment, stdout=file, stderr=file)
        try:
            wait_until(lambda: "page is at" in log.read_text() or process.poll() is not None, 90)
            url = re.search(r"page is at (http\S+?)/?;", log.read_text())
            assert url, log.read_text()
            yield Served(url[1], process, Path(scratch))
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)


def forged(secret: Path, link: Path) -> list[object]:
    """Ways to name a file that was never uploaded. secret: a real picture. link: a link to it, to be made here."""
    link.symlink_to(secret)
    ways: list[object] = []
    for place in map(str, (secret, secret.with_name("missing.png"), link, secret.parent)):
        for meta in ({}, {"meta": FILE}, {"meta": None}, {"meta": {"_type": "other"}}, {"meta": {}}):
            ways += [
                {"path": place} | meta,
                {"path": place, "url": f"file://{place}"} | meta,
                {"path": None, "url": f"file://{place}"} | meta,
                {"path": f"file://{place}"} | meta,
                {"path": place, "is_stream": True} | meta,
            ]
        through = f"/gradio_api/file={quote(place)}", f"/tmp/gradio/../..{place}"
        ways += [place, [{"path": place, "meta": FILE}], *({"path": path, "meta": FILE} for path in through)]
    for name in ("/dev/zero", "/dev/random", "/proc/self/environ", "/etc/passwd", "http://127.0.0.1:9/x.png"):
        ways += [{"path": name, "meta": FILE}, {"path": name}]
    return ways


def wait_until(true, seconds: float = 20.0) -> None:
    """Waits for a condition. Raises AssertionError if it does not come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
