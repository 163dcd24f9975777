"""Decoding in slots of fixed shape: the same tokens as with caches that grow, captured or not, whoever joins or leaves.

Where there is no GPU, what a CUDA graph does to a step, that nothing of Python's runs again and every tensor stays
where it was, is done to it by tracing the step once and replaying the trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from visagent.media.media import Media
from visagent.models.configs import TransformersModel
from visagent.models.hf import graphs, static_decode
from visagent.models.hf.generation import Generator
from visagent.models.hf.graphs import Outputs
from visagent.models.hf.model import TransformersMLLM
from visagent.models.hf.prefix import PrefixStore
from visagent.models.protocol import Message

pytestmark = pytest.mark.slow

SYSTEM = Message("system", "You are a careful assistant who looks before it answers.")
# Forces several tokens in a row.
FORM = {
    "type": "object",
    "properties": {"answer": {"type": "string", "maxLength": 12}, "number": {"type": "integer"}},
    "required": ["answer", "number"],
}


@pytest.fixture(autouse=True)
def short_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots so short that replies grow out of them."""
    monkeypatch.setattr(static_decode, "SHORTEST", 32)


@pytest.fixture
def load(folder: Callable[[str], Path]) -> Iterator[Callable[..., TransformersMLLM]]:
    loaded = []

    def get(family: str, **options: Any) -> TransformersMLLM:
        placed = {"device_map": "cpu", **options}
        config = TransformersModel(backend="transformers", model=str(folder(family)), **placed)
        model = TransformersMLLM(config)
        model.load()
        loaded.append(model)
        return model

    yield get
    for model in loaded:
        model.close()


def traced(compute: Callable[[], Outputs], device: torch.device) -> tuple[Callable[[], None], Outputs]:
    """A step as a trace of its kernels over the very tensors that it used; stands for `graphs.capture_cuda`."""
    from torch.fx.experimental.proxy_tensor import make_fx

    trace = make_fx(lambda: tuple(compute()))()
    outputs = Outputs(*(part.clone() for part in trace()))

    def replay() -> None:
        for kept, new in zip(outputs, trace(), strict=True):
            kept.copy_(new)

    return replay, outputs


def question(model: TransformersMLLM, words: str, picture: int | None = 0) -> list[Message]:
    if picture is None or not model.capabilities.media:
        return [SYSTEM, Message("user", words)]
    pixels = np.random.default_rng(picture).integers(0, 255, (56, 40, 3), dtype=np.uint8)
    return [SYSTEM, Message("user", (Media.load(pixels), words))]


async def replies(model: TransformersMLLM, family: str) -> list[str]:
    """Replies of different lengths, free and held to a form, of prompts of different lengths, all at once."""
    blind = 0 if family in ("instructblip", "blip_2") else None
    calls = [
        model.chat(question(model, "Is it red?"), max_tokens=4),
        model.chat(question(model, "Is it red?" + " Look again." * 4), max_tokens=40),
        model.chat(question(model, "Say hello.", blind), max_tokens=12),
        model.chat(question(model, "What is it?", 1), schema=FORM, max_tokens=40),
        model.chat(question(model, "Where?"), schema=FORM, max_tokens=24),
    ]
    return [reply.text for reply in await asyncio.gather(*calls)]


def statically(model: TransformersMLLM) -> bool:
    return model.loaded.generator.decodes_statically


@pytest.mark.parametrize("family", tiny.FAMILIES)
async def test_slots_of_fixed_shape_give_the_tokens_of_caches_that_grow(
    load: Callable[..., TransformersMLLM], family: str
) -> None:
    expected = await replies(load(family, decoding="dynamic"), family)
    model = load(family, decoding="static")
    assert await replies(model, family) == expected
    assert statically(model)
    assert len(set(expected)) > 2


