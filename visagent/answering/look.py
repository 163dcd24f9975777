"""The model's own eyes and ears as tools: sub-questions that no other expert answers go to the MLLM itself.

They are tools like all others, so that one plan, one scheduler and one cache serve both; siblings that are asked at the
same time are one batch for a backend that can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from visagent.core.errors import MissingInput, ModelError
from visagent.core.json_text import read_json
from visagent.evidence.values import Boolean, Crop, Line, Number, Text
from visagent.models.protocol import MLLM, Message, Part, Reply
from visagent.planning.prompts import render
from visagent.tools.toolkit import Audio, Tool, tool

SURENESS = {"certain": 0.9, "likely": 0.7, "unsure": 0.3}
"""What a model's own word for how sure it is counts as confidence: its numbers would promise more than they hold."""
MAX_ANSWER = 400
"""Characters of an answer in words."""
_WORDS = {"type": "string", "minLength": 1, "maxLength": MAX_ANSWER}


def observers(model: MLLM, system: Callable[[], str], on_reply: Callable[[Reply], None]) -> list[Tool]:
    """Tools by which a model looks at pictures, or listens, itself; none for a model that can do neither.

    Args:
        model: Whose eyes and ears.
        system: Gives the system message that its roles share, so that its key-value cache serves these calls too; it
            is asked for late, since it lists these tools as well.
        on_reply: Told each reply, for what it cost.
    """

    async def asked(parts: Sequence[Part], question: str, answer: dict[str, Any]) -> tuple[Any, float]:
        if not parts:
            raise MissingInput("There is nothing to look at.", "Give a picture, or a region of one.")
        schema = {
            "type": "object",
            "properties": {"answer": answer, "sure": {"enum": list(SURENESS)}},
            "required": ["answer", "sure"],
            "additionalProperties": False,
        }
        # Media first: their part of the prompt is the same for every question about them.
        content = (*parts, render("observer", question=question))
        messages = [Message(role="system", content=system()), Message(role="user", content=content)]
        reply = await model.chat(messages, schema=schema, max_tokens=MAX_ANSWER)
        on_reply(reply)
        try:
            told = read_json(reply.text)
            return told["answer"], SURENESS[told["sure"]]
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(
                f"{model.name} did not answer in the form it was asked for.",
                "Allow more tokens, or ask a larger model.",
            ) from error

    # No time-out of their own: the model's backend knows how long silence may last, and the run how long it may take.
    @tool(version=model.name, retries=0, timeout=None)
    async def look(image: list[Crop], question: str) -> Text:
        """Ask the model itself about a picture or region, where no other tool can tell.

        Args:
            image: What to look at.
            question: What to find out, in words.
        """
        answer, sure = await asked(image, question, _WORDS)
        return Text(text=answer, lines=(Line(text=answer, confidence=sure),))

    @tool(version=model.name, retries=0, timeout=None)
    async def look_whether(image: list[Crop], question: str) -> Boolean:
        """Ask the model itself a yes-or-no question about a picture or region, where no other tool can tell.

        Args:
            image: What to look at.
            question: A question that yes or no answers.
        """
        answer, sure = await asked(image, question, {"type": "boolean"})
        return Boolean(value=answer, confidence=sure)

    @tool(version=model.name, retries=0, timeout=None)
    async def look_how_many(image: list[Crop], question: str) -> Number:
        """Ask the model itself for a number that a picture or region shows, where no other tool can tell.

        Args:
            image: What to look at.
            question: A question that a number answers.
        """
        answer, sure = await asked(image, question, {"type": "number"})
        return Number(value=answer, confidence=sure)

    @tool(version=model.name, retries=0, timeout=None)
    async def listen(audio: Audio, question: str) -> Text:
        """Ask the model itself what can be heard, where a transcript would not tell.

        Args:
            audio: What to listen to.
            question: What to find out, in words.
        """
        answer, sure = await asked([audio], question, _WORDS)
        return Text(text=answer, lines=(Line(text=answer, confidence=sure),))

    media = model.capabilities.media
    found = [look, look_whether, look_how_many] if "image" in media else []
    return [*found, *([listen] if "audio" in media else [])]
