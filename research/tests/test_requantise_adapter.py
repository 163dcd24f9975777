"""An adapter stored in fewer bits keeps its names, its scale and nearly its numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

gguf = pytest.importorskip("gguf")

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from requantise_adapter import requantise  # noqa: E402

Type = gguf.GGMLQuantizationType


@pytest.mark.parametrize(("name", "off"), [("Q4_0", 0.12), ("Q5_0", 0.06), ("Q8_0", 0.01)])
def test_an_adapter_in_fewer_bits_has_the_same_names_and_scale(tmp_path: Path, name: str, off: float) -> None:
    random = np.random.default_rng(3)
    factors = {
        "blk.0.attn_q.weight.lora_a": random.normal(size=(32, 64)).astype(np.float32),
        "blk.0.attn_q.weight.lora_b": random.normal(size=(96, 32)).astype(np.float32),
        "blk.0.attn_k.weight.lora_b": random.normal(size=(96, 16)).astype(np.float32),
    }
    writer = gguf.GGUFWriter(tmp_path / "before.gguf", "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 64.0)
    for factor, rows in factors.items():
        writer.add_tensor(factor, rows)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    requantise(tmp_path / "before.gguf", tmp_path / "after.gguf", Type[name])
    reader = gguf.GGUFReader(tmp_path / "after.gguf")
    found = {tensor.name: tensor for tensor in reader.tensors}
    assert float(reader.fields["adapter.lora.alpha"].contents()) == 64.0
    assert list(found) == list(factors)
    short = found["blk.0.attn_k.weight.lora_b"]
    assert short.tensor_type == Type.F32, "rows of 16 are no whole blocks"
    np.testing.assert_array_equal(short.data, factors[short.name])
    for factor in list(factors)[:2]:
        assert found[factor].tensor_type == Type[name]
        rows = gguf.dequantize(found[factor].data, found[factor].tensor_type)
        assert np.linalg.norm(rows - factors[factor]) < off * np.linalg.norm(factors[factor])
