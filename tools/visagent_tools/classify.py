"""Image classification."""

from visagent.core.errors import MissingInput
from visagent.evidence.values import Crop, Labels
from visagent.tools.toolkit import Context, tool


@tool(by_sight=True)
def classify(image: list[Crop], context: Context) -> Labels:
    """Name what kind of thing a picture or object shows, such as an animal's breed.

    Args:
        image: What to name.
    """
    from visagent_tools.engines.classifier import classes_of

    if not image:
        raise MissingInput(
            "classify(image): there is nothing to look at.", "Give a picture, or boxes that hold at least one object."
        )
    if len(image) == 1:
        return Labels(labels=classes_of(image)[0])
    # Several objects: the likeliest class of each, in the objects' order.
    return Labels(labels=tuple(classes[0] for classes in classes_of(image)))
