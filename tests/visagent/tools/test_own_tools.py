"""Tools as people write them: what they take and return, what they raise, and when their results are used again."""

import asyncio
import enum
import functools
import importlib
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from visagent.core.config import Budget
from visagent.core.errors import ToolDefinitionError
from visagent.evidence.tree import SubQuestion, ToolCall
from visagent.evidence.values import Boolean, Crop, Evidence, Failure, Label, Labels, Number, Text
from visagent.media.media import Media
from visagent.tools.evidence_cache import EvidenceCache
from visagent.tools.executor import ToolExecutor
from visagent.tools.toolkit import Tool, tool

PICTURE = Media.load(Image.new("RGB", (40, 30), "red"))


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Order(BaseModel):
    count: int


@dataclass
class Pair:
    a: int


def call(tool_: Tool, /, folder: Path | None = None, **arguments: Any) -> Evidence:
    """The evidence of one call; results are kept where a folder is given."""
    cache = None if folder is None else EvidenceCache(folder)
    expert = ToolExecutor({tool_.spec.name: tool_}, {"image1": PICTURE}, Budget(), cache=cache)
    node = SubQuestion(id="q1", question="?", solver=ToolCall(tool=tool_.spec.name, arguments=arguments))
    try:
        return asyncio.run(expert.answer(node, {}))
    finally:
        if cache is not None:
            cache.close()


def returning(annotation: Any, value: Any) -> Any:
    """What a tool with this annotation makes of a value."""

    def give(image: Crop):  # type: ignore[no-untyped-def]
        """Give it."""
        return value

    give.__annotations__["return"] = annotation
    return call(tool(cache=False, retries=0)(give), image="image1").value


@pytest.mark.parametrize(
    ("annotation", "value", "evidence"),
    [
        (float, np.float32(1.5), Number(value=1.5)),
        (int, np.int64(3), Number(value=3)),
        (Number, np.array(2.0), Number(value=2)),
        (np.float64, np.float64(2), Number(value=2)),
        (float, Decimal("1.5"), Number(value=1.5)),
        (Decimal, Decimal("1.5"), Number(value=1.5)),
        (bool, np.bool_(True), Boolean(value=True)),
        (np.bool_, np.bool_(False), Boolean(value=False)),
        (str, np.str_("red"), Text(text="red")),
        (Size, Size.LARGE, Text(text="large")),
        (Level, Level.HIGH, Number(value=2)),
        (Literal["a", "b"], "b", Text(text="b")),
        (Annotated[float, Field(ge=0)], 2, Number(value=2)),
        (tuple[str, ...], ("a", "b"), Labels(labels=(Label(name="a"), Label(name="b")))),
        (list[Size], [Size.SMALL], Labels(labels=(Label(name="small"),))),
    ],
)
def test_a_result_with_one_obvious_evidence_type_becomes_it(annotation: Any, value: Any, evidence: Any) -> None:
    assert returning(annotation, value) == evidence


@pytest.mark.parametrize("annotation", [Image.Image, Crop, np.ndarray, NDArray[np.uint8]])
def test_a_picture_or_an_array_of_pixels_becomes_a_picture_that_can_be_looked_at(annotation: Any) -> None:
    for made in (Image.new("RGB", (7, 5), "blue"), np.full((5, 7, 3), (0, 0, 255), np.uint8)):
        found = returning(annotation, made)
        assert isinstance(found, Crop) and found.image().size == (7, 5)
        assert found.image().getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize(
    ("annotation", "value", "says"),
    [
        (float, math.nan, "give returned nan, which is no finite number."),
        (int, 10**400, "give returned inf, which is no finite number."),
        (float, None, "give returned None, but declares number."),
        (str, {"a": 1}, "give returned dict, but declares text."),
        (str, Order(count=1), "give returned Order, but declares text."),
        (Crop, np.zeros((2, 2), complex), "The picture that give returned cannot be used"),
    ],
)
def test_a_result_that_is_no_evidence_says_what_it_is_and_what_to_return(
    annotation: Any, value: Any, says: str
) -> None:
    found = returning(annotation, value)
    assert isinstance(found, Failure) and found.error == "ToolError"
    assert says in found.message and found.remedy


