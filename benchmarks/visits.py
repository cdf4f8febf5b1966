"""Visits to a served page, as a program makes them: a photo is uploaded once, then asked about again and again."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

FILE = {"_type": "gradio.FileData"}


class Visitor:
    """Somebody at the page of `url` with one photo."""

    def __init__(self, url: str, photo: Path):
        self.client = httpx.Client(base_url=url, timeout=120)
        files = {"files": (photo.name, photo.read_bytes())}
        path = self.client.post("gradio_api/upload", files=files).raise_for_status().json()[0]
        self.photo = {"path": path, "meta": FILE}

    def ask(self, endpoint: str, models: str) -> float:
        """Asks /predict or /compare; returns the seconds until the answer. Raises RuntimeError for any other end."""
        start = time.perf_counter()
        asked = self.client.post(f"gradio_api/call/{endpoint}", json={"data": [self.photo, models]})
        event = asked.raise_for_status().json()["event_id"]
        answer = self.client.get(f"gradio_api/call/{endpoint}/{event}").text
        if not re.search(r'^event: complete\ndata: .*"points"', answer, re.M):
            raise RuntimeError(f"/{endpoint} answered {answer[-300:]!r}")
        return time.perf_counter() - start


def at_once(visitors: list[Visitor], endpoint: str, models: str) -> list[float]:
    """The seconds of each visitor's answer, all asked for at once."""
    with ThreadPoolExecutor(len(visitors)) as pool:
        return list(pool.map(lambda visitor: visitor.ask(endpoint, models), visitors))
