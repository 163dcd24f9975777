"""Object detection: boxes of every object of a kind, from the detector that the profile names."""

from visagent.core.errors import MissingInput
from visagent.evidence.values import Boxes, Crop
from visagent.tools.toolkit import Context, tool


@tool(version="2")
def detect(image: list[Crop], label: str, context: Context) -> Boxes:
    """Find every object of a kind, such as person or car.

    Args:
        image: Where to look: one picture, several, or objects in one.
        label: What to look for, in the singular.
    """
    from visagent_tools.engines.detector import detector_for
    from visagent_tools.engines.search import search
    from visagent_tools.labels import resolve

    if not image:
        raise MissingInput("detect(image): there is nothing to look at.", "Give a picture, or the pages of a document.")
    detector = detector_for(context.options)
    wanted = resolve(label, detector.labels, detector=detector.name)
    found = [search(crop, wanted, context.options) for crop in image]
    pictures = tuple(dict.fromkeys(crop.media for crop in image))
    boxes = [
        box if len(pictures) == 1 else box.model_copy(update={"media": crop.media})
        for crop, part in zip(image, found, strict=True)
        for box in part.boxes
    ]
    return Boxes(
        media=image[0].media,
        boxes=tuple(dict.fromkeys(boxes)),
        seconds=image[0].seconds,
        pictures=pictures if len(pictures) > 1 else (),
        notes=tuple(dict.fromkeys(note for part in found for note in part.notes)),
    )
