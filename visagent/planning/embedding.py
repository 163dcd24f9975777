"""Texts and pictures as vectors whose dot product says how alike they are. Knows no demonstration and no tool.

A text is embedded by what it is written with: n-grams of words and characters, weighted by TF-IDF (Salton and Buckley
1988) and hashed to a fixed width (Weinberger et al. 2009, arXiv:0902.2206). No weights, no download, any language.
Pictures are embedded by whoever offers to, under the entry-point group `visagent.embedders`, and texts by what they
mean by who offers that under `visagent.text_embedders`.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from visagent.core.errors import VisagentError
from visagent.core.files import private_folder, replacing

if TYPE_CHECKING:
    from PIL.Image import Image

T_contra = TypeVar("T_contra", contravariant=True)
Matrix = NDArray[np.float32]
ENTRY_POINTS = "visagent.embedders"
TEXT_ENTRY_POINTS = "visagent.text_embedders"
"""Functions that give a `TextEmbedder`, or None where its weights are not on this machine."""
WIDTH = 1 << 14
"""Columns that n-grams are hashed to: some fifty times as many as a question has n-grams, so that few collide."""


class Embedder(Protocol[T_contra]):
    """Turns things into vectors."""

    def __call__(self, items: Sequence[T_contra], /) -> Matrix:
        """One row of length 1 for each item, or of zeros where nothing is known of it.

        Raises:
            VisagentError: it cannot be run, for example because a package is not installed.
        """
        ...


def ngrams(text: str) -> list[str]:
    """What a text is written with: words, neighbouring words, and characters where words are not set apart.

    >>> ngrams("Are dogs?")
    ['are', 'dogs', 'are dogs', '<ar', 'are', 're>', '<do', 'dog', 'ogs', 'gs>']
    >>> ngrams("几只猫")
    ['几', '只', '猫', '几只', '只猫']
    """
    lower = text.lower()
    words = re.findall(r"[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+", lower)
    found = [*words, *(f"{one} {other}" for one, other in pairwise(words))]
    for word in words:
        padded = f"<{word}>"
        found += [padded[start : start + 3] for start in range(len(padded) - 2)]
    for run in re.findall(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+", lower):
        found += [*run, *(f"{one}{other}" for one, other in pairwise(run))]
    return found


class NgramEmbedder:
    """Embeds texts by their n-grams; those that a collection lacks count for nothing, those that it is full of little.

    Args:
        collection: The texts that others are to be compared with.
    """

    def __init__(self, collection: Sequence[str]) -> None:
        seen = Counter(column for text in collection for column in {_column(ngram) for ngram in ngrams(text)})
        self._weights = np.zeros(WIDTH, np.float32)
        for column, number in seen.items():
            self._weights[column] = np.log((1 + len(collection)) / (1 + number)) + 1

    def __call__(self, items: Sequence[str], /) -> Matrix:
        """See `Embedder`."""
        rows = np.zeros((len(items), WIDTH), np.float32)
        for row, text in zip(rows, items, strict=True):
            for ngram, number in Counter(ngrams(text)).items():
                row[_column(ngram)] += 1 + np.log(number)
        return unit(rows * self._weights)


def unit(rows: Matrix) -> Matrix:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return scaled


def _column(ngram: str) -> int:
    return zlib.crc32(ngram.encode()) % WIDTH


class TextEmbedder(Protocol):
    """Puts texts into a space in which those that mean much the same are near each other.

    Attributes:
        name: Name of the network and its version: vectors of another one are not compared with its own.
    """

    name: str

    def embed(self, texts: Sequence[str], /) -> Matrix:
        """One row of length 1 for each text, or of zeros where nothing is known of it.

        Raises:
            VisagentError: it cannot be run.
        """
        ...


class VectorFile:
    """Vectors in a file, by a digest of what they stand for, so that another process need not embed it again.

    A file that cannot be read or written is done without.

    Args:
        file: Made when the first vectors are put; None to remember them in this process alone.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._vectors: dict[str, Matrix] | None = None

    def get(self, digest: str) -> Matrix | None:
        """The vector or vectors kept under a digest; None where there are none."""
        return self._read().get(digest)

    def put(self, vectors: Mapping[str, Matrix]) -> None:
        """Keep vectors."""
        kept = self._read()
        kept |= vectors
        if self._file is None:
            return
        try:
            private_folder(self._file.parent)
            with replacing(self._file) as draft, draft.open("wb") as file:
                np.savez(file, allow_pickle=False, **kept)
        except (OSError, VisagentError):
            # They are embedded again next time.
            return

    def _read(self) -> dict[str, Matrix]:
        if self._vectors is None:
            self._vectors = {}
            try:
                if self._file is not None:
                    with np.load(self._file, allow_pickle=False) as kept:
                        self._vectors = {digest: kept[digest] for digest in kept.files}
            except (OSError, ValueError, EOFError, zipfile.BadZipFile):
                self._vectors = {}
        return self._vectors


def picture_vectors(folder: Path) -> VectorFile:
    """Vectors of pictures; each way of embedding has a file of its own.

    Args:
        folder: Where the file lies.
    """
    identity = ""
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        identity = f"{entry.value} {entry.dist.version if entry.dist else ''}"
        break
    return VectorFile(folder / f"pictures-{zlib.crc32(identity.encode()):08x}.npz")


@cache
def picture_embedder() -> Embedder[Image] | None:
    """What an installed package offers to embed pictures with; the first by name, None where none does."""
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        found: Embedder[Image] = entry.load()
        return found
    return None


def text_embedder() -> TextEmbedder | None:
    """What embeds texts; the first by name whose weights are on this machine, None where there is none."""
    for entry in sorted(entry_points(group=TEXT_ENTRY_POINTS), key=lambda entry: entry.name):
        try:
            found: TextEmbedder | None = entry.load()()
        except VisagentError:
            continue
        if found is not None:
            return found
    return None
