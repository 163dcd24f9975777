"""OpenTelemetry spans of runs, roles, model calls and tools, by the conventions for generative AI. Off unless set up.

https://github.com/open-telemetry/semantic-conventions-genai (in development; attributes as of its version 0.1).

A span holds ids, names of tools and models, kinds, counts and times, and nothing that a person wrote or showed: no
question, no medium or its name, no evidence, no error's words. Attributes that the conventions lack begin with
`visagent.`. OpenTelemetry is never imported here unless the environment asks for it: who sets a provider up in this
process has imported it.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from visagent.core.errors import ConfigError, MissingDependency
from visagent.core.install import install_line

if TYPE_CHECKING:
    from visagent.evidence.tree import SubQuestion
    from visagent.evidence.values import Evidence
    from visagent.models.protocol import MLLM, Capabilities, Message, Reply

Attributes: TypeAlias = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Environment variables that ask for spans."""


def configure_from_environment() -> bool:
    """Send spans over OTLP/HTTP where the environment names a collector; the other `OTEL_*` variables count too.

    Returns:
        Whether spans are sent from now on.

    Raises:
        MissingDependency: a collector is named, and the extra `otel` is not installed.
        ConfigError: another protocol than HTTP is asked for.
    """
    named = any(os.environ.get(name) for name in ENDPOINTS)
    if not named or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    if protocol != "http/protobuf":
        raise ConfigError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}, and visagent sends spans over http/protobuf alone.",
            "Name the collector's HTTP port, by default 4318, and set http/protobuf.",
        )
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingDependency(
            f"{' or '.join(ENDPOINTS)} is set, and OpenTelemetry is not installed.",
            f"{install_line('otel')}, or unset it.",
        ) from error
    # OTEL_SERVICE_NAME goes before the name that is given here.
    service = os.environ.get("OTEL_SERVICE_NAME", "visagent")
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def traced_run(events: F) -> F:
    """Decorates the method that gives a run's events: its span lasts from the first event to the last."""

    @wraps(events)
    def wrapped(agent: Any, record: Any, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        stream = events(agent, record, *args, **kwargs)
        tracer = _tracer()
        return stream if tracer is None else _run_span(tracer, record, stream)

    return cast("F", wrapped)


async def _run_span(tracer: Any, record: Any, events: Any) -> AsyncGenerator[Any, None]:
    from opentelemetry import context, trace

    kinds = Counter(info.kind for info in record.media.values())
    span = tracer.start_span(
        "invoke_agent visagent",
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "visagent",
            "gen_ai.agent.version": _version(),
            "visagent.run.id": record.id,
            "visagent.profile": record.profile.name,
            "visagent.mode": record.mode,
            "visagent.language": record.language,
            **({"visagent.run.parent": record.parent} if record.parent else {}),
            **{f"visagent.media.{kind}": count for kind, count in kinds.items()},
        },
    )
    inside = trace.set_span_in_context(span)
    try:
        while True:
            # Each item may be requested from another task: the span is current only while an item is made.
            token = context.attach(inside)
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            finally:
                context.detach(token)
            if event.type == "answered":
                span.set_attributes(_answered(event.answer))
            elif event.type in ("approval_needed", "person_asked"):
                span.set_attribute("visagent.status", "waiting")
            yield event
    except Exception as error:
        _failed(span, type(error).__name__)
        raise
    finally:
        await events.aclose()
        span.end()


def _answered(answer: Any) -> Attributes:
    usage = answer.usage
    return {
        "visagent.status": answer.status,
        "visagent.sub_questions": len(answer.tree),
        "visagent.claims": len(answer.claims),
        "visagent.tool_calls": usage.tool_calls,
        "visagent.cached_calls": usage.cached_calls,
        "visagent.model_calls": usage.model_calls,
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.generated_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
    }


