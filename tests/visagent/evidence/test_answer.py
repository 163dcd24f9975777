"""Answers: what they say of themselves, and that nothing is lost on the way to JSON and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import answers, evidence

from visagent.core.errors import InputError
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Evidence, Number, Value

slow = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def dogs(**fields: object) -> Answer:
    found = Boxes(media="m", boxes=(Box(xyxy=(0, 0, 1, 1), confidence=0.6), Box(xyxy=(0, 0, 2, 2), confidence=0.8)))
    calls = [ToolCall(tool="detect", arguments={"label": "dog"}), ToolCall(tool="count", arguments={"items": "$q1"})]
    nodes = [SubQuestion(id=f"q{at}", question="?", solver=call) for at, call in enumerate(calls, 1)]
    known: list[Value] = [found, Number(value=2)]
    made = {f"q{at}": Evidence(id=f"q{at}", tool="t", value=value) for at, value in enumerate(known, 1)}
    claims = (Claim(text="There are 2 <dogs> [q2].", cites=("q2",)),)
    given_: dict[str, object] = {
        "run_id": "r",
        "question": "How many <dogs>?",
        "text": claims[0].text,
        "status": "answered",
        "claims": claims,
        "tree": build_tree("How many <dogs>?", nodes),
        "evidence": made,
    }
    return Answer.model_validate(given_ | fields)


@slow
@given(evidence)
def test_evidence_survives_json(found: Evidence) -> None:
    assert Evidence.model_validate_json(found.model_dump_json()) == found


@slow
@given(answers())
def test_an_answer_survives_json(answer: Answer) -> None:
    assert Answer.from_json(answer.to_json()) == answer


def test_an_answer_of_another_version_is_refused() -> None:
    data = json.loads(dogs().to_json()) | {"version": 2}
    with pytest.raises(InputError, match=r"version 2.*reads version 1"):
        Answer.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}'])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Answer.from_json(text)


def test_confidence_is_that_of_the_weakest_evidence_under_the_claims() -> None:
    assert dogs().confidence == 0.6
    assert dogs(claims=(), status="unanswered").confidence is None


def test_a_notebook_is_shown_no_markup_from_a_question() -> None:
    assert "<dogs>" not in dogs()._repr_html_()
    assert "\\<dogs\\>" in dogs()._repr_markdown_().split("```")[0]


def test_show_prints_the_tree_and_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    dogs().show()
    shown = capsys.readouterr().out
    assert "How many <dogs>?" in shown and "q1" in shown and "There are 2 <dogs> [q2]." in shown
