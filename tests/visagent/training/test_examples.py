"""Training examples from traces and from the data of others."""

from __future__ import annotations

import json

import pytest

from visagent.answer import Answer, Claim
from visagent.errors import InputError
from visagent.evaluation.foreign import ForeignTool
from visagent.evaluation.gta import GtaItem, GtaTool
from visagent.evaluation.nlvr.benchmark import NlvrItem
from visagent.evaluation.nlvr.grammar import PRIOR
from visagent.evaluation.ultratool import GraphItem
from visagent.evidence import Boxes
from visagent.toolkit import Toolkit, tool
from visagent.training.examples import (
    TrainingExample,
    check_apart,
    graph_examples,
    gta_examples,
    nlvr_examples,
    trace_example,
    without_doubles,
)
from visagent.tree import QuestionTree, SubQuestion, ToolCall


@tool
def spot(label: str) -> Boxes:
    """Find things."""
    return Boxes(media="0" * 64)


TOOLKIT = Toolkit([spot])


def answered(*, verdict: str = "supported", ids: tuple[str, str] = ("q1", "q3")) -> Answer:
    first, last = ids
    nodes = (
        SubQuestion(id=first, question="?", solver=ToolCall(tool="spot", arguments={"label": "dog"})),
        SubQuestion(id=last, question="?", solver=ToolCall(tool="count", arguments={"items": f"${first}"})),
    )
    claim = Claim.model_validate({"text": "Two.", "cites": [last], "verdict": verdict})
    tree = QuestionTree(question="How many dogs?", nodes=nodes)
    return Answer(run_id="r1", question="How many dogs?", text="Two.", status="answered", claims=(claim,), tree=tree)


def test_a_verified_run_is_an_example_with_its_references_counted_from_one() -> None:
    example = trace_example(answered(ids=("q3", "q11")), TOOLKIT)
    assert example is not None
    assert json.loads(example.target)["steps"][1] == {"tool": "count", "items": "$q1"}
    assert "spot(label: text)" in example.messages[0].content


def test_a_run_that_is_not_borne_out_is_learned_from_only_if_a_person_said_so() -> None:
    doubtful = answered(verdict="unverifiable")
    assert trace_example(doubtful, TOOLKIT) is None
    assert trace_example(doubtful, TOOLKIT, good=True) is not None


def test_a_gold_tool_is_always_shown_even_where_retrieval_misses_it() -> None:
    tools = [ForeignTool(name=f"t{number}") for number in range(30)]
    item = GraphItem.model_validate(
        {"id": 1, "user_request": "do it", "task_nodes": [{"task": "t7"}, {"task": "t29"}], "task_links": []}
    )
    (example,) = graph_examples([item], tools, shown=5)
    assert len(example.tools) == 5
    assert {"t7", "t29"} <= set(example.tools)
    assert json.loads(example.target) == {"steps": [{"tool": "t7"}, {"tool": "t29"}]}


def test_every_gold_step_of_gta_is_an_example() -> None:
    item = GtaItem.model_validate(
        {"id": 1, "question": "?", "steps": [{"action": "OCR", "args": {}, "response": "x"}], "answer": "3"}
    )
    tools = [GtaTool.model_validate({"name": "OCR", "description": "reads", "inputs": []})]
    first, last = gta_examples([item], tools)
    assert (first.target, last.target) == ('{"tool":"OCR"}', '{"tool":"answer","text":"3"}')


def test_a_program_that_verifies_on_every_scene_becomes_a_plan_and_one_that_does_not_is_no_example() -> None:
    record = [[{"x_loc": 1, "y_loc": 1, "type": "circle", "color": "Black", "size": 20}], [], []]
    items = [
        NlvrItem.model_validate(
            {"id": "1-0", "group": group, "sentence": sentence, "label": "true", "structured_rep": record}
        )
        for group, sentence in (("1", "There is a black circle"), ("2", "There is a yellow square"))
    ]
    (example,) = nlvr_examples(items, PRIOR, TOOLKIT)
    assert [step["tool"] for step in json.loads(example.target)["steps"]] == [
        "segment_shapes",
        "labelled",
        "labelled",
        "exists",
    ]


def plain(id_: str, question: str) -> TrainingExample:
    return TrainingExample(id=id_, source="test", messages=(), target="{}", split_by=question)


def test_equal_examples_are_kept_once_and_a_question_stands_in_one_split() -> None:
    assert [one.id for one in without_doubles([plain("a", "x"), plain("b", "x")])] == ["a"]
    splits = [plain(str(number), f"question {number}").split for number in range(300)]
    assert splits.count("train") > 200 and splits.count("validation") > 10 and splits.count("test") > 10
    assert plain("a", "x").split == plain("b", "x").split


def test_a_held_out_question_that_is_trained_on_is_refused_with_both_names() -> None:
    check_apart([plain("a", "x")], [plain("b", "y")])
    with pytest.raises(InputError, match="b is held out, and a asks the same"):
        check_apart([plain("a", "X ")], [plain("b", "x")])
