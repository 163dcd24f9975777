"""The store of prefixes, and the copies and joins of caches that it lives by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from visagent.models.configs import TransformersModel
from visagent.models.hf.caches import cache_argument, cache_bytes, copy_cache, join_caches, new_cache, select_rows
from visagent.models.hf.model import TransformersMLLM
from visagent.models.hf.prefix import Prefix, PrefixStore, prefix_key
from visagent.models.protocol import Message


def kept(key: str, size: int) -> Prefix:
    return Prefix(key, 10, object(), size)


def test_what_was_unused_for_longest_goes_first() -> None:
    store = PrefixStore(30)
    for key in "abc":
        store.put(kept(key, 10))
    assert store.get("a") is not None
    store.put(kept("d", 10))
    assert [key in store for key in "abcd"] == [True, False, True, True]
    assert store.bytes == 30


def test_a_large_prefix_takes_the_place_of_several_and_one_too_large_takes_none() -> None:
    store = PrefixStore(30)
    for key in "abc":
        store.put(kept(key, 10))
    store.put(kept("large", 25))
    assert len(store) == 1
    store.put(kept("larger", 31))
    assert "large" in store
    assert "larger" not in store


def test_a_store_without_memory_keeps_nothing() -> None:
    store = PrefixStore(0)
    store.put(kept("a", 1))
    assert len(store) == 0
    assert store.get("a") is None


def test_a_prefix_is_known_by_its_tokens_and_its_media() -> None:
    keys = {prefix_key([1, 2], ""), prefix_key([1, 2], "picture"), prefix_key([1, 3], ""), prefix_key([1], "")}
    assert len(keys) == 4
    assert prefix_key([1, 2], "picture") == prefix_key([1, 2], "picture")


# Caches of the three kinds of layers: full, sliding-window and linear attention.

KINDS = ["llama", "gemma3", "qwen3_5"]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import transformers

    loaded = {}
    for family in KINDS:
        folder = tiny.build(family, tmp_path_factory.mktemp(family))
        kind = transformers.AutoModelForCausalLM if family == "llama" else transformers.AutoModelForImageTextToText
        loaded[family] = kind.from_pretrained(folder).eval()
    return loaded


def read(network: Any, tokens: list[list[int]], cache: Any, mask: list[list[int]] | None = None) -> torch.Tensor:
    """Logits after the last token of each row; positions do not count the padding."""
    ids = torch.tensor(tokens)
    length = mask and torch.tensor(mask)
    if not isinstance(length, torch.Tensor):
        length = torch.ones(len(tokens), ids.shape[1], dtype=torch.long)
    positions = (length.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    with torch.inference_mode():
        options = {"position_ids": positions, cache_argument(network): cache}
        output = network(input_ids=ids, attention_mask=length, **options)
    logits: torch.Tensor = output.logits[:, -1]
    return logits


@pytest.mark.parametrize("family", KINDS)
def test_continuing_a_copy_leaves_the_original_as_it_was(networks: dict[str, Any], family: str) -> None:
    network = networks[family]
    prefix = list(range(10, 40))
    cache = new_cache(network.config)
    read(network, [prefix], cache)
    size = cache_bytes(cache)
    results = []
    for _ in range(2):
        copied = copy_cache(cache)
        for token in (50, 51, 52):
            logits = read(network, [[token]], copied, [[1] * (31 + token - 50)])
        results.append(logits)
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
    assert cache_bytes(cache) == size
    whole = read(network, [[*prefix, 50, 51, 52]], new_cache(network.config))
    torch.testing.assert_close(results[0], whole, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("family", KINDS)
def test_rows_of_different_lengths_go_on_in_one_joined_cache_as_they_would_alone(
    networks: dict[str, Any], family: str
) -> None:
    network = networks[family]
    # Shorter and longer than the sliding window of 12.
    rows = [list(range(20, 25)), list(range(30, 60)), list(range(60, 75))]
    caches = [new_cache(network.config) for _ in rows]
    for row, cache in zip(rows, caches, strict=True):
        read(network, [row], cache)
    joined = join_caches(caches)
    masks = [[0] * (30 - len(row)) + [1] * len(row) for row in rows]
    for step in range(3):
        masks = [[*mask, 1] for mask in masks]
        logits = read(network, [[80 + step]] * 3, joined, masks)
    for index, row in enumerate(rows):
        alone = read(network, [[*row, 80, 81, 82]], new_cache(network.config))
        torch.testing.assert_close(logits[index : index + 1], alone, rtol=1e-3, atol=1e-3)
    select_rows(joined, [2, 0])
    logits = read(network, [[90], [90]], joined, [[*masks[2], 1], [*masks[0], 1]])
    alone = read(network, [[*rows[0], 80, 81, 82, 90]], new_cache(network.config))
    torch.testing.assert_close(logits[1:], alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("family", KINDS)
def test_the_size_of_a_cache_counts_every_layer(networks: dict[str, Any], family: str) -> None:
    network = networks[family]
    sizes = []
    for length in (20, 40):
        cache = new_cache(network.config)
        read(network, [list(range(10, 10 + length))], cache)
        sizes.append(cache_bytes(cache))
    text = network.config.get_text_config()
    full = sum(kind == "full_attention" for kind in getattr(text, "layer_types", None) or ["full_attention"] * 2)
    # Only layers of full attention grow: by keys and values of one head of 16 float32 numbers a token.
    assert sizes[1] - sizes[0] == full * 2 * 20 * 16 * 4
    assert sizes[0] > 0


# In a model.


async def test_memory_for_prefixes_stays_below_its_limit_and_is_freed_on_closing(tmp_path: Path) -> None:
    limit = 60_000
    model = TransformersMLLM(
        TransformersModel(backend="transformers", model=str(tiny.build("llama", tmp_path)), max_prefix_bytes=limit)
    )
    for number in range(12):
        system = Message("system", f"You are planner {number}, and you answer in one word.")
        await model.chat([system, Message("user", "Say hello.")], max_tokens=2)
        assert 0 < model.prefixes.bytes <= limit
    assert len(model.prefixes) < 12
    again = await model.chat([system, Message("user", "Say more.")], max_tokens=2)
    assert again.usage.cached > 10
    model.close()
    assert model.prefixes.bytes == 0


async def test_a_conversation_that_goes_on_shares_its_earlier_turns(tmp_path: Path) -> None:
    model = TransformersMLLM(TransformersModel(backend="transformers", model=str(tiny.build("llama", tmp_path))))
    demonstrations = [
        Message("system", "You are a planner."),
        Message("user", "How many dogs are there?"),
        Message("assistant", '{"steps": [{"tool": "detect", "label": "dog"}]}'),
    ]
    first = await model.chat([*demonstrations, Message("user", "What does the sign say?")], max_tokens=2)
    second = await model.chat([*demonstrations, Message("user", "Is the car red?")], max_tokens=2)
    assert first.usage.cached == 0
    assert second.usage.cached > 30
    # Another demonstration: only the system prompt is shared.
    third = await model.chat([demonstrations[0], Message("user", "Is the car red?")], max_tokens=2)
    assert 8 <= third.usage.cached < second.usage.cached
    model.close()


def test_a_cache_is_handed_over_under_the_name_that_the_version_of_transformers_has_for_it() -> None:
    class Older:
        def forward(self, input_ids: Any, past_key_values: Any = None) -> None: ...

    class Newer:
        def forward(self, input_ids: Any, cache: Any = None, past_key_values: Any = None) -> None: ...

    class Around:
        language_model = Older()

        def forward(self, pixel_values: Any, **more: Any) -> None: ...

    assert [cache_argument(one()) for one in (Older, Newer, Around)] == ["past_key_values", "cache", "past_key_values"]
