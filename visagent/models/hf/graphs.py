"""The decode step at fixed shapes, captured as a CUDA graph on first use and replayed from then on.

One step takes some tokens of each slot, writes their keys and values, and gives scores for the next token of each: with
masks, positions and the grammars' bits made from small inputs inside, so that a replay costs one launch and one copy in
each direction. Where nothing is captured the same step runs as it is. Imported where a model is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch

from visagent.models.hf.slots import SlotCache

_log = logging.getLogger(__name__)
Tensor = torch.Tensor

WARM_UP_STEPS = 2
"""Steps before a capture, in which libraries choose their kernels and take their memory."""


class Shape(NamedTuple):
    """The fixed shapes of a step.

    Attributes:
        rows: Slots.
        length: Columns of a slot.
        width: Tokens of each slot that are read at once.
    """

    rows: int
    length: int
    width: int


class CaptureError(Exception):
    """A step cannot be captured; the message says why."""


@dataclass(frozen=True)
class Masks:
    """How a family takes attention masks of four dimensions.

    Attributes:
        by_type: Kinds of layers that it wants a mask for by name; empty where it takes one mask for all.
        window: Tokens that a sliding-window layer sees; None where there is none.
        all_sliding: Whether all layers slide.
        additive: Data type of masks that are added to scores; None for masks of booleans.
    """

    by_type: tuple[str, ...]
    window: int | None
    all_sliding: bool
    additive: torch.dtype | None

    def build(self, at: Tensor, width: int, length: int) -> Any:
        """What the tokens after the first `at` ones of each slot may look at."""
        columns = torch.arange(length, device=at.device)
        own = (at[:, None] + torch.arange(width, device=at.device))[:, None, :, None]
        full = columns <= own
        slides = full if self.window is None else full & (columns > own - self.window)
        if not self.by_type:
            return self._form(slides if self.all_sliding else full)
        masks = {"full_attention": full, "sliding_attention": slides}
        return {name: self._form(masks[name]) if name in masks else None for name in self.by_type}

    def _form(self, mask: Tensor) -> Tensor:
        if self.additive is None:
            return mask
        zeros = torch.zeros(mask.shape, dtype=self.additive, device=mask.device)
        return zeros.masked_fill(~mask, torch.finfo(self.additive).min)


def capture_cuda(compute: Callable[[], Outputs], device: torch.device) -> tuple[Callable[[], None], Outputs]:
    """A step as a CUDA graph: what replays it, and where its outputs are then.

    Raises:
        RuntimeError: there is no CUDA, or the step does what cannot be captured.
        OutOfMemoryError: of torch.
    """
    if device.type != "cuda":
        raise RuntimeError(f"there are none on the device {device}")
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_STEPS):
            compute()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # One step follows another, and outputs are read in between: all graphs of a process may share their memory.
    # Other threads, of another model or of a tool, may use the device meanwhile.
    with torch.cuda.graph(graph, pool=_pool(), capture_error_mode="thread_local"):
        outputs = compute()
    return graph.replay, outputs


@cache
def _pool() -> Any:
    return torch.cuda.graph_pool_handle()


class Inputs:
    """What a step reads, at addresses that stay: filled before each step.

    Args:
        shape: Shape of the step.
        vocabulary: Number of logits.
        axes: Axes of a position; 0 where it is one number.
        device: Device of the model.
    """

    def __init__(self, shape: Shape, vocabulary: int, axes: int, device: torch.device) -> None:
        pinned = device.type == "cuda"
        rows, words = shape.rows, (vocabulary + 31) // 32
        # Tokens, how many of them count, and the column of the first.
        self.host = torch.zeros(rows, shape.width + 2, dtype=torch.long, pin_memory=pinned)
        self.tokens = torch.zeros(rows, shape.width + 2, dtype=torch.long, device=device)
        self.host_bits = torch.full((rows, words), -1, dtype=torch.int32, pin_memory=pinned)
        self.bits = self.host_bits.to(device)
        # What a token's position has beyond its column, on each axis: pictures take more columns than positions.
        offsets = (axes, rows) if axes else (rows,)
        self.host_offsets = torch.zeros(offsets, dtype=torch.long, pin_memory=pinned)
        self.offsets = torch.zeros(offsets, dtype=torch.long, device=device)
        self.masked = False

    def send(self, *, masked: bool) -> None:
        """Copy what was written on the host's side to the device."""
        self.tokens.copy_(self.host, non_blocking=True)
        self.offsets.copy_(self.host_offsets, non_blocking=True)
        # Bits of the step before must not stay.
        if masked or self.masked:
            self.bits.copy_(self.host_bits, non_blocking=True)
        self.masked = masked


