"""Training examples from traces, from a person's questions and from the grammar."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from visagent.agent.runs import RunRecord
from visagent.core.settings import load_profile
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall
from visagent.evidence.values import Evidence, Number
from visagent.media.media import MediaInfo
from visagent.planning.plan import REASONS, UNANSWERABLE
from visagent.tools.toolkit import Toolkit
from visagent_training.data_source import Drawn, Refused
from visagent_training.examples import TrainingExample
from visagent_training.sources import (
    question_examples,
    read_traces,
    synthetic_examples,
    trace_example,
    unanswerable_examples,
)

SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}
IMAGE = MediaInfo(hash="ab" * 32, kind="image", name="dogs.jpg")


def node(id_: str, tool: str, **arguments: Any) -> SubQuestion:
    return SubQuestion(id=id_, question="?", solver=ToolCall(tool=tool, arguments=arguments))


def answered(*, verdict: str = "supported", ids: tuple[str, str] = ("q1", "q3"), **more: Any) -> Answer:
    first, last = ids
    nodes = (node(first, "detect", image="image1", label="dog"), node(last, "count", items=f"${first}"))
    found = Evidence(id=last, tool="count", value=Number(value=2))
    fields: dict[str, Any] = {
        "run_id": "r1",
        "question": "How many dogs?",
        "text": "Two.",
        "status": "answered",
        "claims": (Claim.model_validate({"text": "Two.", "cites": [last], "verdict": verdict}),),
        "tree": QuestionTree(question="How many dogs?", nodes=nodes),
        "evidence": {last: found},
        "media": {"image1": IMAGE},
    }
    return Answer.model_validate(fields | more)


def example_of(drawn: Drawn) -> TrainingExample:
    assert isinstance(drawn, TrainingExample), drawn
    return drawn


def test_a_verified_run_is_an_example_as_it_is() -> None:
    example = example_of(trace_example(answered(ids=("q3", "q11")), SPECS, known=("detect", "count")))
    assert example.target == 'count(detect("dog"))'
    assert example.steps == ({"tool": "detect", "label": "dog"}, {"tool": "count", "items": "$q1"})
    assert example.media == {"image1": IMAGE.hash}
    assert example.answer == 2 and example.problem() is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"verdict": "unverifiable"}, "not every claim is supported"),
        ({"status": "unanswered"}, "it was not answered"),
        ({"tree": QuestionTree(question="?", nodes=())}, "it has no plan"),
        ({"tree": QuestionTree(question="?", nodes=(node("q1", "fly"),))}, "it calls fly"),
    ],
)
def test_a_run_that_is_not_borne_out_is_refused_and_says_why(changes: dict[str, Any], reason: str) -> None:
    drawn = trace_example(answered(**changes), SPECS)
    assert isinstance(drawn, Refused) and reason in drawn.reason


def record(answer: Answer | None, **more: Any) -> RunRecord:
    return RunRecord(
        id="20260101-000000-aa",
        created=datetime.now(UTC),
        question="How many dogs?",
        media={"image1": IMAGE},
        profile=load_profile("embedded"),
        answer=answer,
        **more,
    )


def test_what_a_person_thinks_goes_before_what_the_verifier_thinks() -> None:
    doubtful = answered(verdict="unverifiable")
    assert isinstance(trace_example(record(doubtful), SPECS), Refused)
    assert example_of(trace_example(record(doubtful, rating="up"), SPECS)).id == "traces/20260101-000000-aa"
    down = trace_example(record(answered(), rating="down"), SPECS)
    assert isinstance(down, Refused) and "rated it down" in down.reason
    assert isinstance(trace_example(record(None), SPECS), Refused)


def test_a_run_that_declined_for_good_reason_is_a_negative() -> None:
    tree = QuestionTree(question="?", nodes=(), unanswerable=REASONS["no_tool"])
    example = example_of(trace_example(answered(tree=tree, status="unanswered"), SPECS, good=True))
    assert example.steps == ({"tool": UNANSWERABLE, "reason": "no_tool"},)


def test_traces_are_read_from_a_file_and_from_a_folder_of_runs(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text(f"{answered().to_json()}\nno json\n")
    first, second = read_traces(file)
    assert isinstance(first, Answer)
    assert isinstance(second, Refused) and second.where == "traces.jsonl, line 2"
    folder = tmp_path / "runs" / "20260101-000000-aa"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(record(answered()).model_dump_json())
    (found,) = read_traces(tmp_path / "runs")
    assert isinstance(found, RunRecord)


def test_a_persons_questions_are_checked_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    rows = [
        {"question": "How many dogs?", "plan": 'count(detect("dog"))'},
        {"question": "What is said?", "plan": [{"tool": "transcribe"}], "media": ["audio1"], "answer": "hello"},
        {"question": "How many?", "plan": "count(detect("},
        {"question": "How many?", "plan": 'count("dog")'},
        {"plan": "count()"},
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    first, second, *refused = question_examples(file, SPECS, known=("detect",))
    assert example_of(first).target == 'count(detect("dog"))'
    assert example_of(second).answer == "hello" and list(example_of(second).media) == ["audio1"]
    assert [item.where for item in refused if isinstance(item, Refused)] == [f"mine.jsonl, line {n}" for n in (3, 4, 5)]
    assert "cannot be read" in refused[0].reason  # type: ignore[union-attr]
    assert "items cannot be 'dog'" in refused[1].reason  # type: ignore[union-attr]


def test_the_grammar_gives_examples_of_each_split_that_are_sound() -> None:
    for split in ("train", "test"):
        found = list(synthetic_examples(SPECS, split, 3, 30, known=tuple(SPECS)))  # type: ignore[arg-type]
        assert len(found) == 30 and {one.split for one in found} == {split}
        assert all(one.problem() is None for one in found)


def test_negatives_lack_the_tool_or_the_medium_that_they_ask_for() -> None:
    asked = list(synthetic_examples(SPECS, "train", 1, 60, known=("detect",)))
    found = list(unanswerable_examples(asked, 1, 40))
    assert len(found) > 20
    by_id = {f"unanswerable/{one.id}": one for one in asked}
    reasons = set()
    for negative in found:
        (step,) = negative.steps or ()
        origin = by_id[negative.id]
        reasons.add(step["reason"])
        assert step["tool"] == UNANSWERABLE and negative.problem() is None
        if step["reason"] == "no_tool":
            assert (origin.steps or ({},))[-1]["tool"] not in negative.specs
        else:
            assert not {name[:5] for name in negative.media} & {name[:5] for name in origin.media}
    assert "no_tool" in reasons and "no_image" in reasons
