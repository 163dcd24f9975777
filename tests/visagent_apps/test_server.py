"""`visagent serve` as OpenAI's own client meets it: a real process with the embedded models, on loopback."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_servers import free_port

pytest.importorskip("openai", reason='the server needs extras: pip install "visagent[serve,endpoint]"')
pytest.importorskip("fastapi", reason='the server needs extras: pip install "visagent[serve,endpoint]"')
pytest.importorskip("uvicorn", reason='the server needs extras: pip install "visagent[serve,endpoint]"')
pytest.importorskip("prometheus_client", reason='the server needs extras: pip install "visagent[serve,endpoint]"')

import httpx
import openai

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
VISAGENT = str(Path(sys.executable).with_name("visagent"))
KEY = "sesame-1"
MODEL = "visagent-embedded"
MAX_MEGABYTES = 4


def data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def asked(question: str, *parts: dict[str, Any]) -> Any:
    return [{"role": "user", "content": [{"type": "text", "text": question}, *parts]}]


COFFEE = picture(data_uri(EXAMPLES / "coffee.png"))
SPEECH = {
    "type": "input_audio",
    "input_audio": {"data": base64.b64encode((EXAMPLES / "speech.wav").read_bytes()).decode(), "format": "wav"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of its own process, with two API keys and one place."""
    port = free_port()
    command = [VISAGENT, "serve", "--port", str(port), "--concurrency", "1", "--max-megabytes", str(MAX_MEGABYTES)]
    process = subprocess.Popen(command, env=os.environ | {"VISAGENT_API_KEYS": f"{KEY}, sesame-2"})
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1800):
            assert process.poll() is None, "the server ended"
            try:
                if httpx.get(f"{address}/health").status_code == 200:
                    break
            except httpx.ConnectError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def client(server: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server}/v1", api_key=KEY, max_retries=0, timeout=500)


def metrics(server: str) -> str:
    return httpx.get(f"{server}/metrics", headers={"Authorization": f"Bearer {KEY}"}).text


def test_a_question_about_a_photo_is_answered_with_its_trace(client: openai.OpenAI, server: str) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    reply = client.chat.completions.create(model=MODEL, messages=asked("Is there a cup on the table?", COFFEE))
    message = reply.choices[0].message
    assert "cup" in (message.content or "") and "[q" in (message.content or "")
    assert reply.choices[0].finish_reason == "stop" and reply.usage and reply.usage.completion_tokens > 0
    trace = reply.model_extra["visagent"] if reply.model_extra else {}
    assert trace["status"] == "answered" and message.model_extra == {"visagent": {"run_id": trace["run_id"]}}
    assert {found["tool"] for found in trace["evidence"].values()} >= {"detect"}
    assert [node["id"] for node in trace["tree"]["nodes"]] and trace["claims"][0]["verdict"] == "supported"
    assert 'visagent_answers_total{status="answered"} 1.0' in metrics(server)


def test_a_stream_tells_the_tree_while_it_grows_then_the_answer(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=asked("What color is the cup?", COFFEE),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    told = [chunk.model_extra["visagent"] for chunk in chunks if chunk.model_extra]
    kinds = [item["event"]["type"] for item in told if "event" in item]
    assert kinds[0] == "planned" and kinds.count("started") == kinds.count("found") >= 2
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "cup" in text and "[q" in text
    assert told[-1]["status"] == "answered" and " ".join(claim["text"] for claim in told[-1]["claims"]) == text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage and chunks[-1].usage.total_tokens > 0


def test_an_answer_in_a_schema_is_json(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"cats": {"type": "integer"}}, "required": ["cats"]}
    reply = client.chat.completions.create(
        model=MODEL,
        messages=asked("How many cats are there?", picture(data_uri(EXAMPLES / "cat.png"))),
        response_format={"type": "json_schema", "json_schema": {"name": "count", "schema": schema}},
    )
    assert json.loads(reply.choices[0].message.content or "") == {"cats": 1}


