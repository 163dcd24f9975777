"""Verdicts on claims from evidence, and texts repaired from verdicts; no expert is asked."""

from __future__ import annotations

from typing import Any

import pytest

from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import (
    Boolean,
    Box,
    Boxes,
    Evidence,
    Failure,
    Label,
    Labels,
    Line,
    Note,
    Number,
    Text,
    Transcript,
    Value,
)
from visagent.verification.claims import AtomicClaim, CheckedClaim, Faithfulness
from visagent.verification.extract import RuleExtractor
from visagent.verification.judge import Judgement, corrected, judge, over_media
from visagent.verification.repair import repair

NONE, ONE = Boxes(media="m"), Boxes(media="m", boxes=(Box(xyxy=(0, 0, 9, 9), label="dog"),))
UNKNOWN = Failure(error="UnknownLabel", message="it knows 80 labels only")
EMPTY = Failure(error="MissingInput", message="nothing to compare with")
YES, NO = Boolean(value=True), Boolean(value=False)


def claim(kind: Any, **fields: Any) -> AtomicClaim:
    return AtomicClaim(kind=kind, words="w", sentence=(0, 1), noun=fields.pop("noun", "dog"), **fields)


def found(*values: Value) -> list[Evidence]:
    tools = {"boxes": "detect", "boolean": "exists", "number": "count", "text": "read_text", "failure": "detect"}
    tools |= {"labels": "dominant_colors"}
    return [Evidence(id=f"q{at}", tool=tools[value.type], value=value) for at, value in enumerate(values, start=1)]


def men(clear: int, unclear: int) -> Boxes:
    boxes = tuple(Box(xyxy=(at, 0, at + 5, 9), unclear=at >= clear) for at in range(clear + unclear))
    return Boxes(media="m", boxes=boxes, notes=(Note(kind="by_looks", words=("man", "person", "1")),))


RELATED = {"relation": "left_of", "other": "cat"}


@pytest.mark.parametrize(
    ("said", "values", "verdict"),
    [
        (claim("existence"), (ONE, YES), "supported"),
        (claim("existence"), (NONE, NO), "contradicted"),
        (claim("existence", negated=True), (NONE, NO), "supported"),
        (claim("existence", negated=True), (ONE, YES), "contradicted"),
        (claim("existence"), (UNKNOWN, EMPTY), "unverifiable"),
        (claim("existence", negated=True), (UNKNOWN, EMPTY), "unverifiable"),
        (claim("count", number=1), (ONE, Number(value=1), YES), "supported"),
        (claim("count", number=3), (ONE, Number(value=1), NO), "contradicted"),
        (claim("count", number=3, **RELATED), (ONE, NONE, EMPTY, EMPTY), "contradicted"),
        (claim("count", number=3), (UNKNOWN, UNKNOWN), "unverifiable"),
        (claim("attribute", color="red"), (ONE, NO), "contradicted"),
        (claim("attribute", color="red"), (NONE, NO), "unverifiable"),
        (claim("relation", **RELATED), (ONE, ONE, YES), "supported"),
        (claim("relation", **RELATED), (ONE, NONE, EMPTY, EMPTY), "unverifiable"),
        (claim("relation", negated=True, **RELATED), (ONE, NONE, EMPTY, EMPTY), "supported"),
        (claim("relation", **RELATED), (ONE, UNKNOWN, EMPTY, EMPTY), "unverifiable"),
        (claim("other"), (NO,), "contradicted"),
        (claim("existence", noun="man"), (men(1, 1), YES), "supported"),
        (claim("existence", noun="man"), (men(0, 1), YES), "unverifiable"),
        (claim("existence", noun="man"), (men(0, 0), NO), "contradicted"),
        (claim("count", noun="man", number=1), (men(1, 1), Number(value=2), NO), "unverifiable"),
        (claim("count", noun="man", number=1), (men(1, 0), Number(value=1), YES), "supported"),
    ],
)
def test_verdicts(said: AtomicClaim, values: tuple[Value, ...], verdict: str) -> None:
    assert judge(said, found(*values)).verdict == verdict


BUS = {"black": 0.39, "blue": 0.26, "gray": 0.24, "white": 0.05}
CUP = {"red": 0.5, "white": 0.3, "black": 0.1}
COFFEE_CUP = {"brown": 0.38, "orange": 0.37, "red": 0.14, "white": 0.11}
TYRE = {"black": 0.8, "gray": 0.15}


@pytest.mark.parametrize(
    ("shares", "color", "verdict"),
    [
        (BUS, "blue", "supported"),
        (BUS, "black", "unverifiable"),
        (BUS, "gray", "unverifiable"),
        (BUS, "white", "contradicted"),
        (CUP, "red", "supported"),
        (CUP, "white", "supported"),
        (CUP, "brown", "contradicted"),
        (COFFEE_CUP, "red", "unverifiable"),
        (COFFEE_CUP, "brown", "unverifiable"),
        (COFFEE_CUP, "blue", "contradicted"),
        (TYRE, "black", "supported"),
        (TYRE, "gray", "unverifiable"),
    ],
)
def test_what_is_dark_on_everything_is_no_second_color_and_a_thing_of_two_colors_is_either(
    shares: dict[str, float], color: Any, verdict: str
) -> None:
    labels = Labels(labels=tuple(Label(name=name, share=share) for name, share in shares.items()))
    holds = Boolean(value=shares.get(color, 0) >= 0.2)
    assert judge(claim("attribute", color=color), found(ONE, labels, holds)).verdict == verdict


