import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visagent.core.errors import PlanError
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall, build_tree, references
from visagent.evidence.values import Evidence, Failure, Number


def node(id_: str, tool: str = "x", **arguments: Any) -> SubQuestion:
    return SubQuestion(id=id_, question=f"what about {id_}?", solver=ToolCall(tool=tool, arguments=arguments))


DIAMOND = build_tree("all?", [node("q1"), node("q2", a="$q1"), node("q3", a="$q1"), node("q4", a=["$q2", "$q3"])])


@pytest.mark.parametrize(
    ("argument", "ids"),
    [("$q1", ["q1"]), (["$q2", "x", "$q1"], ["q2", "q1"]), ("cost: $q1", []), ("$quick", []), (3, []), (None, [])],
)
def test_references_are_whole_arguments_or_list_items(argument: Any, ids: list[str]) -> None:
    assert list(references(argument)) == ids


def test_a_tree_knows_its_order_sinks_depth_and_dependants() -> None:
    assert DIAMOND.order == ("q1", "q2", "q3", "q4")
    assert DIAMOND.sinks == ("q4",)
    assert DIAMOND.depth() == 3
    assert DIAMOND.dependants("q2") == {"q4"}
    assert DIAMOND["q4"].needs == ("q2", "q3")


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([node("q1"), node("q1")], "share an id"),
        ([node("q1", a="$q7")], r"refers to \$q7"),
        ([node("q1", a="$q2"), node("q2", a="$q1")], "in a circle"),
        ([node("q1", a="$q1")], "in a circle"),
    ],
)
def test_what_is_not_a_tree_is_refused_with_its_reason(nodes: list[SubQuestion], reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        build_tree("?", nodes)


def test_replacing_a_node_keeps_the_rest_and_is_checked() -> None:
    changed = DIAMOND.replace(node("q2", tool="y", a="$q1"), node("q5", a="$q4"))
    assert changed["q2"].solver.tool == "y" and changed.sinks == ("q5",) and len(changed) == 5
    with pytest.raises(PlanError, match="circle"):
        DIAMOND.replace(node("q1", a="$q4"))


def test_the_text_shows_each_sub_question_once_with_its_evidence() -> None:
    evidence = {
        "q1": Evidence(id="q1", tool="x", value=Number(value=3), seconds=0.0412),
        "q2": Evidence(id="q2", tool="x", value=Failure(error="ToolError", message="too dark"), cached=True),
    }
    text = DIAMOND.to_text(evidence)
    assert text.count("what about q1?") == 1 and "q1 (above)" in text
    assert "3  41 ms" in text and "ToolError: too dark  cached" in text


def test_mermaid_and_graphviz_hold_every_edge_and_escape_what_people_write() -> None:
    tree = build_tree('say "hi" <b>', [node("q1"), node("q2", a="$q1")])
    assert "q1 --> q2" in tree.to_mermaid() and "q2 --> root" in tree.to_mermaid()
    assert '"say &quot;hi&quot; &lt;b&gt;"' in tree.to_mermaid()
    assert "q1 -> q2;" in tree.to_graphviz() and r"\"hi\"" in tree.to_graphviz()


@st.composite
def trees(draw: st.DrawFn) -> QuestionTree:
    literals = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8).filter(lambda t: t[:2] != "$q")
    nodes = []
    for number in range(1, draw(st.integers(1, 7))):
        earlier = [f"$q{i}" for i in range(1, number)]
        argument = st.sampled_from(earlier) | literals if earlier else literals
        arguments = draw(st.dictionaries(st.sampled_from("abc"), argument | st.lists(argument, max_size=2), max_size=3))
        nodes.append(node(f"q{number}", draw(st.sampled_from(["detect", "count"])), **arguments))
    return build_tree(draw(st.text(max_size=20)), nodes)


@given(trees())
def test_json_round_trips(tree: QuestionTree) -> None:
    assert QuestionTree.model_validate_json(tree.model_dump_json()) == tree
    assert json.loads(tree.model_dump_json())["question"] == tree.question


@given(trees())
def test_the_order_puts_every_child_before_its_parents(tree: QuestionTree) -> None:
    position = {id_: index for index, id_ in enumerate(tree.order)}
    assert len(position) == len(tree)
    assert all(position[need] < position[node.id] for node in tree.nodes for need in node.needs)
