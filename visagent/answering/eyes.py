"""The model's own eyes: it looks first, looks closer where something is doubted, and judges what is about to be said.

Each is one call with the media before the words, so that the media's part of the prompt is the same for all three and
is prefilled once. Nothing here may change anything: the replies are statements, regions and requests, never calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from visagent.answering.enlarging import MOST_CLOSER, enlarged, numbered
from visagent.answering.frames import VideoFrames
from visagent.answering.quoting import quoted
from visagent.core.errors import ModelError, ReplyMismatch
from visagent.core.json_text import read_cut_object, read_json
from visagent.core.text import QUOTE_LIMIT, cleaned, own_words
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Crop, Evidence, Look
from visagent.media.media import Media
from visagent.models.grounding import boxes_schema, instructions, parse_boxes, to_boxes
from visagent.models.protocol import MLLM, Message, Part, Reply, TokenUsage
from visagent.models.reply_text import without_thoughts
from visagent.planning.prompts import render

SURENESS = {"certain": 0.9, "likely": 0.7, "unsure": 0.3, "cannot_tell": 0.0}
"""What a model's own word for how sure it is counts as confidence: its numbers would promise more than they hold."""
ANSWER_TOKENS = 2048
"""Tokens of a look's reply: reasoning, an answer of two thousand characters in any language, regions and checks."""
VERDICT_TOKENS = 64
"""Tokens of a judge's reply for one statement."""
MOST_REGIONS = 8
MOST_CHECKS = 6
MOST_AT_ONCE = 16
"""Pictures that are looked at in one call; more are looked at one by one."""

Verdict = Literal["yes", "no", "unsure"]


class Opinion(NamedTuple):
    """What eyes say of one statement.

    Attributes:
        verdict: `yes`, `no`, or `unsure`, which is not a no.
        see: What the media show of it.
        regions: Where that is to be seen, pixels of the originals.
    """

    verdict: Verdict
    see: str = ""
    regions: tuple[Crop, ...] = ()


