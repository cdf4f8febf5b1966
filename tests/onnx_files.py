"""Small ONNX files for tests: one that answers with the mean face, and others made by changing it."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fkd.keypoints import MEAN_FACE

IMAGES = ["N", 1, 96, 96]


def constant(name: str, values, kind=np.float32) -> onnx.TensorProto:
    """A weight."""
    return numpy_helper.from_array(np.array(values, kind), name)


FLOAT = TensorProto.FLOAT


def model(nodes, weights=(), takes=IMAGES, gives=("N", 15, 2), kind=FLOAT, out=FLOAT, **metadata) -> onnx.ModelProto:
    """A graph from "images" to "points"; every node is (operator, inputs, outputs, attributes)."""
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, outputs, **given) for operator, inputs, outputs, given in nodes],
        "graph",
        [helper.make_tensor_value_info("images", kind, takes)],
        [helper.make_tensor_value_info("points", out, gives)],
        list(weights),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(made, metadata)
    return made


def mean_face(**metadata) -> onnx.ModelProto:
    """Answers with the mean face, moved to the right by the frame's mean, 0 to 1 px."""
    nodes = [
        ("ReduceMean", ["images"], ["light"], {"axes": [1, 2, 3], "keepdims": 0}),
        ("Unsqueeze", ["light", "axes"], ["each"], {}),
        ("Mul", ["each", "right"], ["moved"], {}),
        ("Add", ["moved", "face"], ["points"], {}),
    ]
    weights = [constant("axes", [1, 2], np.int64), constant("right", [1, 0]), constant("face", [MEAN_FACE])]
    return model(nodes, weights, **metadata)
