"""A standing question about a live source: "tell me when a person enters r1". Plans nothing and keeps nothing.

The question is taken apart by a small grammar, once; then the agent's own `detect` looks at each picture. So what
stands in a picture can change neither what is looked for nor what is done.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from PIL import Image
from pydantic import AwareDatetime, Field

from visagent.core.errors import QuestionError, ToolError
from visagent.evidence.contents import notes_of
from visagent.evidence.overlap import lies_in
from visagent.evidence.tree import SubQuestion, ToolCall
from visagent.evidence.values import XYXY, Box, Boxes, Failure, Frozen, Value
from visagent.media.live import LivePicture, LiveSource, Over, Silence
from visagent.media.media import Media
from visagent.media.regions import MediaRegion
from visagent.tools.executor import ToolExecutor
from visagent.tools.services import step_for

if TYPE_CHECKING:
    from visagent.agent.agent import Agent

STEADY = 2
"""Pictures in a row in which a thing must be seen, or not be seen, before it has come or gone: one may be an error."""
FORMS = 'Ask, for example: "tell me when a person enters r1", "when a dog appears", "when the car leaves r2".'
_COMES = ("enter", "appear", "come", "show", "is in", "is seen", "arrive")
_ENGLISH = re.compile(
    r"(?:please\s+)?(?:(?:tell|alert|notify|warn)\s+me|let\s+me\s+know|say)?\s*(?:when(?:ever)?|if|once)\s+"
    r"(?:an?|the|any|some|another)?\s*(?P<label>[\w -]{2,40}?)\s+"
    r"(?P<verb>enters?|appears?|comes?|shows?\s+up|is\s+in|is\s+seen|arrives?|leaves?|disappears?|goes)"
    r"(?:\s+(?:in(?:to)?|at|from|out\s+of|to|away))?(?:\s+(?:the\s+)?(?:region\s+|picture\b)?(?P<region>[\w#-]{1,40})?)?\s*[.!?]?",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?:请)?(?:当|如果|一旦)?(?:有|看到)?(?P<label>[\u4e00-\u9fff]{1,8}?)(?P<verb>进入|出现|来到|离开|消失)(?:在|于)?"
    r"(?:区域)?\s*(?P<region>[\w#-]{1,40}?)?\s*(?:时|的时候)?[，,]?\s*(?:请)?(?:告诉我|通知我|提醒我)?[。！]?"
)


class Noticed(Frozen):
    """A thing has come, or has gone.

    Attributes:
        at: When it was noticed.
        seconds: Seconds from the first picture of the source on.
        label: What it is, as the question calls it.
        region: Where; None for anywhere in the picture.
        boxes: Where it is seen, in pixels of the picture; empty for what has gone.
        name: Name of the picture's file, in a folder.
        broader: Word for what the detector finds, where it cannot tell which of these are what was asked for.
    """

    type: Literal["entered", "left"]
    at: AwareDatetime
    seconds: float = Field(ge=0)
    label: str
    region: str | None = None
    boxes: tuple[Box, ...] = ()
    name: str = ""
    broader: str | None = None


class Stalled(Frozen):
    """The source gives no pictures; reported once for each gap."""

    type: Literal["stalled"] = "stalled"
    seconds: float


class Ended(Frozen):
    """The source is over: the last event."""

    type: Literal["ended"] = "ended"
    seconds: float
    pictures: int
    problem: str = ""
    """Why a stream broke off; empty where it has come to its end."""


WatchEvent = Noticed | Stalled | Ended


@dataclass(frozen=True)
class Standing:
    """What is waited for.

    Attributes:
        label: Label of the thing.
        event: Whether it is to come or to go.
        region: Where; None for anywhere.
    """

    label: str
    event: Literal["entered", "left"]
    region: str | None = None


def standing(question: str, regions: Mapping[str, Sequence[float]]) -> Standing:
    """A standing question taken apart.

    Args:
        question: Question in English or Chinese.
        regions: That it may name.

    Raises:
        QuestionError: it has another form, or names a region that there is not.
    """
    text = " ".join(question.split())
    match = _ENGLISH.fullmatch(text) or _CHINESE.fullmatch(text)
    if match is None:
        raise QuestionError(f"This is no question to wait with: {text[:80]!r}.", FORMS)
    verb, region = match["verb"].lower(), match["region"]
    comes = verb.startswith(_COMES) or verb in ("进入", "出现", "来到")
    known = {name.rpartition("#")[2] for name in regions}
    if region is not None:
        region = region.rpartition("#")[2]
        if region not in known:
            raise QuestionError(f"There is no region {region[:40]!r}.", "Name it: --region r1=LEFT,TOP,RIGHT,BOTTOM.")
    elif len(known) == 1:
        (region,) = known
    return Standing(match["label"].strip().lower(), "entered" if comes else "left", region)


async def watch(
    agent: Agent, source: LiveSource, question: str, regions: Mapping[str, Sequence[float]] | None = None
) -> AsyncIterator[WatchEvent]:
    """What happens at a source, as it happens, until it ends; a folder, or a camera, does not.

    Args:
        agent: Lends its tools and profile; nothing is kept in its home.
        source: What is watched.
        question: See `FORMS`.
        regions: Rectangles by name, in pixels of the source's pictures.

    Raises:
        QuestionError: as `standing`.
        MediaError: the source cannot be read, gave nothing for long, or a region does not lie in its pictures.
        ToolError: the detector cannot look for what is asked; found out before the first picture.
    """
    wanted = standing(question, regions or {})
    await _recognisable(agent, wanted)
    box = next(
        (tuple(xyxy) for name, xyxy in (regions or {}).items() if name.rpartition("#")[2] == wanted.region), None
    )
    there, streak, count, seconds = False, 0, 0, 0.0
    async for shown in source.pictures():
        if isinstance(shown, Silence):
            yield Stalled(seconds=round(shown.seconds, 1))
            continue
        if isinstance(shown, Over):
            yield Ended(seconds=round(seconds, 3), pictures=count, problem=shown.problem)
            return
        count, seconds = count + 1, shown.seconds
        found, broader = await _looked(agent, shown, wanted, box)
        if source.is_folder:
            if bool(found) == (wanted.event == "entered"):
                yield _noticed(wanted, shown, found, broader)
            continue
        streak = streak + 1 if bool(found) != there else 0
        if streak < STEADY:
            continue
        there, streak = not there, 0
        if there == (wanted.event == "entered"):
            yield _noticed(wanted, shown, found, broader)


def _noticed(wanted: Standing, shown: LivePicture, found: Sequence[Box], broader: str | None) -> Noticed:
    return Noticed(
        type=wanted.event,
        at=datetime.now(UTC),
        seconds=round(shown.seconds, 3),
        label=wanted.label,
        region=wanted.region,
        boxes=tuple(found),
        name=shown.name,
        broader=broader,
    )


async def _recognisable(agent: Agent, wanted: Standing) -> None:
    """Check that the detector can look for what is waited for: nobody should wait in vain for what it does not know.

    Raises:
        ToolError: it cannot.
    """
    value = await _found(agent, Media.load(Image.new("RGB", (64, 64), "gray")), wanted)
    if isinstance(value, Failure):
        raise ToolError(value.message, value.remedy)


async def _looked(
    agent: Agent, shown: LivePicture, wanted: Standing, region: Sequence[float] | None
) -> tuple[list[Box], str | None]:
    """The things that are waited for, in a picture or in its region; and the broader word for them, if need be."""
    medium = Media.load(shown.picture)
    within: XYXY | None = None
    if region is not None and wanted.region is not None:
        # Checks that it lies in the picture.
        within = MediaRegion(medium, wanted.region, region).info.region
    value = await _found(agent, medium, wanted)
    if isinstance(value, Failure):
        raise ToolError(value.message, value.remedy)
    broader = next((note.words[1] for note in notes_of(value) if note.kind == "broader"), None)
    found = value.boxes if isinstance(value, Boxes) else ()
    # Who merely may be what was asked for is no reason to speak up.
    boxes = [box for box in found if not box.unclear]
    return [box for box in boxes if within is None or lies_in(box.xyxy, within)], broader


async def _found(agent: Agent, medium: Media, wanted: Standing) -> Value:
    expert = ToolExecutor(
        agent.tools, {"image1": medium}, agent.profile.budget, options=agent.profile.tools, home=agent.home
    )
    step = step_for(agent.tools, "find", "image1", wanted.label)
    call = ToolCall(tool=str(step.pop("tool")), arguments=step)
    return (await expert.answer(SubQuestion(id="q1", question=wanted.label, solver=call), {})).value
