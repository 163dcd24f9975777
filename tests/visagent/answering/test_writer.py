"""What a model writes is kept only where it says what the evidence says."""

from __future__ import annotations

import pytest

from visagent.answering.refiner import Ruled, by_rules
from visagent.answering.writer import supported_claims
from visagent.evidence.answer import Claim
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall
from visagent.evidence.values import Boolean, Boxes, Evidence, Label, Labels, Line, Number, Text, Value
from visagent.verification.citations import states

NONE = Evidence(id="q1", tool="detect", arguments={"image": "image1", "label": "dog"}, value=Boxes(media="m"))
NO = Evidence(id="q2", tool="exists", arguments={"items": "$q1"}, value=Boolean(value=False))
RULED = Ruled([], {"q2": Claim(text="No, there is no dog [q2].", cites=("q2",))}, [])


def claim(text: str, *cites: str) -> Claim:
    return Claim(text=f"{text} [{', '.join(cites)}].", cites=cites)


def tree() -> QuestionTree:
    steps = {"q1": ("detect", {"image": "image1", "label": "dog"}), "q2": ("exists", {"items": "$q1"})}
    nodes = [
        SubQuestion(id=id_, question="?", solver=ToolCall(tool=tool, arguments=arguments))
        for id_, (tool, arguments) in steps.items()
    ]
    return QuestionTree(question="Is there a dog?", nodes=tuple(nodes))


@pytest.mark.parametrize("words", ["The dog is a cat", "The picture is nice", "There is a dog in the picture"])
def test_a_sentence_that_does_not_say_what_was_found_gives_way_to_the_rules(words: str) -> None:
    evidence = {"q1": NONE, "q2": NO}
    assert [one.text for one in supported_claims([claim(words, "q1", "q2")], RULED, tree(), evidence)] == [
        RULED.on["q2"].text
    ]
    assert [one.text for one in supported_claims([claim(words, "q1")], RULED, tree(), evidence)] == [
        RULED.on["q2"].text
    ]


def test_a_sentence_that_says_it_stands_once_however_often_it_was_written() -> None:
    said = claim("I see no dog anywhere", "q1", "q2")
    (only,) = supported_claims([said, said], RULED, tree(), {"q1": NONE, "q2": NO})
    assert only.text == said.text and only.verdict == "supported"


def test_what_the_rules_say_of_the_whole_stays_beside_what_a_model_writes() -> None:
    plan = tree().model_copy(update={"unsaid": ("tomorrow",)})
    ruled = by_rules(plan, {"q1": NONE, "q2": NO}, "en")
    assert ruled.after, "there is more to say than one sentence on each child of the root"
    said = claim("I see no dog anywhere", "q1", "q2")
    first, *others = supported_claims([said], ruled, plan, {"q1": NONE, "q2": NO})
    assert first.text == said.text and others == ruled.after


@pytest.mark.parametrize(
    ("value", "words", "said"),
    [
        (Number(value=3), "There are three of them", True),
        (Number(value=3), "There are some of them", False),
        (Boolean(value=False), "It is not there", True),
        (Boolean(value=False), "It is there", False),
        (Boolean(value=False), "图中没有狗", True),
        (Labels(labels=(Label(name="blue", confidence=0.9),)), "It is painted blue", True),
        (Labels(labels=(Label(name="blue", confidence=0.9),)), "It is painted", False),
        (Text(text="EXIT", lines=(Line(text="EXIT"),)), 'It says "EXIT"', True),
        (Text(text="EXIT", lines=(Line(text="EXIT"),)), "It says something", False),
    ],
)
def test_what_states_a_value(value: Value, words: str, said: bool) -> None:
    assert states(claim(words, "q1"), Evidence(id="q1", tool="t", value=value)) is said
