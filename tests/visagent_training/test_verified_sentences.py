"""Rows made from verified runs: preference pairs of sentences, negative instructions; and MIMIC-IT's files."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from finished import STEPS, finished_run
from PIL import Image

from visagent.core.errors import InputError
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.values import Boxes, Evidence
from visagent.media.media import Media
from visagent.media.store import MediaStore
from visagent_training.data_source import Refused
from visagent_training.examples import TrainingExample
from visagent_training.mimic_it import mimic_examples, write_mimic
from visagent_training.verified_sentences import instruction_examples, sentence_examples
from visagent_training.verify import pairs_of


def png(color: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(buffer, "PNG")
    return buffer.getvalue()


def run_of(**changes: Any) -> Answer:
    answer = finished_run(Media.load(png("white")), STEPS).answer
    assert answer is not None
    return answer.model_copy(update=changes)


def traces(file: Path, *answers: Answer) -> Path:
    file.write_text("".join(answer.to_json() + "\n" for answer in answers))
    return file


def examples_of(drawn: Any) -> list[TrainingExample]:
    return [one for one in drawn if isinstance(one, TrainingExample)]


def test_a_supported_sentence_is_preferred_to_contradicted_ones_of_other_runs_and_made_of_it(tmp_path: Path) -> None:
    wrong = Claim(text="There are 7 cats [q2].", cites=("q2",), verdict="contradicted")
    file = traces(tmp_path / "runs.jsonl", run_of(), run_of(run_id="other", claims=(wrong,), text=wrong.text))
    (example,) = examples_of(sentence_examples(file))
    assert example.target == "There is 1 dog." and example.problem() is None
    assert set(example.rejected) == {"There are 7 cats.", "There is 2 dog.", "There is 4 dog."}
    assert set(example.media.values()) == {Media.load(png("white")).hash}
    pairs = pairs_of(example, ["There is 1 dog.", "Three."], Random(0), negatives=2)
    assert {pair.rejected: pair.mistake for pair in pairs} == {
        "Three.": "sampled", **dict.fromkeys(example.rejected, "rejected")
    }  # fmt: skip


def test_sentences_that_no_evidence_speaks_against_make_no_pair(tmp_path: Path) -> None:
    plain = Claim(text="A dog is here [q1].", cites=("q1",), verdict="supported")
    (refused,) = sentence_examples(traces(tmp_path / "runs.jsonl", run_of(claims=(plain,), text=plain.text)))
    assert isinstance(refused, Refused) and "none can be made" in refused.reason


def test_instructions_ask_as_often_for_what_is_not_there_as_for_what_is(tmp_path: Path) -> None:
    none = Boxes(media="0" * 64, boxes=())
    said = Claim(text="There is no dog [q1].", cites=("q1",), verdict="supported")
    missing = run_of(
        run_id="none", claims=(said,), text=said.text, evidence={"q1": Evidence(id="q1", tool="detect", value=none)}
    )
    found = examples_of(instruction_examples(traces(tmp_path / "runs.jsonl", run_of(), missing)))
    asked = {example.question: example.target for example in found}
    assert asked["Is this right? There is 2 dog."] == "No. There is 1 dog."
    assert asked["Is this right? There is 1 dog."] == "Yes. There is 1 dog."
    assert asked["What is the dog in the picture doing?"] == "There is no dog in the picture."
    there = [example.target for example in found if example.question == "Is there a dog in the picture?"]
    assert sorted(there) == ["No.", "Yes."]


def test_nothing_is_asked_about_what_the_verifier_did_not_support(tmp_path: Path) -> None:
    unsure = Claim(text="There is 1 dog [q2].", cites=("q2",), verdict="unverifiable")
    (refused,) = instruction_examples(traces(tmp_path / "runs.jsonl", run_of(claims=(unsure,))))
    assert isinstance(refused, Refused)


def mimic(folder: Path) -> tuple[Path, Path]:
    pictures = {"LA_IMG_1": base64.b64encode(png("red")).decode(), "LA_IMG_2": base64.b64encode(png("blue")).decode()}
    data = {
        "LA_INS_1": {"instruction": "Which color?", "answer": "Red.", "image_ids": ["LA_IMG_1"], "rel_ins_ids": []},
        "LA_INS_2": {"instruction": "And this?", "answer": "Blue.", "image_ids": ["LA_IMG_2"]}
        | {"rel_ins_ids": ["LA_INS_1"]},
        "LA_INS_3": {"instruction": "Which?", "answer": "None.", "image_ids": ["LA_IMG_9"], "rel_ins_ids": []},
    }
    (folder / "LA.json").write_text(json.dumps(pictures))
    (folder / "LA_instructions.json").write_text(json.dumps({"meta": {"version": "0.0.1"}, "data": data}))
    return folder / "LA_instructions.json", folder / "LA.json"


def test_instructions_in_context_come_in_as_turns_and_go_out_as_they_were(tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    *found, refused = mimic_examples(*mimic(tmp_path), store)
    first, second = examples_of(found)
    assert isinstance(refused, Refused) and refused.reason == "there is no picture LA_IMG_9"
    assert [(turn.role, turn.content) for turn in second.messages] == [
        ("user", "<image1>Which color?"), ("assistant", "Red."), ("user", "<image2>And this?")
    ]  # fmt: skip
    assert second.target == "Blue." and first.problem() is None is second.problem()
    assert write_mimic([second], tmp_path / "out", store) == 2
    again = examples_of(mimic_examples(tmp_path / "out/VA_instructions.json", tmp_path / "out/VA.json", store))
    assert [(one.messages, one.target, list(one.media.values())) for one in again] == [
        (one.messages, one.target, list(one.media.values())) for one in (first, second)
    ]


def test_an_entry_that_is_no_instruction_is_named(tmp_path: Path) -> None:
    instructions, images = mimic(tmp_path)
    instructions.write_text(json.dumps({"data": {"LA_INS_7": {"instruction": "?", "image_ids": []}}}))
    with pytest.raises(InputError, match=r"LA_instructions.json, LA_INS_7: answer: Field required"):
        list(mimic_examples(instructions, images, MediaStore(tmp_path / "media")))
