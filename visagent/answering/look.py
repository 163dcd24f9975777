"""The model's own eyes and ears as tools: sub-questions that no other expert answers go to the MLLM itself.

They are tools like all others, so that one plan, one scheduler and one cache serve both; siblings that are asked at the
same time are one batch for a backend that can.
"""

from __future__ import annotations

from asyncio import gather
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from visagent.answering.eyes import ANSWER_TOKENS, SURENESS
from visagent.answering.frames import MOST_FRAMES, Moments, chosen, evenly, frames
from visagent.core.errors import MissingInput, ModelError, ReplyMismatch
from visagent.core.json_text import read_json
from visagent.core.text import cleaned, own_words
from visagent.evidence.values import Boolean, Box, Boxes, Crop, Look, Number, Text
from visagent.models.counting_tiles import deserves_parts, each_once, parts
from visagent.models.grounding import boxes_schema, instructions, join_tiles, parse_boxes, tiles, to_boxes
from visagent.models.protocol import MLLM, Message, Part, Reply
from visagent.models.reply_text import without_thoughts
from visagent.planning.prompts import render
from visagent.tools.toolkit import Audio, Tool, Video, tool

LOCATED = 0.8
"""Confidence of a box that a model drew: models do not tell, and draw well what they name."""
CAPTION_TOKENS = {"short": 256, "long": 1024}
BOX_TOKENS = 4096
"""Tokens of a reply of boxes: a hundred of them."""


def observers(model: MLLM, language: str, on_reply: Callable[[Reply], None], moments: Moments = evenly) -> list[Tool]:
    """Tools by which a model looks at pictures and videos, or listens, itself; none for a model that can do neither.

    Args:
        model: The model that sees and hears.
        language: Language of the prompts, `en` or `zh`.
        on_reply: Called with each reply, for what it cost.
        moments: What chooses the frames of a video, by the question.
    """
    asked = _Asked(model, language, on_reply)
    # No time-out of their own: the model's backend knows how long silence may last, and the run how long it may take.
    options: dict[str, Any] = {"version": model.name, "retries": 0, "timeout": None}

    @tool(**options)
    async def look(image: list[Crop], question: str) -> Look:
        """Ask the model itself about a picture or region, where no other tool can tell.

        Args:
            image: What to look at.
            question: What to find out, in words.
        """
        return await asked.answer(image, question)

    @tool(**options)
    async def look_whether(image: list[Crop], question: str) -> Boolean:
        """Ask the model itself a yes-or-no question about a picture or region, where no other tool can tell.

        Args:
            image: What to look at.
            question: A question that yes or no answers.
        """
        answer, sure = await asked.plain(image, question, {"type": "boolean"})
        return Boolean(value=answer, confidence=sure)

    @tool(**options, by_sight=True)
    async def look_how_many(image: list[Crop], question: str) -> Number:
        """Ask the model itself for a number that a picture or region shows, where no other tool can tell.

        Args:
            image: What to look at.
            question: A question that a number answers.
        """
        answer, sure = await asked.plain(image, question, {"type": "number"})
        return Number(value=answer, confidence=sure)

    @tool(**options)
    async def locate(image: Crop, phrase: str, by_parts: bool = False) -> Boxes:
        """Find every thing in a picture that a phrase describes, whatever it is; the model itself draws the boxes.

        Args:
            image: Where to look.
            phrase: What to find, in a few words, such as `the kittens` or `price on the red sign`.
            by_parts: For a count: of many or tiny things, look at each part of the picture as well.
        """
        return await asked.boxes(image, phrase, by_parts=by_parts)

    @tool(**options, by_sight=True)
    async def caption(image: list[Crop], length: Literal["short", "long"] = "short", focus: str | None = None) -> Text:
        """Describe what a picture or object looks like.

        Args:
            image: What to describe.
            length: In a sentence or two, or in detail.
            focus: What to describe above all; the whole picture where it is left out.
        """
        texts = [await asked.caption(crop, length, focus or "") for crop in image]
        if len(texts) > 1:
            texts = [f"{number}. {text}" for number, text in enumerate(texts, 1)]
        return Text(text="\n".join(texts), media=image[0].media)

    @tool(**options)
    async def watch(video: Video, question: str) -> Look:
        """Ask the model itself about a video, where no other tool can tell.

        Args:
            video: What to watch.
            question: What to find out, in words.
        """
        most = model.capabilities.max_images
        room = MOST_FRAMES if most is None else max(1, min(MOST_FRAMES, most))
        return await asked.answer(frames(video, await chosen(video, question, room, moments)), question)

    @tool(**options)
    async def listen(audio: Audio, question: str) -> Look:
        """Ask the model itself what can be heard, where a transcript would not tell.

        Args:
            audio: What to listen to.
            question: What to find out, in words.
        """
        return await asked.answer([audio], question)

    can = model.capabilities
    found = [look, look_whether, look_how_many, caption] if "image" in can.media else []
    found += [locate] if "image" in can.media and can.grounding is not None else []
    found += [watch] if "video" in can.media else []
    return [*found, *([listen] if "audio" in can.media else [])]