class Outputs(NamedTuple):
    """What a step gives; overwritten by the next one.

    Attributes:
        best: The allowed token with the highest score, for each slot.
        scores: Slots x vocabulary, -inf for what is forbidden.
        logits: Logits as the model gave them.
    """

    best: Tensor
    scores: Tensor
    logits: Tensor


class DecodeStep:
    """Runs the step for a slot cache.

    Args:
        forward: Runs the model: ids, mask, positions, cache, and how many of the last tokens' logits to give.
        cache: The slots.
        masks: How the family takes masks.
        capture: Whether to capture; otherwise the step runs as it is.
    """

    def __init__(
        self,
        forward: Callable[[Tensor, Any, Tensor, Any, int], Tensor],
        cache: SlotCache,
        masks: Masks,
        vocabulary: int,
        axes: int,
        device: torch.device,
        *,
        capture: bool,
    ) -> None:
        self._forward, self._cache, self._masks = forward, cache, masks
        self._vocabulary, self._axes, self._device, self._capture = vocabulary, axes, device, capture
        self._inputs: dict[Shape, Inputs] = {}
        self._graphs: dict[Shape, tuple[Callable[[], None], Outputs]] = {}

    @property
    def captured(self) -> list[Shape]:
        """Shapes that are replayed."""
        return list(self._graphs)

    def inputs(self, shape: Shape) -> Inputs:
        """Where a step of this shape reads from."""
        if shape not in self._inputs:
            self._inputs[shape] = Inputs(shape, self._vocabulary, self._axes, self._device)
        return self._inputs[shape]

    def forget(self) -> None:
        """Drop what was captured: the tensors are elsewhere now, or memory is short."""
        self._graphs.clear()
        self._inputs.clear()

    def run(self, shape: Shape) -> Outputs:
        """One step with what `inputs` holds.

        Raises:
            CaptureError: it cannot be captured; the slots are as before.
            OutOfMemoryError: of torch.
        """
        if not self._capture:
            return self._compute(shape)
        if shape not in self._graphs:
            self._graphs[shape] = self._captured(shape)
        replay, outputs = self._graphs[shape]
        replay()
        return outputs

    def _captured(self, shape: Shape) -> tuple[Callable[[], None], Outputs]:
        # A warm-up writes the same tokens into the same columns, but states of linear attention take each of them up.
        saved = self._cache.saved_states()
        try:
            captured = capture_cuda(lambda: self._compute(shape), self._device)
        except torch.OutOfMemoryError as error:
            raise CaptureError(f"out of memory for {shape.rows} rows of {shape.length} tokens") from error
        except (RuntimeError, NotImplementedError, AttributeError) as error:
            raise CaptureError(str(error).strip().splitlines()[0]) from error
        finally:
            for state, before in saved:
                state.copy_(before)
        _log.debug("Captured a decode step of %d rows, %d columns and %d tokens", *shape)
        return captured

    def _compute(self, shape: Shape) -> Outputs:
        rows, length, width = shape
        inputs = self.inputs(shape)
        ids, counts, at = inputs.tokens[:, :width], inputs.tokens[:, width], inputs.tokens[:, width + 1]
        steps = torch.arange(width, device=self._device)
        numbers = torch.arange(rows, device=self._device)
        self._cache.where.rows = numbers[:, None]
        self._cache.where.columns = at[:, None] + steps
        positions = inputs.offsets[..., None] + self._cache.where.columns
        mask = self._masks.build(at, width, length)
        every = self._forward(ids, mask, positions, self._cache, width)
        logits = every[numbers, counts - 1]
        places = torch.arange(32, dtype=torch.int32, device=self._device)
        allowed = ((inputs.bits[:, :, None] >> places) & 1).view(rows, -1)[:, : logits.shape[-1]].bool()
        scores = logits.float().masked_fill(~allowed, -torch.inf)
        return Outputs(scores.argmax(dim=-1), scores, logits)
