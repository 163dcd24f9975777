"""Between transformers and llama.cpp: a base model out of its GGUF file, and a LoRA adapter into one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODULES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def base_from_gguf(gguf_file: Path, folder: Path) -> Path:
    """The Llama-architecture model of a GGUF file as a transformers folder, with its tokenizer; made once.

    The weights are de-quantised to float32, so that an adapter is trained on the very model that it will run on.

    Args:
        gguf_file: The base model, for example SmolLM2-135M-Instruct.Q4_1.gguf.
        folder: Where the model is kept; an existing one is used as it is.

    Returns:
        The folder.
    """
    if (folder / "config.json").exists():
        return folder
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    name = gguf_file.name
    loaded = AutoModelForCausalLM.from_pretrained(gguf_file.parent, gguf_file=name, dtype=torch.float32)
    config: Any = loaded.config
    if hasattr(config, "quantization_config"):
        # transformers refuses to save what it loaded from GGUF; the weights themselves are plain by now.
        del config.quantization_config
    model = LlamaForCausalLM(config)
    model.load_state_dict(loaded.state_dict())
    model.tie_weights()
    # Under another name until it is whole: what is there is used as it is.
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    AutoTokenizer.from_pretrained(gguf_file.parent, gguf_file=name).save_pretrained(partial)
    model.save_pretrained(partial)
    partial.replace(folder)
    return folder


def adapter_to_gguf(peft_folder: Path, base_folder: Path, out: Path) -> Path:
    """A PEFT LoRA adapter of a Llama-architecture model as a llama.cpp adapter, its factors in 8 bits (Q8_0).

    llama.cpp rotates neighbouring pairs of a head's dimensions where transformers rotates its two halves, so the rows
    of q and k are put in that order, as llama.cpp's own `convert_lora_to_gguf.py` does.

    Args:
        peft_folder: Peft folder with `adapter_config.json` and `adapter_model.safetensors`.
        base_folder: The base model's transformers folder, whose config names the heads.
        out: The file to write.

    Returns:
        The file written.

    Raises:
        ValueError: the adapter holds a tensor that is no LoRA factor of a linear layer.
    """
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    adapter = json.loads((peft_folder / "adapter_config.json").read_text("utf-8"))
    heads = _heads(base_folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(adapter["lora_alpha"]))
    for key, tensor in load_file(peft_folder / "adapter_model.safetensors").items():
        # base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
        parts = key.removeprefix("base_model.model.").split(".")
        module = ".".join(parts[3:5])
        if len(parts) != 7 or module not in MODULES or parts[5] not in ("lora_A", "lora_B"):
            raise ValueError(f"{key} is no LoRA factor of a linear layer of a Llama model")
        factor = parts[5].lower()
        if factor == "lora_b" and parts[4] in heads:
            tensor = rotary_order(tensor, heads[parts[4]])
        name = f"blk.{parts[2]}.{MODULES[module]}.weight.{factor}"
        rows = np.ascontiguousarray(tensor.astype(np.float32))
        # Blocks of 32 numbers share a scale; a factor whose rows do not divide into them stays in half precision.
        if rows.shape[-1] % 32:
            writer.add_tensor(name, rows.astype(np.float16))
        else:
            packed = gguf.quantize(rows, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def adapter_from_gguf(gguf_file: Path, base_folder: Path, folder: Path) -> Path:
    """A llama.cpp adapter as a PEFT folder, so that training can go on from it: `adapter_to_gguf` undone.

    Args:
        gguf_file: The adapter.
        base_folder: The base model's transformers folder.
        folder: Where the PEFT adapter is written.

    Returns:
        The folder.
    """
    import gguf
    import numpy as np
    from peft import LoraConfig
    from safetensors.numpy import save_file

    reader = gguf.GGUFReader(gguf_file)
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    heads = _heads(base_folder)
    names = {short: long for long, short in MODULES.items()}
    tensors: dict[str, NDArray[np.floating[Any]]] = {}
    rank = 0
    for tensor in reader.tensors:
        # blk.0.attn_q.weight.lora_a
        _, layer, short, _, factor = tensor.name.split(".")
        module = names[short].rpartition(".")[2]
        rows = gguf.dequantize(tensor.data, tensor.tensor_type)
        if factor == "lora_b" and module in heads:
            rows = rotary_order(rows, heads[module], back=True)
        rank = rows.shape[0] if factor == "lora_a" else rank
        key = f"base_model.model.model.layers.{layer}.{names[short]}.lora_{factor[-1].upper()}.weight"
        tensors[key] = np.ascontiguousarray(rows)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    modules = sorted({key.split(".")[6] for key in tensors})
    config = LoraConfig(
        r=rank,
        lora_alpha=int(alpha),
        target_modules=modules,
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
        base_model_name_or_path=str(base_folder),
    )
    config.save_pretrained(str(folder))
    return folder


def merge(model: Any, processor: Any, folder: Path) -> Path:
    """The base model with the adapter's weights added in, as a transformers folder.

    Args:
        model: Model with the adapter inside; it is merged in place and of no use for training afterwards.
        processor: Its tokenizer or processor.
        folder: Where it is written.

    Returns:
        The folder.
    """
    merged = model.merge_and_unload()
    folder.mkdir(parents=True, exist_ok=True)
    merged.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _heads(base_folder: Path) -> dict[str, int]:
    """How many heads the rows of a projection are divided into, for those that rotate."""
    model = json.loads((base_folder / "config.json").read_text("utf-8"))
    return {
        "q_proj": int(model["num_attention_heads"]),
        "k_proj": int(model.get("num_key_value_heads") or model["num_attention_heads"]),
    }


def rotary_order(rows: NDArray[np.floating[Any]], heads: int, *, back: bool = False) -> NDArray[np.floating[Any]]:
    """Rows of a projection from the order of transformers' rotary embedding (halves) to llama.cpp's (pairs).

    Args:
        rows: Rows of shape (heads * head size, anything).
        heads: How many heads the rows are divided into.
        back: Whether to go from pairs to halves instead.
    """
    half = rows.shape[0] // heads // 2
    shape = (heads, half, 2) if back else (heads, 2, half)
    return rows.reshape(*shape, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)
