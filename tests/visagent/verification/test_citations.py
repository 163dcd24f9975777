"""The verifier by rules: which sentences evidence bears out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visagent.evidence.answer import Claim
from visagent.evidence.values import (
    Boolean,
    Box,
    Boxes,
    Evidence,
    Failure,
    Label,
    Labels,
    Line,
    Number,
    Text,
    Transcript,
    Value,
)
from visagent.verification.citations import parse_claims, verify

DOGS = Boxes(media="m", boxes=tuple(Box(xyxy=(0, 0, 9, 9), label="dog", confidence=0.87) for _ in range(3)))
VALUES: dict[str, Value] = {
    "q1": DOGS,
    "q2": Number(value=3),
    "q3": Text(text="Cero\n emisiones 2026", lines=(Line(text="Cero"), Line(text="emisiones 2026"))),
    "q4": Boolean(value=True),
    "q5": Failure(error="MissingInput", message="no bus was found"),
    "q6": Boxes(media="m"),
    "q7": Number(value=10 / 3, unit="s"),
    "q8": Labels(labels=(Label(name="tabby", confidence=0.456),)),
    "q9": Boolean(value=False),
    "q10": Number(value=25_000),
    "q11": Transcript(media="m", text="The code is three seven nine, and then 2, 0, 4."),
    "q12": Transcript(media="m", text="Dial 379."),
}
EVIDENCE = {
    id_: Evidence(id=id_, tool="t", arguments={"label": "dog", "limit": 40}, value=value)
    for id_, value in VALUES.items()
}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("There are 3 dogs [q1].", "supported"),
        ("There are three dogs [q1, q2].", "supported"),
        ("There are 4 dogs [q1].", "contradicted"),
        ("There are four dogs [q2].", "contradicted"),
        ("There is one dog [q2].", "contradicted"),
        ("There is 1 dog [q1].", "contradicted"),
        ("One of the dogs sleeps [q1].", "supported"),
        ("The detector is 87 % sure [q1].", "supported"),
        ("The detector is 0.87 sure [q1].", "supported"),
        ("The detector is 50 % sure [q1].", "contradicted"),
        ("No one is there, and 3 dogs are [q1].", "supported"),
        ("There are no dogs [q1].", "contradicted"),
        ("There are no dogs [q6].", "supported"),
        ("There are 3 dogs in image2 [q1].", "supported"),
        ("There are 3 dogs.", "unverifiable"),
        ("There are 3 dogs [q99].", "unverifiable"),
        ('It reads "cero emisiones" [q3].', "supported"),
        ('It reads "CERO emis…" [q3].', "supported"),
        ('It reads "cero ruidos" [q3].', "contradicted"),
        ('Asked for "dog", it reads “cero” [q3].', "supported"),
        ("It is from 2026 [q3].", "supported"),
        ("Yes, there is a dog [q4].", "supported"),
        ("No, there is no dog [q4].", "contradicted"),
        ("Yes, there is a dog [q9].", "contradicted"),
        ("No dogs bark, yes or no [q9].", "supported"),
        ("I could not tell: no bus was found [q5].", "supported"),
        ("The bus is blue [q5].", "unverifiable"),
        ("The bus is blue, with 3 dogs [q1, q5].", "unverifiable"),
        ("It takes 3.3 s [q7].", "supported"),
        ("It takes 3 s [q7].", "supported"),
        ("It takes 3.4 s [q7].", "contradicted"),
        ("It is a tabby (46 %) [q8].", "supported"),
        ("It is a tabby (45.6 percent) [q8].", "supported"),
        ("It costs 25,000 [q10].", "supported"),
        ("It is more than 40 [q10].", "supported"),
        ("有 3 个狗 [q1]。", "supported"),
        ("有三只狗 [q1]。", "supported"),
        ("有二十五只狗 [q1]。", "contradicted"),
        ("没有狗 [q1]。", "contradicted"),
        ("其中一个在睡觉 [q1]。", "supported"),
        ("The code is 379 [q11].", "supported"),
        ("The code is 397 [q11].", "contradicted"),
        ('She says "the code is 379", then 204 [q11].', "supported"),
        ('She says "the code is 378" [q11].', "contradicted"),
        ("I heard three seven nine [q12].", "supported"),
        ("I heard three nine seven [q12].", "contradicted"),
    ],
)
def test_verdicts(text: str, verdict: str) -> None:
    (claim,) = verify(parse_claims(text), EVIDENCE)
    assert claim.verdict == verdict


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("A [q1]. B [q2].", [("A [q1].", ("q1",)), ("B [q2].", ("q2",))]),
        ("A. [q1] B.", [("A. [q1]", ("q1",)), ("B.", ())]),
        ("A [q1]; b [q2, q3].", [("A [q1];", ("q1",)), ("b [q2, q3].", ("q2", "q3"))]),
        ("A [q1][q2].", [("A [q1][q2].", ("q1", "q2"))]),
        ('It says "Stop. Now! [q7]" [q1].', [('It says "Stop. Now! [q7]" [q1].', ("q1",))]),
        ("It is 3.5 m [q1]. Mr. X is 2 m.", [("It is 3.5 m [q1].", ("q1",)), ("Mr. X is 2 m.", ())]),
        ("狗有三只 [q1]。猫没有 [q2]。", [("狗有三只 [q1]。", ("q1",)), ("猫没有 [q2]。", ("q2",))]),
        ("- A [q1]\n- B", [("- A [q1]", ("q1",)), ("- B", ())]),
        ("A [q1] B [q2]", [("A [q1]", ("q1",)), ("B [q2]", ("q2",))]),
        ("", []),
        (" . ", []),
    ],
)
def test_sentences_and_their_citations(text: str, claims: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(claim.text, claim.cites) for claim in parse_claims(text)] == claims


@settings(deadline=None)
@given(st.text('ab12 ".[]q,;。“”\n', max_size=60))
def test_no_word_is_lost_and_every_text_can_be_verified(text: str) -> None:
    claims = verify(parse_claims(text), EVIDENCE)
    kept = "".join(claim.text for claim in claims)
    assert [char for char in kept if char in "ab"] == [char for char in text if char in "ab"]
    assert all(claim.verdict != "supported" for claim in claims if not claim.cites)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_count_is_supported_if_and_only_if_it_is_the_evidence_s(number: int, claimed: int) -> None:
    evidence = {"q1": Evidence(id="q1", tool="count", value=Number(value=number))}
    (claim,) = verify([Claim(text=f"I count {claimed:,} dogs [q1].", cites=("q1",))], evidence)
    assert (claim.verdict == "supported") == (number == claimed)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('The sign says "open the door and call" [q1].', "supported"),
        ("Open the door and call [q1].", "unverifiable"),
        ("Open the door and call [q2].", "unverifiable"),
        ("The door is open [q1].", "supported"),
        ("Go to http://evil.example now [q2].", "unverifiable"),
        ("Write to a@evil.example now [q2].", "unverifiable"),
        ("打开大门然后报警 [q3]。", "unverifiable"),
        ("牌子上写着“打开大门然后报警” [q3]。", "supported"),
        ("大门打开了 [q3]。", "supported"),
    ],
)
def test_what_was_read_is_quoted_and_never_said_in_the_answer_s_own_voice(text: str, verdict: str) -> None:
    values: dict[str, Value] = {
        "q1": Text(text="OPEN the door,\nand call us"),
        "q2": Boolean(value=True),
        "q3": Text(text="请打开大门然后报警！"),
    }
    evidence = {id_: Evidence(id=id_, tool="t", value=value) for id_, value in values.items()}
    (claim,) = verify(parse_claims(text), evidence)
    assert claim.verdict == verdict


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It opens at 8 a.m. and closes at 5 p.m. The U.S. flag waves.", 2),
        ("See fig. 2. Dr. Fox, Ph.D., is 1.5 m tall.", 2),
        ("有 2 只狗 [q1]。公交车上的文字是“停。走。” [q2]。", 2),
    ],
)
def test_abbreviations_and_quoted_stops_end_no_sentence(text: str, sentences: int) -> None:
    assert len(parse_claims(text)) == sentences
