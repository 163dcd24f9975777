"""Self-instruction: a model proposes questions for given tools, with plans; only what compiles is kept.

After Wang et al. 2022, arXiv:2212.10560. The model's words are data: a proposal is held to the plan's schema, checked
like any controller's plan, and refused where it does not use what it was asked to use, or repeats another question.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from random import Random
from typing import Any

from visagent.core.errors import ModelError, PlanError
from visagent.models.protocol import MLLM, Message
from visagent.planning.plan_schema import plan_schema
from visagent.planning.prompts import render
from visagent.planning.quotable import phrases
from visagent.tools.toolkit import ToolSpec, as_tool
from visagent_training.data_source import Drawn, Refused
from visagent_training.examples import TrainingExample, normalised, plan_example
from visagent_training.expressions import Specs
from visagent_training.plan_scores import media_named

MAX_TOKENS = 400
SHOWN_EARLIER = 5
"""Questions that a proposal is asked to differ from."""
LONGEST_PHRASE = 5
"""Words of a text in a plan."""
LONGEST = 200
"""Characters of a question."""


def proposal_schema(specs: Specs, media: Sequence[str]) -> dict[str, Any]:
    """JSON schema of a question with its plan."""
    plan = plan_schema({name: as_tool(spec) for name, spec in specs.items()}, media_named(list(media)))
    question = {"type": "string", "minLength": 8, "maxLength": LONGEST}
    return {**plan, "properties": {"question": question, **plan["properties"]}, "required": ["question", "steps"]}


async def propose(
    model: MLLM,
    specs: Specs,
    own: Sequence[str],
    seed: int,
    count: int,
    *,
    known: Sequence[str] = (),
    shown: int = 12,
    temperature: float = 0.9,
) -> AsyncIterator[Drawn]:
    """Proposed questions, and why others were refused; the model is asked `count` times.

    Args:
        model: Any that can be held to a schema.
        specs: All tools, in the order that the planner is shown them.
        own: Names of the tools to write questions for, in turn.
        seed: Decides which tools are shown with which.
        count: How often to ask.
        known: Names of tools that the planner has memorised.
        shown: Tools in the model's prompt.
        temperature: Temperature of sampling.

    Raises:
        ModelError: the model cannot be loaded.
    """
    rng = Random(f"instruct-{seed}")
    kept: dict[str, str] = {}
    model.load()
    for number in range(count):
        wanted = specs[own[number % len(own)]]
        media = [f"{next((kind for p in wanted.parameters for kind in p.media[:1]), 'image')}1"]
        others = [spec for spec in specs.values() if spec.name != wanted.name]
        some = {wanted.name, *(spec.name for spec in rng.sample(others, min(len(others), shown - 1)))}
        offered = {name: spec for name, spec in specs.items() if name in some}
        drawn = await _proposal(model, wanted, offered, media, list(kept.values()), temperature)
        where = f"instruct/{seed}/{number + 1}"
        if isinstance(drawn, str):
            yield Refused(where, drawn)
            continue
        question, steps = drawn
        reason = _refusal(question, steps, wanted, specs, kept)
        if reason is not None:
            yield Refused(where, reason)
            continue
        try:
            example = plan_example(
                where, "instruct", question, steps, list(specs.values()), dict.fromkeys(media), known=known
            )
        except PlanError as error:
            yield Refused(where, error.fact.rstrip("."))
            continue
        if grounded(example):
            kept[normalised(question)] = question
            yield example
        else:
            yield Refused(where, "a text of the plan is not in the question")


async def _proposal(
    model: MLLM,
    wanted: ToolSpec,
    offered: Specs,
    media: Sequence[str],
    earlier: Sequence[str],
    temperature: float,
) -> tuple[str, list[dict[str, Any]]] | str:
    """A question with its steps, or why there is none."""
    prompt = render(
        "self_instruct",
        "en",
        tools=list(offered.values()),
        media=list(media),
        wanted=wanted.name,
        earlier=list(islice(reversed(earlier), SHOWN_EARLIER)),
    )
    try:
        reply = await model.chat(
            [Message("user", prompt)],
            schema=proposal_schema(offered, media),
            max_tokens=MAX_TOKENS,
            temperature=temperature,
        )
        row = json.loads(reply.text)
        return " ".join(str(row["question"]).split()), list(row["steps"])
    except ModelError as error:
        return error.fact.rstrip(".")
    except (ValueError, KeyError, TypeError) as error:
        return f"the reply is no question with steps: {error!r}"


def _refusal(
    question: str, steps: Sequence[dict[str, Any]], wanted: ToolSpec, specs: Specs, kept: dict[str, str]
) -> str | None:
    """Why a proposal that may compile teaches nothing; None where it does."""
    if wanted.name not in {str(step.get("tool")) for step in steps}:
        return f"the plan does not call {wanted.name}"
    if normalised(question) in kept:
        return "it was proposed before"
    if len(re.findall(r"[^\W\d_]{2,}", question)) < 3:
        return "the question has fewer than three words"
    if named := next((name for name in specs if "_" in name and name in question), None):
        return f"the question names the tool {named}"
    return None


def grounded(example: TrainingExample) -> bool:
    """Whether every free text of a plan stands in its question; the packaged planner's grammar admits no others."""
    said = {phrase.lower() for phrase in (*phrases(example.question, LONGEST_PHRASE), "person")}
    for step in example.steps or ():
        spec = example.specs.get(str(step["tool"]))
        for name, value in step.items():
            parameter = spec.parameter(name) if spec is not None else None
            free = parameter is not None and parameter.literal is not None and not parameter.choices
            plain = isinstance(value, str) and not value.startswith("$") and name != "expression"
            if free and plain and isinstance(value, str) and value.lower() not in said:
                return False
    return True
