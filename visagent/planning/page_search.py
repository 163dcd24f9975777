"""Which pages of a document are about some words: by the words themselves (BM25), and by meaning where texts can be
embedded; both orders are fused by reciprocal rank (Cormack et al., 2009, doi:10.1145/1571941.1572114).

Knows no question tree.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from visagent.core.errors import VisagentError
from visagent.core.install import requiring
from visagent.core.text import HAN
from visagent.core.words import singular
from visagent.media.indexes import pages_file
from visagent.media.media import Media, MediaInfo
from visagent.planning.embedding import Matrix, TextEmbedder, VectorFile

KEPT = 8
"""Indexes that are kept; one of 300 pages takes 0.1 s to make."""
PASSAGE, STEP = 100, 75
"""Words of a passage, and from the beginning of one to that of the next: what small models of sentences take in."""
ALIKE = 0.2
"""Cosine from which on a passage may be about a question; two texts about nothing in common have about 0."""
RANK = 60
"""Added to ranks before they are fused, so that a first place does not outweigh all others: the authors' own value."""
AT_ONCE = 32
"""Pages that are embedded before their vectors are written down."""
_WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_COMMON = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "by", "column", "do", "document", "does", "for", "from", "has", "have",
    "how", "in", "is", "it", "its", "many", "much", "of", "on", "or", "page", "pages", "picture", "pictures", "row",
    "show", "shows", "table", "that", "the", "there", "these", "this", "to", "was", "were", "what", "when", "where",
    "which", "who", "why", "will", "with",
})  # fmt: skip


def pages_about(
    question: str,
    media: Mapping[str, MediaInfo],
    most: int,
    embedder: TextEmbedder | None = None,
    home: Path | None = None,
) -> tuple[str, ...]:
    """Names of the pages that fit a question best, best first; none where no page has anything to do with it.

    Args:
        question: Question in words.
        media: Media by name; what is no page with a text layer is passed over.
        most: Pages at most.
        embedder: Embeds texts; None to go by words alone.
        home: The folder in which vectors of pages are kept; None to keep none.

    Raises:
        MissingDependency: bm25s is not installed.
    """
    texts = {name: text for name, info in media.items() if (text := _text_of(info.hash))}
    if not texts:
        return ()
    orders = [_by_words(question, texts)]
    if embedder is not None:
        orders.append(by_meaning(question, {name: media[name] for name in texts}, texts, embedder, home))
    return tuple(fused(orders)[:most])


def fused(orders: Iterable[Sequence[str]]) -> list[str]:
    """Several orders of names as one: what stands far ahead in one, or well in all.

    >>> fused([["a", "b", "c"], ["c", "b", "d"]])
    ['c', 'b', 'a', 'd']
    >>> fused([["a", "b"], []])
    ['a', 'b']
    """
    scores: dict[str, float] = {}
    for order in orders:
        for rank, name in enumerate(order, start=1):
            scores[name] = scores.get(name, 0.0) + 1 / (RANK + rank)
    return sorted(scores, key=lambda name: -scores[name])


def passages(text: str) -> list[str]:
    """Stretches of a text that overlap, short enough for a model of sentences.

    >>> [len(passage.split()) for passage in passages("word " * 190)]
    [100, 100, 40]
    """
    words = text.split()
    starts = range(0, max(1, len(words) - (PASSAGE - STEP)), STEP)
    return [" ".join(words[start : start + PASSAGE]) for start in starts]


def _by_words(question: str, texts: Mapping[str, str]) -> list[str]:
    scores, names = by_words(question, tuple(texts.values())), list(texts)
    return [names[place] for place in sorted(scores, key=lambda place: -scores[place])]


def by_words(question: str, texts: Sequence[str]) -> dict[int, float]:
    """How well each text fits a question by its words (BM25), by its place; without those that share none with it.

    Args:
        question: Question in words.
        texts: What is searched.

    Raises:
        MissingDependency: bm25s is not installed.
    """
    words = _words(question)
    if not words:
        return {}
    scores = _index(tuple(texts)).get_scores(words)
    return {place: float(score) for place, score in enumerate(scores) if score > 0}


def by_meaning(
    question: str, media: Mapping[str, MediaInfo], texts: Mapping[str, str], embedder: TextEmbedder, home: Path | None
) -> list[str]:
    """Names of the pages of which a passage is like the question, best first; none where texts cannot be embedded.

    Args:
        question: Question in words.
        media: Pages, by name.
        texts: What stands on each.
        embedder: Embeds texts.
        home: The folder in which vectors are kept; None to keep none.
    """
    try:
        asked = embedder.embed([question])[0]
        vectors = _vectors(media, texts, embedder, home)
    except VisagentError:
        # Words alone have to do.
        return []
    likeness = {name: float((rows @ asked).max()) for name, rows in vectors.items() if len(rows)}
    return sorted((name for name in likeness if likeness[name] >= ALIKE), key=lambda name: -likeness[name])


def _vectors(
    media: Mapping[str, MediaInfo], texts: Mapping[str, str], embedder: TextEmbedder, home: Path | None
) -> dict[str, Matrix]:
    """The vectors of each page's passages; what was embedded once is kept beside the document."""
    found: dict[str, Matrix] = {}
    documents: dict[str, list[str]] = {}
    for name, info in media.items():
        documents.setdefault(info.document or info.hash, []).append(name)
    for document, names in documents.items():
        kept = vector_file(home, document, embedder.name)
        digests = {name: hashlib.sha256(texts[name].encode()).hexdigest() for name in names}
        fresh = [name for name in names if kept.get(digests[name]) is None]
        for start in range(0, len(fresh), AT_ONCE):
            some = fresh[start : start + AT_ONCE]
            parts = [passages(texts[name]) for name in some]
            rows = embedder.embed([passage for part in parts for passage in part])
            ends = np.cumsum([len(part) for part in parts])[:-1]
            kept.put({digests[name]: own for name, own in zip(some, np.split(rows, ends), strict=True)})
        for name in names:
            known = kept.get(digests[name])
            if known is not None:
                found[name] = known
    return found


@lru_cache(KEPT)
def vector_file(home: Path | None, document: str, embedder: str) -> VectorFile:
    """Where the vectors of a document's pages are kept."""
    return VectorFile(None if home is None else pages_file(home, document, f"{embedder} {PASSAGE} {STEP}"))


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
