"""Everyday nouns along WordNet's hypernyms: the classifier's classes, and the detector's labels, that they stand for.

The tables are written by scripts/wordnet_kinds.py and shipped beside the weights. They come after the tables written by
hand, which know better what can be seen: a beach is a kind of seashore to the eye, and not to WordNet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from visagent.core.errors import UnknownLabel
from visagent.core.words import singulars
from visagent_tools.labels import Meaning, understand
from visagent_tools.labels_zh import english


def understand_kind(label: str, known: Sequence[str] | None, *, detector: str, tool: str) -> Meaning:
    """As `understand`, but a word for a kind of what the detector finds stands for all of it: a welder for a person.

    Args:
        label: What was asked for.
        known: The labels of a closed vocabulary; None for a detector that takes any.
        detector: How the detector is called in a message.
        tool: Which tool was asked, for a message.

    Raises:
        UnknownLabel: the detector finds nothing of which the word names a part or a kind.
    """
    try:
        return understand(label, known, detector=detector, tool=tool)
    except UnknownLabel:
        above = label_above(english(label))
        if above is None or known is None or above not in known:
            raise
        return Meaning((above,), above)


def classes_of(word: str) -> frozenset[int]:
    """Indices of the classifier's classes that are kinds of a thing; empty for a word that stands for none.

    >>> sorted(classes_of("lobsters")), classes_of("honesty")
    ([122, 123], frozenset())
    """
    table: dict[str, list[int]] = _table("wordnet-kinds.json")
    return next((frozenset(table[form]) for form in _forms(word) if form in table), frozenset())


def label_above(word: str) -> str | None:
    """The detector's label for a kind of thing to which all belong that a word names; None where there is none.

    >>> label_above("welders"), label_above("mountain bike"), label_above("jumper")
    ('person', 'bicycle', None)
    """
    return next((_labels()[form] for form in _forms(word) if form in _labels()), None)


def _forms(word: str) -> list[str]:
    plain = " ".join(word.lower().split())
    before, _, last = plain.rpartition(" ")
    return [plain, *(f"{before} {one}".strip() for one in singulars(last))]


@cache
def _labels() -> dict[str, str]:
    return {word: label for label, words in _table("wordnet-labels.json").items() for word in words}


@cache
def _table(name: str) -> Any:
    return json.loads((files("visagent_tools") / "weights" / name).read_text("utf-8"))
