"""What an answer's sentences name of a value: how many, where, the text that was read, in quotation marks. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from visagent.answering.asked import asks_which_picture, sides_offered
from visagent.answering.composed import in_own_language
from visagent.answering.findings import is_mixed
from visagent.answering.numbering import Numbering
from visagent.answering.passages import shown_of
from visagent.answering.phrasing import Phrasebook
from visagent.answering.remarks import LISTED
from visagent.answering.sentences import says_more
from visagent.core.text import cleaned
from visagent.evidence.places import part_of_picture
from visagent.evidence.spans import Span, moment
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import (
    Boxes,
    Evidence,
    Labels,
    Look,
    Number,
    Spans,
    Table,
    Text,
    Tracks,
    Transcript,
    Value,
)
from visagent.media.media import MediaInfo
from visagent.planning.either_or import offered_colors

HEDGED_BELOW = 0.5
"""Confidence under which a sentence says `probably`."""
COLOR_SHARE = 0.1
"""Part of the pixels from which on a colour is named among the main ones."""

# How a text says where each object stands, in the words of the `positions` of every language's phrases.
_PLACE = re.compile(
    r"^.*: (?P<place>[a-z ]+) \(\d+ % from the left, \d+ % from the top\)(?: in picture (?P<number>\d+))?$"
)

_CLIP = re.compile(r"(?:video|audio)\d+")


class ValueWords:
    """The words of one answer's values.

    Args:
        book: The answer's language.
        tree: The plan.
        evidence: Evidence by sub-question id.
        media: Media by the names that plans use; for the places of objects in them.
    """

    def __init__(
        self, book: Phrasebook, tree: QuestionTree, evidence: Mapping[str, Evidence], media: Mapping[str, MediaInfo]
    ) -> None:
        self._book, self._tree, self._evidence = book, tree, evidence
        self._numbering = Numbering(media)
        self._media = {info.hash: info for info in media.values() if info.region is None}

    def of(self, id_: str, value: Value) -> dict[str, object]:
        """What an answer's template may name of a value."""
        book = self._book
        match value:
            case Boxes(boxes=boxes):
                labels = [self._name(box.label) for box in boxes[:LISTED]]
                listed = book["list"]["comma"].join(labels)
                mixed = is_mixed(self._tree, self._evidence, id_)
                kind = labels[0] if len(boxes) == 1 and mixed else ""
                kinds = book["list"]["comma"].join(dict.fromkeys(labels)) if mixed else ""
                fields = {
                    "n": len(boxes),
                    "listed": listed,
                    "varied": len(set(labels)) > 1,
                    "kind": kind,
                    "kinds": kinds,
                }
                one = len(boxes) == 1
                return {
                    **fields,
                    "place": self._place(value) if one else "",
                    "side": self._side(id_, value) if one else "",
                }
            case Tracks(tracks=tracks):
                return {"n": len(tracks)}
            case Spans(spans=spans):
                times = [self._when(id_, span) for span in spans[:LISTED]]
                labelled = [f"{span.label} {time}" for span, time in zip(spans, times, strict=False)]
                return {"n": len(spans), "times": book.join(times), "turns": book.join(labelled)}
            case Number():
                return {"value": _with_unit(value)}
            case Text(text=text):
                places = book.join(list(dict.fromkeys(self._places(value)))) if text.strip() else ""
                which = self._which_pictures(value) if asks_which_picture(self._tree.question) else ""
                lines = set(text.splitlines())
                return {
                    # A word that stands in several places is quoted once.
                    "quoted": self._described(value)
                    or (book.quote(lines.pop()) if len(lines) == 1 else shown_of(book, value, self._tree.question)),
                    "places": places,
                    "numbered": bool(value.pictures),
                    "in_which": which,
                }
            case Table():
                first = " | ".join(cell.text for cell in value.cells if cell.row == 0 and cell.text.strip())
                return {"rows": value.rows, "columns": value.columns, "quoted": book.quote(first) if first else ""}
            case Transcript():
                return {"quoted": shown_of(book, value, self._tree.question)}
            case Look(text=text):
                # The system's own statement: neither quoted nor cut.
                return {"said": text.rstrip(".。")}
            case Labels(labels=labels_) if labels_:
                colors = [label.name for label in labels_ if (label.share or 0) >= COLOR_SHARE] or [labels_[0].name]
                # Of a green sofa with brown cushions, "green or brown?" is answered by the larger part.
                offered = offered_colors(self._tree.question)
                colors = [color for color in colors if color in offered][:1] or colors
                return {
                    "first": self._name(labels_[0].name),
                    "percent": round(labels_[0].confidence * 100),
                    "main": book.join([book["colors"].get(color) or self._name(color) for color in colors[:3]]),
                    "quoted": book.join([book.quote(label.name, 60) for label in labels_[:LISTED]]),
                }
        return {}

    def _described(self, value: Text) -> str | None:
        """A composed description in the answer's own words, where its language is not the tool's."""
        return in_own_language(self._book, value.text) if any(note.kind == "composed" for note in value.notes) else None

    def _which_pictures(self, found: Text) -> str:
        """Words for those of several pictures that hold objects, the surest first, and that only may hold them."""
        sure: dict[int, float] = {}
        for line in found.lines:
            for number in self._numbering.of([line.media], found.pictures):
                sure[number] = max(sure.get(number, 0.0), line.confidence or 0.0)
        order = sorted(sure, key=lambda number: -sure[number])
        if len(found.pictures) < 2 or not order or self._numbering.pages:
            return ""
        certain = [number for number in order if sure[number] >= HEDGED_BELOW] or order[:1]
        shown = [self._book.render(self._book["found_at"]["nth"], n=number) for number in certain]
        perhaps = [
            self._book.render(self._book["found_at"]["perhaps"], n=number) for number in order if number not in certain
        ]
        return str(self._book.join([*shown, *perhaps]))

    def _place(self, found: Boxes) -> str:
        """Where in its picture the first object stands, in words; empty where the picture's size is not known."""
        media = self._media.get(found.boxes[0].media or found.media)
        if media is None or not media.width or not media.height or not found.placed:
            return ""
        return str(self._book["positions"][part_of_picture(found.boxes[0], media.width, media.height)])

    def _side(self, id_: str, found: Boxes) -> str:
        """Which of two an object is, where the question offers two sides: the upper one, though it is in the middle."""
        offered, needs = sides_offered(self._tree.question), self._tree[id_].needs
        among = self._evidence[needs[0]].value if needs and needs[0] in self._evidence else None
        if offered is None or not isinstance(among, Boxes) or len(among.boxes) != 2 or len(among.pictures) > 1:
            return ""
        others = [box for box in among.boxes if box.xyxy != found.boxes[0].xyxy]
        if len(others) != 1 or not found.placed:
            return ""
        axis = 0 if offered[0] == "left" else 1
        mine, other = found.boxes[0].centre[axis], others[0].centre[axis]
        return str(self._book["sides"][offered[0] if mine < other else offered[1]]) if mine != other else ""

    def _when(self, id_: str, span: Span) -> str:
        """A span as `video1@12.3-15.0s`; the clip is the one that the first step below was given."""
        below = self._tree.with_needs([id_])
        nearest = [id_, *(one for one in self._tree.order if one in below and one != id_)]
        given = [str(value) for one in nearest for value in self._tree[one].solver.arguments.values()]
        return moment(next((name for name in given if _CLIP.fullmatch(name)), "video1"), span.start, span.end)

    def _name(self, label: str) -> str:
        """A label in the answer's language, without punctuation; one that is a sentence stands in quotation marks."""
        plain = cleaned(re.sub(r"[^\w' -]", " ", label), 60)
        return str(self._book["names"].get(plain, self._book.quote(plain) if says_more(plain) else plain))

    def _places(self, value: Text) -> list[str]:
        """Where the objects that a text gives places of stand, in words."""
        matches = [_PLACE.match(line.text) for line in value.lines[:LISTED]]
        positions = self._book["positions"]
        known = []
        for match in matches:
            if match and match["place"] in positions:
                picture = self._book.render(self._book["found_at"]["picture"], numbers=match["number"])
                known.append(f"{positions[match['place']]} {picture}" if match["number"] else positions[match["place"]])
        return known or [self._book.quote(value.text)]


def _with_unit(number: Number) -> str:
    """As it was written where it was found, else as a person would write it, with its unit."""
    if number.written:
        return number.written
    return f"{plain_number(number.value)} {number.unit}" if number.unit else plain_number(number.value)


def plain_number(value: float) -> str:
    """A number with four decimals, or three digits where it is smaller, and its thousands marked: no powers of ten."""
    decimals = 4 if value == 0 or abs(value) >= 0.01 else min(12, 2 - math.floor(math.log10(abs(value))))
    shown = f"{value:,.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if shown in ("", "-0") else shown
