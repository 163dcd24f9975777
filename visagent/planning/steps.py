"""A question tree as the steps of a plan: what a planner would have to write to get that tree. Knows no model."""

from __future__ import annotations

from pydantic import JsonValue

from visagent.evidence.tree import QuestionTree
from visagent.planning.plan import REASONS, UNANSWERABLE


def plan_steps(tree: QuestionTree) -> list[dict[str, JsonValue]]:
    """A tree's sub-questions as a plan's steps, children first, with references counted from `$q1` without gaps.

    What no tool can answer is a step that says why; a reason in words of its own counts as `no_tool`.
    """
    keys = {text: key for key, text in REASONS.items()}
    reasons = tree.left_out if tree.unanswerable is None else (tree.unanswerable,)
    declined: list[dict[str, JsonValue]] = [
        {"tool": UNANSWERABLE, "reason": keys.get(reason, "no_tool")} for reason in reasons
    ]
    numbers = step_ids(tree)
    calls = [tree[id_].solver.renamed(numbers) for id_ in tree.order]
    return [*({"tool": call.tool, **call.arguments} for call in calls), *declined]


def step_ids(tree: QuestionTree) -> dict[str, str]:
    """The id of each sub-question's step in `plan_steps`, by the sub-question's own id."""
    return {id_: f"q{place}" for place, id_ in enumerate(tree.order, start=1)}
