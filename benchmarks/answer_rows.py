"""Rows of benchmarks/bench.py: answers as served, against torch in float32; a photo to its overlays."""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import onnxruntime
import torch
from PIL import Image
from rows import ROOT, Bench, Pairs, Row

from fkd.data.split import in_order, split_data
from fkd.learn.models import bf16_is_quick
from fkd.metrics import accuracy
from fkd.photo.comparison import compare
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.detectors.onnx import with_weights
from fkd.photo.draw import draw_points
from fkd.photo.finder import find_faces
from fkd.photo.reading import read_photo

TORCH = "torch in float32"
PHOTO = ROOT / "examples" / "grace_hopper.jpg"
NAMES = ("fcnn", "resnet18", "resnet50")
TIMES = 20  # answers in a run


def detector(name: str) -> CheckpointDetector:
    return CheckpointDetector.read(ROOT / "checkpoints" / name)


def by_torch(name: str) -> CheckpointDetector:
    return CheckpointDetector.read(ROOT / "checkpoints" / name, device="cpu:0")


def in_milliseconds(pairs: Pairs, answers: int) -> Pairs:
    return [(1000 * ours / answers, 1000 * other / answers) for ours, other in pairs]


def one_face(name: str, bench: Bench, beside: Callable[[str], CheckpointDetector] = by_torch) -> Pairs:
    """Milliseconds for a face and its mirror image."""
    frame = np.random.default_rng(0).integers(0, 256, (1, 96, 96), np.uint8)

    def answer(one: CheckpointDetector) -> None:
        for _ in range(TIMES):
            one.on_frames(frame, mirror=True)

    ours, other = detector(name), beside(name)
    answer(ours)  # compiles
    answer(other)
    return in_milliseconds(bench.in_turn(partial(answer, ours), partial(answer, other)), TIMES)


def in_onnxruntime(bench: Bench) -> Pairs:
    """Milliseconds for a face by `mobile` and by `resnet18` in another runtime, from the same files, one thread."""

    def answering(name: str) -> Callable[[], None]:
        one, options = detector(name), onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        file = with_weights(one.folder / "model.onnx")
        session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
        frame = {session.get_inputs()[0].name: np.zeros((1, 1, 96, 96), np.float32)}

        def answer() -> None:
            for _ in range(TIMES):
                session.run(None, frame)

        answer()
        return answer

    return in_milliseconds(bench.in_turn(answering("mobile"), answering("resnet18")), TIMES)


def of_eight(name: str, bench: Bench) -> Pairs:
    """Milliseconds per face for eight faces in one batch, against one after the other."""
    frames, ours = np.random.default_rng(0).integers(0, 256, (8, 96, 96), np.uint8), detector(name)
    ours.on_frames(frames, mirror=True)
    pairs = bench.in_turn(
        lambda: ours.on_frames(frames, mirror=True),
        lambda: [ours.on_frames(frame[None], mirror=True) for frame in frames],
    )
    return in_milliseconds(pairs, len(frames))


def rmse_difference(name: str, bench: Bench) -> Pairs:
    """The difference of the RMSE on the data's held-out tenth, against torch's RMSE; the same in every run."""
    faces, split = split_data(bench.data)
    test = faces[in_order(faces, split.test)]
    ours, other = (
        accuracy(each.on_frames(test.images, test.four_point), test.points, 1).rmse
        for each in (detector(name), by_torch(name))
    )
    return [(abs(ours - other), other)] * bench.runs


def jpeg(megapixels: float) -> bytes:
    """A photo of one face as a phone writes it: 4:3, on its side, with an EXIF orientation."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    photo = Image.open(PHOTO).convert("RGB")
    upright = photo.resize((height, round(photo.height * height / photo.width)), Image.Resampling.LANCZOS)
    upright = upright.crop((0, 0, height, round(height * 4 / 3)))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    file = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def overlays(file: bytes, detectors: list[CheckpointDetector]) -> None:
    photo = read_photo(io.BytesIO(file))
    comparison = compare(detectors, photo, find_faces(photo))
    for one in detectors:
        draw_points(photo, [face.points for face in comparison.answers[one.name]], one.colour)


def photo_to_overlays(megapixels: float, bench: Bench) -> Pairs:
    file, ours, other = jpeg(megapixels), [*map(detector, NAMES[1:])], [*map(by_torch, NAMES[1:])]
    for each in (ours, other):
        overlays(file, each)
    return bench.in_turn(lambda: overlays(file, ours), lambda: overlays(file, other))


# fkd's part of torch's time, at most, with bfloat16 and without.
TARGETS = {"fcnn": (None, None), "resnet18": (0.455, 0.833), "resnet50": (0.333, 0.833)}
SLOW = int(not bf16_is_quick(torch.device("cpu")))
MEGAPIXELS: dict[float, float] = {12: 0.35, 1: 0.12}  # s, on two idle cores
SMALL = partial(one_face, "mobile", beside=lambda _: detector("resnet18"))

ROWS = [
    *(Row(f"a face by {name}", TORCH, "ms", partial(one_face, name), ratio=TARGETS[name][SLOW]) for name in NAMES),
    *(Row(f"RMSE of {name}, difference", TORCH, "px", partial(rmse_difference, name), most=0.002) for name in NAMES),
    Row("a face by mobile", "by resnet18, served too", "ms", SMALL, ratio=1 / 3),
    Row("a face by mobile, onnxruntime", "by resnet18, there too", "ms", in_onnxruntime, ratio=1 / 3),
    Row("a face of eight by resnet18", "one after the other", "ms", partial(of_eight, "resnet18"), ratio=1),
    *(
        Row(f"{size} megapixels to two overlays", f"answers by {TORCH}", "s", partial(photo_to_overlays, size), most=s)
        for size, s in MEGAPIXELS.items()
    ),
]
