"""Translate a frozen TensorFlow.js graph model (``.json`` + ``.bin``) to ONNX. Knows no particular network.

The translation is direct, node by node, without TensorFlow and without tracing. Two habits of such graphs (they were
usually ONNX themselves once) would make a literal copy slow, so both are undone on the way:

* Every convolution is wrapped in NCHW→NHWC→NCHW transposes. A tensor here carries the permutation by which TensorFlow
  sees it; ``Transpose`` only composes permutations, and as ONNX wants NCHW, nearly all of them cancel.
* Padding and bias are nodes of their own. They are folded into the ``Conv`` or ``MaxPool`` that follows or precedes.

The batch dimension becomes symbolic. An operation that is not in the table stops the translation with its name.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18  # the first whose Resize takes `axes`, so that the batch dimension need not be named
NCHW_TO_NHWC = (0, 2, 3, 1)

Array = NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """A tensor of the ONNX graph and how TensorFlow sees it.

    Attributes:
        name: Its name in the ONNX graph.
        layout: TensorFlow's axis ``i`` is ONNX axis ``layout[i]``.
        pads: Padding that TensorFlow applied and ONNX has not yet, (before, after) per ONNX axis.
        pad_value: The value padded with.
    """

    name: str
    layout: tuple[int, ...]
    pads: tuple[tuple[int, int], ...] = ()
    pad_value: float = 0.0


class Translator:
    """Builds one ONNX graph out of one TensorFlow.js graph.

    Args:
        model_json: The graph model's ``.json``; the weight files named in it lie beside it.

    Raises:
        NotImplementedError: The graph has an operation, or an option of one, that has no translation here.
    """

    def __init__(self, model_json: Path) -> None:
        description = json.loads(model_json.read_text(encoding="utf-8"))
        self.operations: dict[str, dict[str, Any]] = {n["name"]: n for n in description["modelTopology"]["node"]}
        self.weights = _read_weights(description["weightsManifest"], model_json.parent)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.values: dict[str, Tensor | Array] = {}
        self._convolutions: dict[str, onnx.NodeProto] = {}

    def input(
        self, operation: str, name: str, shape: Sequence[int | str], *, channels_last: bool = False
    ) -> onnx.ValueInfoProto:
        """Declare the placeholder ``operation`` as the ONNX input ``name`` of that shape (NCHW).

        Args:
            operation: The placeholder's name in the TensorFlow.js graph.
            name: The name of the input in the ONNX graph.
            shape: Its size in each dimension, batch, channels, height and width; a word where it may vary.
            channels_last: Whether the TensorFlow.js graph takes the same pixels as NHWC.
        """
        layout = NCHW_TO_NHWC if channels_last else tuple(range(len(shape)))
        self.values[f"{operation}:0"] = Tensor(name, layout)
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def output(self, name: str, shape: Sequence[int | str], parts: Sequence[str], axis: int) -> onnx.ValueInfoProto:
        """Join the TensorFlow outputs ``parts`` along ``axis`` into the ONNX output ``name`` of that shape."""
        joined = [self._as_seen(self.tensor(part)) for part in parts]
        self._emit("Concat", joined, axis=axis, output=name)
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def model(
        self,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """Return the finished, checked model."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="visagent")
        model.ir_version = 9  # what onnxruntime 1.17 and later read
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model

    def tensor(self, reference: str) -> Tensor:
        """Return the tensor that ``reference`` (``operation`` or ``operation:output``) computes."""
        value = self._value(reference)
        if not isinstance(value, Tensor):
            raise NotImplementedError(f"{reference} is a constant where a computed tensor was expected")
        return value

    def _constant(self, reference: str) -> Array:
        value = self._value(reference)
        if isinstance(value, Tensor):
            raise NotImplementedError(f"{reference} is computed where a constant was expected")
        return value

    def _value(self, reference: str) -> Tensor | Array:
        name, _, index = reference.partition(":")
        key = f"{name}:{index or 0}"
        # Depth first with a stack of its own: graphs are deeper than Python's recursion limit.
        waiting = [name] if key not in self.values else []
        while waiting:
            operation = self.operations[waiting[-1]]
            missing = [
                source
                for source in (i.partition(":")[0] for i in operation.get("input", []))
                if f"{source}:0" not in self.values
            ]
            if missing:
                waiting.extend(missing)
                continue
            self._translate(operation)
            waiting.pop()
        return self.values[key]

    def _translate(self, operation: dict[str, Any]) -> None:
        name, kind, attributes = operation["name"], operation["op"], operation.get("attr", {})
        inputs: list[str] = operation.get("input", [])
        result: Tensor | Array
        match kind:
            case "Const":
                result = self.weights[name]
            case "Identity":
                result = self._value(inputs[0])
            case "SparseToDense":
                result = self._dense(inputs)
            case "Transpose":
                source, order = self.tensor(inputs[0]), self._constant(inputs[1])
                layout = tuple(source.layout[int(axis)] for axis in order)
                result = Tensor(source.name, layout, source.pads, source.pad_value)
            case "Add" | "AddV2":
                result = self._add(inputs)
            case "Pad" | "PadV2":
                result = self._pad(inputs)
            case "Conv2D":
                result = self._convolve(inputs, attributes)
            case "DepthwiseConv2dNative":
                result = self._convolve(inputs, attributes, depthwise=True)
            case "_FusedConv2D" | "FusedDepthwiseConv2dNative":
                result = self._fused(inputs, attributes, depthwise=kind == "FusedDepthwiseConv2dNative")
            case "MatMul" | "_FusedMatMul":
                result = self._multiply_matrices(inputs, attributes)
            case "Relu" | "Relu6":
                result = self._activated(self._unpadded(inputs[0]), kind)
            case "Softmax":
                result = Tensor(self._emit("Softmax", [self._as_seen(self.tensor(inputs[0]))], axis=-1), (0, 1))
            case "Mul" | "Minimum" | "Maximum":
                result = self._combine({"Mul": "Mul", "Minimum": "Min", "Maximum": "Max"}[kind], inputs)
            case "Mean" | "Max":
                result = self._reduce(kind, inputs, attributes)
            case "MaxPool":
                result = self._max_pool(inputs[0], attributes)
            case "LeakyRelu":
                source = self._unpadded(inputs[0])
                alpha = float(attributes["alpha"]["f"])
                result = Tensor(self._emit("LeakyRelu", [source.name], alpha=alpha), source.layout)
            case "Sigmoid":
                source = self._unpadded(inputs[0])
                result = Tensor(self._emit("Sigmoid", [source.name]), source.layout)
            case "ConcatV2":
                sources = [self._unpadded(i) for i in inputs[:-1]]
                axis = self._same_layout(sources)[int(self._constant(inputs[-1]))]
                result = Tensor(self._emit("Concat", [s.name for s in sources], axis=axis), sources[0].layout)
            case "SplitV":
                self._split(name, inputs)
                return
            case "Reshape":
                result = self._reshape(inputs)
            case "ResizeBilinear":
                result = self._resize(inputs, attributes)
            case _:
                raise NotImplementedError(f"{name}: the TensorFlow operation {kind} has no translation here")
        self.values[f"{name}:0"] = result

    def _dense(self, inputs: Sequence[str]) -> Array:
        indices, shape, values, default = (self._constant(i) for i in inputs)
        dense = np.full(tuple(int(n) for n in shape), default.item(), values.dtype)
        if indices.size:
            dense[tuple(indices.reshape(-1, dense.ndim).T)] = values
        return dense

    def _add(self, inputs: Sequence[str]) -> Tensor | Array:
        left, right = self._value(inputs[0]), self._value(inputs[1])
        if not isinstance(left, Tensor) and not isinstance(right, Tensor):
            return np.asarray(left + right)
        if isinstance(left, Tensor) and not isinstance(right, Tensor) and right.ndim == 1:
            convolution = self._convolutions.pop(left.name, None)
            if convolution is not None:
                convolution.input.append(self._initializer(right))
                return left
        return self._combine("Add", inputs)

    def _combine(self, kind: str, inputs: Sequence[str]) -> Tensor:
        """Emit an element-wise operation on two tensors, or on a tensor and a constant that is broadcast to it."""
        values = [self._value(i) for i in inputs]
        values = [self._padded(v) if isinstance(v, Tensor) else v for v in values]
        tensors = [v for v in values if isinstance(v, Tensor)]
        layout = self._same_layout(tensors)
        names = [v.name if isinstance(v, Tensor) else self._initializer(_arranged(v, layout)) for v in values]
        return Tensor(self._emit(kind, names), layout)

    def _padded(self, source: Tensor) -> Tensor:
        """Carry out the padding of ``source`` where nothing that follows can take it over."""
        if not source.pads:
            return source
        amounts = np.array([before for before, _ in source.pads] + [after for _, after in source.pads], np.int64)
        value = np.array(source.pad_value, np.float32)
        name = self._emit("Pad", [source.name, self._initializer(amounts), self._initializer(value)])
        return Tensor(name, source.layout)

    def _activated(self, source: Tensor, kind: str) -> Tensor:
        if kind == "Relu6":
            limits = [self._initializer(np.array(limit, np.float32)) for limit in (0.0, 6.0)]
            return Tensor(self._emit("Clip", [source.name, *limits]), source.layout)
        return Tensor(self._emit(kind, [source.name]), source.layout)

    def _reduce(self, kind: str, inputs: Sequence[str], attributes: dict[str, Any]) -> Tensor:
        source, axes = self._unpadded(inputs[0]), self._constant(inputs[1]).ravel()
        keep = bool(attributes["keep_dims"].get("b"))
        if source.layout != NCHW_TO_NHWC or sorted(axes.tolist()) != [1, 2]:
            raise NotImplementedError(f"{inputs[0]}: a {kind} over anything but height and width")
        over = self._initializer(np.array([2, 3], np.int64))
        name = self._emit(f"Reduce{kind}", [source.name, over], keepdims=int(keep))
        return Tensor(name, source.layout if keep else (0, 1))

    def _multiply_matrices(self, inputs: Sequence[str], attributes: dict[str, Any]) -> Tensor:
        source, matrix = self._unpadded(inputs[0]), self._constant(inputs[1])
        if attributes["transpose_a"].get("b") or attributes["transpose_b"].get("b") or matrix.ndim != 2:
            raise NotImplementedError(f"{inputs[0]}: a product with a transposed matrix")
        operands = [
            self._as_seen(source),
            self._initializer(matrix),
            *(self._initializer(self._constant(i)) for i in inputs[2:]),
        ]
        result = Tensor(self._emit("Gemm", operands), (0, 1))
        for kind in _fused_operations(attributes)[1:]:
            result = self._activated(result, kind)
        return result

    def _fused(self, inputs: Sequence[str], attributes: dict[str, Any], *, depthwise: bool) -> Tensor:
        """Translate a convolution that TensorFlow joined with its bias and its activation."""
        kinds = _fused_operations(attributes)
        result = self._convolve(inputs, attributes, depthwise=depthwise)
        for kind in kinds:
            if kind == "BiasAdd":
                self._convolutions.pop(result.name).input.append(self._initializer(self._constant(inputs[2])))
            elif kind == "Prelu":
                slope = self._initializer(_arranged(self._constant(inputs[-1]).reshape(1, 1, 1, -1), result.layout))
                result = Tensor(self._emit("PRelu", [result.name, slope]), result.layout)
            elif kind in ("Relu", "Relu6"):
                result = self._activated(result, kind)
            else:
                raise NotImplementedError(f"{inputs[0]}: a convolution fused with {kind}")
        return result

    def _pad(self, inputs: Sequence[str]) -> Tensor:
        source, amounts = self._unpadded(inputs[0]), self._constant(inputs[1])
        pads = [(0, 0)] * len(source.layout)
        for axis, (before, after) in zip(source.layout, amounts.tolist(), strict=True):
            pads[axis] = (int(before), int(after))
        value = float(self._constant(inputs[2])) if len(inputs) > 2 else 0.0
        return Tensor(source.name, source.layout, tuple(pads), value)

    def _convolve(self, inputs: Sequence[str], attributes: dict[str, Any], *, depthwise: bool = False) -> Tensor:
        source, kernel = self.tensor(inputs[0]), self._constant(inputs[1])
        if source.pads and source.pad_value != 0.0:
            raise NotImplementedError(f"{inputs[0]}: a convolution padded with {source.pad_value}")
        if depthwise and kernel.shape[3] != 1:
            raise NotImplementedError(f"{inputs[0]}: a depthwise convolution with several filters a channel")
        name = self._emit(
            "Conv",
            # HWIO → OIHW; a depthwise kernel has its channels where the other has its inputs
            [source.name, self._initializer(kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)))],
            strides=_spatial(attributes["strides"]),
            dilations=_spatial(attributes["dilations"]),
            kernel_shape=list(kernel.shape[:2]),
            **({"group": kernel.shape[2]} if depthwise else {}),
            **self._window_padding(source, attributes),
        )
        self._convolutions[name] = self.nodes[-1]
        return Tensor(name, NCHW_TO_NHWC)

    def _max_pool(self, reference: str, attributes: dict[str, Any]) -> Tensor:
        source = self.tensor(reference)
        # ONNX pads a pooling window with minus infinity, which is what the graph says in a large negative number.
        if source.pads and source.pad_value > np.finfo(np.float16).min:
            raise NotImplementedError(f"{reference}: a max-pooling padded with {source.pad_value}")
        name = self._emit(
            "MaxPool",
            [source.name],
            strides=_spatial(attributes["strides"]),
            kernel_shape=_spatial(attributes["ksize"]),
            **self._window_padding(source, attributes),
        )
        return Tensor(name, NCHW_TO_NHWC)

    def _window_padding(self, source: Tensor, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return ONNX's ``pads`` (all befores, then all afters) or ``auto_pad`` for a window over ``source``."""
        if source.layout != NCHW_TO_NHWC:
            raise NotImplementedError(f"{source.name}: a window over the layout {source.layout}")
        if base64.b64decode(attributes["padding"]["s"]) == b"SAME":
            if source.pads:
                raise NotImplementedError(f"{source.name}: padding on top of implicit padding")
            return {"auto_pad": "SAME_UPPER"}  # TensorFlow puts the odd row after as well
        if base64.b64decode(attributes["padding"]["s"]) != b"VALID":
            raise NotImplementedError(f"{source.name}: padding by explicit amounts")
        pads = source.pads or ((0, 0),) * 4
        if any(pads[0] + pads[1]):
            raise NotImplementedError(f"{source.name}: padding of the batch or channel axis")
        return {"pads": [before for before, _ in pads[2:]] + [after for _, after in pads[2:]]}

    def _split(self, name: str, inputs: Sequence[str]) -> None:
        source, sizes = self._unpadded(inputs[0]), self._constant(inputs[1])
        outputs = [f"{name}_{i}" for i in range(len(sizes))]
        lengths = self._initializer(sizes.astype(np.int64))
        axis = source.layout[int(self._constant(inputs[2]))]
        self.nodes.append(helper.make_node("Split", [source.name, lengths], outputs, axis=axis))
        for i, output in enumerate(outputs):
            self.values[f"{name}:{i}"] = Tensor(output, source.layout)

    def _reshape(self, inputs: Sequence[str]) -> Tensor:
        source, shape = self._unpadded(inputs[0]), [int(n) for n in self._constant(inputs[1])]
        if shape[0] != 1:
            raise NotImplementedError(f"{inputs[0]}: a reshape that touches the batch axis")
        target = self._initializer(np.array([0, *shape[1:]], np.int64))  # 0 keeps the batch dimension as it is
        return Tensor(self._emit("Reshape", [self._as_seen(source), target]), tuple(range(len(shape))))

    def _resize(self, inputs: Sequence[str], attributes: dict[str, Any]) -> Tensor:
        source, size = self._unpadded(inputs[0]), self._constant(inputs[1])
        if source.layout != NCHW_TO_NHWC:
            raise NotImplementedError(f"{inputs[0]}: a resize over the layout {source.layout}")
        if attributes["align_corners"].get("b"):
            grid = "align_corners"
        else:
            grid = "half_pixel" if attributes["half_pixel_centers"].get("b") else "asymmetric"
        name = self._emit(
            "Resize",
            [source.name, "", "", self._initializer(size.astype(np.int64))],
            mode="linear",
            coordinate_transformation_mode=grid,
            axes=[2, 3],
        )
        return Tensor(name, source.layout)

    def _unpadded(self, reference: str) -> Tensor:
        tensor = self.tensor(reference)
        if tensor.pads:
            raise NotImplementedError(f"{reference}: padding before something other than a convolution or a pooling")
        return tensor

    def _same_layout(self, tensors: Sequence[Tensor]) -> tuple[int, ...]:
        if len({t.layout for t in tensors}) != 1:
            raise NotImplementedError(f"{', '.join(t.name for t in tensors)}: operands in different layouts")
        return tensors[0].layout

    def _as_seen(self, tensor: Tensor) -> str:
        """Return the name of ``tensor`` with its axes in TensorFlow's order."""
        if tensor.layout == tuple(range(len(tensor.layout))):
            return tensor.name
        return self._emit("Transpose", [tensor.name], perm=list(tensor.layout))

    def _emit(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _initializer(self, values: Array) -> str:
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def check_files(folder: Path, expected: Mapping[str, str], package: str) -> None:
    """Check that files are those that a conversion was checked with.

    Args:
        folder: Where they lie.
        expected: Their sha256 by name.
        package: Where they come from, for a message.

    Raises:
        ValueError: A file is another one.
    """
    for name, digest in expected.items():
        actual = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if actual != digest:
            raise ValueError(f"{name}: sha256 is {actual}, not {digest}. Take it from {package}.")


def _spatial(attribute: dict[str, Any]) -> list[int]:
    """Return the two middle numbers of an NHWC attribute such as ``strides``."""
    return [int(n) for n in attribute["list"]["i"][1:3]]


def _fused_operations(attributes: dict[str, Any]) -> list[str]:
    """Return the operations that TensorFlow fused into one node, in the order of their execution."""
    return [base64.b64decode(name).decode() for name in attributes.get("fused_ops", {}).get("list", {}).get("s", [])]


def _arranged(constant: Array, layout: tuple[int, ...]) -> Array:
    """Return ``constant`` so that ONNX broadcasts it to a tensor of that layout as TensorFlow would."""
    constant = np.asarray(constant)
    if constant.ndim == 0:
        return constant
    full = constant.reshape((1,) * (len(layout) - constant.ndim) + constant.shape)
    return full.transpose(np.argsort(layout))


def _read_weights(manifest: Sequence[dict[str, Any]], folder: Path) -> dict[str, Array]:
    """Return every weight by name; weights stored as float16 come back as the float32 that they stand for."""
    weights: dict[str, Array] = {}
    for group in manifest:
        data = b"".join((folder / part).read_bytes() for part in group["paths"])
        offset = 0
        for entry in group["weights"]:
            quantization = entry.get("quantization", {})
            if "scale" in quantization:
                raise NotImplementedError(f"{entry['name']}: weights quantized to integers")
            stored = np.dtype(quantization.get("dtype", entry["dtype"]))
            count = int(np.prod(entry["shape"], dtype=np.int64))
            values = np.frombuffer(data, stored, count, offset).reshape(entry["shape"])
            weights[entry["name"]] = values.astype(entry["dtype"])
            offset += count * stored.itemsize
    return weights
