"""The laptop profile: a model that sees through llama.cpp, chosen by memory and fetched from a hub."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_stand_in import COMMIT, Hub, hub_stand_in
from PIL import Image

from visagent.core.errors import ModelError, SourceError
from visagent.core.settings import Settings, load_profile
from visagent.media.media import Media, load_media
from visagent.models import gguf_choice
from visagent.models.backends import model_sources
from visagent.models.catalogue import CATALOGUE, find_source
from visagent.models.configs import LlamaCppModel
from visagent.models.gguf_choice import CHOICES, GIB, choose_gguf, free_memory
from visagent.models.grounding import Convention
from visagent.models.llamacpp import LlamaCpp
from visagent.models.loading import load_model
from visagent.models.protocol import Message
from visagent.models.weights import ModelSource, cache_dir

pytest.importorskip("gguf", reason="gguf writes the model")

pytestmark = pytest.mark.slow

WEIGHTS = bytes(range(256)) * 4096
FILE = "hub:owner/name@main!model.gguf"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with hub_stand_in() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.files["owner/name/model.gguf"] = WEIGHTS
        yield hub


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from tiny_gguf import write_qwen3vl

    return write_qwen3vl(tmp_path_factory.mktemp("tiny"))


def picture(colour: str) -> Media:
    return load_media(Image.new("RGB", (96, 64), colour))[0]


# The model sees.


async def test_a_picture_changes_what_the_model_says_and_the_same_one_does_not(tiny: tuple[Path, Path]) -> None:
    model = LlamaCpp(tiny[0], mmproj=tiny[1], context_tokens=2048, threads=1)
    assert model.capabilities.media == {"image", "video"}
    assert model.capabilities.grounding is Convention.RELATIVE_1000
    replies = [
        (await model.chat([Message("user", (picture(colour), "What is it?"))], max_tokens=16)).text
        for colour in ("red", "blue", "red")
    ]
    model.close()
    assert replies[0] == replies[2]
    assert replies[0] != replies[1]


async def test_a_picture_is_read_as_so_many_tokens_as_the_profile_says(tiny: tuple[Path, Path]) -> None:
    read = []
    for tokens in (None, 64):
        model = LlamaCpp(tiny[0], mmproj=tiny[1], context_tokens=2048, threads=1, image_tokens=tokens, gpu_layers=0)
        read.append((await model.chat([Message("user", (picture("red"), "?"))], max_tokens=1)).usage.prompt)
        model.close()
    # 96 x 64 pixels are 3 x 2 tokens of 32 x 32 pixels; enlarged, as many as fit into 64.
    assert 40 <= read[1] - read[0] <= 60


# Chosen by memory.


@pytest.mark.parametrize(("free", "model"), [(3.6, "2b"), (6.9, "2b"), (7.1, "4b"), (64, "4b")])
def test_the_better_model_that_fits_the_free_memory_is_chosen(free: float, model: str) -> None:
    assert f"-{model}-" in choose_gguf(int(free * GIB), lambda key: False).model


def test_a_model_that_is_here_is_rather_used_than_a_better_one_fetched_unasked() -> None:
    small = CHOICES[-1]
    here = {small.model, small.mmproj}
    assert choose_gguf(64 * GIB, here.__contains__) == small
    assert choose_gguf(64 * GIB, here.__contains__, fetch=True) == CHOICES[0]
    assert choose_gguf(64 * GIB, {small.model}.__contains__) == CHOICES[0]


def test_too_little_memory_is_an_error_with_a_way_out() -> None:
    with pytest.raises(ModelError, match=r"2\.0 GiB of memory are free, and qwen3-vl-2b.* needs about 3\.5") as caught:
        choose_gguf(2 * GIB, lambda key: False)
    assert "embedded" in caught.value.remedy


def test_the_machine_says_how_much_memory_is_free() -> None:
    assert free_memory() > 100_000_000


def test_the_profile_takes_model_and_projector_of_one_choice(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    config = load_profile("laptop").models["main"]
    monkeypatch.setattr(gguf_choice, "free_memory", lambda: 5 * GIB)
    assert model_sources(config) == ["qwen3-vl-2b-instruct-q4_k_m", "qwen3-vl-2b-mmproj-q8_0"]
    for choice in CHOICES:
        assert CATALOGUE[choice.model].role == "language model"
        assert CATALOGUE[choice.mmproj].role == "projector"
        assert CATALOGUE[choice.model].bytes + CATALOGUE[choice.mmproj].bytes < choice.memory_bytes


# Fetched from the hub.


async def test_the_profile_fetches_its_model_says_the_size_and_then_sees(
    tiny: tuple[Path, Path], hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(gguf_choice, "free_memory", lambda: 5 * GIB)
    for key, file in zip(("qwen3-vl-2b-instruct-q4_k_m", "qwen3-vl-2b-mmproj-q8_0"), tiny, strict=True):
        source = find_source(key)
        hub.files[f"{source.repo}/{source.inside}"] = file.read_bytes()  # type: ignore[attr-defined]
    config = load_profile("laptop").models["main"]
    assert isinstance(config, LlamaCppModel)
    model = load_model(config.model_copy(update={"threads": 1, "image_tokens": 64}), tmp_path)
    assert "Downloading Qwen3VL-2B-Instruct-Q4_K_M.gguf: 0.00 GB, to " in caplog.text
    assert model.name == "Qwen3VL-2B-Instruct-Q4_K_M"
    red, blue = [
        (await model.chat([Message("user", (picture(colour), "What is it?"))], max_tokens=16)).text
        for colour in ("red", "blue")
    ]
    model.close()
    assert red != blue
    asked = len(hub.requests)
    load_model(config, tmp_path)
    assert len(hub.requests) == asked, "what is here is not asked of the hub again"


def test_a_broken_download_goes_on_where_it_broke_off_and_its_digest_is_kept(hub: Hub) -> None:
    hub.breaks = 2
    path = ModelSource.parse(FILE).resolve()
    assert path.read_bytes() == WEIGHTS
    third = len(WEIGHTS) // 3
    assert hub.asked_from == [0, third, third + (len(WEIGHTS) - third) // 3]
    kept = json.loads(path.with_name("model.gguf.json").read_text())
    assert kept["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert (kept["commit"], kept["bytes"]) == (COMMIT, len(WEIGHTS))
    assert not list(path.parent.glob("*.partial*"))
    # The content is asked for by its commit: a branch that moves on meanwhile changes nothing.
    assert all(COMMIT in path for method, path, _ in hub.requests if method == "GET")


def test_a_process_that_was_killed_leaves_a_beginning_for_the_next(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    script = (
        "from visagent.models import hub_files\n"
        "from visagent.models.weights import ModelSource\n"
        "hub_files.time.sleep = lambda s: __import__('os').kill(__import__('os').getpid(), 9)\n"
        f"ModelSource.parse({FILE!r}).resolve()\n"
    )
    hub.breaks = 1
    ended = subprocess.run([sys.executable, "-c", script], env=dict(os.environ), timeout=60)
    assert ended.returncode == -signal.SIGKILL
    begun = len(WEIGHTS) // 3
    with caplog.at_level(logging.WARNING):
        assert ModelSource.parse(FILE).resolve().read_bytes() == WEIGHTS
    assert hub.asked_from == [0, begun]
    assert "of it are here already" in caplog.text


def test_what_was_begun_of_another_version_is_begun_anew(hub: Hub) -> None:
    hub.breaks = 100
    # A reply that brings nothing at all, again and again, is given up.
    hub.files["owner/name/model.gguf"] = b"xy"
    with pytest.raises(SourceError, match="the connection broke 7 times in a row") as caught:
        _quick(lambda: ModelSource.parse(FILE).resolve())
    assert "hf download" in caught.value.remedy
    hub.breaks, hub.files["owner/name/model.gguf"] = 0, WEIGHTS
    assert ModelSource.parse(FILE).resolve().read_bytes() == WEIGHTS


def _quick(work: object) -> None:
    from visagent.models import hub_files

    sleep = time.sleep
    hub_files.time.sleep = lambda seconds: None  # type: ignore[assignment]
    try:
        work()  # type: ignore[operator]
    finally:
        hub_files.time.sleep = sleep


def test_a_server_that_sends_no_parts_is_read_from_the_beginning(hub: Hub) -> None:
    hub.ranges, hub.breaks = False, 1
    assert ModelSource.parse(FILE).resolve().read_bytes() == WEIGHTS


def test_other_content_than_the_hub_says_is_deleted(hub: Hub) -> None:
    hub.lies = True
    with pytest.raises(SourceError, match="the sha256 is .* and the hub says") as caught:
        ModelSource.parse(FILE).resolve()
    assert caught.value.remedy
    assert not list(cache_dir().rglob("*.gguf"))
    assert not list(cache_dir().rglob("*.partial"))
    hub.lies = False
    assert ModelSource.parse(FILE).resolve().read_bytes() == WEIGHTS


@pytest.mark.parametrize(("status", "words"), [(404, "Entry not found"), (401, "HF_TOKEN"), (503, "answers 503")])
def test_a_hub_that_refuses_is_quoted(hub: Hub, status: int, words: str) -> None:
    hub.status = status
    with pytest.raises(SourceError, match="cannot be fetched") as caught:
        ModelSource.parse(FILE).resolve()
    assert words in caught.value.fact
    assert "\n" not in str(caught.value)


def test_without_a_hub_the_profile_says_so_in_one_line_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hub: Hub
) -> None:
    monkeypatch.setattr(gguf_choice, "free_memory", lambda: 5 * GIB)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(
        SourceError, match=r"Qwen3VL-2B-Instruct-Q4_K_M\.gguf of .* cannot be fetched: Connect"
    ) as caught:
        load_model(load_profile("laptop").models["main"], tmp_path)
    assert time.monotonic() - started < 10
    assert "hf download Qwen/Qwen3-VL-2B-Instruct-GGUF" in caught.value.remedy
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE is set"):
        load_model(load_profile("laptop").models["main"], tmp_path)


def test_a_repository_that_was_renamed_is_followed_and_the_token_goes_to_no_other_host(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.moved = hub.url.replace("127.0.0.1", "localhost")
    with pytest.raises(SourceError, match="does not say how large"):
        ModelSource.parse(FILE).resolve()
    assert hub.hosts == [("127.0.0.1", "Bearer hf_secret")]
    hub.moved = hub.url
    assert ModelSource.parse(FILE).resolve().read_bytes() == WEIGHTS


def test_no_name_in_a_repository_leaves_the_cache(hub: Hub) -> None:
    hub.files["owner/name/../../evil.gguf"] = WEIGHTS
    with pytest.raises(SourceError):
        ModelSource.parse("hub:owner/name@main!../../../evil.gguf").resolve()
    assert not list(cache_dir().parent.parent.rglob("evil.gguf"))


def test_a_question_is_answered_by_the_models_own_eyes(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    from visagent.agent.agent import Agent

    main = {"source": str(tiny[0]), "mmproj": str(tiny[1]), "threads": 1, "image_tokens": 64}
    profile = load_profile("laptop", Settings(models={"main": main}))
    agent = Agent(profile, home=tmp_path)
    answer = agent.ask("What is it?", Image.new("RGB", (96, 64), "red"), mode="direct")
    (look,) = [item for item in answer.evidence.values() if item.tool.startswith("look")]
    # Random weights may talk until their tokens are used up; that they saw, within schema and context, is what counts.
    assert not look.failed or "the form it was asked for" in look.value.message  # type: ignore[union-attr]


def test_prepare_fetches_model_and_projector_and_doctor_knows_where_they_are(
    tiny: tuple[Path, Path], hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from visagent_apps import doctor

    monkeypatch.setattr(gguf_choice, "free_memory", lambda: 5 * GIB)
    for key, file in zip(("qwen3-vl-2b-instruct-q4_k_m", "qwen3-vl-2b-mmproj-q8_0"), tiny, strict=True):
        source = find_source(key)
        hub.files[f"{source.repo}/{source.inside}"] = file.read_bytes()  # type: ignore[attr-defined]
    assert doctor.needed_weights(load_profile("laptop"), fetch=True)[:2] == (
        "qwen3-vl-2b-instruct-q4_k_m",
        "qwen3-vl-2b-mmproj-q8_0",
    )
    doctor.prepare("laptop")
    assert "Profile laptop is ready." in capsys.readouterr().err
    doctor.report("laptop")
    said = capsys.readouterr().out
    assert "projector" in said
    assert "not fetched yet" not in said
