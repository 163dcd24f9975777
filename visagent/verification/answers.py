"""An answer's sentences checked beyond what they cite: the verifier of a run whose profile has a model play it.

What the rules found wrong stays wrong. Of the rest, each sentence is taken apart, experts are asked where the run has
no evidence, and a sentence that they contradict is corrected from their evidence, or dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from visagent.answering.sentences import CITATION, cites_in
from visagent.evidence.answer import Claim
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence
from visagent.media.media import MediaInfo
from visagent.verification.check import Checker
from visagent.verification.claims import Faithfulness


class Rechecked(NamedTuple):
    """An answer's sentences with the verdicts on them, and the run's tree and evidence with what the checks added."""

    claims: list[Claim]
    tree: QuestionTree
    evidence: dict[str, Evidence]


async def recheck(
    claims: Sequence[Claim],
    tree: QuestionTree,
    evidence: Mapping[str, Evidence],
    media: Mapping[str, MediaInfo],
    checker: Checker,
    language: str,
) -> Rechecked:
    """Check an answer's sentences again.

    Args:
        claims: Claims with the rules' verdicts.
        tree: Tree of the run.
        evidence: Evidence of the run; what it answers is not asked again.
        media: Media by the names that the tree uses.
        checker: Asks experts, within its limits.
        language: Language of the answer.
    """
    kept: list[Claim] = []
    found = dict(evidence)
    for claim in claims:
        if claim.verdict == "contradicted":
            kept.append(claim)
            continue
        checked = await checker.check(claim.text, media, language, tree=tree, evidence=found)
        sentence = _sentence(claim, checked)
        if sentence is not None:
            kept.append(sentence)
            tree, new = _with_cited(tree, sentence, checked)
            found |= new
    return Rechecked(kept, tree, found)


def _sentence(claim: Claim, checked: Faithfulness) -> Claim | None:
    """A sentence as the experts leave it; None for one that they contradict without saying what is true instead."""
    if checked.verdict == "contradicted":
        if checked.repaired is None:
            return None
        open_ = any(one.verdict == "unverifiable" for one in checked.claims)
        return _cited(checked.repaired, claim, checked, "unverifiable" if open_ else "supported")
    if claim.verdict == "unverifiable" and checked.verdict == "supported":
        return _cited(claim.text, claim, checked, "supported")
    # What no expert can check rests on what the sentence cites, as the rules found.
    return claim


def _cited(text: str, claim: Claim, checked: Faithfulness, verdict: str) -> Claim:
    """A sentence that cites what it was found by."""
    borne = [cite for one in checked.claims for cite in one.cites[-1:]]
    cites = tuple(dict.fromkeys([*(cite for cite in claim.cites if cite in checked.evidence), *borne]))
    bare = CITATION.sub("", text).rstrip()
    stop = bare[-1:] if bare[-1:] in ".。!！?？" else ""
    shown = f"{bare.removesuffix(stop).rstrip()} [{', '.join(cites)}]{stop}" if cites else text
    return Claim.model_validate({"text": shown, "cites": cites_in(shown), "verdict": verdict})


def _with_cited(tree: QuestionTree, sentence: Claim, checked: Faithfulness) -> tuple[QuestionTree, dict[str, Evidence]]:
    """The run's tree with the sub-questions that a sentence cites, and their evidence."""
    known = {node.id for node in tree.nodes}
    added = checked.tree.only([cite for cite in sentence.cites if cite not in known])
    new = [node for node in added.nodes if node.id not in known]
    return tree.replace(*new), {node.id: checked.evidence[node.id] for node in new}
