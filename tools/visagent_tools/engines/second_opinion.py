"""What is to be said against it where the detector finds none of a kind: by the classifier, or by a fainter look.

A small detector takes kittens for dogs and cows, and a car that fills the picture for a motorcycle: it sees something,
and errs in what. The classifier knows kinds better, but neither where they are nor how many. Knows no tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from visagent.evidence.values import Box, Crop
from visagent_tools.engines.classifier import network
from visagent_tools.engines.detector import boxes_in, detector_for
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.nanodet import COCO_LABELS
from visagent_tools.labels import understand
from visagent_tools.recognition import SURE, classes_of_word, recognise

if TYPE_CHECKING:
    from pydantic import JsonValue

KIN = ("animal", "vehicle")
"""Words for kinds that are taken for each other."""
FAINT = 0.1
"""Least confidence at which the detector may see something: the lower threshold of ByteTrack (Zhang et al., 2022,
arXiv:2110.06864). In ten photographs of scikit-image and ultralytics 8 of 80 labels reach it, 1.4 of them 0.3."""
EVERYWHERE = "person"
"""What the detector sees faintly where there is none: in 4 of 16 such pictures of scikit-image and gradio. Most of what
it was trained on were people."""
LOOKED_AT = 12
"""Boxes of a region that the classifier is asked about at most, 45 ms each: the surest ones."""

_faint: Memo[tuple[object, ...], tuple[list[Box], list[Box]]] = Memo(limit=256)


def of_kin(crop: Crop, labels: Sequence[str], options: Mapping[str, JsonValue]) -> list[Box]:
    """Boxes that the detector gave to a kin kind, and the classifier gives to one of those that are looked for.

    Args:
        crop: Where the detector found none of them.
        labels: What is looked for, of COCO's labels.
        options: Options as for `visagent_tools.engines.detector.detector_for`.

    Returns:
        Them, with the label that is looked for and the lower confidence of the two.

    Raises:
        VisagentError: as `visagent_tools.engines.detector.boxes_in` and `visagent_tools.engines.classifier.network`.
    """
    families = [set(understand(word, COCO_LABELS, detector="NanoDet").labels) for word in KIN]
    kin = set[str]().union(*(family for family in families if family & set(labels))) - set(labels)
    boxes = boxes_in(crop, options, sorted(kin))[:LOOKED_AT] if kin else []
    if not boxes:
        return []
    rows = network().classify([Crop(media=crop.media, xyxy=box.xyxy, seconds=crop.seconds).array() for box in boxes])
    sums = {label: rows[:, sorted(classes_of_word(label))].sum(axis=1) for label in labels}
    found = []
    for number, box in enumerate(boxes):
        label = max(sums, key=lambda one: float(sums[one][number]))
        probability = min(1.0, float(sums[label][number]))
        if probability >= SURE:
            found.append(box.model_copy(update={"label": label, "confidence": min(box.confidence, probability)}))
    return found


def is_faint(crop: Crop, labels: Sequence[str], options: Mapping[str, JsonValue]) -> bool:
    """Whether the detector itself sees one of some kinds, if less surely than it takes to say so.

    Args:
        crop: Where it found none of them for certain.
        labels: What is looked for, in the detector's own words.
        options: Options as for `visagent_tools.engines.detector.detector_for`.

    Raises:
        VisagentError: as `visagent_tools.engines.detector.boxes_in`.
    """
    find_weak = getattr(detector_for(options), "find_weak", None)
    if find_weak is None:
        return False
    key = (crop.media, crop.xyxy, crop.scale, crop.seconds, repr(sorted(options.items())))
    _, weak = _faint.get(key, lambda: find_weak(crop.array(), FAINT))
    return any(box.label in labels and box.label != EVERYWHERE for box in weak)


def may_show(crop: Crop, labels: Sequence[str]) -> bool:
    """Whether the classifier takes a region, or a part of it, for one of some kinds.

    Raises:
        VisagentError: as `visagent_tools.recognition.recognise`.
    """
    seen = [recognise(crop, label) for label in labels]
    return any(one is not None and one.probability >= SURE for one in seen)
