"""The numbers by which an answer calls pictures and pages: a page's own, a picture's place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from visagent.media.media import MediaInfo


class Numbering:
    """The numbers of a run's pictures.

    Args:
        media: Media by the names that plans use; without any, a picture's number is its place among those searched.
    """

    def __init__(self, media: Mapping[str, MediaInfo] | None = None) -> None:
        pictures = {name: info for name, info in (media or {}).items() if info.kind == "image" and info.region is None}
        documents = {info.document or info.name for info in pictures.values() if info.page is not None}
        self.pages = len(documents) == 1 and all(info.page is not None for info in pictures.values())
        """Whether all of them are pages of one document."""
        self._numbers = {
            info.hash: info.page if self.pages and info.page else int(name.removeprefix("image"))
            for name, info in pictures.items()
        }

    def of(self, media: Iterable[str | None], searched: Sequence[str]) -> list[int]:
        """The numbers of some of the pictures that were searched, in order.

        Args:
            media: Their content hashes.
            searched: Names of all pictures that were searched.
        """
        some = {one for one in media if one in searched}
        return sorted({self._numbers.get(one) or searched.index(one) + 1 for one in some if one is not None})
