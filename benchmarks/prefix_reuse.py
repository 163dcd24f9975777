"""What reusing key-value caches saves: one question over one picture, with 5 role calls and 8 sub-questions.

    python benchmarks/prefix_reuse.py [--model NAME] [--json FILE]

All 13 calls begin with the same system prompt (the controller's, with its tools) and the same picture; what each is
asked comes after. Without `--model` the weights are random: tokens are what they are, seconds depend on the model.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from local_model import SMALL_VISION, Clock, arguments, open_model, report

from visagent.media.media import Media
from visagent.models.hf.model import TransformersMLLM
from visagent.models.protocol import Message, Reply
from visagent.planning.controller import planning_messages
from visagent.tools.toolkit import Toolkit

ROLES = ("Split the question into steps.", "Is the evidence enough?", "Which step is tried again?", "Write the answer.")
TOOLS = ("detect", "read_text", "caption", "classify", "geometry")


def build(folder: Path) -> Path:
    import tiny

    return tiny.qwen3_vl(folder, patches=32, **SMALL_VISION)


async def ask(model: TransformersMLLM, tokens: int, *, reuse: bool, batch: bool) -> list[Reply]:
    tools = Toolkit([f"visagent_tools.{name}" for name in TOOLS])
    system = Message("system", planning_messages([tools[name].spec for name in tools], ["image1"], "")[0]["content"])
    picture = Media.load(np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8))
    question = "How many people are left of the bus, and what does its sign say?"

    async def call(text: str) -> Reply:
        if not reuse:
            model.prefixes.clear()
        return await model.chat([system, Message("user", (picture, text))], max_tokens=tokens)

    siblings = [f"Look at person {number}: is it left of the bus?" for number in range(8)]
    replies = [await call(f"{ROLES[0]} {question}")]
    if batch:
        replies += await asyncio.gather(*(call(text) for text in siblings))
    else:
        replies += [await call(text) for text in siblings]
    return replies + [await call(f"{role} {question}") for role in (*ROLES[1:], "Check each claim.")]


def main() -> None:
    options = arguments(__doc__, tokens=8)
    model = open_model(options, build)
    rows = {}
    settings = {
        "every prompt from its beginning": (False, False),
        "prefix reused": (True, False),
        "prefix reused, siblings in a batch": (True, True),
    }
    asyncio.run(ask(model, 1, reuse=False, batch=False))
    for name, (reuse, batch) in settings.items():
        model.prefixes.clear()
        with Clock() as clock:
            replies = asyncio.run(ask(model, options.tokens, reuse=reuse, batch=batch))
        prefilled = sum(reply.usage.prompt - reply.usage.cached for reply in replies)
        rows[name] = {"tokens prefilled": prefilled, "seconds": clock.seconds, "CPU seconds": clock.cpu_seconds}
    print(f"13 calls, {replies[0].usage.prompt} tokens in the first prompt")
    report(rows, "every prompt from its beginning", options.json)
    model.close()


if __name__ == "__main__":
    main()
