"""Tiny models of the real architectures: random weights, a tokenizer trained here, saved as a hub repository would be.

Every family has the chat template, the special tokens and the image processor of its kind, at the smallest size that
still has each part: two layers, a hidden size of 32, pictures of a few dozen pixels. What is proven on them is code,
never quality.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

HIDDEN = 32
_SENTENCES = [
    '{"steps": [{"tool": "detect", "label": "dog"}, {"tool": "count", "items": "$q1"}]}',
    "How many people are left of the bus, and what does its sign say?",
    "You are a planner. Split the question into steps and use the tools below.",
    "user assistant system model What is in the picture? There are two dogs and a red car.",
    "true false null 0 1 2 3 4 5 6 7 8 9 reason unanswerable question answer",
]

# The real templates, without tools and thinking.
_CHATML = """{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}\
{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
_LLAVA = """{% for message in messages %}{% if message.role != 'system' %}{{ message.role.upper() }}: {% endif %}\
{% for part in message.content if part.type == 'image' %}<image>
{% endfor %}{% for part in message.content if part.type == 'text' %}{{ part.text }} {% endfor %}{% endfor %}\
{% if add_generation_prompt %}ASSISTANT:{% endif %}"""
_SMOLVLM = """<|im_start|>{% for message in messages %}{{ message.role | capitalize }}\
{% if message.content[0].type == 'image' %}:{% else %}: {% endif %}{% for part in message.content %}\
{% if part.type == 'text' %}{{ part.text }}{% else %}<image>{% endif %}{% endfor %}<end_of_utterance>
{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"""
_GEMMA = """{{ bos_token }}{% if messages[0].role == 'system' %}\
{% set first = messages[0].content[0].text + '\n\n' %}{% set loop_messages = messages[1:] %}\
{% else %}{% set first = '' %}{% set loop_messages = messages %}{% endif %}\
{% for message in loop_messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}\
<start_of_turn>{{ 'model' if message.role == 'assistant' else message.role }}
{{ first if loop.first else '' }}{% for part in message.content %}\
{% if part.type == 'image' %}BOI{% else %}{{ part.text | trim }}{% endif %}{% endfor %}<end_of_turn>
{% endfor %}{% if add_generation_prompt %}<start_of_turn>model
{% endif %}"""
NO_SYSTEM = """{% for message in messages %}{% if message.role == 'system' %}\
{{ raise_exception('System role not supported') }}{% endif %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>model
{% endif %}"""


def tokenizer(template: str | None, special: dict[str, str], extra: tuple[str, ...] = (), vocab_size: int = 400) -> Any:
    """A byte-level BPE tokenizer, trained on a few sentences.

    Args:
        template: Jinja chat template; None for none.
        special: Special tokens by the name that the family's processor asks for, `eos_token` and `pad_token` among
            them.
        extra: More special tokens.
        vocab_size: Before the special tokens.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator(_SENTENCES, trainer)
    backend.add_special_tokens([*special.values(), *extra])
    standard = {"eos_token", "bos_token", "pad_token", "unk_token"}
    named = {name: token for name, token in special.items() if name in standard}
    others = {name: token for name, token in special.items() if name not in standard}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, chat_template=template, **named, extra_special_tokens=others or list(extra)
    )


def _text(tokens: int, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": tokens,
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        # Ten times the usual spread, so that a random model's preferences are well above rounding errors.
        "initializer_range": 0.2,
        **more,
    }


def _vision(**more: Any) -> dict[str, Any]:
    return {
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 7,
        "initializer_range": 0.2,
        **more,
    }


def _save(model: Any, processor: Any, folder: Path) -> Path:
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Some families start these at zero, which would hide the picture from the language model.
            if parameter.dim() > 1 and not parameter.any():
                torch.nn.init.normal_(parameter, std=0.2)
            if name.endswith(("query_tokens", "image_newline")):
                torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


_QWEN_TOKENS = {
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "vision_start_token": "<|vision_start|>",
    "vision_end_token": "<|vision_end|>",
    "bos_token": "<|im_start|>",
}
_QWEN_TEMPLATE = _CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")


def _qwen_ids(tok: Any) -> dict[str, int]:
    return {f"{name}_id": tok.convert_tokens_to_ids(_QWEN_TOKENS[name]) for name in _QWEN_TOKENS if "_token" in name}


def _qwen_processor(kind: str, tok: Any, patch: int, patches: int = 8) -> Any:
    import transformers as tf

    pictures = tf.Qwen2VLImageProcessor(
        patch_size=patch, merge_size=2, temporal_patch_size=2, min_pixels=16, max_pixels=(patch * patches) ** 2
    )
    videos = {"qwen2_5_vl": tf.Qwen2VLVideoProcessor, "qwen3": tf.Qwen3VLVideoProcessor}[kind]
    processor = {"qwen2_5_vl": tf.Qwen2_5_VLProcessor, "qwen3": tf.Qwen3VLProcessor}[kind]
    return processor(image_processor=pictures, tokenizer=tok, video_processor=videos(), chat_template=_QWEN_TEMPLATE)


def _qwen2_5_vl(folder: Path) -> Path:
    import transformers as tf

    tok = tokenizer(_QWEN_TEMPLATE, _QWEN_TOKENS)
    ids = _qwen_ids(tok)
    text = _text(
        len(tok),
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
        bos_token_id=None,
        eos_token_id=ids["eos_token_id"],
    )
    vision = {
        "depth": 2,
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_heads": 2,
        "patch_size": 7,
        "window_size": 28,
        "out_hidden_size": HIDDEN,
        "fullatt_block_indexes": [1],
        "initializer_range": 0.2,
    }
    config = tf.Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        **{name: ids[name] for name in ids if name.startswith(("image", "video", "vision"))},
    )
    return _save(tf.Qwen2_5_VLForConditionalGeneration(config), _qwen_processor("qwen2_5_vl", tok, 7), folder)


def _qwen3_vision() -> dict[str, Any]:
    return {
        "depth": 2,
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_heads": 2,
        "patch_size": 8,
        "out_hidden_size": HIDDEN,
        "num_position_embeddings": 64,
        "initializer_range": 0.2,
    }


def qwen3_vl(folder: Path, patches: int = 8, **more: Any) -> Path:
    """A Qwen3-VL; pictures have `patches` patches a side at most, `more` are fields of the text model's config."""
    import transformers as tf

    tok = tokenizer(_QWEN_TEMPLATE, _QWEN_TOKENS)
    ids = _qwen_ids(tok)
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3], "mrope_interleaved": True}
    text = _text(len(tok), rope_parameters=rope, **more)
    config = tf.Qwen3VLConfig(
        text_config=text,
        vision_config={
            **_qwen3_vision(),
            "deepstack_visual_indexes": [0],
            "out_hidden_size": text["hidden_size"],
            "num_position_embeddings": patches**2,
        },
        **{name: ids[name] for name in ids if name.startswith(("image", "video", "vision"))},
    )
    return _save(tf.Qwen3VLForConditionalGeneration(config), _qwen_processor("qwen3", tok, 8, patches), folder)


