"""The served page among strangers: forged files, 500 pictures, nonsense, crowds, uploads that are cut off."""

import contextlib
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from served import FILE, ROOT, Served, forged, served

from fkd.page.guard import BUSY, FAULT, NOT_FITTING, NOT_UPLOADED
from fkd.page.uploads import KEPT, sweep
from torture.case import Case, check_sentence
from torture.pictures import make_pictures

PICTURES, REQUESTS, CROWD = 500, 1000, 50
GROWTH = 1.3  # times the memory after the first tenth
EXAMPLE = ROOT / "examples" / "grace_hopper.jpg"


def cases(quick: bool) -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as scratch, served(**HUB_OFFLINE) as page:
        folder = Path(scratch)
        secret = Path(shutil.copy(EXAMPLE, folder / "secret.jpg"))
        soak = Soak(page)
        yield from _forged(page, secret, quick)
        yield from _pictures(page, folder, soak, 10 if quick else PICTURES)
        yield Case("six bombs of one bit a pixel", lambda: _bombs(page))
        yield Case("uploads cut off half way go too", lambda: _cut_off(page))
        count = 20 if quick else REQUESTS
        yield Case(f"{count} requests beside idlers and leavers", lambda: _crowd(page, soak, count))
        yield Case("nothing was logged but its address", lambda: _quiet(page))
        if not quick:
            yield Case("the soak is drawn", soak.draw)


HUB_OFFLINE = {"HF_HUB_OFFLINE": "1"}


class Soak:
    """Memory, threads and file handles of the served page, noted as the run goes on."""

    def __init__(self, page: Served):
        self.page, self.rows = page, []

    def note(self, requests: int) -> float:
        """Notes where the page stands after so many requests of this part; returns its resident memory, MB."""
        process = self.page.process
        self.rows.append((len(self.rows), requests, self.page.memory, process.num_threads(), process.num_fds()))
        return self.page.memory

    def draw(self) -> None:
        """Writes artefacts/soak.html (a plot) and soak.json."""
        target = ROOT / "artefacts"
        target.mkdir(exist_ok=True)
        (target / "soak.json").write_text(json.dumps(self.rows))
        titles = ("resident memory, MB", "threads", "open files and connections")
        figure = make_subplots(rows=1, cols=3, subplot_titles=titles)
        for place, column in enumerate((2, 3, 4), 1):
            values = [row[column] for row in self.rows]
            figure.add_trace(go.Scatter(y=values, mode="lines", showlegend=False), row=1, col=place)
            figure.update_yaxes(rangemode="tozero", row=1, col=place)
        title = f"{PICTURES} pictures one by one, then {REQUESTS} requests beside {CROWD} idle connections"
        figure.update_xaxes(title="measurements, in order")
        figure.update_layout(template="plotly_white", height=360, width=1200, title=title)
        figure.write_html(target / "soak.html", include_plotlyjs=True)


def _refused(answer: tuple[str, object]) -> None:
    kind, said = answer
    assert kind in ("error", "400", "422"), f"{kind}: {str(said)[:200]}"
    if kind == "error":
        check_sentence(said["error"] or "")
        assert said["error"] != FAULT, FAULT


def _not_read(answer: tuple[str, object]) -> None:
    """Refused as a file that was not uploaded, or as a request that fits no handler: it was never opened."""
    _refused(answer)
    kind, said = answer
    assert kind != "error" or said["error"] in (NOT_UPLOADED, NOT_FITTING), said


def _forged(page: Served, secret: Path, quick: bool) -> Iterator[Case]:
    ways = forged(secret, secret.with_name("link.jpg"))
    for name, payload in ways[:: 20 if quick else 1]:
        yield Case(f"/predict: {name}", lambda payload=payload: _not_read(page.call("predict", [payload, "fcnn"])))
    handlers = {number: inputs for kind in ("image", "uploadbutton") for number, inputs in page.handlers(kind)}
    for number, inputs in handlers.items():
        stolen = {"path": str(secret), "meta": FILE}
        data = [stolen if kind in ("image", "uploadbutton") else None for kind in inputs]

        def stolen(number: int = number, data: list = data) -> None:
            ok, answer = page.join(number, data, f"thief{number}")
            _not_read(("complete" if ok else "error", answer))

        yield Case(f"handler {number}", stolen)