class Closer(NamedTuple):
    """What a closer look found.

    Attributes:
        look: Its answer.
        rests_on: Ids of tools' evidence that it rests on.
    """

    look: Look
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Eyes:
    """A model that sees (or hears), and the media of one run.

    Attributes:
        model: The model that sees.
        media: Media by the names that plans use.
        language: Language of the prompts.
        on_reply: Called with each reply, for what it cost.
        limits: What a tool is known to be bad at, by its name; shown beside what it found.
        frames: Frames that stand for its videos.
    """

    model: MLLM
    media: Mapping[str, Media]
    language: str
    on_reply: Callable[[Reply], None]
    limits: Mapping[str, str]
    frames: VideoFrames = field(default_factory=VideoFrames, compare=False)

    @property
    def visible(self) -> dict[str, Media]:
        """The media that the model can be shown, by name."""
        return {name: medium for name, medium in self.media.items() if medium.kind in self.model.capabilities.media}

    @property
    def at_once(self) -> bool:
        """Whether the model can be shown all of them in one call."""
        most = self.model.capabilities.max_images
        return len(self.pictures) <= (MOST_AT_ONCE if most is None else min(most, MOST_AT_ONCE))

    async def answer_directly(self, question: str) -> Look:
        """The model's answer to the bare question and its media, in its own words: the baseline of mode `direct`.

        Raises:
            ModelError: the model cannot be loaded or run.
        """
        messages = [Message(role="user", content=(*self._media_parts(), question))]
        reply = await self.model.chat(messages, max_tokens=ANSWER_TOKENS)
        self.on_reply(reply)
        return Look(text=own_words(reply.text))

    async def look(self, question: str, before: str = "") -> Look:
        """The first look: an answer, how sure it is, where it stands, and what should be checked.

        Args:
            question: Question as the person put it.
            before: The question that it follows up; empty where there is none.

        Raises:
            ModelError: the model cannot be loaded or run.
        """
        await self.frames.choose(self.visible, question, self.model.capabilities.max_images)
        prompt = _first_prompt(self, question, before)
        words = {"type": "string"}
        reply, text = await self._reply(
            prompt,
            {
                "reasoning": words,
                "answer": {"type": "string", "minLength": 1},
                "sure": {"enum": list(SURENESS)},
                **_regions_schema(self.model, self.pictures),
                "checks": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": MOST_CHECKS},
            },
        )
        if reply is None:
            # A model that keeps to no form still answered: what it said stands, as unsure as that makes it.
            return Look(text=own_words(text), sure=SURENESS["unsure"])
        checks = reply.get("checks")
        return _as_look(reply, self.model).model_copy(
            update={
                "regions": _regions(self.model, self.pictures, self.visible, reply.get("regions")),
                "checks": tuple(_request(one) for one in checks[:MOST_CHECKS]) if isinstance(checks, list) else (),
            }
        )

    async def closer(
        self,
        question: str,
        answers: Sequence[str],
        tree: QuestionTree,
        evidence: Mapping[str, Evidence],
        regions: Sequence[Crop],
    ) -> Closer:
        """Look again, at enlarged regions, with what was said and found so far in view.

        Args:
            question: Question as the person put it.
            answers: What was said so far, the first look first.
            tree: The tree whose steps found the evidence.
            evidence: What tools found, by id; failures too.
            regions: Where to look, pixels of the originals.

        Raises:
            ModelError: the model cannot be loaded or run.
        """
        await self.frames.choose(self.visible, question, self.model.capabilities.max_images)
        shown = [enlarged(region) for region in regions[:MOST_CLOSER]]
        crowds = numbered(evidence)
        most = self.model.capabilities.max_images
        if most is not None and len(self.pictures) + len(shown) + len(crowds) > most:
            crowds = {}
        marked = [part for id_, picture in crowds.items() for part in (f"The boxes of {id_}, numbered:", picture)]
        prompt = render(
            "look_closer",
            self.language,
            question=question,
            answers=[(chr(ord("A") + place), cleaned(said, 2000)) for place, said in enumerate(answers)],
            found=[
                (id_, tree[id_].question, quoted(found), self.limits.get(found.tool, ""))
                for id_, found in evidence.items()
            ],
            closer=len(shown),
            numbered=list(crowds),
        )
        ids = list(evidence)
        cites = {"rests_on": {"type": "array", "items": {"enum": ids}, "maxItems": len(ids)}} if ids else {}
        words = {"type": "string"}
        reply, text = await self._reply(
            prompt,
            {"reasoning": words, "answer": {"type": "string", "minLength": 1}, "sure": {"enum": list(SURENESS)}}
            | cites
            | {"other": words},
            closer=shown,
            marked=marked,
        )
        if reply is None:
            return Closer(Look(text=own_words(text), sure=SURENESS["unsure"], regions=tuple(regions)))
        other = own_words(str(reply.get("other") or ""))
        look = _as_look(reply, self.model).model_copy(update={"regions": tuple(regions), "other": other})
        named = reply.get("rests_on")
        rests_on = tuple(id_ for id_ in dict.fromkeys(named) if id_ in evidence) if isinstance(named, list) else ()
        return Closer(look, rests_on)

    async def judge(
        self,
        statements: Sequence[str],
        question: str = "",
        regions: Sequence[Crop] = (),
        found: Sequence[tuple[str, str]] = (),
    ) -> list[Opinion]:
        """What the media say of statements, all in one call; `unsure` for each where the model keeps to no form.

        Media that are more than the model takes at once say nothing here, unless it is given regions.

        Args:
            statements: Data, whoever wrote them.
            question: What they answer; empty for a caption.
            regions: Where to look closer, pixels of the originals.
            found: What tools found that the statements rest on: what was asked, and the result as quoted data.

        Raises:
            ModelError: the model cannot be loaded or run.
        """
        if not statements or not (self.at_once or regions):
            return [Opinion("unsure") for _ in statements]
        await self.frames.choose(self.visible, question, self.model.capabilities.max_images)
        prompt = render(
            "look_verify",
            self.language,
            question=question,
            statements=[(number, cleaned(said, 2000)) for number, said in enumerate(statements, start=1)],
            found=found,
            boxes=_how_boxes(self),
        )
        verdict = {
            "type": "object",
            "properties": {
                "number": {"type": "integer", "minimum": 1, "maximum": len(statements)},
                "see": {"type": "string"},
                "verdict": {"enum": ["yes", "no", "unsure"]},
                **_regions_schema(self.model, self.pictures),
            },
            "required": ["number", "see", "verdict"],
            "additionalProperties": False,
        }
        most = len(statements)
        reply, _ = await self._reply(
            prompt,
            {"verdicts": {"type": "array", "items": verdict, "minItems": most, "maxItems": most}},
            closer=[enlarged(region) for region in regions[:MOST_CLOSER]],
            max_tokens=max(ANSWER_TOKENS, VERDICT_TOKENS * most),
        )
        opinions = [Opinion("unsure") for _ in statements]
        verdicts = reply.get("verdicts") if reply is not None else None
        for one in verdicts if isinstance(verdicts, list) else ():
            place = one.get("number") if isinstance(one, dict) else None
            if isinstance(place, int) and 1 <= place <= most and one.get("verdict") in ("yes", "no", "unsure"):
                see = own_words(str(one.get("see") or ""))
                opinions[place - 1] = Opinion(
                    one["verdict"], see, _regions(self.model, self.pictures, self.visible, one.get("regions"))
                )
        return opinions

    def _media_parts(self, closer: Sequence[Crop] = ()) -> list[Part]:
        """The media with their names, then enlarged regions; of more than the model takes at once, the regions."""
        most = self.model.capabilities.max_images
        parts: list[Part] = []
        fits = self.at_once and (most is None or len(self.pictures) + len(closer) <= most)
        if not fits:
            closer = closer[:most]
            parts.append(f"Not shown again: {', '.join(self.visible)}.")
        for name, medium in self.visible.items() if fits else ():
            size = "" if medium.kind == "audio" else f" ({medium.size[0]} x {medium.size[1]})"
            parts += [f"{name}{size}:", *self.frames.parts(name, medium)]
        names = {medium.hash: name for name, medium in self.media.items() if medium.info.region is None}
        return [*parts, *_region_parts(closer, names)]

    async def _reply(
        self,
        prompt: str,
        properties: dict[str, Any],
        closer: Sequence[Crop] = (),
        marked: Sequence[Part] = (),
        max_tokens: int = ANSWER_TOKENS,
    ) -> tuple[dict[str, Any] | None, str]:
        """The reply's object, None where it is none, and its text."""
        schema = _schema(properties)
        most = self.model.capabilities.max_images
        try:
            messages = [
                Message(role="system", content=render("eyes", self.language)),
                Message(role="user", content=(*self._media_parts(closer), *marked, prompt)),
            ]
            reply = await self.model.chat(messages, schema=schema, max_tokens=max_tokens)
        except ReplyMismatch as error:
            self.on_reply(Reply(text=error.reply, usage=error.usage or TokenUsage()))
            if not error.reply:
                raise
            text = error.reply
        except ModelError:
            if not closer or self.model.capabilities.max_images == most:
                raise
            # The server has just said how many pictures it takes: then the regions alone.
            return await self._reply(prompt, properties, closer, max_tokens=max_tokens)
        else:
            self.on_reply(reply)
            text = reply.text
            if reply.truncated:
                return _cut_reply(text, self.model.name)
        try:
            parsed = read_json(text)
        except ValueError:
            return None, text
        return (parsed, text) if isinstance(parsed, dict) else (None, text)

    @property
    def pictures(self) -> list[str]:
        """Names of the pictures among them."""
        return [name for name, medium in self.visible.items() if medium.kind == "image"]


