"""llama.cpp with real weights: the conformance suite, then what is its own (slots, prefixes on disk, mmproj)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from conformance import YES_NO, MLLMConformance, picture

from visagent.core.errors import ContextOverflow, ModelError
from visagent.models.catalogue import find_source
from visagent.models.llamacpp import BATCH_TOKENS, KEPT_PREFIXES, LlamaCpp
from visagent.models.protocol import MLLM, Message

pytestmark = pytest.mark.slow

SYSTEM = Message("system", "You are a careful assistant. You answer with a single word and never explain. " * 3)


@pytest.fixture(scope="session")
def weights() -> Path:
    return find_source("smollm2-135m-instruct-q4_1").resolve()


class TestConformance(MLLMConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, weights: Path) -> Iterator[MLLM]:
        model = LlamaCpp(weights, context_tokens=1024, threads=1)
        yield model
        model.close()


# The cache of system prompts on disk.


def prefixes_in(folder: Path) -> list[Path]:
    """The saved prefixes; nothing else may be left lying about."""
    files = list(folder.iterdir())
    assert {file.suffix for file in files} == {".kv"}
    return files


def prefixes_left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_new_process_reads_no_system_prompt_that_an_earlier_one_has_read(weights: Path, tmp_path: Path) -> None:
    question = [SYSTEM, Message("user", "Is water wet?")]
    first = LlamaCpp(weights, context_tokens=512, threads=1, prefixes=tmp_path)
    before = await first.chat(question, schema=YES_NO, max_tokens=16)
    first.close()
    assert before.usage.cached == 0
    second = LlamaCpp(weights, context_tokens=512, threads=1, prefixes=tmp_path)
    after = await second.chat([SYSTEM, Message("user", "Is fire cold?")], schema=YES_NO, max_tokens=16)
    again = await second.chat(question, schema=YES_NO, max_tokens=16)
    second.close()
    assert after.usage.prompt - after.usage.cached < 20
    assert again.text == before.text
    assert len(prefixes_in(tmp_path)) == 1


async def test_only_the_prefixes_used_last_are_kept_on_disk(weights: Path, tmp_path: Path) -> None:
    for number in range(KEPT_PREFIXES + 3):
        file = tmp_path / f"{number:032}.kv"
        file.write_bytes(b"x")
    model = LlamaCpp(weights, context_tokens=512, threads=1, prefixes=tmp_path)
    await model.chat([Message("system", "Be brief."), Message("user", "Hello")], max_tokens=2)
    model.close()
    kept = prefixes_in(tmp_path)
    assert len(kept) == KEPT_PREFIXES
    assert max(file.stat().st_size for file in kept) > 1


async def test_a_damaged_prefix_costs_time_and_nothing_else(weights: Path, tmp_path: Path) -> None:
    question = [SYSTEM, Message("user", "Is water wet?")]
    first = LlamaCpp(weights, context_tokens=512, threads=1, prefixes=tmp_path)
    before = await first.chat(question, schema=YES_NO, max_tokens=16)
    first.close()
    (file,) = prefixes_in(tmp_path)
    file.write_bytes(file.read_bytes()[:1000])
    second = LlamaCpp(weights, context_tokens=512, threads=1, prefixes=tmp_path)
    after = await second.chat(question, schema=YES_NO, max_tokens=16)
    second.close()
    assert after.text == before.text
    assert file.stat().st_size > 1000


async def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    model = LlamaCpp(weights, context_tokens=512, threads=1, prefixes=tmp_path / "file" / "prefixes")
    assert (await model.chat([Message("system", "Be brief."), Message("user", "Hello")], max_tokens=2)).text
    model.close()


# Slots.


async def test_two_slots_work_at_once_each_on_its_own_question(weights: Path) -> None:
    model = LlamaCpp(weights, context_tokens=512, threads=1, slots=2)
    heard: list[str] = []

    async def ask(word: str) -> str:
        schema = {"type": "array", "items": {"const": word}, "minItems": 8, "maxItems": 8}
        question = [Message("user", f"Write {word} eight times.")]
        reply = await model.chat(question, schema=schema, max_tokens=120, on_text=lambda _: heard.append(word))
        return reply.text

    texts = await asyncio.gather(ask("alpha"), ask("omega"))
    model.close()
    assert model.capabilities.parallel == 2
    assert [json.loads(text) for text in texts] == [["alpha"] * 8, ["omega"] * 8]
    turns = sum(1 for before, after in pairwise(heard) if before != after)
    assert turns > 1, "the second call waited for the end of the first"


async def test_every_slot_restores_the_prefix_that_its_call_needs(weights: Path, tmp_path: Path) -> None:
    first = LlamaCpp(weights, context_tokens=512, threads=1, slots=2, prefixes=tmp_path)
    await first.chat([SYSTEM, Message("user", "Is water wet?")], schema=YES_NO, max_tokens=16)
    first.close()
    second = LlamaCpp(weights, context_tokens=512, threads=1, slots=2, prefixes=tmp_path)
    questions = [[SYSTEM, Message("user", f"Is {thing} wet?")] for thing in ("fire", "rain")]
    replies = await asyncio.gather(*(second.chat(q, schema=YES_NO, max_tokens=16) for q in questions))
    second.close()
    assert [reply.usage.prompt - reply.usage.cached < 20 for reply in replies] == [True, True]


async def test_a_prompt_is_not_read_to_its_end_for_a_caller_who_is_gone(weights: Path) -> None:
    model = LlamaCpp(weights, context_tokens=2048, threads=1)
    long = [Message("user", "one two three four " * 450)]
    model.load()
    reading = asyncio.create_task(model.chat(long, max_tokens=1))
    await asyncio.sleep(0.1)
    reading.cancel()
    reply = await model.chat(long, max_tokens=1)
    model.close()
    assert reply.usage.prompt > 3 * BATCH_TOKENS
    # llama.cpp may have begun the next batch before it is told.
    assert reply.usage.cached <= 2 * BATCH_TOKENS + 20


# What cannot be loaded or shown.


@pytest.mark.parametrize("which", ["model", "adapter", "mmproj"])
def test_a_missing_file_is_named(weights: Path, tmp_path: Path, which: str) -> None:
    missing = tmp_path / "missing.gguf"
    files = {"path": weights, "adapter": None, "mmproj": None} | {"path" if which == "model" else which: missing}
    with pytest.raises(ModelError, match=f"The {which} file .*missing.gguf does not exist"):
        LlamaCpp(**files)  # type: ignore[arg-type]


async def test_a_file_that_is_no_model_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(ModelError, match=r"llama\.cpp cannot load broken\.gguf"):
        await LlamaCpp(file).chat([Message("user", "Hello")])


def projector(file: Path, *encoders: str) -> Path:
    """The beginning of an mmproj file: a GGUF header whose metadata name the encoders."""
    flags = [f"clip.has_{encoder}_encoder" for encoder in encoders]
    entries = b"".join(
        len(flag).to_bytes(8, "little") + flag.encode() + (7).to_bytes(4, "little") + b"\x01" for flag in flags
    )
    header = b"GGUF" + (3).to_bytes(4, "little") + (0).to_bytes(8, "little") + len(flags).to_bytes(8, "little")
    file.write_bytes(header + entries)
    return file


def test_a_model_with_a_projector_takes_the_media_that_the_projector_is_for(weights: Path, tmp_path: Path) -> None:
    for encoders, media in {
        ("vision",): {"image", "video"},
        ("audio",): {"audio"},
        ("vision", "audio"): {"image", "video", "audio"},
    }.items():
        model = LlamaCpp(weights, mmproj=projector(tmp_path / "mmproj.gguf", *encoders))
        assert model.capabilities.media == media
    assert LlamaCpp(weights).capabilities.media == frozenset()
    with pytest.raises(ModelError, match=r"mmproj\.gguf says of no encoder"):
        LlamaCpp(weights, mmproj=projector(tmp_path / "mmproj.gguf"))


async def test_a_projector_that_cannot_be_loaded_is_named_and_pictures_are_not_dropped(
    weights: Path, tmp_path: Path
) -> None:
    model = LlamaCpp(weights, mmproj=projector(tmp_path / "mmproj.gguf", "vision"))
    with pytest.raises(ModelError, match=r"cannot load .* with mmproj\.gguf"):
        await model.chat([Message("user", (picture(), "What is it?"))])


async def test_where_the_cache_of_prompts_cannot_be_asked_for_the_reply_is_given_all_the_same(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    def refused(*_: object, **__: object) -> None:
        raise httpx.ConnectError("[Errno 24] Too many open files")

    model = LlamaCpp(weights, context_tokens=512, threads=1, prefixes=tmp_path)
    monkeypatch.setattr(httpx, "post", refused)
    assert (await model.chat([SYSTEM, Message("user", "Is water wet?")], schema=YES_NO, max_tokens=16)).text
    with pytest.raises(ContextOverflow):
        await model.chat([SYSTEM, Message("user", "water " * 2000)], max_tokens=4)
    model.close()
    assert prefixes_left(tmp_path) == []


async def test_a_cache_of_prompts_on_a_full_disk_costs_no_reply_and_leaves_nothing(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    model = LlamaCpp(weights, context_tokens=512, threads=1, prefixes=tmp_path)
    monkeypatch.setattr(Path, "replace", full)
    assert (await model.chat([SYSTEM, Message("user", "Is water wet?")], schema=YES_NO, max_tokens=16)).text
    model.close()
    assert prefixes_left(tmp_path) == []
