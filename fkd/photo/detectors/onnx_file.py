"""Reading ONNX files of anyone's: what is in one is checked before ONNX Runtime sees it, and bounded while it runs.

A graph can name code to load, other files, loops without end and tensors of any size. Only a flat graph of the standard
operators in OPERATORS is run, with all its weights in the file, in bounded memory and time.
"""

import functools
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from fkd.data.record import DataRecord
from fkd.files import STRICT, Line, Signed, one_line, open_regular, parse_json, typed
from fkd.photo.detectors.compiled import threads

LARGEST, MOST_NODES, MOST_METADATA = 500_000_000, 20_000, 100_000  # bytes of a file, nodes, bytes of its metadata
MEMORY = 4_000_000_000  # bytes that the tensors of all ONNX files may take together
LONGEST = 20.0  # s that one run may take
# Others loop, branch, draw lots, or work on text, sequences and optional values.
OPERATORS = """
Abs Add And ArgMax ArgMin Atan AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Concat Constant
ConstantOfShape Conv ConvInteger ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout
DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm
GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish
Identity InstanceNormalization IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
LpNormalization MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not
OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization Range Reciprocal ReduceL1
ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
Resize Round ScatterElements ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign
SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where
Xor
"""
NEEDED = "ONNX files need ONNX Runtime: pip install 'fkd[onnx]'"


@dataclass(frozen=True)
class Trained:
    """What `fkd export` writes of the checkpoint that a file is of, as JSON under "fkd".

    version: of fkd. checkpoint: sha256 of its weights. network: as in `ModelConfig`. label_offset: px [2], as in
    `KeypointModel`.
    """

    __pydantic_config__ = STRICT

    version: Line
    checkpoint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    network: Line
    validation_rmse: Annotated[float, Field(gt=0, le=1e6)]
    label_offset: Annotated[list[Signed], Field(min_length=2, max_length=2)]
    data: DataRecord


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

        Raises ValueError if it fails, or takes too long; what ONNX Runtime says of that is its cause.
        """
        from onnxruntime import RunOptions  # noqa: PLC0415 - of the extra fkd[onnx]

        options = RunOptions()
        options.log_severity_level = 4  # the error says what went wrong
        timer = threading.Timer(LONGEST, functools.partial(setattr, options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            outputs: list[np.ndarray] = self.session.run(None, {self.session.get_inputs()[0].name: images}, options)
        except Exception as error:  # ONNX Runtime's have no base of their own
            late = TimeoutError(f"it takes more than {LONGEST:g} s") if options.terminate else error
            raise ValueError(f"{self.where} fails on {len(images)} face(s)") from late
        finally:
            timer.cancel()
        return outputs


def read_onnx(path: Path) -> OnnxFile:
    """Reads and checks a file, without running it.

    Raises ValueError, with what is wrong, for anything but a plain graph from one input float32 [N, 1, 96, 96].
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
    if problem := next(_problems(model), ""):
        raise ValueError(f"{where} is not run: {problem}")
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


def _problems(model: Any) -> Iterator[str]:
    """Why a model may not be run, of a parsed ModelProto; ONNX Runtime finds the rest when it builds the graph."""
    graph, operators = model.graph, set(OPERATORS.split())
    named = [text for entry in model.metadata_props for text in (entry.key, entry.value)]
    named += [
        text for node in graph.node for text in (node.domain, node.op_type, *(one.name for one in node.attribute))
    ]
    if any(isinstance(text, bytes) for text in named):  # how protobuf gives what is not UTF-8
        yield "it has text that is not UTF-8"
    if not graph.node:
        yield "it has no graph"
    if len(graph.node) > MOST_NODES:
        yield f"it has {len(graph.node):,} nodes, more than {MOST_NODES:,}"
    if model.functions or model.training_info:
        yield "it has functions of its own, or a graph for training"
    if graph.sparse_initializer:
        yield "it has sparse weights"
    if sum(len(entry.key) + len(entry.value) for entry in model.metadata_props) > MOST_METADATA:
        yield f"its metadata has more than {MOST_METADATA:,} characters"
    if len({entry.key for entry in model.metadata_props}) < len(model.metadata_props):
        yield "its metadata has a key twice"
    yield from (problem for tensor in graph.initializer if (problem := _of_tensor(tensor)))
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in operators:
            name = one_line(f"{node.domain}.{node.op_type}".strip("."), 60)
            yield f"{name} is not one of the standard operators that fkd runs"
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs:
                yield f"{node.op_type} has a graph of its own"
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                yield "it has sparse weights"
            if attribute.name.startswith("value_string"):
                yield "it works on text"
            yield from (problem for one in (attribute.t, *attribute.tensors) if (problem := _of_tensor(one)))


def _of_tensor(tensor: Any) -> str:
    """What is wrong with a TensorProto, or an empty text."""
    if tensor.data_location or tensor.external_data:
        return "some of its weights are in another file: export it with all of them inside"
    return "it works on text" if tensor.data_type == tensor.STRING else ""


def _session(where: str, content: bytes) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - of the extra fkd[onnx]
    except ModuleNotFoundError:
        raise ValueError(NEEDED) from None
    _bound_memory()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the processor too
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        return onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # it would try the same once more, and print that
            disabled_optimizers=["ConstantFolding"],  # it runs nodes while it reads, in memory that is not bounded
        )
    except Exception as error:  # ONNX Runtime's have no base of their own
        raise ValueError(f"{where} is not run: {one_line(error, 200)}") from None


@functools.cache
def _bound_memory() -> None:
    """Once in a process: one pool for all sessions, which refuses what exceeds MEMORY."""
    import onnxruntime  # noqa: PLC0415 - of the extra fkd[onnx]

    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    info = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    only_what_is_asked = 1
    limits = {"max_mem": MEMORY, "arena_extend_strategy": only_what_is_asked}
    onnxruntime.create_and_register_allocator(info, onnxruntime.OrtArenaCfg(limits))


def _batch(where: str, session: Any) -> int | None:
    """How many faces the one input takes at once, None for any number."""
    inputs = [(part.type, list(part.shape)) for part in session.get_inputs()]
    if len(inputs) == 1 and inputs[0][0] == "tensor(float)" and inputs[0][1][1:] == [1, 96, 96]:
        first = inputs[0][1][0]
        if first == 1 or not isinstance(first, int):
            return first if first == 1 else None
    found = one_line("; ".join(f"{kind} {shape}" for kind, shape in inputs) or "none", 100)
    raise ValueError(f"{where} has the inputs {found}, expected one: tensor(float) [N, 1, 96, 96]")
