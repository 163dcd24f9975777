"""What every backend must do: one suite, which each backend's test file subclasses with a `model` fixture of its own.

    class TestMyBackend(MLLMConformance):
        @pytest.fixture(scope="class")
        @classmethod
        def model(cls) -> Iterator[MLLM]:
            model = MyBackend(...)
            yield model
            model.close()

The model is shared by the tests of a class, each of which runs in an event loop of its own, as `Agent.ask` does.
Schemas are bounded (`maxLength`, `maxItems`, closed ranges), so that a model with random weights ends too.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
import time
import wave
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from visagent.core.errors import ContextOverflow, ModelError
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.models.protocol import MLLM, Message, Reply

YES_NO = {"type": "object", "properties": {"a": {"enum": ["yes", "no"]}}, "required": ["a"]}
"""A handful of tokens, whatever the model."""

LONG = {"type": "string", "minLength": 900, "maxLength": 1000}
"""Hundreds of tokens, whatever the model: it cannot end before."""

NO_TEXT_SATISFIES: list[dict[str, Any]] = [
    {"type": "string", "enum": []},
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": 5, "maximum": 3}}, "required": ["a"]},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 4, "maxItems": 2},
    {"allOf": [{"type": "string"}, {"type": "integer"}]},
    {"type": "object", "properties": {"a": {"$ref": "#/$defs/missing"}}, "required": ["a"]},
]


class Colour(StrEnum):
    """A closed set of strings."""

    red = "red"
    green = "green"


class Frozen(BaseModel):
    """Refuses unknown fields, as the records of visagent do."""

    model_config = ConfigDict(extra="forbid")


class Count(Frozen):
    """One branch of a discriminated union, told by a constant."""

    tool: Literal["count"]
    of: Annotated[str, Field(max_length=12)]


class Look(Frozen):
    """The other branch, with a nested list of enums."""

    tool: Literal["look"]
    colours: Annotated[list[Colour], Field(min_length=1, max_length=2)]


class Plan(Frozen):
    """Nested objects, a bounded array, `anyOf`, an enum, `maxLength`, a range, a null: what our roles use."""

    steps: Annotated[list[Count | Look], Field(min_length=1, max_length=2)]
    sure: bool
    stars: Annotated[int, Field(ge=1, le=5)]
    note: Annotated[str, Field(max_length=16)] | None


def picture(seed: int = 0, size: int = 64) -> Media:
    """A picture of coloured noise, another for every seed."""
    return Media.load(np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8))


def sound(seconds: float = 0.5) -> Media:
    """A tone of 440 Hz as a WAV file, mono, 16 kHz."""
    samples = np.sin(np.arange(int(seconds * 16_000)) * 2 * np.pi * 440 / 16_000)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes((samples * 20_000).astype("<i2").tobytes())
    return Media.load(file.getvalue())


def clip() -> Media:
    """Half a second of moving noise as an animated video file."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        for seed in range(4):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture(seed).image()), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Media.load(file.getvalue())


SAMPLES: dict[str, Callable[[], Media]] = {"image": picture, "audio": sound, "video": clip}


