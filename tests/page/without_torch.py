"""What a process does that never imports torch, as JSON: for test_without_torch.py, which has torch itself.

python tests/page/without_torch.py CHECKPOINT BROKEN PHOTO LEADERBOARD
"""

import json
import os
import sys
import time
from pathlib import Path

from served import FILE, Caller

from app import build_app
from fkd.cli.commands import find_command
from fkd.learn import apart
from fkd.page.own import LazyDetectors
from fkd.page.site import launch_options
from fkd.page.visitors import Detectors


def error_of(function, *arguments) -> list[str]:
    try:
        function(*arguments)
    except Exception as error:
        return [type(error).__name__, str(error)]
    return []


def main(checkpoint: Path, broken: Path, photo: Path, leaderboard: Path) -> None:
    find_command("app")
    page = build_app(checkpoint.parent, leaderboard)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    caller = Caller(url)
    asked = {"path": caller.upload(photo.name, photo.read_bytes()), "meta": FILE}
    detectors = Detectors(LazyDetectors([str(checkpoint)]))
    found = {
        "predicted": caller.call("predict", [asked, checkpoint.name, False]),
        "added": [detectors.add("bea/net"), *detectors],
        "misfit": error_of(detectors.add, "bea/misfit"),
        "broken": error_of(LazyDetectors([str(broken)]).read, ["broken"]),
        "died": error_of(apart.with_torch, "os", "_exit", 3),
    }
    apart.IDLE = 0.0
    detectors.add("bea/net")
    end = time.monotonic() + 20
    while apart._child and time.monotonic() < end:
        time.sleep(0.01)
    found["idle"] = apart._child is None
    found["imported"] = sorted({"torch", "timm"} & sys.modules.keys())
    page.close()
    print("FOUND " + json.dumps(found), flush=True)
    os._exit(0)


main(*map(Path, sys.argv[1:]))
