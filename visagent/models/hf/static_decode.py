"""Decoding in slots of fixed shape: rows join and leave, and each step is replayed where it could be captured."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from visagent.models.hf.choosing import Chooser
from visagent.models.hf.rows import Lane, rows_of

if TYPE_CHECKING:
    import torch

    from visagent.models.hf.graphs import DecodeStep, Masks, Shape
    from visagent.models.hf.slots import SlotCache

_log = logging.getLogger(__name__)

ROWS = (1, 2, 4, 8, 16, 32)
"""Numbers of slots; more are rounded up to multiples of the last."""

SHORTEST = 1024
"""Columns of the shortest slots; longer ones are this times a power of two."""

FORCED_TOKENS = 8
"""Tokens that a grammar forces which are read in one step at most."""


class Unsuitable(Exception):
    """Slots cannot be used; rows continue without them.

    Args:
        reason: Why.
        lasting: Whether that is so for the model, and not just for what is being written.
    """

    def __init__(self, reason: str, *, lasting: bool = True) -> None:
        super().__init__(reason)
        self.lasting = lasting


class StaticForward(Protocol):
    """Runs the model on slots."""

    def __call__(self, ids: torch.Tensor, mask: Any, positions: torch.Tensor, cache: Any, last: int) -> torch.Tensor:
        """Logits after the last tokens of each row, rows x last x vocabulary."""
        ...


class StaticDecoder:
    """Decodes lanes in slots.

    Args:
        model: Model of transformers.
        forward: Runs it.
        chooser: Decides tokens.
        max_bytes: Memory for the slots at most; None for half of what is free when the first lane joins.
        capture: Whether steps are captured as CUDA graphs.
    """

    def __init__(
        self, model: Any, forward: StaticForward, chooser: Chooser, *, max_bytes: int | None, capture: bool
    ) -> None:
        self._model, self._forward, self._chooser = model, forward, chooser
        self._max_bytes, self._capture = max_bytes, capture
        self._masks = masks_of(model)
        self._cache: SlotCache | None = None
        self._step: DecodeStep | None = None
        self.lanes: list[Lane] = []
        # Of each lane: its slot, and the tokens in it.
        self._slots: list[int] = []
        self._used: list[int] = []

    def fits(self, lanes: int, tokens: int) -> bool:
        """Whether the memory is enough for so many lanes, the longest with so many tokens; True while unknown."""
        if self._cache is None or self._max_bytes is None:
            return True
        return _rows(lanes) * _length(tokens + FORCED_TOKENS) * self._cache.token_bytes <= self._max_bytes

    @property
    def longest(self) -> int:
        """Tokens of the longest lane."""
        return max(self._used, default=0)

    def join(self, lanes: Sequence[Lane]) -> None:
        """Take lanes whose prompts were read.

        Raises:
            Unsuitable: the model's layers or the memory do not allow it; nothing has joined.
        """
        lengths = [len(lane.tokens) for lane in lanes]
        self._prepare(lanes[0])
        assert self._cache is not None
        self._make_room(len(self.lanes) + len(lanes), max(self.longest, *lengths) + FORCED_TOKENS)
        free = [slot for slot in range(self._cache.rows) if slot not in self._slots]
        for lane, length, slot in zip(lanes, lengths, free, strict=False):
            self._cache.join(slot, lane.cache)
            lane.cache = None
            self.lanes.append(lane)
            self._slots.append(slot)
            self._used.append(length)

    def drop_settled(self) -> None:
        """Let the lanes leave whose rows are settled."""
        keep = [number for number, lane in enumerate(self.lanes) if not lane.row.settled]
        if len(keep) < len(self.lanes):
            self.lanes = [self.lanes[number] for number in keep]
            self._slots = [self._slots[number] for number in keep]
            self._used = [self._used[number] for number in keep]

    def step(self) -> None:
        """Let each lane read its row's pending tokens, and decide the next one where none are left.

        Raises:
            Unsuitable: the step cannot be captured, or the memory is not enough for it.
            OutOfMemoryError: of torch.
        """
        from visagent.models.hf.graphs import CaptureError

        cache, steps = self._cache, self._step
        assert cache is not None and steps is not None
        most = max(len(lane.row.pending) for lane in self.lanes)
        width = FORCED_TOKENS if most > 1 and not cache.linear else 1
        self._make_room(len(self.lanes), self.longest + width)
        shape = self._shape(width)
        inputs = steps.inputs(shape)
        inputs.host.zero_()
        # Slots that nobody uses read one token into their first column.
        inputs.host[:, width] = 1
        counts = [min(len(lane.row.pending), width) for lane in self.lanes]
        for lane, slot, used, count in zip(self.lanes, self._slots, self._used, counts, strict=True):
            # Beyond those that count stands anything: it is overwritten by the tokens that come there.
            inputs.host[slot, :count] = inputs.host.new_tensor(lane.row.pending[:count])
            inputs.host[slot, width], inputs.host[slot, width + 1] = count, used
            # What a position has beyond its column: pictures take more columns than positions.
            offset = lane.prompt.positions[..., -1] + 1 - len(lane.prompt.tokens)
            inputs.host_offsets[..., slot] = offset.reshape(inputs.host_offsets.shape[:-1])
        for row in rows_of(self.lanes):
            del row.pending[:width]
        self._used = [used + count for used, count in zip(self._used, counts, strict=True)]
        rows = self._chooser.open_rows(self.lanes)
        masked = self._write_bits(inputs, rows)
        inputs.send(masked=masked)
        try:
            outputs = steps.run(shape)
        except CaptureError as error:
            raise Unsuitable(f"a step cannot be captured: {error}") from error
        # Waits for the step, even where nothing is to be decided: the next one writes over its inputs.
        best = outputs.best.tolist()
        if not rows:
            return
        own = [self._slots[place] for _, place, _ in rows]
        plain = all(row.temperature == 0 and noised is None for row, _, noised in rows)
        # Scores are read where the best token is not all that counts.
        scores = outputs.scores if plain else outputs.scores[own]
        logits = outputs.logits if plain else outputs.logits[self._slots]
        self._chooser.choose_from(rows, scores, logits, [best[slot] for slot in own])

    def reset(self) -> None:
        """Forget all lanes, and give the memory back."""
        self.lanes, self._slots, self._used = [], [], []
        self._cache = self._step = None

    def _write_bits(self, inputs: Any, rows: Sequence[tuple[Any, int, int | None]]) -> bool:
        import torch

        masked = False
        inputs.host_bits.fill_(-1)
        for row, place, _ in rows:
            if row.grammar is not None:
                words = torch.from_numpy(row.grammar.allowed().view("int32").copy())
                target = inputs.host_bits[self._slots[place]]
                target.zero_()
                count = min(len(words), len(target))
                target[:count] = words[:count]
                masked = True
        return masked

    def _prepare(self, lane: Lane) -> None:
        """Make the cache from the first lane's, and measure what memory there is."""
        if self._cache is not None:
            return
        import torch

        from visagent.models.hf.graphs import DecodeStep
        from visagent.models.hf.slots import SlotCache

        if not SlotCache.supports(lane.cache):
            kinds = ", ".join(sorted({type(layer).__name__ for layer in lane.cache.layers}))
            raise Unsuitable(f"its cache has layers of other kinds ({kinds})")
        device = self._model.device
        if self._max_bytes is None and device.type == "cuda":
            self._max_bytes = torch.cuda.mem_get_info(device)[0] // 2
        positions = lane.prompt.positions
        axes = positions.shape[0] if positions.dim() == 3 else 0
        self._cache = SlotCache(lane.cache)
        vocabulary = lane.logits.shape[-1]
        self._step = DecodeStep(
            self._forward, self._cache, self._masks, vocabulary, axes, device, capture=self._capture
        )

    def _make_room(self, lanes: int, tokens: int) -> None:
        """Have slots for so many lanes of so many tokens: larger ones, or smaller ones where they are far too large."""
        cache, steps = self._cache, self._step
        assert cache is not None and steps is not None
        rows, length = _rows(lanes), _length(tokens)
        if rows == cache.rows and length == cache.length:
            return
        if rows <= cache.rows and length <= cache.length and 2 * rows * length > cache.rows * cache.length:
            return
        import torch

        if not self.fits(lanes, tokens - FORCED_TOKENS):
            limit = (self._max_bytes or 0) / 2**30
            raise Unsuitable(f"{rows} x {length} tokens take more than {limit:.1f} GiB", lasting=False)
        try:
            if cache.move(self._slots, self.longest, rows, length):
                steps.forget()
        except torch.OutOfMemoryError as error:
            raise Unsuitable(f"out of memory for {rows} x {length} tokens", lasting=False) from error
        self._slots = list(range(len(self._slots)))

    def _shape(self, width: int) -> Shape:
        from visagent.models.hf.graphs import Shape

        assert self._cache is not None
        return Shape(self._cache.rows, self._cache.length, width)


