"""Captions of real photos and real speech, true and false, through the embedded experts.

What is true of each medium was found by looking and listening, before any expert was asked. `unverifiable` is what the
experts cannot know: a label, a material, a doing.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from visagent.agent.agent import Agent
from visagent.core.config import Budget
from visagent.core.errors import MediaError, QuestionError
from visagent.evidence.values import Crop
from visagent.tools.toolkit import Toolkit, tool

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[3] / "examples"
TRUE, FALSE, OPEN = "supported", "contradicted", "unverifiable"

CAPTIONS = [
    # One white cup with coffee on a red saucer, with a spoon, on a wooden table.
    ("coffee", "There is a cup.", TRUE),
    ("coffee", "There is a dog.", FALSE),
    ("coffee", "There are no cats.", TRUE),
    ("coffee", "There is exactly one cup.", TRUE),
    ("coffee", "Three cups are on the table.", FALSE),
    ("coffee", "A cup on a table.", TRUE),
    ("coffee", "The table is brown.", TRUE),
    ("coffee", "The cup is blue.", FALSE),
    # Red outside, white inside, and more coffee than cup in its box: no color of it is denied, and none is borne out.
    ("coffee", "The cup is red.", OPEN),
    ("coffee", "The cup is white.", OPEN),
    ("coffee", "The cup is brown.", OPEN),
    ("coffee", "There is a saucer.", OPEN),
    ("coffee", "The table is wooden.", OPEN),
    ("coffee", "桌子上有一个杯子。", TRUE),
    ("coffee", "桌子上有两个杯子。", FALSE),
    ("coffee", "杯子是绿色的。", FALSE),
    ("coffee", "图片里没有狗。", TRUE),
    # The face of one brown tabby cat, which fills the picture.
    ("cat", "There is one cat.", TRUE),
    ("cat", "The cat is brown.", TRUE),
    ("cat", "The cat is green.", FALSE),
    ("cat", "There are no cats.", FALSE),
    ("cat", "A cat and two people.", FALSE),
    ("cat", "The cat is asleep.", OPEN),
    ("cat", "有一只猫。", TRUE),
    ("cat", "有三只猫。", FALSE),
    ("cat", "猫是蓝色的。", FALSE),
    # A woman in an orange space suit before a flag; a model of a rocket to the right.
    ("astronaut", "One person.", TRUE),
    ("astronaut", "A person is on the left side of the picture.", TRUE),
    ("astronaut", "A person and a bus.", FALSE),
    ("astronaut", "There are at least two people.", FALSE),
    # A blue bus that reads "cero emisiones", three people left of its middle, one at the right edge.
    ("bus", "Four people and a bus.", TRUE),
    ("bus", "Three people are left of the bus.", TRUE),
    ("bus", "Two people are left of the bus.", FALSE),
    ("bus", "The bus is blue.", TRUE),
    ("bus", "The bus is yellow.", FALSE),
    # Windows and tyres are black on a blue bus as well: it cannot be both.
    ("bus", "The bus is black.", OPEN),
    ("bus", "The bus is to the right of a person.", TRUE),
    ("bus", "The bus is below the people.", FALSE),
    ("bus", 'The bus reads "cero emisiones".', TRUE),
    ("bus", 'The bus reads "school bus".', FALSE),
    ("bus", "公交车左边有三个人。", TRUE),
    ("bus", "公交车上写着“cero emisiones”。", TRUE),
    ("bus", "公交车上写着“禁止停车”。", FALSE),
    ("bus", "公交车是蓝色的，有六个人。", FALSE),
    # "He was not an ill disposed young man."
    ("speech", 'The speaker says "not an ill disposed young man".', TRUE),
    ("speech", 'The speaker says "a rich old lady".', FALSE),
    ("speech", "他说“ill disposed young man”。", TRUE),
]
MISSED = {
    # whisper-tiny hears "an old-sposed young man".
    'The speaker says "not an ill disposed young man".': OPEN,
    "他说“ill disposed young man”。": OPEN,
}
"""What the embedded experts get wrong: the verdict that they give instead."""


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    return Agent("embedded", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def medium(samples: Path) -> Callable[[str], Path]:
    package = find_spec("ultralytics")
    folders = {
        "coffee": EXAMPLES / "coffee.png",
        "cat": EXAMPLES / "cat.png",
        "astronaut": samples / "images" / "astronaut.png",
        "speech": samples / "audio" / "librivox_0880.wav",
    }

    def find(name: str) -> Path:
        if name == "bus":
            if package is None or package.origin is None:
                pytest.skip("ultralytics, which brings the photo of the bus, is not installed")
            return Path(package.origin).parent / "assets" / "bus.jpg"
        return folders[name]

    return find


@pytest.mark.parametrize(("name", "caption", "verdict"), CAPTIONS)
def test_a_caption_gets_the_verdict_that_a_person_gives_it_or_is_listed_as_missed(
    agent: Agent, medium: Callable[[str], Path], name: str, caption: str, verdict: str
) -> None:
    result = agent.verify(caption, medium(name))
    assert result.verdict == MISSED.get(caption, verdict), [
        (one.claim.words, one.verdict, one.reason) for one in result.claims
    ]
    for checked in result.claims:
        assert all(cite in result.evidence for cite in checked.cites)
        assert checked.cites or checked.verdict == "unverifiable"


@pytest.mark.parametrize(
    ("name", "caption", "repaired"),
    [
        ("coffee", "There are three cups.", "There is one cup."),
        ("coffee", "The cup is blue. There is one cup.", "There is one cup."),
        ("bus", "The bus is white.", "The bus is blue."),
        ("coffee", "A cup and a dog. The table is brown.", "A cup and no dog. The table is brown."),
        ("cat", "There are no cats.", "There is one cat."),
        ("cat", "There is a sink.", "There is no sink."),
        ("cat", "The dog is brown.", None),
        ("coffee", "桌子上有两个杯子。", "桌子上有一个杯子。"),
    ],
)
def test_a_false_caption_is_corrected_from_evidence(
    agent: Agent, medium: Callable[[str], Path], name: str, caption: str, repaired: str | None
) -> None:
    result = agent.verify(caption, medium(name))
    assert result.repaired == repaired
    if repaired is not None:
        assert agent.verify(repaired, medium(name)).verdict == "supported"


def test_siblings_share_their_evidence_and_a_second_look_costs_nothing(
    agent: Agent, medium: Callable[[str], Path]
) -> None:
    result = agent.verify("One cup is on the table. The cup is white.", medium("coffee"))
    calls = [str(node.solver) for node in result.tree.nodes]
    assert len(calls) == len(set(calls)) and sum("'cup'" in call for call in calls) == 1
    again = agent.verify("One cup is on the table. The cup is white.", medium("coffee"))
    assert again.usage.tool_calls == 0 and again.claims == result.claims


def test_what_the_budget_does_not_reach_is_unverifiable(tmp_path: Path) -> None:
    agent = Agent("embedded", home=tmp_path)
    result = agent.verify("A cup. The cup is white.", EXAMPLES / "coffee.png", budget=Budget(tool_calls=2))
    verdicts = {checked.claim.kind: checked.verdict for checked in result.claims}
    assert verdicts == {"existence": TRUE, "attribute": OPEN}
    assert "tool calls" in next(checked.reason for checked in result.claims if checked.claim.kind == "attribute")


def test_no_claim_can_make_a_tool_run_that_changes_something(tmp_path: Path) -> None:
    ran = []

    @tool(name="detect", read_only=False)
    def dangerous(image: Crop, label: str) -> bool:
        """Change something outside."""
        ran.append(label)
        return True

    agent = Agent("embedded", home=tmp_path)
    agent.tools = Toolkit([dangerous])
    result = agent.verify("There is a cup.", EXAMPLES / "coffee.png")
    assert not ran and result.verdict == OPEN


def test_speech_is_not_looked_for_in_a_picture(agent: Agent) -> None:
    (checked,) = agent.verify('The speaker says "hello".', EXAMPLES / "coffee.png").claims
    assert checked.verdict == OPEN and "no sound" in checked.reason


@pytest.mark.parametrize(("text", "media"), [("", ["coffee.png"]), ("x" * 5000, ["coffee.png"]), ("A cup.", [])])
def test_a_text_that_cannot_be_checked_is_refused(agent: Agent, text: str, media: list[str]) -> None:
    with pytest.raises(QuestionError):
        agent.verify(text, *(EXAMPLES / name for name in media))


def test_a_missing_medium_is_named(agent: Agent) -> None:
    with pytest.raises(MediaError, match=r"nosuch\.png"):
        agent.verify("A cup.", "nosuch.png")