def captioner(
    model: MLLM | None, language: str, on_reply: Callable[[Reply], None]
) -> Callable[[Crop], Awaitable[str]] | None:
    """What says in a sentence or two what a picture shows; None for a model that does not see.

    Args:
        model: The model that sees.
        language: Language of the prompts and sentences, `en` or `zh`.
        on_reply: Called with each reply, for what it cost.
    """
    if model is None or "image" not in model.capabilities.media:
        return None
    asked = _Asked(model, language, on_reply)
    return lambda crop: asked.caption(crop, "short", "")


class _Asked:
    """Asks the model, and reads what it replies."""

    def __init__(self, model: MLLM, language: str, on_reply: Callable[[Reply], None]) -> None:
        self._model, self._language, self._on_reply = model, language, on_reply

    async def answer(self, parts: Sequence[Part], question: str) -> Look:
        words = {"type": "string"}
        parsed = await self._reply(
            parts, render("observer", self._language, question=question), {"reasoning": words, "answer": words}
        )
        return Look(
            text=own_words(str(parsed["answer"])),
            reasoning=own_words(str(parsed.get("reasoning", ""))),
            sure=SURENESS[parsed["sure"]],
        )

    async def plain(self, parts: Sequence[Part], question: str, answer: dict[str, Any]) -> tuple[Any, float]:
        words = {"type": "string"}
        prompt = render("observer", self._language, question=question)
        parsed = await self._reply(parts, prompt, {"reasoning": words, "answer": answer})
        return parsed["answer"], SURENESS[parsed["sure"]]

    async def caption(self, crop: Crop, length: str, focus: str) -> str:
        prompt = render("caption", self._language, length=length, focus=cleaned(focus, 120))
        reply = await self._model.chat(self._messages([crop], prompt), max_tokens=CAPTION_TOKENS[length])
        self._on_reply(reply)
        return own_words(without_thoughts(reply.text))

    async def boxes(self, image: Crop, phrase: str, *, by_parts: bool = False) -> Boxes:
        convention = self._model.capabilities.grounding
        if convention is None:
            raise ModelError(f"{self._model.name} cannot say where things are.", "Use the tool detect instead.")
        prompt = render("locate", self._language, phrase=cleaned(phrase), boxes=instructions(convention))

        async def drawn(part: Crop) -> tuple[Crop, tuple[Box, ...]]:
            messages = self._messages([part], prompt)
            try:
                reply = await self._model.chat(messages, schema=boxes_schema(convention), max_tokens=BOX_TOKENS)
            except ReplyMismatch as error:
                # Boxes are read in many more forms than the one that was asked for.
                text = error.reply
            else:
                self._on_reply(reply)
                text = reply.text
            boxes = to_boxes(parse_boxes(text, convention, part.image().size), part, confidence=LOCATED)
            # What was asked for names the boxes: a model's own label is data, and often longer.
            return part, tuple(box.model_copy(update={"label": cleaned(phrase, 60)}) for box in boxes.boxes)

        found = [await drawn(part) for part in tiles(image)]
        joined = join_tiles(found) if len(found) > 1 else list(found[0][1])
        if by_parts and len(found) == 1 and deserves_parts(joined, image):
            # At once, so that a server can batch them. Where one reply is of no use, the look at all of it has to do.
            closer = await gather(*map(drawn, parts(joined, image)), return_exceptions=True)
            seen = [one for one in closer if not isinstance(one, BaseException)]
            joined = each_once(seen, joined, image) if len(seen) == len(closer) else joined
        return Boxes(media=image.media, seconds=image.seconds, boxes=tuple(joined))

    async def _reply(self, parts: Sequence[Part], prompt: str, properties: dict[str, Any]) -> dict[str, Any]:
        if not parts:
            raise MissingInput("There is nothing to look at.", "Give a picture, or a region of one.")
        fields = {**properties, "sure": {"enum": list(SURENESS)}}
        schema = {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }
        reply = await self._model.chat(self._messages(parts, prompt), schema=schema, max_tokens=ANSWER_TOKENS)
        self._on_reply(reply)
        try:
            parsed = read_json(reply.text)
            if parsed["sure"] in SURENESS and "answer" in parsed:
                return dict(parsed)
        except (ValueError, TypeError, KeyError):
            pass
        raise ModelError(
            f"{self._model.name} did not answer in the form it was asked for.",
            "Allow more tokens, or ask a larger model.",
        )

    def _messages(self, parts: Sequence[Part], prompt: str) -> list[Message]:
        # Media first: their part of the prompt is the same for every question about them.
        return [
            Message(role="system", content=render("eyes", self._language)),
            Message(role="user", content=(*parts, prompt)),
        ]
