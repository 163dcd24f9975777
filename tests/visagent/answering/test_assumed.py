import pytest

from visagent.answering.assumed import assumed_objects
from visagent.answering.openness import left_open
from visagent.answering.refiner import refine
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall
from visagent.evidence.values import Boolean, Box, Boxes, Evidence, Label, Labels, Note, Number, Text, Value

ONE, TWO = (0.0, 0.0, 40.0, 90.0), (50.0, 0.0, 90.0, 90.0)
PEOPLE = Boxes(media="m", boxes=(Box(xyxy=ONE, label="person"), Box(xyxy=TWO, label="person")))


def shirts(unseen: int = 0, number: int = 2, label: str = "shirt", part: str = "torso", known: str = "") -> Boxes:
    boxes = tuple(Box(xyxy=whole, label=label, whole=whole) for whole in (ONE, TWO)[:number])
    return Boxes(media="m", boxes=boxes, notes=(Note(kind="assumed", words=(label, str(unseen), part, known)),))


def asked(question: str, *steps: tuple[ToolCall, Value]) -> tuple[QuestionTree, dict[str, Evidence]]:
    nodes = [SubQuestion(id=f"q{at}", question="?", solver=call) for at, (call, _) in enumerate(steps, 1)]
    evidence = {
        node.id: Evidence(id=node.id, tool=node.solver.tool, value=value)
        for node, (_, value) in zip(nodes, steps, strict=True)
    }
    return QuestionTree(question=question, nodes=tuple(nodes)), evidence


def call(tool: str, **arguments: str) -> ToolCall:
    return ToolCall(tool=tool, arguments=dict(arguments))


DETECT = call("detect", image="image1", label="shirt")
BLUE = Labels(labels=(Label(name="blue", share=0.8),))


def why(tree: QuestionTree, evidence: dict[str, Evidence]) -> str | None:
    found = assumed_objects(tree, evidence, tree.sinks[-1])
    return None if found is None else found.why


def test_that_there_is_one_or_how_many_there_are_stays_open() -> None:
    exists = asked("Is there a shirt?", (DETECT, shirts()), (call("exists", items="$q1"), Boolean(value=True)))
    count = asked("How many shirts?", (DETECT, shirts()), (call("count", items="$q1"), Number(value=2)))
    assert why(*exists) == why(*count) == "place"
    assert left_open(*exists) == ["q2"]
    (said,) = refine(*exists)
    assert said.text.startswith("I could not tell whether there is a shirt: I can tell from the pose where")


def test_one_that_was_recognised_as_well_is_there() -> None:
    tree, evidence = asked(
        "Is there a shirt?", (DETECT, shirts(known="recognised")), (call("exists", items="$q1"), Boolean(value=True))
    )
    assert why(tree, evidence) is None


def test_the_color_of_one_is_told_with_a_note() -> None:
    tree, evidence = asked(
        "What color is her shirt?", (DETECT, shirts(number=1)), (call("dominant_colors", image="$q1"), BLUE)
    )
    assert why(tree, evidence) is None and left_open(tree, evidence) == []
    assert [claim.text for claim in refine(tree, evidence)] == [
        "The shirt is mostly blue [q2].",
        "I took from the pose where the shirt would be; what it is I did not check [q1].",
    ]


@pytest.mark.parametrize(
    ("question", "expected"), [("What color is her shirt?", "several"), ("What color are their shirts?", None)]
)
def test_of_several_people_it_is_not_guessed_who_is_meant(question: str, expected: str | None) -> None:
    assert why(*asked(question, (DETECT, shirts()), (call("dominant_colors", image="$q1"), BLUE))) == expected


RED = call("filter_color", boxes="$q1", color="red")
NONE = Boxes(media="m")


@pytest.mark.parametrize(
    ("unseen", "found", "expected"), [(0, True, None), (0, False, None), (1, True, None), (1, False, "unseen")]
)
def test_whether_one_is_red_needs_all_of_them_only_for_a_no(unseen: int, found: bool, expected: str | None) -> None:
    red = shirts().replace(shirts(number=1).boxes if found else [])
    tree = asked(
        "Is anyone's shirt red?", (DETECT, shirts(unseen)), (RED, red),
        (call("exists", items="$q2"), Boolean(value=found)),
    )  # fmt: skip
    assert why(*tree) == expected


@pytest.mark.parametrize(("unseen", "expected"), [(0, None), (1, "unseen")])
def test_how_many_wear_red_needs_all_of_them(unseen: int, expected: str | None) -> None:
    tree = asked(
        "How many people wear red shirts?", (DETECT, shirts(unseen)), (RED, shirts().replace(shirts(number=1).boxes)),
        (call("detect", image="image1", label="person"), PEOPLE),
        (call("overlaps", a="$q3", b="$q2"), PEOPLE.replace(PEOPLE.boxes[:1])),
        (call("count", items="$q4"), Number(value=1)),
    )  # fmt: skip
    assert why(*tree) == expected


def test_people_are_not_chosen_by_what_nobody_recognised() -> None:
    tree = asked(
        "What color is the bag of the man in a suit?", (DETECT, shirts(label="suit")),
        (call("detect", image="image1", label="person"), PEOPLE),
        (call("overlaps", a="$q2", b="$q1"), PEOPLE),
        (call("dominant_colors", image="$q3"), BLUE),
    )  # fmt: skip
    assert why(*tree) == "place"


@pytest.mark.parametrize(("held", "expected"), [(True, None), (False, "place")])
def test_what_overlaps_a_hand_is_held_and_nothing_follows_from_none(held: bool, expected: str | None) -> None:
    tree = asked(
        "Does she hold a phone?", (call("detect", image="image1", label="hand"), shirts(label="hand", part="hands")),
        (call("detect", image="image1", label="person"), PEOPLE),
        (call("overlaps", a="$q2", b="$q1"), PEOPLE if held else NONE),
        (call("exists", items="$q3"), Boolean(value=held)),
    )  # fmt: skip
    assert why(*tree) == expected


@pytest.mark.parametrize(("text", "expected"), [("STAFF", None), ("", "place")])
def test_words_on_a_shirt_are_read(text: str, expected: str | None) -> None:
    tree = asked(
        "What does his shirt say?", (DETECT, shirts(number=1)), (call("read_text", image="$q1"), Text(text=text))
    )
    assert why(*tree) == expected
