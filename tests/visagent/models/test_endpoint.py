"""The endpoint backend against real servers on loopback.

llama.cpp's server in a process of its own, and for what no sound server does (garbage, a repeated key, refusals) a
small HTTP server that says just that.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conformance import LONG, YES_NO, MLLMConformance, clip, picture, sound
from local_servers import Quiet, free_port, serving
from PIL import Image

from visagent.core.errors import ConfigError, ContextOverflow, ModelError
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.models.catalogue import find_source
from visagent.models.chat_format import MediaEncoder
from visagent.models.endpoint import Endpoint
from visagent.models.protocol import MLLM, Message

KEY = "sk-loopback-0123456789"
HELLO = [Message("user", "Say hello.")]


@pytest.fixture(autouse=True, scope="module")
def key() -> Iterator[None]:
    os.environ["TEST_ENDPOINT_KEY"] = KEY
    os.environ["OPENAI_API_KEY"] = "sk-of-another-service"
    yield
    del os.environ["TEST_ENDPOINT_KEY"], os.environ["OPENAI_API_KEY"]


class LlamaServer:
    """llama.cpp's own server, which can be killed and started again on the same port."""

    def __init__(self, slots: int) -> None:
        self.port, self.slots = free_port(), slots
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.start()

    def start(self) -> None:
        weights = find_source("smollm2-135m-instruct-q4_1").resolve()
        script = Path(__file__).with_name("llama_server.py")
        command = [sys.executable, str(script), str(weights), str(self.port), KEY, "1024", str(self.slots)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("ready")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    server = LlamaServer(slots=1)
    yield server
    server.kill()


class TestConformance(MLLMConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, server: LlamaServer) -> Iterator[MLLM]:
        model = Endpoint(server.url, api_key_env="TEST_ENDPOINT_KEY", media=())
        model.load()
        yield model
        model.close()


# A real server.


async def test_the_server_says_which_model_it_holds_and_how_large_its_context_is(server: LlamaServer) -> None:
    model = Endpoint(server.url, api_key_env="TEST_ENDPOINT_KEY")
    assert model.capabilities.context_tokens is None
    model.load()
    assert model.name == f"small@127.0.0.1:{server.port}"
    assert model.capabilities.context_tokens == 1024
    model.close()
    with pytest.raises(ModelError, match="the server holds small"):
        Endpoint(server.url, model="large", api_key_env="TEST_ENDPOINT_KEY").load()


async def test_a_refused_key_is_an_error_that_names_its_variable_and_not_the_key(
    server: LlamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG_KEY", "sk-wrong-key")
    model = Endpoint(server.url, model="small", api_key_env="WRONG_KEY")
    with pytest.raises(ModelError, match="refuses the key in WRONG_KEY") as caught:
        await model.chat(HELLO)
    for text in (str(caught.value), repr(caught.value), repr(model)):
        assert "sk-wrong-key" not in text


async def test_a_key_that_is_not_set_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="the environment variable NOT_SET_ANYWHERE is not set"):
        await Endpoint("http://127.0.0.1:9/v1", model="m", api_key_env="NOT_SET_ANYWHERE").chat(HELLO)


async def test_a_server_that_is_not_there_is_an_error_that_names_its_address() -> None:
    port = free_port()
    model = Endpoint(f"http://127.0.0.1:{port}/v1", model="m", retries=1)
    with pytest.raises(ModelError, match=f"cannot be reached at http://127.0.0.1:{port}/v1"):
        await model.chat(HELLO)


async def test_a_reply_is_whole_though_its_server_was_killed_in_the_middle_of_it() -> None:
    server = LlamaServer(slots=1)
    model = Endpoint(server.url, api_key_env="TEST_ENDPOINT_KEY", retries=10)
    question = [Message("user", "Write.")]
    calm = await model.chat(question, schema=LONG, max_tokens=40)
    pieces: list[str] = []
    deaths = 0

    def heard(piece: str) -> None:
        nonlocal deaths
        pieces.append(piece)
        if len(pieces) == 5:
            deaths += 1
            server.kill()
            threading.Thread(target=server.start).start()

    reply = await model.chat(question, schema=LONG, max_tokens=40, on_text=heard)
    model.close()
    server.kill()
    assert deaths == 1
    assert reply.text == calm.text == "".join(pieces)
    assert reply.usage.generated == calm.usage.generated


async def test_a_server_that_dies_and_stays_away_gives_an_error_and_no_part_of_a_reply() -> None:
    server = LlamaServer(slots=1)
    model = Endpoint(server.url, api_key_env="TEST_ENDPOINT_KEY", retries=1)
    pieces: list[str] = []

    def heard(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 3:
            server.kill()

    with pytest.raises(ModelError, match="cannot be reached"):
        await model.chat([Message("user", "Write.")], schema=LONG, max_tokens=400, on_text=heard)
    model.close()
    assert len(pieces) >= 3


# Servers that are not sound.

Answer = Callable[[dict[str, Any], int], tuple[int, dict[str, str], bytes]]
"""From a request's body and its number to status, headers and body."""


@contextmanager
def saying(answer: Answer) -> Iterator[tuple[str, list[dict[str, Any]], list[str]]]:
    """A server that answers so; gives its address, and the bodies and keys of the requests that it gets."""
    bodies: list[dict[str, Any]] = []
    keys: list[str] = []

    class Handler(Quiet):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            keys.append(self.headers["Authorization"])
            status, headers, content = answer(bodies[-1], len(bodies))
            self.send_response(status)
            for name, value in ({"Content-Type": "text/event-stream"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as address:
        yield f"{address}/v1", bodies, keys


def events(*texts: str, finish: str = "stop", usage: dict[str, Any] | None = None) -> bytes:
    """A well-formed stream of chunks."""
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": usage})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def endpoint(url: str, **options: Any) -> Endpoint:
    return Endpoint(url, model="m", api_key_env="TEST_ENDPOINT_KEY", **{"retries": 2} | options)


@pytest.mark.parametrize(
    "content",
    [
        b"<html><body>Welcome</body></html>",
        b"data: {nonsense\n\n",
        b"data: [1, 2]\n\n",
        b'data: {"choices": "none"}\n\n',
        b'data: {"choices": [{"delta": {"content": 7}}]}\n\n',
        b'data: {"error": {"message": "out of memory"}}\n\n',
        events("half")[:60],
    ],
    ids=["html", "no json", "list", "choices", "content", "error", "cut"],
)
async def test_a_malformed_reply_is_one_clear_error(content: bytes) -> None:
    with saying(lambda body, number: (200, {}, content)) as (url, _, _):
        model = endpoint(url)
        with pytest.raises(ModelError, match=r"^m@127\.0\.0\.1:\d+ (sent|failed|broke|cannot)") as caught:
            await model.chat(HELLO)
        model.close()
    assert caught.value.remedy


async def test_a_server_that_ignores_the_schema_is_named_as_such() -> None:
    for text in ("Yes!", '{"a": "perhaps"}'):
        with saying(lambda body, number, text=text: (200, {}, events(text))) as (url, bodies, _):  # type: ignore[misc]
            model = endpoint(url)
            with pytest.raises(ModelError, match="ignored the JSON schema") as caught:
                await model.chat(HELLO, schema=YES_NO)
            model.close()
        assert "response_format" in str(caught.value)
        assert bodies[0]["response_format"]["json_schema"]["schema"] == YES_NO


async def test_a_busy_server_is_asked_again_when_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []

    def answer(body: dict[str, Any], number: int) -> tuple[int, dict[str, str], bytes]:
        times.append(time.monotonic())
        return (429, {"Retry-After": "1.2"}, b"{}") if number == 1 else (200, {}, events("hello"))

    with saying(answer) as (url, _, _):
        model = endpoint(url)
        assert (await model.chat(HELLO)).text == "hello"
        model.close()
    assert len(times) == 2
    assert times[1] - times[0] >= 1.2


async def test_a_broken_server_is_asked_so_often_and_not_more() -> None:
    with saying(lambda body, number: (503, {}, b'{"error": {"message": "loading"}}')) as (url, bodies, _):
        model = endpoint(url, retries=1)
        with pytest.raises(ModelError, match=r"failed \(503\): .*loading"):
            await model.chat(HELLO)
        model.close()
    assert len(bodies) == 2


async def test_the_key_appears_in_no_error_even_if_the_server_repeats_it() -> None:
    said = json.dumps({"error": {"message": f"bad key {KEY}: go away"}}).encode()
    for status in (400, 401):
        with saying(lambda body, number, status=status: (status, {}, said)) as (url, _, keys):  # type: ignore[misc]
            model = endpoint(url)
            with pytest.raises(ModelError, match=r"bad key \*\*\*: go away") as caught:
                await model.chat(HELLO)
            model.close()
        assert KEY not in repr(caught.value) + str(caught.value)
        assert caught.value.__suppress_context__
        assert keys == [f"Bearer {KEY}"]


async def test_the_key_of_another_service_is_not_sent_to_a_server_without_one() -> None:
    with saying(lambda body, number: (200, {}, events("hello"))) as (url, _, keys):
        model = Endpoint(url, model="m")
        await model.chat(HELLO)
        model.close()
    assert keys == ["Bearer none"]


async def test_a_silent_server_is_given_up_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        model = Endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", model="m", timeout=0.3, retries=0)
        with pytest.raises(ModelError, match=r"silent for 0\.3 seconds"):
            await model.chat(HELLO)
        model.close()


async def test_no_more_calls_run_at_once_than_allowed() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def answer(body: dict[str, Any], number: int) -> tuple[int, dict[str, str], bytes]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.1)
        with lock:
            running -= 1
        return 200, {}, events("hello")

    with saying(answer) as (url, bodies, _):
        model = endpoint(url, concurrency=3)
        await asyncio.gather(*(model.chat(HELLO) for _ in range(9)))
        model.close()
    assert (len(bodies), most) == (9, 3)


async def test_usage_counts_what_the_server_had_cached() -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 64}}
    with saying(lambda body, number: (200, {}, events("a", "b", finish="length", usage=usage))) as (url, _, _):
        model = endpoint(url)
        reply = await model.chat(HELLO)
        model.close()
    assert (reply.usage.prompt, reply.usage.cached, reply.usage.generated, reply.truncated) == (90, 64, 2, True)


async def test_a_second_reply_that_differs_from_what_was_shown_is_not_sewn_to_it() -> None:
    first = events("The cat", " sat")[:130]

    def answer(body: dict[str, Any], number: int) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, first if number == 1 else events("A dog")

    with saying(answer) as (url, _, _):
        model = endpoint(url)
        heard: list[str] = []
        with pytest.raises(ModelError, match="begins otherwise"):
            await model.chat(HELLO, on_text=heard.append)
        assert "".join(heard) == "The cat"
        model.close()


async def test_an_overflow_in_the_words_of_vllm_is_understood() -> None:
    words = (
        "This model's maximum context length is 4,096 tokens. However, you requested 9001 tokens "
        "(8800 in the messages, 201 in the completion). Please reduce the length of the messages."
    )
    said = json.dumps({"error": {"message": words, "type": "BadRequestError", "code": 400}}).encode()
    with saying(lambda body, number: (400, {}, said)) as (url, _, _):
        model = endpoint(url)
        with pytest.raises(ContextOverflow, match=r"9,001 tokens and the context holds 4,096 \(user 10 characters\)"):
            await model.chat(HELLO)
        model.close()


# What is sent.


async def test_media_go_as_data_in_the_order_of_the_message_and_the_same_bytes_every_time() -> None:
    medium, tone = picture(1), sound()
    region = Crop(media=medium.hash, xyxy=(0, 0, 16, 16))
    message = Message("user", ("Here ", medium, " is ", region, " and ", tone, "Which?"))
    with saying(lambda body, number: (200, {}, events("b"))) as (url, bodies, _):
        model = endpoint(url, media=("image", "audio"), extra={"chat_template_kwargs": {"enable_thinking": False}})
        for _ in range(2):
            await model.chat([Message("system", "Look."), message])
        model.close()
    first, second = bodies
    assert first == second
    assert first["chat_template_kwargs"] == {"enable_thinking": False}
    parts = first["messages"][1]["content"]
    assert [part["type"] for part in parts] == [
        "text", "image_url", "text", "image_url", "text", "input_audio", "text",
    ]  # fmt: skip
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert all(url.startswith("data:image/png;base64,") for url in urls)
    assert len(set(urls)) == 2
    assert "uuid" not in json.dumps(first)


def test_a_medium_is_encoded_once_and_its_uuid_tells_regions_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    medium = picture(2)
    encoded: list[Crop] = []
    true_image = Crop.image

    def counted(crop: Crop) -> Image.Image:
        encoded.append(crop)
        return true_image(crop)

    monkeypatch.setattr(Crop, "image", counted)
    encoder = MediaEncoder(ids=True)
    region = Crop(media=medium.hash, xyxy=(0, 0, 16, 16))
    messages = [Message("user", (medium, region, "Which?"))]
    first, second = encoder.encode(messages), encoder.encode(messages)
    assert first == second
    assert len(encoded) == 2
    ids = [part["uuid"] for part in first[0]["content"][:2]]
    assert ids[0] != ids[1]
    assert all(id_.startswith(medium.hash) for id_ in ids)


def test_a_video_goes_as_frames_with_their_times() -> None:
    parts = MediaEncoder(video_frames=2).encode([Message("user", (clip(), "What moves?"))])[0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text", "image_url", "text"]
    assert [part["text"] for part in parts if part["type"] == "text"] == ["[0.0 s]", "[0.2 s]", "What moves?"]


def test_a_large_picture_is_scaled_down_and_goes_as_jpeg() -> None:
    large = Media.load(Image.new("RGB", (4000, 2000), "red"))
    url = MediaEncoder().encode([Message("user", (large,))])[0]["content"][0]["image_url"]["url"]
    kind, data = url.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    sent = Image.open(io.BytesIO(base64.b64decode(data)))
    assert sent.width * sent.height <= 4_000_000
    assert sent.width == 2 * sent.height
