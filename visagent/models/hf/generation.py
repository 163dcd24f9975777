"""Generates replies with a transformers model: shared prefixes once, many replies at a time. Knows no chat.

Rows come and go. A row's prompt is read first (`prefill`), from the beginning that it shares with others, in pieces
between the steps of those that are being written. Then it joins those, which go on one token a step (`static_decode`
in slots of fixed shape, replayed as CUDA graphs; `dynamic_decode` where that cannot be), several where a grammar forces
them. A row that is finished or given up leaves.

Contrastive decoding adds a second lane to a row, with noise over its pictures, which is fed the same tokens.
"""

from __future__ import annotations

import gc
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from visagent.core.errors import ModelError
from visagent.models.hf.caches import can_join, new_cache
from visagent.models.hf.choosing import Chooser, Contrast
from visagent.models.hf.dynamic_decode import DynamicDecoder
from visagent.models.hf.encoders import EncoderCache
from visagent.models.hf.network import Network
from visagent.models.hf.prefill import Prefill
from visagent.models.hf.prefix import PrefixStore
from visagent.models.hf.rows import Lane, Row, rows_of
from visagent.models.hf.static_decode import StaticDecoder, Unsuitable

_log = logging.getLogger(__name__)

Decoding = Literal["auto", "graphs", "static", "dynamic"]
"""How tokens are written; see `visagent.models.configs.TransformersModel`."""

_BROKEN = (RuntimeError, ValueError, IndexError, TypeError, AttributeError, NotImplementedError)
"""What a model of transformers raises that cannot do what it is asked."""


def _nothing_more() -> list[Row]:
    return []