def _qwen3_5(folder: Path) -> Path:
    import transformers as tf

    tok = tokenizer(_QWEN_TEMPLATE, _QWEN_TOKENS)
    ids = _qwen_ids(tok)
    text = _text(
        len(tok),
        num_hidden_layers=4,
        layer_types=["linear_attention", "linear_attention", "linear_attention", "full_attention"],
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [1, 1, 2],
            "mrope_interleaved": True,
            "partial_rotary_factor": 0.5,
        },
        eos_token_id=ids["eos_token_id"],
    )
    config = tf.Qwen3_5Config(
        text_config=text,
        vision_config=_qwen3_vision(),
        **{name: ids[name] for name in ids if name.startswith(("image", "video", "vision"))},
    )
    return _save(tf.Qwen3_5ForConditionalGeneration(config), _qwen_processor("qwen3", tok, 8), folder)


def _llava(folder: Path) -> Path:
    import transformers as tf

    tok = tokenizer(_LLAVA, {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "image_token": "<image>"})
    config = tf.LlavaConfig(
        text_config=tf.LlamaConfig(**_text(len(tok), eos_token_id=tok.eos_token_id)),
        vision_config=tf.CLIPVisionConfig(**_vision()),
        image_token_index=tok.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    pictures = tf.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = tf.LlavaProcessor(pictures, tok, 7, "default", chat_template=_LLAVA, num_additional_image_tokens=1)
    return _save(tf.LlavaForConditionalGeneration(config), processor, folder)


def _llava_onevision(folder: Path) -> Path:
    import transformers as tf

    template = _CHATML.replace("IMAGE", "<image>\n")
    tok = tokenizer(
        template,
        {"eos_token": "<|im_end|>", "pad_token": "<pad>", "image_token": "<image>", "video_token": "<video>"},
        ("<|im_start|>",),
    )
    grids = [[28, 28], [28, 56], [56, 28], [56, 56]]
    config = tf.LlavaOnevisionConfig(
        text_config=tf.Qwen2Config(**_text(len(tok), eos_token_id=tok.eos_token_id)),
        vision_config=tf.SiglipVisionConfig(**_vision()),
        image_token_index=tok.convert_tokens_to_ids("<image>"),
        video_token_index=tok.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=grids,
    )
    size = {"height": 28, "width": 28}
    processor = tf.LlavaOnevisionProcessor(
        tf.LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=grids),
        tok,
        tf.LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=template,
    )
    return _save(tf.LlavaOnevisionForConditionalGeneration(config), processor, folder)


