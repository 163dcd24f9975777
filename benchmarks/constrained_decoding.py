"""What a schema costs and gains when plans are decoded: with forced tokens appended, without, and unconstrained.

    python benchmarks/constrained_decoding.py --model FOLDER [--adapter FOLDER] [--runs N] [--json FILE]

A fine-tuned planner writes the same plan in all three ways, so that seconds compare; a random one (without `--model`)
shows the passes that are saved, but without a schema it writes no plan.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from local_model import SMOL, Clock, arguments, open_model, report

from visagent.media.media import MediaInfo
from visagent.models.hf.decoding import Grammars
from visagent.models.hf.model import TransformersMLLM
from visagent.models.protocol import Message
from visagent.planning.controller import planning_messages
from visagent.planning.plan_schema import plan_schema
from visagent.tools.toolkit import Toolkit

QUESTIONS = (
    "How many dogs are in the picture?",
    "Is there a cup on the table, and what color is the cup?",
    "What does the sign left of the bus say?",
    "Are there more people than chairs?",
    "Is the largest car red?",
    "What is the phone number on the poster?",
)


def build(folder: Path) -> Path:
    import tiny

    return tiny.text_model(folder, max_position_embeddings=8192, **SMOL)


async def plan(
    model: TransformersMLLM, questions: tuple[str, ...], tokens: int, *, constrained: bool
) -> list[tuple[str, int]]:
    tools = Toolkit.installed()
    media = {"image1": MediaInfo(hash="0" * 64, kind="image", name="a.png", width=8, height=8)}
    schema = plan_schema({name: tools[name] for name in tools}, media)
    specs = [tools[name].spec for name in tools]
    plans = []
    for question in questions:
        messages = [Message(**turn) for turn in planning_messages(specs, list(media), question)]
        reply = await model.chat(messages, schema=schema if constrained else None, max_tokens=tokens)
        plans.append((reply.text, reply.usage.generated))
    return plans


class Steps:
    """Counts the model's passes while replies are generated."""

    def __init__(self, model: TransformersMLLM) -> None:
        self.count = 0

        def counted(network: Any, args: Any) -> None:
            self.count += 1

        model.loaded.checkpoint.model.register_forward_pre_hook(counted)


def is_plan(text: str) -> bool:
    try:
        return bool(json.loads(text)["steps"])
    except (ValueError, KeyError, TypeError):
        return False


def main() -> None:
    options: argparse.Namespace = arguments(__doc__, tokens=96, runs=3)
    model = open_model(options, build)
    steps = Steps(model)
    compile_grammar = Grammars.compile

    def without(self: Grammars, schema: dict[str, Any], **_: Any) -> Any:
        return compile_grammar(self, schema, fast_forward=False)

    settings = {
        "unconstrained": (False, compile_grammar),
        "constrained": (True, without),
        "constrained, fast-forward": (True, compile_grammar),
    }
    # The system prompt's cache and the grammar are there from now on.
    asyncio.run(plan(model, QUESTIONS[:1], options.tokens, constrained=True))
    rows: dict[str, dict[str, float]] = {}
    texts = {}
    # In turns, and the best of each, because other work on the machine only ever adds time.
    for _ in range(options.runs):
        for name, (constrained, method) in settings.items():
            Grammars.compile = method  # type: ignore[method-assign]
            steps.count = 0
            with Clock() as clock:
                plans = asyncio.run(plan(model, QUESTIONS, options.tokens, constrained=constrained))
            texts[name] = [text for text, _ in plans]
            best = rows.get(name, {"seconds a plan": float("inf"), "CPU seconds a plan": float("inf")})
            rows[name] = {
                "seconds a plan": min(best["seconds a plan"], clock.seconds / len(plans)),
                "CPU seconds a plan": min(best["CPU seconds a plan"], clock.cpu_seconds / len(plans)),
                "passes a plan": steps.count / len(plans),
                "tokens a plan": sum(tokens for _, tokens in plans) / len(plans),
                "plans that parse": sum(map(is_plan, texts[name])),
            }
    report(rows, "constrained", options.json)
    same = sum(a == b for a, b in zip(texts["constrained"], texts["constrained, fast-forward"], strict=True))
    print(f"the same plan with and without fast-forward: {same} of {len(QUESTIONS)}")
    gain = rows["constrained"]["seconds a plan"] / rows["constrained, fast-forward"]["seconds a plan"]
    print(f"fast-forward: {gain:.2f} times as fast")
    model.close()


if __name__ == "__main__":
    main()
