"""Metrics against cases computed by hand."""

from __future__ import annotations

import pytest

from visagent_research.metrics import (
    Graph,
    GtaStep,
    graph_scores,
    gta_step_scores,
    gta_tool_scores,
    mmvet_match,
    nlvr_scores,
    same_answer,
    set_f1,
)

TOOLS = {"find", "book", "pay"}
LINKS = {("find", "book"), ("book", "pay")}
CHAIN = Graph(nodes=("find", "book", "pay"), links=(("find", "book"), ("book", "pay")))


def test_an_f1_counts_a_name_that_is_predicted_twice_twice_against_precision() -> None:
    assert set_f1(["find", "book"], ["find", "book"]) == 1.0
    # Two of three predicted are right by name, but as a set only one is: precision 1/2, recall 1/2.
    assert set_f1(["find", "find"], ["find", "book"]) == pytest.approx(0.5)
    assert set_f1([], ["find"]) == set_f1(["find"], []) == 0.0


def test_graph_scores_are_means_over_questions_and_an_empty_plan_counts_as_nothing() -> None:
    half = Graph(nodes=("find", "pay"), links=(("find", "pay"),))
    scores = graph_scores([CHAIN, half, Graph()], [CHAIN] * 3, TOOLS, LINKS)
    # Node-F1: 1, then precision 1 and recall 2/3 = 0.8, then 0.
    assert scores["Node-F1"].value == pytest.approx((1 + 0.8) / 3)
    assert scores["Link-F1"].value == pytest.approx(1 / 3)
    assert scores["Acc"].value == pytest.approx(1 / 3)
    assert scores["NH"].value == 0
    assert scores["LH"].value == pytest.approx(1 / 3)


def test_a_tool_that_does_not_exist_is_a_hallucination_and_questions_without_gold_links_do_not_count_for_links() -> (
    None
):
    invented = Graph(nodes=("find", "fly"), links=(("find", "fly"),))
    single = Graph(nodes=("find",))
    scores = graph_scores([invented, single], [CHAIN, single], TOOLS, LINKS)
    assert (scores["NH"].value, scores["NH-any"].value) == (0.25, 0.5)
    assert (scores["LH"].value, scores["LH-any"].value) == (0.5, 0.5)
    assert scores["Link-F1"].count == 1


def call(tool: str, /, **options: object) -> GtaStep:
    return GtaStep.model_validate({"kind": "tool", "tool": tool, **options})


def test_gta_steps_are_scored_over_gold_steps_of_their_kind() -> None:
    ocr, add = call("OCR", arguments={"image": "a.jpg"}), call("Calculator", arguments={"expression": "1 + 2"})
    answer = GtaStep(kind="answer", answer="3")
    gold = [[ocr, add, answer]]
    predicted = [
        [ocr, call("Calculator", arguments={"expression": "2 + 2"}), GtaStep(kind="answer", answer="It is 3.")]
    ]
    scores = gta_step_scores(predicted, gold)
    assert {name: score.value for name, score in scores.items()} == {
        "InstAcc": 1.0,
        "ToolAcc": 1.0,
        "ArgAcc": 0.5,
        "SummAcc": 1.0,
    }
    early = gta_step_scores([[answer, ocr, GtaStep(kind="error")]], gold)
    assert early["InstAcc"].value == pytest.approx(1 / 3)
    assert early["ToolAcc"].value == 0


def test_salvaged_arguments_are_compared_loosely_and_wrong_image_names_not_at_all() -> None:
    gold = call("AddText", arguments={"image": "a.jpg", "text": 'It"s 5'}, loose=True, skip=("image",))
    given = call("AddText", arguments={"image": "b.jpg", "text": "it's 5"})
    assert gta_step_scores([[given]], [[gold]])["ArgAcc"].value == 1
    strict = gold.model_copy(update={"loose": False})
    assert gta_step_scores([[given]], [[strict]])["ArgAcc"].value == 0


def test_tools_are_scored_by_kind_over_calls() -> None:
    scores = gta_tool_scores([["OCR", "OCR", "Calculator"]], [["OCR", "Plot"]])
    # Perception: one right of two called and one gold: 2 / 3. Logic: none.
    assert scores["P"].value == pytest.approx(2 / 3)
    assert (scores["L"].value, scores["O"].value) == (0, 0)


@pytest.mark.parametrize(
    ("given", "gold", "right"),
    [("about 1,919.96 dollars", "1919.96", True), ("London, UK", "london", True), ("12", "2", False), ("", "a", False)],
)
def test_an_answer_is_right_as_whole_words_or_as_the_same_number(given: str, gold: str, right: bool) -> None:
    assert same_answer(given, gold) is right


def test_consistency_needs_every_prediction_of_a_sentence_and_accuracy_counts_all() -> None:
    scores = nlvr_scores({"1": [True, True], "2": [True, False, True, True]})
    assert scores["accuracy"].value == pytest.approx(5 / 6)
    assert scores["consistency"].value == 0.5


@pytest.mark.parametrize(
    ("given", "gold", "right"),
    [
        ("x is -1 or 5", "-1<AND>-5", False),
        ("x is -1, or -5.", "-1<AND>-5", True),
        ("A black cat!", "dog<OR>black cat", True),
        ("3.14", "3", False),
    ],
)
def test_short_answers_need_all_parts_as_whole_words(given: str, gold: str, right: bool) -> None:
    assert mmvet_match(given, gold) is right
