"""What a question asks of a table as a whole."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.fallbacks import REFUSAL
from visagent.planning.table_questions import most_of_a_table, of_a_table


@pytest.mark.parametrize(
    ("question", "how"),
    [
        ("What share of its waste did Peru recycle?", None),
        ("秘鲁的面积是多少？", None),
        ("Who drinks more tea, Peru or Chile?", "most"),
        ("Did the north get more rain in May or in June?", "most"),
        ("Were there fewer visitors in Rome or in Oslo?", "least"),
        ("哪个城市的人口最多？", "most"),
        ("Which of the three is dearest?", "most"),
        ("which tower was built first", "least"),
        ("What's the newest model?", "most"),
        ("哪座塔最早建成？", "least"),
        ("哪个最重？", "most"),
        ("How many visitors did Rome and Oslo have together?", "a + b"),
        ("罗马和奥斯陆一共有多少游客？", "a + b"),
        ("How many more visitors did Rome have than Oslo?", "a - b"),
        ("How many years earlier did Rome open than Oslo?", "b - a"),
        ("罗马比奥斯陆早开通了多少年？", "b - a"),
        ("罗马比奥斯陆多多少游客？", "a - b"),
    ],
)
def test_a_question_tells_how_a_table_is_looked_up(question: str, how: str | None) -> None:
    steps = of_a_table(question)
    assert steps[0] == {"tool": "read_table"} and steps[1]["asked"] == question
    assert (steps[-1].get("expression") or steps[-1].get("how")) == how


@pytest.mark.parametrize(
    "question",
    [
        "Is this a table?", "How many countries are listed?", "Did Peru have more than Chile?", "表里有几个城市？",
        "What is the average of Peru?", "What did all countries except Peru have?", "Peru's tea isn't listed, what is?",
        "秘鲁的面积超过多少？", "Which country has the second highest rent?", "哪个国家的茶第二多？",
        "Which country other than Peru has the most tea?", "Which has twice the tea of Peru, Chile or Cuba?",
    ],
)  # fmt: skip
def test_what_names_alone_do_not_answer_is_left(question: str) -> None:
    assert of_a_table(question) == []


@pytest.mark.parametrize(
    ("question", "number", "looked_up"),
    [("Which tower is the oldest?", 1, True), ("Which tower is the oldest?", 2, False), ("Why a tower?", 1, False)],
)
def test_the_most_of_what_a_planner_refuses_is_looked_up_in_a_table(
    question: str, number: int, looked_up: bool
) -> None:
    media = {f"image{at}": MediaInfo(hash="0" * 64, name="a.png", kind="image") for at in range(number)}
    steps = most_of_a_table([REFUSAL], question, media)
    assert [step["tool"] for step in steps] == (["read_table", "look_up"] if looked_up else ["unanswerable"])
