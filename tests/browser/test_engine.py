"""The engine in Chromium: the answers of `fkd.photo` on the same pixels, and a sentence for what has no answer."""

import base64
import functools
import gzip
import json
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import psutil
import pytest
from drawn import draw_faces
from PIL import Image

from browser.helpers import EXAMPLES, ROOT
from fkd.data.split import split_data
from fkd.keypoints import NAMES
from fkd.metrics import accuracy
from fkd.page.engine import write_engine
from fkd.photo.comparison import Comparison, compare
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.finder import find_faces, whole_photo

pytestmark = pytest.mark.browser
MODELS = ("mobile", "fcnn")
OPEN = """async () => {
    const { openEngine } = await import('./engine/engine.js');
    window.engine = await openEngine('engine/');
    const asTheyAre = { colorSpaceConversion: 'none' };
    window.bitmap = async (name) => createImageBitmap(await (await fetch(name)).blob(), asTheyAre);
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def static(folder: Path):
    """Serves a folder as any static host does: its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with an empty page, and the engine next to it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><title>engine</title>")
    write_engine(folder / "engine", [CheckpointDetector.read(ROOT / "checkpoints" / name) for name in MODELS])
    return folder


@pytest.fixture
def engine(browser, site):
    """A page in which `engine` is open; nothing may fail in it silently."""
    with static(site) as url:
        page = browser.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.evaluate(OPEN)
        yield page
        page.close()
        assert not errors


def answer(page, name: str, **options) -> dict:
    options = {"models": MODELS} | options
    return page.evaluate("async ([name, options]) => engine.answer(await bitmap(name), options)", [name, options])


