"""Lets a model read prompts: shared beginnings once, rests of about the same length together, long ones in pieces.

Reading is an iterator that pauses between pieces, so that replies which are being written need not wait for a long
prompt. Knows no reply.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from visagent.models.hf.caches import copy_cache, crop_row, grows_evenly, new_cache, select_rows
from visagent.models.hf.prefix import Prefix, PrefixStore, prefix_key

if TYPE_CHECKING:
    import torch

    from visagent.models.hf.encoders import EncoderCache
    from visagent.models.hf.prompting import Prompt
    from visagent.models.hf.rows import Lane

PIECE_TOKENS = 1024
"""Tokens that are read at once at most, pictures aside: what a reply in progress may have to wait for."""

PADDING = 1.25
"""How many times as long as the shortest the longest of several rests may be that are read together."""


class Forward(Protocol):
    """Runs the model."""

    def __call__(
        self, ids: torch.Tensor, cache: Any, mask: torch.Tensor, positions: torch.Tensor, **media: Any
    ) -> torch.Tensor:
        """Logits after the last token of each row, or after several where `logits_to_keep` says so."""
        ...


class Prefill:
    """Reads the prompts of lanes, which have a cache and logits afterwards.

    Args:
        model: Model of transformers.
        forward: Runs it.
        store: Where prefixes are kept between batches.
        encoders: Keeps what pictures are encoded to; None keeps nothing.
    """

    def __init__(self, model: Any, forward: Forward, store: PrefixStore, encoders: EncoderCache | None) -> None:
        self._model, self._forward, self._store, self._encoders = model, forward, store, encoders
        self._pads = grows_evenly(new_cache(model.config))
        self.piece_tokens = PIECE_TOKENS

    def run(self, lanes: Sequence[Lane]) -> None:
        """Read all of some lanes' prompts."""
        for _ in self.steps(lanes):
            continue

    def steps(self, lanes: Sequence[Lane]) -> Iterator[None]:
        """Read some lanes' prompts, with a pause after each piece."""
        groups: dict[str, list[Lane]] = {}
        # Held here as well, so that a batch shares what the store has no room for.
        prefixes: dict[str, Prefix | None] = {}
        for lane in lanes:
            prefix = yield from self._prefix(lane, prefixes)
            key = prefix.key if prefix is not None else ""
            prefixes[key] = prefix
            groups.setdefault(key, []).append(lane)
        for key, group in groups.items():
            # What follows a prefix is text, unless the pictures were too few tokens to be worth keeping.
            prefix = prefixes[key]
            start = prefix.length if prefix is not None else 0
            alone = [lane for lane in group if shows(lane.prompt, start)]
            together = sorted((lane for lane in group if lane not in alone), key=lambda lane: len(lane.tokens))
            for batch in [[lane] for lane in alone] + self._batches(together, start):
                yield from self._continue(batch, prefix)

    def _batches(self, lanes: list[Lane], start: int) -> list[list[Lane]]:
        """Lanes in groups whose rests are read together, ascending in length."""
        batches: list[list[Lane]] = []
        for lane in lanes:
            rest = len(lane.tokens) - start
            shortest = len(batches[-1][0].tokens) - start if batches else 0
            if batches and (rest == shortest or (self._pads and rest <= PADDING * shortest + 8)):
                batches[-1].append(lane)
            else:
                batches.append([lane])
        return batches

    def _continue(self, lanes: list[Lane], prefix: Prefix | None) -> Iterator[None]:
        """Compute the rest of some prompts that share a prefix and are about as long, the shortest first."""
        import torch

        start = prefix.length if prefix is not None else 0
        cache = copy_cache(prefix.cache) if prefix is not None else new_cache(self._model.config)
        if len(lanes) == 1:
            lane = lanes[0]
            lane.logits = yield from self._read(lane.prompt, lane.tokens, start, len(lane.tokens), cache)
            lane.cache = cache
            lane.row.prefilled += len(lane.tokens) - start
            return
        if prefix is not None:
            select_rows(cache, [0] * len(lanes))
        device, ends = self._model.device, [len(lane.tokens) for lane in lanes]
        # Padded on the right: no token of a prompt can see what stands behind it.
        padded = [lane.tokens + [lane.tokens[-1]] * (ends[-1] - end) for lane, end in zip(lanes, ends, strict=True)]
        positions = torch.cat([self.positions(lane.prompt, start, ends[-1]) for lane in lanes], dim=-2)
        kept: list[torch.Tensor | None] = [None] * len(lanes)
        for begin in range(start, ends[-1], self.piece_tokens):
            if begin > start:
                yield
            end = min(begin + self.piece_tokens, ends[-1])
            ids = torch.tensor([row[begin:end] for row in padded], device=device)
            mask = torch.ones(len(lanes), end, dtype=torch.long, device=device)
            # As far back as the last token of the shortest prompt that ends in this piece.
            first = min((last for last in ends if begin < last <= end), default=end)
            logits = self._forward(
                ids,
                cache,
                mask,
                positions[..., begin - start : end - start].to(device),
                logits_to_keep=end - first + 1,
            )
            for number, last in enumerate(ends):
                if begin < last <= end:
                    kept[number] = logits[number : number + 1, last - first]
        for number, lane in enumerate(lanes):
            lane.cache = copy_cache(cache)
            select_rows(lane.cache, [number])
            if ends[number] < ends[-1]:
                crop_row(lane.cache, ends[number])
            lane.logits = kept[number]
            lane.row.prefilled += ends[number] - start
        yield

    def _prefix(self, lane: Lane, shared: dict[str, Prefix | None]) -> Generator[None, None, Prefix | None]:
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
            yield from self._read(prompt, prompt.tokens, start, end, cache)
            lane.row.prefilled += end - start
            found = Prefix.of(key, end, cache)
            shared[key] = found
            self._store.put(found)
        return found

    def _read(self, prompt: Prompt, tokens: list[int], start: int, end: int, cache: Any) -> Generator[None, None, Any]:
        """Let the model read tokens start to end of one prompt, with the pictures that stand there."""
        logits: Any = None
        for begin, stop in self._pieces(prompt, start, end):
            if logits is not None:
                yield
            logits = self._read_piece(prompt, tokens, begin, stop, cache)
        yield
        return logits

    def _pieces(self, prompt: Prompt, start: int, end: int) -> list[tuple[int, int]]:
        """Parts of a prompt that are read one after the other; pictures are never split."""
        pieces, begin = [], start
        while begin < end:
            stop = min(begin + self.piece_tokens, end)
            span = prompt.media_span
            if span is not None and begin <= span[0] < stop < span[1]:
                stop = min(span[1], end)
            pieces.append((begin, stop))
            begin = stop
        return pieces

    def _read_piece(self, prompt: Prompt, tokens: list[int], start: int, end: int, cache: Any) -> torch.Tensor:
        import torch

        device = self._model.device
        ids = torch.tensor([tokens[start:end]], device=device)
        mask = torch.ones(1, end, dtype=torch.long, device=device)
        positions = self.positions(prompt, start, end).to(device)
        if not shows(prompt, start) or (prompt.media_span or (0, 0))[0] >= end:
            return self._forward(ids, cache, mask, positions)
        # Families that let pictures attend in both directions read the types from the first token on.
        types = {name: value[:, :end].to(device) for name, value in prompt.types.items()}
        with nullcontext() if self._encoders is None else self._encoders.of(prompt.digest):
            return self._forward(ids, cache, mask, positions, **prompt.media, **types)

    def positions(self, prompt: Prompt, start: int, end: int) -> torch.Tensor:
        """Positions of tokens start to end, beyond the prompt's end too."""
        import torch

        known = prompt.positions[..., start:end]
        beyond = end - max(start, len(prompt.tokens))
        if beyond <= 0:
            return known
        steps = torch.arange(1, beyond + 1, device=known.device) + max(0, start - len(prompt.tokens))
        return torch.cat([known, prompt.positions[..., -1:] + steps], dim=-1)


def shows(prompt: Prompt, start: int) -> bool:
    """Whether pictures stand in a prompt from a token on."""
    return prompt.media_span is not None and prompt.media_span[0] >= start
