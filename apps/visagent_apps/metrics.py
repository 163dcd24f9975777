"""The metrics that a server gives to Prometheus. Holds no question, answer or key."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from visagent.evidence.answer import Answer


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "visagent_requests", "Chat completions by HTTP status.", ["status"], registry=self._registry
        )
        self._answers = Counter("visagent_answers", "Finished runs by status.", ["status"], registry=self._registry)
        self._seconds = Histogram(
            "visagent_answer_seconds",
            "Wall-clock time of a run.",
            buckets=(0.25, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320),
            registry=self._registry,
        )
        self._evidence = Counter(
            "visagent_evidence", "Evidence by tool and outcome.", ["tool", "outcome"], registry=self._registry
        )
        self._tokens = Counter("visagent_tokens", "Tokens of language models.", ["kind"], registry=self._registry)
        self.in_flight = Gauge("visagent_in_flight", "Questions being answered.", registry=self._registry)

    def request(self, status: int) -> None:
        """Count a request by what it was answered with."""
        self._requests.labels(str(status)).inc()

    def answer(self, answer: Answer) -> None:
        """Count a finished run."""
        self._answers.labels(answer.status).inc()
        self._seconds.observe(answer.usage.seconds)
        self._tokens.labels("prompt").inc(answer.usage.prompt_tokens)
        self._tokens.labels("cached").inc(answer.usage.cached_tokens)
        self._tokens.labels("generated").inc(answer.usage.generated_tokens)
        for found in answer.evidence.values():
            outcome = "failed" if found.failed else "cached" if found.cached else "found"
            self._evidence.labels(found.tool, outcome).inc()

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)
