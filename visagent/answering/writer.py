"""The refiner by a model: evidence in, a fluent cited answer out; what it cannot prove, the rules say instead.

The model reads untrusted text as quoted data. Each of its sentences is checked against what it cites, and one that the
evidence does not bear out is replaced by the rules' sentence on the same sub-questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from visagent.answering.phrasing import phrasebook
from visagent.answering.quoting import quoted
from visagent.answering.refiner import Ruled, by_rules
from visagent.core.json_text import read_json
from visagent.core.text import one_line
from visagent.evidence.answer import Claim
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence
from visagent.models.protocol import MLLM, Message, Reply
from visagent.planning.prompts import render
from visagent.verification.citations import states, verify

MAX_SENTENCES = 6


async def write(
    model: MLLM, system: str, tree: QuestionTree, evidence: Mapping[str, Evidence], language: str
) -> tuple[list[Claim], Reply]:
    """The answer in a model's words, as far as the evidence bears them out, and its reply.

    Args:
        model: What writes.
        system: The system message that the model's roles share.
        tree: The plan.
        evidence: Evidence by sub-question id.
        language: Language of the answer, `en` or `zh`.

    Raises:
        ModelError: the model cannot be loaded or run.
    """
    prompt = render(
        "refiner",
        language,
        question=tree.question,
        found=[(node.id, node.question, quoted(evidence[node.id])) for node in tree.nodes if node.id in evidence],
    )
    messages = [Message(role="system", content=system), Message(role="user", content=prompt)]
    reply = await model.chat(messages, schema=_schema(list(evidence)), max_tokens=96 * MAX_SENTENCES)
    return supported_claims(
        _claims(reply.text, phrasebook(language)["list"]["end"]), by_rules(tree, evidence, language), tree, evidence
    ), reply


def supported_claims(
    written: Sequence[Claim], ruled: Ruled, tree: QuestionTree, evidence: Mapping[str, Evidence]
) -> list[Claim]:
    """The written claims that say what the evidence supports, and the rules' on the parts that they leave out.

    Args:
        written: Claims that a model wrote.
        ruled: What the rules wrote.
        tree: The plan.
        evidence: Evidence by sub-question id.
    """
    good = [
        claim
        for claim in dict.fromkeys(verify(written, evidence))
        if claim.verdict == "supported" and any(states(claim, evidence[id_]) for id_ in _stated_ids(claim, tree))
    ]
    covered = {id_ for claim in good for id_ in _stated_ids(claim, tree) if states(claim, evidence[id_])}
    missing = [claim for sink, claim in ruled.on.items() if sink not in covered]
    return [*ruled.before, *good, *missing, *ruled.after]


def _stated_ids(claim: Claim, tree: QuestionTree) -> list[str]:
    """What a sentence has to say: the results among what it cites, or all of that where it cites none of them."""
    return [id_ for id_ in claim.cites if id_ in tree.sinks] or list(claim.cites)


def _schema(ids: Sequence[str]) -> dict[str, Any]:
    sentence = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": 300},
            "cites": {"type": "array", "items": {"enum": list(ids)}, "minItems": 1, "maxItems": 6},
        },
        "required": ["text", "cites"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"sentences": {"type": "array", "items": sentence, "minItems": 1, "maxItems": MAX_SENTENCES}},
        "required": ["sentences"],
        "additionalProperties": False,
    }


def _claims(text: str, stop: str) -> list[Claim]:
    """A model's reply as claims, each with its full stop; none where it is no reply of the form."""
    try:
        sentences = read_json(text)["sentences"]
        stated = [
            (one_line(str(item["text"]), 300), tuple(dict.fromkeys(map(str, item["cites"])))) for item in sentences
        ]
    except (ValueError, TypeError, KeyError):
        return []
    # A sentence's stop comes after its citation, as the rules write it.
    return [
        Claim(text=f"{words.rstrip('.。')} [{', '.join(cites)}]{stop}", cites=cites) for words, cites in stated if words
    ]
