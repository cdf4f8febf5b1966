"""Rows of benchmarks/bench.py: fkd's start, and its page: start, memory, many visitors at once."""

import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
from rows import ROOT, Bench, Pairs, Row, peak_memory, process, seconds

IMPORTS, VISITORS = "import torch, gradio", 50
PHOTO, MODELS = ROOT / "examples" / "grace_hopper.jpg", ["fcnn", "resnet18", "resnet50"]


class Visitor:
    """A client of the page at `url` that has uploaded one photo."""

    def __init__(self, url: str):
        self.client = httpx.Client(base_url=url, timeout=120)
        files = {"files": (PHOTO.name, PHOTO.read_bytes())}
        path = self.client.post("gradio_api/upload", files=files).raise_for_status().json()[0]
        self.photo = {"path": path, "meta": {"_type": "gradio.FileData"}}

    def ask(self, models: list[str]) -> float:
        """Return the seconds until /predict answers; raise RuntimeError for any other end."""
        start = time.perf_counter()
        call = self.client.post("gradio_api/call/predict", json={"data": [self.photo, models, False]})
        answer = self.client.get(f"gradio_api/call/predict/{call.raise_for_status().json()['event_id']}").text
        if not re.search(r'^event: complete\ndata: .*"points"', answer, re.M):
            raise RuntimeError(f"/predict answered {answer[-300:]!r}")
        return time.perf_counter() - start


def help_text(bench: Bench) -> Pairs:
    return bench.in_turn(lambda: process("-m", "fkd", "--help"), lambda: process("-c", "import typer"))


@contextlib.contextmanager
def served_page() -> Iterator[tuple[str, psutil.Process]]:
    """Start app.py offline; yield its address and its process once its first page is there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "0", "HF_HUB_OFFLINE": "1"}
    page = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=os.environ | settings,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    try:
        while True:
            try:
                httpx.get(url, timeout=120).raise_for_status()
                break
            except httpx.TransportError:
                if page.poll() is not None:
                    raise RuntimeError(f"app.py did not start: {page.stderr.read().decode()[-2000:]}") from None
                time.sleep(0.02)
        yield url, psutil.Process(page.pid)
    finally:
        page.terminate()
        page.wait()


def first_page(bench: Bench) -> Pairs:
    pairs = []
    for _ in range(bench.runs):
        imports = seconds(lambda: process("-c", IMPORTS))
        start = time.perf_counter()
        with served_page():
            pairs.append((time.perf_counter() - start, imports))
    return pairs


def page_memory(bench: Bench) -> Pairs:
    pairs = []
    for _ in range(bench.runs):
        with served_page() as (url, page):
            visitor = Visitor(url)
            for _ in range(20):
                visitor.ask(MODELS)
            pairs.append((page.memory_info().rss / 1e6, peak_memory(IMPORTS)))
    return pairs


def throughput(bench: Bench) -> Pairs:
    """Seconds per answer: VISITORS at once, against one visitor after the other."""
    pairs = []
    with served_page() as (url, _), ThreadPoolExecutor(VISITORS) as pool:
        visitors = [Visitor(url) for _ in range(VISITORS)]

        def crowd() -> list[float]:
            return list(pool.map(lambda visitor: visitor.ask(["resnet18"]), visitors))

        crowd()  # starts threads and reserves memory
        for _ in range(bench.runs):
            alone = statistics.mean(visitors[0].ask(["resnet18"]) for _ in range(VISITORS // 2))
            pairs.append((max(crowd()) / VISITORS, alone))
    return pairs


ROWS = [
    Row("fkd --help", "import typer", "s", help_text, most=0.7),
    Row("app.py to its first page", IMPORTS, "s", first_page, ratio=1.3),
    Row("memory of the page, three models", IMPORTS, "MB", page_memory, most=1200),
    Row("an answer, 50 visitors at once", "one after the other", "s", throughput, ratio=1 / 0.85),
]
