"""What the terminal shows of an answer: also why what was found does not answer the question."""

from __future__ import annotations

import pytest

from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import QuestionTree
from visagent_apps.run_output import show_answer

OPEN = "what was found leaves it open"


def shown(capsys: pytest.CaptureFixture[str], claims: tuple[Claim, ...], status: str, reason: str) -> tuple[str, str]:
    question = "What is left of the cup?"
    answer = Answer(
        run_id="20260101-000000-abcdef01",
        question=question,
        text=" ".join(claim.text for claim in claims),
        status=status,
        reason=reason,
        claims=claims,
        tree=QuestionTree(question=question, nodes=()),
        media={},
    )
    try:
        show_answer(answer, json=False, trace=None, annotate=None)
    except SystemExit as ended:
        assert ended.code == 1 and status == "unanswered"
    said = capsys.readouterr()
    return said.out, said.err


def test_what_does_not_answer_the_question_is_shown_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    found = (Claim(text="There is a cup [q2].", cites=("q2",), verdict="supported"),)
    out, said = shown(capsys, found, "unanswered", OPEN)
    assert out == "There is a cup [q2].\n"
    assert f"That does not answer the question: {OPEN}." in said


def test_an_answer_and_a_refusal_say_all_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    found = (Claim(text="There is a cup [q2].", cites=("q2",), verdict="supported"),)
    assert "does not answer" not in shown(capsys, found, "answered", "")[1]
    refusal = (Claim(text="I cannot answer this: no tool can find it out."),)
    for claims in (refusal, (*refusal, *found)):
        assert "does not answer" not in shown(capsys, claims, "unanswered", "no tool can find it out")[1]
