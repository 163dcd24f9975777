"""Copies, measures and joins the key-value caches of transformers models. Knows no prompt and no store.

A cache holds, for each layer and row of a batch, keys and values (full attention), the last of them (sliding window),
or a state of fixed size (linear attention). Rows of different lengths are joined as if they had been padded on the
left from the start, which is exact for all three: padding is masked in attention, and never enters a state.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

_STATES = ("conv_states", "recurrent_states")


def new_cache(config: Any) -> Any:
    """An empty cache for a model of this config, with the kind of layer that each layer of the model needs."""
    from transformers import DynamicCache

    return DynamicCache(config=config)


def cache_argument(model: Any) -> str:
    """The argument by which a model's `forward` takes its cache: `cache` from transformers 5.24 on, before that
    `past_key_values`."""
    while not {"cache", "past_key_values"} & (names := inspect.signature(model.forward).parameters.keys()):
        # BLIP models hand what they do not name on to the language model inside them.
        if getattr(model, "language_model", None) is None:
            return "past_key_values"
        model = model.language_model
    return "cache" if "cache" in names else "past_key_values"


def copy_cache(cache: Any) -> Any:
    """A copy that can be continued while the original stays as it is.

    Keys and values are shared with the original, since a cache that grows replaces them and never writes into them;
    those of a sliding window are cloned, because they are a view that would keep the whole prompt alive, and states,
    because they are written in place.
    """
    result = copy.copy(cache)
    result.layers = [_copy_layer(layer) for layer in cache.layers]
    return result


def cache_bytes(cache: Any) -> int:
    """Bytes of all keys, values and states."""
    return sum(tensor.numel() * tensor.element_size() for layer in cache.layers for tensor in _tensors(layer))


def select_rows(cache: Any, rows: Sequence[int]) -> None:
    """Keep these rows of the batch, in this order; a row may be taken more than once."""
    import torch

    tensor = next((tensor for layer in cache.layers for tensor in _tensors(layer)), None)
    if tensor is not None:
        cache.reorder_cache(torch.tensor(list(rows), device=tensor.device))


def can_join(cache: Any) -> bool:
    """Whether `join_caches` knows all its kinds of layers; rows of other caches are generated one by one."""
    known = {
        "DynamicLayer",
        "DynamicSlidingWindowLayer",
        "LinearAttentionLayer",
        "LinearAttentionAndFullAttentionLayer",
        "LinearAttentionAndSlidingWindowAttentionLayer",
        "DummyLayer",
    }
    return all(type(layer).__name__ in known for layer in cache.layers)


def grows_evenly(cache: Any) -> bool:
    """Whether all its layers keep every token, so that the last tokens can be taken off again."""
    return all(type(layer).__name__ == "DynamicLayer" for layer in cache.layers)


def crop_row(cache: Any, length: int) -> None:
    """Keep the first tokens of a cache that grows evenly."""
    for layer in cache.layers:
        if getattr(layer, "keys", None) is not None:
            layer.keys, layer.values = layer.keys[:, :, :length], layer.values[:, :, :length]


def join_caches(caches: Sequence[Any]) -> Any:
    """One cache with the rows of all, padded with zeros on the left to the longest.

    The caller masks the padding. The caches given must not be used afterwards.
    """
    if len(caches) == 1:
        return caches[0]
    import torch

    result = copy.copy(caches[0])
    result.layers = []
    for layers in zip(*(cache.layers for cache in caches), strict=True):
        layer = copy.copy(layers[0])
        if getattr(layer, "keys", None) is not None:
            for name in ("keys", "values"):
                parts = [getattr(other, name) for other in layers]
                longest = max(part.shape[-2] for part in parts)
                padded = [torch.nn.functional.pad(part, (0, 0, longest - part.shape[-2], 0)) for part in parts]
                setattr(layer, name, torch.cat(padded))
        if hasattr(layer, "sliding_window"):
            layer.cumulative_length = max(other.cumulative_length for other in layers)
        for name in _STATES:
            if (states := getattr(layer, name, None)) is not None:
                joined = {
                    index: None if state is None else torch.cat([getattr(other, name)[index] for other in layers])
                    for index, state in states.items()
                }
                setattr(layer, name, joined)
        result.layers.append(layer)
    return result


def _copy_layer(layer: Any) -> Any:
    result = copy.copy(layer)
    if getattr(layer, "is_sliding", False) and layer.keys is not None:
        result.keys, result.values = layer.keys.clone(), layer.values.clone()
    for name in vars(layer):
        if isinstance(value := getattr(layer, name), dict):
            cloned = {key: item.clone() if hasattr(item, "clone") else item for key, item in value.items()}
            setattr(result, name, cloned)
    return result


def _tensors(layer: Any) -> Iterator[Any]:
    for name in ("keys", "values"):
        if (tensor := getattr(layer, name, None)) is not None:
            yield tensor
    for name in _STATES:
        yield from (state for state in getattr(layer, name, {}).values() if state is not None)