def traced_role(operation: str, work: F) -> F:
    """A node of the run's graph, with a span for its role.

    Args:
        operation: What the role does: `plan` (of the conventions), `decide`, `refine`, `verify`.
        work: The node; may be async.
    """
    attributes = {"gen_ai.operation.name": operation, "gen_ai.agent.name": "visagent"}
    if inspect.iscoroutinefunction(work):

        @wraps(work)
        async def node_async(*args: Any, **kwargs: Any) -> Any:
            with _span(f"{operation} visagent", attributes):
                return await work(*args, **kwargs)

        return cast("F", node_async)

    @wraps(work)
    def node(*args: Any, **kwargs: Any) -> Any:
        with _span(f"{operation} visagent", attributes):
            return work(*args, **kwargs)

    return cast("F", node)


@contextmanager
def tool_span(node: SubQuestion) -> Iterator[Callable[[Evidence], Evidence]]:
    """A span for the call of an expert; gives a function to pass its evidence through."""
    tool = node.solver.tool
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": node.id,
    }
    with _span(f"execute_tool {tool}", attributes) as span:

        def found(evidence: Evidence) -> Evidence:
            if span is not None:
                span.set_attributes(
                    {
                        "visagent.evidence.type": evidence.value.type,
                        "visagent.cached": evidence.cached,
                        "visagent.attempts": evidence.attempts,
                    }
                )
                if evidence.value.type == "failure":
                    _failed(span, evidence.value.error)
            return evidence

        yield found


def traced_model(model: MLLM, backend: str) -> MLLM:
    """A model whose calls have spans; the model itself where nobody wants them.

    Args:
        model: What is called.
        backend: What runs it, as profiles call it.
    """
    return model if _tracer() is None else cast("MLLM", _TracedModel(model, backend))


class _TracedModel:
    """A model that traces each call; everything but `chat` is the model's own."""

    def __init__(self, model: MLLM, backend: str) -> None:
        self._model, self._backend = model, backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    # Spelt out, so that a type check at run time finds the protocol without asking the model.
    @property
    def name(self) -> str:
        return self._model.name

    @property
    def capabilities(self) -> Capabilities:
        return self._model.capabilities

    async def chat(self, messages: Sequence[Message], **options: Any) -> Reply:
        # An endpoint's name goes on with its address.
        name = self._model.name.partition("@")[0]
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self._backend,
            "gen_ai.request.model": name,
            "gen_ai.request.temperature": options.get("temperature", 0.0),
            "gen_ai.output.type": "json" if options.get("schema") else "text",
        }
        if "max_tokens" in options:
            attributes["gen_ai.request.max_tokens"] = options["max_tokens"]
        with _span(f"chat {name}", attributes, remote=self._backend == "endpoint") as span:
            reply = await self._model.chat(messages, **options)
            if span is not None:
                span.set_attributes(
                    {
                        "gen_ai.response.finish_reasons": ["length" if reply.truncated else "stop"],
                        "gen_ai.usage.input_tokens": reply.usage.prompt,
                        "gen_ai.usage.output_tokens": reply.usage.generated,
                        "gen_ai.usage.cache_read.input_tokens": reply.usage.cached,
                    }
                )
            return reply


@contextmanager
def _span(name: str, attributes: Attributes, *, remote: bool = False) -> Iterator[Any]:
    """A span that is current inside; None where nobody wants spans."""
    tracer = _tracer()
    if tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind

    kind = SpanKind.CLIENT if remote else SpanKind.INTERNAL
    # Not recorded by OpenTelemetry itself: an exception's words may hold what a person wrote.
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            _failed(span, type(error).__name__)
            raise


def _failed(span: Any, error: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", error)
    span.set_status(Status(StatusCode.ERROR))


def _tracer() -> Any | None:
    """The tracer of the provider that was set up in this process; None where there is none."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return None
    return provider.get_tracer("visagent", _version())


def _version() -> str:
    from visagent import __version__

    return __version__
