"""Read ONNX files: one file of limited size, standard operators only, with the input and outputs fkd expects."""

import hashlib
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
from fkd.photo.detectors.compiled import threads

LARGEST = 500_000_000  # bytes of a file
NEEDED = "ONNX files need ONNX Runtime: pip install 'fkd[onnx]'"


@dataclass(frozen=True)
class Trained:
    """What `fkd export` writes of the checkpoint that a file is of, as JSON under "fkd".

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
    """A checked file. batch: faces at once, None for any number. outputs: their names. metadata: by key, as anyone may
    have written it. trained: what `fkd export` wrote of its checkpoint, None in any other file.
    """

    where: str
    session: Any
    batch: int | None
    outputs: list[str]
    metadata: dict[str, str]
    trained: Trained | None
    sha256: str

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Its outputs for images float32 [N, 1, 96, 96].

        Raises ValueError if ONNX Runtime fails, with its error as the cause.
        """
        try:
            outputs: list[np.ndarray] = self.session.run(None, {self.session.get_inputs()[0].name: images})
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ValueError(f"{self.where} fails on {len(images)} face(s)") from error
        return outputs


def read_onnx(path: Path) -> OnnxFile:
    """Reads and checks a file, without running it.

    Raises ValueError, with the reason, if the file is too large, is not ONNX, refers to other files, has custom
    operators, or takes anything but one input float32 [N, 1, 96, 96].
    """
    try:
        import onnx  # noqa: PLC0415 - of the extra fkd[onnx]
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - it comes with onnx
    except ModuleNotFoundError:
        raise ValueError(NEEDED) from None
    where = one_line(path.name)
    with open_regular(path, LARGEST) as file:
        content = file.read(LARGEST)
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise ValueError(f"{where} is not an ONNX file, or is cut off") from None
    if problem := _problem(model):
        raise ValueError(f"{where} is refused: {problem}")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    own = metadata.get("fkd")
    trained = typed(parse_json(own.encode(), f"{where}: fkd"), Trained, f"{where}: fkd") if own else None
    session = _session(where, content)
    return OnnxFile(
        where,
        session,
        _batch(where, session),
        [output.name for output in session.get_outputs()],
        metadata,
        trained,
        hashlib.sha256(content).hexdigest(),
    )


def _problem(model: Any) -> str:
    """Return why a parsed ModelProto is refused; empty if it is not. ONNX Runtime checks the rest."""
    if model.functions:
        return "it defines functions of its own"
    if any(isinstance(text, bytes) for entry in model.metadata_props for text in (entry.key, entry.value)):
        return "its metadata is not UTF-8"  # protobuf returns such text as bytes
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


def _session(where: str, content: bytes) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - of the extra fkd[onnx]
    except ModuleNotFoundError:
        raise ValueError(NEEDED) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the processor too
    try:
        return onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # it would retry the same provider, and print that
        )
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ValueError(f"{where} is refused: {one_line(error, 200)}") from None


def _batch(where: str, session: Any) -> int | None:
    """Return the batch size of the one input, None if it may be any."""
    inputs = [(part.type, list(part.shape)) for part in session.get_inputs()]
    if len(inputs) == 1 and inputs[0][0] == "tensor(float)" and inputs[0][1][1:] == [1, 96, 96]:
        first = inputs[0][1][0]
        if first == 1 or not isinstance(first, int):
            return first if first == 1 else None
    found = one_line("; ".join(f"{kind} {shape}" for kind, shape in inputs) or "none", 100)
    raise ValueError(f"{where} has the inputs {found}, expected one: tensor(float) [N, 1, 96, 96]")