def test_evidence_that_cannot_be_made_says_why_in_one_line() -> None:
    @tool(cache=False, retries=0)
    def endless(image: Crop) -> Number:
        """Never end."""
        return Number(value=math.inf)

    found = call(endless, image="image1").value
    assert isinstance(found, Failure) and found.message == "value: Input should be a finite number"


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (dict, "returns dict, which is no evidence. Return Labels for names"),
        (dict[str, int], r"returns dict\[str, int\], .* Return Labels for names"),
        (list, r"returns list, .* Return list\[str\]"),
        (list[float], r"returns list\[float\], .* Return list\[str\], or one evidence value"),
        (Order, "returns Order, .* Return one of its fields"),
        (Pair, "returns Pair, .* Return one of its fields"),
        (float | None, "returns None, .* raise a ToolError"),
    ],
)
def test_a_result_type_without_an_obvious_evidence_type_is_refused_with_a_way_out(annotation: Any, says: str) -> None:
    with pytest.raises(ToolDefinitionError, match=says):
        returning(annotation, None)


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (dict, "cannot give a dict. Take each of its values as a parameter of its own."),
        (Order, "cannot give a Order. Take each of its fields"),
        (list, r"cannot give a list. Say of what it is a list, as in list\[str\]."),
        (tuple[str, ...], r"cannot give a tuple\[str, ...\]. Take a list"),
        (Image, "cannot give a module PIL.Image. Annotate a class of it"),
        (Path, "cannot give a Path. Use Crop"),
    ],
)
def test_an_argument_that_no_plan_can_give_is_refused_with_a_way_out(annotation: Any, says: str) -> None:
    def take(x):  # type: ignore[no-untyped-def]
        """Take it."""

    take.__annotations__ = {"x": annotation, "return": str}
    with pytest.raises(ToolDefinitionError, match=says):
        tool(take)


def test_arguments_arrive_as_what_the_function_asked_for() -> None:
    @tool(cache=False, retries=0)
    def describe(
        picture: Image.Image,
        pixels: np.ndarray,
        many: list[Image.Image],
        size: Size,
        level: Level,
        share: np.float32,
        times: Annotated[int, Field(ge=1, le=5)],
        sizes: list[Size],
        other: Size = Size.SMALL,
    ) -> str:
        """Describe everything."""
        pixels[0, 0] = 0  # an array of the tool's own, which it may write into
        kinds = [type(many[0]) is Image.Image, size is Size.LARGE, level is Level.HIGH, type(share) is np.float32]
        kinds += [sizes[0] is Size.SMALL, other is Size.SMALL]
        return f"{picture.size} {picture.mode} {pixels.shape} {all(kinds)} {times}"

    given: dict[str, Any] = {
        "picture": "image1",
        "pixels": "image1",
        "many": "image1",
        "size": "large",
        "level": "HIGH",
    }
    given |= {"share": 0.5, "times": 3, "sizes": ["small"]}
    spec = describe.spec
    assert spec.parameter("level").choices == ("LOW", "HIGH") and spec.parameter("other").default == "small"
    assert spec.parameter("picture").media == ("image",) and spec.parameter("many").several
    assert call(describe, **given).value == Text(text="(40, 30) RGB (30, 40, 3) True 3")
    assert PICTURE.array()[0, 0, 0] == 255
    bounded = call(describe, **given | {"times": 9}).value
    assert isinstance(bounded, Failure) and "less than or equal to 5" in bounded.message


@pytest.mark.parametrize("function", [lambda: 0, functools.partial(print), Order])
def test_what_is_no_documented_function_is_refused(function: Any) -> None:
    with pytest.raises(ToolDefinitionError):
        tool(function)


def test_a_word_that_is_written_like_a_medium_stays_that_word() -> None:
    @tool(cache=False)
    def spell(image: Crop, word: str, words: list[str]) -> str:
        """Spell words."""
        return f"{type(image).__name__} {word} {words}"

    found = call(spell, image="image1", word="image1", words=["image1", "b"]).value
    assert found == Text(text="Crop image1 ['image1', 'b']")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


RAISED = [
    (StopIteration("dry"), "StopIteration: dry"),
    (StopAsyncIteration("dry"), "StopAsyncIteration: dry"),
    (asyncio.CancelledError(), "CancelledError"),
    (GeneratorExit("out"), "GeneratorExit: out"),
    (SystemExit(3), "SystemExit: 3"),
    (Mute(), "Mute"),
    (TimeoutError("the database took 3 s"), "the database took 3 s"),
    (KeyError("width"), "KeyError: 'width'"),
    (AssertionError(), "AssertionError"),
]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("error", "message"), RAISED, ids=[type(error).__name__ for error, _ in RAISED])
def test_whatever_a_tool_raises_is_its_failure_told_as_it_is(
    error: BaseException, message: str, is_async: bool
) -> None:
    def blocking(image: Crop) -> str:
        """Raise."""
        raise error

    async def awaited(image: Crop) -> str:
        """Raise."""
        await asyncio.sleep(0)
        raise error

    function: Callable[..., Any] = awaited if is_async else blocking
    found = call(tool(cache=False, retries=0)(function), image="image1")
    assert found.value == Failure(error=type(error).__name__, message=message)


