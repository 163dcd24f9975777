"""A small planner is asked again where its plan leaves out a part of the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from visagent.core.errors import PlanError
from visagent.models.protocol import MLLM, Message, Reply
from visagent.planning.accounting import words_left_out
from visagent.planning.every_picture import compares_with_itself
from visagent.planning.plan_language import plan_json, read_plan
from visagent.tools.toolkit import ToolSpec

SECOND_TRIES = 2
"""Plans that are asked for anew at most."""
TRY_TEMPERATURE = 0.7


async def most_complete_plan(
    model: MLLM,
    messages: Sequence[Message],
    grammar: dict[str, Any],
    max_tokens: int,
    question: str,
    specs: Mapping[str, ToolSpec],
) -> Reply:
    """A plan as JSON text: the planner's likeliest, or, where that leaves out a colour, a number or an ordinal, or
    compares a thing with itself, the one
    of a few samples that leaves out least, the first of equals.

    Args:
        model: The planner.
        messages: Its prompt.
        grammar: What its plans are held to.
        max_tokens: Tokens of a plan at most.
        question: Question as the planner was asked it.
        specs: What plans may call, by name.

    Raises:
        ContextOverflow: the question does not fit into the model's context.
        ModelError: the model failed.
    """
    reply = await model.chat(messages, schema=grammar, max_tokens=max_tokens)
    best, fewest, spent = reply.text, _left_out(question, reply.text, specs), reply.usage
    for _ in range(SECOND_TRIES):
        if not fewest:
            break
        again = await model.chat(messages, schema=grammar, max_tokens=max_tokens, temperature=TRY_TEMPERATURE)
        spent += again.usage
        if (missing := _left_out(question, again.text, specs)) < fewest:
            best, fewest = again.text, missing
    return Reply(text=plan_json(best, specs), usage=spent)


def _left_out(question: str, plan: str, specs: Mapping[str, ToolSpec]) -> int:
    """How many words a plan of nested calls leaves out, and one more where it compares a thing with itself; one that
    cannot be read says nothing."""
    try:
        steps = read_plan(plan, specs)
        return len(words_left_out(question, steps)) + compares_with_itself(steps)
    except PlanError:
        return len(words_left_out(question, [{"tool": ""}]))
