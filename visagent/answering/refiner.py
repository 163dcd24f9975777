"""The refiner by rules: evidence in, a short cited answer out. Pure: the same evidence always gives the same words.

Played where no model is large enough to write. Every sentence says what one sink of the tree found and cites it; what
failed is said to have failed. Text from media only ever stands between quotation marks, shortened and without markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue

from visagent.answering.asked import asks_to_choose, asks_which
from visagent.answering.by_looks import looks_of, named_broadly, rests_on_looks, ruled_out, unsettled
from visagent.answering.findings import empty_searches, merged_misses, source_of_rejected, with_shared_kinds
from visagent.answering.numbering import Numbering
from visagent.answering.openness import (
    answers_only_part,
    broader_objects,
    in_other_script,
    in_other_words,
    is_guess,
    is_unrequested_description,
)
from visagent.answering.phrasing import Namer, Phrasebook, media_names, phrasebook
from visagent.answering.reasons import Reasons
from visagent.answering.remarks import LISTED, left_out, refusal
from visagent.answering.value_words import HEDGED_BELOW, ValueWords, plain_number
from visagent.core.text import cleaned, one_line
from visagent.evidence.answer import Claim
from visagent.evidence.contents import items_of, notes_of
from visagent.evidence.tree import QuestionTree, references
from visagent.evidence.values import (
    Boolean,
    Boxes,
    Evidence,
    Failure,
    Labels,
    Line,
    Look,
    Note,
    Number,
    Text,
    Transcript,
    Value,
)
from visagent.media.media import MediaInfo

NUMBERED = 40
"""Numbers of pictures that a sentence lists at most."""


def refine(
    tree: QuestionTree,
    evidence: Mapping[str, Evidence],
    language: str = "en",
    media: Mapping[str, MediaInfo] | None = None,
) -> list[Claim]:
    """The answer: one cited sentence for each child of the root.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id, as far as there is any.
        language: `en` or `zh`.
        media: Media by the names that plans use, for the numbers of pages and pictures.

    Raises:
        ConfigError: there are no phrases in that language.
    """
    ruled = by_rules(tree, evidence, language, media)
    return [*ruled.before, *ruled.on.values(), *ruled.after]


class Ruled(NamedTuple):
    """What the rules say.

    Attributes:
        before: What comes first, such as that a part of the question is not answered.
        on: The sentence on each child of the root.
        after: What is said of all of it: notes of tools, and what was left out.
    """

    before: list[Claim]
    on: dict[str, Claim]
    after: list[Claim]


def by_rules(
    tree: QuestionTree,
    evidence: Mapping[str, Evidence],
    language: str,
    media: Mapping[str, MediaInfo] | None = None,
) -> Ruled:
    """The answer in its parts; see `refine`."""
    writer = _AnswerWriter(tree, evidence, language, media or {})
    on, notes = writer.claims(), writer.notes()
    if tree.beside and tree.left_out:
        return Ruled([Claim(text=refusal(tree.left_out[0], language))], on, notes)
    return Ruled([], on, [*notes, *left_out(tree, evidence, language)])


class _AnswerWriter:
    """Says what the evidence for each sub-question is."""

    def __init__(
        self, tree: QuestionTree, evidence: Mapping[str, Evidence], language: str, media: Mapping[str, MediaInfo]
    ) -> None:
        self._tree, self._evidence, self._numbering = tree, evidence, Numbering(media)
        self._book = phrasebook(language)
        found = {id_: items_of(item.value) for id_, item in evidence.items()}
        nodes = {node.id: node for node in tree.nodes}
        sizes = {id_: len(items) for id_, items in found.items() if items is not None}
        self._broader = {
            id_: note.words[1]
            for id_, item in evidence.items()
            for note in notes_of(item.value)
            if note.kind == "broader" and id_ in nodes
        }
        renamed = self._broader | {id_: word for id_, word in named_broadly(tree, evidence).items() if id_ in nodes}
        self._namer = Namer(self._book, nodes, sizes, renamed=renamed)
        self._asked = Namer(self._book, nodes, sizes)
        self._stated: set[tuple[str, Note]] = set()
        self._reasons = Reasons(self._book, self._namer, tree, evidence, self._asked)
        self._words = ValueWords(self._book, tree, evidence, media)

    def claims(self) -> dict[str, Claim]:
        """One sentence for each child of the root; where two would say the same, one that cites both."""
        told: dict[str, tuple[str, list[str]]] = {}
        out = ruled_out(self._tree, self._evidence)
        for sink in self._tree.sinks:
            if sink in out:
                continue
            words, cites = self._sentence(sink)
            cites = [*cites, *(one for one, other in out.items() if other == sink)]
            first, known = told.get(words, (sink, []))
            told[words] = first, [*known, *cites]
        return {sink: self._cited(words, cites) for words, (sink, cites) in told.items()}

    def _cited(self, words: str, cites: Sequence[str]) -> Claim:
        ids = sorted(set(cites), key=lambda cite: int(cite[1:]))
        brackets = f" [{', '.join(ids)}]" if ids else ""
        return Claim(text=f"{self._book.sentence(words)}{brackets}{self._book['list']['end']}", cites=tuple(ids))

    def _sentence(self, id_: str) -> tuple[str, list[str]]:
        """What is said of one sub-question, and what it cites."""
        found = self._evidence.get(id_)
        if found is None:
            return self._book.render(self._book["not_asked"], what=self._namer.noun(id_).the), []
        untold = self._reasons.untold(id_)
        if untold is not None:
            words, cites = untold.words, untold.cites
            self._stated |= {(one, note) for one in untold.instead_of for note in notes_of(self._evidence[one].value)}
        elif isinstance(found.value, Boolean):
            words, cites = self._truth(id_, found.value)
        else:
            words, cites = self._answer(id_, found.value)
        if (untold is None or not untold.instead_of) and self._is_nothing(id_):
            aside, rests_on = self._search_remark(id_)
            words, cites = words + aside, [*cites, *rests_on]
        return words, cites

    def notes(self) -> list[Claim]:
        """One sentence for each thing that finders had to say of their results."""
        cites: dict[str, list[str]] = {}
        known = [id_ for id_ in self._tree.order if id_ in self._evidence]
        made = [(id_, note) for id_ in known for note in notes_of(self._evidence[id_].value)]
        for id_, note in with_shared_kinds(merged_misses([one for one in made if one not in self._stated])):
            looks = looks_of(self._evidence[id_].value) if note.kind == "by_looks" else None
            words = [cleaned(str(word), 60) for word in looks or note.words]
            said = self._book.render(self._book["notes"][note.kind], words=words)
            cites.setdefault(self._book.sentence(said), []).append(id_)
        cites = {said: list(dict.fromkeys(ids)) for said, ids in cites.items()}
        end = self._book["list"]["end"]
        return [Claim(text=f"{said} [{', '.join(ids)}]{end}", cites=tuple(ids)) for said, ids in cites.items()]

    def _truth(self, id_: str, value: Boolean) -> tuple[str, list[str]]:
        """A yes or a no with what is the case; to which of things it is, what is the case alone."""
        words, cites = self._fact(id_)
        prefix = self._book["agreed" if value.value else "refused"]
        unsure = self._rests_on_empty_search(id_) or self._is_unsure(id_)
        compares = self._book.words(self._tree[id_].solver).compares is not None
        chosen = len(self._tree.sinks) > 1 and asks_to_choose(self._tree.question)
        if chosen or (compares and len(self._tree.sinks) == 1 and asks_which(self._tree.question)):
            words = (self._book["probably"] if unsure else "") + words
        elif not any(
            leaves_open(self._tree, self._evidence, id_)
            for leaves_open in (answers_only_part, broader_objects, unsettled, in_other_words, in_other_script)
        ):
            # There are people, but whether there is a woman among them, or one who smiles, is neither a yes nor a no.
            words = prefix["unsure" if unsure else "sure"] + words
        where = self._where(value.lines, value.pictures)
        if not where and value.value:
            where = _where_objects(self._book, self._numbering, self._tree, self._evidence, id_)
            cites = [*cites, *self._tree[id_].needs] if where else cites
        return words + where, cites

    def _rests_on_empty_search(self, id_: str) -> bool:
        """Whether a yes or a no follows from objects that were looked for in vain, which is no proof of anything."""
        if statements := self._deciding(id_):
            return any(self._rests_on_empty_search(one) for one in statements)
        value = self._evidence[id_].value
        return value == Boolean(value=False) and bool(empty_searches(self._tree, self._evidence, id_))

    def _is_nothing(self, id_: str) -> bool:
        """Whether what is said of a sub-question comes down to objects that were looked for in vain."""
        value = self._evidence[id_].value
        if isinstance(value, Boolean):
            return self._rests_on_empty_search(id_)
        nothing = isinstance(value, Failure) or items_of(value) == () or value == Number(value=0)
        return nothing and bool(empty_searches(self._tree, self._evidence, id_))

    def _search_remark(self, id_: str) -> tuple[str, list[str]]:
        """What is to be said of a search in vain, in brackets, and whose words it is."""
        said: dict[str, list[str]] = {}
        empty = empty_searches(self._tree, self._evidence, id_)
        for one in empty:
            if (among := source_of_rejected(self._tree, self._evidence, one)) is not None:
                many, noun = len(items_of(self._evidence[among].value) or ()), self._namer.noun(among)
                said[self._book.render(self._book["asides"]["among"], n=many, noun=noun)] = [among]
        made = [
            (one, note) for one in empty for note in notes_of(self._evidence[one].value) if note.kind == "not_found"
        ]
        self._stated.update(made)
        for one, note in merged_misses(made):
            said.setdefault(self._book.render(self._book["asides"][note.kind], words=note.words), []).append(one)
        if not said:
            return "", []
        shown = self._book.render(self._book["shown_at"], where=self._book["list"]["comma"].join(said))
        return shown, [one for ids in said.values() for one in ids]

    def _where(self, lines: Sequence[Line], pictures: Sequence[str]) -> str:
        """On which pages or at what times lines stand; empty where that goes without saying."""
        book = self._book["found_at"]
        numbers = self._numbering.of((line.media for line in lines), pictures)
        times = list(dict.fromkeys(f"{line.start:.0f}" for line in lines if line.start is not None))
        if numbers and len(numbers) < len(pictures):
            return _in_pictures(self._book, self._numbering, numbers)
        if not times or len(times) > LISTED:
            return ""
        where = self._book.render(book["time"], numbers=self._book.join(times))
        return self._book.render(self._book["shown_at"], where=where)

    def _is_unsure(self, id_: str) -> bool:
        """Whether the evidence, or any that it rests on, is hedged."""
        rests_on = self._tree.with_needs([id_]) & self._evidence.keys()
        looks = rests_on_looks(self._tree, self._evidence, id_)
        return looks or any(_confidence(self._evidence[one]) < HEDGED_BELOW for one in rests_on)

    def _answer(self, id_: str, value: Value) -> tuple[str, list[str]]:
        call = self._tree[id_].solver
        names = {**self._namer.names(call), "result": self._namer.noun(id_)}
        names["probably"] = self._book["probably"] if self._is_unsure(id_) else ""
        names |= self._words.of(id_, value)
        cites = [id_]
        said = self._book.words(call)
        if said.formula is not None and isinstance(value, Number):
            names["worked"] = self._worked(id_, said.formula)
            cites += self._tree[id_].needs
        own, usual = said.answers, self._book["answers"][value.type]
        variant = "unseen" if value == Number(value=0) and self._is_nothing(id_) else _variant(value)
        if said.counts is not None and broader_objects(self._tree, self._evidence, id_) and value != Number(value=0):
            return self._counted_broadly(id_, names)
        # Where nothing was found, a sentence that says what was found does not fit.
        if is_unrequested_description(self._tree, value):
            looked_at = next((names[name] for name in said.looks_at if name in names), self._namer.noun(id_))
            return self._book.render(self._book["glimpsed"], the=looked_at.the, quoted=names["quoted"]), cites
        options = {"none": ["none"], "unseen": ["unseen", "zero", "one"]}.get(variant, [variant, "one"])
        template = next(words[option] for words in (own, usual) for option in options if option in words)
        where = self._where(value.lines, value.pictures) if said.says_where and isinstance(value, Text) else ""
        where = where or (
            _where_objects(self._book, self._numbering, self._tree, self._evidence, id_)
            if isinstance(value, Boxes)
            else ""
        )
        return self._book.render(template, **names) + where, cites

    def _counted_broadly(self, id_: str, names: Mapping[str, Any]) -> tuple[str, list[str]]:
        """That a number is one of people, say, and not of the women that were asked for."""
        below = [one for one in self._broader if one in self._tree.with_needs([id_])]
        self._stated |= {(one, note) for one in below for note in notes_of(self._evidence[one].value)}
        reason = self._book.render(self._book["broadly"], **names, asked=self._asked.names(self._tree[id_].solver))
        what = self._asked.noun(id_).the
        return self._book.render(self._book["failed"], what=what, reason=reason), [id_, *below]

    def _fact(self, id_: str) -> tuple[str, list[str]]:
        """What is the case, given a yes or a no: `there are fewer cats (1) than dogs (3)`."""
        call, value = self._tree[id_].solver, self._evidence[id_].value
        assert isinstance(value, Boolean)
        needs = self._tree[id_].needs
        said = self._book.words(call)
        if said.compares is not None:
            return self._comparison(id_, said.compares, said.facts), [id_, *needs]
        if statements := self._deciding(id_):
            facts = {one: self._fact(one) for one in statements}
            cites = list(dict.fromkeys([id_, *(cite for _, cited in facts.values() for cite in cited)]))
            return _together(self._book, self._tree, {one: said for one, (said, _) in facts.items()}), cites
        noun = self._namer.noun(id_)
        return (noun.clause if value.value else noun.denied), [id_]

    def _deciding(self, id_: str) -> list[str]:
        """The statements that settle one that joins others: of "not all" the false ones, of "any" the true ones."""
        joins, value = self._book.words(self._tree[id_].solver).joins, self._evidence[id_].value
        needs = [need for need in self._tree[id_].needs if need in self._evidence]
        statements = [need for need in needs if isinstance(self._evidence[need].value, Boolean)]
        if joins is None or not isinstance(value, Boolean):
            return []
        settled = {("all", False): False, ("any", True): True}.get((joins, value.value))
        deciding = [one for one in statements if self._evidence[one].value == Boolean(value=bool(settled))]
        return deciding if settled is not None and deciding else statements

    def _comparison(self, id_: str, compared: tuple[str, str], facts: Mapping[str, Any]) -> str:
        """Two numbers, how they compare, and what they are."""
        call = self._tree[id_].solver
        names = self._namer.names(call)
        x, y = (self._given(call.arguments[name]) for name in compared)
        relation = "<" if x < y else ">" if x > y else "="
        if all(names[name].counted for name in compared):
            return self._book.render(facts["counts"][relation], **names, x=plain_number(x), y=plain_number(y))
        shown = {}
        for name, number in zip(compared, (x, y), strict=True):
            noun = names[name]
            valued = self._book.render(facts["shown"], noun=noun, value=plain_number(number))
            shown[f"shown_{name}"] = noun.the if noun.proper else valued
        return self._book.render(facts["numbers"][relation], **shown)

    def _worked(self, id_: str, formula: str) -> str:
        """A formula with the other parameters' names replaced by their numbers."""
        arguments = self._tree[id_].solver.arguments

        def number(match: re.Match[str]) -> str:
            given = arguments.get(match[0]) if match[0] != formula else None
            return match[0] if given is None else self._year(given) or plain_number(self._given(given))

        return re.sub(r"\b[a-z_]+\b", number, one_line(str(arguments[formula])))

    def _year(self, argument: JsonValue) -> str:
        """The year that an argument refers to, as it is written; empty where that is none."""
        values = [self._evidence[need].value for need in references(argument)]
        written = [value.written or "" for value in values if isinstance(value, Number) and value.unit is None]
        return next((year for year in written if re.fullmatch(r"(?:1\d|20)\d\d", year)), "")

    def _given(self, argument: object) -> float:
        """The number that an argument is or refers to."""
        for need in references(argument if isinstance(argument, str) else None):
            value = self._evidence[need].value
            if isinstance(value, Number):
                return value.value
        return float(str(argument))