def test_a_passing_fault_of_any_kind_is_tried_again_and_counted() -> None:
    tries = []

    @tool(cache=False, retries=2)
    def late(image: Crop) -> str:
        """Be late."""
        tries.append(1)
        raise TimeoutError("their server")

    found = call(late, image="image1")
    assert len(tries) == 3 == found.attempts and found.value == Failure(error="TimeoutError", message="their server")


# What a result is kept for.

OWN = """
from visagent import Crop, tool
from own_helper import FACTOR
LIMIT = {limit}
def helper(): return {helper}
@tool
def measure(image: Crop) -> float:
    "Measure it."
    return LIMIT + helper() + FACTOR
"""


def own_module(folder: Path, name: str, text: str) -> Any:
    """A module in a folder, imported anew, as a new process would."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    for known in ("own_tools", "own_helper"):
        sys.modules.pop(known, None)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        return importlib.import_module("own_tools")
    finally:
        sys.dont_write_bytecode = before
        sys.path.remove(str(folder))


def test_a_kept_result_knows_the_code_its_helpers_and_its_folder(tmp_path: Path) -> None:
    def value(folder: str, limit: int = 1, helper: int = 10, factor: int = 100) -> tuple[float, bool]:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "own_helper.py").write_text(f"FACTOR = {factor}\n")
        from visagent.tools import code_digest

        code_digest._files.cache_clear()  # noqa: SLF001 - as in a new process
        module = own_module(tmp_path / folder, "own_tools", OWN.format(limit=limit, helper=helper))
        found = call(module.measure, tmp_path / "evidence", image="image1")
        return found.value.value, found.cached  # type: ignore[union-attr]

    assert value("a") == (111, False) and value("a") == (111, True)
    assert value("a", limit=2) == (112, False)
    assert value("a", helper=20) == (121, False)
    assert value("a", factor=200) == (211, False)
    assert value("b", factor=300) == (311, False), "another folder's file of the same name"
    assert value("a") == (111, True)


def test_a_kept_result_knows_the_closure_and_the_defaults(tmp_path: Path) -> None:
    def scaled(factor: Any, plus: int = 0) -> Tool:
        @tool
        def scale(image: Crop, plus: int = plus) -> float:
            """Scale it."""
            return float(factor * 2 + plus)

        return scale

    assert not call(scaled(1), tmp_path, image="image1").cached
    assert call(scaled(1), tmp_path, image="image1").cached
    other = call(scaled(2), tmp_path, image="image1")
    assert other.value == Number(value=4) and not other.cached
    assert not call(scaled(1, plus=5), tmp_path, image="image1").cached
    assert not call(scaled(np.float64(3)), tmp_path, image="image1").cached


def test_what_is_held_and_cannot_be_told_apart_is_computed_each_time_unless_it_has_a_version(tmp_path: Path) -> None:
    class Model:
        weight = 1

    def weighing(**options: Any) -> Tool:
        model = Model()

        @tool(**options)
        def weigh(image: Crop) -> float:
            """Weigh it."""
            return float(model.weight)

        return weigh

    for _ in range(2):
        assert not call(weighing(), tmp_path, image="image1").cached
    assert not call(weighing(version="2"), tmp_path, image="image1").cached
    assert call(weighing(version="2"), tmp_path, image="image1").cached


def test_a_picture_that_a_tool_made_is_not_kept_beyond_the_picture(tmp_path: Path) -> None:
    @tool
    def blank(image: Crop) -> Image.Image:
        """Give a blank picture."""
        return Image.new("RGB", (3, 3))

    for _ in range(2):
        found = call(blank, tmp_path, image="image1")
        assert isinstance(found.value, Crop) and not found.cached


def test_in_a_notebook_a_constant_of_another_cell_changes_the_key(tmp_path: Path) -> None:
    program = """
import sys
cell = '''
from visagent import Crop, tool
LIMIT = {limit}
def helper(): return {helper}
@tool
def measure(image: Crop) -> float:
    "Measure it."
    return LIMIT + helper()
'''
from visagent.tools.code_digest import code_digest
for limit, helper in ((1, 10), (1, 10), (2, 10), (1, 20)):
    exec(compile("\\n" * limit + cell.format(limit=limit, helper=helper), "<cell>", "exec"), globals())
    print(code_digest(measure.function))
model = object()
exec(compile("@tool\\ndef held(image: Crop) -> str:\\n    'Hold it.'\\n    return str(model)", "<cell>", "exec"))
print(code_digest(held.function))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    first, same, limit, helper, held = ran.stdout.split()
    assert first == same and len({first, limit, helper}) == 3 and held == "None"
