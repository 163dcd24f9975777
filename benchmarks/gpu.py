"""What the transformers backend makes of a GPU: decoding, questions of many calls, and many questions at once.

    python benchmarks/gpu.py [--model NAME] [--small] [--tokens N] [--json FILE]

Without `--model` the weights are random, at the shape of Qwen3-VL-4B (bfloat16); `--small`, and the default without
CUDA, is a hundredth of it. Nothing ends a reply but its number of tokens. Measured:

- tokens a second with 1, 8 and 32 replies at once, for each way of decoding, beside transformers' own `generate` with
  a growing cache (and with a static one, which it compiles, where `--compiled` is given)
- the share of the limit that memory sets: its bandwidth, measured by copying, over the bytes of the weights
- a question of 13 calls over one picture: one by one without shared prefixes, with them, and at once
- questions of 2 calls a second, with 8 and 32 at once, each over a picture of its own
- the most memory in use
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from local_model import open_model

from visagent.media.media import Media
from visagent.models.hf.model import TransformersMLLM
from visagent.models.protocol import Message

QWEN3_VL_4B = {
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 32768,
    "vocab_size": 151936,
    "initializer_range": 0.02,
}
SMALL = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
}
LETTERS = {"type": "string", "minLength": 4000, "maxLength": 4000}
"""Nothing ends a reply but its number of tokens; `generate` is spared the grammar."""
SYSTEM = Message("system", "You are a careful assistant who looks at the evidence before it answers. " * 8)
CALLS = 13


class Bench:
    """Models of one shape, one for each way of decoding, loaded one after the other.

    Args:
        options: The command line.
        small: Whether the shape is the small one.
    """

    def __init__(self, options: argparse.Namespace, *, small: bool) -> None:
        self.options, self.small = options, small
        self.side = 256 if small else 1024
        self.folder: Path | None = None

    def open(self, decoding: str, **more: Any) -> TransformersMLLM:
        if self.folder is None and not self.options.model:
            self.folder = self._build(Path(tempfile.mkdtemp(prefix="visagent-benchmark-")))
        self.options.model = self.options.model or str(self.folder)
        dtype = "float32" if not torch.cuda.is_available() else "bfloat16"
        return open_model(self.options, self._build, decoding=decoding, dtype=dtype, max_batch=32, **more)

    def _build(self, folder: Path) -> Path:
        import tiny

        default = torch.get_default_dtype()
        # Random weights of four billion parameters are made once, in the type that they are read in.
        torch.set_default_dtype(torch.float32 if self.small else torch.bfloat16)
        try:
            return tiny.qwen3_vl(folder, patches=64, **(SMALL if self.small else QWEN3_VL_4B))
        finally:
            torch.set_default_dtype(default)

    def picture(self, seed: int) -> Media:
        pixels = np.random.default_rng(seed).integers(0, 255, (self.side, self.side, 3), dtype=np.uint8)
        return Media.load(pixels)

    def decoding(self, model: TransformersMLLM, replies: int) -> float:
        """Tokens a second of some replies at once, after one round that captures what there is to capture."""
        tokens = self.options.tokens

        async def go(most: int) -> None:
            calls = [
                model.chat([SYSTEM, Message("user", f"Write {number}.")], schema=LETTERS, max_tokens=most)
                for number in range(replies)
            ]
            await asyncio.gather(*calls)

        asyncio.run(go(4))
        short, long = clock(lambda: asyncio.run(go(2))), clock(lambda: asyncio.run(go(2 + tokens)))
        return replies * tokens / max(long - short, 1e-9)

    def generate(self, model: TransformersMLLM, replies: int, cache: str | None) -> float:
        """The same with transformers' own loop."""
        network, tokens = model.loaded.checkpoint.model, self.options.tokens
        ids = torch.randint(10, 200, (replies, 160), device=network.device)
        more: dict[str, Any] = {"cache_implementation": cache} if cache else {}

        def go(most: int) -> None:
            network.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=most,
                min_new_tokens=most,
                pad_token_id=0,
                **more,
            )

        go(4)
        short, long = clock(lambda: go(2)), clock(lambda: go(2 + tokens))
        return replies * tokens / max(long - short, 1e-9)

    def question(self, model: TransformersMLLM, *, shared: bool, at_once: bool) -> float:
        """Seconds of a question of 13 calls of 24 tokens over one picture."""
        picture = self.picture(0)
        prefixes, kept = model.prefixes, model.prefixes.max_bytes
        prefixes.clear()
        prefixes.max_bytes = kept if shared else 0

        async def go() -> None:
            calls = [
                model.chat([SYSTEM, Message("user", (picture, f"Is it {number}?"))], schema=LETTERS, max_tokens=24)
                for number in range(CALLS)
            ]
            if at_once:
                await asyncio.gather(*calls)
            else:
                for call in calls:
                    await call

        try:
            return clock(lambda: asyncio.run(go()))
        finally:
            prefixes.max_bytes = kept

    def questions(self, model: TransformersMLLM, at_once: int) -> float:
        """Questions a second: each over a picture of its own, two calls of 24 tokens one after the other."""
        total = 2 * at_once
        pictures = [self.picture(number + 1) for number in range(total)]

        async def go() -> None:
            places = asyncio.Semaphore(at_once)

            async def one(picture: Media) -> None:
                async with places:
                    for words in ("What is it?", "Is it red?"):
                        await model.chat([SYSTEM, Message("user", (picture, words))], schema=LETTERS, max_tokens=24)

            await asyncio.gather(*(one(picture) for picture in pictures))

        return total / clock(lambda: asyncio.run(go()))


