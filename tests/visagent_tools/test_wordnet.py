"""Words along WordNet's hypernyms."""

from __future__ import annotations

import pytest

from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.detect import detect
from visagent_tools.engines.efficientnet import LABELS
from visagent_tools.recognition import classes_of_word
from visagent_tools.wordnet import classes_of, label_above


@pytest.mark.parametrize(
    ("word", "label"),
    [("welder", "person"), ("vicars", "person"), ("mountain bike", "bicycle"), ("heifer", "cow"), ("pew", "bench")],
)
def test_a_word_for_some_of_what_a_label_means_is_known(word: str, label: str) -> None:
    assert label_above(word) == label


@pytest.mark.parametrize("word", ["jumper", "stroller", "toaster", "pitcher", "honesty", "person", "dog", "", "图"])
def test_a_word_that_means_another_thing_as_well_is_not_taken_for_a_person(word: str) -> None:
    assert label_above(word) is None


def test_kinds_of_a_thing_are_the_classes_below_it() -> None:
    lobsters = {LABELS[index] for index in classes_of("lobster")}
    assert lobsters == {"American lobster", "spiny lobster"}
    assert not classes_of("relation") and not classes_of("honesty")


def test_tables_written_by_hand_come_first() -> None:
    beaches = {LABELS[index] for index in classes_of_word("beach")}
    assert beaches == {"seashore", "lakeside", "sandbar"}


def test_people_are_found_for_a_welder_and_said_to_be_people(bus: Media) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'visagent[embedded]'")
    found = detect([Crop.whole(bus)], "welder", Context())
    assert {box.label for box in found.boxes} == {"person"}
    assert [(note.kind, note.words) for note in found.notes] == [("broader", ("welder", "person"))]
