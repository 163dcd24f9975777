"""Which results leave their question open: what was found is told, and is no answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from visagent.answering.asked import (
    asks_for_description,
    asks_for_digits,
    asks_for_one,
    asks_for_own_name,
    asks_for_print,
    asks_for_thing,
    asks_how_many,
    asks_one_thing,
    asks_to_choose,
    asks_where,
    asks_which,
    asks_who,
    asks_yes_or_no,
    takes_for_granted,
)
from visagent.answering.assumed import assumed_objects
from visagent.answering.by_looks import is_undecided, unsettled
from visagent.answering.depth import depth_guess
from visagent.answering.passages import telling
from visagent.answering.same_sides import same_sides
from visagent.answering.sentences import normalised, says_more
from visagent.core.text import HAN
from visagent.core.words import numbers_in_words, singular
from visagent.evidence.contents import items_of, notes_of
from visagent.evidence.tree import QuestionTree, references
from visagent.evidence.values import Boolean, Boxes, Evidence, Label, Labels, Number, Table, Text, Transcript, Value

_OF_ALL = frozenset(("count", "calculate", "locate"))
"""Tools whose results are of all that was found, of whatever the plan leaves out a part."""
_LOOKS_UP = frozenset(("find_text", "cell"))
_SCRIPTS = (rf"[{HAN}]", r"[A-Za-z]{2}")
_OF_LISTS = re.compile(
    r"(?i)\b(?:rows?|lines?|entry|entries|items?|records?|tables?|lists?|menus?|receipts?|bills?|invoices?|timetables?|schedules?"
    r"|charts?|statements?|price ?lists?)\b|[行条项表单]"
)
FEW = 3
"""Dates, times or prices of a text that are told where one is asked for: among more it is not said which it is."""
UNSURE_BELOW = 0.3
"""Confidence under which it is open whether an area of a drawing is one of the things that are asked for."""
VAGUE_BELOW = 0.2
"""Confidence under which a kind is a guess that a sentence does not assert."""


def left_open(tree: QuestionTree, evidence: Mapping[str, Evidence]) -> list[str]:
    """The sinks that answer nothing.

    Those are failures, what sets a thing against itself, what is behind a thing, sums of years, rows of a table where
    other things were to be counted, kinds that are mere guesses or those of the question, numbers and truths about
    people where women were asked for, or of whom some show no face, what follows from finding none where another
    expert sees one, or from areas of a drawing that may not count, choices where one of the things was not found,
    truths of a plan that leaves out a part of the question, a text that another does not hold in the same words, lines
    and cells that repeat what was looked for, and descriptions composed of what experts found where something else was
    asked. Of a question that asks one thing all are, once one failed: the others are parts of the answer alone.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
    """
    known = [id_ for id_ in tree.sinks if id_ in evidence]
    failed = [id_ for id_ in known if evidence[id_].failed]
    if failed and asks_one_thing(tree.question):
        return list(tree.sinks)
    return [id_ for id_ in known if id_ in failed or _is_open(tree, evidence, id_)]


def _is_open(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    if same_sides(tree, evidence, id_) is not None or depth_guess(tree, evidence, id_) is not None:
        return True
    if is_undecided(tree, evidence, id_) or assumed_objects(tree, evidence, id_) is not None:
        return True
    if tree.unsaid and tree[id_].solver.tool in _OF_ALL:
        # How many people there are does not say how many of them walk, nor where they are which of them has a beard.
        return True
    match evidence[id_].value:
        case Labels() if tree[id_].solver.tool == "classify" and asks_who(tree.question):
            # Which of a thousand kinds of things a portrait looks like does not say who it is.
            return True
        case Labels(labels=(label, *_)) if tree[id_].solver.tool == "classify" and is_kind_asked_about(tree, label):
            return True
        case Labels(labels=(label, *_)) if tree[id_].solver.tool == "classify" and asks_of_another(tree, label):
            return True
        case Labels() if unsure_areas(tree, evidence, id_):
            return True
        case Labels(labels=()) if _is_from_text(tree, evidence, id_) and _asks_for_words(tree.question):
            # That a page holds no time does not say when it opens.
            return True
        case Labels(labels=labels) if elsewhere_said(tree, evidence, id_, labels):
            return True
        case Labels(labels=labels):
            return any(map(is_guess, labels[:1])) or (
                len(labels) > FEW and _is_from_text(tree, evidence, id_) and asks_for_one(tree.question)
            )
        case Text(text="") if _is_from_text(tree, evidence, id_) and not _looks_for_words(tree.question):
            # That the text does not mention a password does not say which it is.
            return True
        case Text(text="", notes=notes) if any(note.kind == "unknown_script" for note in notes):
            return True
        case Text(text="") if tree.places and tree[id_].solver.tool == "read_text":
            # That the reader finds no text at all is no answer to what stands on a thing.
            return True
        case Text() if is_another_matter(tree, evidence, id_):
            return True
        case Text(text=text) if text and (is_echo(tree, id_, text) or overlooked(tree, evidence, id_)):
            return True
        case Boolean() if in_other_words(tree, evidence, id_) or in_other_script(tree, evidence, id_):
            return True
        case Boolean() if presupposed(tree, evidence, id_):
            return True
        case Boolean() if answers_only_part(tree, evidence, id_):
            return True
        case Number() if adds_years(tree, evidence, id_) or counts_other_rows(tree, evidence, id_):
            return True
        case Boolean() | Number():
            return any(
                leaves_open(tree, evidence, id_)
                for leaves_open in (broader_objects, unsettled, doubted_objects, unsure_areas)
            )
        case Boxes():
            return any(
                leaves_open(tree, evidence, id_) for leaves_open in (doubted_objects, missing_choices, unsure_areas)
            )
        case value:
            return is_unrequested_description(tree, value)


def _is_from_text(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether a result was looked for in text that another step read or heard."""
    needs = [evidence[need].value for need in tree[id_].needs if need in evidence]
    return any(isinstance(value, Text | Transcript) for value in needs)


