"""Keeps the key-value caches of prompt beginnings that are asked for again. Knows no model and no chat.

A beginning is known by its exact tokens and by the content of the media that stand in it, so what is found is right by
construction. What is found is an original: copy it before continuing (`caches.copy_cache`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from visagent.models.hf.caches import cache_bytes


@dataclass(frozen=True)
class Prefix:
    """The computed beginning of a prompt.

    Attributes:
        key: Key from `prefix_key`.
        length: Tokens.
        cache: Its key-value cache, of one row.
        bytes: Memory that the cache takes.
    """

    key: str
    length: int
    cache: Any
    bytes: int

    @classmethod
    def of(cls, key: str, length: int, cache: Any) -> Prefix:
        """A prefix with its size measured."""
        return cls(key, length, cache, cache_bytes(cache))


def prefix_key(tokens: Sequence[int], media: str) -> str:
    """What a prompt's beginning is known by.

    Args:
        tokens: All its tokens.
        media: Digest of the media in it; empty for none.
    """
    import numpy as np

    digest = hashlib.blake2b(media.encode(), digest_size=20)
    digest.update(b"\0" + np.asarray(tokens, dtype=np.int64).tobytes())
    return digest.hexdigest()


class PrefixStore:
    """Prefixes up to a number of bytes; those unused for longest go first.

    Args:
        max_bytes: Memory for the caches; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._prefixes: LRUCache[str, Prefix] = LRUCache(max_bytes, getsizeof=lambda prefix: prefix.bytes)

    @property
    def bytes(self) -> int:
        """Memory that the kept caches take."""
        return int(self._prefixes.currsize)

    def __len__(self) -> int:
        return len(self._prefixes)

    def __contains__(self, key: str) -> bool:
        return key in self._prefixes

    def get(self, key: str) -> Prefix | None:
        """The prefix of this key, which counts as a use of it; None where it is not kept."""
        return self._prefixes.get(key)

    def put(self, prefix: Prefix) -> None:
        """Keep a prefix, and drop the ones unused for longest until all fit; one too large by itself is not kept."""
        with suppress(ValueError):  # too large
            self._prefixes[prefix.key] = prefix

    def clear(self) -> None:
        """Drop all."""
        self._prefixes.clear()
