"""Generates replies with a transformers model: shared prefixes once, many replies at a time. Knows no chat.

A batch runs in two phases. *Prefill*: each shared beginning of the prompts is computed once, or taken from the store,
and the rest of each prompt continues from a copy of its cache; rests of equal length go together. *Decode*: all rows go
on as one batch, padded on the left, one token a step, several where a grammar forces them. A row that is finished or
given up leaves the batch.

Contrastive decoding adds a second lane to a row, with noise over its pictures, which is fed the same tokens.
"""

from __future__ import annotations

import gc
import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ModelError
from visagent.models.hf.caches import cache_argument, can_join, copy_cache, join_caches, new_cache, select_rows
from visagent.models.hf.decoding import Accepted, Grammar, contrast
from visagent.models.hf.prefix import Prefix, PrefixStore, prefix_key
from visagent.models.hf.prompting import Prompt

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contrast:
    """Contrastive decoding against hallucination (VCD, arXiv 2311.16922).

    Attributes:
        alpha: How strongly the difference to the noised picture counts.
        beta: Plausibility: the least probability of a token, as a part of the largest.
        noise_steps: Diffusion steps of noise, 0 to 999.
    """

    alpha: float = 1.0
    beta: float = 0.1
    noise_steps: int = 500


@dataclass(eq=False)
class Row:
    """One reply on its way.

    Attributes:
        prompt: What it replies to.
        max_tokens: Tokens at most.
        temperature: 0 for greedy.
        grammar: What it is held to; None for nothing.
        on_tokens: Told all tokens so far, whenever there are more.
        on_done: Called once, when it is complete, has failed or was given up.
        gave_up: Tells whether nobody waits for the reply any more, which ends it.
        tokens: The reply so far.
        cached: Tokens of the prompt that were not computed for this row.
        prefilled: Tokens of the prompt that were.
        truncated: Whether it ran into `max_tokens`.
        done: Whether it is complete.
        error: Why it failed; None where it did not.
    """

    prompt: Prompt
    max_tokens: int
    temperature: float = 0.0
    grammar: Grammar | None = None
    on_tokens: Callable[[list[int]], None] | None = None
    on_done: Callable[[], None] | None = None
    gave_up: Callable[[], bool] = lambda: False
    tokens: list[int] = field(default_factory=list)
    cached: int = 0
    prefilled: int = 0
    truncated: bool = False
    done: bool = False
    error: Exception | None = None
    # Decided, but not yet read by the model.
    pending: list[int] = field(default_factory=list)
    started: bool = False
    announced: bool = False

    @property
    def settled(self) -> bool:
        """Whether there is nothing more to do; says so once."""
        settled = self.done or self.error is not None or self.gave_up()
        if settled and not self.announced:
            self.announced = True
            if self.on_done is not None:
                self.on_done()
        return settled

    def append(self, accepted: Accepted) -> None:
        """Take what became of a token."""
        left = self.max_tokens - len(self.tokens)
        tokens = accepted.tokens[:left]
        self.tokens += tokens
        self.pending += tokens
        self.truncated = accepted.truncated or (not accepted.finished and len(self.tokens) >= self.max_tokens)
        self.done = accepted.finished or self.truncated
        if tokens and self.on_tokens is not None:
            self.on_tokens(self.tokens)


@dataclass(eq=False)
class _Lane:
    """One sequence of the batch: a row, with its own prompt or the noised one."""

    row: Row
    prompt: Prompt
    cache: Any = None
    logits: Any = None

    @property
    def tokens(self) -> list[int]:
        """All that the model has to have read; after running out of memory a reply goes on from there."""
        return self.prompt.tokens + self.row.tokens