def is_another_matter(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether a text is no answer of the kind that is asked for.

    Where a cat is does not say on what it lies, a word is no number, and what a note says is not whose face it shows.
    """
    tool, value, question = tree[id_].solver.tool, evidence[id_].value, tree.question
    if not asks_one_thing(question) or not isinstance(value, Text):
        return False
    if tool == "locate":
        return not asks_where(question)
    if tool != "read_text" or not value.text:
        return False
    if re.search(r"(?i)\b(?:which|what) (?:side|half|corner)\b|哪一?[边侧]", question):
        return True
    no_number = asks_for_digits(question) and re.search(r"\d", value.text) is None
    return no_number or (asks_who(question) and not asks_for_print(question))


def is_echo(tree: QuestionTree, id_: str, text: str) -> bool:
    """Whether what was found of words is these words alone: that a page says "tea" tells nothing of its tea, nor does a
    table's cell that is the name of its own row."""
    call = tree[id_].solver
    names = ("row", "column") if call.tool == "cell" else ("query",) if "where" not in call.arguments else ()
    words = [str(call.arguments[name]) for name in names if call.tool in _LOOKS_UP and name in call.arguments]
    echoes = any(normalised(text) == normalised(word) for word in words)
    return echoes and (call.tool == "cell" or not asks_yes_or_no(tree.question))


def overlooked(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """Names of a table's rows that the question says, where a cell was looked up in another row."""
    call = tree[id_].solver
    tables = [evidence[need].value for need in tree[id_].needs if need in evidence]
    if call.tool != "cell" or "row" not in call.arguments or not tables or not isinstance(tables[0], Table):
        return []
    given = normalised(str(call.arguments["row"]) + str(call.arguments.get("column", "")))
    names = [cell.text for cell in tables[0].cells if cell.column == 0 and cell.row >= tables[0].header_rows]
    said = [
        name
        for name in dict.fromkeys(names)
        if re.search(r"[^\W\d_]{2}", name) and re.search(rf"(?i)(?<!\w){re.escape(name.strip())}(?!\w)", tree.question)
    ]
    # A plan names what it looks up in the singular.
    looked_up = (one for name in said for one in (name, singular(name.casefold().strip())))
    return [] if any(normalised(one) in given for one in looked_up) else said


def in_other_words(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether one text was looked for in vain as a whole in another that shares a word with it, or where one of them
    holds a number, which may be written otherwise: they may still say the same."""
    call = tree[id_].solver
    if call.tool != "contains" or evidence[id_].value != Boolean(value=False):
        return False
    ids = [one for name in ("text", "query") for one in references(call.arguments.get(name)) if one in evidence]
    texts = [value.text for one in ids if isinstance(value := evidence[one].value, Text | Transcript)]
    if len(texts) < 2 or not says_more(texts[1]):
        return False
    words = [set(re.findall(rf"[{HAN}]{{2}}|[^\W\d_{HAN}]{{4,}}", text.casefold())) for text in texts]
    return bool(words[0] & words[1]) or any(re.search(r"\d", text) or any(numbers_in_words(text)) for text in texts)


def in_other_script(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether a word was looked for in vain in a text that was not read whole, or without a letter of its script: that
    "Print" stands on a button says nothing of whether there is one for 打印."""
    call = tree[id_].solver
    query, texts = (
        str(call.arguments.get("query")),
        [evidence[need].value for need in tree[id_].needs if need in evidence],
    )
    if call.tool != "contains" or evidence[id_].value != Boolean(value=False) or any(references(query)):
        return False
    if any(note.kind == "unknown_script" for value in texts for note in notes_of(value)):
        # The word may stand in what could not be read.
        return True
    read = " ".join(value.text for value in texts if isinstance(value, Text | Transcript))
    scripts = [{found for found in _SCRIPTS if re.search(found, text)} for text in (query, read)]
    return bool(scripts[0] and scripts[1]) and not scripts[0] & scripts[1]


def adds_years(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """The sub-questions of a sum or product whose numbers are years, as in names: what lies between two of them can be
    worked out, but not their sum."""
    call = tree[id_].solver
    if call.tool != "calculate" or not re.search(r"[+*×]", str(call.arguments.get("expression"))):
        return []
    values = {need: evidence[need].value for need in tree[id_].needs if need in evidence}
    years = [
        need
        for need, value in values.items()
        if isinstance(value, Number) and value.unit is None and re.fullmatch(r"(?:19|20)\d\d", value.written or "")
    ]
    return years if len(years) > 1 and len(years) == len(values) else []


def counts_other_rows(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether a table's rows were counted where the question names neither rows, nor a list, nor a column of it: how
    many rows an advertisement has does not say how many bottles it shows."""
    tables = [evidence[need].value for need in tree[id_].needs if need in evidence]
    if tree[id_].solver.tool != "count" or not tables or not isinstance(tables[0], Table):
        return False
    headers = " ".join(cell.text for cell in tables[0].cells if cell.row < tables[0].header_rows)
    named = {singular(word) for word in re.findall(r"[^\W\d_]{3,}", headers.casefold())}
    asked = {singular(word) for word in re.findall(r"[^\W\d_]{3,}", tree.question.casefold())}
    return not _OF_LISTS.search(tree.question) and not named & asked


def answers_only_part(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether a truth is neither a yes nor a no to the question: a part of that was left out, or it asks for a thing.

    That there are people does not say that one smiles, and "What stands beside the lamp?" is not answered by whether a
    lamp is there. Which of two numbers is larger may well say which of two things it is, and never how many there are.
    """
    if asks_how_many(tree.question) and len(tree.sinks) == 1:
        return True
    compares = any(isinstance(evidence[need].value, Number) for need in tree[id_].needs if need in evidence)
    mentions = tree[id_].solver.tool == "contains" and not _of_several(evidence[id_].value)
    if mentions and asks_which(tree.question) and asks_one_thing(tree.question) and not asks_yes_or_no(tree.question):
        return True
    return bool(tree.unsaid) or (not compares and asks_for_thing(tree.question) and asks_one_thing(tree.question))


def presupposed(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """The sub-questions below a no that found nothing of what the question takes for granted.

    Where no lamp is found, "Is the lamp left or right of the cup?" is not answered by two no's; "Is there a lamp?" is.
    """
    call = tree[id_].solver
    if evidence[id_].value != Boolean(value=False) or call.tool != "exists":
        return []
    found = []
    for one in _below(tree, evidence, id_):
        label = str(tree[one].solver.arguments.get("label", ""))
        told = items_of(evidence[one].value) == () and one not in tree[id_].needs and label
        if told and takes_for_granted(tree.question, label):
            found.append(one)
    return found


def _of_several(value: Value) -> bool:
    return isinstance(value, Boolean) and len(value.pictures) > 1


def _asks_for_words(question: str) -> bool:
    return asks_for_thing(question) or (
        not asks_yes_or_no(question)
        and (asks_which(question) or re.search("[几多][少个点天号楼层]|几", question) is not None)
    )


def _looks_for_words(question: str) -> bool:
    """Whether it answers a question that some words are not there: "does it mention tea?", "find the word tea"."""
    return asks_yes_or_no(question) or re.search(r"(?i)\b(?:find|search|look for|check)\b|找|查", question) is not None


def elsewhere_said(
    tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str, labels: Sequence[Label]
) -> list[str]:
    """Sentences of a recording that have to do with the question, where none of them holds what was taken out of it.

    That the harbour opens at seven does not say when the last boat leaves.
    """
    heard = [
        value for need in tree[id_].needs if need in evidence and isinstance(value := evidence[need].value, Transcript)
    ]
    if len(heard) != 1 or tree[id_].solver.tool != "extract" or not asks_for_one(tree.question):
        return []
    said = telling(heard[0], tree.question)
    return [] if any(label.name in sentence for label in labels for sentence in said) else said


def is_guess(label: Label) -> bool:
    """Whether a kind is so unsure that a sentence does not assert it."""
    return label.share is None and label.confidence < VAGUE_BELOW


def is_kind_asked_about(tree: QuestionTree, label: Label) -> bool:
    """Whether a kind is the one whose kind is asked: that a fountain is a fountain does not say which."""
    asks = re.search(r"(?i)\b(?:what|which|kind|type|sort|name)\b|什么|哪", tree.question)
    return asks is not None and not asks_to_choose(tree.question) and _names(tree.question, label)


def asks_of_another(tree: QuestionTree, label: Label) -> bool:
    """Whether a question asks for a yes or a no about something else than a kind, or for a name of somebody's own: what
    one picture shows does not say whether two show the same, nor what a bird is called by its keeper."""
    question = tree.question
    return asks_for_own_name(question) or (
        asks_yes_or_no(question) and asks_one_thing(question) and not _names(question, label)
    )


def _names(question: str, label: Label) -> bool:
    return re.search(rf"(?i)(?<!\w){re.escape(label.name)}s?(?!\w)", question) is not None


def is_unrequested_description(tree: QuestionTree, value: Value) -> bool:
    """Whether a description was composed of what experts found, and the question does not ask for a description."""
    composed = any(note.kind == "composed" for note in notes_of(value))
    # "Describe the pattern: stripes or dots?" asks for one of them.
    described = asks_for_description(tree.question) and not asks_to_choose(tree.question)
    return composed and not tree.beside and not described


DOUBTS = ("doubted", "faint")
"""Kinds of notes of a detector that found none: another expert sees one, or it may see one itself."""


def doubted_objects(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """The sub-questions below one whose objects its own detector did not find, and that it therefore hangs on.

    That there is such a thing, and where, follows from what another expert saw; that there is none, and how many there
    are, does not. Nor does it where the detector is not sure that it sees none.
    """
    below = _below(tree, evidence, id_)
    doubted = [one for one in below if any(_is_noted(evidence[one], kind) for kind in DOUBTS)]
    found = any(items_of(evidence[one].value) for one in below)
    counts = any(isinstance(evidence[one].value, Number) for one in below)
    match evidence[id_].value:
        case Boolean(value=True) if found and not counts:
            return []
        case Boolean() | Number() | Boxes(boxes=()):
            return doubted
    return []


def unsure_areas(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """The sub-questions below one that found areas of a drawing of which it is open whether they count.

    A red diamond is a red box to some. That there is a red box follows from another one that is a box for certain.
    """
    below = _below(tree, evidence, id_)
    found = [one for one in below if _is_noted(evidence[one], "areas")]
    if not found:
        return []
    boxes = {one: value.boxes for one in below if isinstance(value := evidence[one].value, Boxes)}
    narrowed = {need for one in boxes for need in tree[one].needs}
    value = evidence[id_].value
    for one in boxes.keys() - narrowed:
        unsure = [box.confidence < UNSURE_BELOW for box in boxes[one]]
        settled = isinstance(value, Boolean) and tree[id_].needs == (one,) and not all(unsure)
        # The colours of several boxes are no answer to which colour the one is that is meant.
        if (any(unsure) and not settled) or (isinstance(value, Labels) and len(unsure) > 1):
            return found
    return []


def missing_choices(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """The sub-questions below a choice that found none of what it was to choose from.

    Where only the giraffe is found, "Is the giraffe or the man taller?" is not answered by the giraffe.
    """
    if not items_of(evidence[id_].value):
        return []
    pooled = [one for one in _below(tree, evidence, id_) if one != id_ and tree[one].solver.tool == "merge"]
    needs = [need for one in pooled for need in tree[one].needs if need in evidence]
    return [need for need in needs if items_of(evidence[need].value) == ()]


def broader_objects(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """The sub-questions below one that found objects of a broader kind than was asked for.

    Or that found none of a broader kind that detectors know in a few shapes only: a detector of tennis balls says
    nothing of meat balls. Of people it finds most, so that where there are none there is no woman.
    """
    below = _below(tree, evidence, id_)
    return [
        one
        for one in below
        if any(
            note.kind == "broader" and (items_of(evidence[one].value) or note.words[-1] != "person")
            for note in notes_of(evidence[one].value)
        )
    ]


def _below(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """A sub-question and all that it rests on, as far as there is evidence, in order."""
    known = tree.with_needs([id_]) & evidence.keys()
    return [one for one in tree.order if one in known]


def _is_noted(found: Evidence, kind: str) -> bool:
    return any(note.kind == kind for note in notes_of(found.value))
