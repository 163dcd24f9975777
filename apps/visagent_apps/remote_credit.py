"""Tool credit of an agent that is not ours: asked through its server, its tools hidden by a proxy. Knows no file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from visagent.core.errors import ConfigError, ModelError, VisagentError
from visagent.evaluation.credit import CreditReport, OnPrediction, Prediction, credit_of
from visagent.evaluation.questions import Question
from visagent.media.media import Media
from visagent.models.protocol import MLLM, Message

if TYPE_CHECKING:
    from visagent_apps.masking_proxy import MaskingProxy

MAX_TOKENS = 1024
"""Tokens of an answer at most."""


async def remote_credit(
    agent: MLLM,
    proxy: MaskingProxy,
    questions: Sequence[tuple[Question, Sequence[Media]]],
    *,
    on_prediction: OnPrediction = lambda *_: None,
) -> CreditReport:
    """Ask an agent every question with all tools, with each hidden that it called, and with none.

    One question is asked at a time, so that the calls that pass through the proxy meanwhile are its own.

    Args:
        agent: The agent's server.
        proxy: Through which it reaches its model or its tools.
        questions: Questions with their media.
        on_prediction: OnPrediction every prediction.

    Raises:
        InputError: there are no questions.
        ModelError: the agent answered none of them.
        ConfigError: no tool passed through the proxy.
    """
    failed: list[VisagentError] = []
    answered = 0

    async def ask(masked: str, question: Question, media: Sequence[Media]) -> Prediction:
        nonlocal answered
        proxy.begin(masked)
        started = time.monotonic()
        try:
            reply = await agent.chat([Message("user", (*media, question.question))], max_tokens=MAX_TOKENS)
        except VisagentError as error:
            failed.append(error)
            raise
        answered += 1
        return Prediction(
            id=question.id,
            masked=masked,
            right=question.expect.holds_in(reply.text),
            answer=reply.text,
            plan=tuple(proxy.calls),
            calls=dict(proxy.calls),
            costs=dict(proxy.seconds),
            seconds=time.monotonic() - started,
        )

    def watched(prediction: Prediction, made: int, total: int) -> None:
        on_prediction(prediction, made, total)
        if made == len(questions):
            if not answered:
                raise ModelError(f"The agent answered no question: {failed[0].fact}", failed[0].remedy)
            if not proxy.offered:
                raise ConfigError(
                    "No tool passed through the proxy.",
                    f"Start the agent with its model, or its MCP server, at {proxy.url}.",
                )

    return await credit_of(ask, questions, on_prediction=watched)