def _together(book: Phrasebook, tree: QuestionTree, facts: Mapping[str, str]) -> str:
    """What several statements say, by id: where they differ in the picture alone, in one that names all pictures."""
    names: dict[str, str] = {}
    for id_, fact in facts.items():
        below = {name for one in tree.with_needs([id_]) for name in media_names(tree[one].solver)}
        name = below.pop() if len(below) == 1 else ""
        if name and name not in names and fact.count(name) == 1:
            names[name] = fact.replace(name, "\0")
    if len(names) < len(facts) or len(set(names.values())) > 1:
        return str(book["list"]["also"].join(dict.fromkeys(facts.values())))
    listed = [*list(names)[:LISTED], "…"] if len(names) > LISTED else list(names)
    return next(iter(names.values())).replace("\0", book.join(listed))


def _in_pictures(book: Phrasebook, numbering: Numbering, numbers: Sequence[int]) -> str:
    """Words for the pictures, or the pages, in which something is; of very many, the first ones."""
    shown = [str(number) for number in numbers[:NUMBERED]]
    listed = book.join(shown) if len(shown) == len(numbers) else book["list"]["comma"].join([*shown, "…"])
    where = book.render(book["found_at"]["page" if numbering.pages else "picture"], numbers=listed)
    return book.render(book["shown_at"], where=where)


