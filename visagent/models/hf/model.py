"""Models in this process through transformers: the backend of the `local-gpu` profile. Knows no role and no tool.

How the work is split: `checkpoints` loads, `prompting` turns a conversation into tokens and pixels, `generation` runs
batches over shared prefixes, `decoding` holds replies to schemas, `batching` gathers calls.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visagent.core.errors import ModelError
from visagent.models.checks import require_media
from visagent.models.configs import TransformersModel
from visagent.models.grounding import Convention, chosen_convention
from visagent.models.hf.batching import Batcher, Call
from visagent.models.hf.checkpoints import Checkpoint, load_checkpoint
from visagent.models.hf.choosing import Contrast
from visagent.models.hf.decoding import Grammars
from visagent.models.hf.generation import Generator
from visagent.models.hf.prefix import PrefixStore
from visagent.models.hf.prompting import PromptBuilder
from visagent.models.hf.rows import Row
from visagent.models.protocol import Capabilities, Message, Reply, TokenUsage
from visagent.models.text_stream import Relay


@dataclass(frozen=True)
class _Request:
    messages: Sequence[Message]
    schema: dict[str, Any] | None
    max_tokens: int
    temperature: float
    push: Callable[[str], None] | None
    submitted: float


@dataclass(frozen=True)
class Loaded:
    """A model in memory, with what turns conversations into its tokens and back.

    Attributes:
        checkpoint: The network and its processor, from transformers.
        tokenizer: The processor's, or the processor itself where it reads text alone.
        prompts: Turns a conversation into tokens and pixels.
        generator: Runs batches of prompts.
        eos_tokens: Tokens that end a reply.
        vocab_size: Rows of the network's output, which may be more than the tokenizer knows.
        context_tokens: Size of the context.
    """

    checkpoint: Checkpoint
    tokenizer: Any
    prompts: PromptBuilder
    generator: Generator
    eos_tokens: tuple[int, ...]
    vocab_size: int
    context_tokens: int


class TransformersMLLM:
    """A model of transformers, loaded on first use. Concurrent calls are generated as one batch.

    Replies do not depend on what else is in the batch beyond rounding: a greedy reply is the same as alone wherever
    the two best tokens differ by more than the rounding errors of the model's dtype.

    Args:
        config: Which model, and how.
    """

    def __init__(self, config: TransformersModel) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        self._grammars: Grammars | None = None
        self.prefixes = PrefixStore(config.max_prefix_bytes)
        """Key-value caches of prompts' beginnings, kept between calls."""
        self._batcher: Batcher[_Request, Reply] = Batcher(self._serve, max_batch=config.max_batch)

    def __repr__(self) -> str:
        return f"TransformersMLLM({self.name})"

    @property
    def name(self) -> str:
        """The repository's or folder's name, with the adapter's."""
        name = self._loaded.checkpoint.name if self._loaded is not None else self._config.model
        adapter = f"+{Path(self._config.adapter).name}" if self._config.adapter else ""
        return f"{name.rstrip('/').rpartition('/')[2]}{adapter}"

    @property
    def capabilities(self) -> Capabilities:
        """See `MLLM.capabilities`; what it can be shown is known once it is loaded, and pictures are assumed before."""
        loaded = self._loaded
        if loaded is None:
            return Capabilities(
                media=frozenset({"image", "video"}), parallel=self._config.max_batch, grounding=self._grounding
            )
        return Capabilities(
            media=frozenset({"image", "video"} if loaded.prompts.most_pictures > 1 else {"image"})
            if loaded.checkpoint.vision
            else frozenset(),
            context_tokens=loaded.context_tokens,
            parallel=loaded.generator.max_batch,
            max_images=None if loaded.prompts.most_pictures > 1 else 1,
            grounding=self._grounding if loaded.checkpoint.vision else None,
        )

    @property
    def _grounding(self) -> Convention | None:
        return chosen_convention(self._config.grounding, self.name)

    @property
    def loaded(self) -> Loaded:
        """The model in memory; loaded now where it was not.

        Raises:
            ModelError: see `load`.
        """
        self.load()
        assert self._loaded is not None
        return self._loaded

    def load(self) -> None:
        """See `MLLM.load`.

        Raises:
            ModelError: it cannot be found, fetched or loaded.
            MissingDependency: a library that it needs is not installed.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()

    def close(self) -> None:
        """See `MLLM.close`; calls that are running are finished first."""
        self._batcher.close()
        with self._lock:
            self._loaded = self._grammars = None
            self.prefixes.clear()
        gc.collect()
        import sys

        if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """See `MLLM.chat`.

        Raises:
            ContextOverflow: the prompt does not fit, however much pictures are shrunk and old turns left out.
            ModelError: the model cannot be loaded or run, cannot be shown a medium, or no text satisfies the schema.
            MissingDependency: a library is not installed.
        """
        if self._loaded is None:
            await asyncio.to_thread(self.load)
        require_media(self.name, self.capabilities, messages)
        relay = Relay()
        push = relay.push if on_text is not None else None
        request = _Request(tuple(messages), schema, max_tokens, temperature, push, time.perf_counter())
        return await relay.follow(asyncio.wrap_future(self._batcher.submit(request)), on_text)

    # In the batcher's thread.

    def _serve(self, calls: list[Call[_Request, Reply]], arrived: Callable[[], list[Call[_Request, Reply]]]) -> None:
        loaded = self.loaded
        loaded.generator.run(self._rows(calls, loaded), lambda: self._rows(arrived(), loaded))

    def _rows(self, calls: list[Call[_Request, Reply]], loaded: Loaded) -> list[Row]:
        jobs = []
        for call in calls:
            if call.answered:
                continue
            try:
                jobs.append(_Job(call, self._row(call, loaded), loaded.tokenizer))
            except Exception as error:
                # Others are being answered meanwhile: whatever is wrong with this call is for its caller.
                call.fail(error)
        return [job.row for job in jobs]

    def _row(self, call: Call[_Request, Reply], loaded: Loaded) -> Row:
        request = call.request
        prompt = loaded.prompts.build(request.messages, request.max_tokens)
        grammar = None
        if request.schema is not None:
            if self._grammars is None:
                self._grammars = Grammars(loaded.tokenizer, loaded.vocab_size, loaded.eos_tokens)
            grammar = self._grammars.compile(request.schema)
        left = loaded.context_tokens - len(prompt.tokens)
        return Row(
            prompt,
            max(1, min(request.max_tokens, left)),
            temperature=request.temperature,
            grammar=grammar,
            gave_up=lambda: call.answered,
        )

    def _load(self) -> Loaded:
        checkpoint = load_checkpoint(self._config)
        model, processor = checkpoint.model, checkpoint.processor
        tokenizer = getattr(processor, "tokenizer", processor)
        name = checkpoint.name.rstrip("/").rpartition("/")[2]
        text_config = model.config.get_text_config()
        context_tokens = getattr(text_config, "max_position_embeddings", None) or 4096
        prompts = PromptBuilder(name, model, processor, vision=checkpoint.vision, context_tokens=context_tokens)
        ends = model.generation_config.eos_token_id
        known = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id, prompts.turn_end()} - {None}
        eos_tokens = tuple(sorted(token for token in known if token is not None))
        if not eos_tokens:
            raise ModelError(f"{name} does not say which token ends a reply.", "Use a model that was made for chat.")
        contrast = None
        if self._config.contrastive_alpha is not None:
            contrast = Contrast(
                self._config.contrastive_alpha, self._config.contrastive_beta, self._config.contrastive_noise
            )
        generator = Generator(
            name,
            model,
            eos_tokens,
            self.prefixes,
            max_batch=self._config.max_batch,
            contrast=contrast,
            decoding=self._config.decoding,
            max_decode_bytes=self._config.max_decode_bytes,
        )
        vocab_size = model.get_output_embeddings().weight.shape[0]
        return Loaded(checkpoint, tokenizer, prompts, generator, eos_tokens, vocab_size, context_tokens)


class _Job:
    """A call and its row."""

    def __init__(self, call: Call[_Request, Reply], row: Row, tokenizer: Any) -> None:
        self.call, self.row, self._tokenizer = call, row, tokenizer
        self._pushed = 0
        row.on_done = self._finish
        if call.request.push is not None:
            row.on_tokens = self._push

    def _finish(self) -> None:
        row, request = self.row, self.call.request
        if row.error is not None:
            self.call.fail(row.error)
            return
        text = self._text(row.tokens)
        if request.push is not None and text[self._pushed :]:
            request.push(text[self._pushed :])
        usage = TokenUsage(
            prompt=len(row.prompt.tokens),
            cached=row.cached,
            generated=len(row.tokens),
            seconds=time.perf_counter() - request.submitted,
        )
        self.call.answer(Reply(text=text, usage=usage, truncated=row.truncated))

    def _push(self, tokens: list[int]) -> None:
        text = self._text(tokens)
        # A character may be spread over several tokens.
        if self.call.request.push is not None and len(text) > self._pushed and not text.endswith("\ufffd"):
            self.call.request.push(text[self._pushed :])
            self._pushed = len(text)

    def _text(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text
