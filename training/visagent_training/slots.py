"""Slots of the grammar's wordings, such as {A} or {C}: what fills each in a plan, and by which words in a question."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from visagent.core.words import plural, with_article
from visagent_training.expressions import Call
from visagent_training.lexicon import grammar
from visagent_training.noun_phrases import NounPhrase, Vocabulary

SLOT = re.compile(r"\{([A-Z]\w*)(?:\.(\w+))?\}")
"""A slot in a wording: its name, and the form of its words."""
_NAMES = re.compile(r"\b[A-Z]\w*\b")
_FORMS = ("", "p", "P", "a", "s")


class Wanted(NamedTuple):
    """What a slot is filled for.

    Attributes:
        name: Name of the slot.
        forms: Forms of its words that the wording uses.
        related: Whether the plan relates two noun phrases, so that each is kept simple.
        values: Values of the slots before it; a noun phrase is added under `A.phrase`.
    """

    name: str
    forms: set[str]
    related: bool
    values: dict[str, Any]


Filled: TypeAlias = tuple[Any, dict[str, str]]
"""A slot's value in the plan, and its words by form (`""` for none)."""


def fill_slots(
    vocabulary: Vocabulary, text: str, plan: str, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """Fill the slots that a wording and its plan name.

    Args:
        vocabulary: Where the words come from.
        text: The wording.
        plan: The notation of its plan.
        given: Values of slots that are filled already.

    Returns:
        The slots' values in the plan, and their words by form (`""` for none).
    """
    values: dict[str, Any] = dict(given)
    words: dict[str, dict[str, str]] = {}
    forms: dict[str, set[str]] = {}
    for name, form in SLOT.findall(text):
        forms.setdefault(name, set()).add(form)
    outside_strings = re.sub(r"'[^']*'", "", plan)
    for name in list(dict.fromkeys([*forms, *_NAMES.findall(outside_strings)])):
        if name in given:
            continue
        if name not in _SLOTS:
            raise ValueError(f"the grammar has no slot {name}")
        wanted = Wanted(name, forms.get(name, {""}), "R(" in outside_strings, values)
        values[name], words[name] = _SLOTS[name](vocabulary, wanted)
    return values, words


def _objects(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{A}, {B}, and {D}, which is printed: objects, by a noun phrase."""
    heads = [noun for noun in vocabulary.head_nouns if noun not in vocabulary.used]
    head = vocabulary.rng.choice(heads) if heads and wanted.name != "D" else None
    vocabulary.used += [head] if head else []
    phrase = vocabulary.noun_phrase(
        noun=head,
        definite=wanted.forms <= {""},
        many=bool(wanted.forms & {"p", "P"}),
        depth=1 if wanted.related else 2,
        category="printed" if wanted.name == "D" else None,
    )
    wanted.values[f"{wanted.name}.phrase"] = phrase
    return phrase.expression, {form: phrase.text(form or None) for form in _FORMS}


def _label(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{L}, {L2}: a bare noun."""
    group = None if not vocabulary.chance(0.6) else vocabulary.rng.choice(["people", "animals", "vehicles"])
    noun = vocabulary.noun(group)
    simple = NounPhrase(noun, plural(noun), None)
    return noun, {form: simple.text(form or None) for form in _FORMS}


def _worn(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{V}: something that people wear."""
    worn = vocabulary.word("worn")
    vocabulary.used.append(worn)
    return worn, {"": worn}


def _animal(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{Y}: an animal whose breed may be asked."""
    noun = vocabulary.rng.choice(grammar("words")["animals_asked"])
    return Call.of(vocabulary.specs["detect"], label=noun), {"s": noun}


def _relation(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{R}: a spatial relation, whose value is a tool's name."""
    single = not wanted.forms & {"p"} and not wanted.values.get("many", False)
    tool, text = vocabulary.relation(single=single)
    return tool, {"": text}


def _color(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{C}, {C2}: a color that is no other slot's."""
    while True:
        color, text = vocabulary.color()
        if color not in wanted.values.values():
            return color, {"": text}


def _number(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{N}: a small number, in words or digits."""
    numbers = grammar("words")["numbers"]
    number = vocabulary.rng.choice(list(numbers))
    digits = vocabulary.chance(0.45)
    return number, {"": str(number) if digits else numbers[number]}


def _factor(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{M}: a number to reckon with, in digits."""
    # Drawn for nothing, so that a seed gives the questions that it always gave.
    vocabulary.rng.choice(list(grammar("words")["numbers"]))
    number = vocabulary.rng.choice([2, 3, 4, 5, 10, 12, 15, 20, 25, 50])
    return number, {"": str(number)}


def _measure(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{NUM}: a measure that an invented tool may give."""
    rng = vocabulary.rng
    number = rng.choice([rng.randint(2, 40), rng.randint(2, 300), 10 * rng.randint(1, 20), 2.5])
    return number, {"": str(number)}


def _quantity(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{Q}: words such as "more than", whose value is an operator."""
    text, op = vocabulary.rng.choice(list(grammar("words")["quantities"][vocabulary.split].items()))
    return op, {"": text}


def _quoted(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{W}, {W2}: a word that is looked for in a text; with an article it is a thing."""
    thing = "a" in wanted.forms
    while True:
        word = (
            vocabulary.any_noun() if thing else str(vocabulary.rng.choice(grammar("words")["words"][vocabulary.split]))
        )
        if vocabulary.split == "train" and not thing and vocabulary.chance(0.4):
            # What is quoted keeps its number, unlike a label.
            word = vocabulary.any_noun() if vocabulary.chance(0.6) else plural(vocabulary.any_noun())
        word = word.lower() if vocabulary.lower else word
        if word not in wanted.values.values():
            break
    if thing:
        return word, {"a": with_article(word)}
    return word, {"": vocabulary.rng.choice(['"{}"', "'{}'", "{}", "{}", "{}", "{}"]).format(word)}


def _carrier(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{T}: what a text stands on; the whole picture, or an object."""
    if vocabulary.chance(0.6):
        carrier = vocabulary.word("carriers")
        on_paper = re.search("letter|newspaper|document|note", carrier)
        preposition = "in" if on_paper and vocabulary.chance(0.5) else "on"
        return None, {"": carrier, "on": f"{preposition} {carrier}"}
    phrase = vocabulary.noun_phrase(category="printed", depth=1)
    wanted.values["T.phrase"] = phrase
    return phrase.expression, {"": phrase.text(None), "on": f"on {phrase.text(None)}"}


def _heard(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{H}: what is heard, and what it is heard in."""
    return None, {"": vocabulary.word("heard"), "on": vocabulary.word("heard_in")}


def _part(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{P}: a part of the picture."""
    part, text, with_preposition = vocabulary.part()
    return part, {"": text, "in": with_preposition}


def moment(vocabulary: Vocabulary) -> Filled:
    """{S}: a moment of a video, in seconds from its start."""
    rng = vocabulary.rng
    if vocabulary.chance(0.08):
        seconds, text = rng.choice([(60, "one minute in"), (60, "after a minute"), (120, "after two minutes")])
        return seconds, {"at": text}
    second = rng.randint(1, 59)
    spoken = str(grammar("words")["numbers"].get(second, second))
    shown = str(second) if second > 10 or vocabulary.chance(0.7) else spoken
    return second, {"at": vocabulary.word("moments").format(n=shown, nn=f"{second:02d}")}


def _field(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{F}: a field of a form."""
    name = str(vocabulary.rng.choice(grammar("words")["fields"][vocabulary.split]))
    name = vocabulary.any_noun() if vocabulary.split == "train" and vocabulary.chance(0.3) else name
    name = name.lower() if vocabulary.lower else name
    return name, {"": name}


def _kind(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{K}: a kind of thing that a text may hold, such as a date."""
    kinds = grammar("words")["kinds"]
    kind = vocabulary.rng.choice(list(kinds))
    text = str(vocabulary.rng.choice(kinds[kind][vocabulary.split]))
    shown = plural(text) if kind == "number" or vocabulary.chance(0.25) else text
    return kind, {"": shown, "p": plural(text), "s": text, "a": with_article(text)}


def _ordinal(vocabulary: Vocabulary, wanted: Wanted) -> Filled:
    """{O}: "first" or another ordinal number."""
    ordinals = grammar("words")["ordinals"]
    text = vocabulary.rng.choice(list(ordinals))
    return ordinals[text], {"": text}


_SLOTS: dict[str, Callable[[Vocabulary, Wanted], Filled]] = {
    **dict.fromkeys(("A", "B", "D"), _objects),
    **dict.fromkeys(("L", "L2"), _label),
    "V": _worn,
    "Y": _animal,
    "R": _relation,
    **dict.fromkeys(("C", "C2"), _color),
    "N": _number,
    "M": _factor,
    "NUM": _measure,
    "Q": _quantity,
    **dict.fromkeys(("W", "W2"), _quoted),
    "T": _carrier,
    "H": _heard,
    "P": _part,
    "S": lambda vocabulary, _: moment(vocabulary),
    "F": _field,
    "K": _kind,
    "O": _ordinal,
}
