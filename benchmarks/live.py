"""How many frames a second Live answers: of a face that is followed by one model and by two, and where there is none.

    python benchmarks/live.py [--photo PHOTO]

Frames are 640 x 480 JPEG, as a camera sends them; all but the way to the browser and back is counted.
"""

import argparse
import io
import time
from pathlib import Path

from PIL import Image, ImageOps

from fkd.hub.reference import load
from fkd.page.live import NONE, _frame

ROOT = Path(__file__).parents[1]
FRAMES, WARM = 60, 5


def frames_a_second(picture: Image.Image, one: str, two: str) -> tuple[float, float]:
    """(frames a second, milliseconds of processor time for a frame) of a camera that shows one picture."""
    detectors = {name: load(str(ROOT / "checkpoints" / name)) for name in (one, two) if name != NONE}
    file, seen = io.BytesIO(), None
    picture.save(file, "JPEG")
    for number in range(WARM + FRAMES):
        if number == WARM:
            start, used = time.perf_counter(), time.process_time()
        drawn, _, seen = _frame(detectors, io.BytesIO(file.getvalue()), one, two, seen)
        drawn.save(io.BytesIO(), "JPEG")
    return FRAMES / (time.perf_counter() - start), 1000 * (time.process_time() - used) / FRAMES


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, default=ROOT / "examples" / "grace_hopper.jpg")
    with Image.open(parser.parse_args().photo) as photo:
        face = ImageOps.pad(photo.convert("RGB"), (640, 480))
    # What is left of the photo below the face is as hard as a room: it has edges, and no face.
    room = face.crop((190, 280, 460, 480)).resize((640, 480))
    print("| the camera shows | models | frames a second | processor time, ms |\n| --- | --- | --- | --- |")
    for name, picture in (("a face", face), ("no face", room)):
        for models in (("resnet18", NONE), ("resnet18", "fcnn")):
            rate, spent = frames_a_second(picture, *models)
            print(f"| {name} | {' and '.join(one for one in models if one != NONE)} | {rate:.1f} | {spent:.0f} |")
