"""Finding the texts nearest to a text by TF-IDF and cosine (Salton and Buckley 1988). Pure Python, no model."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise


def words(text: str) -> list[str]:
    """Lower-case words and neighbouring pairs of them; names such as `send_sms` and `SearchMovie` are taken apart.

    >>> words("Call send_sms")
    ['call', 'send', 'sms', 'call send', 'send sms']
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ").lower()
    single = re.findall(r"[a-z0-9]+", apart)
    return single + [f"{one} {other}" for one, other in pairwise(single)]


def letters(text: str) -> list[str]:
    """Three and four neighbouring letters of lower-case words, with a space where a word begins or ends.

    >>> letters("An ox")
    [' an', 'an ', ' an ', ' ox', 'ox ', ' ox ']
    """
    padded = [f" {word} " for word in re.findall(r"\w+", text.lower())]
    return [word[start : start + n] for word in padded for n in (3, 4) for start in range(len(word) - n + 1)]


class TextIndex:
    """Texts that can be ranked by likeness to another one.

    Args:
        texts: What is searched.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(words(text)) for text in texts]
        documents = Counter(word for count in counts for word in count)
        self._weights = {word: math.log((1 + len(texts)) / (1 + number)) + 1 for word, number in documents.items()}
        self._size = len(texts)
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for index, count in enumerate(counts):
            for word, value in self._vector(count).items():
                self._postings[word].append((index, value))

    def scores(self, text: str) -> list[float]:
        """The cosine with each indexed text, in their order; 0 where no word is shared."""
        found = [0.0] * self._size
        for word, value in self._vector(Counter(words(text))).items():
            for index, other in self._postings[word]:
                found[index] += value * other
        return found

    def nearest(self, text: str) -> int:
        """The index of the most similar text, the first one among equals."""
        found = self.scores(text)
        return max(range(len(found)), key=found.__getitem__)

    def _vector(self, count: Counter[str]) -> dict[str, float]:
        raw = {word: (1 + math.log(n)) * self._weights[word] for word, n in count.items() if word in self._weights}
        norm = math.sqrt(sum(value**2 for value in raw.values()))
        return {word: value / norm for word, value in raw.items()}
