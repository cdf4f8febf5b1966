"""Rows of benchmarks/bench.py: how long fkd and its page take to start, and the memory of the page."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import psutil
from rows import ROOT, Bench, Pairs, Row, peak_memory, process, seconds
from visits import Visitor

IMPORTS = "import torch, gradio"
PHOTO, MODELS = ROOT / "examples" / "grace_hopper.jpg", "fcnn,resnet18,resnet50"
REQUESTS = 20  # after which the memory is looked at


def import_fkd(bench: Bench) -> Pairs:
    return bench.in_turn(lambda: process("-c", "import fkd"), lambda: process("-c", "pass"))


def help_text(bench: Bench) -> Pairs:
    return bench.in_turn(lambda: process("-m", "fkd", "--help"), lambda: process("-c", "import typer"))


@contextlib.contextmanager
def served_page() -> Iterator[tuple[str, psutil.Process]]:
    """The page's address and its process, app.py, once it has answered with its first page; without the Hub."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "0", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "app.py"]
    page = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ | settings
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        while True:
            try:
                urllib.request.urlopen(url).read()
                break
            except OSError:
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
            visitor = Visitor(url, PHOTO)
            for _ in range(REQUESTS):
                visitor.ask("compare", MODELS)
            pairs.append((page.memory_info().rss / 1e6, peak_memory(IMPORTS)))
    return pairs


ROWS = [
    Row("import fkd", "Python alone", "s", import_fkd, most=0.2),
    Row("fkd --help", "import typer", "s", help_text, most=0.7),
    Row("app.py to its first page", IMPORTS, "s", first_page, ratio=1.5),
    Row("memory of the page, three models", IMPORTS, "MB", page_memory, most=1200),
]
