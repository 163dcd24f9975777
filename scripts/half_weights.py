"""Store the weights of an ONNX model in float16 while it computes in float32. Knows no particular network.

The file is half as large. Every converted initialiser is followed by one ``Cast`` to float32, which onnxruntime folds
when it loads the model, so that inference runs exactly as with float32 weights.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def store_weights_as_half(model: onnx.ModelProto, *, smallest: int = 1024) -> onnx.ModelProto:
    """Return a copy of ``model`` whose larger float32 initialisers are float16 + ``Cast``.

    Args:
        model: A model that computes in float32.
        smallest: Elements of an initialiser from which on it is converted.

    Raises:
        ValueError: A weight is too large for float16.
    """
    half = onnx.ModelProto()
    half.CopyFrom(model)
    casts = []
    for tensor in half.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < smallest:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise ValueError(f"{tensor.name}: a weight of {np.abs(values).max():g} does not fit float16")
        full_name, half_name = tensor.name, f"{tensor.name}_half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half_name))
        casts.append(helper.make_node("Cast", [half_name], [full_name], to=TensorProto.FLOAT))
    nodes = casts + list(half.graph.node)
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    onnx.checker.check_model(half, full_check=True)
    return half
