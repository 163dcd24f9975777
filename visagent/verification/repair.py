"""A text with what evidence contradicts corrected, or else cut, and what cannot be verified marked or cut. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from visagent.answering.phrasing import phrasebook
from visagent.answering.sentences import sentence_spans
from visagent.core.text import cleaned
from visagent.core.words import plural, singular
from visagent.planning.prompts import word_lists
from visagent.verification.claims import CheckedClaim, Span, overall

Unverifiable = Literal["mark", "cut"]
MARKS = {"en": " (unverified)", "zh": "（未核实）"}
_WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_HAN = ["零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十"]
_SINGULAR = {"are": "is", "were": "was", "have": "has"}
_PLURAL = {singular: plural for plural, singular in _SINGULAR.items()}
_STOPS = ".。!！?？;；"
Edit = tuple[Span, str]


def repair(
    text: str, claims: Sequence[CheckedClaim], language: str, *, unverifiable: Unverifiable = "mark"
) -> str | None:
    """The text as evidence would have it.

    A sentence is kept as it stands if all it says is supported; corrected if evidence says what is true instead; cut if
    it does not; and marked, or cut, if something in it cannot be verified.

    Args:
        text: The text as given.
        claims: What it says, checked.
        language: `en` or `zh`.
        unverifiable: What to do with sentences that cannot be verified.

    Returns:
        None where no sentence is left: the verifier abstains.
    """
    kept: list[str] = []
    for start, end in sentence_spans(text):
        own = [checked for checked in claims if start <= checked.claim.sentence[0] < end]
        verdict = overall([checked.verdict for checked in own])
        sentence: str | None = text[start:end]
        if verdict == "contradicted":
            sentence = _corrected(text, (start, end), own, language)
        # Of what does not exist, color and place are no question any more.
        absent = {one.claim.noun for one in own if one.claim.kind == "existence" and one.verdict == "contradicted"}
        open_ = [one for one in own if one.verdict == "unverifiable" and not {one.claim.noun, one.claim.other} & absent]
        if sentence is not None and open_:
            sentence = _marked(sentence, language) if unverifiable == "mark" else None
        if sentence is not None:
            kept.append(sentence)
    return ("" if language == "zh" else " ").join(kept) or None


def _corrected(text: str, span: Span, claims: Sequence[CheckedClaim], language: str) -> str | None:
    """A sentence with its wrong claims corrected; None where one of them cannot be."""
    edits: list[Edit] = []
    for checked in claims:
        if checked.verdict == "contradicted":
            found = _edits(text, checked, language)
            if found is None:
                return None
            edits += found
    ordered = sorted(set(edits))
    if any(later[0][0] < earlier[0][1] for earlier, later in pairwise(ordered)):
        return None  # two corrections of the same words
    sentence = text[span[0] : span[1]]
    for (start, end), new in reversed(ordered):
        sentence = sentence[: start - span[0]] + new + sentence[end - span[0] :]
    return sentence[:1].upper() + sentence[1:]


def _edits(text: str, checked: CheckedClaim, language: str) -> list[Edit] | None:
    """What to replace to make a claim true; None where that is not known."""
    claim, correction = checked.claim, checked.correction
    if claim.place is None or not correction or (claim.negated and claim.kind not in ("existence", "relation")):
        return None
    if claim.kind == "existence" and not claim.negated:
        # "There is a dog" of none; "the dog" has no article to put it right with.
        none = "No" if text[claim.place[0]].isupper() else "no"
        return [(claim.place, none)] if language == "en" else None
    if claim.kind == "count" or claim.negated:
        number = int(correction) if correction.isdigit() else 0
        return _counted(text, checked, number) if language == "en" else _counted_chinese(text, checked, number)
    if claim.kind == "attribute":
        book = phrasebook(language)
        shown = book["colors"].get(correction) or book["names"].get(correction, correction)
        return [(claim.place, str(shown))]
    if claim.kind == "relation":
        old = text[claim.place[0] : claim.place[1]]
        return [(claim.place, _relation(correction, old, language))]
    if claim.kind in ("text", "speech"):
        return [(claim.place, cleaned(correction))]
    return None


def _counted(text: str, checked: CheckedClaim, number: int) -> list[Edit] | None:
    """`three dogs are` -> `one dog is`: the number, the noun and the verb next to them agree."""
    place, noun = checked.claim.place, checked.claim.noun_place
    if place is None or noun is None:
        return None
    old = text[place[0] : place[1]]
    if number == 0 and checked.claim.comparison != "=" and old.lower() not in word_lists("en")["several"]:
        return None
    new = str(number) if old.isdigit() else _WORDS[number] if number < len(_WORDS) else str(number)
    new = new.capitalize() if old[:1].isupper() else new
    many = singular(text[noun[0] : noun[1]])
    edits = [(place, new), (noun, many if number == 1 else plural(many))]
    forms = _SINGULAR if number == 1 else _PLURAL
    after = re.match(r"\s+(is|are|was|were|has|have)\b", text[noun[1] :])
    if after and after[1] in forms:
        edits.append(((noun[1] + after.start(1), noun[1] + after.end(1)), forms[after[1]]))
    before = re.search(r"\b[Tt]here (is|are|was|were)\s+(?:exactly |only |just )?$", text[: place[0]])
    if before and before[1] in forms:
        edits.append(((before.start(1), before.end(1)), forms[before[1]]))
    return edits


def _counted_chinese(text: str, checked: CheckedClaim, number: int) -> list[Edit] | None:
    place = checked.claim.place
    if place is None or number == 0:
        return None
    old = text[place[0] : place[1]]
    if checked.claim.negated:
        return [(place, "有")]
    new = str(number) if old.isdigit() or number >= len(_HAN) else _HAN[number]
    return [(place, new)]


def _relation(correction: str, old: str, language: str) -> str:
    """A relation in words, with the article that the wrong one came with."""
    words = [str(word) for word in word_lists(language)["relations"][correction]]
    old = old.lower()
    alike = [word for word in words if word.split()[:2] == old.split()[:2] or word.startswith(old.split()[0])]
    return alike[0] if alike else words[-1 if language == "en" else 0]


def _marked(sentence: str, language: str) -> str:
    """A sentence that says of itself that it could not be verified."""
    bare = sentence.rstrip(_STOPS)
    return bare + MARKS[language] + sentence[len(bare) :]
