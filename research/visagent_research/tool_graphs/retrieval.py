"""Finding the texts nearest to a text by TF-IDF and cosine (Salton and Buckley 1988), with scikit-learn. No model."""

from __future__ import annotations

import re
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
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer = TfidfVectorizer(analyzer=words, sublinear_tf=True)
        # scikit-learn refuses a collection without a word.
        self._rows = self._vectorizer.fit_transform(texts) if any(map(words, texts)) else None
        self._size = len(texts)

    def scores(self, text: str) -> list[float]:
        """The cosine with each indexed text, in their order; 0 where no word is shared."""
        if self._rows is None:
            return [0.0] * self._size
        found: list[float] = (self._rows @ self._vectorizer.transform([text]).T).toarray()[:, 0].tolist()
        return found

    def nearest(self, text: str) -> int:
        """The index of the most similar text, the first one among equals."""
        found = self.scores(text)
        return max(range(len(found)), key=found.__getitem__)
