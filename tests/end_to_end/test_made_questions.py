"""Questions about clips and documents made here, of which every answer is known: those that need little time."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("av", reason="clips need PyAV: pip install 'visagent[embedded]'")
pytest.importorskip("rapidocr", reason="reading pictures needs rapidocr: pip install 'visagent[embedded]'")
pytest.importorskip("pypdfium2", reason="documents need pypdfium2: pip install 'visagent[embedded]'")

from ask_made import CLIPS, DOCUMENTS, ask_made, questions


def test_the_questions_are_about_twelve_clips_and_six_documents() -> None:
    asked = questions()
    assert {row["file"] for row in asked} == {*CLIPS, *DOCUMENTS}
    assert len(CLIPS) >= 12 and len(DOCUMENTS) >= 6 and len(asked) >= 60
    # An answer that repeats the question proves nothing.
    for row in asked:
        said = row["expect"].get("says", ())
        assert not said or not all(part.lower() in row["question"].lower() for part in said), row


@pytest.mark.slow
def test_questions_that_need_little_time_are_answered_rightly(tmp_path: Path) -> None:
    rows = list(ask_made(questions(fast=True), tmp_path / "files", tmp_path / "home"))
    assert [f"{row['file']}: {row['question']} {row['answer']}" for row in rows if not row["right"]] == []
    assert len(rows) >= 5