def clock(work: Callable[[], object]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def bandwidth() -> float:
    """Bytes a second that a copy reads and writes."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = 2**30 if device == "cuda" else 2**26
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * size / min(clock(lambda: target.copy_(source)) for _ in range(5))


def measure(bench: Bench, ways: list[str], sizes: list[int]) -> dict[str, Any]:
    results: dict[str, Any] = {"tokens a second": {}}
    rates: dict[str, dict[str, float]] = results["tokens a second"]
    for way in ways:
        model = bench.open(way)
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        if "weights GB" not in results:
            weights = sum(part.numel() * part.element_size() for part in model.loaded.checkpoint.model.parameters())
            results["weights GB"] = weights / 1e9
            results["limit of memory, tokens a second at 1"] = bandwidth() / weights
            rates["generate, growing cache"] = {str(size): bench.generate(model, size, None) for size in sizes}
            if bench.options.compiled:
                rates["generate, static cache"] = {str(size): bench.generate(model, size, "static") for size in sizes}
        rates[f"visagent, {way}"] = {str(size): bench.decoding(model, size) for size in sizes}
        results[f"decoded statically, {way}"] = model.loaded.generator.decodes_statically
        if way == ways[-1]:
            results[f"seconds of a question of {CALLS} calls"] = {
                "one by one": bench.question(model, shared=False, at_once=False),
                "shared prefixes": bench.question(model, shared=True, at_once=False),
                "at once": bench.question(model, shared=True, at_once=True),
            }
            results["questions a second"] = {str(size): bench.questions(model, size) for size in sizes if size > 1}
            if torch.cuda.is_available():
                results["peak GB"] = torch.cuda.max_memory_allocated() / 1e9
        model.close()
    best, plain = rates[f"visagent, {ways[-1]}"], rates["generate, growing cache"]
    results["times generate"] = {size: best[size] / plain[size] for size in best}
    results["share of the limit at 1"] = best["1"] / results["limit of memory, tokens a second at 1"]
    return results


def show(results: dict[str, Any]) -> None:
    for name, value in results.items():
        if not isinstance(value, dict):
            print(f"{name:44} {value:,.3g}" if isinstance(value, float) else f"{name:44} {value}")
            continue
        for inner, item in value.items():
            cells = item.items() if isinstance(item, dict) else [("", item)]
            print(f"{name + ': ' + inner:44} " + "  ".join(f"{key:>3} {number:10,.2f}" for key, number in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder or a name on the hub; random weights without it")
    parser.add_argument("--small", action="store_true", help="a hundredth of the size")
    parser.add_argument("--compiled", action="store_true", help="also `generate` with a static cache: a minute more")
    parser.add_argument("--tokens", type=int, default=0, help="of each reply; 128, or 24 where it is small")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--json", type=Path, help="where the numbers are saved")
    options = parser.parse_args()
    options.adapter = None
    cuda = torch.cuda.is_available()
    small = options.small or not cuda
    options.tokens = options.tokens or (24 if small else 128)
    bench = Bench(options, small=small)
    ways = ["dynamic", "graphs"] if cuda else ["dynamic", "static"]
    device = torch.cuda.get_device_name() if cuda else "CPU"
    results = {"device": device, "shape": options.model or ("small" if small else "Qwen3-VL-4B")}
    results |= measure(bench, ways, [1, 8, 32] if cuda else [1, 8])
    show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