def pictures() -> dict[str, Image.Image]:
    """Forty pictures: examples, turned, tiny, large, dark, cut off, transparent; several faces, none, drawn ones."""
    photos = {path.stem: Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.[jp][pn]g"))}
    grace, eileen = photos["grace_hopper"], photos["eileen_collins"]
    made = dict(photos)
    for name, photo in photos.items():
        made |= {f"{name}-{angle}": photo.rotate(angle, expand=True) for angle in (20, -35, 90, 180)}
        made[f"{name}-small"] = photo.resize([side // 4 for side in photo.size])
    made |= {
        "tiny": grace.resize((51, 60)),
        "large": eileen.resize([3 * side for side in eileen.size]),
        "wide": Image.new("RGB", (2400, 900), "grey"),
        "dark": grace.point(lambda value: value / 12),
        "cut": grace.crop((150, 110, 380, 330)),
        "clear": grace.convert("RGBA"),
        "group": Image.new("RGB", (900, 700), (90, 110, 130)),
        "no face": Image.new("RGB", (300, 200), "teal"),
    }
    made["clear"].putalpha(Image.linear_gradient("L").resize(grace.size))
    made["wide"].paste(grace.resize((128, 150)), (1700, 500))
    face = grace.crop((120, 60, 400, 360))
    for k, corner in enumerate([(20, 20), (320, 60), (620, 20), (150, 380), (520, 400)]):
        made["group"].paste(face.resize((240 + 8 * k, 256 + 8 * k)), corner)
    for number, image in enumerate(draw_faces(8, four_point_share=0).images):
        made[f"drawn {number}"] = Image.fromarray(image).resize((96 + 40 * number,) * 2)
    return made


def off(ours: dict, theirs: dict) -> np.ndarray:
    """The distance of each point of two answers in JSON, px of the 96-px frame; the faces are the same."""
    distances = []
    for name, model in ours["models"].items():
        faces = theirs["models"][name]["faces"]
        assert len(faces) == len(model["faces"])
        for face, other in zip(model["faces"], faces, strict=True):
            unit = 96 / (face["box"][2] - face["box"][0])
            assert np.abs(np.subtract(face["box"], other["box"])).max() * unit < 0.1
            assert list(other["points"]) == list(NAMES) and face.keys() == other.keys()
            distances += [unit * np.linalg.norm(np.subtract(face["points"][n], other["points"][n])) for n in NAMES]
            distances += [unit * abs(face["spread"][n] - other["spread"][n]) for n in face.get("spread", ())]
    return np.array(distances)


@pytest.mark.slow
def test_forty_pictures_get_the_answers_of_python(engine, site):
    detectors = [CheckpointDetector.read(ROOT / "checkpoints" / name) for name in MODELS]
    photos, apart = pictures(), []
    assert len(photos) == 40
    for number, (name, photo) in enumerate(photos.items()):
        photo.save(site / f"{number}.png")
        options = {"whole": name.startswith("drawn")}
        find = whole_photo if options["whole"] else find_faces
        ours: Comparison = compare(detectors, photo, find=find)
        theirs = answer(engine, f"{number}.png", **options)
        assert (theirs["width"], theirs["height"]) == photo.size
        apart.append(off({"models": {row["model"]: row for row in ours.rows(name)}}, theirs))
        again = answer(engine, f"{number}.png", boxes=theirs["boxes"], turns=theirs["turns"], **options)
        assert not len(apart[-1]) or off(theirs, again).max() < 0.2, "its own boxes give the same answer"
    distances = np.concatenate(apart)
    assert len(distances) > 40 * 2 * 15 and sum(not len(each) for each in apart) < 5
    print(f"points apart, px of the frame: {distances.mean():.4f} on average, {distances.max():.4f} at most")
    assert distances.mean() < 0.15 and distances.max() < 0.5


@pytest.mark.slow
def test_held_out_faces_have_the_error_of_python(engine, real_data):
    faces, split = split_data(real_data)
    faces = faces[split.test]
    assert len(faces.images) == 538
    detector = CheckpointDetector.read(ROOT / "checkpoints" / "mobile")
    ours = accuracy(detector.on_frames(faces.images, faces.four_point), faces.points)

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        frames = base64.b64encode((255 * images).round().astype(np.uint8).tobytes()).decode()
        outputs = engine.evaluate(
            """async (frames) => {
                const outputs = await engine.frames('mobile', Uint8Array.from(atob(frames), (c) => c.charCodeAt(0)));
                return Object.entries(outputs).map(([name, values]) => [name, Array.from(values)]);
            }""",
            frames,
        )
        shapes = {"uncertainty": (-1, 15), "convention": (len(images), -1)}
        return {
            name: np.array(values, np.float32).reshape(shapes.get(name, (len(images), -1, 2)))
            for name, values in outputs
        }

    detector.run = run
    theirs = accuracy(detector.on_frames(faces.images, faces.four_point), faces.points)
    print(f"held-out RMSE: {theirs.figures['rmse']} px in the browser, {ours.figures['rmse']} px by Python")
    assert abs(theirs.figures["rmse"] - ours.figures["rmse"]) < 0.01


SPOILT = {
    "a missing model": (None, "fcnn could not be loaded: check your connection, then try again."),
    "half a model": (lambda content: content[:-1000], "fcnn arrived damaged: reload the page."),
    "no network": (lambda content: gzip.compress(b"no network"), "fcnn cannot be read as a network: reload the page."),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPOILT)
def test_a_model_that_does_not_arrive_gets_a_sentence_and_the_next_photo_an_answer(engine, site, kind):
    spoil, sentence = SPOILT[kind]
    Image.open(EXAMPLES / "grace_hopper.jpg").save(site / "grace.png")
    (listed,) = (
        model for model in json.loads((site / "engine" / "models.json").read_text()) if model["name"] == "fcnn"
    )
    content = (site / "engine" / listed["file"]).read_bytes()
    body = {"status": 404} if spoil is None else {"body": spoil(content)}
    engine.route("**/fcnn-*", lambda route: route.fulfill(**body))
    failed = "async () => engine.load('fcnn').then(() => '', (error) => error.message)"
    assert engine.evaluate(failed) == sentence
    assert len(answer(engine, "grace.png", models=["mobile"])["boxes"]) == 1
    engine.unroute("**/fcnn-*")
    parts = engine.evaluate(
        "async () => { const parts = []; await engine.load('fcnn', (p) => parts.push(p)); return parts; }"
    )
    assert parts == sorted(parts) and parts[-1] == 1, "a second try loads it"


@pytest.mark.parametrize(("size", "options", "sentence"), [
    ((1, 1), {}, "The photo is 1 x 1 px: too small to hold a face, expected at least 24 x 24 px."),
    ((30, 30), {"models": []}, "Choose a model."),
    ((30, 30), {"models": ["nobody"]}, "There is no model nobody here."),
    ((30, 30), {"boxes": [[5, 5, 5, 9]]}, "That is not a box in the photo: draw it again."),
])  # fmt: skip
def test_what_cannot_be_answered_gets_a_sentence(engine, size, options, sentence):
    said = engine.evaluate(
        """async ([[width, height], options]) =>
            engine.answer(new ImageData(width, height), options).then(() => '', (error) => error.message)""",
        [size, {"models": ["mobile"]} | options],
    )
    assert said == sentence


FOLLOW = """async ([name, options]) => {
    const photo = await bitmap(name);
    const moved = new OffscreenCanvas(photo.width, photo.height);
    const pen = moved.getContext('2d', { willReadFrequently: true });
    const shown = [];
    let before = [];
    for (let number = 0; number < 16; number++) {
        pen.drawImage(photo, 4 * number, 3 * number);
        if (number > 10) pen.clearRect(0, 0, photo.width, photo.height);
        const frame = await createImageBitmap(moved);
        before = await engine.follow(frame, { models: ['mobile'], before, number, ...options });
        frame.close();
        shown.push(before.map(({ models }) => models.mobile.points));
    }
    return shown;
}"""


def test_faces_are_followed_from_frame_to_frame_until_they_are_gone(engine, site):
    pictures()["group"].save(site / "group.png")
    for options, count in (({}, 1), ({"all": True}, 4)):
        shown = engine.evaluate(FOLLOW, ["group.png", options])
        assert [len(faces) for faces in shown] == [count] * 15 + [0], "every fifth frame is checked"
        for face in range(count):
            way = np.subtract(shown[10][face], shown[0][face]).mean(0)
            assert np.abs(way - [40, 30]).max() < 1.5


NOTE_MEMORY = """
const Memory = WebAssembly.Memory;
WebAssembly.Memory = class extends Memory {
    constructor(size) {
        super(size);
        if (size.initial) self.wasm = this;
    }
};
"""


@pytest.mark.slow
def test_memory_stays_as_it_is_over_some_hundred_frames(browser, site):
    Image.open(EXAMPLES / "grace_hopper.jpg").save(site / "grace.png")
    cdp = browser.new_browser_cdp_session()
    with static(site) as url, browser.new_context() as context:
        page = context.new_page()
        body = (site / "engine" / "worker.js").read_text() + NOTE_MEMORY
        page.route("**/worker.js", lambda route: route.fulfill(body=body, content_type="text/javascript"))
        page.goto(url)
        page.evaluate(OPEN)
        sizes = []
        for _ in range(5):
            page.evaluate(
                FOLLOW.replace("number < 16", "number < 80").replace("number > 10", "false"), ["grace.png", {}]
            )
            processes = [each["id"] for each in cdp.send("SystemInfo.getProcessInfo")["processInfo"]]
            wasm = page.workers[0].evaluate("wasm.buffer.byteLength")
            sizes.append((wasm, sum(psutil.Process(number).memory_info().rss for number in processes)))
    print(f"WebAssembly, all of Chromium, MB: {[(wasm >> 20, rss >> 20) for wasm, rss in sizes]}")
    assert len({wasm for wasm, _ in sizes}) == 1
    assert sizes[-1][1] - sizes[1][1] < 40e6, "a frame of 1.2 MB that stays would be 290 MB"
