"""Many media on one page: what the answer rests on first, a few at full size, the others small and counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from visagent.media.regions import SEPARATOR
from visagent.reporting.markup import Seen, Stage, parts, words

FEW = 6
"""Media that are all shown at full size."""
LARGE = 4
"""Pictures that an answer about more media rests on, and that are shown at full size; more are shown small."""
MOST = 60
"""Small pictures of one kind at most: the rest is counted."""


@dataclass(frozen=True)
class AlbumLayout:
    """Names of media by how they are shown.

    Attributes:
        large: The picture at full size.
        cited: Small, because they are many: what the answer rests on.
        others: Small: the rest.
        cited_left: How many more there are that the answer rests on.
        others_left: How many more of the rest there are.
    """

    large: Sequence[str] = ()
    cited: Sequence[str] = ()
    others: Sequence[str] = ()
    cited_left: int = 0
    others_left: int = 0

    @property
    def shown(self) -> list[str]:
        """All that are shown."""
        return [*self.large, *self.cited, *self.others]

    @property
    def cited_count(self) -> int:
        """How many of the small ones the answer rests on."""
        return len(self.cited) + self.cited_left

    @property
    def total(self) -> int:
        """How many media there are."""
        return len(self.large) + self.cited_count + self.others_count

    @property
    def others_count(self) -> int:
        """How many more there are."""
        return len(self.others) + self.others_left


def album_layout(seen: Seen, cited: Collection[str], few: int = FEW) -> AlbumLayout:
    """How the media of a run are shown.

    Args:
        seen: What is known of the run.
        cited: Ids that the answer cites.
        few: Media up to which all of them are shown at full size.
    """
    names = [name for name in seen.media if SEPARATOR not in name]
    if len(names) <= few:
        return AlbumLayout(large=names)
    clips = [name for name in names if seen.media[name].kind != "image"]
    pictures = [name for name in names if seen.media[name].kind == "image"]
    about = _rests_on(seen, cited, pictures)
    if len(about) <= LARGE:
        clips, about = [name for name in names if name in about or name in clips], []
    others = [name for name in pictures if name not in {*about, *clips}]
    return AlbumLayout(clips, about[:MOST], others[:MOST], max(0, len(about) - MOST), max(0, len(others) - MOST))


def _rests_on(seen: Seen, cited: Collection[str], pictures: Sequence[str]) -> list[str]:
    """The pictures that the cited evidence points at; where that is all of them, those in which it has a place."""
    grounds = [ground for id_ in cited for ground in seen.grounds(id_)]
    named = {ground.media for ground in grounds}
    if named.issuperset(pictures):
        named = {ground.media for ground in grounds if ground.xyxy is not None}
    return [] if named.issuperset(pictures) else [name for name in pictures if name in named]


def album_html(
    layout: AlbumLayout,
    stages: Sequence[Stage],
    small: Callable[[str], str],
    language: str,
    *,
    live: bool = False,
) -> str:
    """The media that are shown small, in bounded number.

    Args:
        layout: How the media of a run are shown.
        stages: Stages of the media that are shown.
        small: Where a medium's small picture is, by its name.
        language: Language of the pieces' own words.
        live: Whether a script is there, so that each small picture unfolds to its stage.
    """
    said = words(language)
    known = {stage.name: stage for stage in stages}

    def figure(name: str) -> Any:
        stage = known[name]
        page = f" p. {stage.info.page}" if stage.info.page else ""
        return parts().thumbnail(stage, small(name), f"{name} · {stage.info.name}{page}", said, live)

    shown = {"cited": [figure(name) for name in layout.cited], "others": [figure(name) for name in layout.others]}
    return str(parts().album(layout, shown, said))
