"""Which languages a packaged planner is asked in."""

from __future__ import annotations

import pytest

from visagent.planning.language import not_understood

pytest.importorskip("py3langid", reason="needs py3langid: pip install 'visagent[embedded]'")


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Ist eine Person links von der Katze?", "German"),
        ("¿De qué color es el autobús?", "Spanish"),
        ("Combien de chiens y a-t-il ?", "French"),
        ("Сколько собак на фото?", "Russian"),
        ("犬は何匹いますか？", "Japanese"),
        ("개가 몇 마리 있나요?", "Korean"),
    ],
)
def test_a_question_in_another_language_is_refused_with_those_understood(question: str, language: str) -> None:
    refused = not_understood(question)
    assert refused is not None and refused["tool"] == "unanswerable"
    assert f"in {language}" in str(refused["reason"]) and "English and Chinese" in str(refused["reason"])


@pytest.mark.parametrize(
    "question",
    ["red car?", "dogs?", "What does Ausgang mean?", "有几只狗？", "hw many catz", "cat left or right", "2+2"],
)
def test_short_and_misspelt_questions_are_not_taken_for_another_language(question: str) -> None:
    assert not_understood(question) is None
