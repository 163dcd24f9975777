"""Whether an answer rests on what it cites: the cited place is changed, and the question is asked again. Knows no tool.

An answer that stays though the place was changed that it cites did not come from there. Some answers change whatever is
done to a picture, so a place of the same size elsewhere is changed as well, and what counts is the difference: both on
the same questions, with the paired bootstrap's interval. There is no gold answer in it.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, Field

from visagent.answering.forms import words_of
from visagent.answering.sentences import CITATION
from visagent.core.config import Mode, Profile
from visagent.core.errors import ConfigError, InputError, VisagentError
from visagent.core.files import is_file
from visagent.evaluation.agent_benchmark import AGENT
from visagent.evaluation.benchmark import read_lines
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.evaluation.paired import Difference, paired_difference
from visagent.evaluation.questions import load_medium
from visagent.evaluation.run_folder import INFO, profile_digest, read_run
from visagent.evidence.answer import Answer
from visagent.evidence.values import Boolean, Boxes, Frozen, Labels, Look, Number, Value
from visagent.media.media import Media
from visagent.reporting.provenance import Ground, grounds
from visagent_apps.media_edits import LARGEST, Edit, Place, edited, places_elsewhere

if TYPE_CHECKING:
    from visagent.agent.agent import Agent

SAME_PLACE = 0.5
"""Intersection over union from which a box counts as found again."""


class Asked(NamedTuple):
    """A question with its media."""

    id: str
    question: str
    media: Sequence[Media]


class Probe(Frozen):
    """One question asked three times: as it is, with the cited places changed, and with others of their size changed.

    Attributes:
        id: Id of the question.
        edit: How the places were changed.
        question: Question as it was asked.
        mode: How the run went about it.
        tools: The tools whose evidence the places are.
        cited: What the answer cites and was changed.
        control: What was changed instead.
        answer: To the media as they are.
        answer_cited: The answer with the cited places changed.
        answer_control: The answer with the control places changed.
        changed_cited: Whether the answer is another one with the cited places changed.
        changed_control: Whether it is with the others changed.
        left_out: Why there is no comparison; empty where there is one.
    """

    id: str
    edit: Edit
    question: str
    mode: str = ""
    tools: tuple[str, ...] = ()
    cited: tuple[Place, ...] = ()
    control: tuple[Place, ...] = ()
    answer: str = ""
    answer_cited: str = ""
    answer_control: str = ""
    changed_cited: bool = False
    changed_control: bool = False
    left_out: str = ""


class SeenRate(Frozen):
    """How often answers follow what they cite.

    Attributes:
        name: Name of the group: `all`, a tool or a mode.
        unseen: Share of answers that stay though what they cite is changed.
        changed_control: Share of answers that change though what they cite is not changed.
        effect: How much more often an answer changes with what it cites than with a place of the same size.
    """

    name: str
    unseen: Estimate
    changed_control: Estimate
    effect: Difference


class CounterfactualReport(Frozen):
    """What was found, for each way of changing.

    Attributes:
        asked: Questions.
        rates: Rates by the way of changing: for all, for each tool, and for each mode where there are several.
        left_out: Reasons, with how many questions each leaves out, by the way of changing.
    """

    asked: int = Field(ge=1)
    rates: dict[Edit, tuple[SeenRate, ...]]
    left_out: dict[Edit, dict[str, int]]


class _Line(BaseModel):
    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    media: tuple[str, ...] = Field(min_length=1)


def read_asked(
    source: Path, folder: Path | None = None, roots: Mapping[str, Path] | None = None
) -> tuple[list[Asked], dict[str, str]]:
    """Questions with their media, and by id what cannot be asked, with the reason.

    Args:
        source: JSON lines with `id`, `question` and `media`, or the folder of an evaluation.
        folder: Where the media lie; None for beside the file.
        roots: Folders by the name that stands before the colon of a medium.

    Raises:
        InputError: the file or folder cannot be read, names the line; or no question can be asked.
    """
    if is_file(source / INFO):
        lines = [_Line(id=a.id, question=a.question, media=a.media) for a in read_run(source).of(AGENT).values()]
        base = folder or Path()
    else:
        lines, base = read_lines(source, _Line), folder or source.parent
    found: dict[str, Asked] = {}
    left_out: dict[str, str] = {}
    for line in lines:
        if line.id in found:
            left_out[line.id] = "the id stands twice; the first one is asked"
            continue
        try:
            found[line.id] = Asked(line.id, line.question, [load_medium(one, base, roots) for one in line.media])
        except VisagentError as error:
            left_out[line.id] = str(error)
    if not found:
        raise InputError(f"{source} has no question that can be asked.", next(iter(left_out.values()), "Give some."))
    return list(found.values()), left_out


def recorded_answers(source: Path, profile: Profile, mode: Mode) -> dict[str, Answer]:
    """By question what an evaluation answered, where it is one of the same profile in the same mode; else nothing.

    Args:
        source: See `read_asked`.
        profile: Profile of the agent that is probed.
        mode: How it answers a question.

    Raises:
        InputError: a line of the evaluation cannot be read.
    """
    if not is_file(source / INFO):
        return {}
    run = read_run(source)
    if (run.info.profile_digest, run.info.mode) != (profile_digest(profile), mode):
        return {}
    return {id_: Answer.model_validate(a.answer) for id_, a in run.of(AGENT).items() if a.answer is not None}


def other_pictures(items: Sequence[Asked]) -> dict[str, Media | None]:
    """For each question a picture of another one, which replaces what it cites; None where there is none."""
    pictures = [(item.id, medium) for item in items for medium in item.media if medium.kind == "image"]
    found: dict[str, Media | None] = {}
    for at, item in enumerate(items):
        own = {medium.hash for medium in item.media}
        later = [*pictures[at:], *pictures[:at]]
        found[item.id] = next((medium for _, medium in later if medium.hash not in own), None)
    return found


async def probe(
    agent: Agent,
    item: Asked,
    edit: Edit,
    *,
    mode: Mode = "auto",
    other: Media | None = None,
    seed: int = 0,
    answers: dict[str, Answer] | None = None,
) -> Probe:
    """Ask a question three times: see `Probe`.

    Args:
        agent: Who answers.
        item: What is asked.
        edit: How places are changed.
        mode: How the agent answers it.
        other: A picture for `replace`.
        seed: Seed of the places that are changed instead.
        answers: What was answered to the media as they are, by question; kept there for a probe with another edit.

    Raises:
        ConfigError: the agent cannot be asked in this mode.
    """
    found = Probe(id=item.id, edit=edit, question=item.question)
    try:
        known = {} if answers is None else answers
        if item.id not in known:
            known[item.id] = await agent.aask(item.question, *item.media, mode=mode)
        answer = known[item.id]
        found = found.model_copy(update={"mode": answer.mode, "answer": answer.text})
        loaded = {name: Media.loaded(info.hash) for name, info in answer.media.items()}
        cited, tools = cited_places(answer)
        names = list(dict.fromkeys(place.media for place in cited))
        by_name = {name: medium for name in names if (medium := loaded.get(name)) is not None}
        if reason := _unfit(answer, cited, by_name):
            return found.model_copy(update={"tools": tools, "left_out": reason})
        control: list[Place] = []
        for number, (name, medium) in enumerate(by_name.items()):
            # Not `hash`, which differs from process to process.
            start = zlib.crc32(f"{seed} {item.id} {number}".encode())
            elsewhere = places_elsewhere(medium, [place for place in cited if place.media == name], start)
            if elsewhere is None:
                return found.model_copy(update={"tools": tools, "left_out": "no room for a place of the same size"})
            control += elsewhere
        again = [
            await agent.aask(item.question, *changed_media(item, by_name, places, edit, other), mode=mode)
            for places in (cited, control)
        ]
    except ConfigError:
        raise
    except VisagentError as error:
        return found.model_copy(update={"left_out": f"{type(error).__name__}: {error.fact}"})
    return found.model_copy(
        update={
            "tools": tools,
            "cited": tuple(cited),
            "control": tuple(control),
            "answer_cited": again[0].text,
            "answer_control": again[1].text,
            "changed_cited": not same_answer(answer, again[0]),
            "changed_control": not same_answer(answer, again[1]),
        }
    )


def changed_media(
    item: Asked, by_name: Mapping[str, Media], places: Sequence[Place], edit: Edit, other: Media | None
) -> list[Media]:
    """The question's media, with places changed in those that are named."""
    names = {medium.hash: name for name, medium in by_name.items()}
    changed = []
    for medium in item.media:
        here = [place for place in places if place.media == names.get(medium.hash)]
        changed.append(edited(medium, here, edit, other.image() if other else None) if here else medium)
    return changed


