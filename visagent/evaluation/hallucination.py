"""What captions make up: objects that are not there (CHAIR, AMBER) and claims that evidence contradicts (FaithScore).

Words are looked up in a vocabulary, as the authors do; which one, the caller says. Nothing here knows a data set.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from visagent.core.errors import InputError, VisagentError
from visagent.core.json_text import read_json
from visagent.core.words import singulars
from visagent.evaluation.benchmark import read_lines
from visagent.evaluation.bootstrap import Estimate, ratio
from visagent.evidence.values import Frozen

if TYPE_CHECKING:
    from visagent.agent.agent import Agent

LONGEST_PHRASE = 3
"""Words of an object's name at most."""
_MODIFIERS = frozenset(("baby", "adult", "passenger", "male", "female"))
"""Before another object's name these are no person: a baby bird, a passenger train (as CHAIR's authors have it)."""


class Caption(BaseModel):
    """A line of a file of captions.

    Attributes:
        image: Path of the picture, from the file's folder.
        image_id: Its number in COCO; either this or `image` is there.
        caption: What was said of it.
        objects: Names of what is there, where that is known.
        imagined: Names of what people are led to imagine there though it is not, where that is known (AMBER's `hallu`).
    """

    model_config = ConfigDict(frozen=True)
    image: str = ""
    image_id: int | None = None
    caption: str = Field(min_length=1)
    objects: tuple[str, ...] | None = None
    imagined: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the picture is called in a report."""
        return self.image or str(self.image_id)


class Mentioned(NamedTuple):
    """What a caption names of a vocabulary.

    Attributes:
        words: Each mention.
        wrong: The mentions of objects that are not there.
        covered: Objects of the picture that are named.
        imagined: Objects that are not there, that people are led to imagine, and that are named.
    """

    words: tuple[str, ...]
    wrong: tuple[str, ...]
    covered: frozenset[str]
    imagined: frozenset[str]


def mentions(text: str, known: Collection[str]) -> list[str]:
    """The words and phrases of a text that a vocabulary has, in order, the longest first, in the singular.

    >>> mentions("Two hot dogs and a baby bird on a wooden table.", {"hot dog", "dog", "baby", "bird", "table"})
    ['hot dog', 'bird', 'table']
    """
    words = re.findall(r"[a-z]+(?:'s)?", text.lower())
    found, at = [], 0
    while at < len(words):
        for length in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
            *first, last = words[at : at + length]
            forms = (" ".join([*first, form]) for form in (last, *singulars(last)))
            name = next((form for form in forms if form in known), None)
            if name is not None:
                found.append((name, at, at + length))
                at += length
                break
        else:
            at += 1
    starts = {start for _, start, _ in found}
    return [name for name, _, end in found if not (name in _MODIFIERS and end in starts)]


def judged(
    text: str,
    known: Collection[str],
    there: Mapping[str, str],
    imagined: Mapping[str, str],
    harmless: Collection[str] = (),
) -> Mentioned:
    """What a caption names that is there, and what it names that is not.

    Args:
        text: The caption.
        known: All words that are looked for.
        there: Words for what is there, each with the object that it means.
        imagined: Words for what people are led to imagine there, each with its object.
        harmless: Words that count as a mention and never as wrong.
    """
    words = mentions(text, known)
    return Mentioned(
        words=tuple(words),
        wrong=tuple(word for word in words if word not in there and word not in harmless),
        covered=frozenset(there[word] for word in words if word in there),
        imagined=frozenset(imagined[word] for word in words if word in imagined and word not in there),
    )


def object_scores(rows: Sequence[tuple[Mentioned, int, int]]) -> dict[str, Estimate]:
    """CHAIR and AMBER's scores of captions; captions are resampled.

    CHAIRi is the share of mentions that are wrong, CHAIRs (AMBER's Hal) the share of captions with a wrong one, Cover
    the share of what is there that is named, Cog the share of what people are led to imagine that is named. All but
    Cover are better the lower they are.

    Args:
        rows: What each caption names, how many objects are there, and how many are imagined.
    """
    scores = {
        "CHAIRi": ratio([(float(len(one.wrong)), float(len(one.words))) for one, _, _ in rows]),
        "CHAIRs": ratio([(float(bool(one.wrong)), 1.0) for one, _, _ in rows]),
        "Cover": ratio([(float(len(one.covered)), float(there)) for one, there, _ in rows]),
    }
    if any(imagined for _, _, imagined in rows):
        scores["Cog"] = ratio([(float(len(one.imagined)), float(imagined)) for one, _, imagined in rows])
    return scores


class CheckedCaption(Frozen):
    """What was found of one caption.

    Attributes:
        image: Its picture.
        caption: What was said.
        mentioned: Objects that it names.
        wrong: Mentioned objects that are not there; None where it is not known what is there.
        supported: Claims that the evidence supports.
        contradicted: Claims that it contradicts, in words.
        unverifiable: How many no expert can check.
        error: Why its claims were not checked; empty where they were.
    """

    image: str
    caption: str
    mentioned: tuple[str, ...] = ()
    wrong: tuple[str, ...] | None = None
    supported: int = 0
    contradicted: tuple[str, ...] = ()
    unverifiable: int = 0
    error: str = ""


def read_captions(file: Path, instances: Path | None = None) -> list[Caption]:
    """The captions of a file of JSON lines.

    Args:
        file: File with a `Caption` a line.
        instances: COCO's `instances_*.json`, which says what is there for captions with an `image_id`.

    Raises:
        InputError: a file is missing or not in the format; names the line.
    """
    captions = read_lines(file, Caption)
    for number, one in enumerate(captions, start=1):
        if not one.image and one.image_id is None:
            raise InputError(
                f"{file.name}, caption {number}: neither image nor image_id.", "Say which picture it is of."
            )
    return captions if instances is None else _with_instances(captions, instances)


def _with_instances(captions: Iterable[Caption], file: Path) -> list[Caption]:
    way_out = "Give COCO's instances_val2014.json or one in its form."
    try:
        stored = read_json(file.read_bytes())
        names = {one["id"]: str(one["name"]) for one in stored["categories"]}
        there: dict[int, set[str]] = {int(one["id"]): set() for one in stored.get("images", ())}
        for one in stored["annotations"]:
            there.setdefault(int(one["image_id"]), set()).add(names[one["category_id"]])
    except OSError as error:
        raise InputError(f"There is no file {file}.", way_out) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file.name} holds no instances: {type(error).__name__}: {error}.", way_out) from error
    return [
        one.model_copy(update={"objects": tuple(sorted(there[one.image_id]))})
        if one.objects is None and one.image_id in there
        else one
        for one in captions
    ]


def check_objects(
    captions: Sequence[Caption], vocabulary: Mapping[str, str]
) -> tuple[list[CheckedCaption], dict[str, Estimate]]:
    """Which objects captions name that are not there; captions of which that is not known are not scored.

    Args:
        captions: The captions to check.
        vocabulary: The object that each word means.

    Raises:
        InputError: a caption's object has a name that the vocabulary lacks, so that it could never be found.
    """
    known = set(vocabulary.values())
    checked, rows = [], []
    for one in captions:
        there = {name: vocabulary.get(name, name) for name in one.objects or ()}
        if unknown := [name for name in (*there.values(), *one.imagined) if name not in known]:
            raise InputError(
                f"{one.name}: no word of the vocabulary means {unknown[0]!r}.", "Give a vocabulary that has it."
            )
        present, led = set(there.values()), {vocabulary.get(name, name) for name in one.imagined}
        found = judged(
            one.caption,
            vocabulary.keys(),
            {word: name for word, name in vocabulary.items() if name in present},
            {word: name for word, name in vocabulary.items() if name in led},
        )
        wrong = None if one.objects is None else found.wrong
        checked.append(CheckedCaption(image=one.name, caption=one.caption, mentioned=found.words, wrong=wrong))
        if one.objects is not None:
            rows.append((found, len(present), len(led)))
    return checked, object_scores(rows) if rows else {}


async def check_claims(
    captions: Sequence[Caption], checked: Sequence[CheckedCaption], folder: Path, agent: Agent
) -> tuple[list[CheckedCaption], dict[str, Estimate]]:
    """How far captions are true to their pictures, claim by claim, by the agent's own experts.

    A picture that cannot be read is said, and the others are checked.

    Args:
        captions: Captions with pictures; those that have only a number are not checked.
        checked: What was found of them so far, in the same order.
        folder: Where the pictures lie.
        agent: The agent whose tools check.
    """
    found = []
    for one, known in zip(captions, checked, strict=True):
        if not one.image:
            found.append(known.model_copy(update={"error": "no path of its picture is given"}))
            continue
        try:
            result = await agent.averify(one.caption, folder / one.image)
        except VisagentError as error:
            found.append(known.model_copy(update={"error": f"{type(error).__name__}: {error}"}))
            continue
        by_verdict: dict[str, list[str]] = {}
        for claim in result.claims:
            by_verdict.setdefault(claim.verdict, []).append(claim.claim.words)
        update = {
            "supported": len(by_verdict.get("supported", ())),
            "contradicted": tuple(by_verdict.get("contradicted", ())),
            "unverifiable": len(by_verdict.get("unverifiable", ())),
        }
        found.append(known.model_copy(update=update))
    return found, claim_scores([one for one in found if not one.error])


def claim_scores(checked: Sequence[CheckedCaption]) -> dict[str, Estimate]:
    """Scores of captions whose claims were checked; captions are resampled.

    faithfulness is supported claims as a part of those that could be checked (after FaithScore), checkable the share
    that could be, and clean the share of captions without a contradicted claim.
    """
    if not checked:
        return {}
    table = [(float(one.supported), float(len(one.contradicted)), float(one.unverifiable)) for one in checked]
    return {
        "faithfulness": ratio([(good, good + bad) for good, bad, _ in table]),
        "checkable": ratio([(good + bad, good + bad + rest) for good, bad, rest in table]),
        "clean": ratio([(float(not bad), 1.0) for _, bad, _ in table]),
    }


def read_synonyms(file: Path) -> dict[str, str]:
    """A vocabulary in the form of CHAIR's `synonyms.txt`: an object a line, its name first, comma and space between.

    Raises:
        InputError: there is no such file, or it is empty.
    """
    try:
        lines = [line.strip().split(", ") for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {error}.", "Give a text file with an object a line.") from error
    if not lines:
        raise InputError(f"{file} is empty.", "Give a text file with an object a line.")
    return {word: names[0] for names in lines for word in names}
