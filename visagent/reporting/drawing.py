"""Draws what an answer rests on into its picture. Knows no tool and no model; never changes the medium it is given.

What an answer's sentences are about is drawn strongly, with a label; what it was picked from, thinly. Each sub-question
has one of the colours of Okabe and Ito (Color Universal Design, 2008), which people of any colour vision tell apart,
and every line has a dark rim, so that it shows on any ground.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from visagent.core.errors import InputError, MissingInput
from visagent.core.text import cleaned
from visagent.evidence.values import XYXY, Box, Boxes, Evidence, Mask, Spans, Text, Tracks
from visagent.media.regions import picture_of
from visagent.reporting.labels import place
from visagent.reporting.marks import LABELLED, RGB, Mark, color_of, pointed
from visagent.reporting.provenance import Ground, own_grounds

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from visagent.evidence.tree import QuestionTree
    from visagent.media.media import Media, MediaInfo

RIM: RGB = (20, 20, 20)
TEXT_LIMIT = 28
"""Characters of read text on a label."""


class Drawable(Protocol):
    """What is drawn of an answer: see `visagent.evidence.answer.Answer`."""

    @property
    def media(self) -> dict[str, MediaInfo]: ...
    @property
    def evidence(self) -> dict[str, Evidence]: ...
    @property
    def tree(self) -> QuestionTree: ...


def annotate(answer: Drawable, name: str | None = None) -> PILImage:
    """A copy of a medium's picture with the boxes, tracks and lines of text that the answer rests on.

    A video shows the frame in which most was found.

    Args:
        answer: The answer whose evidence is drawn.
        name: Name of the medium, such as `image2`; None for the first one in which something was found.

    Raises:
        InputError: there is no such medium, or none with a picture.
        MissingInput: the medium is not loaded in this process.
    """
    name = picture_of(_chosen(answer) if name is None else name)
    if name not in answer.media or answer.media[name].kind == "audio":
        pictures = [known for known, info in answer.media.items() if info.kind != "audio"]
        way_out = f"Use one of: {', '.join(pictures)}." if pictures else "Only pictures and videos can be annotated."
        raise InputError(f"The answer has no picture named {name!r}.", way_out)
    from visagent.media.media import Media

    digest = answer.media[name].hash
    media = Media.loaded(digest)
    if media is None:
        raise MissingInput(f"{name} is not loaded in this process.", "Load it again with load_media(path).")
    seconds = _moment(answer, digest)
    regions = pointed(name, answer.media)
    return draw(_picture(media, seconds), [*regions, *_marks(answer, digest, seconds)])


def draw(picture: PILImage, marks: list[Mark]) -> PILImage:
    """A copy of a picture with marks on it; lines and letters grow with the picture.

    Args:
        picture: RGB.
        marks: What to draw; strong ones go on top.
    """
    from PIL import ImageDraw, ImageFont

    canvas = picture.convert("RGB")
    if canvas is picture:
        canvas = picture.copy()
    side = (canvas.width * canvas.height) ** 0.5
    width = max(2, round(side / 260))
    font = ImageFont.load_default(max(11, round(side / 48)))
    pen = ImageDraw.Draw(canvas)
    ordered = sorted(marks, key=lambda mark: mark.strong)
    for mark in ordered:
        if mark.mask is not None:
            _fill(canvas, mark, width if mark.strong else max(1, width // 3))
    for mark in ordered:
        _outline(pen, mark, width if mark.strong else max(1, width // 3))
    taken: list[XYXY] = []
    # Strong labels choose their places first.
    for mark in reversed(ordered):
        if mark.label:
            spot = _chip(pen, mark, font, width, canvas.size, taken)
            taken += [spot] if spot else []
    return canvas


def _chosen(answer: Drawable) -> str:
    """The first medium in which something was found, else the first with a picture."""
    pictures = {name: info.hash for name, info in answer.media.items() if info.kind != "audio"}
    for name, digest in pictures.items():
        if _marks(answer, digest, _moment(answer, digest)):
            return name
    return next(iter(pictures), "image1")


def _picture(media: Media, seconds: float | None) -> PILImage:
    return media.image() if media.kind == "image" else media.frame(seconds or 0.0)


def _moment(answer: Drawable, digest: str) -> float | None:
    """The time at which most was found in a video; None for an image."""
    found: dict[float, int] = {}
    for evidence in answer.evidence.values():
        match evidence.value:
            case Boxes(media=media, seconds=float() as seconds, boxes=boxes) if media == digest:
                found[seconds] = found.get(seconds, 0) + len(boxes)
            case Tracks(media=media, tracks=tracks) if media == digest:
                for seconds in (seconds for track in tracks for seconds in track.seconds):
                    found[seconds] = found.get(seconds, 0) + 1
            case Spans(media=media, spans=(first, *_)) if media == digest:
                # What is seen at its start is seen in its middle better, where it has come into the picture.
                found.setdefault(round(first.middle, 3), 0)
    return max(found, key=lambda seconds: (found[seconds], -seconds), default=None)


def _marks(answer: Drawable, digest: str, seconds: float | None) -> list[Mark]:
    """What to draw into a medium: strong for what sinks are about, thin for what that was picked from."""
    strong, weak = _roles(answer, digest)
    marks: dict[tuple[XYXY, bool], Mark] = {}
    colors = {id_: color_of(at) for at, id_ in enumerate([*strong, *weak])}
    for id_ in [*strong, *weak]:
        shown = _places(answer, id_, digest, seconds)
        for xyxy, label, mask in shown:
            is_text = isinstance(answer.evidence[id_].value, Text)
            known = any(mark.xyxy == xyxy and (mask is None or mark.mask == mask) for mark in marks.values())
            # An object that a later step picked is drawn once, for that step.
            if known and not is_text:
                continue
            named = id_ in strong and len(shown) <= LABELLED
            mark = Mark(xyxy, f"{id_} {label}".strip() if named else "", colors[id_], id_ in strong, mask=mask)
            marks.setdefault((xyxy, is_text), mark)
    return list(marks.values())


def _roles(answer: Drawable, digest: str) -> tuple[list[str], list[str]]:
    """Ids whose evidence can be drawn: those nearest to each sink and what these are compared with, then the rest."""
    graph = answer.tree.graph
    drawable = {id_ for id_ in answer.evidence if id_ in graph and _places(answer, id_, digest, None)}
    strong: list[str] = []

    def nearest(id_: str) -> None:
        if id_ in drawable:
            if id_ not in strong:
                strong.append(id_)
            # Of `left_of($q1, $q2)` the answer is also about $q2; of $q1 only about what was picked from it.
            for other in _compared_with(answer, id_):
                if other in drawable and other not in strong:
                    strong.append(other)
            return
        for need in answer.tree[id_].needs:
            nearest(need)

    for sink in answer.tree.sinks:
        nearest(sink)
    behind = answer.tree.with_needs(strong)
    weak = [id_ for id_ in answer.tree.order if id_ in behind & drawable and id_ not in strong]
    return strong, weak


def _compared_with(answer: Drawable, id_: str) -> list[str]:
    """What a sub-question reads beside the objects it picks from: what these are compared with, or read from."""
    from visagent.evidence.tree import references

    picked = {box.xyxy for box in _boxes(answer.evidence.get(id_))}
    needs = [need for argument in answer.tree[id_].solver.arguments.values() for need in references(argument)]
    sources = [need for need in needs if picked & {box.xyxy for box in _boxes(answer.evidence.get(need))}]
    return [need for need in needs if need not in sources]


def _boxes(evidence: Evidence | None) -> tuple[Box, ...]:
    return evidence.value.boxes if evidence is not None and isinstance(evidence.value, Boxes) else ()


def _places(answer: Drawable, id_: str, digest: str, seconds: float | None) -> list[tuple[XYXY, str, Mask | None]]:
    """The rectangles, each with label and mask, that evidence has in a medium at a time; None for any time."""
    media = {name: info for name, info in answer.media.items() if info.hash == digest}

    def is_shown(place: Ground) -> bool:
        return seconds is None or place.start in (None, seconds)

    places = own_grounds(answer.evidence[id_], media)
    return [
        (place.xyxy, _plain(place.label), place.mask) for place in places if place.xyxy is not None and is_shown(place)
    ]


def _plain(text: str) -> str:
    """Text as the built-in font can show it: it has Latin letters only."""
    shown = cleaned(text, TEXT_LIMIT)
    return shown if all(char in "…–—’‘" or ord(char) < 0x180 for char in shown) else "text"


def _fill(canvas: PILImage, mark: Mark, width: int) -> None:
    """Lay a mark's colour over the pixels of its mask, and draw along their edge."""
    from PIL import Image, ImageChops, ImageFilter

    assert mark.mask is not None
    inside = Image.fromarray(mark.mask.array())
    # A mask of another size is of another picture, whatever its evidence says.
    if inside.size != canvas.size or (box := inside.getbbox()) is None:
        return
    around = (max(0, box[0] - width), max(0, box[1] - width), box[2] + width, box[3] + width)
    inside = inside.crop(around).convert("L")
    edge = ImageChops.subtract(inside.filter(ImageFilter.MaxFilter(2 * (width // 2) + 3)), inside)
    canvas.paste(mark.color, around[:2], inside.point(lambda value: value * 2 // 5))
    canvas.paste(mark.color, around[:2], edge)


def _outline(pen: ImageDraw, mark: Mark, width: int) -> None:
    x1, y1, x2, y2 = mark.xyxy
    rim = max(1, width // 3)
    # Right and bottom are exclusive: the last pixel is one before.
    inner = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))
    radius = 3 * width if mark.strong else 0
    outer = (inner[0] - rim, inner[1] - rim, inner[2] + rim, inner[3] + rim)
    pen.rounded_rectangle(outer, radius=radius, outline=RIM, width=width + 2 * rim)
    pen.rounded_rectangle(inner, radius=radius, outline=mark.color, width=width)


def _chip(
    pen: ImageDraw, mark: Mark, font: FreeTypeFont | object, width: int, size: tuple[int, int], taken: list[XYXY]
) -> XYXY | None:
    """Write a mark's label at its box where there is room; gives the room that it takes."""
    pad = width + 1
    left, top, right, bottom = pen.textbbox((0, 0), mark.label, font=font)  # type: ignore[arg-type]
    spot = place(mark.xyxy, (right - left + 2 * pad, bottom - top + 2 * pad), size, taken)
    if spot is None:
        return None
    pen.rounded_rectangle(spot, radius=pad, fill=mark.color, outline=RIM, width=1)
    # Relative luminance of sRGB, without the gamma: enough to choose black or white letters.
    luminance = (0.2126 * mark.color[0] + 0.7152 * mark.color[1] + 0.0722 * mark.color[2]) / 255
    ink = (0, 0, 0) if luminance > 0.4 else (255, 255, 255)
    pen.text((spot[0] + pad - left, spot[1] + pad - top), mark.label, font=font, fill=ink)  # type: ignore[arg-type]
    return spot
