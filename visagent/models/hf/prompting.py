"""From a conversation to what a transformers model reads: tokens, pixels, positions. Knows no cache and no generation.

Families differ in what their chat templates and processors take; what differs is settled here, once, when the model is
loaded, so that nothing is dropped silently: a system prompt that a template refuses or ignores goes into the first
question, a video is read as frames with their times, and a picture that leaves no token in the prompt is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ContextOverflow, MediaError, MissingInput, ModelError
from visagent.evidence.values import Crop
from visagent.models.checks import context_overflow
from visagent.models.hf.decoding import noise_pixels
from visagent.models.protocol import Message

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

VIDEO_FRAMES = 8
"""Frames of a video that a model is shown, evenly spaced."""

SMALLEST_SIDE = 28
"""Pixels; smaller pictures are enlarged, because vision encoders need at least one patch."""

SHORTEST_PREFIX = 8
"""Tokens; shorter prefixes are not worth keeping."""

_SCALES = (1.0, 0.7, 0.5, 0.35, 0.25)
"""Side lengths to which pictures are shrunk, one after the other, until the prompt fits."""

_PROBE = "\u2063"

# Of models that come without a template: the one of their paper, or none at all.
_PLAIN = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
_PLAIN_TEMPLATES = {
    "blip-2": (
        "{% for message in messages %}{% if message.role == 'assistant' %} {{ message.content }}\n"
        "{% elif message.role == 'user' %}Question: {{ message.content }} Answer:"
        "{% else %}{{ message.content }}\n{% endif %}{% endfor %}"
    ),
    "instructblip": (
        "{% for message in messages %}{{ message.content }}{% if not loop.last %}\n{% endif %}{% endfor %}"
    ),
}
_ONE_PICTURE = frozenset({"blip-2", "instructblip"})
_SEQUENCE_INPUTS = frozenset({"token_type_ids", "mm_token_type_ids"})


@dataclass(frozen=True)
class Prompt:
    """What a model reads before it replies.

    Attributes:
        tokens: All of them, those that stand for pictures too.
        media: Tensors for the model's vision part, by argument name; empty without pictures.
        types: Arguments that say of each token what it stands for, 1 x tokens.
        positions: Position of each token, axes x 1 x tokens or 1 x tokens.
        media_span: First and one past the last token of pictures; None without pictures.
        boundaries: Lengths of beginnings that other prompts may share, ascending.
        digest: Digest of the media tensors.
    """

    tokens: list[int]
    media: Mapping[str, torch.Tensor]
    types: Mapping[str, torch.Tensor]
    positions: torch.Tensor
    media_span: tuple[int, int] | None
    boundaries: tuple[int, ...]
    digest: str

    def noised(self, step: int) -> Prompt:
        """The same prompt with noise over its pictures, for contrastive decoding; see `noise_pixels`."""
        media = {
            name: noise_pixels(value, step) if name.startswith("pixel_values") else value
            for name, value in self.media.items()
        }
        return replace(self, media=media, digest=f"{self.digest} noised {step}")


@dataclass
class _Turn:
    role: str
    parts: list[str | Image] = field(default_factory=list)

    @property
    def images(self) -> list[Image]:
        return [part for part in self.parts if not isinstance(part, str)]


class PromptBuilder:
    """Builds prompts for one model.

    Args:
        name: What a person knows the model by.
        model: Model of transformers.
        processor: Its processor; for a text-only model its tokenizer.
        vision: Whether it can be shown pictures.
        context_tokens: Size of its context.
    """

    def __init__(self, name: str, model: Any, processor: Any, *, vision: bool, context_tokens: int) -> None:
        self._name, self._model, self._processor, self._vision = name, model, processor, vision
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._context_tokens = context_tokens
        config = model.config
        self._kind: str = config.model_type
        self._image_token = getattr(config, "image_token_id", None) or getattr(config, "image_token_index", None)
        template = getattr(processor, "chat_template", None) or getattr(self._tokenizer, "chat_template", None)
        self._template = None if template else _PLAIN_TEMPLATES.get(self._kind, _PLAIN)
        # Thinking lowers scores for perception, and a schema leaves no room for it.
        self._template_options = {"enable_thinking": False} if "enable_thinking" in str(template) else {}
        self._system_role = self._has_system_role()

    @property
    def most_pictures(self) -> int:
        """How many pictures one prompt can show."""
        return 0 if not self._vision else 1 if self._kind in _ONE_PICTURE else 1000

    def build(self, messages: Sequence[Message], max_tokens: int) -> Prompt:
        """The prompt of a conversation; where it is too long, pictures are shrunk, then old turns left out.

        Args:
            messages: The conversation.
            max_tokens: Tokens that the reply may take; a quarter of the context is kept free for it at most.

        Raises:
            ContextOverflow: it does not fit, however much is shrunk.
            ModelError: a medium cannot be decoded, or the model's template refuses the conversation.
        """
        turns = self._turns(messages)
        room = self._context_tokens - min(max_tokens, self._context_tokens // 4)
        first = prompt = self._build(turns, 1.0)
        for scale in _SCALES[1:] if prompt.media else ():
            if len(prompt.tokens) <= room:
                break
            prompt = self._build(turns, scale)
        while len(prompt.tokens) > room and (shorter := _without_oldest(turns)) is not None:
            turns = shorter
            prompt = self._build(turns, _SCALES[-1] if first.media else 1.0)
        if len(prompt.tokens) > room:
            raise self._overflow(first, messages)
        return prompt

    # The conversation in the form that templates take.

    def _turns(self, messages: Sequence[Message]) -> list[_Turn]:
        turns = []
        for message in messages:
            content = (message.content,) if isinstance(message.content, str) else message.content
            turn = _Turn(message.role)
            for part in content:
                turn.parts += [part] if isinstance(part, str) else self._pictures(part)
            turns.append(turn)
        pictures = sum(len(turn.images) for turn in turns)
        if pictures > 1 and self._kind in _ONE_PICTURE:
            raise ModelError(
                f"{self._name} can be shown one picture, and {pictures} were given.",
                "Ask about one picture at a time, or use a model that compares pictures.",
            )
        if turns and turns[0].role == "system" and not self._system_role:
            system, *turns = turns
            first = next((turn for turn in turns if turn.role == "user"), None)
            if first is None:
                turns.insert(0, first := _Turn("user"))
            first.parts = [*system.parts, "\n\n", *first.parts]
        return turns

    def _pictures(self, part: Any) -> list[str | Image]:
        """A medium as pictures; the frames of a video have their times before them."""
        try:
            if isinstance(part, Crop) or part.kind == "image":
                return [_enlarged(part.image())]
            seconds = part.info.seconds or float(VIDEO_FRAMES)
            result: list[str | Image] = []
            for time, frame in part.frames(seconds / VIDEO_FRAMES, VIDEO_FRAMES):
                result += [f"[{time:.1f} s] ", _enlarged(frame)]
            return result
        except (MediaError, MissingInput) as error:
            raise ModelError(f"{self._name} cannot be shown a medium: {error.fact}", error.remedy) from error

    def _render(self, turns: Sequence[_Turn], *, reply: bool = True) -> str:
        import jinja2

        conversation: list[dict[str, Any]] = []
        for turn in turns:
            content: Any = [
                {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in turn.parts
            ]
            if not self._vision or self._template is not None:
                content = "".join(part for part in turn.parts if isinstance(part, str))
            conversation.append({"role": turn.role, "content": content})
        if self._template is not None:
            plain: str = jinja2.Template(self._template).render(messages=conversation)
            return plain
        try:
            text: str = self._processor.apply_chat_template(
                conversation, tokenize=False, add_generation_prompt=reply, **self._template_options
            )
        except jinja2.TemplateError as error:
            raise ModelError(
                f"{self._name}: its chat template refuses the conversation: {error}.",
                "Let turns of user and assistant alternate, the last one the user's.",
            ) from error
        return text

    def _has_system_role(self) -> bool:
        """Whether the template shows a system prompt; some refuse it, some drop it."""
        if self._template is not None:
            return True
        try:
            return "be-brief" in self._render([_Turn("system", ["be-brief"]), _Turn("user", ["hello"])])
        except ModelError:
            return False

    def turn_end(self) -> int | None:
        """The special token that ends a turn of the assistant in this template; None where there is none."""
        if self._template is not None:
            return None
        try:
            text = self._render([_Turn("user", ["hello"]), _Turn("assistant", [_PROBE])], reply=False)
        except ModelError:
            return None
        _, found, after = text.rpartition(_PROBE)
        tokens: list[int] = self._tokenizer(after, add_special_tokens=False)["input_ids"] if found else []
        return tokens[0] if tokens and tokens[0] in self._tokenizer.all_special_ids else None

    # Tokens, pixels, positions.

    def _build(self, turns: list[_Turn], scale: float) -> Prompt:
        import torch

        text = self._render(turns)
        images = [_scaled(image, scale) for turn in turns for image in turn.images]
        # As transformers' own `apply_chat_template` does: a template that writes the first token wants no second one.
        bos = self._tokenizer.bos_token
        plain = self._template is not None or (self._vision and not (bos and text.startswith(bos)))
        options = {"return_tensors": "pt", "add_special_tokens": plain}
        try:
            if self._vision:
                inputs = dict(self._processor(text=[text], images=images or None, **options))
            else:
                inputs = dict(self._processor([text], **options))
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise ModelError(
                f"{self._name} cannot read {len(images)} pictures with this prompt: {error}.",
                "Show fewer pictures, or ones of a usual shape.",
            ) from error
        ids = inputs.pop("input_ids")
        tokens: list[int] = ids[0].tolist()
        span = self._media_span(tokens)
        if images and span is None:
            raise ModelError(
                f"{self._name}: its chat template dropped {len(images)} pictures.", "Use a model with vision."
            )
        mask = torch.ones_like(ids)
        positions = self._positions(ids, {**inputs, "attention_mask": mask})
        accepted = _arguments(self._model.forward)
        types = {name: inputs[name] for name in _SEQUENCE_INPUTS & inputs.keys() & accepted}
        names = (inputs.keys() & accepted) - _SEQUENCE_INPUTS - {"attention_mask"}
        shown = {name: inputs[name] for name in sorted(names) if images and isinstance(inputs[name], torch.Tensor)}
        return Prompt(
            tokens=tokens,
            media={name: _cast(value, self._model) for name, value in shown.items()},
            types=types,
            positions=positions,
            media_span=span,
            boundaries=self._boundaries(turns, tokens, span, plain),
            digest=_digest(shown),
        )

    def _media_span(self, tokens: list[int]) -> tuple[int, int] | None:
        where = [index for index, token in enumerate(tokens) if token == self._image_token]
        return (where[0], where[-1] + 1) if where else None

    def _positions(self, ids: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
        # Private, but the only place where each family says how it counts positions, with several axes for some.
        positions: torch.Tensor = self._model._prepare_position_ids_for_generation(ids, inputs)  # noqa: SLF001
        return positions

    def _boundaries(
        self, turns: list[_Turn], tokens: list[int], span: tuple[int, int] | None, special: bool
    ) -> tuple[int, ...]:
        """Ends of the system prompt, of all turns but the last, and of the pictures, in tokens."""
        ends = {span[1]} if span is not None else set()
        for count in {1 if turns and turns[0].role == "system" else 0, len(turns) - 1} - {0}:
            if any(turn.images for turn in turns[:count]) or turns[count - 1].role == "user":
                continue
            # What differs in the next turn tells where the shared part ends, whatever the template puts between.
            beginning = self._render([*turns[:count], _Turn("user", [_PROBE])], reply=False)
            probe: list[int] = self._tokenizer(beginning, add_special_tokens=special)["input_ids"]
            ends.add(_common(probe, tokens))
        # At least one token is left to compute, whose logits the reply begins with.
        return tuple(sorted(end for end in ends if SHORTEST_PREFIX <= end < len(tokens)))

    def _overflow(self, prompt: Prompt, messages: Sequence[Message]) -> ContextOverflow:
        sizes = {"media": sum(token == self._image_token for token in prompt.tokens)}
        for message in messages:
            text: list[int] = self._tokenizer(message.text, add_special_tokens=False)["input_ids"]
            sizes[message.role] = sizes.get(message.role, 0) + len(text)
        shown = {part: f"{size:,} tokens" for part, size in sizes.items() if size}
        return context_overflow(self._name, self._context_tokens, len(prompt.tokens), shown)


def _without_oldest(turns: list[_Turn]) -> list[_Turn] | None:
    """The conversation without its oldest question and reply: demonstrations stand first, history follows."""
    start = 1 if turns and turns[0].role == "system" else 0
    for index, (turn, following) in enumerate(pairwise(turns[start:-1]), start):
        if turn.role == "user" and following.role == "assistant":
            return turns[:index] + turns[index + 2 :]
    return None


def _enlarged(image: Image) -> Image:
    shortest = min(image.size)
    return image if shortest >= SMALLEST_SIDE else _scaled(image, SMALLEST_SIDE / shortest)


def _scaled(image: Image, scale: float) -> Image:
    if scale == 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height))


def _cast(value: torch.Tensor, model: Any) -> torch.Tensor:
    return value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)


def _digest(media: Mapping[str, torch.Tensor]) -> str:
    import torch

    digest = hashlib.blake2b(digest_size=20)
    for name, value in media.items():
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences share at their beginning."""
    for index, (left, right) in enumerate(zip(first, second, strict=False)):
        if left != right:
            return index
    return min(len(first), len(second))


def _arguments(function: Any) -> set[str]:
    import inspect

    return set(inspect.signature(function).parameters)