def test_what_cannot_be_answered_in_a_schema_is_a_refusal(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"crossings": {"type": "integer"}}}
    with client.chat.completions.stream(
        model=MODEL,
        messages=asked("How many zebra crossings are there?", picture(data_uri(EXAMPLES / "cat.png"))),
        response_format={"type": "json_schema", "json_schema": {"name": "count", "schema": schema}},
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert not message.content and "zebra crossing" in (message.refusal or "")


def test_speech_is_heard(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model=MODEL, messages=asked("What does the speaker say?", SPEECH))
    trace = reply.model_extra["visagent"] if reply.model_extra else {}
    assert "transcribe" in {found["tool"] for found in trace["evidence"].values()}, reply.choices[0].message.content


def test_a_client_that_hangs_up_frees_its_place(client: openai.OpenAI, server: str) -> None:
    with client.chat.completions.create(
        model=MODEL, messages=asked("How many cups and how many spoons are there?", COFFEE), stream=True
    ) as stream:
        next(iter(stream))
    for _ in range(300):
        if "visagent_in_flight 0.0" in metrics(server):
            break
        time.sleep(0.1)
    assert "visagent_in_flight 0.0" in metrics(server)


@pytest.mark.parametrize(
    ("messages", "status", "says"),
    [
        (asked("What is it?", picture("data:image/png;base64,anVuaw==")), 400, "not of a type"),
        (asked("What is it?", picture("data:image/png;base64,%%%")), 400, "not base64"),
        (asked("What is it?", picture("data:image/png,plain")), 400, "data: URI"),
        (asked("What is it?", picture("http://127.0.0.1/a.png")), 400, "fetches none"),
        (asked("What is it?", picture("file:///etc/passwd")), 400, "data: URI"),
        (asked("What is it?", picture(str(EXAMPLES / "cat.png"))), 400, "data: URI"),
        (asked("What is it?"), 400, "No medium"),
        (asked(" ", COFFEE), 400, "no question"),
        (asked("x" * 30_000, COFFEE), 400, "30,000 characters"),
        ([{"role": "assistant", "content": "Hello."}], 400, "no question"),
        ([{"role": "user", "content": [{"type": "video_url"}]}], 400, "messages.0.content"),
        ([], 400, "messages"),
        (asked("What is it?", picture(f"data:image/png;base64,{'A' * (MAX_MEGABYTES << 20)}")), 413, "larger than"),
    ],
)
def test_bad_input_is_one_clear_error(client: openai.OpenAI, messages: Any, status: int, says: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=MODEL, messages=messages)
    assert caught.value.status_code == status and says in str(caught.value) and "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        ({"model": "gpt-5"}, 404, MODEL),
        ({"n": 2}, 400, "one answer"),
        ({"extra_body": {"visagent": {"regions": {"r1": [0, 0, 9999, 9]}}}}, 400, "does not lie in the picture"),
        ({"extra_body": {"visagent": {"regions": {"r1": "left"}}}}, 400, "visagent.regions.r1"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, 400, "--tool"),
        ({"response_format": {"type": "json_object"}}, 400, "json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}, 400, "schema"),
        ({"extra_headers": {"Content-Type": "text/plain"}}, 400, "body"),
    ],
)
def test_what_would_change_the_replys_form_is_refused(
    client: openai.OpenAI, options: dict[str, Any], status: int, says: str
) -> None:
    request: dict[str, Any] = {"model": MODEL, "messages": asked("What is it?", COFFEE)} | options
    with pytest.raises(openai.APIStatusError, match=says) as caught:
        client.chat.completions.create(**request)
    assert caught.value.status_code == status


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer ü"])
def test_without_its_key_nothing_but_health_is_told(server: str, header: str | None) -> None:
    headers = {"Authorization": header.encode()} if header else {}
    for path in ("/v1/models", "/metrics"):
        assert httpx.get(f"{server}{path}", headers=headers).status_code == 401
    refused = httpx.post(f"{server}/v1/chat/completions", json={}, headers=headers)
    assert refused.status_code == 401 and refused.json()["error"]["code"] == "invalid_api_key"
    assert httpx.get(f"{server}/health", headers=headers).json() == {"status": "ok"}


def test_a_body_that_does_not_say_its_length_is_cut_off(server: str) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"model": "'
        for _ in range(MAX_MEGABYTES + 2):
            yield b"x" * 2**20

    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    try:
        refused = httpx.post(f"{server}/v1/chat/completions", content=endless(), headers=headers)
    except httpx.WriteError:
        return  # hung up while we were still sending
    assert refused.status_code == 413 and "larger than" in refused.text


def test_a_foreign_host_name_is_refused(server: str) -> None:
    assert httpx.get(f"{server}/health", headers={"Host": "evil.example"}).status_code == 421


def test_it_binds_to_no_other_address_without_a_key() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VISAGENT_API_KEYS"}
    done = subprocess.run(
        [VISAGENT, "serve", "--host", "0.0.0.0", "--port", "1"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2 and "VISAGENT_API_KEYS" in done.stderr and "Traceback" not in done.stderr


def test_metrics_hold_no_question_answer_or_key(server: str, client: openai.OpenAI) -> None:
    told = metrics(server)
    assert 'visagent_requests_total{status="400"}' in told and "visagent_answer_seconds_bucket" in told
    assert 'visagent_evidence_total{outcome="' in told and 'tool="detect"' in told
    assert "cup" not in told and KEY not in told and json.dumps(KEY) not in told
