"""Object detection: boxes of every object of a kind, from the detector that the profile names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from visagent.core.errors import MissingInput, UnknownLabel
from visagent.evidence.values import Box, Boxes, Crop, Note
from visagent.tools.toolkit import Context, tool
from visagent_tools.found import in_pictures

if TYPE_CHECKING:
    from visagent_tools.engines.search import Found


@tool(version="8", each=True, serves="find")
def detect(image: list[Crop], label: str, context: Context) -> Boxes:
    """Find every object of a kind, such as person or car.

    Args:
        image: Where to look: one picture, several, or objects in one.
        label: What to look for, in the singular.
    """
    from visagent_tools.drawings import drawn_things
    from visagent_tools.engines.detector import detector_for
    from visagent_tools.engines.search import Found, search
    from visagent_tools.engines.second_opinion import is_faint, may_show, of_kin
    from visagent_tools.labels import understand
    from visagent_tools.persons import face_boxes, is_face, kind_of, told_apart
    from visagent_tools.wordnet import understand_kind
    from visagent_tools.worn import worn

    if not image:
        raise MissingInput("detect(image): there is nothing to look at.", "Give a picture, or the pages of a document.")
    detector = detector_for(context.options)
    looks = detector.labels is not None and "person" in detector.labels and context.options.get("looks") is not False
    if looks and is_face(label):
        # What a detector draws around a person shows a face larger than the whole picture does.
        people = [search(crop, ("person",), context.options).boxes for crop in image]
        return _boxes(image, [Found(face_boxes(crop, near)) for crop, near in zip(image, people, strict=True)])
    kind = kind_of(label) if looks else None
    try:
        wanted = understand(label if kind is None else "person", detector.labels, detector=detector.name)
    except UnknownLabel:
        if (drawn := drawn_things(image, label)) is not None:
            return drawn
        recognised = _recognised(image, label)
        assumed = worn(image, label, context.options, recognised=recognised is not None)
        if (seen := assumed or recognised) is not None:
            return seen
        wanted = understand_kind(label, detector.labels, detector=detector.name, tool="detect")
    found = [search(crop, wanted.labels, context.options) for crop in image]
    broader = wanted.broader if kind is None else "person"
    if kind is not None and (apart := told_apart(image, [part.boxes for part in found], label, kind)) is not None:
        people, by_looks = apart
        return _boxes(image, [Found(boxes) for boxes in people], [by_looks])
    notes = [Note(kind="broader", words=(label, broader))] if broader is not None else []
    if detector.labels is not None and not any(part.boxes for part in found):
        relabelled = [of_kin(crop, wanted.labels, context.options) for crop in image]
        if any(relabelled) or any(may_show(crop, wanted.labels) for crop in image):
            notes.append(Note(kind="doubted", words=(label,)))
            found = [part._replace(boxes=boxes) for part, boxes in zip(found, relabelled, strict=True)]
        elif any(is_faint(crop, wanted.labels, context.options) for crop in image):
            notes.append(Note(kind="faint", words=(label,)))
    return _boxes(image, found, notes)


def _boxes(image: Sequence[Crop], found: Sequence[Found], notes: Sequence[Note] = ()) -> Boxes:
    """What was found in each picture as one result, with what the search says where it found nothing."""
    missed = () if any(part.boxes for part in found) else [note for part in found for note in part.notes]
    return in_pictures(image, [part.boxes for part in found], [*notes, *missed])


def _recognised(image: list[Crop], label: str) -> Boxes | None:
    """The pictures that the classifier takes for such a thing, as boxes that say nothing of place and number.

    None where it knows no such thing, or is sure of it in none: that it is not there cannot be told.
    """
    from visagent_tools.labels_zh import english
    from visagent_tools.recognition import SURE, recognise

    found = []
    for crop in image:
        seen = recognise(crop, english(label))
        sure = [seen] if seen is not None and seen.probability >= SURE else []
        found.append([Box(xyxy=one.region.xyxy, label=label, confidence=one.probability) for one in sure])
    return in_pictures(image, found, [Note(kind="not_counted", words=(label,))]) if any(found) else None
