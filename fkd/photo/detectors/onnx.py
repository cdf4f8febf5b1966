"""Somebody's network as an ONNX file; its time and memory are not bounded: name only files that you trust."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from fkd.data.conventions import COMPETITION, Convention, ambiguous, merge
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import STRICT, Line, Signed, counted, one_line, open_regular, parse_json, typed
from fkd.keypoints import FRAME_SIZE, NAMES
from fkd.learn.config import MAX_CONVENTIONS
from fkd.photo.colours import PALETTE
from fkd.photo.detectors.network import CONVENTION, OTHER_POINTS, POINTS, UNCERTAINTY, NetworkDetector, check_range
from fkd.photo.runtime import Network

MAX_BYTES = 500_000_000
# As OpenVINO writes them, ? where any size is taken: channels first, or last as in Keras.
INPUT = re.compile(r"f32 \[[?1],([?1],(96|\?),(96|\?)|(96|\?),(96|\?),1)\]")
MIN_PX = 8.0  # from the frame's corner: nearer than that, all points of a face are in other units


@dataclass(frozen=True)
class Trained:
    """The record of a checkpoint that `fkd export` writes as JSON under "fkd" in the metadata."""

    __pydantic_config__ = STRICT

    version: Line  # of fkd
    checkpoint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # sha256 of its weights
    network: Line
    validation_rmse: Annotated[float, Field(gt=0, le=1e6)]
    conventions: Annotated[tuple[Convention, ...], Field(min_length=1, max_length=MAX_CONVENTIONS)]
    label_offset: Annotated[list[Signed], Field(min_length=1, max_length=MAX_CONVENTIONS)]
    data: DataRecord

    def __post_init__(self) -> None:
        if len(self.conventions) != len(self.label_offset):
            raise FkdError(f"has {len(self.label_offset)} label offsets for {len(self.conventions)} conventions")


@dataclass(frozen=True)
class ForeignNetwork:
    """A network with checked outputs. `where` names the file in messages; px are its numbers * scale + offset."""

    where: str
    network: Network
    outputs: list[str]
    conventions: tuple[Convention, ...]
    scale: float
    offset: float

    def __call__(self, images: np.ndarray) -> Mapping[str, np.ndarray]:
        """Return the outputs, the file's first one as "points" [N, 15, 2], for images float32 [N, 1, 96, 96].

        Raises FkdError if the network fails, with OpenVINO's error as the cause, or an output is not as expected.
        """
        if self.network.inputs[0].endswith(",1]"):
            images = images.transpose(0, 2, 3, 1)
        try:
            outputs = self.network(images)
        except (RuntimeError, UnicodeDecodeError) as error:  # OpenVINO quotes names, in any encoding
            raise FkdError(f"{self.where} fails on {counted(len(images), 'face')}") from error
        first, *others = self.outputs
        named = {POINTS: outputs[first]} | {name: outputs[name] for name in others}
        if named[POINTS].shape == (len(images), 2 * len(NAMES)):
            named[POINTS] = named[POINTS].reshape(len(images), len(NAMES), 2)
        shapes = {
            POINTS: (len(NAMES), 2),
            UNCERTAINTY: (len(NAMES),),
            OTHER_POINTS: (sum(len(convention.own) for convention in self.conventions), 2),
            CONVENTION: (len(ambiguous(self.conventions)),),
        }
        for name, value in named.items():
            expected = (len(images), *shapes.get(name, ()))
            if name not in shapes or value.dtype != np.float32 or value.shape != expected:
                found = f"{one_line(name, 40)} {value.dtype} {list(value.shape)}"
                listed = ", ".join(f"{name} {['N', *shape]}".replace("'", "") for name, shape in shapes.items())
                raise FkdError(f"{self.where} has the output {found} for {len(images)} frames, expected {listed}")
        for name in named.keys() - {CONVENTION}:
            named[name] = named[name] * self.scale + (0 if name == UNCERTAINTY else self.offset)
        check_range(self.where, named)
        return named


def read_onnx(path: Path, name: str = "") -> NetworkDetector:
    """Read a network from frames float32 [N, 1, 96, 96] or [N, 96, 96, 1] in 0..1 to points [N, 15, 2] or [N, 30].

    Its first output is the points; it may also have "uncertainty" [N, 15], and "other_points" [N, 2, 2]: nose tip
    and bottom lip in the four-point convention. All are frame px, or become so by the scale and offset of its metadata,
    which may also state name, owner, licence and keypoints. A file by `fkd export` lists its conventions there, and may
    have more other points, and "convention" [N, C], logits.

    The network is run on three frames. Raises FkdError with the reason for any other file.
    """
    import onnx  # noqa: PLC0415 - takes 0.2 s, which only such a file needs
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - comes with onnx

    where = one_line(path.name)
    with open_regular(path, MAX_BYTES) as file:
        content = file.read(MAX_BYTES)
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise FkdError(f"{where} is not an ONNX file, or is truncated") from None
    tensors = (message for message in _messages(model) if message.DESCRIPTOR.name == "TensorProto")
    if any(tensor.data_location or tensor.external_data for tensor in tensors):
        keep = "torch.onnx.export(..., external_data=False) keeps them in"
        raise FkdError(f"{where} is refused: some of its weights are in another file: {keep}")
    metadata = {str(entry.key): str(entry.value) for entry in model.metadata_props}
    if metadata.get("keypoints", ",".join(NAMES)).replace(" ", "").split(",") != list(NAMES):
        raise FkdError(f"{where}: its metadata names other keypoints than fkd's 15, or in another order")
    about = f"{where}: fkd"
    trained = typed(parse_json(metadata["fkd"], about), Trained, about) if "fkd" in metadata else None
    outputs = [output.name for output in model.graph.output]
    conventions = COMPETITION if OTHER_POINTS in outputs else merge(COMPETITION)
    conventions = trained.conventions if trained else conventions
    licence = _plain(metadata.get("licence") or metadata.get("license", ""), 2000)
    try:
        network = Network(content, outputs)
    except (RuntimeError, UnicodeDecodeError) as error:
        raise FkdError(f"{where} is refused: OpenVINO cannot read it ({_reason(error)})") from None
    if len(network.inputs) != 1 or not INPUT.fullmatch(network.inputs[0]):
        found = one_line("; ".join(network.inputs))
        raise FkdError(f"{where} has the inputs {found}, expected one: float32 [N, 1, 96, 96] or [N, 96, 96, 1]")
    units, about = [metadata.get("scale", "1"), metadata.get("offset", "0")], f"{where}: its scale and offset"
    scale, offset = typed(units, list[Signed], about, strict=False)
    detector = NetworkDetector(
        name=name or _plain(metadata.get("name") or path.stem, 60),
        owner=_plain(metadata.get("owner", ""), 60),
        colour=PALETTE[4],
        network="onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        data=trained.data if trained else DataRecord("", licence),
        validation_rmse=trained.validation_rmse if trained else math.inf,
        folder=path,
        run=ForeignNetwork(where, network, outputs, conventions, scale, offset),
        conventions=conventions,
        label_offset=np.array(trained.label_offset if trained else [0.0] * len(conventions)),
    )
    ramp = np.tile(np.linspace(0, 255, FRAME_SIZE, dtype=np.uint8), (FRAME_SIZE, 1))
    try:
        points = detector.on_frames(np.stack([ramp, ramp.T, np.full_like(ramp, 128)]))
    except FkdError as error:  # the owner of the file may see the reason; a visitor of the page may not
        raise FkdError(f"{error}: {_reason(error.__cause__)}" if error.__cause__ else str(error)) from None
    away = np.abs(points - FRAME_SIZE / 2).max()
    centre = np.abs(points.mean((0, 1)) - FRAME_SIZE / 2).max()  # outside the frame for pixels of another size
    if np.abs(points).max() < MIN_PX or away > 1.5 * FRAME_SIZE or centre > FRAME_SIZE / 2:
        found = f"{where} answers with points between {points.min():.4g} and {points.max():.4g}"
        way = "convert them, or state in its metadata scale=96 for 0..1, or scale=48 and offset=48 for -1..1"
        raise FkdError(f"{found}, expected pixels of the 96 x 96 frame: {way}")
    return detector


def with_weights(file: Path) -> bytes:
    """Return the content of an ONNX file with the weights that it has in other files, for programs that take one."""
    import onnx  # noqa: PLC0415 - it takes as long as all else here

    content: bytes = onnx.load(file).SerializeToString()
    return content


def _plain(text: str, most: int) -> str:
    """One line without HTML."""
    return one_line(text.replace("<", " "), most)


def _reason(error: BaseException) -> str:
    """OpenVINO's reason, without the places in its source that it begins with."""
    return one_line(re.split(r"failed at \S+:\s*", str(error))[-1], 200)


def _messages(message: Any) -> Iterator[Any]:
    """A protobuf message and all messages in it, also those of nested graphs."""
    yield message
    for field, value in message.ListFields():
        if field.message_type:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _messages(part)