def _first_prompt(eyes: Eyes, question: str, before: str) -> str:
    unseen = [(name, medium.kind) for name, medium in eyes.media.items() if name not in eyes.visible]
    return render(
        "look_first",
        eyes.language,
        question=question,
        before=before,
        unseen=unseen,
        boxes=_how_boxes(eyes),
        # What the model hears itself, it need not ask for.
        sounds=[name for name, kind in unseen if kind != "image" and eyes.media[name].info.has_audio],
        videos=[name for name, medium in eyes.media.items() if medium.kind == "video"],
    )


def _schema(properties: dict[str, Any]) -> dict[str, Any]:
    """An object of these properties, all of them required but lists that may be left out."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in ("regions", "checks", "rests_on")],
        "additionalProperties": False,
    }


def _region_parts(closer: Sequence[Crop], names: Mapping[str, str]) -> list[Part]:
    """Enlarged regions, each with where it stands before it.

    Args:
        closer: The regions.
        names: Names of their media, by content hash.
    """
    parts: list[Part] = []
    for place, crop in enumerate(closer, start=1):
        box = ", ".join(f"{edge:.0f}" for edge in crop.xyxy)
        when = "" if crop.seconds is None else f" at {crop.seconds:g} s"
        parts += [f"{names.get(crop.media, 'picture')}{when}, enlarged region {place} (pixels {box}):", crop]
    return parts


def _as_look(reply: Mapping[str, Any], model: MLLM) -> Look:
    """The look of a reply's object.

    Raises:
        ReplyMismatch: it gives no answer; an empty one would be stated, and checked, as one.
    """
    text = own_words(str(reply.get("answer") or ""))
    if not text:
        raise ReplyMismatch(f"{model.name} gave no answer in its reply.", "Ask again, or take a larger model.")
    return Look(
        text=text,
        reasoning=own_words(str(reply.get("reasoning") or "")),
        sure=SURENESS.get(str(reply.get("sure")), SURENESS["unsure"]),
    )


def _request(check: Any) -> str:
    """What should be checked, as data of one line; signs of arithmetic stay what they are."""
    return " ".join(own_words(str(check)).split()).replace("“", "'").replace("”", "'")[:QUOTE_LIMIT]


def _how_boxes(eyes: Eyes) -> str:
    """How a reply says where things are; empty where it cannot: the schema has no such field then."""
    convention = eyes.model.capabilities.grounding
    return "" if convention is None or not eyes.pictures else instructions(convention)


def _regions_schema(model: MLLM, pictures: Sequence[str]) -> dict[str, Any]:
    """Schema of `regions`: none for a model that cannot say where things are."""
    convention = model.capabilities.grounding
    if convention is None or not pictures:
        return {}
    regions = boxes_schema(convention, most=MOST_REGIONS)
    regions["items"]["properties"] = {"picture": {"enum": list(pictures)}, **regions["items"]["properties"]}
    regions["items"]["required"] = ["picture", *regions["items"]["required"]]
    return {"regions": regions}


def _regions(model: MLLM, pictures: Sequence[str], seen: Mapping[str, Media], boxes: Any) -> tuple[Crop, ...]:
    """The regions of a reply, in pixels of the originals; what is no box in its picture is left out."""
    convention = model.capabilities.grounding
    if convention is None or not isinstance(boxes, list):
        return ()
    found: list[Crop] = []
    for item in boxes[:MOST_REGIONS]:
        name = item.get("picture") if isinstance(item, dict) else None
        name = name if name in pictures else (pictures[0] if len(pictures) == 1 else None)
        if name is None:
            continue
        whole = Crop.whole(seen[name])
        size = seen[name].size
        try:
            boxes = to_boxes(parse_boxes(json.dumps([item]), convention, size), whole)
        except ModelError:
            continue
        found += boxes.crops()
    return tuple(found)


def _cut_reply(text: str, model: str) -> tuple[dict[str, Any] | None, str]:
    """What a reply says that ran out of tokens: an answer that breaks off, and no checks, which might be cut.

    Raises:
        ModelError: it holds nothing but thoughts.
    """
    said = without_thoughts(text).strip()
    if not said:
        raise ModelError(
            f"{model} used up its tokens for thoughts and gave no answer.",
            "Turn its thinking off (extra: {chat_template_kwargs: {enable_thinking: false}} in the profile), "
            "or ask a model that thinks less.",
        )
    try:
        reply = read_cut_object(said)
    except ValueError:
        return None, said
    if "answer" in reply and "sure" not in reply:
        reply["answer"] = f"{reply['answer']}…"
    return {name: value for name, value in reply.items() if name not in ("regions", "checks")}, said