def cited_places(answer: Answer) -> tuple[list[Place], tuple[str, ...]]:
    """The places that an answer cites, and the tools that found them.

    Of a text that was read, only the lines whose words stand in the answer count, where there are such lines. What is
    cited without a place (a class of the whole picture, nothing found) gives none.
    """
    cites = dict.fromkeys(id_ for claim in answer.claims for id_ in claim.cites)
    found = [
        ground for id_ in cites for ground in grounds(id_, answer.tree, answer.evidence, answer.media) if _local(ground)
    ]
    said = " ".join(answer.text.casefold().split())
    quoted = [one for one in found if answer.evidence[one.id].value.type in ("text", "transcript")]
    standing = [one for one in quoted if one.label and one.label.casefold().rstrip("….,!?") in said]
    if standing:
        found = [one for one in found if one not in quoted or one in standing]
    places = dict.fromkeys(Place(media=one.media, xyxy=one.xyxy, start=one.start, end=one.end) for one in found)
    return list(places), tuple(dict.fromkeys(answer.evidence[one.id].tool for one in found))


def _local(ground: Ground) -> bool:
    return ground.xyxy is not None or (ground.start is not None and ground.end is not None)


def _unfit(answer: Answer, cited: Sequence[Place], by_name: Mapping[str, Media]) -> str:
    """Why nothing can be compared; empty where something can."""
    if answer.status == "unanswered":
        return "it is not answered"
    if not cited:
        return "the answer cites no place"
    kinds = {medium.kind for medium in by_name.values()}
    if "video" in kinds or {place.media for place in cited} != by_name.keys():
        return "the answer cites a place in a clip, or on a part of a picture"
    if any(sum(p.share(medium) for p in cited if p.media == name) > LARGEST for name, medium in by_name.items()):
        return "the answer cites most of a medium"
    return ""