def _smolvlm(folder: Path) -> Path:
    import transformers as tf

    tok = tokenizer(
        _SMOLVLM,
        {
            "bos_token": "<|im_start|>",
            "eos_token": "<end_of_utterance>",
            "pad_token": "<pad>",
            "fake_image_token": "<fake_token_around_image>",
            "image_token": "<image>",
            "global_image_token": "<global-img>",
            "end_of_utterance_token": "<end_of_utterance>",
        },
    )
    config = tf.SmolVLMConfig(
        text_config=tf.LlamaConfig(**_text(len(tok), eos_token_id=tok.eos_token_id)),
        vision_config=_vision(image_size=32, patch_size=8),
        image_token_id=tok.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    pictures = tf.SmolVLMImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    videos = tf.SmolVLMVideoProcessor(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}, video_sampling={"max_frames": 4, "fps": 1}
    )
    processor = tf.SmolVLMProcessor(pictures, tok, videos, image_seq_len=4, chat_template=_SMOLVLM)
    return _save(tf.SmolVLMForConditionalGeneration(config), processor, folder)


_GEMMA_TOKENS = {
    "bos_token": "<bos>",
    "eos_token": "<eos>",
    "pad_token": "<pad>",
    "boi_token": "<start_of_image>",
    "eoi_token": "<end_of_image>",
    "image_token": "<image_soft_token>",
    "start_token": "<start_of_turn>",
    "end_token": "<end_of_turn>",
}


def _gemma3(folder: Path) -> Path:
    import transformers as tf

    template = _GEMMA.replace("BOI", "<start_of_image>")
    tok = tokenizer(template, _GEMMA_TOKENS)
    text = _text(
        len(tok),
        num_hidden_layers=3,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        sliding_window=12,
        query_pre_attn_scalar=16,
        # Tied, random weights would repeat the last token for ever.
        tie_word_embeddings=False,
        bos_token_id=tok.bos_token_id,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
    )
    config = tf.Gemma3Config(
        text_config=text,
        vision_config=_vision(),
        mm_tokens_per_image=4,
        tie_word_embeddings=False,
        boi_token_index=tok.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=tok.convert_tokens_to_ids("<end_of_image>"),
        image_token_index=tok.convert_tokens_to_ids("<image_soft_token>"),
        eos_token_id=[tok.eos_token_id, tok.convert_tokens_to_ids("<end_of_turn>")],
    )
    pictures = tf.Gemma3ImageProcessor(size={"height": 28, "width": 28})
    processor = tf.Gemma3Processor(pictures, tok, chat_template=template, image_seq_length=4)
    return _save(tf.Gemma3ForConditionalGeneration(config), processor, folder)


def _gemma4(folder: Path) -> Path:
    import transformers as tf

    template = _GEMMA.replace("BOI", "<|image|>")
    tok = tokenizer(
        template,
        {
            **_GEMMA_TOKENS,
            "boi_token": "<|image>",
            "eoi_token": "<image|>",
            "image_token": "<|image|>",
            "audio_token": "<|audio|>",
            "boa_token": "<|audio>",
            "eoa_token": "<audio|>",
        },
        ("<|video|>",),
    )
    text = _text(
        len(tok),
        num_hidden_layers=4,
        layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
        sliding_window=12,
        vocab_size_per_layer_input=len(tok),
        hidden_size_per_layer_input=8,
        num_kv_shared_layers=2,
        global_head_dim=16,
        use_bidirectional_attention="vision",
        bos_token_id=tok.bos_token_id,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
    )
    vision = {
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "pooling_kernel_size": 2,
        "patch_size": 4,
        "position_embedding_size": 64,
        "initializer_range": 0.2,
    }
    config = tf.Gemma4Config(
        text_config=text,
        vision_config=vision,
        audio_config=None,
        boi_token_id=tok.convert_tokens_to_ids("<|image>"),
        eoi_token_id=tok.convert_tokens_to_ids("<image|>"),
        image_token_id=tok.convert_tokens_to_ids("<|image|>"),
        video_token_id=tok.convert_tokens_to_ids("<|video|>"),
        audio_token_id=tok.convert_tokens_to_ids("<|audio|>"),
        boa_token_id=tok.convert_tokens_to_ids("<|audio>"),
        eoa_token_index=tok.convert_tokens_to_ids("<audio|>"),
    )
    processor = tf.Gemma4Processor(
        tf.Gemma4AudioFeatureExtractor(),
        tf.Gemma4ImageProcessor(patch_size=4, pooling_kernel_size=2, max_soft_tokens=70),
        tok,
        tf.Gemma4VideoProcessor(patch_size=4, pooling_kernel_size=2, max_soft_tokens=70),
        chat_template=template,
        image_seq_length=70,
    )
    return _save(tf.Gemma4ForConditionalGeneration(config), processor, folder)


