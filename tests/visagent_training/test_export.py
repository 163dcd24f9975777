"""Adapters on their way from PEFT to llama.cpp."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

gguf = pytest.importorskip("gguf")
safetensors = pytest.importorskip("safetensors.numpy")

from visagent_training.gguf import adapter_to_gguf, rotary_order  # noqa: E402

LAYER = "base_model.model.model.layers.0"


def write_adapter(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    folder.mkdir()
    safetensors.save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"lora_alpha": 8}))
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": 4, "num_key_value_heads": 2}))


def test_rotary_halves_become_neighbouring_pairs() -> None:
    rows = np.arange(8.0).reshape(8, 1)
    assert rotary_order(rows, heads=2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert rotary_order(rows, heads=1).ravel().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_an_adapter_keeps_its_factors_with_q_and_k_rows_reordered(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {
        "self_attn.q_proj.lora_A": (2, 16),
        "self_attn.q_proj.lora_B": (16, 2),
        "self_attn.k_proj.lora_B": (8, 2),
        "self_attn.v_proj.lora_B": (8, 2),
        "mlp.down_proj.lora_A": (2, 24),
    }
    tensors = {f"{LAYER}.{name}.weight": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    write_adapter(tmp_path / "adapter", tensors)
    out = adapter_to_gguf(tmp_path / "adapter", tmp_path / "adapter", tmp_path / "out" / "adapter.gguf")
    reader = gguf.GGUFReader(out)
    found = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}

    def factor(name: str) -> np.ndarray:
        return tensors[f"{LAYER}.{name}.weight"].astype(np.float16)

    assert float(reader.fields["adapter.lora.alpha"].parts[-1][0]) == 8.0
    np.testing.assert_array_equal(found["blk.0.attn_q.weight.lora_a"], factor("self_attn.q_proj.lora_A"))
    np.testing.assert_array_equal(
        found["blk.0.attn_q.weight.lora_b"], rotary_order(factor("self_attn.q_proj.lora_B"), 4)
    )
    np.testing.assert_array_equal(
        found["blk.0.attn_k.weight.lora_b"], rotary_order(factor("self_attn.k_proj.lora_B"), 2)
    )
    np.testing.assert_array_equal(found["blk.0.attn_v.weight.lora_b"], factor("self_attn.v_proj.lora_B"))
    np.testing.assert_array_equal(found["blk.0.ffn_down.weight.lora_a"], factor("mlp.down_proj.lora_A"))


def test_factors_whose_rows_are_of_whole_blocks_are_kept_in_8_bits(tmp_path: Path) -> None:
    tensor = np.random.default_rng(1).normal(size=(16, 64)).astype(np.float32)
    write_adapter(tmp_path / "adapter", {f"{LAYER}.mlp.down_proj.lora_A.weight": tensor})
    out = adapter_to_gguf(tmp_path / "adapter", tmp_path / "adapter", tmp_path / "adapter.gguf")
    (found,) = gguf.GGUFReader(out).tensors
    assert found.tensor_type == gguf.GGMLQuantizationType.Q8_0
    np.testing.assert_allclose(gguf.dequantize(found.data, found.tensor_type), tensor, atol=0.02)


def test_a_tensor_that_is_no_lora_factor_is_refused(tmp_path: Path) -> None:
    write_adapter(tmp_path / "adapter", {"base_model.model.lm_head.lora_A.weight": np.zeros((2, 4), np.float32)})
    with pytest.raises(ValueError, match="no LoRA factor"):
        adapter_to_gguf(tmp_path / "adapter", tmp_path / "adapter", tmp_path / "adapter.gguf")
