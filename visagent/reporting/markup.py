"""A run as pieces of HTML: its tree, its sentences with their citations, its pictures with the places they rest on.

The report and the app are made of these pieces. All text is escaped by the templates; links to media come from whoever
uses the pieces. Needs no script to be read; the app's script makes citations light up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from visagent.answering.sentences import CITATION
from visagent.evidence.answer import Claim
from visagent.evidence.contents import items_of, summary
from visagent.evidence.tree import QuestionTree, SubQuestion
from visagent.evidence.values import Boolean, Boxes, Evidence, Spans, Tracks, Value
from visagent.media.media import MediaInfo
from visagent.media.regions import SEPARATOR
from visagent.planning.prompts import LANGUAGES
from visagent.reporting.labels import Label, labels_of
from visagent.reporting.marks import RGB, Mark, color_of, pointed
from visagent.reporting.provenance import Ground, grounds, own_grounds

if TYPE_CHECKING:
    from jinja2 import Environment

_TIME = re.compile(
    r"(?P<media>(?:video|audio)[1-9]\d{0,3})@(?P<start>\d{1,6}(?:\.\d{1,3})?)(?:-\d{1,6}(?:\.\d{1,3})?)?s\b"
)
"""A time of a clip as `visagent.evidence.spans.moment` writes it."""
Words = Mapping[str, Any]
"""What the pieces say in words of their own, by key."""


@dataclass(frozen=True)
class Seen:
    """What is known of a run at one moment, finished or not.

    Attributes:
        tree: The plan.
        evidence: Evidence so far, by sub-question id.
        media: Media by the names that plans use.
        running: Ids that are being answered now.
    """

    tree: QuestionTree
    evidence: Mapping[str, Evidence]
    media: Mapping[str, MediaInfo]
    running: frozenset[str] = frozenset()

    def grounds(self, id_: str) -> tuple[Ground, ...]:
        """What a citation of a sub-question points at."""
        return grounds(id_, self.tree, self.evidence, self.media)


@cache
def words(language: str) -> Words:
    """The pieces' own words.

    Args:
        language: `en` or `zh`; any other is answered in English.
    """
    import yaml

    known: dict[str, Words] = yaml.safe_load(
        files("visagent.reporting").joinpath("templates/words.yaml").read_text("utf-8")
    )
    return known[language if language in LANGUAGES else "en"]


def stylesheet() -> str:
    """The CSS of the pieces."""
    return files("visagent.reporting").joinpath("templates/run.css").read_text("utf-8")


@cache
def environment() -> Environment:
    """Jinja2 with every value escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("visagent.reporting"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"clock": clock, "duration": duration}
    return made


def duration(seconds: float) -> str:
    """Seconds as a person reads them.

    >>> duration(0.0123), duration(2.34), duration(75)
    ('12 ms', '2.3 s', '1:15')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def clock(seconds: float) -> str:
    """A moment of a clip.

    >>> clock(75.4)
    '1:15'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def tree_html(seen: Seen, language: str, *, editable: bool = False, anchor: str = "") -> str:
    """The tree, each sub-question folded, child below the parent that reads it.

    Args:
        seen: What is known of the run.
        language: Language of the pieces' own words.
        editable: Whether each sub-question has a button with the event `edit`.
        anchor: Goes before the ids in links, so that two trees on one page do not share them.
    """
    return str(parts().tree(rows(seen, language, anchor), words(language), editable))


def claims_html(claims: Sequence[Claim], seen: Seen, language: str, *, anchor: str = "") -> str:
    """Sentences with their citations as links and their verdicts to be seen."""
    return str(parts().claims(sentences(claims, seen, anchor), words(language)))


def stage_html(stage: Stage, language: str, *, live: bool = False) -> str:
    """One medium with its marks.

    Args:
        stage: What to show.
        language: Language of the pieces' own words.
        live: Whether a script is there to serve the buttons.
    """
    return str(parts().stage(stage, words(language), live))


@dataclass(frozen=True)
class Row:
    """One line of the tree as it is shown."""

    node: SubQuestion
    state: str
    found: Evidence | None
    summary: str
    lights: str
    anchor: str
    repeated: bool
    children: Sequence[Row]


def rows(seen: Seen, language: str, anchor: str = "") -> list[Row]:
    """The tree's lines, one a sink, their children in them; what two parents read stands below the first one."""
    shown: set[str] = set()
    said = words(language)

    def row(id_: str) -> Row:
        node, found = seen.tree[id_], seen.evidence.get(id_)
        repeated = id_ in shown
        shown.add(id_)
        if found is not None:
            state = "failed" if found.failed else "done"
        else:
            state = "running" if id_ in seen.running else "waiting"
        text = _found(found.value, said) if found else ""
        children = () if repeated else tuple(row(need) for need in node.needs)
        return Row(node, state, found, text, _lights(seen.grounds(id_)), anchor, repeated, children)

    return [row(sink) for sink in seen.tree.sinks]