def same_answer(one: Answer, other: Answer) -> bool:
    """Whether two answers say the same: by what evidence found, not how sure it is; by the words where there is none.

    Boxes are the same where each is found again at about the same place.
    """
    if one.status != other.status:
        return False
    first, second = (_found(answer) for answer in (one, other))
    if first and second:
        return len(first) == len(second) and all(_same(a, b) for a, b in zip(first, second, strict=True))
    return _plain(one.text) == _plain(other.text)


def _found(answer: Answer) -> list[Value]:
    return [answer.evidence[sink].value for sink in answer.tree.sinks if sink in answer.evidence]


def _same(one: Value, other: Value) -> bool:
    if one.type != other.type:
        return False
    match one, other:
        case Number(value=a), Number(value=b):
            return abs(a - b) < 1e-6
        case Boolean(value=a), Boolean(value=b):
            return a is b
        case Labels(labels=a), Labels(labels=b):
            # A classifier's first guess is what is said; the rest of its list moves with any pixel.
            return [label.name for label in a[:1]] == [label.name for label in b[:1]]
        case Look(text=a), Look(text=b):
            return _plain(a) == _plain(b)
        case Boxes(boxes=a), Boxes(boxes=b):
            return len(a) == len(b) and all(any(_again(box.xyxy, x.xyxy) for x in b) for box in a)
    return [_plain(word) for word in words_of(one)] == [_plain(word) for word in words_of(other)]


def _again(one: Sequence[float], other: Sequence[float]) -> bool:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return False
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (both - width * height) >= SAME_PLACE


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in CITATION.sub("", text).casefold()).split())


def counterfactual_report(probes: Iterable[Probe]) -> CounterfactualReport:
    """How often answers follow what they cite.

    Raises:
        InputError: nothing was asked.
    """
    by_edit: dict[Edit, list[Probe]] = {}
    for one in probes:
        by_edit.setdefault(one.edit, []).append(one)
    if not by_edit:
        raise InputError("Nothing was asked.", "Give at least one question.")
    rates: dict[Edit, tuple[SeenRate, ...]] = {}
    left_out: dict[Edit, dict[str, int]] = {}
    for edit, asked in by_edit.items():
        kept = [one for one in asked if not one.left_out]
        left_out[edit] = dict(Counter(one.left_out for one in asked if one.left_out).most_common())
        groups: dict[str, list[Probe]] = {"all": kept}
        for one in kept:
            for tool in one.tools:
                groups.setdefault(tool, []).append(one)
        if len(modes := {one.mode for one in kept}) > 1:
            groups |= {f"mode {mode}": [one for one in kept if one.mode == mode] for mode in sorted(modes)}
        rates[edit] = tuple(_rate(name, group) for name, group in groups.items() if group)
    return CounterfactualReport(
        asked=len({one.id for asked in by_edit.values() for one in asked}), rates=rates, left_out=left_out
    )


def _rate(name: str, group: Sequence[Probe]) -> SeenRate:
    effect = paired_difference(
        {one.id: float(one.changed_control) for one in group}, {one.id: float(one.changed_cited) for one in group}
    )
    assert effect is not None
    return SeenRate(
        name=name,
        unseen=mean([float(not one.changed_cited) for one in group]),
        changed_control=mean([float(one.changed_control) for one in group]),
        effect=effect,
    )