def _internvl(folder: Path) -> Path:
    import transformers as tf

    template = _CHATML.replace("IMAGE", "<IMG_CONTEXT>\n")
    tok = tokenizer(
        template,
        {
            "eos_token": "<|im_end|>",
            "pad_token": "<pad>",
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
            "im_start_token": "<|im_start|>",
        },
    )
    config = tf.InternVLConfig(
        text_config=tf.Qwen2Config(**_text(len(tok), eos_token_id=tok.eos_token_id)),
        vision_config=_vision(image_size=[28, 28], patch_size=[7, 7]),
        image_token_id=tok.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    size = {"height": 28, "width": 28}
    processor = tf.InternVLProcessor(
        tf.GotOcr2ImageProcessor(size=size, crop_to_patches=True, max_patches=2),
        tok,
        tf.InternVLVideoProcessor(size=size),
        image_seq_length=4,
        chat_template=template,
    )
    return _save(tf.InternVLForConditionalGeneration(config), processor, folder)


# Its processors add the image token themselves.
_BLIP_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}


def _instructblip(folder: Path) -> Path:
    import transformers as tf

    tok = tokenizer(None, _BLIP_TOKENS)
    qformer = {
        "vocab_size": len(tok),
        "hidden_size": HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "encoder_hidden_size": HIDDEN,
        "initializer_range": 0.2,
    }
    config = tf.InstructBlipConfig(
        vision_config=_vision(),
        qformer_config=qformer,
        text_config=tf.LlamaConfig(**_text(len(tok) + 1, eos_token_id=tok.eos_token_id)).to_dict(),
        num_query_tokens=12,
        image_token_index=len(tok),
    )
    pictures = tf.BlipImageProcessor(size={"height": 28, "width": 28})
    processor = tf.InstructBlipProcessor(pictures, tok, tokenizer(None, _BLIP_TOKENS), num_query_tokens=12)
    return _save(tf.InstructBlipForConditionalGeneration(config), processor, folder)


def _blip_2(folder: Path) -> Path:
    import transformers as tf

    tok = tokenizer(None, _BLIP_TOKENS)
    qformer = {
        "hidden_size": HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "encoder_hidden_size": HIDDEN,
        "initializer_range": 0.2,
    }
    opt = {
        "vocab_size": len(tok) + 1,
        "hidden_size": HIDDEN,
        "word_embed_proj_dim": HIDDEN,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 1024,
        "init_std": 0.2,
        "eos_token_id": tok.eos_token_id,
        "pad_token_id": tok.pad_token_id,
    }
    config = tf.Blip2Config(
        vision_config=_vision(),
        qformer_config=qformer,
        text_config=tf.OPTConfig(**opt).to_dict(),
        num_query_tokens=12,
        image_token_index=len(tok),
    )
    pictures = tf.BlipImageProcessor(size={"height": 28, "width": 28})
    return _save(
        tf.Blip2ForConditionalGeneration(config), tf.Blip2Processor(pictures, tok, num_query_tokens=12), folder
    )


def text_model(folder: Path, template: str | None = _CHATML, vocab_size: int = 400, **more: Any) -> Path:
    """A text-only Llama; `more` are fields of its config."""
    import transformers as tf

    tok = tokenizer(template, {"eos_token": "<|im_end|>", "pad_token": "<pad>"}, ("<|im_start|>",), vocab_size)
    # Some real models have more logits than their tokenizer has tokens.
    config = tf.LlamaConfig(**{**_text(len(tok) + 5, eos_token_id=tok.eos_token_id), **more})
    return _save(tf.LlamaForCausalLM(config), tok, folder)


VISION_FAMILIES: dict[str, Callable[[Path], Path]] = {
    "qwen3_5": _qwen3_5,
    "qwen3_vl": qwen3_vl,
    "qwen2_5_vl": _qwen2_5_vl,
    "llava": _llava,
    "llava_onevision": _llava_onevision,
    "smolvlm": _smolvlm,
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "internvl": _internvl,
    "instructblip": _instructblip,
    "blip_2": _blip_2,
}
FAMILIES: dict[str, Callable[[Path], Path]] = {**VISION_FAMILIES, "llama": text_model}


def build(family: str, folder: Path) -> Path:
    """Write a tiny model of a family of `FAMILIES` into a folder, with the same weights each time."""
    import torch

    torch.manual_seed(0)
    return FAMILIES[family](folder)
