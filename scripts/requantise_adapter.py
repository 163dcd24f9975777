"""Store a LoRA adapter of llama.cpp in another type of numbers, for example in 4 bits rather than 8.

    python scripts/requantise_adapter.py ADAPTER.gguf OUT.gguf [--type Q4_0]

A factor whose rows do not divide into the type's blocks is kept as it is. With a type of few bits the planner's plans
change: measure them with `python -m visagent_research.packaged_planner evaluate`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf

TYPES = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
"""The types whose blocks are as short as the rows of a factor of rank 32."""


def requantise(adapter: Path, out: Path, kind: gguf.GGMLQuantizationType) -> None:
    """Write an adapter with its factors in another type.

    Args:
        adapter: The adapter, a GGUF file.
        out: The file to write, another one than the adapter.
        kind: The type of numbers.
    """
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    reader = gguf.GGUFReader(adapter)
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(reader.fields["adapter.lora.alpha"].contents()))
    for tensor in reader.tensors:
        rows, stored_as = tensor.data, tensor.tensor_type
        if tensor.shape[0] % block == 0:
            rows, stored_as = gguf.quantize(gguf.dequantize(rows, stored_as), kind), kind
        writer.add_tensor(tensor.name, rows, raw_dtype=stored_as)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=TYPES, default="Q4_0")
    options = parser.parse_args()
    requantise(options.adapter, options.out, gguf.GGMLQuantizationType[options.type])


if __name__ == "__main__":
    main()
