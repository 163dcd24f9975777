"""Whether memory stays flat: the process's resident set after more and more questions, each over another picture.

    python benchmarks/memory.py [--model NAME] [--questions N] [--json FILE]

Prefixes are kept up to a limit of `--mib`, so memory grows until that is full, and must not grow after it.
"""

from __future__ import annotations

import asyncio
import gc
import resource
from pathlib import Path

import numpy as np
from local_model import SMALL_VISION, arguments, open_model, report

from visagent.media.media import Media
from visagent.models.hf.model import TransformersMLLM
from visagent.models.protocol import Message


def build(folder: Path) -> Path:
    import tiny

    return tiny.qwen3_vl(folder, patches=32, **SMALL_VISION)


async def ask(model: TransformersMLLM, number: int) -> None:
    picture = Media.load(np.random.default_rng(number).integers(0, 255, (256, 256, 3), dtype=np.uint8))
    messages = [Message("system", "You are a careful assistant."), Message("user", (picture, "What is it?"))]
    await asyncio.gather(*(model.chat(messages, max_tokens=4) for _ in range(2)))


def resident_mib() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    options = arguments(__doc__, questions=48, mib=16)
    model = open_model(options, build, max_prefix_bytes=options.mib * 2**20)
    rows = {}
    marks = {max(1, options.questions * step // 6) for step in range(1, 7)}
    for number in range(1, options.questions + 1):
        asyncio.run(ask(model, number))
        if number in marks:
            rows[f"after {number} questions"] = {
                "resident MiB": resident_mib(),
                "prefixes MiB": model.prefixes.bytes / 2**20,
                "prefixes": len(model.prefixes),
            }
    report(rows, next(iter(rows)), options.json)
    model.close()


if __name__ == "__main__":
    main()
