"""Linear models of bags of words: one class of several, or any number of labels. Knows no benchmark."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from visagent_research.tool_graphs.retrieval import letters, words

Content = Sequence[str] | Mapping[str, float]
Bag = Mapping[str, Content]
"""Words by group, or measures by name; each group is weighed apart, so that a long one does not drown a short one."""

_TRUST = 5.0
"""Of the data against small weights; scikit-learn's C."""


def text_bag(text: str) -> dict[str, list[str]]:
    """A text as its words and their letters."""
    return {"words": words(text), "letters": letters(text)}


class LinearClassifier:
    """Learns which class a bag belongs to: multinomial logistic regression.

    Args:
        bags: What is learned from.
        classes: Classes of each.
        weights: Weights of the groups, 1 where none is given.
    """

    def __init__(self, bags: Sequence[Bag], classes: Sequence[str], weights: Mapping[str, float] | None = None) -> None:
        self._rows = _rows(bags, weights or {})
        from sklearn.dummy import DummyClassifier
        from sklearn.linear_model import LogisticRegression

        # Logistic regression refuses to learn from a single class.
        model = LogisticRegression(C=_TRUST, max_iter=1000) if len(set(classes)) > 1 else DummyClassifier()
        self._model = model.fit(self._rows(bags), classes)

    def probabilities(self, bag: Bag) -> dict[str, float]:
        """How likely each class is."""
        found = self._model.predict_proba(self._rows([bag]))[0]
        return dict(zip(self._model.classes_.tolist(), found.tolist(), strict=True))


class LinearTagger:
    """Learns which labels a bag has, each by itself: logistic regression.

    Args:
        bags: What is learned from.
        labels: Labels of each.
        weights: Weights of the groups, 1 where none is given.
    """

    def __init__(
        self, bags: Sequence[Bag], labels: Sequence[Collection[str]], weights: Mapping[str, float] | None = None
    ) -> None:
        self._rows = _rows(bags, weights or {})
        import numpy as np
        from sklearn.linear_model import LogisticRegression

        rows = self._rows(bags)
        self._always = set.intersection(*map(set, labels))
        self._labels = sorted(set().union(*labels) - self._always)
        self._weights = np.zeros((rows.shape[1] + 1, len(self._labels)))
        for column, label in enumerate(self._labels):
            # With more columns than rows, the dual is the quicker way to the same weights.
            model = LogisticRegression(C=_TRUST, solver="liblinear", dual=True, random_state=0)
            model.fit(rows, [label in some for some in labels])
            self._weights[:, column] = np.append(model.coef_[0], model.intercept_)

    def probabilities(self, bag: Bag) -> dict[str, float]:
        """How likely the bag has each label that was seen; 1 for one that all had."""
        scores = (self._rows([bag]) @ self._weights[:-1] + self._weights[-1])[0]
        found = {label: 1 / (1 + math.exp(-score)) for label, score in zip(self._labels, scores.tolist(), strict=True)}
        return found | dict.fromkeys(self._always, 1.0)


def _rows(bags: Sequence[Bag], weights: Mapping[str, float]) -> Callable[[Sequence[Bag]], Any]:
    """What turns bags into sparse rows: words by rarity, each group's scaled to length 1, and measures as they are."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_extraction.text import TfidfVectorizer

    known = {}
    for group in sorted(set().union(*bags)):
        contents = [bag.get(group, ()) for bag in bags]
        if any(contents):
            measured = isinstance(contents[0], Mapping)
            known[group] = DictVectorizer() if measured else TfidfVectorizer(analyzer=_as_they_are, binary=True)
            known[group].fit(contents)
    return lambda bags: hstack(
        [known[group].transform([bag.get(group, ()) for bag in bags]) * weights.get(group, 1.0) for group in known]
    ).tocsr()


def _as_they_are(words: Sequence[str]) -> Sequence[str]:
    return words
