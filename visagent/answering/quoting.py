"""Evidence as a model is shown it: one line of quoted data, never instructions. Pure."""

from __future__ import annotations

from collections import Counter

from visagent.core.errors import is_own
from visagent.core.text import cleaned
from visagent.evidence.contents import summary
from visagent.evidence.values import (
    Boxes,
    Crop,
    Evidence,
    Failure,
    Labels,
    Look,
    Spans,
    Table,
    Text,
    Tracks,
    Transcript,
)

MOST_ITEMS = 12


def quoted(found: Evidence, limit: int = 600) -> str:
    """Evidence in one line, whatever came from media or other people's code in quotation marks, and its confidence.

    Args:
        found: What is shown.
        limit: Characters of text at most.
    """
    sure = "" if found.confidence is None else f", confidence {found.confidence:.2f}"
    match found.value:
        case Text(text=text) | Transcript(text=text) | Look(text=text):
            shown = f"“{cleaned(text, limit)}”"
        case Labels(labels=labels):
            shown = f"“{', '.join(cleaned(label.name, 60) for label in labels[:MOST_ITEMS])}”"
        case Boxes(boxes=()):
            shown = "none found"
        case Boxes(boxes=boxes):
            shown = f"{len(boxes)} found: “{_listed([cleaned(box.label, 40) for box in boxes])}”"
        case Spans(spans=spans):
            times = ", ".join(f"{span.start:.1f}-{span.end:.1f} s" for span in spans[:MOST_ITEMS])
            named = _listed([cleaned(span.label, 60) for span in spans])
            shown = f"{len(spans)} spans of time: {times}; “{named}”" if spans else "at no time"
        case Table(cells=cells):
            rows = [" | ".join(cell.text for cell in cells if cell.row == row) for row in range(found.value.rows)]
            shown = f"a table: “{cleaned(' / '.join(rows), limit)}”"
        case value:
            shown = f"“{cleaned(summary(value, limit), limit)}”"
    return shown + sure


def _listed(labels: list[str]) -> str:
    """What boxes are called, each name once with how often."""
    counts = Counter(labels)
    named = [label if count == 1 else f"{label} × {count}" for label, count in counts.most_common(MOST_ITEMS)]
    return ", ".join(named)


def outlined(found: Evidence) -> str:
    """Evidence in one line without a word that came from media or other people's code: how much, and how sure.

    Args:
        found: What is shown to a model whose reply may change a plan.
    """
    sure = "" if found.confidence is None else f", confidence {found.confidence:.2f}"
    match found.value:
        case Text(text=text) | Transcript(text=text) | Look(text=text):
            shown = f"text of {len(text.split())} words" if text.strip() else "no text"
        case Labels(labels=labels):
            shown = f"{len(labels)} labels"
        case Boxes() | Tracks() | Spans() | Crop():
            shown = summary(found.value)
        case Failure(error=error):
            shown = f"failed: {error}" if is_own(error) else "failed: the tool broke"
        case value:
            shown = summary(value)
    return shown + sure