def _where_objects(
    book: Phrasebook, numbering: Numbering, tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str
) -> str:
    """Words for those of several pictures that hold what a sub-question, or what it follows from, found."""
    for at in (id_, *tree[id_].needs):
        found = evidence[at].value if at in evidence else None
        if isinstance(found, Boxes) and len(found.pictures) > 1:
            numbers = numbering.of((box.media for box in found.boxes), found.pictures)
            return _in_pictures(book, numbering, numbers) if numbers else ""
    return ""


def _variant(value: Value) -> str:
    """Which of an answer's templates fits."""
    if isinstance(value, Labels) and any(is_guess(label) for label in value.labels[:1]):
        return "vague"
    if (items := items_of(value)) is not None:
        return {0: "none", 1: "one"}.get(len(items), "many")
    match value:
        case Text(text=text) | Transcript(text=text) | Look(text=text):
            return "one" if text.strip() else "none"
        case Number(value=number) if number != 1:
            return "many" if number else "zero"
    return "one"


def _confidence(found: Evidence) -> float:
    """How sure evidence is; 1 where it does not say."""
    if isinstance(found.value, Labels) and any(label.share is not None for label in found.value.labels):
        return 1.0  # a colour's share of the pixels is no doubt about it
    return 1.0 if found.confidence is None else found.confidence
