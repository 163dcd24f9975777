"""Store the weights of an ONNX model as whole numbers while it computes in float32. Knows no particular network.

Each output channel of a layer has a scale of its own; a weight is the nearest of so many steps to either side of zero
(symmetric quantisation of weights per channel; Jacob et al., 2018, arXiv:1712.05877). Each such initialiser is followed
by a ``Cast`` and a ``Mul``, which onnxruntime folds when it loads the model, so that inference takes as long as before.
Fewer steps leave fewer different bytes, which is what a wheel, being a zip archive, packs.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


def store_weights_as_integers(model: onnx.ModelProto, *, steps: int, smallest: int = 8192) -> onnx.ModelProto:
    """Return a copy of ``model`` whose larger kernels and matrices are whole numbers.

    Args:
        model: A model that computes in float32.
        steps: Different values on either side of zero, 1 to 127.
        smallest: Elements of an initialiser from which on it is converted; others stay as they are.
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    # A convolution's output channels come first; a matrix's, by which an input is multiplied, last.
    axes = {
        node.input[1]: 0 if node.op_type == "Conv" else 1
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm")
    }
    unfolded = []
    for tensor in list(small.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.name not in axes or values.size < smallest:
            continue
        name = tensor.name
        whole, scale = _quantised(values, axes[name], steps)
        tensor.CopyFrom(numpy_helper.from_array(whole, f"{name}_whole"))
        small.graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        unfolded += [
            helper.make_node("Cast", [f"{name}_whole"], [f"{name}_cast"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name]),
        ]
    nodes = unfolded + list(small.graph.node)
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    onnx.checker.check_model(small, full_check=True)
    return small


def _quantised(values: NDArray[np.float32], axis: int, steps: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return the nearest whole numbers of scales, and the scale of each channel along ``axis``."""
    others = tuple(other for other in range(values.ndim) if other != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / steps, 1.0).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale
