"""What could not be told, and why, in the answer's language. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from visagent.answering.assumed import Assumed, assumed_objects
from visagent.answering.by_looks import are_among, are_unclear, looks_of, offers_undecided, unsettled
from visagent.answering.depth import Guess, depth_guess
from visagent.answering.findings import found_first
from visagent.answering.openness import DOUBTS, adds_years, doubted_objects, missing_choices, presupposed, unsure_areas
from visagent.answering.phrasing import Namer, Noun, Phrasebook
from visagent.answering.remarks import failure_in
from visagent.answering.same_sides import Sides, asked_alike, same_sides
from visagent.core.errors import is_own
from visagent.core.text import cleaned, one_line
from visagent.evidence.contents import items_of, notes_of
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Boolean, Boxes, Evidence, Failure, Number


class Untold(NamedTuple):
    """Why something is not told.

    Attributes:
        words: The sentence.
        cites: What it cites.
        instead_of: Sub-questions whose notes, and whose search in vain, it says already.
    """

    words: str
    cites: list[str]
    instead_of: Sequence[str] = ()


class Reasons:
    """Words for what a sub-question leaves untold, and what they cite.

    Args:
        book: The answer's language.
        namer: Names the results of the plan.
        tree: The plan.
        evidence: Evidence by sub-question id.
        asked: Names them in the question's words, where the detector looked for something broader; as `namer` for None.
    """

    def __init__(
        self,
        book: Phrasebook,
        namer: Namer,
        tree: QuestionTree,
        evidence: Mapping[str, Evidence],
        asked: Namer | None = None,
    ) -> None:
        self._book, self._namer, self._tree, self._evidence = book, namer, tree, evidence
        self._asked = asked or namer

    def untold(self, id_: str) -> Untold | None:
        """Why a sub-question with evidence is told nothing of; None where it is told what was found."""
        tree, evidence = self._tree, self._evidence
        if (sides := same_sides(tree, evidence, id_)) is not None:
            below = [one for one in tree.order if one in tree.with_needs([id_]) and one in evidence]
            return Untold(*self.set_apart(id_, sides), below)
        if (guess := depth_guess(tree, evidence, id_)) is not None:
            return Untold(*self.depth(id_, guess), [guess.a])
        if self._failed(id_):
            return Untold(*self.failure(id_))
        if (assumed := assumed_objects(tree, evidence, id_)) is not None:
            return Untold(*self.assumed(id_, assumed), [assumed.id])
        if years := adds_years(tree, evidence, id_):
            return Untold(*self.years(id_, years))
        if doubted := doubted_objects(tree, evidence, id_):
            return Untold(*self.in_doubt(id_, doubted), doubted)
        if told := offers_undecided(tree, evidence, id_):
            return Untold(self._book["undecided"], told)
        if hanging := self._hangs_on_looks(id_):
            return Untold(*self.no_face(id_, hanging), hanging)
        if unsure := unsure_areas(tree, evidence, id_):
            return Untold(*self.unsure_areas(id_, unsure), unsure)
        if missing := presupposed(tree, evidence, id_) or missing_choices(tree, evidence, id_):
            return Untold(*self.nothing_found(id_, missing[0]))
        return None

    def failure(self, id_: str) -> tuple[str, list[str]]:
        """What could not be told, and why: the reason of the failure that all others follow from."""
        cause = id_
        while failing := [need for need in self._tree[cause].needs if self._failed(need)]:
            cause = failing[0]
        cites = [id_, cause]
        failure, arguments = self._evidence[cause].value, self._tree[cause].solver.arguments
        assert isinstance(failure, Failure)
        needs = [need for need in self._tree[cause].needs if need in self._evidence]
        empty = [need for need in needs if items_of(self._evidence[need].value) == ()]
        if failure.error == "MissingInput" and empty:
            # "No bus was found" tells a person more than which argument lacked a value.
            first = found_first(self._tree, self._evidence, empty[-1])
            reason = self._book.render(self._book["not_found"], noun=self._namer.noun(first))
            cites.append(first)
        elif failure.error == "UnknownLabel" and "label" in arguments:
            # The message may name the label in another language than it was asked for.
            reason = self._book.render(self._book["unknown_label"], word=self._book.quote(str(arguments["label"])))
        elif failure.error == "UnknownLabel" and str(event := arguments.get("event")) in failure.message:
            words_too = "no such words are said or shown" in failure.message
            template = self._book["unknown_event" if words_too else "unknown_label"]
            reason = self._book.render(template, word=self._book.quote(str(event)))
        elif is_own(failure.error) and _reads_on(one_line(failure.message)):
            # Which tool says so stands in the tree.
            said = one_line(failure.message).rstrip(".").removeprefix(f"{self._tree[cause].solver.tool}: ")
            reason = failure_in(self._book, said)
        elif is_own(failure.error) and self._book["failures"]:
            # English words that are no sentence to read on are none in another language.
            reason = self._book["failures"]["other"].format(self._book.quote(failure.message))
        else:
            # The words of somebody else's exception may be anybody's.
            reason = self._book.quote(failure.message or failure.error)
        return self._sentence(id_, reason), cites

    def _failed(self, id_: str) -> bool:
        return id_ in self._evidence and self._evidence[id_].failed

    def nothing_found(self, id_: str, empty: str) -> tuple[str, list[str]]:
        """What cannot be told of a thing that the question takes for granted, since none was found."""
        first = found_first(self._tree, self._evidence, empty)
        reason = self._book.render(self._book["not_found"], noun=self._namer.noun(first))
        return self._sentence(id_, reason), [id_, first]

    def set_apart(self, id_: str, sides: Sides) -> tuple[str, list[str]]:
        """What cannot be told since it sets a thing against itself, as people against people."""
        a, b = (self._asked.noun(one) for one in sides)
        if asked_alike(self._tree, sides):
            return self._book.render(self._book["set_apart"]["plan"], a=a), [id_, sides.a]
        a, b = (self._counted(noun) for noun in (a, b))
        return self._book.render(self._book["set_apart"]["kind"], a=a, b=b), [id_, *sides]

    def _counted(self, noun: Noun) -> Noun:
        return noun.counted or noun

    def depth(self, id_: str, guess: Guess) -> tuple[str, list[str]]:
        """What is guessed to be behind a thing, or in front of it, and why."""
        names = {"a": self._namer.noun(guess.a), "n": guess.fitting, "behind": guess.behind}
        names |= {"b": self._namer.noun(guess.b)} if guess.b else {}
        kind = "unknown" if guess.fitting is None else "some" if guess.fitting else "none"
        return self._book.render(self._book["depth"][kind], **names), [id_, *filter(None, (guess.a, guess.b))]

    def assumed(self, id_: str, found: Assumed) -> tuple[str, list[str]]:
        """What cannot be told of things whose place alone is known, and why."""
        word, unseen = cleaned(found.note.words[0], 60), int(found.note.words[1])
        reason = self._book.render(self._book["assumed"][found.why], word=word, n=found.number, unseen=unseen)
        return self._sentence(id_, reason), [id_, found.id]

    def years(self, id_: str, years: Sequence[str]) -> tuple[str, list[str]]:
        """What cannot be told since it would add up years."""
        values = [self._evidence[one].value for one in years]
        shown = [value.written or "" for value in values if isinstance(value, Number)]
        reason = self._book.render(self._book["years"], listed=self._book.join(list(dict.fromkeys(shown))))
        return self._sentence(id_, reason), [id_, *years]

    def in_doubt(self, id_: str, doubted: Sequence[str]) -> tuple[str, list[str]]:
        """What cannot be told, since the detector, which counts and places, may have missed a thing."""
        note = next(note for note in notes_of(self._evidence[doubted[0]].value) if note.kind in DOUBTS)
        reason = self._book.render(self._book["notes"][note.kind], words=[cleaned(note.words[0], 60)])
        return self._sentence(id_, reason), [id_, *doubted]

    def _hangs_on_looks(self, id_: str) -> Sequence[str]:
        """The detections of people on which a number, a truth or a place hangs, as some of them show no face.

        What is said of people who are picked or shown is so, whoever they are.
        """
        value, tool = self._evidence[id_].value, self._tree[id_].solver.tool
        told = isinstance(value, Number | Boolean) or tool == "locate"
        shown = tool == "exists" and value == Boolean(value=True)
        return sorted(unsettled(self._tree, self._evidence, id_)) if told and not shown else []

    def no_face(self, id_: str, hanging: Sequence[str]) -> tuple[str, list[str]]:
        """What cannot be told of people since some show no face that tells, and how many look to be what was asked."""
        said = []
        for one in hanging:
            looks, counted = looks_of(self._evidence[one].value), self._evidence[one].value
            needs = [self._evidence[need].value for need in self._tree[id_].needs if need in self._evidence]
            if self._tree[id_].solver.tool == "count" and are_among(self._evidence[one], needs[0]):
                counted = needs[0]
            assert looks is not None and isinstance(counted, Boxes)
            unclear = are_unclear(self._evidence[one], counted)
            clear = len(counted.boxes) - unclear
            said.append(self._book.render(self._book["no_face"], noun=self._asked.noun(one), clear=clear, n=unclear))
        what, reason = self._asked.noun(id_).the, self._book["list"]["comma"].join(said)
        return self._book.render(self._book["failed"], what=what, reason=reason), [id_, *hanging]

    def unsure_areas(self, id_: str, unsure: Sequence[str]) -> tuple[str, list[str]]:
        """What cannot be told, since areas of a drawing may or may not be what is asked for."""
        label = next(note.words[0] for note in notes_of(self._evidence[unsure[0]].value) if note.kind == "areas")
        reason = self._book.render(self._book["unsure_areas"], words=[cleaned(label, 60)])
        return self._sentence(id_, reason), [id_, *unsure]

    def _sentence(self, id_: str, reason: str) -> str:
        noun = self._namer.noun(id_)
        template = self._book["failed_objects"] if noun.objects else self._book["failed"]
        return self._book.render(template, what=noun.all if noun.objects else noun.the, reason=reason)


def _reads_on(message: str) -> bool:
    """Whether a message is one sentence of ordinary characters that can end another one, its quotation marks closed."""
    if re.search(r"[^\w\s.,:;!?'\"“”()/%&*+=<>|~@#$€£°×–—…、，：（）-]", message) or not message.isprintable():
        return False
    closed = message.count('"') % 2 == 0 and message.count("“") == message.count("”")
    return closed and bool(message.strip(" .")) and not re.search(r"[.!?;]\s|[。！？；「」]", message)
