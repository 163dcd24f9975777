"""Spans of time as evidence: how an answer says them, what it may say of them, and where a citation of one leads."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from visagent.answering.phrasing import phrase
from visagent.answering.refiner import refine
from visagent.evidence.answer import Claim
from visagent.evidence.contents import summary
from visagent.evidence.spans import moment, united
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Evidence, Note, Span, Spans
from visagent.media.media import MediaInfo
from visagent.reporting.provenance import grounds
from visagent.verification.citations import verify

CLIP = MediaInfo(hash="b" * 64, kind="video", name="b.mp4", width=64, height=48, seconds=20.0)
DOGS = Spans(media=CLIP.hash, spans=(Span(start=2.04, end=5.5, label="dog"), Span(start=8, end=9.5, label="dog")))


def asked(value: Spans, *, by: str = "seen", then: str | None = None) -> tuple[QuestionTree, dict[str, Evidence]]:
    """A tree in which somebody asks when there is a dog, and then for the first or last time."""
    calls = [ToolCall(tool="when", arguments={"video": "video1", "event": "dog", "by": by})]
    values = [value]
    if then is not None:
        calls.append(ToolCall(tool=then, arguments={"spans": "$q1"}))
        values.append(value.replace(value.spans[:1]))
    nodes: dict[str, SubQuestion] = {}
    found = {}
    for number, (call, result) in enumerate(zip(calls, values, strict=True), 1):
        id_ = f"q{number}"
        nodes[id_] = SubQuestion(id=id_, question=phrase(call, nodes), solver=call)
        found[id_] = Evidence(id=id_, tool=call.tool, arguments=call.arguments, value=result)
    return build_tree("?", list(nodes.values())), found


def said(value: Spans, language: str = "en", **how: str) -> str:
    tree, found = asked(value, **how)
    claims = verify(refine(tree, found, language), found)
    assert {claim.verdict for claim in claims} == {"supported"}, claims
    return " ".join(claim.text for claim in claims)


def test_an_answer_says_where_in_the_clip_it_is() -> None:
    assert said(DOGS) == '"dog" is there 2 times: at video1@2.0-5.5s and video1@8.0-9.5s [q1].'
    assert "video1@2.0-5.5s" in said(DOGS, "zh") and "2 次" in said(DOGS, "zh")
    assert said(DOGS, then="first").endswith("is at video1@2.0-5.5s [q2].")


def test_an_answer_says_that_it_never_happens() -> None:
    assert said(Spans(media=CLIP.hash), by="heard").startswith('At no time did I hear "dog"')
    assert "没有" in said(Spans(media=CLIP.hash), "zh")


def test_a_clip_that_broke_off_is_spoken_of() -> None:
    part = DOGS.model_copy(update={"notes": (Note(kind="indexed_until", words=("9.5", "20.0")),)})
    assert "Of 20.0 s only the first 9.5 could be decoded [q1]." in said(part)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("The dog is at video1@2.0-5.5s [q1].", "supported"),
        ("The dog is at video1@8s [q1].", "supported"),
        ("The dog is there 2 times, for 4.96 s [q1].", "supported"),
        ("The dog is at video1@3.1-5.5s [q1].", "contradicted"),
        ("The dog is there 3 times [q1].", "contradicted"),
        ("There is no dog [q1].", "contradicted"),
        ("The dog is at mail@evil.example [q1].", "unverifiable"),
    ],
)
def test_times_are_checked_against_the_spans(text: str, verdict: str) -> None:
    _, found = asked(DOGS)
    (claim,) = verify([Claim(text=text, cites=("q1",))], found)
    assert claim.verdict == verdict


def test_a_citation_leads_to_each_span() -> None:
    tree, found = asked(DOGS)
    places = grounds("q1", tree, found, {"video1": CLIP})
    assert [(place.start, place.end, place.label) for place in places] == [(2.04, 5.5, "dog"), (8, 9.5, "dog")]
    assert [place.time for place in places] == ["video1@2.0-5.5s", "video1@8.0-9.5s"]


def test_time_in_which_spans_overlap_counts_once() -> None:
    assert united([(8, 9), (1, 3), (2, 4)]) == [(1, 4), (8, 9)]
    assert united([(1, 2), (2.5, 3)], gap=0.5) == [(1, 3)]
    assert DOGS.seconds == pytest.approx(4.96) and summary(DOGS) == "2 spans"


def test_a_moment_has_one_time() -> None:
    assert moment("video1", 12.31) == moment("video1", 12.31, 12.34) == "video1@12.3s"


@pytest.mark.parametrize(("start", "end"), [(2.0, 1.0), (-1.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_a_span_that_is_none_is_refused(start: float, end: float) -> None:
    with pytest.raises(ValidationError):
        Span(start=start, end=end)
