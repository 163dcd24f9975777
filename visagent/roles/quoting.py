"""Evidence as a model is shown it: one line of quoted data, never instructions. Pure."""

from __future__ import annotations

from visagent.evidence import Boxes, Evidence, Labels, Text, Transcript, summary
from visagent.roles.phrasing import cleaned

MOST_ITEMS = 12


def quoted(found: Evidence, limit: int = 600) -> str:
    """Evidence in one line, whatever came from media or other people's code in quotation marks, and its confidence.

    Args:
        found: What is shown.
        limit: Characters of text at most.
    """
    sure = "" if found.confidence is None else f", confidence {found.confidence:.2f}"
    match found.value:
        case Text(text=text) | Transcript(text=text):
            shown = f"“{cleaned(text, limit)}”"
        case Labels(labels=labels):
            shown = f"“{', '.join(cleaned(label.name, 60) for label in labels[:MOST_ITEMS])}”"
        case Boxes(boxes=()):
            shown = "none found"
        case Boxes(boxes=boxes):
            shown = f"{len(boxes)} found: “{', '.join(cleaned(box.label, 40) for box in boxes[:MOST_ITEMS])}”"
        case value:
            shown = f"“{cleaned(summary(value, limit), limit)}”"
    return shown + sure
