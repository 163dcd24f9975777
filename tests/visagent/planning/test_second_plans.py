"""What is asked instead, where the detector does not know a word."""

from __future__ import annotations

import pytest

from visagent.evidence.notes import Note
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Evidence, Failure, Value
from visagent.planning.plan_language import read_plan, write_plan
from visagent.planning.second_plans import second_plan
from visagent.tools.toolkit import Toolkit

SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}
MEDIA = "0" * 64
UNKNOWN = Failure(error="UnknownLabel", message="No such label.")
BLOCKED = Failure(error="MissingInput", message="What it needs failed.")
NONE = Boxes(media=MEDIA, boxes=())
DOUBTED = NONE.model_copy(update={"notes": (Note(kind="doubted", words=("bird",)),)})
ONE = Boxes(media=MEDIA, boxes=(Box(label="dog", confidence=0.9, xyxy=(0, 0, 9, 9)),))
TWO = Boxes(media=MEDIA, boxes=tuple(Box(label="dog", confidence=0.9, xyxy=(x, 0, x + 9, 9)) for x in (0, 20)))


def tried(question: str, plan: str, found: dict[str, Value]) -> tuple[QuestionTree, dict[str, Evidence]]:
    """A plan's tree, in which the detections of some labels found this and everything above a failure failed."""
    nodes = [
        SubQuestion(
            id=f"q{number}",
            question="",
            solver=ToolCall(tool=str(step["tool"]), arguments={k: v for k, v in step.items() if k != "tool"}),
        )
        for number, step in enumerate(read_plan(plan, SPECS), start=1)
    ]
    tree = build_tree(question, nodes)
    evidence: dict[str, Evidence] = {}
    for node in nodes:
        blocked = any(evidence[need].failed for need in node.needs)
        label = str(node.solver.arguments.get("label"))
        value = BLOCKED if blocked else found.get(label, ONE)
        evidence[node.id] = Evidence(id=node.id, tool=node.solver.tool, value=value)
    return tree, evidence


@pytest.mark.parametrize(
    ("question", "plan", "found", "instead", "without"),
    [
        (
            "What is sprayed on the gondola?",
            'read_text(detect("gondola"))',
            {"gondola": UNKNOWN},
            "read_text()",
            ("gondola",),
        ),
        (
            "What number is on the tail of the second one?",
            'find_number(read_text(zoom(overlaps(detect("tail"),detect("dog")))))',
            {"tail": UNKNOWN},
            "find_number(read_text())",
            ("tail",),
        ),
        (
            "What book is the man reading?",
            'read_text(overlaps(detect("book"),detect("man")))',
            {"book": NONE, "None": BLOCKED},
            None,
            (),
        ),
        (
            "What is the title of this book?",
            'read_text(detect("book"))',
            {"book": NONE, "None": BLOCKED},
            "read_text()",
            ("book",),
        ),
        (
            "What sort of bird sits on her glove?",
            'classify(overlaps(detect("bird"),detect("glove")))',
            {"bird": DOUBTED, "glove": UNKNOWN},
            'classify(kind="bird")',
            ("glove",),
        ),
        (
            "What colour is the dog by the trough?",
            'dominant_colors(nearest(detect("dog"),detect("trough")))',
            {"trough": UNKNOWN},
            'dominant_colors(detect("dog"))',
            ("trough",),
        ),
        (
            "Is there an archive button?",
            'exists(detect("archive button"))',
            {"archive button": UNKNOWN},
            'contains(read_text(),"archive")',
            (),
        ),
        (
            "Is there an archive button on the screen?",
            'exists(overlaps(detect("archive button"),detect("screen")))',
            {"archive button": UNKNOWN},
            'contains(read_text(),"archive")',
            (),
        ),
        ("Is there a blue button?", 'exists(detect("blue button"))', {"blue button": UNKNOWN}, None, ()),
        # Which of two dogs stands there is not known.
        (
            "What colour is the dog by the trough?",
            'dominant_colors(nearest(detect("dog"),detect("trough")))',
            {"trough": UNKNOWN, "dog": TWO},
            None,
            (),
        ),
        (
            "Is there a dog in the trough?",
            'exists(inside(detect("dog"),detect("trough")))',
            {"trough": UNKNOWN, "dog": NONE},
            'exists(detect("dog"))',
            ("trough",),
        ),
        # There is one; whether it is in there is another matter.
        (
            "Is there a dog in the trough?",
            'exists(inside(detect("dog"),detect("trough")))',
            {"trough": UNKNOWN},
            None,
            (),
        ),
        (
            "What is shown to the right of the turbine?",
            'caption(right_of(detect("thing"),detect("turbine")))',
            {"turbine": UNKNOWN},
            'find_text(read_text(),"turbine",where="right_of")',
            (),
        ),
        ("How many turbines are there?", 'count(detect("turbine"))', {"turbine": UNKNOWN}, None, ()),
        ("What colour is the dog?", 'dominant_colors(detect("dog"))', {"dog": BLOCKED}, None, ()),
    ],
)
def test_what_can_be_asked_without_an_unknown_word_is(
    question: str, plan: str, found: dict[str, Value], instead: str | None, without: tuple[str, ...]
) -> None:
    tree, evidence = tried(question, plan, found)
    second = second_plan(tree, evidence, tree.sinks[-1])
    assert (write_plan(second.steps, SPECS) if second else None) == instead
    assert (second.without if second else ()) == without


def test_where_there_is_no_table_the_picture_is_described() -> None:
    tree, evidence = tried("Which is the oldest?", 'look_up(read_table(),asked="Which is the oldest?",how="most")', {})
    for id_ in ("q1", "q2"):
        evidence[id_] = Evidence(id=id_, tool="t", value=BLOCKED)
    second = second_plan(tree, evidence, "q2")
    assert second is not None and write_plan(second.steps, SPECS) == "caption()"


