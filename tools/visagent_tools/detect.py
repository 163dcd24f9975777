"""Object detection: boxes of every object of a kind, from the detector that the profile names."""

from visagent.evidence.values import Boxes, Crop
from visagent.tools.toolkit import Context, tool


@tool
def detect(image: Crop, label: str, context: Context) -> Boxes:
    """Find every object of a kind, such as person or car.

    Args:
        image: Where to look.
        label: What to look for, in the singular.
    """
    from visagent_tools.engines.detector import boxes_in, detector_for
    from visagent_tools.labels import resolve

    detector = detector_for(context.options)
    labels = resolve(label, detector.labels, detector=detector.name)
    return Boxes(media=image.media, boxes=tuple(boxes_in(image, context.options, labels)), seconds=image.seconds)
