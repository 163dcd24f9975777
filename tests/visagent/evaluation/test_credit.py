"""What tools are worth: masking, judging, and the question file."""

from __future__ import annotations

from pathlib import Path

import pytest

from visagent.agent.agent import Agent
from visagent.core.errors import InputError
from visagent.evaluation.credit import Prediction, credit, tool_credit
from visagent.evaluation.questions import load_medium, load_questions
from visagent.media.media import Media

QUESTIONS = Path(__file__).parents[2] / "end_to_end" / "questions.yaml"
EXAMPLES = Path(__file__).parents[3] / "examples"


def asked(right: bool, masked: str = "", **changes: object) -> Prediction:
    told = {"id": "x", "masked": masked, "right": right, "answer": "", "calls": {"count": 2}, "costs": {"count": 0.5}}
    return Prediction.model_validate(told | changes)


def test_credit_tells_merit_from_presence_and_harm() -> None:
    pairs = [
        (asked(True), asked(False, "count")),
        (asked(True), asked(True, "count")),
        (asked(True), asked(True, "count")),
        (asked(False), asked(True, "count")),
        (asked(False), asked(False, "count")),
    ]
    found = tool_credit("count", pairs)
    shares = [found.only_with.value, found.anyway.value, found.harmed.value, found.never.value]
    assert shares == pytest.approx([0.2, 0.4, 0.2, 0.2])
    assert found.only_with.low <= 0.2 <= found.only_with.high
    assert (found.questions, found.calls, found.seconds) == (5, 10, 2.5)


async def test_each_tool_of_a_plan_is_masked_once_and_no_other_one(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    file = tmp_path / "questions.yaml"
    file.write_text(
        f"- id: cats\n  media: [{EXAMPLES / 'cat.png'}]\n"
        "  question: How many cats are there?\n  expect: {number: 1}\n"
    )
    (question,) = load_questions(file)
    told: list[Prediction] = []
    agent = Agent("embedded", home=tmp_path / "home")
    before = list(agent.tools)
    report = await credit(
        agent,
        [(question, [load_medium(question.media[0], tmp_path)])],
        on_prediction=lambda one, made, total: told.append(one),
    )
    assert told[0].masked == "" and told[0].right
    assert [one.masked for one in told[1:]] == list(told[0].calls)
    for one in told[1:]:
        assert not any(call.startswith(f"{one.masked}(") for call in one.plan)
    assert report.right.value == 1.0
    assert report.right_without_tools is None and "model that sees" in report.why_not
    detect = next(one for one in report.tools if one.tool == "detect")
    assert detect.calls == 1 and detect.seconds > 0
    assert list(agent.tools) == before


def test_the_projects_own_questions_are_of_the_format() -> None:
    found = load_questions(QUESTIONS)
    assert len(found) >= 20 and len({one.id for one in found}) == len(found)


def test_media_lie_beside_the_file_in_a_package_or_in_a_named_folder(tmp_path: Path) -> None:
    receipt = load_medium("receipt.png", QUESTIONS.parent)
    assert isinstance(receipt, Media) and receipt.size == (420, 480)
    assert load_medium("here:receipt.png", tmp_path, {"here": QUESTIONS.parent}).hash == receipt.hash
    with pytest.raises(InputError, match="--folder there=PATH"):
        load_medium("there:receipt.png", tmp_path)
    with pytest.raises(InputError, match="nosuchpackage is not installed"):
        load_medium("package:nosuchpackage/a.png", tmp_path)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{", "questions.yaml"),
        ("{}", "no list"),
        ("- id: a\n  media: [x]\n  question: y\n  expect: {nubmer: 1}", "question 1: expect.nubmer"),
        ("- id: a\n  question: y\n  expect: {number: 1}", "question 1: media"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_place(tmp_path: Path, text: str, names: str) -> None:
    file = tmp_path / "questions.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=names):
        load_questions(file)
