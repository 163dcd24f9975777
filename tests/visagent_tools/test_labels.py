"""What people call things, and what a detector makes of it."""

from __future__ import annotations

import pytest

from visagent.core.errors import MissingInput, UnknownLabel
from visagent_tools.engines.nanodet import COCO_LABELS
from visagent_tools.labels import BROADER_OF, CATEGORY_OF, SYNONYM_OF, resolve


def coco(label: str) -> tuple[str, ...]:
    return resolve(label, COCO_LABELS, detector="the packaged NanoDet")


@pytest.mark.parametrize("label", COCO_LABELS)
def test_a_label_of_the_detector_means_itself_in_any_case_and_spelling(label: str) -> None:
    assert coco(label) == coco(label.upper()) == coco(f" the {label}. ") == (label,)
    assert coco(label.replace(" ", "")) == coco(label.replace(" ", "-")) == coco(label.replace(" ", "_")) == (label,)


@pytest.mark.parametrize("label", [label for label in COCO_LABELS if not label.endswith(("s", "knife", "mouse"))])
def test_a_label_is_understood_in_the_plural(label: str) -> None:
    assert coco(label + ("es" if label.endswith(("ch", "sh")) else "s")) == (label,)


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("people", "person"),
        ("persons", "person"),
        ("Pedestrians", "person"),
        ("human beings", "person"),
        ("bikes", "bicycle"),
        ("motorbike", "motorcycle"),
        ("a plane", "airplane"),
        ("aeroplanes", "airplane"),
        ("lorries", "truck"),
        ("buses", "bus"),
        ("smartphone", "cell phone"),
        ("cellphones", "cell phone"),
        ("mobile phones", "cell phone"),
        ("television", "tv"),
        ("monitors", "tv"),
        ("sofa", "couch"),
        ("mugs", "cup"),
        ("kitten", "cat"),
        ("puppies", "dog"),
        ("soccer ball", "sports ball"),
        ("purse", "handbag"),
        ("tables", "dining table"),
        ("plants", "potted plant"),
        ("fridge", "refrigerator"),
        ("knives", "knife"),
        ("mice", "mouse"),
        ("sheep", "sheep"),
        ("ski", "skis"),
        ("hair dryers", "hair drier"),
        ("doughnuts", "donut"),
        ("wine glasses", "wine glass"),
        ("skateboards", "skateboard"),
        ("benches", "bench"),
        ("toothbrushes", "toothbrush"),
        ("hotdogs", "hot dog"),
    ],
)
def test_an_everyday_word_means_the_detectors_label(word: str, label: str) -> None:
    assert coco(word) == (label,)


def test_a_category_means_all_its_kinds() -> None:
    assert set(coco("vehicles")) >= {"car", "bus", "bicycle", "boat"}
    assert "person" not in coco("animal") and set(coco("animals")) >= {"cat", "dog", "giraffe"}
    assert coco("fruits") == ("banana", "apple", "orange")
    assert coco("objects") == COCO_LABELS


def test_orange_is_the_fruit() -> None:
    assert coco("oranges") == ("orange",)


@pytest.mark.parametrize("word", ["woman", "men", "girls", "child", "police officers", "a guy", "cyclist"])
def test_who_a_person_is_is_refused_because_the_detector_cannot_tell(word: str) -> None:
    with pytest.raises(UnknownLabel) as caught:
        coco(word)
    assert "finds person, but cannot tell whether one is a" in caught.value.fact
    assert caught.value.remedy.startswith("Ask for person")


@pytest.mark.parametrize(
    ("word", "broader"), [("geese", "bird"), ("taxi", "car"), ("poodles", "dog"), ("ferry", "boat")]
)
def test_a_narrower_kind_is_refused_and_the_broader_one_offered(word: str, broader: str) -> None:
    with pytest.raises(UnknownLabel, match=f"finds {broader}, but cannot tell"):
        coco(word)


def test_an_adjective_is_refused_and_the_color_left_to_another_tool() -> None:
    with pytest.raises(UnknownLabel) as caught:
        coco("red cars")
    assert caught.value.fact.startswith('detect(label="red cars"): the packaged NanoDet finds car')
    assert caught.value.remedy.startswith("Ask for car, then keep those of the color")
    with pytest.raises(UnknownLabel, match="Ask for dog, then look closer"):
        coco("big dog")


def test_an_unknown_label_is_named_with_what_the_detector_knows_and_two_ways_out() -> None:
    with pytest.raises(UnknownLabel) as caught:
        coco("zebra crossing")
    assert caught.value.fact == 'detect(label="zebra crossing"): the packaged NanoDet knows the 80 COCO labels only.'
    assert "open-vocabulary detector" in caught.value.remedy
    assert "one of: zebra, person, " in caught.value.remedy


def test_a_misspelt_label_brings_up_the_right_one() -> None:
    with pytest.raises(UnknownLabel, match="one of: giraffe, "):
        coco("girafe")


@pytest.mark.parametrize("label", ["", "  ", "?"])
def test_an_empty_label_is_missing_input(label: str) -> None:
    with pytest.raises(MissingInput):
        coco(label)


def test_an_open_vocabulary_takes_any_words() -> None:
    assert resolve(" The Zebra  crossing", None, detector="Grounding DINO") == ("zebra crossing",)


def test_a_detectors_own_word_goes_before_every_other_reading() -> None:
    own = ("Woman", "sofa", "animal")
    assert resolve("women", own, detector="mine") == ("Woman",)
    assert resolve("sofas", own, detector="mine") == ("sofa",)
    assert resolve("animals", own, detector="mine") == ("animal",)
    with pytest.raises(UnknownLabel, match="mine knows 3 labels only"):
        resolve("person", own, detector="mine")


def test_the_lists_of_words_do_not_contradict_each_other() -> None:
    assert not SYNONYM_OF.keys() & BROADER_OF.keys()
    assert not SYNONYM_OF.keys() & CATEGORY_OF.keys()
    assert not CATEGORY_OF.keys() & BROADER_OF.keys()
    assert not set(COCO_LABELS) & (SYNONYM_OF.keys() | CATEGORY_OF.keys() | BROADER_OF.keys())
    named = {*SYNONYM_OF.values(), *BROADER_OF.values(), *(kind for kinds in CATEGORY_OF.values() for kind in kinds)}
    assert named <= set(COCO_LABELS)