@pytest.mark.parametrize("family", tiny.FAMILIES)
async def test_a_step_that_is_traced_once_and_replayed_gives_the_same_tokens(
    load: Callable[..., TransformersMLLM], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await replies(load(family, decoding="dynamic"), family)
    traces, replays = 0, 0

    def capture(compute: Callable[[], Outputs], device: torch.device) -> tuple[Callable[[], None], Outputs]:
        nonlocal traces
        traces += 1
        replay, outputs = traced(compute, device)

        def counted() -> None:
            nonlocal replays
            replays += 1
            replay()

        return counted, outputs

    monkeypatch.setattr(graphs, "capture_cuda", capture)
    model = load(family, decoding="graphs")
    assert await replies(model, family) == expected
    assert statically(model)
    assert 0 < traces < replays / 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
async def test_a_captured_step_gives_the_same_tokens_on_a_gpu(
    load: Callable[..., TransformersMLLM], subtests: pytest.Subtests
) -> None:
    for family in tiny.FAMILIES:
        with subtests.test(family):
            expected = await replies(load(family, decoding="dynamic", device_map="cuda:0"), family)
            model = load(family, decoding="graphs", device_map="cuda:0")
            assert await replies(model, family) == expected
            assert statically(model)


@pytest.mark.parametrize("family", ["qwen3_vl", "qwen3_5", "gemma3"])
async def test_a_call_that_arrives_while_others_are_written_joins_them(
    load: Callable[..., TransformersMLLM], family: str
) -> None:
    for decoding in ("static", "dynamic"):
        model = load(family, decoding=decoding)
        late, long = question(model, "Is it new?"), question(model, "Write." + " Look." * 6)
        alone = [(await model.chat(one, max_tokens=most)).text for one, most in ((long, 60), (late, 5))]
        begun, order = asyncio.Event(), list[str]()

        async def ask(name: str, messages: list[Message], most: int) -> str:
            reply = await model.chat(messages, max_tokens=most, on_text=lambda _: begun.set())  # noqa: B023
            order.append(name)  # noqa: B023
            return reply.text

        first = asyncio.create_task(ask("long", long, 60))
        await asyncio.wait_for(begun.wait(), 60)
        second = asyncio.create_task(ask("late", late, 5))
        assert [await first, await second] == alone
        assert order == ["late", "long"]


async def test_contrastive_replies_are_the_same_in_slots(load: Callable[..., TransformersMLLM]) -> None:
    options = {"contrastive_alpha": 1.0, "contrastive_beta": 0.1, "contrastive_noise": 600}
    expected = await replies(load("qwen3_vl", decoding="dynamic", **options), "qwen3_vl")
    assert await replies(load("qwen3_vl", decoding="static", **options), "qwen3_vl") == expected
    assert await replies(load("qwen3_vl", decoding="static"), "qwen3_vl") != expected


async def test_sampled_replies_are_written_in_slots_too(load: Callable[..., TransformersMLLM]) -> None:
    model = load("llama", decoding="static")
    calls = [model.chat(question(model, "Say."), schema=FORM, max_tokens=30, temperature=1.0) for _ in range(3)]
    assert all(reply.text.startswith('{"answer":"') for reply in await asyncio.gather(*calls))


# What cannot be: one line, and the slower path.


async def test_without_cuda_graphs_are_not_there_and_replies_come_the_slower_way(
    load: Callable[..., TransformersMLLM], caplog: pytest.LogCaptureFixture
) -> None:
    expected = await replies(load("llama", decoding="dynamic"), "llama")
    model = load("llama", decoding="graphs")
    assert await replies(model, "llama") == expected
    assert await replies(model, "llama") == expected
    assert not statically(model)
    assert caplog.text.count("decoding continues without CUDA graphs, which is slower") == 1
    assert "a step cannot be captured: there are none on the device cpu" in caplog.text


async def test_out_of_memory_while_a_step_is_captured_is_one_line_and_changes_no_reply(
    load: Callable[..., TransformersMLLM], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = await replies(load("qwen3_5", decoding="dynamic"), "qwen3_5")
    captures = iter(range(100))

    def capture(compute: Callable[[], Outputs], device: torch.device) -> tuple[Callable[[], None], Outputs]:
        if next(captures) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return traced(compute, device)

    monkeypatch.setattr(graphs, "capture_cuda", capture)
    model = load("qwen3_5", decoding="graphs")
    assert await replies(model, "qwen3_5") == expected
    assert not statically(model)
    assert caplog.text.count("out of memory for") == 1


async def test_memory_for_slots_is_bounded_and_what_does_not_fit_waits_or_goes_the_slower_way(
    load: Callable[..., TransformersMLLM], caplog: pytest.LogCaptureFixture
) -> None:
    expected = await replies(load("qwen3_vl", decoding="dynamic"), "qwen3_vl")
    model = load("qwen3_vl", decoding="static", max_decode_bytes=2 * 128 * 2 * 2 * 16 * 4)
    assert await replies(model, "qwen3_vl") == expected
    assert statically(model)
    # Too small for a single reply.
    model = load("qwen3_vl", decoding="static", max_decode_bytes=1000)
    assert await replies(model, "qwen3_vl") == expected
    assert "GiB" in caplog.text


async def test_attention_that_takes_no_masks_is_said_when_the_model_is_loaded(
    load: Callable[..., TransformersMLLM], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load("llama", decoding="dynamic")
    network = model.loaded.checkpoint.model
    monkeypatch.setattr(network.config, "_attn_implementation_internal", "flash_attention_2")
    with pytest.raises(static_decode.Unsuitable, match="takes no mask"):
        static_decode.masks_of(network)


def test_a_model_that_is_spread_over_devices_is_written_with_caches_that_grow(
    load: Callable[..., TransformersMLLM], caplog: pytest.LogCaptureFixture
) -> None:
    network = load("llama", decoding="dynamic").loaded.checkpoint.model
    network.hf_device_map = {"model.layers.0": "cpu", "model.layers.1": "disk"}
    generator = Generator("tiny", network, [0], PrefixStore(0), decoding="static")
    assert not generator.decodes_statically
    assert "tiny: decoding continues without CUDA graphs, which is slower: its layers lie on several" in caplog.text


async def test_eager_attention_takes_masks_that_are_added(load: Callable[..., TransformersMLLM]) -> None:
    expected = await replies(load("gemma3", decoding="dynamic", attention="eager"), "gemma3")
    assert await replies(load("gemma3", decoding="static", attention="eager"), "gemma3") == expected
