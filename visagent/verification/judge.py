"""What evidence says of a claim: supported, contradicted or unverifiable. Pure: knows no model and asks no tool.

A failure is never a contradiction: a detector that cannot know a label says nothing about it. Neither is a thing that
was not found where the claim is about its color or place: that there is such a thing is a claim of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from visagent.answering.by_looks import looks_of
from visagent.answering.sentences import normalised
from visagent.core.text import cleaned
from visagent.evidence.answer import Verdict
from visagent.evidence.tree import references
from visagent.evidence.values import Boolean, Boxes, Evidence, Failure, Labels, Number, Text, Transcript
from visagent.verification.claims import AtomicClaim
from visagent.verification.plans import OPPOSITE

ALIKE = 0.9
"""Part of the characters that must agree for a passage to be the quoted one with a letter misread."""
MISHEARD = 0.75
"""The same for speech that may have been misheard: small recognisers get one word in ten wrong."""
RELATED = 0.6
"""The same for a passage that stands where something else is quoted: what a correction quotes instead."""

DARK = ("black", "gray")
OF_A_COLOR = 0.2
"""The part of a thing from which on it may be called by a color."""
OF_MANY_COLORS = 0.4
"""The same for a thing of three colors and more, set between a brown table (44 %) and coffee in a red cup (38 %):
no labelled set has confirmed it.
"""
A_PART = 0.1
"""The part of a thing below which a color is none of its own."""


class Judgement(NamedTuple):
    """A verdict, why, and what is true instead as far as evidence says so."""

    verdict: Verdict
    reason: str = ""
    correction: str = ""


def judge(claim: AtomicClaim, evidence: Sequence[Evidence]) -> Judgement:
    """What the answers to a claim's plan say of it.

    Args:
        claim: What is said.
        evidence: Evidence for each sub-question of `plan_for`, in its order.
    """
    causes = [found.value for found in evidence if isinstance(found.value, Failure)]
    boxes = [found.value for found in evidence if isinstance(found.value, Boxes) and _is_observed(found)]
    first = causes[0] if causes else None
    if first is not None and not (first.error == "MissingInput" and any(not found.boxes for found in boxes)):
        return Judgement("unverifiable", first.message)
    about = claim.kind in ("attribute", "relation") and not (claim.kind == "relation" and claim.negated)
    if about and (missing := [found for found in boxes if not found.boxes]):
        noun = claim.noun if missing[0] is boxes[0] else claim.other
        return Judgement("unverifiable", f"no {noun} was found")
    if claim.kind in ("text", "speech") and claim.quote:
        return _quoted(claim, evidence)
    looks = [one for found in boxes if (one := looks_of(found)) is not None and one.unclear]
    if looks and (claim.kind == "count" or (claim.kind == "existence" and not looks[0].clear)):
        return Judgement("unverifiable", f"{looks[0].unclear} of the people found show no face that tells")
    answer = evidence[-1].value
    if (shares := _shares(evidence)) and claim.kind == "attribute" and claim.color is not None:
        called = _is_of_color(claim.color, shares)
        if called is None:
            listed = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
            return Judgement("unverifiable", f"its colors do not tell what it is called: {listed}")
        holds = called
    elif isinstance(answer, Boolean):
        holds = answer.value
    elif claim.kind == "count":
        # Nothing to stand in relation to: so many stand there, none.
        holds = _compares(0, claim)
    else:
        holds = False
    if holds != claim.negated:
        return Judgement("supported")
    if claim.kind in ("count", "existence") or (claim.negated and claim.place):
        number = _number(evidence)
        # "More than three" of two is put right as "more than one".
        shown = max(0, number + {">": -1, "<": 1}.get(claim.comparison, 0))
        return Judgement("contradicted", f"{number} found", str(shown))
    return Judgement("contradicted", "the experts found otherwise")


def corrected(claim: AtomicClaim, evidence: Sequence[Evidence]) -> str:
    """What is true instead, from the answers to `plan_for_correction`; empty where they do not say."""
    answer = evidence[-1].value
    if claim.kind == "attribute" and isinstance(answer, Labels) and answer.labels:
        shares = {label.name: label.share or 0.0 for label in answer.labels}
        names = [name for name in (*_main_colors(shares), *shares) if _is_of_color(name, shares)]
        return names[0] if names and names[0] != claim.color else ""
    if claim.relation in OPPOSITE and answer == Boolean(value=True):
        return OPPOSITE[str(claim.relation)]
    return ""


def _is_observed(evidence: Evidence) -> bool:
    """Whether it was found in a medium itself, and not chosen from what other evidence holds."""
    return not any(any(references(argument)) for argument in evidence.arguments.values())


def _shares(evidence: Sequence[Evidence]) -> dict[str, float]:
    """The colors of the one thing that was found, each with its part of it; none where several were found."""
    if any(isinstance(one.value, Boxes) and _is_observed(one) and len(one.value.boxes) != 1 for one in evidence):
        return {}
    labels = next((one.value.labels for one in evidence[:-1] if isinstance(one.value, Labels)), ())
    return {label.name: label.share or 0.0 for label in labels}


def _main_colors(shares: Mapping[str, float]) -> list[str]:
    """The colors that a thing may be called by, the largest first; shadows and windows are dark on everything."""
    return [name for name, share in shares.items() if name not in DARK and share >= A_PART]


def _is_of_color(color: str, shares: Mapping[str, float]) -> bool | None:
    """Whether a thing of these colors is called so; None where its pixels do not tell.

    A cup that is red outside and white inside is either; a blue bus with dark windows is blue, and whether it is black
    is not said. A thing of three colors and more may be called by any of them, or by what is in it.
    """
    share, named = shares.get(color, 0.0), _main_colors(shares)
    if share < A_PART:
        return False
    if color in DARK:
        lit = any(shares[name] >= OF_A_COLOR for name in named)
        return True if not lit and share >= OF_A_COLOR else None
    return True if share >= (OF_A_COLOR if len(named) < 3 else OF_MANY_COLORS) else None


def over_media(claim: AtomicClaim, judgements: Mapping[str, Judgement]) -> str:
    """The medium whose judgement holds: one that bears the claim out, else one that speaks against it.

    What is denied has to be absent from every medium.

    Args:
        claim: What is said.
        judgements: Judgements by medium, at least one.
    """
    order: dict[Verdict, int] = {"supported": 0, "contradicted": 1, "unverifiable": 2}
    if claim.negated:
        order = {"contradicted": 0, "unverifiable": 1, "supported": 2}
    return min(judgements, key=lambda name: order[judgements[name].verdict])


def _quoted(claim: AtomicClaim, evidence: Sequence[Evidence]) -> Judgement:
    """Whether a quotation stands in what was read or heard, a misread letter aside."""
    source = evidence[0].value
    assert isinstance(source, Text | Transcript)
    if evidence[-1].value == Boolean(value=True):
        alike, passage = 1.0, claim.quote
    else:
        alike, passage = _nearest(claim.quote, source)
    digits = [char for char in claim.quote if char.isdigit()] == [char for char in passage if char.isdigit()]
    if (alike >= ALIKE and digits) != claim.negated:
        return Judgement("supported")
    if claim.kind == "speech" and alike >= MISHEARD and digits:
        return Judgement("unverifiable", f"what was heard is only alike: “{cleaned(passage)}”")
    where = "heard" if claim.kind == "speech" else "read"
    if not source.text.strip():
        return Judgement("contradicted", f"nothing was {where}")
    return Judgement("contradicted", f"something else was {where}", passage if alike >= RELATED else "")


def _nearest(quote: str, source: Text | Transcript) -> tuple[float, str]:
    """How alike, and what it says, the passage of a text that is most like a quotation."""
    wanted = normalised(quote)
    words = source.text.split()
    lines = [line.text for line in source.lines] or source.text.splitlines()
    size = max(1, len(quote.split()))
    windows = [" ".join(words[at : at + size]) for at in range(max(1, len(words) - size + 1))]
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    best = (0.0, "")
    for passage in dict.fromkeys([*windows, *lines]):
        said = normalised(passage)
        if wanted and wanted in said:
            return 1.0, passage
        matcher.set_seq1(said)
        if matcher.real_quick_ratio() > best[0] and matcher.ratio() > best[0]:
            best = (matcher.ratio(), passage)
    return best


def _number(evidence: Sequence[Evidence]) -> int:
    """How many were counted, or else found."""
    for found in reversed(evidence):
        if isinstance(found.value, Number):
            return round(found.value.value)
        if isinstance(found.value, Boxes):
            return len(found.value.boxes)
    return 0


def _compares(number: int, claim: AtomicClaim) -> bool:
    wanted = claim.number or 0
    return {
        "=": number == wanted,
        ">=": number >= wanted,
        "<=": number <= wanted,
        ">": number > wanted,
        "<": number < wanted,
    }[claim.comparison]
