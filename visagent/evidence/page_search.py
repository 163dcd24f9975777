"""Which pages of a document are about some words, by BM25 over what their text layers say. Knows no question tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from visagent.core.install import requiring
from visagent.core.text import HAN
from visagent.core.words import singular
from visagent.media.media import Media, MediaInfo

KEPT = 8
"""Indexes that are kept; one of 300 pages takes 0.1 s to make."""
_WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_COMMON = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "by", "column", "do", "document", "does", "for", "from", "has", "have",
    "how", "in", "is", "it", "its", "many", "much", "of", "on", "or", "page", "pages", "picture", "pictures", "row",
    "show", "shows", "table", "that", "the", "there", "these", "this", "to", "was", "were", "what", "when", "where",
    "which", "who", "why", "will", "with",
})  # fmt: skip


def pages_about(question: str, media: Mapping[str, MediaInfo], most: int) -> tuple[str, ...]:
    """Names of the pages whose words fit a question best, best first; none where no page has any of its words.

    Args:
        question: Question in words.
        media: Media by name; what is no page with a text layer is passed over.
        most: Pages at most.

    Raises:
        MissingDependency: bm25s is not installed.
    """
    texts = {name: text for name, info in media.items() if (text := _text_of(info.hash))}
    words = _words(question)
    if not texts or not words:
        return ()
    scores = _index(tuple(texts.values())).get_scores(words)
    names = list(texts)
    best = sorted(range(len(names)), key=lambda place: -float(scores[place]))[:most]
    return tuple(names[place] for place in best if scores[place] > 0)


def _text_of(digest: str) -> str:
    held = Media.loaded(digest)
    layer = None if held is None else held.text_layer()
    return "" if layer is None else "\n".join(line.text for line in layer)


@lru_cache(KEPT)
def _index(texts: tuple[str, ...]) -> Any:
    with requiring("Searching a document by words needs bm25s", "embedded"):
        import bm25s  # type: ignore[import-untyped]
    retriever = bm25s.BM25()
    # A page without words would be none at all.
    retriever.index([_words(text) or [""] for text in texts], show_progress=False)
    return retriever


def _words(text: str) -> list[str]:
    found = (word.casefold() for word in _WORD.findall(text))
    return [singular(word) for word in found if word not in _COMMON]