def _rows(lanes: int) -> int:
    return next((rows for rows in ROWS if rows >= lanes), -(-lanes // ROWS[-1]) * ROWS[-1])


def _length(tokens: int) -> int:
    length = SHORTEST
    while length < tokens:
        length *= 2
    return length


def masks_of(model: Any) -> Masks:
    """How a model takes masks of four dimensions.

    Raises:
        Unsuitable: it takes none.
    """
    from visagent.models.hf.graphs import Masks

    config = model.config.get_text_config(decoder=True)
    attention = getattr(config, "_attn_implementation", None)
    if attention not in ("sdpa", "eager"):
        raise Unsuitable(f"attention by {attention} takes no mask of its own")
    kinds = tuple(dict.fromkeys(getattr(config, "layer_types", None) or ()))
    known = {"full_attention", "sliding_attention", "linear_attention"}
    if set(kinds) - known:
        raise Unsuitable(f"it has layers of the kind {', '.join(sorted(set(kinds) - known))}")
    window = getattr(config, "sliding_window", None)
    if not kinds:
        return Masks((), window, window is not None, model.dtype if attention == "eager" else None)
    slides = "sliding_attention" in kinds
    by_type = kinds if slides or "linear_attention" in kinds else ()
    return Masks(by_type, window if slides else None, False, model.dtype if attention == "eager" else None)
