"""Decoding with caches that grow: any model, any length, as many kernels a step as there are operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from visagent.models.hf.caches import join_caches, select_rows
from visagent.models.hf.choosing import Chooser
from visagent.models.hf.rows import Lane, rows_of

if TYPE_CHECKING:
    import torch

    from visagent.models.hf.prefill import Forward


class DynamicDecoder:
    """Decodes lanes as one batch, padded on the left.

    Args:
        forward: Runs the model.
        chooser: Decides tokens.
    """

    def __init__(self, forward: Forward, chooser: Chooser) -> None:
        self._forward, self._chooser = forward, chooser
        self.lanes: list[Lane] = []
        self._cache: Any = None
        self._mask: torch.Tensor | None = None
        self._positions: torch.Tensor | None = None

    def join(self, lanes: Sequence[Lane]) -> None:
        """Take lanes whose prompts were read."""
        import torch

        device = lanes[0].logits.device
        lengths = [len(lane.tokens) for lane in lanes]
        before = 0 if self._mask is None else self._mask.shape[1]
        longest = max(before, *lengths)
        masks = [torch.tensor([[0] * (longest - length) + [1] * length], device=device) for length in lengths]
        positions = [self._last_position(lane).to(device) for lane in lanes]
        caches = [lane.cache for lane in lanes]
        if self._mask is not None and self._positions is not None:
            masks.insert(0, torch.nn.functional.pad(self._mask, (longest - before, 0)))
            positions.insert(0, self._positions)
            caches.insert(0, self._cache)
        self._cache = join_caches(caches)
        self._mask, self._positions = torch.cat(masks), torch.cat(positions, dim=-2)
        for lane in lanes:
            lane.cache = None
        self.lanes += lanes

    def drop_settled(self) -> None:
        """Let the lanes leave whose rows are settled."""
        import torch

        keep = [index for index, lane in enumerate(self.lanes) if not lane.row.settled]
        if not keep:
            self.reset()
        elif len(keep) < len(self.lanes):
            assert self._mask is not None and self._positions is not None
            self.lanes = [self.lanes[index] for index in keep]
            select_rows(self._cache, keep)
            chosen = torch.tensor(keep, device=self._mask.device)
            self._mask, self._positions = (
                self._mask.index_select(0, chosen),
                self._positions.index_select(-2, chosen),
            )

    def step(self) -> None:
        """Let each lane read as many pending tokens as all rows have, and decide the next ones where none are left."""
        import torch

        assert self._mask is not None and self._positions is not None
        # Nothing in the middle of a sequence is ever padding.
        count = min(len(lane.row.pending) for lane in self.lanes)
        ids = torch.tensor([lane.row.pending[:count] for lane in self.lanes], device=self._mask.device)
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(self.lanes), count)], dim=1)
        steps = torch.arange(1, count + 1, device=self._positions.device)
        logits = self._forward(ids, self._cache, self._mask, self._positions + steps)
        self._positions = self._positions + count
        for row in rows_of(self.lanes):
            del row.pending[:count]
        self._chooser.choose(self.lanes, logits)

    def reset(self) -> None:
        """Forget all lanes."""
        self.lanes = []
        self._cache = self._mask = self._positions = None

    @staticmethod
    def _last_position(lane: Lane) -> torch.Tensor:
        """Place of the last token that was read."""
        return lane.prompt.positions[..., -1:] + (len(lane.tokens) - len(lane.prompt.tokens))
