"""What is said of people who are told apart by their faces, and what is left open as some show none."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from visagent.answering.openness import left_open
from visagent.answering.refiner import refine
from visagent.evidence.notes import Note
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Boolean, Box, Boxes, Evidence, Label, Labels, Number, Text, Value

MEDIA = "0" * 64
ONE, TWO, THREE = (Box(label="person", xyxy=(at, 0, at + 5, 9)) for at in (0, 10, 20))


def planned(question: str, *calls: tuple[str, Mapping[str, str | int]]) -> QuestionTree:
    nodes = [
        SubQuestion(id=f"q{at}", question="", solver=ToolCall(tool=tool, arguments=dict(arguments)))
        for at, (tool, arguments) in enumerate(calls, 1)
    ]
    return build_tree(question, nodes)


def found(*values: Value) -> dict[str, Evidence]:
    return {f"q{at}": Evidence(id=f"q{at}", tool="t", value=value) for at, value in enumerate(values, 1)}


def by_looks(word: str, clear: tuple[Box, ...], unclear: tuple[Box, ...] = (), others: int = 0) -> Boxes:
    note = Note(kind="by_looks", words=(word, "person", str(others)))
    marked = tuple(box.model_copy(update={"unclear": True}) for box in unclear)
    return Boxes(media=MEDIA, boxes=(*clear, *marked), notes=(note,))


def detect(word: str) -> tuple[str, dict[str, str]]:
    return "detect", {"image": "image1", "label": word}


def told(tree: QuestionTree, evidence: dict[str, Evidence], language: str = "en") -> str:
    return " ".join(claim.text for claim in refine(tree, evidence, language))


COUNT = "count", {"items": "$q1"}
EXISTS = "exists", {"items": "$q1"}


def test_a_number_of_women_holds_where_every_face_tells() -> None:
    tree = planned("How many women?", detect("woman"), COUNT)
    evidence = found(by_looks("woman", (ONE, TWO), others=1), Number(value=2))
    assert left_open(tree, evidence) == []
    assert told(tree, evidence).startswith("There are probably 2 women [q2]. I go by how faces look")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "I could not tell the number of women: 2 people look like women by the face, and of 1 more person I see no",
        ),
        ("zh", "我无法确定女人的数量：从脸上看，2 个人像女人，另有 1 个人的脸看不清楚"),
    ],
)
def test_a_number_of_women_is_open_where_one_shows_no_face(language: str, said: str) -> None:
    tree = planned("How many women?", detect("woman"), COUNT)
    evidence = found(by_looks("woman", (ONE, TWO), (THREE,)), Number(value=3))
    assert left_open(tree, evidence) == ["q2"]
    assert told(tree, evidence, language).startswith(said)


@pytest.mark.parametrize(
    ("clear", "unclear", "others", "is_open", "said"),
    [
        ((ONE,), (), 0, False, "Probably yes: there is a woman"),
        ((ONE,), (TWO,), 1, False, "Probably yes: there is a woman"),
        ((), (TWO,), 1, True, "Probably there is a person"),
        ((), (), 2, False, "Probably not: there is no woman"),
    ],
)
def test_a_yes_needs_one_clear_face_and_a_no_needs_all(
    clear: tuple[Box, ...], unclear: tuple[Box, ...], others: int, is_open: bool, said: str
) -> None:
    women = by_looks("woman", clear, unclear, others)
    tree = planned("Is there a woman?", detect("woman"), EXISTS)
    evidence = found(women, Boolean(value=bool(women.boxes)))
    assert left_open(tree, evidence) == (["q2"] if is_open else [])
    text = told(tree, evidence)
    assert text.startswith(said) or (is_open and text.startswith("There is a person"))


def test_one_who_may_be_is_told_by_the_broader_word() -> None:
    tree = planned(
        "?",
        detect("woman"),
        ("sort", {"boxes": "$q1", "by": "left_to_right"}),
        ("pick", {"items": "$q2", "position": 1}),
    )
    women = by_looks("woman", (ONE,), (TWO,))
    clear, unclear = (found(women, women.replace(women.boxes), women.replace([box])) for box in women.boxes)
    assert "woman" in told(tree, clear).partition("]")[0] and "woman" not in told(tree, unclear).partition("]")[0]


CHOICE = [detect("man"), EXISTS, detect("woman"), ("exists", {"items": "$q3"})]


def test_a_choice_is_answered_by_what_the_face_looks_like() -> None:
    tree = planned("Is this a man or a woman?", *CHOICE)
    evidence = found(
        by_looks("man", (ONE,)), Boolean(value=True), by_looks("woman", (), others=1), Boolean(value=False)
    )
    assert left_open(tree, evidence) == []
    assert told(tree, evidence) == (
        "Probably there is a man [q2, q4]. I go by how the face looks, and nobody is recognised [q1, q3]."
    )


@pytest.mark.parametrize("unclear", [(), (THREE,)])
def test_a_choice_is_open_where_both_or_neither_may_be(unclear: tuple[Box, ...]) -> None:
    tree = planned("Is this a man or a woman?", *CHOICE)
    yes = Boolean(value=True)
    both = found(by_looks("man", (ONE,), unclear), yes, by_looks("woman", (TWO,), unclear), yes)
    assert left_open(tree, both) == ["q2", "q4"]
    assert told(tree, both).startswith(
        "I could not tell which it is: not every face tells, or more than one person may"
    )
    no = Boolean(value=False)
    neither = found(by_looks("man", (), others=1), no, by_looks("woman", (), others=1), no)
    assert left_open(tree, neither) == ["q2", "q4"]


@pytest.mark.parametrize(("unclear", "opened"), [((), []), ((THREE,), ["q5"])])
def test_more_men_than_women_hangs_on_those_who_show_no_face(unclear: tuple[Box, ...], opened: list[str]) -> None:
    counts = [COUNT, ("count", {"items": "$q2"}), ("compare", {"a": "$q3", "op": ">", "b": "$q4"})]
    tree = planned("More men than women?", detect("man"), detect("woman"), *counts)
    men, women = by_looks("man", (ONE, TWO), unclear), by_looks("woman", (), unclear)
    numbers = Number(value=len(men.boxes)), Number(value=len(women.boxes))
    assert left_open(tree, found(men, women, *numbers, Boolean(value=True))) == opened


def test_those_who_show_no_face_do_not_matter_where_they_are_not_chosen() -> None:
    left = "filter_boxes", {"boxes": "$q1", "part": "left"}
    tree = planned("How many women on the left?", detect("woman"), left, ("count", {"items": "$q2"}))
    women = by_looks("woman", (ONE,), (THREE,))
    assert left_open(tree, found(women, women.replace([ONE]), Number(value=1))) == []
    assert left_open(tree, found(women, women.replace(women.boxes), Number(value=2))) == ["q3"]


@pytest.mark.parametrize(("clear", "is_open"), [(True, False), (False, True)])
def test_in_which_picture_a_woman_is_one_clear_face_says(clear: bool, is_open: bool) -> None:
    tree = planned("Which picture shows a woman?", detect("woman"), ("locate", {"boxes": "$q1"}))
    boxes = tuple(box.model_copy(update={"media": "b" * 64}) for box in (ONE, TWO))
    women = by_looks("woman", boxes[:1] if clear else (), boxes[1:]).model_copy(update={"pictures": (MEDIA, "b" * 64)})
    place = Text(text="person: center (50 % from the left, 50 % from the top) in picture 2", media=MEDIA)
    assert left_open(tree, found(women, place)) == (["q2"] if is_open else [])


def test_what_those_wear_who_may_be_is_told_with_a_note() -> None:
    tree = planned("What colors do the men wear?", detect("man"), ("dominant_colors", {"image": "$q1"}))
    colors = Labels(labels=(Label(name="red", confidence=1, share=0.9),))
    evidence = found(by_looks("man", (ONE,), (TWO,)), colors)
    assert left_open(tree, evidence) == []
    text = told(tree, evidence)
    assert "red" in text and "By their faces, 1 person looks like a man and of 1 I see no face that tells" in text


def test_evidence_of_a_plan_that_was_given_up_says_nothing_of_the_next_one() -> None:
    tree = planned("What is the man doing?", detect("man"), ("caption", {"image": "$q1"}))
    evidence = found(by_looks("man", (ONE,), (TWO,)), Text(text="It shows 1 person.", media=MEDIA))
    earlier = evidence | {"q9": evidence["q1"].model_copy(update={"id": "q9"})}
    assert told(tree, earlier) == told(tree, evidence)