def test_people_of_whom_nothing_shows_what_they_do_are_described() -> None:
    tree, evidence = tried("What is she doing?", 'doing(image=detect("woman"))', {"woman": TWO})
    evidence["q2"] = Evidence(id="q2", tool="doing", value=BLOCKED)
    second = second_plan(tree, evidence, "q2")
    assert second is not None and write_plan(second.steps, SPECS) == 'caption(detect("woman"))'


def test_none_that_another_expert_sees_is_not_taken_for_none() -> None:
    doubted = NONE.model_copy(update={"notes": (Note(kind="doubted", words=("dog",)),)})
    tree, evidence = tried(
        "Is there a dog in the trough?",
        'exists(inside(detect("dog"),detect("trough")))',
        {"trough": UNKNOWN, "dog": doubted},
    )
    second = second_plan(tree, evidence, tree.sinks[-1])
    # Asked of the dogs alone it stays as open as before.
    assert second is not None and write_plan(second.steps, SPECS) == 'exists(detect("dog"))'


def test_which_is_more_in_a_column_is_looked_up_in_the_table() -> None:
    tree, evidence = tried("Which has more rain?", 'find_number(read_text(),near="rain")', {})
    evidence["q2"] = Evidence(id="q2", tool="find_number", value=BLOCKED)
    second = second_plan(tree, evidence, "q2")
    assert second is not None and write_plan(second.steps, SPECS) == 'best_row(read_table(),"most",by="rain")'


@pytest.mark.parametrize(
    ("question", "near", "cell"),
    [
        ("How much did Norway pay for tea?", "tea", 'cell(read_table(),row="tea",column="Norway")'),
        ("what was the rent in 2011", "rent", 'cell(read_table(),row="rent",column="2011")'),
        ("How much is the tea?", "tea", 'look_up(read_table(),"How much is the tea?")'),
        ("Is it tea?", "tea", None),
        ("What do 3 pots of tea cost?", "pots", 'look_up(read_table(),"What do 3 pots of tea cost?")'),
        (
            "What do 3 cups of tea cost?",
            "cups",
            'calculate("a * 3",find_number(read_text(),near="tea",kind="price"))',
        ),
        ("How much did Norway pay for tea without Peru?", "tea", None),
    ],
)
def test_a_number_that_stands_beside_no_word_is_looked_up_where_two_words_meet(
    question: str, near: str, cell: str | None
) -> None:
    tree, evidence = tried(question, f'find_number(read_text(),near="{near}")', {})
    evidence["q2"] = Evidence(id="q2", tool="find_number", value=BLOCKED)
    second = second_plan(tree, evidence, "q2")
    assert (None if second is None else write_plan(second.steps, SPECS)) == cell


@pytest.mark.parametrize(
    ("question", "row", "other", "column"),
    [
        ("how many points more does norway pay for tea then peru", "norway", "peru", "tea"),
        ("How much more did Norway pay for green tea than Peru?", "Norway", "Peru", "green tea"),
        ("What is the difference between Norway and Peru in tea?", "Norway", "Peru", "tea"),
        ("How much more tea than coffee is there?", "", "", ""),
        ("How much less tea than coffee is there?", "", "", ""),
        ("What is the difference?", "", "", ""),
    ],
)
def test_how_much_more_one_row_has_is_worked_out_from_two_cells(
    question: str, row: str, other: str, column: str
) -> None:
    tree, evidence = tried(
        question, 'calculate("a - b",a=find_number(read_text(),near="tea"),b=find_number(read_text(),near="peru"))', {}
    )
    for id_ in tree.order:
        if tree[id_].solver.tool != "read_text":
            evidence[id_] = Evidence(id=id_, tool=tree[id_].solver.tool, value=BLOCKED)
    second = second_plan(tree, evidence, tree.sinks[-1])
    assert (second is None) == (question == "What is the difference?")
    if second is None or not row:
        # Of the names that the table has, the expert finds the two that are meant.
        expression = None if second is None else second.steps[-1]["expression"]
        assert expression == (None if second is None else "b - a" if "less" in question else "a - b")
        return
    cells = [step for step in second.steps if step["tool"] == "cell"]
    assert [(step["row"], step["column"]) for step in cells] == [(row, column), (other, column)]
    assert second.steps[-1] == {"tool": "calculate", "expression": "a - b", "a": "$q3", "b": "$q5"}


@pytest.mark.parametrize(
    ("question", "op"),
    [
        ("Does Norway pay more for green tea than Peru?", ">"),
        ("did Norway spend less money on green tea than Peru", "<"),
        ("Does Norway pay more than Peru?", None),
        ("Is the tea in Norway better than in Peru?", None),
    ],
)
def test_whether_one_row_has_more_is_worked_out_from_two_cells(question: str, op: str | None) -> None:
    numbers = 'a=find_number(read_text(),near="tea"),op=">",b=find_number(read_text(),near="Peru")'
    tree, evidence = tried(question, f"compare({numbers})", {})
    for id_ in tree.order:
        if tree[id_].solver.tool != "read_text":
            evidence[id_] = Evidence(id=id_, tool=tree[id_].solver.tool, value=BLOCKED)
    second = second_plan(tree, evidence, tree.sinks[-1])
    assert (None if second is None else second.steps[-1]) == (
        None if op is None else {"tool": "compare", "a": "$q3", "op": op, "b": "$q5"}
    )
    if second is not None:
        cells = [step for step in second.steps if step["tool"] == "cell"]
        assert [(step["row"], step["column"]) for step in cells] == [("Norway", "green tea"), ("Peru", "green tea")]
