"""transformers behind the detector protocol: closed and open networks of toy size, saved and loaded as real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from letters import letters_tokenizer
from numpy.typing import NDArray

from visagent.core.errors import ModelError
from visagent_tools.engines.transformers_detector import TransformersDetector

pytest.importorskip("torch", reason="transformers' detectors need torch: pip install 'visagent[local]'")
transformers = pytest.importorskip("transformers", reason="transformers is absent: pip install 'visagent[local]'")

NOISE: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A D-FINE with random weights and two labels."""
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 8, 8], stage_in_channels=[8, 8, 8, 8], stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 8, 8, 8], stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1],
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"], out_indices=[2, 3, 4],
    )  # fmt: skip
    config = transformers.DFineConfig(
        backbone_config=backbone, encoder_in_channels=[8, 8, 8], decoder_in_channels=[16, 16, 16],
        encoder_hidden_dim=16, encoder_ffn_dim=16, encoder_attention_heads=2, d_model=16, decoder_ffn_dim=16,
        decoder_attention_heads=2, decoder_layers=2, decoder_n_points=[1, 1, 1], num_queries=12,
        id2label={0: "cat", 1: "dog"}, label2id={"cat": 0, "dog": 1},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("d-fine")
    transformers.DFineForObjectDetection(config).save_pretrained(folder)
    transformers.RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def open_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An OWLv2 with random weights and a tokenizer of single letters."""
    folder = tmp_path_factory.mktemp("owlv2")
    tokenizer = letters_tokenizer(folder)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.Owlv2Config(
        text_config={
            **small, "vocab_size": len(tokenizer), "max_position_embeddings": 16,
            "pad_token_id": 0, "bos_token_id": len(tokenizer) - 2, "eos_token_id": len(tokenizer) - 1,
        },
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )  # fmt: skip
    transformers.Owlv2ForObjectDetection(config).save_pretrained(folder)
    images = transformers.Owlv2ImageProcessor(size={"height": 32, "width": 32})
    transformers.Owlv2Processor(images, tokenizer).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def grounding(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Grounding DINO with random weights and a vocabulary of five words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("grounding-dino")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", "zebra", "crossing", "red", "car", "tree"]
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    config = transformers.GroundingDinoConfig(
        backbone_config=transformers.SwinConfig(
            image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=transformers.BertConfig(
            vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
        ),
        d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
        encoder_attention_heads=2, decoder_attention_heads=2, num_queries=10, max_text_len=32,
        disable_custom_kernels=True,
    )  # fmt: skip
    transformers.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    images = transformers.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    transformers.GroundingDinoProcessor(images, fast).save_pretrained(folder)
    return str(folder)


def test_a_closed_network_finds_its_own_labels_inside_the_picture(closed: str) -> None:
    detector = TransformersDetector(closed, threshold=0.0, device="cpu")
    assert detector.labels == ("cat", "dog")
    found = detector.find(NOISE, None)
    assert found and [box.confidence for box in found] == sorted((box.confidence for box in found), reverse=True)
    for box in found:
        x1, y1, x2, y2 = box.xyxy
        assert 0 <= x1 <= x2 <= 90 and 0 <= y1 <= y2 <= 60 and box.label in ("cat", "dog")
    assert all(box.label == "cat" for box in detector.find(NOISE, ["cat"]))


@pytest.mark.parametrize("network", ["open_vocabulary", "grounding"])
def test_an_open_network_finds_what_it_is_asked_for(network: str, request: pytest.FixtureRequest) -> None:
    detector = TransformersDetector(request.getfixturevalue(network), threshold=0.0, device="cpu")
    assert detector.labels is None
    found = detector.find(NOISE, ["zebra crossing"])
    assert found and {box.label for box in found} == {"zebra crossing"}
    assert {box.label for box in detector.find(NOISE, ["red car", "tree"])} <= {"red car", "tree"}
    assert detector.find(NOISE, None) == []


def test_a_high_threshold_leaves_nothing_of_random_weights(closed: str) -> None:
    assert TransformersDetector(closed, threshold=1.0, device="cpu").find(NOISE, None) == []


def test_a_folder_that_is_no_detector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="cannot load this as a detector"):
        TransformersDetector(str(tmp_path))