class Generator:
    """Runs batches of rows through one model; one batch at a time, from one thread.

    Args:
        name: What a person knows the model by.
        model: Of transformers.
        eos_tokens: Tokens that end a reply.
        store: Where prefixes are kept between batches.
        max_batch: Rows at a time; halved for good when memory runs out.
        contrast: Contrastive decoding for rows with pictures; None for none.

    Raises:
        ModelError: the architecture cannot be generated with.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        eos_tokens: Sequence[int],
        store: PrefixStore,
        *,
        max_batch: int = 16,
        contrast: Contrast | None = None,
    ) -> None:
        self._name, self._model, self._store, self._contrast = name, model, store, contrast
        self._eos = frozenset(eos_tokens)
        # BLIP models cannot read text without a picture; the language model inside them can.
        needs_pixels = inspect.signature(model.forward).parameters.get("pixel_values")
        required = needs_pixels is not None and needs_pixels.default is inspect.Parameter.empty
        self._text_model = model.language_model if required else model
        self._takes_positions = "position_ids" in inspect.signature(self._text_model.forward).parameters
        self._cache_argument = cache_argument(self._text_model)
        joinable = can_join(new_cache(model.config))
        if contrast is not None and not joinable:
            raise ModelError(f"{name}: its key-value cache does not allow contrastive decoding.", "Turn it off.")
        self.max_batch = max_batch if joinable else 1

    def run(self, rows: Sequence[Row]) -> None:
        """Complete the rows, in place; a row that fails has its error set, and the others go on.

        When memory runs out, kept prefixes are dropped, the batch is halved, and rows go on from where they were.
        """
        import torch

        for row in rows:
            if not row.started and row.grammar is not None:
                row.append(row.grammar.start(row.max_tokens))
            row.started = True
        waiting = list(rows)
        while waiting := [row for row in waiting if not row.settled]:
            batch, full = waiting[: self.max_batch], False
            try:
                with torch.inference_mode():
                    self._run(batch)
            except torch.OutOfMemoryError:
                # Recovered from below: here the error still holds on to the batch's tensors.
                full = True
            except (RuntimeError, ValueError, IndexError, TypeError, AttributeError) as error:
                _log.exception("%s failed", self._name)
                for row in batch:
                    row.error = ModelError(
                        f"{self._name} failed: {error}", "The log has the traceback; ask again, or use another model."
                    )
            if full:
                self._recover(batch)

    def _recover(self, batch: list[Row]) -> None:
        """After running out of memory: drop the kept prefixes, and halve the batch; give up a single row at last."""
        import torch

        kept = len(self._store)
        self._store.clear()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(batch) == 1 and not kept:
            batch[0].error = ModelError(
                f"{self._name}: out of memory with a prompt of {len(batch[0].prompt.tokens)} tokens.",
                "Use a smaller model, 4-bit quantisation, smaller pictures, or a smaller context.",
            )
        elif len(batch) > 1:
            self.max_batch = len(batch) // 2
            _log.warning("%s: out of memory with %d replies at a time; %d now", self._name, len(batch), self.max_batch)

    # One batch.

    def _run(self, rows: list[Row]) -> None:
        import torch

        lanes = []
        for row in rows:
            row.pending = []
            lanes.append(_Lane(row, row.prompt))
            if self._contrast is not None and row.prompt.media:
                lanes.append(_Lane(row, row.prompt.noised(self._contrast.noise_steps)))
        self._prefill(lanes)
        cache = join_caches([lane.cache for lane in lanes])
        logits = torch.cat([lane.logits for lane in lanes])
        longest = max(len(lane.tokens) for lane in lanes)
        lengths = [len(lane.tokens) for lane in lanes]
        mask = torch.tensor([[0] * (longest - length) + [1] * length for length in lengths], device=logits.device)
        positions = torch.cat(
            [
                self._positions(lane.prompt, length - 1, length).to(logits.device)
                for lane, length in zip(lanes, lengths, strict=True)
            ],
            dim=-2,
        )
        for lane in lanes:
            lane.cache = lane.logits = None
        while True:
            self._choose(lanes, logits)
            keep = [index for index, lane in enumerate(lanes) if not lane.row.settled]
            if not keep:
                return
            if len(keep) < len(lanes):
                lanes = [lanes[index] for index in keep]
                select_rows(cache, keep)
                chosen = torch.tensor(keep, device=mask.device)
                mask, positions = mask.index_select(0, chosen), positions.index_select(-2, chosen)
            # As many tokens as every row has: nothing in the middle of a sequence is ever padding.
            count = min(len(lane.row.pending) for lane in lanes)
            ids = torch.tensor([lane.row.pending[:count] for lane in lanes], device=mask.device)
            mask = torch.cat([mask, mask.new_ones(len(lanes), count)], dim=1)
            steps = torch.arange(1, count + 1, device=positions.device)
            logits = self._forward(ids, cache, mask, positions + steps)
            positions = positions + count
            for row in {id(lane.row): lane.row for lane in lanes}.values():
                del row.pending[:count]

    def _choose(self, lanes: list[_Lane], logits: torch.Tensor) -> None:
        """Decide the next token of each row that has none pending."""
        import torch

        open_rows: list[Row] = []
        own: list[int] = []
        noised: dict[int, int] = {}
        for index, lane in enumerate(lanes):
            if lane.row.settled or lane.row.pending:
                continue
            if open_rows and open_rows[-1] is lane.row:
                noised[len(open_rows) - 1] = index
            else:
                open_rows.append(lane.row)
                own.append(index)
        if not open_rows:
            return
        scores = logits[own].float()
        for number, row in enumerate(open_rows):
            if row.grammar is not None:
                scores[number].masked_fill_(~_bits(row.grammar.allowed(), scores), -torch.inf)
        if noised and (settings := self._contrast) is not None:
            which = list(noised)
            blurred = logits[[noised[number] for number in which]].float()
            scores[which] = contrast(scores[which], blurred, settings.alpha, settings.beta)
        best = scores.argmax(dim=-1).tolist()
        for number, row in enumerate(open_rows):
            token = best[number]
            if row.temperature > 0:
                token = int(torch.multinomial(torch.softmax(scores[number] / row.temperature, dim=-1), 1))
            self._accept(row, token)

    def _accept(self, row: Row, token: int) -> None:
        try:
            if row.grammar is not None:
                row.append(row.grammar.accept(token, row.max_tokens - len(row.tokens)))
            else:
                ended = token in self._eos
                row.append(Accepted([] if ended else [token], finished=ended))
        except ModelError as error:
            row.error = error

    # Prefill.

    def _prefill(self, lanes: list[_Lane]) -> None:
        groups: dict[tuple[str, int], list[_Lane]] = {}
        # Held here as well, so that a batch shares what the store has no room for.
        prefixes: dict[str, Prefix | None] = {}
        for lane in lanes:
            prefix = self._prefix(lane, prefixes)
            length = prefix.length if prefix is not None else 0
            key = prefix.key if prefix is not None else ""
            prefixes[key] = prefix
            groups.setdefault((key, len(lane.tokens) - length), []).append(lane)
        for (key, _), group in groups.items():
            # What follows a prefix is text, unless the pictures were too few tokens to be worth keeping.
            prefix = prefixes[key]
            alone = [lane for lane in group if _shows(lane.prompt, prefix.length if prefix is not None else 0)]
            together = [lane for lane in group if lane not in alone]
            for batch in [[lane] for lane in alone] + [together] * bool(together):
                self._continue(batch, prefix)

    def _continue(self, lanes: list[_Lane], prefix: Prefix | None) -> None:
        """Compute the rest of some prompts that share a prefix and a length."""
        import torch

        start, end = prefix.length if prefix is not None else 0, len(lanes[0].tokens)
        cache = copy_cache(prefix.cache) if prefix is not None else new_cache(self._model.config)
        if len(lanes) > 1 and prefix is not None:
            select_rows(cache, [0] * len(lanes))
        if len(lanes) == 1:
            logits = self._read(lanes[0].prompt, lanes[0].tokens, start, end, cache)
        else:
            device = self._model.device
            ids = torch.tensor([lane.tokens[start:end] for lane in lanes], device=device)
            mask = torch.ones(len(lanes), end, dtype=torch.long, device=device)
            positions = torch.cat([self._positions(lane.prompt, start, end) for lane in lanes], dim=-2).to(device)
            logits = self._forward(ids, cache, mask, positions)
        for index, lane in enumerate(lanes):
            if len(lanes) == 1:
                lane.cache = cache
            else:
                lane.cache = copy_cache(cache)
                select_rows(lane.cache, [index])
            lane.logits = logits[index : index + 1]
            lane.row.prefilled += end - start

    def _prefix(self, lane: _Lane, shared: dict[str, Prefix | None]) -> Prefix | None:
        """The longest beginning that other prompts may share, computed from the longest one known."""
        prompt = lane.prompt
        found: Prefix | None = None
        todo: list[tuple[int, str]] = []
        for end in reversed(prompt.boundaries):
            has_media = prompt.media_span is not None and end > prompt.media_span[0]
            if prompt.media_span is not None and has_media and end < prompt.media_span[1]:
                continue
            key = prefix_key(prompt.tokens[:end], prompt.digest if has_media else "")
            if (found := shared.get(key) or self._store.get(key)) is not None:
                break
            todo.append((end, key))
        if lane.prompt is lane.row.prompt and found is not None:
            lane.row.cached = max(lane.row.cached, found.length)
        for end, key in reversed(todo):
            cache = copy_cache(found.cache) if found is not None else new_cache(self._model.config)
            start = found.length if found is not None else 0
            self._read(prompt, prompt.tokens, start, end, cache)
            lane.row.prefilled += end - start
            found = Prefix.of(key, end, cache)
            shared[key] = found
            self._store.put(found)
        return found

    def _read(self, prompt: Prompt, tokens: list[int], start: int, end: int, cache: Any) -> torch.Tensor:
        """Let the model read tokens start to end of one prompt, with the pictures that stand there."""
        import torch

        device = self._model.device
        ids = torch.tensor([tokens[start:end]], device=device)
        mask = torch.ones(1, end, dtype=torch.long, device=device)
        positions = self._positions(prompt, start, end).to(device)
        if not _shows(prompt, start) or (prompt.media_span or (0, 0))[0] >= end:
            return self._forward(ids, cache, mask, positions)
        # Families that let pictures attend in both directions read the types from the first token on.
        types = {name: value[:, :end].to(device) for name, value in prompt.types.items()}
        return self._forward(ids, cache, mask, positions, **prompt.media, **types)

    def _positions(self, prompt: Prompt, start: int, end: int) -> torch.Tensor:
        """Positions of tokens start to end, beyond the prompt's end too."""
        import torch

        known = prompt.positions[..., start:end]
        beyond = end - max(start, len(prompt.tokens))
        if beyond <= 0:
            return known
        steps = torch.arange(1, beyond + 1, device=known.device) + max(0, start - len(prompt.tokens))
        return torch.cat([known, prompt.positions[..., -1:] + steps], dim=-1)

    def _forward(
        self, ids: torch.Tensor, cache: Any, mask: torch.Tensor, positions: torch.Tensor, **media: Any
    ) -> torch.Tensor:
        """Logits after the last token of each row, rows x vocabulary; the cache grows in place."""
        model = self._model if media else self._text_model
        if self._takes_positions:
            media["position_ids"] = positions
        media[self._cache_argument] = cache
        output = model(input_ids=ids, attention_mask=mask, use_cache=True, logits_to_keep=1, **media)
        logits: torch.Tensor = output.logits[:, -1]
        return logits


def _shows(prompt: Prompt, start: int) -> bool:
    """Whether pictures stand in a prompt from a token on."""
    return prompt.media_span is not None and prompt.media_span[0] >= start


def _bits(words: Any, like: torch.Tensor) -> torch.Tensor:
    """A grammar's bit mask as booleans, one for each logit."""
    import numpy as np
    import torch

    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    result = np.zeros(like.shape[-1], dtype=bool)
    result[: len(bits)] = bits[: like.shape[-1]]
    return torch.from_numpy(result).to(like.device)
