"""The served page among strangers: hundreds of pictures, and uploads that are cut off. `make fuzz` runs it."""

import itertools
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from sentences import check_sentence
from served import FILE, Served, served

from fkd.page.guard import FAULT
from fkd.page.uploads import MAX_AGE, sweep
from fuzz.test_pictures import TEXTS, bombs, readable

pytestmark = pytest.mark.fuzz
PICTURES = 500
GROWTH = 1.3  # times the memory after the first tenth


@pytest.fixture(scope="module")
def page() -> Iterator[Served]:
    with served(HF_HUB_OFFLINE="1") as page:
        yield page
        assert "Traceback" not in page.printed


def test_memory_stays_flat_over_hundreds_of_pictures(page):
    good, bad = list(readable()), [*bombs(), *TEXTS]
    pictures = itertools.chain.from_iterable(zip(itertools.cycle(good), itertools.cycle(bad), strict=False))
    memory = []
    for number, content in enumerate(itertools.islice(pictures, PICTURES)):
        photo = {"path": page.upload(f"{number}.jpg", content), "meta": FILE}
        kind, said = page.call("predict", [photo, "fcnn", False])
        if number % 2 == 0:
            assert kind == "complete", said
        else:
            assert kind == "error" and said["error"] != FAULT, said
            check_sentence(said["error"] or "")
        memory.append(page.memory)
    assert max(memory[-50:]) <= GROWTH * memory[PICTURES // 10]


def test_uploads_that_are_cut_off_are_swept_too(page):
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
    sweep(page.folder, now=time.time() + MAX_AGE + 5)
    assert not [path for path in left if path.exists()]
