"""Read ONNX files: one file of limited size, standard operators only, with the input and outputs fkd expects."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from fkd.data.conventions import Convention
from fkd.data.record import DataRecord
from fkd.errors import FkdError
from fkd.files import STRICT, Line, Signed, one_line, open_regular, parse_json, typed
from fkd.learn.config import MAX_CONVENTIONS
from fkd.photo.runtime import MAX_AT_ONCE, Network

FLOAT = 1  # onnx.TensorProto.FLOAT
LARGEST = 500_000_000  # bytes of a file


@dataclass(frozen=True)
class Trained:
    """The metadata that `fkd export` writes about the checkpoint, as JSON under "fkd".

    version: of fkd. checkpoint: sha256 of its weights. network, conventions: as in `ModelConfig`. label_offset: px [C],
    as in `KeypointModel`.
    """

    __pydantic_config__ = STRICT

    version: Line
    checkpoint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    network: Line
    validation_rmse: Annotated[float, Field(gt=0, le=1e6)]
    conventions: Annotated[tuple[Convention, ...], Field(min_length=1, max_length=MAX_CONVENTIONS)]
    label_offset: Annotated[list[Signed], Field(min_length=1, max_length=MAX_CONVENTIONS)]
    data: DataRecord

    def __post_init__(self) -> None:
        if len(self.conventions) != len(self.label_offset):
            raise FkdError(f"has {len(self.label_offset)} label offsets for {len(self.conventions)} conventions")


@dataclass(frozen=True)
class OnnxFile:
    """A checked file.

    Attributes:
        where: its name, for messages.
        network: compiled.
        outputs: their names.
        metadata: by key; untrusted text.
        trained: the record of its checkpoint by `fkd export`; None in any other file.
        sha256: of the file.
    """

    where: str
    network: Network
    outputs: list[str]
    metadata: dict[str, str]
    trained: Trained | None
    sha256: str

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return its outputs for images float32 [N, 1, 96, 96], the first one as "points".

        Raises FkdError if the network fails, with OpenVINO's error as the cause.
        """
        try:
            outputs = self.network(images)
        except RuntimeError as error:
            raise FkdError(f"{self.where} fails on {len(images)} face(s)") from error
        first, *others = self.outputs
        return {"points": outputs[first]} | {name: outputs[name] for name in others}


def read_onnx(path: Path) -> OnnxFile:
    """Read and check a file, without running it.

    Raises:
        FkdError: with the reason, if the file is too large, is not ONNX, refers to other files, has custom operators,
            takes anything but one input float32 [N, 1, 96, 96], or cannot be read by OpenVINO.
    """
    import onnx  # noqa: PLC0415 - takes 0.2 s, which only such a file needs
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - comes with onnx

    where = one_line(path.name)
    with open_regular(path, LARGEST) as file:
        content = file.read(LARGEST)
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise FkdError(f"{where} is not an ONNX file, or is truncated") from None
    if problem := _problem(model):
        raise FkdError(f"{where} is refused: {problem}")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    own = metadata.get("fkd")
    trained = typed(parse_json(own.encode(), f"{where}: fkd"), Trained, f"{where}: fkd") if own else None
    outputs = [output.name for output in model.graph.output]
    at_once = 1 if _takes_one(where, model.graph) else MAX_AT_ONCE
    try:
        network = Network(content, outputs, at_once=at_once)
    except RuntimeError as error:
        raise FkdError(f"{where} is refused: OpenVINO cannot read it ({why(error)})") from None
    return OnnxFile(where, network, outputs, metadata, trained, hashlib.sha256(content).hexdigest())


def why(error: BaseException) -> str:
    """Return OpenVINO's reason, without the places in its source that it begins with."""
    return one_line(re.split(r"failed at \S+:\s*", str(error))[-1], 200)


def _problem(model: Any) -> str:
    """Return why a parsed ModelProto is refused; empty if it is not. OpenVINO checks the rest."""
    if model.functions:
        return "it defines functions of its own"
    if any(isinstance(text, bytes) for entry in model.metadata_props for text in (entry.key, entry.value)):
        return "its metadata is not UTF-8"  # protobuf returns such text as bytes
    if not model.graph.output:
        return "it has no output"
    for message in _messages(model):
        kind = message.DESCRIPTOR.name
        if kind == "TensorProto" and (message.data_location or message.external_data):
            return "some of its weights are in another file: export it with all of them inside"
        if kind == "NodeProto" and message.domain not in ("", "ai.onnx"):
            return f"it has the custom operator {one_line(f'{message.domain}.{message.op_type}', 60)}"
    return ""


def _messages(message: Any) -> Iterator[Any]:
    """Yield a protobuf message and all messages in it, also those of nested graphs."""
    yield message
    for field, value in message.ListFields():
        if field.message_type:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _messages(part)


def _takes_one(where: str, graph: Any) -> bool:
    """Return whether a graph takes one frame at a time, not any number; FkdError if it takes anything else."""
    weights = {weight.name for weight in graph.initializer}
    inputs = []
    for each in graph.input:
        if each.name not in weights:
            tensor = each.type.tensor_type
            kind = "float" if tensor.elem_type == FLOAT else f"type {tensor.elem_type}"
            inputs.append((kind, [part.dim_value or part.dim_param or "?" for part in tensor.shape.dim]))
    if len(inputs) == 1 and inputs[0][0] == "float" and inputs[0][1][1:] == [1, 96, 96]:
        first = inputs[0][1][0]
        if first == 1 or not isinstance(first, int):
            return bool(first == 1)
    found = one_line("; ".join(f"{kind} {shape}" for kind, shape in inputs) or "none", 100)
    raise FkdError(f"{where} has the inputs {found}, expected one: float [N, 1, 96, 96]")
