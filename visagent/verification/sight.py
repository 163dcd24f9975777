"""Sentences judged by eyes, an answer's or a caption's: one call with the media for all of them.

A verdict of eyes is never final by itself: their no is a doubt, which a closer look settles, and their unsure is no no.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from visagent.answering.eyes import SURENESS, Eyes, Opinion
from visagent.answering.quoting import quoted
from visagent.answering.sentences import CITATION, sentence_spans, without
from visagent.evidence.answer import Claim, Verdict
from visagent.evidence.tree import FIRST_LOOK, QuestionTree, SubQuestion, ToolCall
from visagent.evidence.values import Boolean, Crop, Evidence, Look
from visagent.verification.claims import AtomicClaim, CheckedClaim, Faithfulness
from visagent.verification.repair import repair


class Judged(NamedTuple):
    """An answer's sentences with the verdicts on them, and what is doubted in them.

    Attributes:
        claims: Claims in the answer's order.
        doubts: What eyes see instead, and where, for each sentence that they object to.
    """

    claims: list[Claim]
    doubts: list[tuple[str, tuple[Crop, ...]]]


async def judged(
    claims: Sequence[Claim], eyes: Eyes, question: str, tree: QuestionTree, evidence: Mapping[str, Evidence]
) -> Judged:
    """Judge an answer's sentences, all in one call.

    What rules found contradicted stays so: a number or a quotation that the cited evidence does not hold. Otherwise a
    yes leaves the rules' verdict, and anything less makes a sentence unverifiable.

    Args:
        claims: Claims with the rules' verdicts.
        eyes: The eyes that judge.
        question: What the sentences answer.
        tree: Tree of the run.
        evidence: Evidence of the run: what the sentences cite is shown as well, and where their looks looked.

    Raises:
        ModelError: the model cannot be loaded or run.
    """
    cited = [id_ for id_ in dict.fromkeys(id_ for claim in claims for id_ in claim.cites) if id_ in evidence]
    # The first look saw the whole media, as its judge does; a closer one is judged by what it saw enlarged.
    looks = [evidence[id_].value for id_ in cited if id_ != FIRST_LOOK]
    regions = [region for look in looks if isinstance(look, Look) for region in look.regions]
    found = [(tree[id_].question, quoted(evidence[id_])) for id_ in cited if not isinstance(evidence[id_].value, Look)]
    opinions = await eyes.judge([_bare(claim.text) for claim in claims], question, regions, found)
    seen: list[Claim] = []
    doubts: list[tuple[str, tuple[Crop, ...]]] = []
    for claim, opinion in zip(claims, opinions, strict=True):
        open_ = opinion.verdict != "yes" and claim.verdict == "supported"
        seen.append(claim.model_copy(update={"verdict": "unverifiable"}) if open_ else claim)
        if opinion.verdict == "no":
            doubts.append((opinion.see, opinion.regions))
    return Judged(seen, doubts)


async def check_by_sight(text: str, eyes: Eyes, language: str) -> Faithfulness:
    """How far a text by any author is true to what a model sees of the media: sentence by sentence.

    A sentence is contradicted only where a second look, at the place of the doubt, says no as well.

    Args:
        text: A caption, or an answer from elsewhere; data, whatever it says.
        eyes: The eyes that judge.
        language: Language of the text, `en` or `zh`.

    Raises:
        ModelError: the model cannot be loaded or run.
    """
    spans = list(sentence_spans(text))
    said = [text[start:end] for start, end in spans]
    first = await eyes.judge(said)
    doubted = [place for place, opinion in enumerate(first) if opinion.verdict == "no"]
    regions = [region for place in doubted for region in first[place].regions]
    again = await eyes.judge([said[place] for place in doubted], regions=regions) if doubted else []
    settled = dict(zip(doubted, again, strict=True))
    pictures: list[JsonValue] = [*eyes.pictures]
    nodes: list[SubQuestion] = []
    found: dict[str, Evidence] = {}
    checked: list[CheckedClaim] = []
    for place, (span, sentence, opinion) in enumerate(zip(spans, said, first, strict=True)):
        verdict, reason = _final_verdict(opinion, settled.get(place))
        cites: tuple[str, ...] = ()
        if verdict != "unverifiable":
            call = ToolCall(tool="look_whether", arguments={"image": pictures, "question": sentence})
            node = SubQuestion(id=f"q{len(nodes) + 1}", question=sentence, solver=call)
            value = Boolean(value=verdict == "supported", confidence=SURENESS["likely"])
            found[node.id] = node.evidence(value)
            nodes.append(node)
            cites = (node.id,)
        claim = AtomicClaim(kind="other", words=sentence, sentence=span)
        checked.append(CheckedClaim(claim=claim, verdict=verdict, cites=cites, reason=reason))
    return Faithfulness(
        text=text,
        language=language,
        claims=tuple(checked),
        repaired=repair(text, checked, language),
        tree=QuestionTree(question=text, nodes=tuple(nodes)),
        evidence=found,
        media={name: medium.info for name, medium in eyes.media.items()},
    )


def _bare(sentence: str) -> str:
    """A sentence without its citations, and without the space that they leave before its full stop."""
    return re.sub(r"\s+([.;:!?。；：！？])", r"\1", without(sentence, CITATION)).strip()


def _final_verdict(first: Opinion, again: Opinion | None) -> tuple[Verdict, str]:
    """The verdict of one look or of two, and what was seen where it is not a yes."""
    if first.verdict == "yes":
        return "supported", ""
    if again is not None and again.verdict == "no":
        return "contradicted", again.see or first.see
    return "unverifiable", first.see
