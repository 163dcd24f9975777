"""The decision-maker: is the evidence enough, is anything worth asking otherwise, or is it time to stop?

Rules decide what needs no understanding; a model, where the profile has one, decides the rest. It may have the plan
changed, so it is shown how much was found and how sure that is, and no word that came from media or other tools.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from visagent.answering.quoting import outlined
from visagent.core.errors import is_own
from visagent.core.json_text import read_json
from visagent.core.text import cleaned
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Boxes, Evidence, Failure, Frozen
from visagent.models.protocol import MLLM, Message, Reply
from visagent.planning.prompts import render

DOUBTED_BELOW = 0.5
"""Confidence under which a model is asked whether the evidence is enough."""


class Decision(Frozen):
    """What happens next.

    Attributes:
        action: `enough`: refine what is there; `retry`: ask `nodes` and their dependants again; `expand`: find another
            way to answer `nodes`; `ask`: put `question` to the person; `stop`: refine what is there and say what is
            missing.
        nodes: Ids of the sub-questions that it is about.
        question: To the person.
        reason: One sentence for the trace.
    """

    action: Literal["enough", "retry", "expand", "ask", "stop"]
    nodes: tuple[str, ...] = ()
    question: str = ""
    reason: str


def decide(
    tree: QuestionTree, evidence: Mapping[str, Evidence], waves_left: int, *, others: Collection[str] = ()
) -> Decision:
    """Judge a wave of evidence by rules.

    A failure that visagent named itself says what is wrong with the input, so asking the same again cannot help; one
    that a tool raised on its own may be a passing fault. What failed for good is asked of another expert, if the
    toolkit has one that answers any question about a picture.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id, for every sub-question.
        waves_left: How often sub-questions may still be asked again.
        others: Names of tools that answer questions in words; empty where there is none.
    """
    failed = {id_: found.value for id_, found in evidence.items() if isinstance(found.value, Failure)}
    if not failed:
        return Decision(action="enough", reason="Every sub-question has evidence.")
    passing = tuple(id_ for id_, failure in failed.items() if not is_own(failure.error))
    if passing and waves_left > 0:
        return Decision(action="retry", nodes=passing, reason=f"{', '.join(passing)} failed for a passing reason.")
    sinks = tuple(id_ for id_ in tree.sinks if id_ in failed and tree[id_].solver.tool not in others)
    if others and sinks and waves_left > 0:
        return Decision(action="expand", nodes=sinks, reason=f"{', '.join(sinks)} failed; another expert can look.")
    return Decision(action="stop", reason=f"{', '.join(failed)} failed, and asking again cannot help.")


@dataclass(frozen=True)
class Decider:
    """Rules first, then a model.

    Attributes:
        model: What judges doubtful evidence; None for rules alone.
        system: The system message that the model's roles share.
        language: Language of the prompt.
        others: Names of tools that answer questions in words.
    """

    model: MLLM | None = None
    system: str = ""
    language: str = "en"
    others: Collection[str] = ()

    async def decide(
        self, tree: QuestionTree, evidence: Mapping[str, Evidence], waves_left: int, *, may_ask: bool = False
    ) -> tuple[Decision, Reply | None]:
        """A decision, and the model's reply where it was asked.

        Args:
            tree: The plan.
            evidence: Evidence by sub-question id.
            waves_left: How often sub-questions may still be asked again.
            may_ask: Whether a person is there to be asked.

        Raises:
            ModelError: the model cannot be loaded or run.
        """
        ruled = decide(tree, evidence, waves_left, others=self.others)
        if self.model is None or waves_left <= 0 or ruled.action in ("retry", "expand"):
            return ruled, None
        doubtful = [id_ for id_, found in evidence.items() if _doubtful(found)]
        if not doubtful:
            return ruled, None
        prompt = render(
            "decider",
            self.language,
            question=tree.question,
            steps=[(node.id, node.question, str(node.solver)) for node in tree.nodes],
            found=[(id_, outlined(found)) for id_, found in evidence.items()],
            waves=waves_left,
            may_ask=may_ask,
        )
        messages = [Message(role="system", content=self.system), Message(role="user", content=prompt)]
        reply = await self.model.chat(messages, schema=_schema(tree, may_ask), max_tokens=160)
        return _decision(reply.text, tree, evidence, ruled), reply


def _doubtful(found: Evidence) -> bool:
    """Whether evidence leaves something to decide: it failed, found nothing, or is not sure."""
    if found.failed or (found.confidence is not None and found.confidence < DOUBTED_BELOW):
        return True
    return isinstance(found.value, Boxes) and not found.value.boxes


def _schema(tree: QuestionTree, may_ask: bool) -> dict[str, Any]:
    actions = ["enough", "retry", "expand", "stop", *(["ask"] if may_ask else [])]
    words = {"type": "string", "maxLength": 160}
    return {
        "type": "object",
        "properties": {
            "reason": words,
            "action": {"enum": actions},
            "node": {"enum": [node.id for node in tree.nodes]},
            "question": words,
        },
        "required": ["reason", "action"],
        "additionalProperties": False,
    }


def _decision(text: str, tree: QuestionTree, evidence: Mapping[str, Evidence], ruled: Decision) -> Decision:
    """A model's reply as a decision; the rules' own where it is none."""
    try:
        reply = read_json(text)
        action, reason = reply["action"], cleaned(str(reply["reason"]))
        nodes: tuple[str, ...] = (reply["node"],) if "node" in reply else ()
    except (ValueError, TypeError, KeyError):
        return ruled
    if action in ("retry", "expand") and (not nodes or nodes[0] not in tree.graph):
        return ruled
    if action == "retry" and not evidence[nodes[0]].failed:
        # The same call would find the same: what is doubted has to be asked otherwise.
        action = "expand"
    if action == "ask" and not reply.get("question"):
        return ruled
    return Decision(action=action, nodes=nodes, question=cleaned(str(reply.get("question", ""))), reason=reason)
