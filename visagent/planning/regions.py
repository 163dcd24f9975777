"""Which regions a question means, and how a planner that has never seen one is asked about them. Knows no model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import JsonValue

from visagent.media.media import MediaInfo
from visagent.media.regions import SEPARATOR, picture_of


def pointed_at(question: str, media: Mapping[str, MediaInfo]) -> dict[str, MediaInfo]:
    """The media less the regions that a question leaves out, where it names others.

    Args:
        question: Question as the person put it.
        media: Media by name; regions as `image1#r1`.
    """
    regions = [name for name in media if SEPARATOR in name]
    named = [name for name in regions if _mentions(question, name)]
    return {name: info for name, info in media.items() if name not in regions or not named or name in named}


def pointed_first(names: list[str]) -> list[str]:
    """What a medium that is left out may stand for: a region, where there is one, rather than the whole picture.

    >>> pointed_first(["image1", "image1#r1", "image2"])
    ['image1#r1', 'image2']
    """
    of_regions = {picture_of(name) for name in names if SEPARATOR in name}
    return [name for name in names if name not in of_regions]


_NOUNS = {"image": ("picture", "图片"), "video": ("video", "视频")}
"""What a region is called, in English and Chinese, by the kind of what it is one of."""


class WithoutRegions(NamedTuple):
    """A question about regions put as one about pictures and clips.

    Attributes:
        question: Question with `the picture`, or `video 2`, in place of the regions' names.
        media: Pictures and clips, numbered anew; sound as it was.
        names: What the new names stand for, by new name.
    """

    question: str
    media: dict[str, MediaInfo]
    names: dict[str, str]


def without_regions(question: str, media: Mapping[str, MediaInfo]) -> WithoutRegions:
    """A question about regions as one about whole pictures and clips, for a planner that knows these alone.

    Args:
        question: Question as the person put it.
        media: Names of the media that are meant, as `pointed_at` gives them.
    """
    if not any(SEPARATOR in name for name in media):
        return WithoutRegions(question, dict(media), {})
    chinese = re.search(r"[\u4e00-\u9fff]", question) is not None
    shown: dict[str, str] = {}
    for kind, (english, han) in _NOUNS.items():
        names = pointed_first([name for name, info in media.items() if info.kind == kind])
        for number, name in enumerate(names, start=1):
            shown[f"{kind}{number}"] = name
            if SEPARATOR in name:
                words = han if chinese else f"the {english}"
                if len(names) > 1:
                    words = f"{han} {number}" if chinese else f"{english} {number}"
                question = _pattern(name).sub(words, question)
    rest = {name: info for name, info in media.items() if info.kind not in _NOUNS}
    return WithoutRegions(question, {new: media[old] for new, old in shown.items()} | rest, shown)


def renamed_media(argument: JsonValue, names: Mapping[str, str]) -> JsonValue:
    """A step's argument with the names of media led to others; lists are searched."""
    if isinstance(argument, list):
        return [renamed_media(item, names) for item in argument]
    return names.get(argument, argument) if isinstance(argument, str) else argument


def _mentions(question: str, name: str) -> bool:
    return _pattern(name).search(question) is not None


def _pattern(name: str) -> re.Pattern[str]:
    """A region's name in a question, with the words around it that say what it is: `region r1`, `image1#r1`."""
    picture, _, region = name.partition(SEPARATOR)
    # Chinese writes no spaces around it.
    return re.compile(
        rf"(?i)(?:(?:the\s+)?(?:region|box|area)\s+|区域\s*)?(?<![A-Za-z0-9_#])(?:{picture}#)?{re.escape(region)}"
        r"(?![A-Za-z0-9_])"
    )
