"""Spans of real runs, in memory and over the wire, and none where nobody asked for them."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_servers import Quiet, serving
from PIL import Image

from visagent.agent.agent import Agent
from visagent.agent.tracing import configure_from_environment, traced_model
from visagent.core.errors import ConfigError
from visagent.testing import ScriptedModel, slow_tools

trace = pytest.importorskip("opentelemetry.trace")
sdk = pytest.importorskip("opentelemetry.sdk.trace")
EXAMPLES = Path(__file__).parents[3] / "examples"
VISAGENT = str(Path(sys.executable).with_name("visagent"))


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An exporter that keeps the spans of this test in memory."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # The API lets a process set its provider once; other tests are to run without.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo whose name is nobody else's business."""
    return Path(shutil.copy(EXAMPLES / "cat.png", tmp_path / "private-name.png"))


def words(spans: Any) -> str:
    """All that spans say."""
    return " ".join(f"{span.name} {dict(span.attributes)} {span.status.description} {span.events}" for span in spans)


def test_a_real_run_has_spans_for_run_roles_model_and_tools(spans: Any, photo: Path) -> None:
    answer = Agent("embedded", cache=False).ask("How many cats are there?", photo)
    found = spans.get_finished_spans()
    (run,) = (span for span in found if span.parent is None)
    assert run.name == "invoke_agent visagent" and run.kind is trace.SpanKind.INTERNAL
    assert run.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert run.attributes["visagent.run.id"] == answer.run_id
    assert run.attributes["visagent.media.image"] == 1
    assert run.attributes["visagent.status"] == "answered"
    assert run.attributes["gen_ai.usage.input_tokens"] == answer.usage.prompt_tokens > 0
    assert run.attributes["gen_ai.usage.output_tokens"] == answer.usage.generated_tokens > 0

    inside = {span.context.span_id: span for span in found}
    parents = {span.name: inside[span.parent.span_id].name for span in found if span.parent}
    assert {"plan visagent", "decide visagent", "refine visagent", "verify visagent"} <= parents.keys()
    assert parents["plan visagent"] == parents["execute_tool detect"] == run.name
    (chat,) = (span for span in found if span.attributes["gen_ai.operation.name"] == "chat")
    assert parents[chat.name] == "plan visagent"
    assert "smollm2" in chat.attributes["gen_ai.request.model"]
    assert chat.attributes["gen_ai.provider.name"] == "llamacpp"
    assert chat.attributes["gen_ai.usage.output_tokens"] == answer.usage.generated_tokens

    tools = {span.attributes["gen_ai.tool.call.id"]: span for span in found if span.name.startswith("execute_tool")}
    assert tools.keys() == answer.evidence.keys()
    for id_, span in tools.items():
        assert span.attributes["gen_ai.tool.name"] == answer.evidence[id_].tool
        assert span.attributes["visagent.evidence.type"] == answer.evidence[id_].value.type
        assert run.start_time <= span.start_time <= span.end_time <= run.end_time
    assert [word for word in ("cats", "private-name", str(photo.parent)) if word in words(found)] == []


def test_a_failed_tool_is_an_error_of_its_class_and_says_no_more(spans: Any, photo: Path) -> None:
    answer = Agent("embedded", cache=False).ask("How many zebra crossings are there?", photo)
    assert "zebra" in answer.text
    found = spans.get_finished_spans()
    (failed, *_) = (span for span in found if span.attributes.get("error.type") == "UnknownLabel")
    assert failed.name == "execute_tool detect" and failed.status.status_code is trace.StatusCode.ERROR
    assert "zebra" not in words(found)


def scripted_agent(tmp_path: Path) -> Agent:
    plan = [{"tool": "look", "name": "a"}, {"tool": "join", "a": "$q1", "b": "b"}]
    tools, models = slow_tools(tmp_path / "log", {}), {"controller": ScriptedModel(plan)}
    return Agent("embedded", tools=tools, only=["look", "join"], models=models, home=tmp_path)


async def test_the_run_is_no_parent_of_what_its_reader_does_between_events(spans: Any, tmp_path: Path) -> None:
    events = scripted_agent(tmp_path).stream("What is it?", Image.new("RGB", (8, 8)))
    while True:
        try:
            # Each event is awaited in a task of its own, as servers do.
            await asyncio.create_task(anext(events))  # type: ignore[arg-type]
        except StopAsyncIteration:
            break
        assert trace.get_current_span() is trace.INVALID_SPAN
    names = [span.name for span in spans.get_finished_spans()]
    assert names.count("invoke_agent visagent") == 1 and names.count("execute_tool look") == 1


async def test_a_run_that_its_reader_leaves_has_a_span_too(spans: Any, tmp_path: Path) -> None:
    events = scripted_agent(tmp_path).stream("What is it?", Image.new("RGB", (8, 8)))
    await anext(events)
    await events.aclose()  # type: ignore[attr-defined]
    for _ in range(500):
        # The event loop closes what the reader has left.
        await asyncio.sleep(0.01)
        if runs := [span for span in spans.get_finished_spans() if span.name == "invoke_agent visagent"]:
            break
    (run,) = runs
    assert run.end_time and "visagent.status" not in run.attributes


def test_without_a_provider_a_model_is_itself() -> None:
    model: Any = ScriptedModel([])
    assert traced_model(model, "scripted") is model


def test_nothing_of_opentelemetry_is_imported_by_visagent_itself() -> None:
    code = (
        "import sys, visagent.agent.tracing, visagent_apps.cli\n"
        "assert visagent.agent.tracing.configure_from_environment() is False\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert ran.stdout.strip() == "[]"


def test_another_protocol_than_http_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(ConfigError, match="http/protobuf"):
        configure_from_environment()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """An OTLP/HTTP receiver on this machine: its address, and the paths and bodies that it was sent."""
    received: list[tuple[str, bytes]] = []

    class Receiver(Quiet):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

    with serving(Receiver) as address:
        yield address, received


def test_the_command_line_sends_spans_to_the_collector_that_the_environment_names(
    collector: tuple[str, list[tuple[str, bytes]]], photo: Path
) -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    address, received = collector
    ran = subprocess.run(
        [VISAGENT, "ask", str(photo), "How many cats are there?", "--no-cache"],
        capture_output=True,
        text=True,
        env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": address},
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0 and "1 cat" in ran.stdout, ran.stderr
    assert {path for path, _ in received} == {"/v1/traces"}
    requests = [service.ExportTraceServiceRequest.FromString(body) for _, body in received]
    sent = [resource for request in requests for resource in request.resource_spans]
    names = {span.name for resource in sent for scope in resource.scope_spans for span in scope.spans}
    assert {"invoke_agent visagent", "plan visagent", "execute_tool detect", "execute_tool count"} <= names
    known = {item.key: item.value.string_value for item in sent[0].resource.attributes}
    assert known["service.name"] == "visagent"
    assert [word for word in (b"cats", b"private-name") if any(word in body for _, body in received)] == []


def test_a_missing_collector_costs_no_answer(photo: Path) -> None:
    ran = subprocess.run(
        [VISAGENT, "ask", str(photo), "How many cats are there?"],
        capture_output=True,
        text=True,
        # Nothing listens on the discard port.
        env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "2"},
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0 and "1 cat" in ran.stdout and "Traceback" not in ran.stderr