def test_the_color_that_is_told_instead_is_one_that_the_thing_may_be_called_by() -> None:
    for shares, color, instead in ((BUS, "white", "blue"), (COFFEE_CUP, "blue", ""), (TYRE, "red", "black")):
        labels = Labels(labels=tuple(Label(name=name, share=share) for name, share in shares.items()))
        assert corrected(claim("attribute", color=color), found(ONE, labels)) == instead


@pytest.mark.parametrize(
    ("quote", "read", "verdict", "correction"),
    [
        ("cero emisiones", "CERO\nemisiones", "supported", ""),
        ("electric bus", "eIectric bus", "supported", ""),
        ("line 14", "line 15", "contradicted", "line 15"),
        ("no entry", "buses only", "contradicted", ""),
        ("no entry", "", "contradicted", ""),
    ],
)
def test_a_misread_letter_is_forgiven_and_a_wrong_digit_is_not(
    quote: str, read: str, verdict: str, correction: str
) -> None:
    text = Text(text=read, lines=tuple(Line(text=line) for line in read.splitlines()))
    judged = judge(claim("text", quote=quote), found(text, NO))
    assert (judged.verdict, judged.correction) == (verdict, correction)


def test_speech_that_is_nearly_what_is_quoted_may_have_been_misheard() -> None:
    heard = [
        Evidence(id="q1", tool="transcribe", value=Transcript(text="He was not an old-sposed young man.", media="m"))
    ]
    judged = judge(claim("speech", quote="not an ill disposed young man"), [*heard, *found(NO)])
    assert judged.verdict == "unverifiable" and "old-sposed" in judged.reason


def test_a_claim_holds_if_one_picture_bears_it_out_and_a_denial_only_if_all_do() -> None:
    judgements = {"image1": Judgement("contradicted"), "image2": Judgement("supported")}
    assert over_media(claim("existence"), judgements) == "image2"
    assert over_media(claim("existence", negated=True), judgements) == "image1"


async def repaired(text: str, language: str, *verdicts: tuple[Any, str], **options: Any) -> str | None:
    claims = await RuleExtractor().extract(text, language)
    checked = [
        CheckedClaim(claim=one, verdict=verdict, correction=correction)
        for one, (verdict, correction) in zip(claims, verdicts, strict=True)
    ]
    return repair(text, checked, language, **options)


GOOD, BAD, OPEN = ("supported", ""), ("contradicted", ""), ("unverifiable", "")


@pytest.mark.parametrize(
    ("text", "language", "verdicts", "expected"),
    [
        ("There are three dogs.", "en", [("contradicted", "2")], "There are two dogs."),
        ("There are three dogs.", "en", [("contradicted", "1")], "There is one dog."),
        ("There is one dog.", "en", [("contradicted", "3")], "There are three dogs."),
        ("Three dogs are here.", "en", [("contradicted", "0")], "No dogs are here."),
        ("There are 3 people.", "en", [("contradicted", "1")], "There is 1 person."),
        ("At least three dogs.", "en", [("contradicted", "0")], None),
        ("There are no dogs.", "en", [("contradicted", "1")], "There is one dog."),
        ("There is a dog.", "en", [("contradicted", "0")], "There is no dog."),
        ("The dog is red.", "en", [("contradicted", "0"), OPEN], None),
        ("The cup is green.", "en", [GOOD, ("contradicted", "brown")], "The cup is brown."),
        (
            "The cup is left of the cat.",
            "en",
            [GOOD, GOOD, ("contradicted", "right_of")],
            "The cup is right of the cat.",
        ),
        ('It reads "line 14".', "en", [("contradicted", "line 15")], 'It reads "line 15".'),
        ('It reads "a".', "en", [("contradicted", '"b" [q9]')], "It reads \"'b' q9\"."),
        ("Three red dogs.", "en", [("contradicted", "2")], "Two red dogs."),
        ("A cup. Two cats.", "en", [GOOD, BAD], "A cup."),
        ("A cup. A wooden cat.", "en", [GOOD, GOOD, OPEN], "A cup. A wooden cat (unverified)."),
        ("A zebra.", "en", [OPEN], "A zebra (unverified)."),
        ("有三只狗。", "zh", [("contradicted", "2")], "有两只狗。"),
        ("没有狗。", "zh", [("contradicted", "2")], "有狗。"),
        ("杯子是绿色的。", "zh", [GOOD, ("contradicted", "brown")], "杯子是棕色的。"),
        ("天气很好。", "zh", [OPEN], "天气很好（未核实）。"),
    ],
)
async def test_repairs(text: str, language: str, verdicts: list[tuple[str, str]], expected: str | None) -> None:
    assert await repaired(text, language, *verdicts) == expected


async def test_what_cannot_be_verified_can_be_cut_and_then_nothing_may_be_left() -> None:
    assert await repaired("A cup. A zebra.", "en", GOOD, OPEN, unverifiable="cut") == "A cup."
    assert await repaired("A zebra.", "en", OPEN, unverifiable="cut") is None


@pytest.mark.parametrize(
    ("verdicts", "score", "verdict"),
    [
        (["supported", "supported"], 1.0, "supported"),
        (["supported", "contradicted", "unverifiable"], 0.5, "contradicted"),
        (["supported", "unverifiable"], 1.0, "unverifiable"),
        (["unverifiable"], None, "unverifiable"),
        ([], None, "unverifiable"),
    ],
)
def test_the_score_is_the_part_of_what_can_be_checked(verdicts: list[Any], score: float | None, verdict: str) -> None:
    claims = tuple(CheckedClaim(claim=claim("existence"), verdict=one) for one in verdicts)
    tree = QuestionTree(question="t", nodes=())
    result = Faithfulness(text="t", language="en", claims=claims, repaired="t", tree=tree)
    assert (result.score, result.verdict) == (score, verdict)
    assert Faithfulness.model_validate_json(result.model_dump_json()) == result
