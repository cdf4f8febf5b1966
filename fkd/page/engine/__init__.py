"""The detectors in the visitor's browser: the steps of `fkd.photo` in JavaScript, from the same ONNX files.

`write_engine` writes a folder that any static host can serve. In a page next to it:

    import { openEngine } from "./engine/engine.js";
    const engine = await openEngine(new URL("./engine/", document.baseURI));
    const answer = await engine.answer(await createImageBitmap(file), { models: ["mobile"] });
"""

import json
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeGuard

from fkd.files import file_stem
from fkd.keypoints import EDGES, FRAME_SIZE, MEAN_FACE, MIRROR, NAMES
from fkd.learn.record import WEIGHTS
from fkd.photo import finder, predict
from fkd.photo.colours import distinct
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector, onnx_file
from fkd.photo.detectors.network import MAX_PX, POINTS, UNCERTAINTY
from fkd.photo.detectors.onnx import with_weights
from fkd.photo.reading import MOST_MEGAPIXELS, SHORTEST
from fkd.photo.sources import MOST_FACES

HERE = Path(__file__).parent
MAX_BYTES = 25_000_000  # weights of a model that a browser may have to load
FINDER = ("STRIDES", "LOOK", "LARGE", "HUGE", "MORE_LOOKS", "SMALL", "TINY", "LOWEST", "SURE", "LYING_COST",
          "APART", "STEP", "DARK")  # fmt: skip


def write_engine(folder: Path, detectors: Iterable[CheckpointDetector]) -> list[dict[str, Any]]:
    """Write the engine and these models into a folder, and return `models.json`, what it lists of each model."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in HERE.rglob("*"):
        if path.suffix in (".js", ".css", ".mjs", ".gz") or path.name == "LICENSE":
            shutil.copy(path, folder / path.name)
    finder_bytes = _write_packed(finder.WEIGHTS.read_bytes(), folder / "yunet.onnx.gz")
    constants = {name: getattr(finder, name) for name in FINDER} | {
        "EYES_NOSE_MOUTH": finder.POINTS, "NAMES": NAMES, "MIRROR": MIRROR, "MEAN": MEAN_FACE, "FRAME": FRAME_SIZE,
        "EDGES": [[NAMES.index(name) for name in edge] for edge in EDGES],
        "CONFIRMED": predict.CONFIRMED, "MAX_PX": MAX_PX, "MOST_FACES": MOST_FACES,
        "SHORTEST": SHORTEST, "MEGAPIXELS": MOST_MEGAPIXELS, "POINTS": POINTS, "UNCERTAINTY": UNCERTAINTY,
        "BASE_BYTES": finder_bytes + (folder / "ort.wasm.gz").stat().st_size,
    }  # fmt: skip
    lines = [f"export const {name} = {json.dumps(value)};\n" for name, value in constants.items()]
    (folder / "constants.js").write_text("// Written by fkd.page.engine from the Python modules.\n" + "".join(lines))
    models = [write_model(detector, folder) for detector in detectors]
    for model, colour in zip(models, distinct([model["colour"] for model in models]), strict=True):
        model["colour"] = colour
    (folder / "models.json").write_text(json.dumps(models))
    return models


def is_small(detector: Detector) -> TypeGuard[CheckpointDetector]:
    """Whether a detector is a checkpoint that a browser can load."""
    return isinstance(detector, CheckpointDetector) and (detector.folder / WEIGHTS).stat().st_size <= MAX_BYTES


def write_model(detector: CheckpointDetector, folder: Path) -> dict[str, Any]:
    """Write a checkpoint as one compressed ONNX file, and return its line of `models.json`."""
    # New weights, new name: a browser may keep files.
    file = f"{file_stem(detector.name)}-{detector.sha256[:8]}.onnx.gz"
    content = with_weights(onnx_file(detector.folder, detector.config, detector.sha256))
    return {
        "name": detector.name,
        "owner": detector.owner,
        "terms": detector.data.terms,
        "colour": detector.colour,
        "rmse": detector.validation_rmse,
        "file": file,
        "bytes": _write_packed(content, folder / file),
    }


def _write_packed(content: bytes, path: Path) -> int:
    """Write a file compressed by gzip, and return its size; the numbers in weights have no repetitions to look for."""
    packer = zlib.compressobj(wbits=31, strategy=zlib.Z_HUFFMAN_ONLY)
    return path.write_bytes(packer.compress(content) + packer.flush())
