"""Of a text that is too long to be shown, what has to do with the question is shown."""

from __future__ import annotations

import pytest

from visagent.answering.passages import shown_of, telling
from visagent.answering.phrasing import phrasebook
from visagent.answering.refiner import refine
from visagent.answering.remarks import read_beside
from visagent.evidence.answer import text_of
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Evidence, Line, Text, Transcript, Value
from visagent.verification.citations import verify

FILLER = [f"Line {number} speaks of nothing in particular." for number in range(40)]


def page(*more: str) -> Text:
    lines = (*FILLER, *more)
    return Text(text="\n".join(lines), media="m", lines=tuple(Line(text=line) for line in lines))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_line_that_is_asked_for_is_shown_though_it_is_the_last(language: str) -> None:
    shown = shown_of(phrasebook(language), page("The password is WALRUS-77"), "What is the password?")
    assert "The password is WALRUS-77" in shown and len(shown) < 250


def test_the_value_behind_a_short_line_is_shown_with_it() -> None:
    assert telling(page("Password:", "WALRUS-77", "End"), "What is the password?") == ["Password:", "WALRUS-77"]


def test_of_a_recording_sentences_are_shown() -> None:
    heard = Transcript(text=" ".join([*FILLER, "The teacher was a woman named Martha.", *FILLER]), media="m")
    assert telling(heard, "Who was the teacher?") == ["The teacher was a woman named Martha."]


def test_a_text_that_shares_no_word_is_cut_as_before() -> None:
    book = phrasebook("en")
    assert shown_of(book, page(), "What does it say?") == book.quote(page().text)
    short = Text(text="The password is WALRUS-77", media="m")
    assert shown_of(book, short, "What is the password?") == '"The password is WALRUS-77"'


def told(question: str, *steps: tuple[str, dict[str, str], Value]) -> str:
    nodes = [
        SubQuestion(id=f"q{at}", question="", solver=ToolCall(tool=tool, arguments=dict(given)))
        for at, (tool, given, _) in enumerate(steps, 1)
    ]
    tree = build_tree(question, nodes)
    found = {
        node.id: Evidence(id=node.id, tool=node.solver.tool, arguments=node.solver.arguments, value=step[2])
        for node, step in zip(nodes, steps, strict=True)
    }
    claims = refine(tree, found)
    claims = verify([*claims, *read_beside(tree, found, claims)], found)
    assert {claim.verdict for claim in claims} == {"supported"}
    return text_of(claims)


NOTHING = Text(text="", media="m")


def test_a_text_in_which_nothing_answers_is_shown_beside_that() -> None:
    read = ("read_text", {"image": "image1"}, Text(text="Auditor: T. Wren", media="m"))
    answer = told("Who audited it?", read, ("find_text", {"text": "$q1", "query": "audited"}, NOTHING))
    assert answer.endswith('What I can read there is "Auditor: T. Wren" [q1].')


def test_what_was_heard_is_shown_where_another_sentence_answers() -> None:
    heard = ("transcribe", {"audio": "audio1"}, Transcript(text="We open at seven. The boat leaves late.", media="m"))
    from visagent.evidence.values import Label, Labels

    times = Labels(labels=(Label(name="seven", confidence=0.9),))
    asked = ("extract", {"text": "$q1", "kind": "time"}, times)
    assert "What I hear is" in told("What time does the boat leave?", heard, asked)
    assert "What I hear is" not in told("What time do we open?", heard, asked)


def test_a_text_that_answers_is_not_shown_again() -> None:
    assert told("What does it say?", ("read_text", {"image": "image1"}, Text(text="EXIT", media="m"))) == (
        'The text in the picture reads "EXIT" [q1].'
    )


def test_a_table_that_does_not_answer_is_shown_by_its_rows() -> None:
    from visagent.evidence.values import Cell, Failure, Table

    rows = (("Name", "Hours"), ("Ingrid", "38"))
    cells = tuple(Cell(text=text, row=row, column=at) for row, line in enumerate(rows) for at, text in enumerate(line))
    read = ("read_table", {"image": "image1"}, Table(media="0" * 64, header_rows=1, cells=cells))
    failed = Failure(error="MissingInput", message="The table has no column 'age'.")
    answer = told("How old is Ingrid?", read, ("cell", {"table": "$q1", "row": "Ingrid", "column": "age"}, failed))
    assert answer.endswith('What I can read there is "Name Hours Ingrid 38" [q1].')
