"""An answer's sentences judged by eyes: one call with the media for all of them.

A verdict of eyes is never final by itself: their no is a doubt, which a closer look settles, and their unsure is no no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from visagent.answering.eyes import Eyes
from visagent.answering.sentences import CITATION, without
from visagent.evidence.answer import Claim
from visagent.evidence.values import Crop


class Judged(NamedTuple):
    """An answer's sentences with the verdicts on them, and what is doubted in them.

    Attributes:
        claims: In the answer's order.
        doubts: What eyes see instead, and where, for each sentence that they object to.
    """

    claims: list[Claim]
    doubts: list[tuple[str, tuple[Crop, ...]]]


async def judged(claims: Sequence[Claim], eyes: Eyes, question: str) -> Judged:
    """Judge an answer's sentences, all in one call.

    What rules found contradicted stays so: a number or a quotation that the cited evidence does not hold. Otherwise a
    yes leaves the rules' verdict, and anything less makes a sentence unverifiable.

    Args:
        claims: With the rules' verdicts.
        eyes: Whose judgement.
        question: What the sentences answer.

    Raises:
        ModelError: the model cannot be loaded or run.
    """
    opinions = await eyes.judge([without(claim.text, CITATION).strip() for claim in claims], question)
    seen: list[Claim] = []
    doubts: list[tuple[str, tuple[Crop, ...]]] = []
    for claim, opinion in zip(claims, opinions, strict=True):
        open_ = opinion.verdict != "yes" and claim.verdict == "supported"
        seen.append(claim.model_copy(update={"verdict": "unverifiable"}) if open_ else claim)
        if opinion.verdict == "no":
            doubts.append((opinion.see, opinion.regions))
    return Judged(seen, doubts)
