"""A run as one HTML file that needs nothing else: no script, no network, no folder beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from visagent.core.encoding import data_uri
from visagent.evidence.answer import Answer
from visagent.media.pictures import encode_picture
from visagent.reporting.albums import album_html, album_layout
from visagent.reporting.marks import Mark
from visagent.reporting.markup import (
    Seen,
    Stage,
    environment,
    parts,
    rows,
    sentences,
    stages,
    stylesheet,
    time_anchor,
    words,
)
from visagent.reporting.provenance import Ground

if TYPE_CHECKING:
    from markupsafe import Markup
    from PIL.Image import Image as PILImage

LONGEST_SIDE = 1600
"""Pixels; larger pictures are shown smaller, so that the file can be mailed."""
SMALL_SIDE = 320
"""Pixels of the longer side of the small pictures of an album, and of the frames of a video."""
FRAMES = 12
"""Frames of one video at most."""
SOUND_BYTES = 4 << 20
"""Sound larger than this is named, not embedded."""


def html_report(answer: Answer, language: str = "en") -> str:
    """The answer with its sentences, pictures, sub-questions and costs, as a self-contained HTML page.

    Pictures of media that are loaded in this process (see `Answer.hold`) are embedded; of others only the name is
    given. Everything that came from a person, a model or a medium is escaped, and the page forbids itself to load or
    to run anything.

    Args:
        answer: Answer of a finished run.
        language: Language of the page's own words, `en` or `zh`.
    """
    from markupsafe import Markup

    seen = Seen(answer.tree, answer.evidence, answer.media)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            answer=answer,
            language=language,
            css=Markup(stylesheet()),
            w=words(language),
            sentences=sentences(answer.claims, seen),
            rows=rows(seen, language),
            stages=embedded_stages(answer, seen),
            frames=_frames(answer, seen, language),
            album=_album(answer, seen, language),
        )
    )


def embedded_stages(answer: Answer, seen: Seen, longest_side: int = LONGEST_SIDE) -> list[Stage]:
    """The media of an answer with what it rests on, each inside the page; of a video the frame that matters.

    Of many media it is those that `visagent.reporting.albums.album_layout` shows at full size.

    Args:
        answer: The answer whose media are meant; those that are not loaded in this process are named only.
        seen: The same answer, as the pieces take it.
        longest_side: Longest side of a picture, in pixels.
    """
    cited = _cited(answer)
    large = album_layout(seen, cited).large
    shown = stages(seen, cited, lambda name: _data_uri(answer, seen, name, longest_side), names=large)
    return [replace(stage, marks=_at(stage.marks, _moment(seen, stage.name))) for stage in shown]


def _cited(answer: Answer) -> set[str]:
    return {id_ for claim in answer.claims for id_ in claim.cites}


def _album(answer: Answer, seen: Seen, language: str) -> Markup:
    """Those of many media that are not shown at full size, small and in bounded number."""
    from markupsafe import Markup

    layout = album_layout(seen, _cited(answer))
    shown = stages(seen, _cited(answer), lambda name: None, names={*layout.cited, *layout.others})

    def small(name: str) -> str:
        return _data_uri(answer, seen, name, SMALL_SIDE) or ""

    return Markup(album_html(layout, shown, small, language))


def _frames(answer: Answer, seen: Seen, language: str) -> Markup:
    """The frames of videos at the first of the times that the answer cites, each with what was found at that moment."""
    from markupsafe import Markup

    from visagent.media.media import Media

    made = []
    for stage in stages(seen, _cited(answer), lambda name: None):
        media = Media.loaded(stage.info.hash)
        if stage.info.kind != "video" or media is None:
            continue
        for place in _times(answer, seen, stage.name)[:FRAMES]:
            start, end = place.start or 0.0, place.end or place.start or 0.0
            picture = media.frame((start + end) / 2)
            at = replace(stage, marks=_at(stage.marks, start))
            small = data_uri("image/jpeg", _jpeg(picture, SMALL_SIDE))
            made.append(
                parts().thumbnail(at, small, place.time, words(language), False, time_anchor(stage.name, start))
            )
    return Markup("").join(made)


def _times(answer: Answer, seen: Seen, name: str) -> list[Ground]:
    """The times of a video that the answer cites, each once, in order."""
    places = [place for id_ in sorted(_cited(answer)) for place in seen.grounds(id_)]
    timed = {place.time: place for place in places if place.media == name and place.start is not None}
    return sorted(timed.values(), key=lambda place: place.start or 0.0)


def _data_uri(answer: Answer, seen: Seen, name: str, longest_side: int) -> str | None:
    """A medium's picture, or its sound; None where it is not loaded or too large."""
    from visagent.media.media import Media

    media = Media.loaded(answer.media[name].hash)
    if media is None:
        return None
    if media.kind == "audio":
        import filetype  # type: ignore[import-untyped]

        data = media.encoded()
        kind = filetype.guess_mime(data) or "audio/wav"
        return None if len(data) > SOUND_BYTES else data_uri(kind, data)
    if media.kind == "image":
        return data_uri("image/jpeg", _jpeg(media.image(), longest_side))
    return data_uri("image/jpeg", _jpeg(media.frame(_moment(seen, name)), longest_side))


def _moment(seen: Seen, name: str) -> float:
    """The first second of a video in which something was found; 0 for what has no time."""
    places = (place for id_ in seen.tree.order for place in seen.grounds(id_))
    return next((place.start for place in places if place.media == name and place.start is not None), 0.0)


def _at(marks: Sequence[Mark], moment: float) -> tuple[Mark, ...]:
    """The marks of one frame."""
    return tuple(mark for mark in marks if mark.start in (None, moment))


def _jpeg(picture: PILImage, longest_side: int) -> bytes:
    small = picture.copy()
    small.thumbnail((longest_side, longest_side))
    return encode_picture(small, "JPEG", quality=90)
