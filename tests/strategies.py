"""Hypothesis strategies for what flows through a run: every evidence value, evidence, trees with evidence, answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from visagent.evidence.answer import Answer, Claim, Usage
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall, build_tree
from visagent.evidence.values import (
    XYXY,
    Boolean,
    Box,
    Boxes,
    Crop,
    Evidence,
    Failure,
    Label,
    Labels,
    Line,
    Number,
    Span,
    Spans,
    Text,
    Track,
    Tracks,
    Transcript,
)
from visagent.media.media import MediaInfo

HASH = "0" * 64

unit = st.floats(0, 1)
seconds = st.floats(0, 3600)
pixels = st.floats(0, 4000)
# JSON cannot hold lone surrogates.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def xyxys(draw: st.DrawFn) -> XYXY:
    x1, x2 = sorted((draw(pixels), draw(pixels)))
    y1, y2 = sorted((draw(pixels), draw(pixels)))
    return x1, y1, x2, y2


@st.composite
def single_tracks(draw: st.DrawFn) -> Track:
    times = draw(st.lists(seconds, max_size=4))
    places = draw(st.lists(xyxys(), min_size=len(times), max_size=len(times)))
    return Track(id=draw(st.integers(0, 99)), label=draw(words), seconds=tuple(times), xyxy=tuple(places))


boxes = st.builds(
    Boxes,
    media=st.just(HASH),
    boxes=st.lists(st.builds(Box, xyxy=xyxys(), label=words, confidence=unit), max_size=4).map(tuple),
    seconds=st.none() | seconds,
)
crops = st.builds(Crop, media=st.just(HASH), xyxy=xyxys(), scale=st.floats(0.1, 16), label=words, seconds=st.none())
labels = st.builds(
    Labels,
    labels=st.lists(st.builds(Label, name=words, confidence=unit, share=st.none() | unit), max_size=4).map(tuple),
)
lines = st.lists(
    st.builds(Line, text=words, confidence=unit, xyxy=st.none() | xyxys(), start=st.none() | seconds), max_size=4
).map(tuple)
texts = st.builds(Text, text=words, media=st.none() | st.just(HASH), lines=lines)
transcripts = st.builds(Transcript, text=words, media=st.just(HASH), language=st.none() | words, lines=lines)
numbers = st.builds(
    Number,
    value=st.floats(-1e9, 1e9) | st.integers(-50, 50).map(float),
    unit=st.none() | st.sampled_from(["€", "%", "bar"]),
    confidence=st.none() | unit,
)
booleans = st.builds(Boolean, value=st.booleans(), confidence=st.none() | unit)
tracks = st.builds(Tracks, media=st.just(HASH), tracks=st.lists(single_tracks(), max_size=3).map(tuple))
spans = st.builds(
    Spans,
    media=st.just(HASH),
    spans=st.lists(
        st.builds(
            lambda start, length, label: Span(start=start, end=start + length, label=label), seconds, seconds, words
        ),
        max_size=3,
    ).map(tuple),
)
failures = st.builds(
    Failure, error=st.sampled_from(["MissingInput", "UnknownLabel", "ValueError"]), message=words, remedy=words
)
of_type: Mapping[str, st.SearchStrategy[Any]] = {
    "boxes": boxes,
    "crop": crops,
    "labels": labels,
    "text": texts,
    "transcript": transcripts,
    "number": numbers,
    "boolean": booleans,
    "tracks": tracks,
    "spans": spans,
}
values = st.one_of(*of_type.values(), failures)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
evidence = st.builds(
    Evidence,
    id=st.sampled_from(["q1", "q2", "q10"]),
    tool=words,
    arguments=st.dictionaries(words, json_values, max_size=3),
    value=values,
    seconds=seconds,
    cached=st.booleans(),
    attempts=st.integers(1, 5),
)

EVERY_TOOL: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("detect", {"image": "image1", "label": "person"}, "boxes"),
    ("detect", {"image": "image1", "label": "bus"}, "boxes"),
    ("left_of", {"a": "$q1", "b": "$q2"}, "boxes"),
    ("right_of", {"a": "$q1", "b": "$q2"}, "boxes"),
    ("above", {"a": "$q1", "b": "$q2"}, "boxes"),
    ("below", {"a": "$q1", "b": "$q2"}, "boxes"),
    ("inside", {"a": "$q1", "b": "$q2"}, "boxes"),
    ("overlaps", {"a": "$q1", "b": "$q2"}, "boxes"),
    ("nearest", {"a": "$q1", "b": "$q2"}, "boxes"),
    ("largest", {"boxes": "$q1"}, "boxes"),
    ("merge", {"a": "$q1", "b": "$q2"}, "boxes"),
    ("sort", {"boxes": "$q11", "by": "left_to_right"}, "boxes"),
    ("filter_boxes", {"boxes": "$q11", "label": "bus", "part": "left", "min_confidence": 0.5}, "boxes"),
    ("filter_color", {"boxes": "$q1", "color": "red"}, "boxes"),
    ("locate", {"boxes": "$q12"}, "text"),
    ("crop", {"image": "image1", "part": "top_left"}, "crop"),
    ("zoom", {"image": "$q2", "factor": 3.0}, "crop"),
    ("read_text", {"image": "$q17"}, "text"),
    ("transcribe", {"audio": "audio1"}, "transcript"),
    ("caption", {"image": "$q16"}, "text"),
    ("classify", {"image": "$q2"}, "labels"),
    ("dominant_colors", {"image": "$q9"}, "labels"),
    ("track", {"video": "video1", "label": "dog"}, "tracks"),
    ("frame", {"video": "video1", "seconds": 2.5}, "crop"),
    ("count", {"items": "$q3"}, "number"),
    ("count", {"items": "$q23"}, "number"),
    ("exists", {"items": "$q3"}, "boolean"),
    ("exists", {"items": "$q18"}, "boolean"),
    ("pick", {"items": "$q12", "position": -2}, "boxes"),
    ("pick", {"items": "$q18", "position": 1}, "text"),
    ("compare", {"a": "$q25", "op": ">", "b": "$q26"}, "boolean"),
    ("find_number", {"text": "$q18", "near": "total"}, "number"),
    ("find_number", {"text": "$q19"}, "number"),
    ("compare", {"a": "$q32", "op": "<=", "b": 40}, "boolean"),
    ("all_true", {"values": ["$q27", "$q31", "$q34"]}, "boolean"),
    ("any_true", {"values": ["$q27", "$q28"]}, "boolean"),
    ("negate", {"value": "$q36"}, "boolean"),
    ("calculate", {"expression": "(a - b) * 2 / 3", "a": "$q25", "b": 5}, "number"),
    ("contains", {"text": "$q18", "query": "no entry"}, "boolean"),
    ("find_text", {"text": "$q19", "query": "price"}, "text"),
    ("extract", {"text": "$q18", "kind": "date"}, "labels"),
    ("tyre_pressure", {"region": "$q2", "careful": True, "limit": 2.5}, "number"),
    ("is_clean", {"region": "$q2"}, "boolean"),
)
"""A call of every first-party tool and of two that nobody knows, with the type of its result; call k is q<k>."""


@st.composite
def solved_trees(draw: st.DrawFn, size: int = 8) -> tuple[QuestionTree, dict[str, Evidence]]:
    """Some of `EVERY_TOOL` with all that they need, and arbitrary evidence, some of it failed."""
    wanted = draw(st.sets(st.integers(1, len(EVERY_TOOL)), min_size=1, max_size=size))
    nodes: dict[str, SubQuestion] = {}

    def add(number: int) -> None:
        tool, arguments, _ = EVERY_TOOL[number - 1]
        node = SubQuestion(id=f"q{number}", question=tool, solver=ToolCall(tool=tool, arguments=arguments))
        for need in node.needs:
            add(int(need[1:]))
        nodes[node.id] = node

    for number in sorted(wanted):
        add(number)
    found: dict[str, Evidence] = {}
    for id_, node in nodes.items():
        fails = draw(st.integers(0, 9)) == 0 or any(found[need].failed for need in node.needs)
        value = draw(failures if fails else of_type[EVERY_TOOL[int(id_[1:]) - 1][2]])
        found[id_] = Evidence(id=id_, tool=node.solver.tool, arguments=node.solver.arguments, value=value)
    return build_tree("What is there?", list(nodes.values())), found


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    tree, found = draw(solved_trees(size=3))
    claims = st.builds(
        Claim,
        text=words,
        cites=st.lists(st.sampled_from(list(found)), max_size=2).map(tuple),
        verdict=st.sampled_from(["supported", "contradicted", "unverifiable"]),
    )
    info = st.builds(MediaInfo, hash=hashes, kind=st.sampled_from(["image", "video", "audio"]), name=words)
    said = tuple(draw(st.lists(claims, max_size=3)))
    return Answer(
        run_id=draw(words),
        question=draw(words),
        text=draw(words),
        # Nothing is answered without a claim.
        status=draw(st.sampled_from(["answered", "unanswered"] if said else ["unanswered"])),
        reason=draw(words),
        claims=said,
        tree=tree,
        evidence=found,
        media=draw(st.dictionaries(st.sampled_from(["image1", "video1"]), info)),
        usage=draw(st.builds(Usage, seconds=seconds, tool_calls=st.integers(0, 99))),
        mode=draw(words),
        profile=draw(words),
        created=draw(st.datetimes(timezones=st.just(UTC))),
    )
