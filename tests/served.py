"""The app, served in a separate process on loopback, and requests to it from programs and strangers."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil

ROOT = Path(__file__).parent.parent
FILE = {"_type": "gradio.FileData"}
START = """
import sys
sys.path.insert(0, {root!r})
from app import build_app
from fkd.page.site import launch_options
app = build_app({arguments})
app.launch(quiet=True, prevent_thread_lock=True, **launch_options())
print("AT " + app.local_url, flush=True)
app.block_thread()
"""


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
        asked = self.client.post(f"gradio_api/call/{name}", json={"data": data})
        if asked.status_code != 200:
            return str(asked.status_code), asked.text
        answer = self.client.get(f"gradio_api/call/{name}/{asked.json()['event_id']}").text
        events = re.findall(r"event: (\w+)\ndata: (.*)", answer)
        kind, text = next((event for event in events if event[0] in ("complete", "error")), ("none", "null"))
        return kind, json.loads(text)

    def join(self, number: int, data: list, session: str, event_data: object = None) -> tuple[bool, dict]:
        """Calls any handler by its number, as the page itself does: (whether it succeeded, its output)."""
        body = {"data": data, "fn_index": number, "session_hash": session, "event_data": event_data}
        asked = self.client.post("gradio_api/queue/join", json=body)
        if asked.status_code != 200:
            return False, {"error": asked.text}
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


class Served(Caller):
    """A running app: url, process (psutil's), photos (the parent of its folder), printed (its log)."""

    def __init__(self, popen: subprocess.Popen, photos: Path):
        self.photos, self._lines, self.process = photos, [], psutil.Process(popen.pid)
        for line in popen.stdout:
            self._lines.append(line)
            if line.startswith("AT "):
                break
        else:
            raise RuntimeError(f"the app did not start: {self.printed[-2000:]}")
        # A full pipe would stop the app.
        threading.Thread(target=self._lines.extend, args=[popen.stdout], daemon=True).start()
        super().__init__(line.removeprefix("AT ").strip())

    @property
    def printed(self) -> str:
        return "".join(self._lines)

    @property
    def folder(self) -> Path:
        """The folder of its uploads."""
        (found,) = (path for path in self.photos.glob("fkd-photos-*") if path.is_dir())
        return found

    @property
    def memory(self) -> float:
        """Resident memory, MB."""
        return self.process.memory_info().rss / 1e6


@contextmanager
def served(checkpoints: str = "", photos: Path | None = None, **environment: str):
    """Serves the app. checkpoints: their folder, the shipped ones if empty. photos: the parent of its folder."""
    with tempfile.TemporaryDirectory() as scratch:
        photos = photos or Path(scratch)
        arguments = f"checkpoints=__import__('pathlib').Path({checkpoints!r})" if checkpoints else ""
        process = subprocess.Popen(
            [sys.executable, "-c", START.format(root=str(ROOT), arguments=arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=scratch,
            env=os.environ | {"GRADIO_TEMP_DIR": str(photos), "GRADIO_ANALYTICS_ENABLED": "0"} | environment,
        )  # fmt: skip
        try:
            yield Served(process, photos)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def forged(secret: Path, link: Path) -> list[tuple[str, object]]:
    """Ways to name a file that was never uploaded. secret: a real picture. link: a link to it, to be made here."""
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    path, missing = str(secret), str(secret.with_name("missing.png"))
    ways: list[tuple[str, object]] = []
    for name, place in (("real", path), ("missing", missing), ("link", str(link)), ("folder", str(secret.parent))):
        for meta in ({}, {"meta": FILE}, {"meta": None}, {"meta": {"_type": "other"}}, {"meta": {}}):
            marked = "-".join(map(str, meta.values())) or "without meta"
            ways += [
                (f"{name} as path, {marked}", {"path": place} | meta),
                (f"{name} as path and url, {marked}", {"path": place, "url": f"file://{place}"} | meta),
                (f"{name} as url, {marked}", {"path": None, "url": f"file://{place}"} | meta),
                (f"{name} as file://, {marked}", {"path": f"file://{place}"} | meta),
                (f"{name} as a stream, {marked}", {"path": place, "is_stream": True} | meta),
            ]
        ways.append((f"{name} as text", place))
        ways.append((f"{name} in a list", [{"path": place, "meta": FILE}]))
        ways.append((f"{name} through /file=", {"path": f"/gradio_api/file={quote(place)}", "meta": FILE}))
        ways.append((f"{name} by climbing", {"path": f"/tmp/gradio/../..{place}", "meta": FILE}))
    for name in ("/dev/zero", "/dev/random", "/proc/self/environ", "/etc/passwd", "http://127.0.0.1:9/x.png"):
        ways.append((name, {"path": name, "meta": FILE}))
        ways.append((f"{name}, without meta", {"path": name}))
    return ways


def wait_until(true, seconds: float = 20.0) -> None:
    """Waits for a condition. Raises AssertionError if it does not come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
