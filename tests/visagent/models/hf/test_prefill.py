"""Reading prompts: together where they are about as long, in pieces where they are long, pictures encoded once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from visagent.media.media import Media
from visagent.models.configs import TransformersModel
from visagent.models.hf.encoders import EncoderCache
from visagent.models.hf.generation import Generator
from visagent.models.hf.model import TransformersMLLM
from visagent.models.protocol import Message

pytestmark = pytest.mark.slow

PIXELS = np.random.default_rng(0).integers(0, 255, (56, 40, 3), dtype=np.uint8)


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], TransformersMLLM]]:
    loaded = []

    def get(family: str) -> TransformersMLLM:
        folder = tmp_path / family
        config = TransformersModel(backend="transformers", model=str(tiny.build(family, folder)), device_map="cpu")
        loaded.append(model := TransformersMLLM(config))
        model.load()
        return model

    yield get
    for model in loaded:
        model.close()


def generator(model: TransformersMLLM) -> Generator:
    return model.loaded.generator


@contextmanager
def watch(model: TransformersMLLM) -> Iterator[list[tuple[int, int]]]:
    """Rows and tokens of each pass through the network inside."""
    shapes: list[tuple[int, int]] = []

    def tell(network: Any, args: Any, options: Any) -> None:
        rows, tokens = options["input_ids"].shape
        shapes.append((rows, tokens))

    hook = model.loaded.checkpoint.model.register_forward_pre_hook(tell, with_kwargs=True)
    yield shapes
    hook.remove()


@pytest.mark.parametrize("family", ["qwen3_vl", "gemma3", "gemma4", "qwen3_5", "llava", "llama"])
async def test_a_prompt_that_is_read_in_pieces_gets_the_reply_of_one_read_at_once(
    load: Callable[[str], TransformersMLLM], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(family)
    shown = (Media.load(PIXELS),) if model.capabilities.media else ()
    long = [Message("user", (*shown, "Is it red?" + " Look again." * 30))]
    expected = await model.chat(long, max_tokens=8)
    model.prefixes.clear()
    monkeypatch.setattr(generator(model).prefill, "piece_tokens", 16)
    with watch(model) as shapes:
        reply = await model.chat(long, max_tokens=8)
    assert reply.text == expected.text
    assert len(shapes) - 7 >= reply.usage.prompt // 40
    assert sum(tokens for _, tokens in shapes[:-7]) == reply.usage.prompt


async def test_a_long_prompt_that_arrives_does_not_hold_up_a_reply_that_is_being_written(
    load: Callable[[str], TransformersMLLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load("llama")
    monkeypatch.setattr(generator(model).prefill, "piece_tokens", 16)
    begun = asyncio.Event()
    with watch(model) as shapes:
        first = asyncio.create_task(
            model.chat([Message("user", "Write.")], max_tokens=60, on_text=lambda _: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 60)
        await asyncio.gather(first, model.chat([Message("user", "Look again. " * 60)], max_tokens=4))
    pieces = [number for number, (rows, tokens) in enumerate(shapes) if tokens > 1][2:]
    assert len(pieces) > 4
    # Between any two pieces stands a step of the reply.
    between = [later - earlier for earlier, later in pairwise(pieces)]
    assert between.count(1) <= 1


async def test_prompts_of_about_the_same_length_are_read_together(
    load: Callable[[str], TransformersMLLM],
) -> None:
    model = load("qwen3_vl")
    system = Message("system", "You are a careful assistant who looks before it answers.")
    questions = [[system, Message("user", (Media.load(PIXELS), f"Is it {'very ' * count}red?"))] for count in range(4)]
    one_by_one = [(await model.chat(question, max_tokens=6)).text for question in questions]
    model.prefixes.clear()
    with watch(model) as shapes:
        batch = await asyncio.gather(*(model.chat(question, max_tokens=6) for question in questions))
    assert [reply.text for reply in batch] == one_by_one
    assert [rows for rows, tokens in shapes if tokens > 1].count(4) == 1
    assert all(reply.usage.cached + 1 > 0 for reply in batch)


@pytest.mark.parametrize("family", ["qwen3_vl", "qwen3_5", "gemma3", "llava", "smolvlm", "internvl"])
async def test_a_picture_is_encoded_once_for_questions_that_begin_differently(
    load: Callable[[str], TransformersMLLM], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(family)
    encoders = generator(model).encoders
    assert encoders is not None
    owner = type(model.loaded.checkpoint.model.model)
    calls, encode = 0, owner.get_image_features

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return encode(*args, **options)

    monkeypatch.setattr(owner, "get_image_features", counted)

    async def ask(words: str, pixels: np.ndarray = PIXELS) -> str:
        model.prefixes.clear()
        return (await model.chat([Message("user", (words, Media.load(pixels), "What is it?"))], max_tokens=6)).text

    first = await ask("Look.")
    once = calls
    await ask("Look at this very carefully.")
    assert once > 0 and calls == once
    assert await ask("Look.") == first
    await ask("Look.", 255 - PIXELS)
    assert calls == 2 * once
    encoders.clear()
    assert await ask("Look.") == first and calls == 3 * once


def test_what_pictures_are_encoded_to_is_kept_up_to_a_number_of_bytes() -> None:
    class Owner:
        calls = 0

        def get_image_features(self, number: int) -> tuple[torch.Tensor]:
            self.calls += 1
            return (torch.full((10,), float(number)),)

    owner = Owner()
    cache = EncoderCache.for_model(owner, max_bytes=100)
    assert cache is not None
    for number in (1, 2, 1, 3, 1, 2):
        with cache.of(str(number)):
            assert owner.get_image_features(number)[0][0] == number
    assert cache.bytes == 80 and owner.calls == 4
    owner.get_image_features(1)
    assert owner.calls == 5, "outside, nothing is remembered"
    assert EncoderCache.for_model(object(), 100) is None
