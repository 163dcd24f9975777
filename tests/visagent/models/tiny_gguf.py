"""Writes a Qwen3-VL of a few thousand random parameters for llama.cpp: a GGUF file and its mmproj."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

WIDTH, HEADS, KV_HEADS, HEAD, FEED, LAYERS = 64, 2, 1, 32, 96, 2
SEES, SEES_HEADS, SEES_FEED, SEES_LAYERS = 64, 2, 96, 2
PATCH, MERGE, GRID = 16, 2, 4
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokens() -> list[str]:
    """One token a byte, written as GPT-2 does."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in shown]
    names = {byte: chr(byte) for byte in shown} | {byte: chr(256 + index) for index, byte in enumerate(others)}
    return [names[byte] for byte in range(256)]


def write_qwen3vl(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """A model and its mmproj.

    Args:
        folder: Where to write them.
        seed: Of the weights.
    """
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.2, shape).astype(np.float32)

    model = folder / "Tiny-Qwen3-VL.gguf"
    writer = GGUFWriter(str(model), "qwen3vl")
    tokens = [*byte_tokens(), *SPECIAL]
    writer.add_block_count(LAYERS)
    writer.add_context_length(8192)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_sections([6, 5, 5, 0])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_num_deepstack_layers(1)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.NORMAL] * 256 + [TokenType.CONTROL] * len(SPECIAL))
    writer.add_token_merges(["Ġ Ġ"])
    writer.add_eos_token_id(258)
    writer.add_pad_token_id(256)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    writer.add_tensor("token_embd.weight", weights(len(tokens), WIDTH))
    writer.add_tensor("output.weight", weights(len(tokens), WIDTH))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        for name, shape in {
            "attn_q": (HEADS * HEAD, WIDTH),
            "attn_k": (KV_HEADS * HEAD, WIDTH),
            "attn_v": (KV_HEADS * HEAD, WIDTH),
            "attn_output": (WIDTH, HEADS * HEAD),
            "ffn_gate": (FEED, WIDTH),
            "ffn_up": (FEED, WIDTH),
            "ffn_down": (WIDTH, FEED),
        }.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", weights(*shape))
        for name, length in {"attn_norm": WIDTH, "ffn_norm": WIDTH, "attn_q_norm": HEAD, "attn_k_norm": HEAD}.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(length, np.float32))
    _write(writer)

    mmproj = folder / "mmproj-Tiny-Qwen3-VL.gguf"
    writer = GGUFWriter(str(mmproj), "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "qwen3vl_merger")
    writer.add_bool("clip.use_gelu", True)
    writer.add_uint32("clip.vision.image_size", PATCH * GRID)
    writer.add_uint32("clip.vision.patch_size", PATCH)
    writer.add_uint32("clip.vision.embedding_length", SEES)
    writer.add_uint32("clip.vision.feed_forward_length", SEES_FEED)
    writer.add_uint32("clip.vision.block_count", SEES_LAYERS)
    writer.add_uint32("clip.vision.attention.head_count", SEES_HEADS)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_uint32("clip.vision.projection_dim", WIDTH)
    writer.add_uint32("clip.vision.spatial_merge_size", MERGE)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.is_deepstack_layers", [True, False])
    merged = SEES * MERGE * MERGE
    tensors = {
        "v.patch_embd.weight": weights(SEES, 3, PATCH, PATCH),
        "v.patch_embd.weight.1": weights(SEES, 3, PATCH, PATCH),
        "v.patch_embd.bias": weights(SEES),
        "v.position_embd.weight": weights(GRID * GRID, SEES),
        "v.post_ln.weight": np.ones(SEES, np.float32),
        "v.post_ln.bias": weights(SEES),
        "mm.0.weight": weights(merged, merged),
        "mm.0.bias": weights(merged),
        "mm.2.weight": weights(WIDTH, merged),
        "mm.2.bias": weights(WIDTH),
        "v.deepstack.0.norm.weight": np.ones(merged, np.float32),
        "v.deepstack.0.norm.bias": weights(merged),
        "v.deepstack.0.fc1.weight": weights(merged, merged),
        "v.deepstack.0.fc1.bias": weights(merged),
        "v.deepstack.0.fc2.weight": weights(WIDTH, merged),
        "v.deepstack.0.fc2.bias": weights(WIDTH),
    }
    for layer in range(SEES_LAYERS):
        tensors |= {
            f"v.blk.{layer}.attn_qkv.weight": weights(3 * SEES, SEES),
            f"v.blk.{layer}.attn_qkv.bias": weights(3 * SEES),
            f"v.blk.{layer}.attn_out.weight": weights(SEES, SEES),
            f"v.blk.{layer}.attn_out.bias": weights(SEES),
            f"v.blk.{layer}.ffn_up.weight": weights(SEES_FEED, SEES),
            f"v.blk.{layer}.ffn_up.bias": weights(SEES_FEED),
            f"v.blk.{layer}.ffn_down.weight": weights(SEES, SEES_FEED),
            f"v.blk.{layer}.ffn_down.bias": weights(SEES),
        }
        for norm in ("ln1", "ln2"):
            tensors[f"v.blk.{layer}.{norm}.weight"] = np.ones(SEES, np.float32)
            tensors[f"v.blk.{layer}.{norm}.bias"] = np.zeros(SEES, np.float32)
    for name, data in tensors.items():
        writer.add_tensor(name, data)
    _write(writer)
    return model, mmproj


def _write(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
