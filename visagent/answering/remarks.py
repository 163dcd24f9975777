"""Sentences about a question rather than about what was found: what was not looked at, taken into account, answered.

Pure: the same tree always gives the same words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from visagent.answering.openness import left_open
from visagent.answering.passages import shown_of
from visagent.answering.phrasing import Phrasebook, media_names, phrasebook
from visagent.answering.sentences import normalised
from visagent.answering.statements import cited
from visagent.core.text import cleaned, one_line
from visagent.evidence.answer import Claim, text_of
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence, Line, Table, Text, Transcript
from visagent.media.media import MediaInfo

LISTED = 12
"""Items that a sentence lists at most."""


def unused_media(
    tree: QuestionTree, media: Mapping[str, MediaInfo], skipped: Sequence[str] = (), language: str = "en"
) -> list[Claim]:
    """Sentences for what was given and not looked at: files that could not be used, pictures that no step takes.

    Args:
        tree: The plan.
        media: What the question is about, by name.
        skipped: Why files could not be used.
        language: `en` or `zh`.
    """
    book = phrasebook(language)
    end, said = book["list"]["end"], []
    if skipped:
        listed = [_unusable(book, reason) for reason in skipped[:3]] + (["…"] if len(skipped) > 3 else [])
        said.append(book.render(book["skipped"], n=len(skipped), listed=book["list"]["comma"].join(listed)))
    used = {name for node in tree.nodes for name in media_names(node.solver)}
    pictures = [name for name, info in media.items() if info.kind == "image"]
    unseen = [name for name in pictures if name not in used]
    # Of two, the other one is mostly not meant; and a table is looked for on the pages whose words fit.
    if (
        len(pictures) > 2
        and not any(info.region for info in media.values())
        and unseen
        and used & set(pictures)
        and not any(media[name].page for name in unseen)
    ):
        names = [*unseen[:LISTED], "…"] if len(unseen) > LISTED else unseen
        said.append(book.render(book["unseen"], listed=book.join(names)))
    return [Claim(text=book.sentence(words) + end) for words in said]


def failure_in(book: Phrasebook, message: str) -> str:
    """A tool's own words for why it has no result, in the answer's language where its phrases know them.

    Args:
        book: The answer's language.
        message: One sentence without its full stop, as the tool said it.
    """
    if (said := _translated(book, "failures", message)) is not None:
        return said
    # English words stand in quotation marks in another language.
    return str(book["failures"]["other"]).format(book.quote(message)) if book["failures"] else message


def refusal(reason: str, language: str = "en") -> str:
    """The sentence that stands for an answer where there is none.

    Args:
        reason: Why, as in `QuestionTree.unanswerable`.
        language: `en` or `zh`.
    """
    book = phrasebook(language)
    return book.sentence(book.render(book["refusal"], reason=_in_words(book, reason)))


def left_out(tree: QuestionTree, evidence: Mapping[str, Evidence], language: str = "en") -> list[Claim]:
    """A sentence for each part of the question that no tool can answer, and one for words that the plan leaves out.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        language: `en` or `zh`.
    """
    book = phrasebook(language)
    said = [book.render(book["left_out"], reason=_in_words(book, reason)) for reason in tree.left_out]
    found = [evidence[id_].value for id_ in tree.sinks if id_ in evidence]
    if len(said) == 1 and found and all(isinstance(value, Transcript) and value.text.strip() for value in found):
        # The answer may well be among what was said.
        said = [book["among_the_words"]]
    if unsaid := dict.fromkeys((*tree.places, *tree.unsaid)):
        said.append(book.render(book["unsaid"], words=[cleaned(word, 40) for word in unsaid]))
    return [Claim(text=book.sentence(words) + book["list"]["end"]) for words in said]


def read_beside(
    tree: QuestionTree, evidence: Mapping[str, Evidence], claims: Sequence[Claim], language: str = "en"
) -> list[Claim]:
    """What was read or heard, where nothing answers the question and no sentence shows it: a person may find it there.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        claims: The sentences so far.
        language: `en` or `zh`.
    """
    open_ = left_open(tree, evidence)
    if not tree.sinks or len(open_) < len(tree.sinks):
        return []
    book = phrasebook(language)
    shown = normalised(text_of(claims))
    said = []
    for id_ in (id_ for id_ in tree.order if id_ in evidence and not tree[id_].needs):
        value = evidence[id_].value
        if isinstance(value, Table):
            value = _written_out(value)
        if not isinstance(value, Text | Transcript) or not value.text.strip() or _is_composed(value):
            continue
        if normalised(cleaned(value.text, 60).rstrip("…")) in shown:
            continue
        words = shown_of(book, value, tree.question)
        template = book["heard_beside" if isinstance(value, Transcript) else "read_beside"]
        said.append(cited(book.sentence(book.render(template, words=words)), [id_], book["list"]["end"]))
    return said


def quoted_transcripts(evidence: Mapping[str, Evidence], language: str = "en") -> list[Claim]:
    """What recordings say, quoted and not confirmed, where the question stays open: it may have been misheard.

    Args:
        evidence: Evidence of the run.
        language: `en` or `zh`.
    """
    book = phrasebook(language)
    claims = []
    for id_, one in evidence.items():
        if isinstance(one.value, Transcript) and one.value.text.strip():
            words = book.render(book["may_be_misheard"], words=book.quote(one.value.text, 600))
            claims.append(cited(book.sentence(words), [id_], book["list"]["end"]))
    return claims


def _written_out(table: Table) -> Text:
    """The rows of a table as lines of text."""
    cells = sorted(table.cells, key=lambda cell: (cell.row, cell.column))
    rows = [" ".join(cell.text for cell in row) for _, row in groupby(cells, key=lambda cell: cell.row)]
    return Text(text="\n".join(rows), media=table.media, lines=tuple(Line(text=row) for row in rows if row.strip()))


def _is_composed(value: Text | Transcript) -> bool:
    return any(note.kind == "composed" for note in value.notes)


def _in_words(book: Phrasebook, reason: str) -> str:
    """A reason in the answer's language, to end a sentence with."""
    return one_line(_translated(book, "reasons", reason) or reason).rstrip(".。")


def _translated(book: Phrasebook, table: str, message: str) -> str | None:
    """A message in the answer's language by one of its tables, in which `{}` stands for any words; None where it is in
    none of them."""
    for said, words in book[table].items():
        if said == "other":
            continue
        found = re.fullmatch(re.escape(said).replace(r"\{\}", "(.+?)"), message)
        if found is not None:
            named = {**book["kinds"], **book["said_kinds"]}
            return str(words.format(*(named.get(word, word) for word in found.groups())))
    return None


def _unusable(book: Phrasebook, reason: str) -> str:
    """Why a file could not be used, in the answer's language: its name in quotation marks, and what is the matter."""
    name, parted, fact = reason.rstrip(".").partition(": ")
    if not parted or not book["unusable"]:
        return book.quote(reason, 120)
    said = _translated(book, "unusable", fact) or book["unusable"]["other"]
    return f"{book.quote(name, 60)}{said}"