class Generator:
    """Runs rows through one model, from one thread.

    Args:
        name: What a person knows the model by.
        model: Model of transformers.
        eos_tokens: Tokens that end a reply.
        store: Where prefixes are kept between batches.
        max_batch: Rows at a time; halved for good when memory runs out.
        contrast: Contrastive decoding for rows with pictures; None for none.
        decoding: See `Decoding`.
        max_decode_bytes: Memory for slots of fixed shape; None for half of what is free.

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
        decoding: Decoding = "auto",
        max_decode_bytes: int | None = None,
    ) -> None:
        self._name, self._store, self._contrast = name, store, contrast
        self._network = Network(model)
        joinable = can_join(new_cache(model.config))
        if contrast is not None and not joinable:
            raise ModelError(f"{name}: its key-value cache does not allow contrastive decoding.", "Turn it off.")
        self.max_batch = max_batch if joinable else 1
        self._chooser = Chooser(frozenset(eos_tokens), contrast)
        self.encoders = EncoderCache.for_model(model, store.max_bytes // 4)
        self.prefill = Prefill(model, self._network.read, store, self.encoders)
        self._dynamic = DynamicDecoder(self._network.read, self._chooser)
        self._told: set[str] = set()
        self._static = self._static_decoder(decoding, max_decode_bytes)
        self._decoder: StaticDecoder | DynamicDecoder = self._dynamic

    @property
    def decodes_statically(self) -> bool:
        """Whether tokens are written in slots of fixed shape, as far as is known."""
        return self._static is not None

    def _static_decoder(self, decoding: Decoding, max_bytes: int | None) -> StaticDecoder | None:
        model = self._network.model
        cuda = model.device.type == "cuda"
        if decoding == "dynamic" or (decoding == "auto" and not cuda):
            return None
        try:
            if self._network.scattered:
                raise Unsuitable("its layers lie on several devices")
            return StaticDecoder(
                model,
                self._network.read_slots,
                self._chooser,
                max_bytes=max_bytes,
                capture=decoding != "static",
            )
        except Unsuitable as reason:
            self._slower(reason)
            return None

    def _slower(self, reason: Unsuitable) -> None:
        """Say once why decoding goes the slower way."""
        if str(reason) not in self._told:
            self._told.add(str(reason))
            _log.warning("%s: decoding continues without CUDA graphs, which is slower: %s.", self._name, reason)

    def run(self, rows: Sequence[Row], more: Callable[[], list[Row]] = _nothing_more) -> None:
        """Complete rows, in place; a row that fails has its error set, and the others go on.

        When memory runs out, what is kept is dropped, the batch is halved, and rows go on from where they were.

        Args:
            rows: What to begin with.
            more: Asked between steps for rows that have come meanwhile.
        """
        import torch

        waiting = deque(rows)
        with torch.inference_mode():
            while waiting or (waiting := deque(more())):
                self._serve(waiting, more)

    def _serve(self, waiting: deque[Row], more: Callable[[], list[Row]]) -> None:
        """Work until nothing is left or memory runs out; what is unfinished then waits again."""
        import torch

        reading: list[Lane] = []
        pieces: Iterator[None] | None = None
        full = False
        while True:
            waiting.extend(more())
            if pieces is None and not self._decoder.lanes:
                self._decoder = self._static if self._static is not None else self._dynamic
            try:
                if pieces is None and (reading := self._lanes(waiting)):
                    pieces = self.prefill.steps(reading)
                if pieces is not None and self._read(pieces, reading, hurry=not self._decoder.lanes):
                    pieces, reading = None, []
                self._decoder.drop_settled()
                if self._decoder.lanes:
                    self._step()
                elif pieces is None and not waiting:
                    return
            except torch.OutOfMemoryError:
                # Recovered from below: here the error still holds on to the batch's tensors.
                full = True
            if full:
                flying = rows_of([*self._decoder.lanes, *reading])
                waiting.extendleft(reversed([row for row in flying if not row.settled]))
                self._recover(flying)
                return

    def _lanes(self, waiting: deque[Row]) -> list[Lane]:
        """The next rows that there is room for, as lanes."""
        flying = len(rows_of(self._decoder.lanes))
        lanes: list[Lane] = []
        taken = 0
        while waiting and flying + taken < self.max_batch:
            row = waiting[0]
            row.start()
            if not row.settled and flying + taken and not self._has_room(lanes, row):
                break
            waiting.popleft()
            if row.settled:
                continue
            row.pending = []
            taken += 1
            lanes.append(Lane(row, row.prompt))
            if self._contrast is not None and row.prompt.media:
                lanes.append(Lane(row, row.prompt.noised(self._contrast.noise_steps)))
        return lanes

    def _has_room(self, lanes: list[Lane], row: Row) -> bool:
        """Whether there are slots for one more row; caches that grow find out when memory runs out."""
        if not isinstance(self._decoder, StaticDecoder):
            return True
        together = [*lanes, Lane(row, row.prompt)]
        longest = max(self._decoder.longest, *(len(lane.tokens) for lane in together))
        return self._decoder.fits(len(self._decoder.lanes) + len(together), longest)

    def _read(self, pieces: Iterator[None], lanes: list[Lane], *, hurry: bool) -> bool:
        """Read a piece of some prompts, all where nobody is waiting for it; whether they have joined."""
        import torch

        try:
            for _ in pieces:
                if not hurry:
                    return False
            present = [lane for lane in lanes if not lane.row.settled]
            if not present:
                return True
            logits = torch.cat([lane.logits for lane in present])
            self._join(present)
            for lane in present:
                lane.logits = None
            self._chooser.choose(present, logits)
        except torch.OutOfMemoryError:
            raise
        except _BROKEN as error:
            self._fail(lanes, error)
        return True

    def _join(self, lanes: list[Lane]) -> None:
        if isinstance(self._decoder, StaticDecoder):
            try:
                self._decoder.join(lanes)
                return
            except Unsuitable as reason:
                self._go_dynamic(reason)
        self._decoder.join(lanes)

    def _step(self) -> None:
        import torch

        try:
            self._decoder.step()
        except Unsuitable as reason:
            self._go_dynamic(reason)
        except torch.OutOfMemoryError:
            raise
        except _BROKEN as error:
            self._fail(self._decoder.lanes, error)
            self._decoder.reset()

    def _go_dynamic(self, reason: Unsuitable) -> None:
        """Leave the slots, for good or until all is written; replies go on from what they have so far."""
        import torch

        static = self._static
        assert static is not None
        self._slower(reason)
        lanes = static.lanes
        static.reset()
        self._decoder = self._dynamic
        if reason.lasting:
            self._static = None
        if not lanes:
            return
        for row in rows_of(lanes):
            row.pending = []
        self.prefill.run(lanes)
        logits = torch.cat([lane.logits for lane in lanes])
        self._dynamic.join(lanes)
        for lane in lanes:
            lane.logits = None
        self._chooser.choose(lanes, logits)

    def _fail(self, lanes: Sequence[Lane], error: Exception) -> None:
        _log.error("%s failed", self._name, exc_info=error)
        for row in rows_of(list(lanes)):
            row.error = ModelError(
                f"{self._name} failed: {error}", "The log has the traceback; ask again, or use another model."
            )
            # Says so to its caller.
            _ = row.settled

    def _recover(self, batch: list[Row]) -> None:
        """After running out of memory: drop what is kept, and halve the batch; in the end give up a single row."""
        import torch

        kept = len(self._store)
        self._store.clear()
        if self.encoders is not None:
            self.encoders.clear()
        self._dynamic.reset()
        if self._static is not None:
            self._static.reset()
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
