"""LangChain's tools as visagent tools, with real langchain-core objects."""

import asyncio
import base64
import io
from typing import Any, Literal

import pytest
from langchain_core.tools import ToolException, tool
from PIL import Image
from pydantic import BaseModel

from visagent.core.config import Budget
from visagent.evidence.tree import SubQuestion, ToolCall
from visagent.evidence.values import Boolean, Crop, Evidence, Failure, Number, Text
from visagent.media.media import Media
from visagent.tools.executor import ToolExecutor
from visagent.tools.langchain import from_langchain

PICTURE = Media.load(Image.new("RGB", (33, 8), "white"))


@tool
def multiply(a: int, b: int = 2) -> int:
    """Multiply two whole numbers.

    Args:
        a: The first.
        b: The second.
    """
    return a * b


@tool
async def greet(name: str, manner: Literal["warm", "cold"]) -> str:
    """Greet somebody."""
    return f"{manner} greetings, {name}"


class Row(BaseModel):
    name: str


@tool
def look_up(row: Row) -> dict[str, Any]:
    """Look a row up."""
    return {"name": row.name, "found": True}


@tool
def is_odd(number: int) -> bool:
    """Whether a number is odd."""
    return number % 2 == 1


@tool
def paint(color: str) -> list[dict[str, Any]]:
    """Paint a picture."""
    file = io.BytesIO()
    Image.new("RGB", (40, 20), color).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return [{"type": "text", "text": color}, {"type": "image", "base64": data, "mime_type": "image/png"}]


@tool
def refuse(reason: str) -> str:
    """Refuse."""
    raise ToolException(reason)


TOOLS = [from_langchain(item, read_only=True) for item in (multiply, greet, look_up, is_odd, paint, refuse)]


def ask(name: str, /, needs: dict[str, Evidence] | None = None, **arguments: Any) -> Any:
    node = SubQuestion(id="q9", question="?", solver=ToolCall(tool=name, arguments=arguments))
    expert = ToolExecutor({item.spec.name: item for item in TOOLS}, {"image1": PICTURE}, Budget())
    return asyncio.run(expert.answer(node, needs or {})).value


def test_a_langchain_tool_answers_as_typed_evidence() -> None:
    assert ask("multiply", a=3) == Number(value=6)
    assert ask("greet", name="Ada", manner="warm") == Text(text="warm greetings, Ada")
    assert ask("is_odd", number=3) == Boolean(value=True)
    assert ask("look_up", row='{"name": "ada"}') == Text(text='{"name": "ada", "found": true}')


def test_its_schema_is_what_a_planner_is_shown() -> None:
    multiplies, greets, *_ = TOOLS
    assert multiplies.spec.signature() == (
        "multiply(a: number, b?: number) -> text|crop|number|boolean: “Multiply two whole numbers.”"
    )
    assert greets.spec.parameters[1].choices == ("warm", "cold")


def test_earlier_evidence_is_wired_into_it() -> None:
    found = Evidence(id="q1", tool="count", value=Number(value=21))
    assert ask("multiply", a="$q1", needs={"q1": found}) == Number(value=42)


def test_a_picture_that_it_makes_can_be_looked_at() -> None:
    painted = ask("paint", color="red")
    assert isinstance(painted, Crop) and painted.label == "red"
    assert painted.image().size == (40, 20) and painted.image().getpixel((0, 0)) == (255, 0, 0)


def test_its_refusal_is_evidence_of_failure() -> None:
    failure = ask("refuse", reason="closed on\nSundays")
    assert isinstance(failure, Failure) and failure.message == "refuse: closed on Sundays"


def test_it_is_taken_to_change_something_unless_its_owner_says_otherwise() -> None:
    assert not from_langchain(multiply).spec.read_only
    assert from_langchain(multiply, read_only=True, name="times").spec.name == "times"


@pytest.mark.parametrize("given", ["1 + 1", "__import__('os')"])
def test_an_argument_of_the_wrong_type_never_reaches_it(given: str) -> None:
    failure = ask("multiply", a=given)
    assert isinstance(failure, Failure) and "cannot be used" in failure.message
