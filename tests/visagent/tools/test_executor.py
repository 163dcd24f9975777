import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from visagent.core.config import Budget
from visagent.core.errors import MediaError, ToolDefinitionError
from visagent.evidence.notes import Note
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Crop, Evidence, Failure, Number, Text, Transcript
from visagent.media.media import Media
from visagent.tools.evidence_cache import EvidenceCache
from visagent.tools.executor import ToolExecutor, solve
from visagent.tools.toolkit import Audio, Context, Tool, Toolkit, tool


def node(id_: str, tool_name: str, **arguments: Any) -> SubQuestion:
    return SubQuestion(id=id_, question=f"{id_}?", solver=ToolCall(tool=tool_name, arguments=arguments))


@pytest.fixture
def picture() -> Media:
    from PIL import Image

    return Media.load(Image.new("RGB", (40, 30), "red"))


async def test_a_branch_does_not_wait_for_a_slower_sibling() -> None:
    finished = []

    async def answer(node: SubQuestion, needs: Any) -> Evidence:
        await asyncio.sleep(0.2 if node.id == "q1" else 0.01)
        finished.append(node.id)
        return Evidence(id=node.id, tool="x", value=Number(value=1))

    nodes = [node("q1", "slow"), node("q2", "fast"), node("q3", "fast", a="$q2"), node("q4", "x", a="$q3")]
    tree = build_tree("?", nodes)
    evidence = await solve(tree, {}, answer)
    assert finished == ["q2", "q3", "q4", "q1"]
    assert list(evidence) == ["q1", "q2", "q3", "q4"]


async def test_what_is_chosen_from_none_is_none_whatever_else_could_not_be_found(picture: Media) -> None:
    @tool(part_of="a")
    def beside(a: Boxes, b: Boxes) -> Boxes:
        """The objects of a beside b."""
        raise AssertionError("nothing is to be chosen")

    executor = ToolExecutor({"beside": beside}, {}, Budget())
    unknown = Evidence(id="q2", tool="detect", value=Failure(error="UnknownLabel", message="no fence"))

    async def found(*boxes: Box, notes: tuple[Note, ...] = ()) -> Evidence:
        people = Evidence(id="q1", tool="detect", value=Boxes(media=picture.hash, boxes=boxes, notes=notes))
        return await executor.answer(node("q3", "beside", a="$q1", b="$q2"), {"q1": people, "q2": unknown})

    assert (await found()).value == Boxes(media=picture.hash)
    one = Box(xyxy=(0, 0, 9, 9), label="person", confidence=0.9)
    assert (await found(one)).value.type == "failure"
    assert (await found(notes=(Note(kind="not_counted", words=("person",)),))).value.type == "failure"


def test_part_of_names_a_parameter() -> None:
    with pytest.raises(ToolDefinitionError, match="part_of='c' is no parameter"):

        @tool(part_of="c")
        def beside(a: Boxes, b: Boxes) -> Boxes:
            """The objects of a beside b."""
            return a


async def test_in_chain_mode_each_sub_question_waits_for_the_one_before_it() -> None:
    running, most = 0, 0

    async def answer(node: SubQuestion, needs: Any) -> Evidence:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return Evidence(id=node.id, tool="x", value=Number(value=1))

    tree = build_tree("?", [node(f"q{number}", "x", n=number) for number in range(1, 6)])
    await solve(tree, {}, answer, one_by_one=True)
    assert most == 1


async def test_finished_sub_questions_are_not_asked_again() -> None:
    asked = []

    async def answer(node: SubQuestion, needs: Any) -> Evidence:
        asked.append(node.id)
        return Evidence(id=node.id, tool="x", value=needs["q1"].value)

    tree = build_tree("?", [node("q1", "x"), node("q2", "x", a="$q1")])
    done = {"q1": Evidence(id="q1", tool="x", value=Number(value=7))}
    evidence = await solve(tree, done, answer)
    assert asked == ["q2"] and evidence["q2"].value == Number(value=7)


@tool(cache=False)
def boom(text: str) -> str:
    """Raise."""
    raise ZeroDivisionError("no luck")


