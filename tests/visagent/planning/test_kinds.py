"""Which kind of thing a question asks for."""

from __future__ import annotations

import pytest

from visagent.planning.kinds import of_kind


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What kind of bird sits there?", "bird"),
        ("Which vehicle is it?", "vehicle"),
        ("How is this insect called?", "insect"),
        ("What breed is the dog?", "dog"),
        ("这是什么水果？", "水果"),
        ("What is it?", None),
        ("What is on the table of this kitchen?", None),
        ("What kind of thing is this?", None),
        ("What does the picture show?", None),
        ("What tune is it, and which bird sings?", "tune bird"),
    ],
)
def test_the_kind_that_a_question_names_is_asked_for(question: str, kind: str | None) -> None:
    assert of_kind([{"tool": "classify"}], question) == [{"tool": "classify", **({"kind": kind} if kind else {})}]


def test_what_kind_of_thing_a_thing_is_the_picture_shows() -> None:
    found = [
        {"tool": "detect", "label": "东西", "image": "image1"},
        {"tool": "classify", "image": "$q1", "kind": "东西"},
    ]
    assert of_kind(found, "这是什么东西？") == [{"tool": "classify", "image": "image1"}]
    cat = [{"tool": "detect", "label": "cat"}, {"tool": "classify", "image": "$q1", "kind": "cat"}]
    assert of_kind(cat, "What cat is it?") == cat


def test_of_several_things_it_is_not_known_which_is_meant() -> None:
    twice = [{"tool": "classify", "image": "image1"}, {"tool": "classify", "image": "image2"}]
    assert of_kind(twice, "Which bird is it?") == twice
