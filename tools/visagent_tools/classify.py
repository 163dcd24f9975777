"""Image classification."""

from visagent.core.errors import MissingInput
from visagent.core.words import singular
from visagent.evidence.values import Crop, Labels
from visagent.tools.toolkit import Context, tool

LEAST_CLASSES = 10
"""Classes of a kind from which on what is of that kind is mostly of one of them."""

_FOOD = frozenset(("cake", "pastry", "dessert", "dish", "meal", "snack", "soup", "sauce", "cheese", "meat", "bread"))
"""Food of which the classifier knows few kinds or none: whatever it is called, it is no coral."""


@tool(version="4", by_sight=True)
def classify(image: list[Crop], context: Context, kind: str | None = None) -> Labels:
    """Name what kind of thing a picture or object shows, such as an animal's breed.

    Of an object that was detected, kinds of its own kind alone: a dog is of a breed, whatever stands behind it.

    Args:
        image: What to name.
        kind: What it is a kind of, such as animal; the first of its words that the classifier knows counts.
    """
    from visagent_tools.engines.classifier import classes_of
    from visagent_tools.labels_zh import english
    from visagent_tools.recognition import classes_of_word

    if not image:
        raise MissingInput(
            "classify(image): there is nothing to look at.", "Give a picture, or boxes that hold at least one object."
        )
    # Of people the classifier knows no kinds but a few, and what they wear.
    # The classifier's two flowers are not what flowers there are.
    known = (classes_of_word(_known_word(english(word))) for word in (kind or "").lower().split())
    meant = next((classes for classes in known if len(classes) >= LEAST_CLASSES), frozenset[int]())
    kinds = [meant if crop.label in ("", "person") else classes_of_word(_known_word(crop.label)) for crop in image]
    if len(image) == 1:
        return Labels(labels=classes_of(image, kinds)[0])
    # Several objects: the likeliest class of each, in the objects' order.
    return Labels(labels=tuple(classes[0] for classes in classes_of(image, kinds)))


def _known_word(word: str) -> str:
    """The word of the classifier's for what is of a kind."""
    return "food" if singular(word) in _FOOD else word
