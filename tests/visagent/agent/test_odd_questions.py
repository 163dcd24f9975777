"""What people type that is no question, or that a small planner takes for another one: through the real planner."""

from pathlib import Path

import pytest
from PIL import Image

from visagent.agent.agent import Agent

pytest.importorskip("xllamacpp", reason="the planner needs llama.cpp: pip install 'visagent[embedded]'")
EXAMPLES = Path(__file__).parents[3] / "examples"
CAT, COFFEE = EXAMPLES / "cat.webp", EXAMPLES / "coffee.webp"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    return Agent("embedded", home=tmp_path_factory.mktemp("home"))


@pytest.mark.slow
@pytest.mark.parametrize("question", ["asdf qwer", "asdf", "hello", "???", "🙂"])
def test_what_is_no_question_is_not_answered_and_it_is_said_how_to_ask(agent: Agent, question: str) -> None:
    answer = agent.ask(question, Image.new("RGB", (64, 64), "gray"))
    assert answer.status == "unanswered"
    assert answer.text.startswith("I cannot answer this: no question was found in it; write a whole one, such as ")


@pytest.mark.slow
def test_a_thing_in_one_picture_of_two_is_not_in_all_of_them(agent: Agent) -> None:
    said = agent.ask("Are there cats in all pictures?", CAT, COFFEE)
    assert said.text.startswith("Probably not: there is no cat in image2")
    said = agent.ask("Are there dogs in all pictures?", CAT, COFFEE)
    assert said.text.startswith("Probably not: there is no dog in image1 and image2")
    assert agent.ask("Are there cats in all pictures?", CAT, CAT).text.startswith("Yes, there is a cat")


def test_no_question_is_said_in_the_language_of_what_was_typed(agent: Agent) -> None:
    answer = agent.ask("啊啊啊", Image.new("RGB", (64, 64), "gray"))
    assert answer.status == "unanswered" and "请提一个完整的问题" in answer.text
