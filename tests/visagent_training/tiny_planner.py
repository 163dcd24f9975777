"""A planner that tests train in seconds: a real Llama of two layers with random weights, and a handful of questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.tiny import HIDDEN, tokenizer

from visagent.evidence.values import Boxes, Crop, Number
from visagent.tools.toolkit import Toolkit, tool
from visagent_training.examples import SPLITS, Split, TrainingExample, plan_example, write_examples

CHATML = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
NOUNS: dict[Split, tuple[str, ...]] = {
    "train": ("dog", "cat", "bus", "cup", "man", "car"),
    "validation": ("dog", "cup"),
    "test": ("cat", "bus"),
}
WORDS: dict[Split, tuple[str, str]] = {
    "train": ("How many {}s are there?", "How bright is the {}?"),
    "validation": ("Count every {} that you see.", "Measure the brightness of the {}."),
    "test": ("What is the number of {}s?", "Say how bright this {} looks to you."),
}


@tool
def detect(image: Crop, label: str) -> Boxes:
    """Find objects."""
    return Boxes(media=image.media)


@tool
def count(items: Boxes) -> Number:
    """Count objects."""
    return Number(value=len(items.boxes))


@tool
def brightness(image: Crop) -> Number:
    """Measure how bright a picture or object is."""
    return Number(value=float(image.array().mean()))


TOOLS = Toolkit([detect, count, brightness])
SPECS = {name: item.spec for name, item in TOOLS.items()}
KNOWN = ("detect", "count")


def examples(split: Split, *, known: tuple[str, ...] = KNOWN, media: str | None = None) -> list[TrainingExample]:
    """Two questions a noun, in words of the split."""
    found = []
    for noun in NOUNS[split]:
        for number, (words, last) in enumerate(zip(WORDS[split], ("count", "brightness"), strict=True)):
            key = "items" if last == "count" else "image"
            steps = [{"tool": "detect", "label": noun}, {"tool": last, key: "$q1"}]
            found.append(
                plan_example(
                    f"{split}/{noun}/{number}",
                    "tiny",
                    words.format(noun),
                    steps,
                    list(SPECS.values()),
                    {"image1": media},
                    known=known,
                    split=split,
                )
            )
    return found


def write_data(folder: Path, **options: Any) -> Path:
    """The three splits as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        write_examples(examples(split, **options), folder / f"{split}.jsonl")
    return folder


def tiny_llama(folder: Path, spread: float = 0.02) -> Path:
    """A Llama with a chat template, as a transformers folder.

    Args:
        folder: Where it is written.
        spread: Standard deviation of its weights; larger ones make its preferences clearer and training harder.
    """
    import torch
    import transformers

    torch.manual_seed(0)
    tok = tokenizer(CHATML, {"eos_token": "<|im_end|>", "pad_token": "<pad>", "bos_token": "<|im_start|>"})
    config = transformers.LlamaConfig(
        vocab_size=len(tok),
        hidden_size=HIDDEN * 2,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=spread,
        eos_token_id=tok.eos_token_id,
        bos_token_id=tok.bos_token_id,
        pad_token_id=tok.pad_token_id,
        tie_word_embeddings=False,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tok.save_pretrained(folder)
    return folder


def as_gguf(folder: Path, file: Path) -> Path:
    """A model of `tiny_llama` as llama.cpp reads it."""
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    from visagent_training.gguf import MODULES, rotary_order

    config = json.loads((folder / "config.json").read_text())
    words = json.loads((folder / "tokenizer.json").read_text())
    special = {token["id"] for token in words["added_tokens"]}
    by_id = {place: text for text, place in words["model"]["vocab"].items()}
    by_id |= {token["id"]: token["content"] for token in words["added_tokens"]}
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads["q_proj"])
    writer.add_head_count_kv(heads["k_proj"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads["q_proj"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([by_id[place] for place in range(len(by_id))])
    kinds = gguf.TokenType
    writer.add_token_types([kinds.CONTROL if place in special else kinds.NORMAL for place in range(len(by_id))])
    merges = words["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    norms = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    for key, tensor in load_file(folder / "model.safetensors").items():
        module = key.removesuffix(".weight")
        name = names.get(module)
        if name is None:
            _, _, layer, part = module.split(".", 3)
            name = f"blk.{layer}.{norms.get(part) or MODULES[part]}"
            if (short := part.rpartition(".")[2]) in heads:
                tensor = rotary_order(tensor, heads[short])
        writer.add_tensor(f"{name}.weight", np.ascontiguousarray(tensor.astype(np.float32)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
