"""transformers behind the segmenter protocol, and depth: networks of toy size, saved and loaded as real ones."""

from __future__ import annotations

import numpy as np
import pytest
from letters import letters_tokenizer
from numpy.typing import NDArray
from pydantic import JsonValue

from visagent.core.errors import ModelError, ToolError, UnknownLabel
from visagent.evidence.values import Box, Boxes, Crop
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.engines.depth import DepthModel
from visagent_tools.engines.outlining import Prompt
from visagent_tools.engines.transformers_segmenter import TransformersSegmenter
from visagent_tools.segment import nearer_of, segment

pytest.importorskip("torch", reason="transformers' segmenters need torch: pip install 'visagent[local]'")
transformers = pytest.importorskip("transformers", reason="transformers is absent: pip install 'visagent[local]'")

pytestmark = pytest.mark.slow

NOISE: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SAM with random weights."""
    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 64, "patch_size": 16, "mlp_dim": 16, "window_size": 2, "global_attn_indexes": [0],
            "num_pos_feats": 8,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("sam")
    transformers.SamModel(config).save_pretrained(folder)
    images = transformers.SamImageProcessor(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}, mask_size={"longest_edge": 16},
        mask_pad_size={"height": 16, "width": 16},
    )  # fmt: skip
    transformers.SamProcessor(images).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def clipseg(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A CLIPSeg with random weights and a tokenizer of single letters."""
    folder = tmp_path_factory.mktemp("clipseg")
    tokenizer = letters_tokenizer(folder)
    config = transformers.CLIPSegConfig(
        text_config={
            **SMALL, "vocab_size": len(tokenizer), "max_position_embeddings": 16,
            "pad_token_id": 0, "bos_token_id": len(tokenizer) - 2, "eos_token_id": len(tokenizer) - 1,
        },
        vision_config={**SMALL, "num_hidden_layers": 2, "image_size": 64, "patch_size": 16},
        projection_dim=16, extract_layers=[0, 1], reduce_dim=16, decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
    )  # fmt: skip
    transformers.CLIPSegForImageSegmentation(config).save_pretrained(folder)
    images = transformers.ViTImageProcessor(size={"height": 64, "width": 64})
    transformers.CLIPSegProcessor(images, tokenizer).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def mask2former(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Mask2Former with random weights and two labels."""
    backbone = transformers.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = transformers.Mask2FormerConfig(
        backbone_config=backbone, feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, num_queries=8,
        id2label={0: "cat", 1: "dog"}, label2id={"cat": 0, "dog": 1},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("mask2former")
    transformers.Mask2FormerForUniversalSegmentation(config).save_pretrained(folder)
    transformers.Mask2FormerImageProcessor(size={"height": 64, "width": 64}, num_labels=2).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def depth(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A GLPN with random weights."""
    config = transformers.GLPNConfig(
        num_encoder_blocks=4, depths=[1, 1, 1, 1], sr_ratios=[8, 4, 2, 1], hidden_sizes=[8, 8, 8, 8],
        num_attention_heads=[1, 1, 1, 1], mlp_ratios=[1, 1, 1, 1], decoder_hidden_size=8,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("glpn")
    transformers.GLPNForDepthEstimation(config).save_pretrained(folder)
    transformers.GLPNImageProcessor().save_pretrained(folder)
    return str(folder)


def test_sam_outlines_each_box_and_each_point_in_the_pictures_own_pixels(sam: str) -> None:
    network = TransformersSegmenter(sam, device="cpu")
    assert network.takes == {"boxes", "points"}
    for prompt in (Prompt(boxes=[(5, 5, 40, 50), (50, 5, 85, 50)]), Prompt(points=[(20, 20), (70, 30)])):
        found = network.outline(NOISE, prompt)
        assert [outline.inside.shape for outline in found] == [(60, 90), (60, 90)]
        assert all(outline.inside.dtype == bool and 0 <= outline.score <= 1 for outline in found)


def test_clipseg_outlines_what_a_phrase_names(clipseg: str) -> None:
    network = TransformersSegmenter(clipseg, threshold=0.0, device="cpu")
    assert network.takes == {"phrase"}
    (outline,) = network.outline(NOISE, Prompt(phrase="red car"))
    assert outline.inside.shape == (60, 90) and outline.inside.all() and 0 < outline.score < 1
    assert TransformersSegmenter(clipseg, threshold=1.0, device="cpu").outline(NOISE, Prompt(phrase="red car")) == []


def test_mask2former_outlines_the_classes_that_it_knows_and_names_one_that_it_does_not(mask2former: str) -> None:
    network = TransformersSegmenter(mask2former, threshold=0.0, device="cpu")
    found = [network.outline(NOISE, Prompt(phrase=label)) for label in ("cat", "dog")]
    assert sum(map(len, found)) > 0, "with a threshold of 0 random weights report something"
    assert all(outline.inside.shape == (60, 90) for outlines in found for outline in outlines)
    with pytest.raises(UnknownLabel):
        network.outline(NOISE, Prompt(phrase="zebra crossing"))


def test_what_is_no_segmenter_is_refused(depth: str) -> None:
    with pytest.raises(ModelError, match="glpn is none of the families"):
        TransformersSegmenter(depth)


def test_the_tool_gives_points_to_sam_and_refuses_one_outside_the_picture(sam: str) -> None:
    media = Media.load(NOISE)
    options: dict[str, JsonValue] = {"segmenter": "transformers", "model": sam, "device": "cpu"}
    found = segment(Crop.whole(media), Context(options=options), points=[20, 20])
    assert all(box.mask is not None and box.mask.size == (60, 90) for box in found.boxes)
    with pytest.raises(ToolError, match=r"the point \(95, 20\) is outside the picture"):
        segment(Crop.whole(media), Context(options=options), points=[95, 20])


def test_of_two_objects_the_one_is_nearer_to_which_the_model_gives_less_distance(depth: str) -> None:
    media = Media.load(NOISE)
    near = DepthModel(depth).nearness(media.image())
    assert near.shape == (60, 90) and (near < 0).all(), "GLPN gives distances"
    left, right = (Boxes(media=media.hash, boxes=(Box(xyxy=place),)) for place in ((0, 0, 40, 60), (50, 0, 90, 60)))
    context = Context(options={"model": depth})
    kept = [bool(nearer_of(one, other, context).boxes) for one, other in ((left, right), (right, left))]
    expected = float(np.median(near[15:45, 10:30])) > float(np.median(near[15:45, 60:80]))
    assert kept == [expected, not expected]


def test_a_network_that_gives_no_depth_is_refused(sam: str) -> None:
    with pytest.raises(ModelError, match="cannot load this as a depth model"):
        DepthModel(sam)
