"""A key-value cache of fixed shape whose rows are slots: sequences of any length join, grow and leave in place.

Each slot begins at column 0 and is written at columns of its own, which the caller sets; so nothing is padded on the
left, and a captured CUDA graph finds every tensor where it was. Imported where a model is loaded, since it needs torch.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, LinearAttentionLayer

Tensor = torch.Tensor
_STATES = ("conv_states", "recurrent_states")


class Columns:
    """Where the next tokens are written, the same for all layers: rows x 1, and rows x tokens."""

    rows: Tensor
    columns: Tensor


class SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values of one attention layer. A sliding window is a matter of the mask: all tokens are kept.

    Args:
        where: Where the next tokens are written.
        layer: Layer of any sequence, for the shapes.
    """

    is_compileable = True
    is_croppable = False
    is_sliding = False
    keys: Tensor
    values: Tensor

    def __init__(self, where: Columns, layer: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._where = where
        self._empty = layer.keys[:0, :, :0], layer.values[:0, :, :0]
        self._storage: list[Tensor] = []
        self.is_initialized = True

    def grow(self, rows: int, length: int) -> None:
        """Take memory for so many slots of such a length; what was there is gone."""
        self._storage = []
        self.keys, self.values = self._empty
        self._storage = [part.new_zeros(rows * part.shape[1] * length * part.shape[3]) for part in self._empty]
        self.bind(rows, length)

    def bind(self, rows: int, length: int) -> None:
        """Look at the memory as so many slots of such a length."""
        self.keys, self.values = (
            flat[: rows * part.shape[1] * length * part.shape[3]].view(rows, part.shape[1], length, part.shape[3])
            for flat, part in zip(self._storage, self._empty, strict=True)
        )

    def put(self, slot: int, layer: Any) -> None:
        """Copy a sequence's keys and values, which may be the last ones of a sliding window alone."""
        end = getattr(layer, "cumulative_length", layer.keys.shape[-2])
        begin = end - layer.keys.shape[-2]
        self.keys[slot, :, begin:end] = layer.keys[0]
        self.values[slot, :, begin:end] = layer.values[0]

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing: the shape is known from the first sequence."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the states of the next tokens, and give all."""
        rows, columns = self._where.rows, self._where.columns
        self.keys[rows, :, columns] = key_states.transpose(1, 2)
        self.values[rows, :, columns] = value_states.transpose(1, 2)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Not the length, which each slot has its own of: only that there is one. Callers give positions and masks."""
        return 1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """See `CacheLayerMixin`."""
        return self.get_max_length(), 0

    def get_max_length(self) -> int:
        """Columns of a slot."""
        return int(self.keys.shape[-2])


class SlotCache(Cache):
    """The layers of a model as slots, which take memory with the first `move`.

    Args:
        like: A cache that one sequence was read into; tells the kinds of layers and their shapes.
    """

    def __init__(self, like: Any) -> None:
        self.where = Columns()
        self.rows = self.length = self._capacity = self._state_rows = 0
        # States of linear attention, for as many slots as there is memory for; layers look at the first of them.
        self._states: dict[tuple[int, str, int], Tensor] = {}
        self.token_bytes = 0
        layers: list[Any] = []
        for number, layer in enumerate(like.layers):
            if isinstance(layer, LinearAttentionLayer):
                layers.append(_without_states(layer))
                for name in _STATES:
                    for index, state in getattr(layer, name).items():
                        if state is not None:
                            self._states[number, name, index] = state[:0]
            elif getattr(layer, "keys", None) is not None:
                layers.append(SlotLayer(self.where, layer))
                parts = (layer.keys, layer.values)
                self.token_bytes += sum(part.element_size() * part.shape[1] * part.shape[3] for part in parts)
            else:
                layers.append(copy.copy(layer))
        super().__init__(layers=layers)

    @staticmethod
    def supports(cache: Any) -> bool:
        """Whether all layers of a cache can be slots."""
        known = {"DynamicLayer", "DynamicSlidingWindowLayer", "LinearAttentionLayer", "DummyLayer"}
        kinds = {type(layer).__name__ for layer in cache.layers}
        return kinds <= known and bool(kinds & {"DynamicLayer", "DynamicSlidingWindowLayer"})

    @property
    def linear(self) -> bool:
        """Whether some layers keep states that every token changes for good."""
        return bool(self._states)

    def join(self, slot: int, cache: Any) -> None:
        """Copy a sequence into a slot."""
        for mine, layer in zip(self.layers, cache.layers, strict=True):
            if isinstance(mine, SlotLayer):
                mine.put(slot, layer)
        for (number, name, index), states in self._states.items():
            states[slot] = getattr(cache.layers[number], name)[index][0]

    def move(self, slots: Sequence[int], used: int, rows: int, length: int) -> bool:
        """Change the number and the length of the slots; what is in some of them is kept, in this order.

        Args:
            slots: The slots to keep.
            used: Columns in use at most.
            rows: Slots from now on.
            length: Columns from now on.

        Returns:
            Whether new memory was taken: then no captured graph finds its tensors any more.
        """
        attention = [layer for layer in self.layers if isinstance(layer, SlotLayer)]
        if not slots:
            kept: list[tuple[Tensor, Tensor]] = []
        else:
            chosen = torch.tensor(list(slots), device=attention[0].keys.device)
            kept = [(layer.keys[chosen, :, :used], layer.values[chosen, :, :used]) for layer in attention]
            states = {key: state[chosen] for key, state in self._states.items()}
        grows = rows * length > self._capacity
        for layer in attention:
            if grows:
                layer.grow(rows, length)
            else:
                layer.bind(rows, length)
        self._capacity = max(self._capacity, rows * length)
        if rows > self._state_rows:
            self._states = {key: old.new_zeros(rows, *old.shape[1:]) for key, old in self._states.items()}
            self._state_rows, grows = rows, True
        for (number, name, index), state in self._states.items():
            getattr(self.layers[number], name)[index] = state[:rows]
        if slots:
            for layer, (keys, values) in zip(attention, kept, strict=True):
                layer.keys[: len(slots), :, :used], layer.values[: len(slots), :, :used] = keys, values
            for key, state in states.items():
                self._states[key][: len(slots)] = state
        self.rows, self.length = rows, length
        return grows

    def saved_states(self) -> list[tuple[Tensor, Tensor]]:
        """The states of linear attention with copies of them, for steps that are to be as if they had not been."""
        return [(state, state.clone()) for state in self._states.values()]


def _without_states(layer: LinearAttentionLayer) -> LinearAttentionLayer:
    result = copy.copy(layer)
    for name in _STATES:
        setattr(result, name, dict(getattr(layer, name)))
    return result