@tool(cache=False, retries=0)
def leave(text: str) -> str:
    """Leave."""
    raise SystemExit(3)


@tool(cache=False, timeout=0.1)
def hang(text: str) -> str:
    """Hang."""
    time.sleep(5)
    return text


@tool(cache=False, timeout=0.1)
async def hang_async(text: str) -> str:
    """Hang without blocking."""
    await asyncio.sleep(5)
    return text


@tool(cache=False, timeout=None, retries=0)
async def take_its_time(text: str) -> str:
    """Take longer than the run has."""
    await asyncio.sleep(5)
    return text


@tool(cache=False)
def lie(text: str) -> Number:
    """Return the wrong type."""
    return "seven"  # type: ignore[return-value]


@tool(cache=False)
def refuse(text: str) -> str:
    """Raise visagent's own error."""
    raise MediaError("x.jpg: it is empty.", "Take another one.")


@pytest.mark.parametrize(
    ("tool_", "error", "message"),
    [
        (boom, "ZeroDivisionError", "no luck"),
        (leave, "SystemExit", "SystemExit: 3"),
        (hang, "ToolTimeout", "hang did not answer within 0.1 seconds."),
        (hang_async, "ToolTimeout", "hang_async did not answer within 0.1 seconds."),
        (lie, "ToolError", "lie returned str, but declares number."),
        (refuse, "MediaError", "x.jpg: it is empty."),
    ],
)
async def test_a_tool_that_misbehaves_becomes_failure_evidence(tool_: Tool, error: str, message: str) -> None:
    expert = ToolExecutor(Toolkit([tool_]), {}, Budget())
    found = await expert.answer(node("q1", tool_.spec.name, text="x"), {})
    assert isinstance(found.value, Failure)
    assert (found.value.error, found.value.message) == (error, message)


async def test_a_tool_without_a_time_out_of_its_own_may_take_as_long_as_the_run_has() -> None:
    expert = ToolExecutor(Toolkit([take_its_time]), {}, Budget(seconds=0.2))
    found = await expert.answer(node("q1", "take_its_time", text="x"), {})
    assert isinstance(found.value, Failure)
    assert found.value.error == "BudgetExceeded"
    assert "budget.seconds" in found.value.remedy


async def test_a_tool_that_takes_long_says_from_its_thread_how_far_it_is() -> None:
    @tool
    def slow(text: str, context: Context) -> str:
        """Work in two parts."""
        context.progress(0.5)
        context.progress(1.0)
        return text

    told: list[tuple[int, int, str]] = []

    def note(done: int, of: int, unit: str) -> None:
        # Raises in a thread that has no loop: what a run does with it is no work for a tool's thread.
        asyncio.get_running_loop()
        told.append((done, of, unit))

    await ToolExecutor(Toolkit([slow]), {}, Budget()).answer(node("q1", "slow", text="x"), {}, note)
    assert told == [(50, 100, "percent"), (100, 100, "percent")]


async def test_a_passing_fault_is_tried_again() -> None:
    calls = []

    @tool(cache=False, retries=2)
    def flaky(text: str) -> str:
        """Work at the third try."""
        calls.append(text)
        if len(calls) < 3:
            raise ConnectionError("not yet")
        return "here"

    found = await ToolExecutor(Toolkit([flaky]), {}, Budget()).answer(node("q1", "flaky", text="x"), {})
    assert found.value == Text(text="here") and len(calls) == 3 and found.attempts == 3


async def test_a_tool_is_told_why_there_is_no_value_to_work_on() -> None:
    failed = Evidence(id="q1", tool="x", value=Failure(error="ToolError", message="the lens was capped"))
    found = await ToolExecutor(Toolkit([boom]), {}, Budget()).answer(node("q2", "boom", text="$q1"), {"q1": failed})
    assert isinstance(found.value, Failure) and "the lens was capped" in found.value.message
    assert found.value.error == "MissingInput"


