"""Keeps what pictures are encoded to, so that a picture is encoded once for all questions about it. Knows no prompt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_METHOD = "get_image_features"


class EncoderCache:
    """Stands in for a model's `get_image_features` and remembers; the digest tells what it is called with.

    Prefixes save the same work where prompts begin alike; this saves it where the words before a picture differ.

    Args:
        owner: The module whose method it is.
        max_bytes: Memory for what is kept; those unused for longest go first.
    """

    def __init__(self, owner: Any, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._owner = owner
        self._digest = ""
        self._calls = 0
        self._kept: OrderedDict[tuple[str, int], tuple[Any, int]] = OrderedDict()

    @classmethod
    def for_model(cls, model: Any, max_bytes: int) -> EncoderCache | None:
        """A cache for the part of a model that encodes pictures; None where no part says so by this method."""
        inner = getattr(model, "model", None)
        owner = inner if hasattr(inner, _METHOD) else model
        return cls(owner, max_bytes) if hasattr(owner, _METHOD) else None

    @contextmanager
    def of(self, digest: str) -> Iterator[None]:
        """Remembers inside, where the model encodes the pictures of this digest alone."""
        self._digest, self._calls = digest, 0
        # On the instance, and for no longer than the call: the class's own method comes back when it is gone.
        setattr(self._owner, _METHOD, self._features)
        try:
            yield
        finally:
            delattr(self._owner, _METHOD)

    @property
    def bytes(self) -> int:
        """Memory that is taken."""
        return sum(size for _, size in self._kept.values())

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()

    def _features(self, *args: Any, **options: Any) -> Any:
        # Pictures and frames of one prompt may be encoded by calls of their own.
        key = self._digest, self._calls
        self._calls += 1
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        found = getattr(type(self._owner), _METHOD)(self._owner, *args, **options)
        size = _bytes(found)
        if size <= self.max_bytes:
            self._kept[key] = found, size
            while self.bytes > self.max_bytes:
                self._kept.popitem(last=False)
        return found


def _bytes(value: Any) -> int:
    """Bytes of all tensors in nested outputs."""
    if hasattr(value, "element_size"):
        return int(value.numel() * value.element_size())
    if isinstance(value, Mapping):
        return sum(_bytes(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_bytes(item) for item in value)
    return 0
