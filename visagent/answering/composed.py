"""A description that the tool `caption` composed, in the answer's language. Pure.

The tool writes one form of English sentence, whose parts are read again here. What stands in the picture stays in
quotation marks and is not translated.
"""

from __future__ import annotations

import re

from visagent.answering.phrasing import Phrasebook
from visagent.core.text import cleaned
from visagent.core.words import measure_word, singulars

_SENTENCE = re.compile(
    r"(?:\d+\. )?It shows (?P<things>.+?)(?:(?:, | and )looks like (?P<looks>.+?) \((?P<percent>\d+)%\))?"
    r"(?:(?:, | and )is mainly (?P<colors>[a-z, ]+?))?"
    r"(?: and |, )(?:reads “(?P<text>.*)”|has no readable text)\.",
    re.DOTALL,
)
_NOTHING = "no object that the detector knows"


def in_own_language(book: Phrasebook, text: str) -> str | None:
    """A composed description in the answer's language; None in English, and where it is of another form.

    Args:
        book: The answer's language.
        text: What the tool gave: one sentence for each thing that it looked at.
    """
    if not book["composed"]:
        return None
    # A sign may have several lines, and a sentence of the tool begins with its number or with "It shows".
    sentences = re.split(r"\n(?=\d+\. It shows )", text)
    matches = [_SENTENCE.fullmatch(sentence) for sentence in sentences]
    said = [_sentence(book, match) for match in matches if match is not None]
    return str(book["composed"]["several"].join(said)) if len(said) == len(matches) else None


def _sentence(book: Phrasebook, match: re.Match[str]) -> str:
    words = book["composed"]
    parts = [words["nothing"]]
    if match["things"] != _NOTHING:
        counted = [part.partition(" ") for part in re.split(r", | and (?=\d)", match["things"])]
        things = [_thing(book, number, name) for number, _, name in counted]
        parts = [book.render(words["shows"], things=book.join(things))]
    if match["looks"]:
        parts.append(book.render(words["looks"], name=_name(book, match["looks"]), percent=match["percent"]))
    if match["colors"]:
        colors = [book["colors"].get(color) or _name(book, color) for color in re.split(r", | and ", match["colors"])]
        parts.append(book.render(words["colors"], colors=book.join(colors)))
    parts.append(words["blank"] if not match["text"] else book.render(words["reads"], quoted=book.quote(match["text"])))
    return str(words["join"].join(parts))


def _thing(book: Phrasebook, number: str, label: str) -> str:
    name = next((book["names"][one] for one in (label, *singulars(label)) if one in book["names"]), cleaned(label, 60))
    measure = measure_word(name, book["measures"])
    return book.render(book["composed"]["thing"], n=number, measure=measure, name=name)


def _name(book: Phrasebook, word: str) -> str:
    return str(book["names"].get(word, cleaned(word, 60)))
