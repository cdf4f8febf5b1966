"""Rows of benchmarks/bench.py: the engine in Chromium, and Live from a fake camera of 640 x 480 px, 30 frames/s."""

import contextlib
import functools
import http.server
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import Page, sync_playwright
from rows import ROOT, Bench, Pairs, Row

from fkd.page.engine import write_engine
from fkd.photo.detectors.checkpoint import CheckpointDetector

MODELS, FRAMES, SECONDS = ("mobile", "resnet18"), 40, 10
NODE = """
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { detectorOf, openNetwork, startRuntime } from "./networks.js";
const read = (file) => gunzipSync(readFileSync(new URL(file, import.meta.url)));
startRuntime(read("ort.wasm.gz"));
const { file } = JSON.parse(readFileSync(new URL("models.json", import.meta.url)))[0];
const run = detectorOf(await openNetwork(read(file)));
const frame = Uint8Array.from({ length: 9216 }, (_, at) => at % 251);
for (let count = 0; count < 10; count++) await run(frame);
const start = performance.now();
for (let count = 0; count < FRAMES; count++) await run(frame);
console.log((performance.now() - start) / FRAMES);
""".replace("FRAMES", str(FRAMES))
OPEN = """async () => {
    const { openEngine } = await import('./engine/engine.js');
    window.engine = await openEngine('engine/');
}"""
RUN = """async () => {
    const frame = Uint8Array.from({ length: 9216 }, (_, at) => at % 251);
    for (let count = 0; count < 10; count++) await engine.frames('mobile', frame);
    const start = performance.now();
    for (let count = 0; count < FRAMES; count++) await engine.frames('mobile', frame);
    return (performance.now() - start) / FRAMES;
}""".replace("FRAMES", str(FRAMES))
LIVE = """async ([model, seconds]) => {
    const { startLive } = await import('./engine/live.js');
    const part = document.body.appendChild(document.createElement('div'));
    const { follow } = engine;
    let count = 0, seen = 0;
    const counted = async (...values) => {
        const faces = await follow(...values);
        [count, seen] = [count + 1, seen + faces.length];
        return faces;
    };
    await engine.load(model);
    await startLive(part, { ...engine, follow: counted }, () => {});
    part.querySelector('.model').value = model;
    part.querySelector('.start').click();
    while (count < 20) await new Promise((done) => setTimeout(done, 50));
    [count, seen] = [0, 0];
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    if (seen < count) throw new Error('the face was lost');
    part.querySelector('.start').click();
    part.remove();
    return (1000 * seconds) / count;
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def write_film(path: Path) -> None:
    """A face that moves to and fro, in front of the fake camera."""
    with Image.open(ROOT / "examples" / "grace_hopper.jpg") as photo:
        still = ImageOps.pad(photo.convert("RGB"), (640, 480))
    film = b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n"
    for number in range(40):
        light, blue, red = still.rotate(0, translate=(2 * min(number, 40 - number) - 20, 0)).convert("YCbCr").split()
        film += b"FRAME\n" + light.tobytes() + b"".join(each.resize((320, 240)).tobytes() for each in (blue, red))
    path.write_bytes(film)


@contextlib.contextmanager
def opened() -> Iterator[tuple[Page, Path]]:
    """A page in which `engine` is open, and the engine's folder."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        site = Path(home)
        write_engine(site / "engine", [CheckpointDetector.read(ROOT / "checkpoints" / name) for name in MODELS])
        (site / "engine" / "package.json").write_text('{"type": "module"}')
        (site / "engine" / "node.js").write_text(NODE)
        (site / "index.html").write_text("<!doctype html><title>engine</title>")
        write_film(site / "film.y4m")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        flags = [
            "--no-sandbox",
            "--disable-gpu",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
        ]
        flags.append(f"--use-file-for-fake-video-capture={site / 'film.y4m'}")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.evaluate(OPEN)
        yield page, site / "engine"
        browser.close()
        server.shutdown()


def in_node(bench: Bench) -> Pairs:
    with opened() as (page, folder):
        node = [shutil.which("node") or "node", folder / "node.js"]
        pairs = []
        for _ in range(bench.runs):
            other = float(subprocess.run(node, capture_output=True, check=True).stdout)
            pairs.append((page.evaluate(RUN), other))
        return pairs


def live(model: str, bench: Bench) -> Pairs:
    with opened() as (page, _):
        return [(page.evaluate(LIVE, [model, SECONDS]), 1000 / 30) for _ in range(bench.runs)]


CAMERA = "the camera's frames"
ROWS = [
    Row("a face by mobile, in Chromium", "the same WebAssembly in node", "ms", in_node, ratio=1.5),
    Row("a frame of Live, mobile", CAMERA, "ms", functools.partial(live, "mobile"), most=50),
    Row("a frame of Live, resnet18", CAMERA, "ms", functools.partial(live, "resnet18"), most=125),
]
