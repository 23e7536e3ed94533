"""Hostile checkpoints and ONNX models."""

import io
import pickle
from random import Random
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper

from benchmarks.hostile.damage import Spy, sometimes_damaged

SIZE, NEURONS = 4, ("a", "b")
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    99,
    10**30,
    2**63,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../x",
    b"x",
    (),
    [],
    {},
)
PLACES = ("../x", "/etc/passwd", "/dev/zero", "pipe", ".", "", "config.yaml", "x" * 300)


def hostile_checkpoint(content: dict[str, Any], rng: Random) -> bytes:
    """PyTorch's file of the content, with odd values in place of some of its parts, or of something that spies."""
    if rng.random() < 0.1:
        return sometimes_damaged(
            rng.choice((pickle.dumps(Spy()), _saved(Spy()), _saved({**content, "pack": Spy()}))), rng
        )
    for _ in range(rng.randint(0, 3)):
        content = _once(content, rng)
    return sometimes_damaged(_saved(content), rng)


def _saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _once(value: Any, rng: Random) -> Any:
    if not isinstance(value, dict) or not value or rng.random() < 0.1:
        return rng.choice((*ODD, torch.zeros(3), torch.zeros(2, 2, dtype=torch.int64), torch.empty(0)))
    key = rng.choice(list(value))
    kind = rng.random()
    if kind < 0.1:
        return {name: inner for name, inner in value.items() if name != key}
    if kind < 0.2:
        return {(rng.choice(("x", 7, "../x", None)) if name == key else name): inner for name, inner in value.items()}
    return {**value, key: _once(value[key], rng)}


def hostile_onnx(rng: Random) -> bytes:
    """A small model, with odd shapes, nodes, names or weights."""
    model = _model()
    for _ in range(rng.randint(0, 2)):
        _change(model, rng)
    return sometimes_damaged(model.SerializeToString(), rng)


def whole_onnx() -> bytes:
    """A model as a bundle has it."""
    return bytes(_model().SerializeToString())


def _model() -> onnx.ModelProto:
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [3, len(NEURONS)], [0.5] * 3 * len(NEURONS))
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["responses"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bundle",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [None, SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("responses", TensorProto.FLOAT, [None, len(NEURONS)])],
        [weights, axes],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _change(model: onnx.ModelProto, rng: Random) -> None:
    graph = model.graph
    if not graph.node or not graph.initializer:
        return
    kind = rng.randrange(12)
    value = rng.choice((graph.input[0], graph.output[0])) if graph.input and graph.output else None
    tensor = rng.choice(graph.initializer)
    if kind == 0 and value is not None:
        del value.type.tensor_type.shape.dim[rng.randrange(3) :]
    elif kind == 1 and value is not None and value.type.tensor_type.shape.dim:
        rng.choice(value.type.tensor_type.shape.dim).dim_value = rng.choice((0, -1, 1, 5, 2**40, 2**62))
    elif kind == 2 and value is not None:
        value.name = rng.choice(("", "x", "responses", "images", "\x1b[31m", "x" * 5000))
    elif kind == 3 and value is not None:
        value.type.tensor_type.elem_type = rng.choice((0, 2, 7, 8, 11, 16, 99))
    elif kind == 4:
        node = rng.choice(graph.node)
        node.op_type = rng.choice(("", "Relu", "Loop", "Nothing", "RandomNormal", "x" * 5000, "Shape"))
        node.domain = rng.choice(("", "", "com.microsoft", "../x"))
    elif kind == 5:
        del tensor.dims[:]
        tensor.dims.extend(rng.choice(([], [0], [-1, 2], [2, 3], [2**40, 2**40], [10**12])))
    elif kind == 6:
        tensor.data_location = TensorProto.EXTERNAL
        tensor.ClearField("float_data")
        for key, text in (
            ("location", rng.choice(PLACES)),
            ("length", "24"),
            ("offset", rng.choice(("0", "-1", "9" * 30))),
        ):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, text
    elif kind == 7:
        graph.input.extend([helper.make_tensor_value_info("more", TensorProto.FLOAT, [1])])
    elif kind == 8:
        del graph.output[:]
    elif kind == 9:
        model.opset_import[0].version = rng.choice((0, 1, 9, 17, 99, 2**40))
    elif kind == 10:
        _grow(graph, rng)
    else:
        del graph.node[rng.randrange(2) :]


def _grow(graph: onnx.GraphProto, rng: Random) -> None:
    """What the model gives is computed of a constant that is large, or of what no batch has."""
    count = rng.choice((3, 10**6, 10**12))
    graph.initializer.append(helper.make_tensor("count", TensorProto.INT64, [1], [count]))
    del graph.node[-1]
    graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["count"], ["much"]),
            helper.make_node("ReduceSum", ["much"], ["sum"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["product"]),
            helper.make_node("Add", ["product", "sum"], ["responses"]),
        ]
    )