class MLLMConformance:
    """Subclass it and give a `model` fixture.

    Attributes:
        quick: Seconds within which a short reply must come after a long one was cancelled. Less than `LONG` takes.
        reuses_prefix: Whether a second question with the same system prompt must report cached tokens.
    """

    quick: ClassVar[float] = 5.0
    reuses_prefix: ClassVar[bool] = True

    @pytest.fixture
    def model(self) -> MLLM:
        """The backend under test; the subclass says which."""
        raise NotImplementedError(f"{type(self).__name__} gives no model fixture")

    async def patience(self, model: MLLM) -> float:
        """`quick`, or longer where the machine is so busy that a short reply alone takes long."""
        started = time.perf_counter()
        await model.chat([Message("user", "Say hello.")], max_tokens=4)
        return max(self.quick, 10 * (time.perf_counter() - started))

    # Talking.

    async def test_a_question_gets_a_reply(self, model: MLLM) -> None:
        assert isinstance(model, MLLM)
        reply = await model.chat([Message("user", "Say hello.")], max_tokens=8)
        assert isinstance(reply, Reply)
        assert reply.text

    async def test_loading_ahead_of_time_and_twice_is_harmless(self, model: MLLM) -> None:
        await asyncio.gather(asyncio.to_thread(model.load), asyncio.to_thread(model.load))
        assert (await model.chat([Message("user", "Say hello.")], max_tokens=4)).text

    async def test_a_system_prompt_is_part_of_what_the_model_reads(self, model: MLLM) -> None:
        user = Message("user", "Say hello.")
        long = Message("system", "You are a careful assistant who answers in one word. " * 4)
        short = await model.chat([Message("system", "Be brief."), user], max_tokens=4)
        more = await model.chat([long, user], max_tokens=4)
        assert more.usage.prompt > short.usage.prompt

    async def test_a_conversation_with_several_turns_is_understood_as_one(self, model: MLLM) -> None:
        turns = [
            Message("system", "Be brief."),
            Message("user", "My name is Ada."),
            Message("assistant", "Hello Ada."),
            Message("user", ("What is ", "my name?")),
        ]
        assert (await model.chat(turns, max_tokens=8)).text

    async def test_greedy_replies_are_the_same_every_time(self, model: MLLM) -> None:
        question = [Message("user", "Name three animals.")]
        first = await model.chat(question, max_tokens=16)
        assert (await model.chat(question, max_tokens=16)).text == first.text

    async def test_the_model_serves_several_event_loops_at_once(self, model: MLLM) -> None:
        def in_a_loop_of_its_own() -> str:
            return asyncio.run(model.chat([Message("user", "Say hello.")], max_tokens=8)).text

        texts = await asyncio.gather(*(asyncio.to_thread(in_a_loop_of_its_own) for _ in range(2)))
        assert texts[0] == texts[1] != ""

    # Media.

    async def test_media_between_pieces_of_text_are_read_by_the_model(self, model: MLLM) -> None:
        without = await model.chat([Message("user", "First: Second: Which is red?")], schema=YES_NO, max_tokens=24)
        for kind in sorted(model.capabilities.media):
            medium = SAMPLES[kind]()
            parts = ("First: ", medium, "Second: ", medium, "Which is red?")
            reply = await model.chat([Message("user", parts)], schema=YES_NO, max_tokens=24)
            assert json.loads(reply.text)["a"] in ("yes", "no")
            assert reply.usage.prompt > without.usage.prompt, f"the {kind} did not reach the model"

    async def test_a_region_of_a_picture_can_be_shown(self, model: MLLM) -> None:
        if "image" in model.capabilities.media:
            medium = picture(1)
            region = Crop(media=medium.hash, xyxy=(4, 4, 60, 60))
            reply = await model.chat([Message("user", (region, "What is it?"))], schema=YES_NO, max_tokens=24)
            assert json.loads(reply.text)["a"] in ("yes", "no")

    @pytest.mark.parametrize("kind", sorted(SAMPLES))
    async def test_a_medium_that_the_model_cannot_be_shown_is_one_clear_error(self, model: MLLM, kind: str) -> None:
        if kind in model.capabilities.media:
            return
        medium = SAMPLES[kind]()
        with pytest.raises(ModelError) as caught:
            await model.chat([Message("user", (medium, "What is it?"))], max_tokens=4)
        assert kind in str(caught.value)
        assert model.name in str(caught.value)
        assert medium.name in str(caught.value)

    # Schemas.

    async def test_a_reply_satisfies_its_schema(self, model: MLLM) -> None:
        schema = Plan.model_json_schema()
        question = "How many red things are there? Look at the colours, then count."
        for temperature in (0.0, 1.0):
            reply = await model.chat(
                [Message("user", question)], schema=schema, max_tokens=400, temperature=temperature
            )
            assert not reply.truncated
            Plan.model_validate_json(reply.text)

    @pytest.mark.parametrize("schema", NO_TEXT_SATISFIES, ids=["enum", "range", "items", "allOf", "ref"])
    async def test_a_schema_that_no_text_satisfies_is_an_error_and_not_a_hang(
        self, model: MLLM, schema: dict[str, Any]
    ) -> None:
        async with asyncio.timeout(await self.patience(model)):
            with pytest.raises(ModelError, match=r"(?i)schema"):
                await model.chat([Message("user", "Say hello.")], schema=schema, max_tokens=64)
            assert (await model.chat([Message("user", "Say hello.")], schema=YES_NO, max_tokens=24)).text

    # Streaming, usage, truncation.

    async def test_pieces_arrive_while_the_model_writes_and_join_to_the_text(self, model: MLLM) -> None:
        pieces: list[str] = []
        threads: set[int] = set()

        def heard(piece: str) -> None:
            pieces.append(piece)
            threads.add(threading.get_ident())

        reply = await model.chat([Message("user", "Count to ten.")], schema=LONG, max_tokens=24, on_text=heard)
        assert "".join(pieces) == reply.text
        assert len(pieces) > 1
        assert threads == {threading.get_ident()}, "on_text is called in the event loop's thread"

    async def test_an_error_of_the_listener_reaches_the_caller_and_stops_the_generation(self, model: MLLM) -> None:
        def listener(piece: str) -> None:
            raise LookupError(piece)

        patience = await self.patience(model)
        started = time.perf_counter()
        with pytest.raises(LookupError):
            await model.chat([Message("user", "Count.")], schema=LONG, max_tokens=900, on_text=listener)
        assert (await model.chat([Message("user", "Say hello.")], max_tokens=4)).text
        assert time.perf_counter() - started < patience

    async def test_usage_adds_up(self, model: MLLM) -> None:
        messages = [Message("system", "You answer in one word. " * 20), Message("user", "Say hello.")]
        before = time.perf_counter()
        replies = [await model.chat(messages, max_tokens=6) for _ in range(2)]
        seconds = time.perf_counter() - before
        for reply in replies:
            usage = reply.usage
            assert 0 <= usage.cached <= usage.prompt
            assert usage.prompt > 40
            assert 0 < usage.generated <= 6
        assert 0 < sum(reply.usage.seconds for reply in replies) <= seconds
        if self.reuses_prefix:
            assert replies[1].usage.cached > 0

    async def test_a_reply_that_runs_into_max_tokens_says_so(self, model: MLLM) -> None:
        cut = await model.chat([Message("user", "Write.")], schema=LONG, max_tokens=5)
        assert cut.truncated
        assert cut.usage.generated <= 5
        whole = await model.chat([Message("user", "Write.")], schema=YES_NO, max_tokens=64)
        assert not whole.truncated

    # Stopping.

    async def test_a_cancelled_call_frees_the_model(self, model: MLLM) -> None:
        patience, writing = await self.patience(model), asyncio.Event()
        long = asyncio.create_task(
            model.chat([Message("user", "Write.")], schema=LONG, max_tokens=900, on_text=lambda _: writing.set())
        )
        await asyncio.wait_for(writing.wait(), 60)
        long.cancel()
        started = time.perf_counter()
        with pytest.raises(asyncio.CancelledError):
            await long
        assert (await model.chat([Message("user", "Say hello.")], max_tokens=4)).text
        assert time.perf_counter() - started < patience

    async def test_a_call_can_be_given_a_time_limit(self, model: MLLM) -> None:
        patience = await self.patience(model)
        started = time.perf_counter()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await model.chat([Message("user", "Write.")], schema=LONG, max_tokens=900)
        assert (await model.chat([Message("user", "Say hello.")], max_tokens=4)).text
        assert time.perf_counter() - started < patience

    async def test_a_call_cancelled_while_it_waits_for_another_never_runs(self, model: MLLM) -> None:
        long = asyncio.create_task(model.chat([Message("user", "Write.")], schema=LONG, max_tokens=60))
        await asyncio.sleep(0.05)
        heard: list[str] = []
        waiting = [
            asyncio.create_task(model.chat([Message("user", f"Say {n}.")], max_tokens=4, on_text=heard.append))
            for n in range(12)
        ]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        assert all(
            isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*waiting, return_exceptions=True)
        )
        assert (await long).truncated
        assert heard == []

    # Many at once.

    async def test_concurrent_calls_give_the_texts_of_calls_one_by_one(self, model: MLLM) -> None:
        system = Message("system", "You answer in one word.")
        questions = [[system, Message("user", f"Is {n} even?" + " Think." * n)] for n in range(4)]
        one_by_one = [(await model.chat(q, schema=YES_NO, max_tokens=24)).text for q in questions]
        at_once = await asyncio.gather(*(model.chat(q, schema=YES_NO, max_tokens=24) for q in questions))
        assert [reply.text for reply in at_once] == one_by_one

    async def test_one_bad_call_does_not_spoil_those_beside_it(self, model: MLLM) -> None:
        good = [Message("user", "Say hello.")]
        results = await asyncio.gather(
            model.chat(good, schema=YES_NO, max_tokens=24),
            model.chat(good, schema=NO_TEXT_SATISFIES[0], max_tokens=24),
            model.chat(good, schema=YES_NO, max_tokens=24),
            return_exceptions=True,
        )
        assert isinstance(results[1], ModelError)
        assert isinstance(results[0], Reply)
        assert isinstance(results[2], Reply)

    # Limits.

    async def test_a_prompt_that_does_not_fit_is_an_error_that_says_how_many_tokens_of_what(self, model: MLLM) -> None:
        limit = model.capabilities.context_tokens
        assert limit is not None
        messages = [Message("system", "Be brief."), Message("user", "one two three " * limit)]
        with pytest.raises(ContextOverflow) as caught:
            await model.chat(messages, max_tokens=4)
        text = str(caught.value).replace(",", "")
        numbers = [int(number) for number in re.findall(r"\d+", text)]
        assert model.name in text
        assert limit in numbers
        assert any(number > limit for number in numbers)
        assert "user" in text
        assert "system" in text
        assert caught.value.remedy
        assert (await model.chat([Message("user", "Say hello.")], max_tokens=4)).text

    async def test_a_closed_model_opens_again_when_it_is_asked(self, model: MLLM) -> None:
        before = await model.chat([Message("user", "Name three animals.")], max_tokens=8)
        model.close()
        model.close()
        after = await model.chat([Message("user", "Name three animals.")], max_tokens=8)
        assert after.text == before.text
