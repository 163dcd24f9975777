"""Store the weights of an ONNX model in float16 while it computes in float32. Knows no particular network.

The file is half as large. Every converted initialiser is followed by one ``Cast`` to float32, which onnxruntime folds
when it loads the model, so that inference runs exactly as with float32 weights. Weights can be rounded to fewer than
float16's ten bits of mantissa: the bits that are zero then cost nothing in a wheel, which is a zip archive.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

BITS = 10
"""Bits of a float16's mantissa."""


def store_weights_as_half(
    model: onnx.ModelProto, *, smallest: int = 1024, bits: int = BITS, bits_of: Mapping[str, int] | None = None
) -> onnx.ModelProto:
    """Return a copy of ``model`` whose larger float32 initialisers are float16 + ``Cast``.

    Args:
        model: A model that computes in float32.
        smallest: Elements of an initialiser from which on it is converted.
        bits: Bits of mantissa that weights keep.
        bits_of: Other numbers of bits, by the initialiser's name.

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
        tensor.CopyFrom(numpy_helper.from_array(_rounded(values, (bits_of or {}).get(full_name, bits)), half_name))
        casts.append(helper.make_node("Cast", [half_name], [full_name], to=TensorProto.FLOAT))
    nodes = casts + list(half.graph.node)
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    onnx.checker.check_model(half, full_check=True)
    return half


def _rounded(values: NDArray[np.float32], bits: int) -> NDArray[np.float16]:
    """Return ``values`` as float16, rounded to so many bits behind the leading one."""
    if bits < BITS:
        fraction, exponent = np.frexp(values)
        steps = 2.0 ** (bits + 1)  # frexp's fraction is 0.5 to 1, so that its leading one is a bit of it
        values = np.ldexp(np.round(fraction * steps) / steps, exponent)
    return values.astype(np.float16)