def _pictures(page: Served, folder: Path, soak: Soak, count: int) -> Iterator[Case]:
    (folder / "pictures").mkdir()
    pictures = [p for p in make_pictures(folder / "pictures") if p[1].is_file() and p[1].stat().st_size < 20e6]
    step = max(1, len(pictures) // count)
    after = {}
    for number, (name, path, readable) in enumerate(pictures[::step][:count], 1):

        def answered(number: int = number, path: Path = path, readable: bool | None = readable) -> None:
            photo = {"path": page.upload(f"{number}{path.suffix}", path.read_bytes()), "meta": FILE}
            kind, said = page.call("predict", [photo, "fcnn"])
            if readable:
                assert kind == "complete", said
            elif kind != "complete":
                _refused((kind, said))
            assert readable is not False or kind == "error", "accepted"

        yield Case(f"picture {name}", answered)
        if number % 10 == 0:
            after[number] = soak.note(number)
    if count >= 100:
        yield Case("memory after all pictures", lambda: _flat(after[count // 10], max(list(after.values())[-5:])))


def _flat(early: float, late: float) -> None:
    assert late <= GROWTH * early, f"{late:.0f} MB after {early:.0f} MB"


def _bombs(page: Served) -> None:
    from PIL import Image  # noqa: PLC0415 - here alone, and large

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "bomb.png"
        Image.new("1", (9459, 9459)).save(path)
        before = page.memory
        for number in range(6):
            photo = {"path": page.upload(f"bomb{number}.png", path.read_bytes()), "meta": FILE}
            kind, said = page.call("predict", [photo, "fcnn"])
            assert kind == "error" and "megapixels" in said["error"], said
        _flat(before, page.memory)


def _cut_off(page: Served) -> None:
    where = urlsplit(page.url)
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="half.jpg"\r\n\r\n' + bytes(200_000)
    head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 9000000\r\n"
    before = set(page.folder.rglob("*"))
    for _ in range(5):
        with socket.create_connection((where.hostname, where.port)) as line:
            line.sendall(head.encode() + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + body)
            time.sleep(0.3)
    time.sleep(0.5)
    left = [path for path in set(page.folder.rglob("*")) - before if path.is_file()]
    sweep(page.folder, before, now=time.time() + KEPT + 5)
    assert not [path for path in left if path.exists()], "a partial upload stays"


def _crowd(page: Served, soak: Soak, count: int) -> None:
    """Requests from a few visitors at once, beside connections that never speak and visitors who leave."""
    where = urlsplit(page.url)
    idle = [socket.create_connection((where.hostname, where.port)) for _ in range(CROWD)]
    photo = {"path": page.upload("grace.jpg", EXAMPLE.read_bytes()), "meta": FILE}

    def leave() -> None:
        for _ in range(CROWD):
            asked = page.client.post("gradio_api/call/predict", json={"data": [photo, "fcnn"]}).json()
            if "event_id" in asked:
                with contextlib.suppress(httpx.HTTPError):
                    httpx.get(f"{page.url}gradio_api/call/predict/{asked['event_id']}", timeout=0.02)
            time.sleep(0.1)

    def ask(_: int) -> str:
        kind, said = page.call("predict", [photo, "fcnn"])
        if kind == "503":
            assert BUSY in str(said)
        else:
            assert kind == "complete", said
        return kind

    leaver = threading.Thread(target=leave)
    leaver.start()
    try:
        answers, notes = [], []
        with ThreadPoolExecutor(4) as pool:
            for _ in range(count // 20):
                answers += pool.map(ask, range(20))
                notes.append(soak.note(len(answers)))
    finally:
        leaver.join()
        for line in idle:
            line.close()
    assert answers.count("complete") > count / 2, f"{answers.count('503')} of {count} were turned away"
    if count >= 100:
        _flat(notes[len(notes) // 10], max(notes[-3:]))
    ask(0)


def _quiet(page: Served) -> None:
    _, _, first = page.printed.partition("Traceback")
    assert not first, first[:3000][-1200:]
