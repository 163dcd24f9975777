"""Where clothes and parts of the body are, for words that neither the detector nor the classifier knows.

A pose shows where a shirt would be worn, and nothing shows that it is one: the boxes are noted as assumed, and neither
that there is such a thing nor how many there are follows from them. What covers that part has a colour, and that is
what they are for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from visagent.core.words import singulars
from visagent.evidence.overlap import part_shared
from visagent.evidence.values import Box, Boxes, Crop, Mask, Note
from visagent_tools.found import in_pictures
from visagent_tools.labels import BROADER_OF, COLORS
from visagent_tools.labels_zh import english
from visagent_tools.persons import kind_of

if TYPE_CHECKING:
    from pydantic import JsonValue

    from visagent_tools.engines.body_parts import BodyPart
    from visagent_tools.engines.people import Person

SAME_PERSON = 0.6
"""Intersection over union from which on two boxes are of one person."""
TWICE = 0.3
"""That of two people's parts from which on one pose followed the other person: then of both nothing is known."""

_PARTS: dict[BodyPart, tuple[str, ...]] = {
    "torso": (
        "shirt", "t shirt", "tshirt", "tee", "tee shirt", "top", "tank top", "crop top", "halter top", "sweater",
        "jumper", "pullover", "cardigan", "blouse", "vest", "waistcoat", "hoodie", "sweatshirt", "jersey", "polo",
        "tunic", "jacket", "coat", "blazer", "overcoat", "raincoat", "parka", "anorak", "suit", "tuxedo", "uniform",
        "costume", "outfit", "clothes", "clothing", "garment", "attire", "torso", "chest",
        "衣服", "上衣", "衬衫", "衬衣", "t恤", "毛衣", "卫衣", "背心", "马甲", "外套", "夹克", "大衣", "羽绒服", "西装",
        "西服", "制服", "球衣", "校服", "衣裳", "服装", "衣",
    ),
    "body": ("dress", "gown", "robe", "kimono", "连衣裙", "长裙", "袍", "袍子", "长袍", "礼服", "婚纱", "旗袍"),
    "lap": ("skirt", "miniskirt", "kilt", "裙子", "裙", "短裙"),
    "thighs": ("shorts", "短裤"),
    "legs": (
        "trousers", "trouser", "pants", "pant", "jeans", "jean", "leggings", "slacks", "leg", "裤子", "长裤", "牛仔裤",
        "腿",
    ),
    "arms": ("arm", "sleeve", "胳膊", "手臂", "袖子"),
    "hands": ("hand", "手"),
    "head": ("head", "头"),
}  # fmt: skip
_PART_OF = {word: part for part, words in _PARTS.items() for word in words}


def part_of_body(label: str) -> BodyPart | None:
    """Where on a body is what a word names; None for any other word.

    >>> part_of_body("wedding dress"), part_of_body("shirts"), part_of_body("衬衫"), part_of_body("shirt collar")
    ('body', 'torso', 'torso', None)
    """
    words = label.lower().replace("-", " ").split()
    if COLORS.intersection(words[:-1]):
        # Whether it is a red one would have to be seen.
        return None
    for start in range(len(words)):
        # Of "top" and "suit" there are many that nobody wears: table top.
        phrase = " ".join(words[start:])
        forms = (phrase, *(f"{phrase.rpartition(' ')[0]} {one}".strip() for one in singulars(words[-1])))
        if (part := next((_PART_OF[form] for form in forms if form in _PART_OF), None)) is not None:
            return None if start and phrase in ("top", "head", "hand", "arm", "leg", "chest") else part
    plain = english(label)
    return None if plain == label else part_of_body(plain)


def is_person(label: str) -> bool:
    """Whether a label is of people, or of some of them, such as women."""
    known = label == "person" or BROADER_OF.get(label) == "person"
    return known or (bool(label.strip()) and kind_of(label) is not None)


def worn(
    image: Sequence[Crop], label: str, options: Mapping[str, JsonValue], *, recognised: bool = False
) -> Boxes | None:
    """Where what a word names is on the people in pictures.

    Args:
        image: Where to look.
        label: What is looked for, of clothes and of parts of the body.
        options: The detector's, as for `visagent_tools.engines.detector.detector_for`.
        recognised: Whether such a thing was recognised in a picture, if not where; the note says so.

    Returns:
        A box with an outline for each, each with the box of its person; None for any other word, and where there is
        nobody of whom that part is seen.

    Raises:
        VisagentError: as `visagent_tools.engines.people.people_in`.
    """
    from visagent_tools.engines.detector import boxes_in

    part = part_of_body(label)
    if part is None:
        return None
    found, unseen = [], 0
    for crop in image:
        people = _each_once(boxes_in(crop, options, ["person"]))
        seen = parts_of(crop, people, part)
        unseen += sum(not masks for masks in seen)
        found.append(
            [
                Box(xyxy=mask.xyxy, label=label, confidence=one.confidence, mask=mask, whole=one.xyxy)
                for one, masks in zip(people, seen, strict=True)
                for mask in masks
            ]
        )
    if not any(found):
        return None
    words = (label, str(unseen), part, "recognised" if recognised else "")
    return in_pictures(image, found, [Note(kind="assumed", words=words)])


def parts_of(crop: Crop, people: Sequence[Box], part: BodyPart) -> list[list[Mask]]:
    """Outlines of a part of the body of each of some people; none where it is not seen, or is taken for another's.

    Args:
        crop: The region in which they were found.
        people: Their boxes.
        part: Which part.
    """
    from visagent.media.media import Media
    from visagent_tools.engines.body_parts import outlines
    from visagent_tools.engines.people import people_in

    media = Media.loaded(crop.media)
    if media is None or not people:
        return [[] for _ in people]
    size = media.size if crop.seconds is None else media.frame(crop.seconds).size
    closer: list[Person] = people_in(crop, people)
    found = [outlines(one, part, size) for one in closer]
    twice = {
        index
        for index, masks in enumerate(found)
        for other, others in enumerate(found)
        if other != index and part != "hands" and any(a.iou(b) > TWICE for a in masks for b in others)
    }
    return [[] if index in twice else masks for index, masks in enumerate(found)]


def clothes(crop: Crop) -> Mask | None:
    """What covers the torso of the one person that a region shows; None where that is not seen."""
    box = Box(xyxy=crop.xyxy, label=crop.label)
    (masks,) = parts_of(crop, [box], "torso")
    return masks[0] if masks else None


def _each_once(people: Sequence[Box]) -> list[Box]:
    kept: list[Box] = []
    for box in people:
        if all(part_shared(box.xyxy, other.xyxy) < SAME_PERSON for other in kept):
            kept.append(box)
    return kept