async def test_the_budget_of_tool_calls_and_seconds_ends_calls_with_a_reason() -> None:
    @tool(cache=False)
    def ok(text: str) -> str:
        """Echo."""
        return text

    expert = ToolExecutor(Toolkit([ok]), {}, Budget(tool_calls=1))
    assert not (await expert.answer(node("q1", "ok", text="x"), {})).failed
    late = await expert.answer(node("q2", "ok", text="x"), {})
    assert isinstance(late.value, Failure) and late.value.error == "BudgetExceeded"
    expert = ToolExecutor(Toolkit([ok]), {}, Budget(seconds=0.01))
    await asyncio.sleep(0.02)
    late = await expert.answer(node("q1", "ok", text="x"), {})
    assert isinstance(late.value, Failure) and "0.01 seconds" in late.value.message


async def test_a_result_is_reused_for_the_same_tool_arguments_media_and_options(tmp_path: Path, picture: Media) -> None:
    calls = tmp_path / "calls"

    @tool
    def measure(image: Crop, unit: str, context: Context) -> Number:
        """Measure a picture."""
        with calls.open("a") as file:
            file.write("called\n")
        return Number(value=image.image().width, unit=unit)

    async def ask(options: dict[str, Any], unit: str = "px", medium: Media = picture) -> Evidence:
        cache = EvidenceCache(tmp_path / "evidence")
        expert = ToolExecutor(
            Toolkit([measure]), {"image1": medium}, Budget(), options={"measure": options}, cache=cache
        )
        found = await expert.answer(node("q1", "measure", image="image1", unit=unit), {})
        cache.close()
        return found

    first, again = await ask({}), await ask({})
    assert not first.cached and again.cached and first.value == again.value == Number(value=40, unit="px")
    await ask({"fine": True})
    await ask({}, unit="mm")
    assert calls.read_text().split() == ["called"] * 3


async def test_failures_are_not_kept(tmp_path: Path) -> None:
    calls = []

    @tool(retries=0)
    def once(text: str) -> str:
        """Fail at first."""
        calls.append(text)
        if len(calls) == 1:
            raise OSError("down")
        return "up"

    expert = ToolExecutor(Toolkit([once]), {}, Budget(), cache=EvidenceCache(tmp_path))
    assert (await expert.answer(node("q1", "once", text="x"), {})).failed
    assert (await expert.answer(node("q1", "once", text="x"), {})).value == Text(text="up")


def test_the_wiring_gives_a_tool_what_its_annotations_ask_for(picture: Media) -> None:
    from visagent.evidence.values import Box, Boxes

    @tool
    def see(image: Crop, others: list[Crop], text: Text, word: str, number: float, sure: bool) -> str:
        """See everything."""
        return ""

    one = Boxes(media=picture.hash, boxes=(Box(xyxy=(1, 2, 5, 6), label="dot"),))
    two = one.replace([*one.boxes, Box(xyxy=(0, 0, 3, 3))])
    heard = Transcript(text="hello", media="m")
    bound = see.bind(
        {"image": one, "others": two, "text": heard, "word": heard, "number": Number(value=2), "sure": True}
    )
    assert bound["image"].xyxy == (1, 2, 5, 6)
    assert [crop.xyxy for crop in bound["others"]] == [(1, 2, 5, 6), (0, 0, 3, 3)]
    assert bound["text"].text == "hello" and bound["word"] == "hello" and bound["number"] == 2
    assert see.bind({"image": picture})["image"] == Crop.whole(picture)


def test_several_boxes_where_one_is_meant_are_ambiguous(picture: Media) -> None:
    from visagent.core.errors import AmbiguousInput, MissingInput
    from visagent.evidence.values import Box, Boxes

    @tool
    def see(image: Crop) -> str:
        """See."""
        return ""

    boxes = Boxes(media=picture.hash, boxes=(Box(xyxy=(1, 2, 5, 6)), Box(xyxy=(0, 0, 3, 3))))
    with pytest.raises(AmbiguousInput, match="2 objects"):
        see.bind({"image": boxes})
    with pytest.raises(MissingInput, match="nothing was found"):
        see.bind({"image": boxes.replace([])})


def test_an_audio_parameter_receives_the_medium(tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * 800)
    clip = Media.load(tmp_path / "a.wav")

    @tool
    def hear(audio: Audio) -> str:
        """Hear."""
        return ""

    assert hear.bind({"audio": clip})["audio"] is clip