@dataclass(frozen=True)
class Stage:
    """One medium as it is shown.

    Attributes:
        name: Name as plans call it.
        info: What is known of it.
        url: Where its content is; None where it cannot be shown.
        seen_url: Where it is as the detector sees it; None where that is not offered.
        marks: Rectangles over it.
        removable: Whether it has a button with the event `drop`.
    """

    name: str
    info: MediaInfo
    url: str | None
    seen_url: str | None = None
    marks: Sequence[Mark] = ()
    removable: bool = False

    @property
    def width(self) -> int:
        """Pixels."""
        return self.info.width or 1

    @property
    def height(self) -> int:
        """Pixels."""
        return self.info.height or 1

    @property
    def letter(self) -> float:
        """Size of the marks' letters, in pixels of the picture."""
        return round(max(11.0, math.sqrt(self.width * self.height) / 32), 1)

    @property
    def corner(self) -> float:
        """Radius of the marks' corners, in pixels of the picture."""
        return round(self.letter / 4, 1)

    @cached_property
    def labelled(self) -> list[tuple[Mark, Label]]:
        """The marks, each with what is written at it."""
        labels = labels_of(self.marks, (self.width, self.height), self.letter)
        return list(zip(self.marks, labels, strict=True))

    @property
    def regions(self) -> list[Mark]:
        """What a person has pointed at: no sub-question found it."""
        return [mark for mark in self.marks if not mark.id]

    @property
    def listed(self) -> list[tuple[Mark, Label]]:
        """The marks that are numbered, for the list beside the picture."""
        return [(mark, label) for mark, label in self.labelled if label.number is not None]


def stages(
    seen: Seen,
    cited: Collection[str],
    url: Callable[[str], str | None],
    *,
    seen_url: Callable[[str], str | None] = lambda name: None,
    removable: bool = False,
    names: Collection[str] | None = None,
) -> list[Stage]:
    """The media with what was found in them.

    Args:
        seen: What is known of the run.
        cited: Ids that the answer cites: what they point at is marked from the start, the rest when it is pointed at.
        url: Where a medium's content is, by its name.
        seen_url: Where it is as the detector sees it.
        removable: Whether each has a button with the event `drop`.
        names: Names of the media that are wanted; None for all.
    """
    about = {ground for id_ in cited for ground in seen.grounds(id_)}
    colors = {id_: color_of(at) for at, id_ in enumerate(seen.tree.order)}
    here: dict[str, list[Ground]] = {}
    for id_ in seen.tree.order:
        for ground in own_grounds(seen.evidence[id_], seen.media) if id_ in seen.evidence else ():
            if ground.xyxy is not None:
                here.setdefault(ground.media, []).append(ground)
    made = []
    for name, info in seen.media.items():
        if SEPARATOR in name or (names is not None and name not in names):
            continue
        bare = Stage(name, info, url(name), seen_url(name), removable=removable)
        marks = (*pointed(name, seen.media), *_marks(here.get(name, ()), about, colors))
        made.append(Stage(name, info, bare.url, bare.seen_url, marks, removable))
    return made


def _marks(here: Sequence[Ground], about: Collection[Ground], colors: Mapping[str, RGB]) -> Iterator[Mark]:
    for ground in here:
        assert ground.xyxy is not None
        yield Mark(ground.xyxy, ground.label, colors[ground.id], ground in about, ground.id, ground.start, ground.mask)


def _sentence(claim: Claim, seen: Seen, anchor: str) -> dict[str, Any]:
    """A claim cut at its citations."""
    parts: list[dict[str, Any]] = []
    end = 0
    for match in CITATION.finditer(claim.text):
        parts += _timed(claim.text[end : match.start()], seen)
        end = match.end()
        for id_ in re.findall(r"q\d+", match[1]):
            places = seen.grounds(id_)
            timed = next((place for place in places if place.start is not None), None)
            parts.append(
                {
                    "id": id_,
                    "anchor": anchor,
                    "lights": _lights(places),
                    "jump": timed.start if timed else None,
                    "media": timed.media if timed else "",
                }
            )
    parts += _timed(claim.text[end:], seen)
    return {"verdict": claim.verdict, "parts": parts, "before": claim.before}


def _timed(text: str, seen: Seen) -> Iterator[dict[str, Any]]:
    """A text cut at the times of clips in it, such as `video1@12.3-15.0s`, to which a page can jump."""
    end = 0
    for match in _TIME.finditer(text):
        if match["media"] not in seen.media:
            continue
        yield {"id": "", "text": text[end : match.start()], "jump": None}
        start = float(match["start"])
        anchor = time_anchor(match["media"], start)
        yield {"id": "", "text": match[0], "jump": start, "media": match["media"], "anchor": anchor}
        end = match.end()
    yield {"id": "", "text": text[end:], "jump": None}


def time_anchor(media: str, start: float) -> str:
    """The name by which a link on a page refers to a time of a clip."""
    return f"at-{media}-{start:.1f}"


def sentences(claims: Sequence[Claim], seen: Seen, anchor: str = "") -> list[dict[str, Any]]:
    """Claims as the templates take them."""
    return [_sentence(claim, seen, anchor) for claim in claims]


def _lights(places: Sequence[Ground]) -> str:
    return " ".join(dict.fromkeys(place.id for place in places))


def _found(value: Value, said: Words) -> str:
    """`evidence.summary` in the reader's language, as far as it has words."""
    match value:
        case Boxes() | Tracks() | Spans():
            number = len(items_of(value) or ())
            return str(said[value.type]["one" if number == 1 else "many"].format(n=number))
        case Boolean(value=truth):
            return str(said["yes_" if truth else "no_"])
    return summary(value)


@cache
def parts() -> Any:
    """The macros of the pieces."""
    return environment().get_template("parts.html.j2").module
