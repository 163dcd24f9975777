"""A YAML mix of sources becomes splits that are kept apart; what is wrong is said with line and reason."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_planner import SPECS

from visagent.core.errors import ConfigError, InputError
from visagent.models.protocol import MLLM
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Toolkit
from visagent_apps.data import toolkit_of
from visagent_training.build import Mix, Report, build, check, known_of, read_mix
from visagent_training.data_source import Drawn, Refused
from visagent_training.examples import SPLITS, TrainingExample, leaks, read_split
from visagent_training.instruct import proposal_schema, propose

WALK = Path(__file__).parents[2] / "examples" / "training"


def mixed(folder: Path, base: Path = WALK, **mix: Any) -> Report:
    made = Mix.model_validate({"tools": ["my_tools.py"]} | mix)
    tools, own = toolkit_of(made.profile, made.tools, base)
    return build(made, tools, own, folder, base)


def test_the_walks_mix_gives_sound_splits_that_share_no_question(tmp_path: Path) -> None:
    mix = read_mix(WALK / "data.yaml")
    report = mixed(tmp_path / "data", **mix.model_dump(exclude={"tools"}))
    questions = report.sources[0]
    assert questions.kind == "questions" and sum(questions.examples.values()) == 40 and questions.refused == {}
    assert questions.examples["test"] >= 12
    splits = {split: read_split(tmp_path / "data", split) for split in SPLITS}
    assert not leaks(splits["train"], [*splits["validation"], *splits["test"]])
    assert {one.source for one in splits["train"]} == {"questions", "described", "synthetic", "unanswerable"}
    assert {one.weight for one in splits["train"] if one.source == "questions"} == {12.0}
    shown = splits["train"][0].messages[0].content
    assert "tempo(clip: audio) -> number" in shown and "detect(" not in shown
    counts, findings = check(tmp_path / "data")
    assert findings == [] and counts["train.jsonl"] == len(splits["train"])


def test_the_same_mix_gives_the_same_bytes(tmp_path: Path) -> None:
    sources = [{"kind": "described", "count": 40}, {"kind": "synthetic", "count": 40}]
    first, again = (mixed(tmp_path / name, sources=sources) for name in ("first", "again"))
    assert first.digests == again.digests
    assert mixed(tmp_path / "other", sources=sources, seed=2).digests != first.digests


def test_refused_lines_are_reported_with_their_reasons_and_the_rest_is_kept(tmp_path: Path) -> None:
    rows = [
        {"question": "How bright is it?", "plan": "caption()"},
        {"question": "How bright?", "plan": "caption("},
        {"question": "How bright is it?", "plan": "caption()"},
    ]
    (tmp_path / "mine.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    shutil.copy(WALK / "my_tools.py", tmp_path)
    source = {"kind": "questions", "path": "mine.jsonl"}
    report = mixed(tmp_path / "data", tmp_path, sources=[source], validation=0, test=0)
    assert report.doubles == 1 and report.sources[0].examples["train"] == 1
    assert report.sources[0].lines == ["mine.jsonl, line 2: The plan cannot be read: 'caption('"]
    (tmp_path / "mine.jsonl").write_text(json.dumps(rows[1]))
    with pytest.raises(InputError, match=r"Nothing is left to learn from. mine.jsonl, line 1"):
        mixed(tmp_path / "data", tmp_path, sources=[source])


def test_training_rows_that_give_a_held_out_question_away_are_left_out(tmp_path: Path) -> None:
    words = "in the left half of the big picture that I took in the garden of my uncle yesterday"
    rows = [{"question": f"{start} is it {words}?", "plan": "caption()"} for start in ("How bright", "So how bright")]
    rows += [
        {"question": f"How bright is the {noun}?", "plan": f'caption(detect("{noun}"))'} for noun in "abcdefghijklm"
    ]
    (tmp_path / "mine.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    shutil.copy(WALK / "my_tools.py", tmp_path)
    source = {"kind": "questions", "path": "mine.jsonl"}
    found = []
    for part in (0.1, 0.2, 0.3, 0.4, 0.49):
        report = mixed(tmp_path / "data", tmp_path, sources=[source], validation=0, test=part)
        test, train = read_split(tmp_path / "data", "test"), read_split(tmp_path / "data", "train")
        assert not leaks(train, test)
        found.append(report.near_held_out)
    assert max(found) == 1


def test_check_finds_bad_lines_doubles_and_leaks(tmp_path: Path) -> None:
    mixed(tmp_path, sources=[{"kind": "questions", "path": "questions.jsonl"}])
    lines = (tmp_path / "train.jsonl").read_text().splitlines()
    (tmp_path / "train.jsonl").write_text("\n".join([*lines, lines[0], '{"id": 1}']))
    with (tmp_path / "validation.jsonl").open("a") as file:
        file.write(lines[1] + "\n")
    _, findings = check(tmp_path)
    reasons = {f"{found.file}:{found.line}": found.reason for found in findings}
    assert "it says the same as" in reasons[f"train.jsonl:{len(lines) + 1}"]
    assert "id: Input should be a valid string" in reasons[f"train.jsonl:{len(lines) + 2}"]
    assert "asks the same as" in reasons["validation.jsonl:None"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sources: [{kind: questons, path: x}]", "no source of examples 'questons'"),
        ("sources: [{kind: questions}]", "sources.0: path: Field required"),
        ("sources: [{path: mine.jsonl}]", "sources.0: a source names its kind"),
        ("sources: [questions]", "sources.0"),
        ("sources: []", "sources: Tuple should have at least 1 item"),
        ("sources: [{kind: described}]\nspeed: 3", "speed: Extra inputs"),
        ("{", "is not YAML"),
    ],
)
def test_a_mix_that_cannot_be_used_is_refused_with_the_key(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "mix.yaml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(reason)):
        read_mix(tmp_path / "mix.yaml")


def test_a_kind_of_source_that_no_package_offers_is_answered_with_the_nearest_and_how_to_get_more(
    tmp_path: Path,
) -> None:
    (tmp_path / "mix.yaml").write_text("sources: [{kind: questons, path: x}]")
    with pytest.raises(ConfigError) as caught:
        read_mix(tmp_path / "mix.yaml")
    assert "Did you mean 'questions'?" in caught.value.remedy
    assert "pip install -e research" in caught.value.remedy


def test_an_adapter_that_knows_no_tools_is_no_adapter_to_start_from() -> None:
    assert "detect" in known_of("planner-smollm2-135m") and known_of(None) == ()
    with pytest.raises(ConfigError, match="no adapter 'nobody'"):
        known_of("nobody")


# Self-instruction.


async def proposals(model: MLLM, count: int) -> list[Drawn]:
    return [drawn async for drawn in propose(model, SPECS, ["brightness"], 1, count, known=("detect", "count"))]


def said(question: str, *steps: dict[str, Any]) -> str:
    return json.dumps({"question": question, "steps": steps})


async def test_proposals_are_kept_only_if_their_plans_compile_and_do_what_was_asked() -> None:
    bright = [{"tool": "detect", "label": "lamp"}, {"tool": "brightness", "image": "$q1"}]
    model = ScriptedModel(
        said("How bright is the lamp?", *bright),
        said("how bright is the LAMP", *bright),
        said("How many lamps are there?", {"tool": "detect", "label": "lamp"}, {"tool": "count", "items": "$q1"}),
        said("How bright is the sofa?", *bright),
        said("How bright is the bad lamp?", {"tool": "brightness", "image": "$q1"}),
        said("Lamp?", *bright),
        "not json",
    )
    first, *refused = await proposals(model, 7)
    assert isinstance(first, TrainingExample) and first.target == 'brightness(detect("lamp"))'
    reasons = [item.reason for item in refused if isinstance(item, Refused)]
    assert len(reasons) == 6
    assert reasons[0] == "it was proposed before"
    assert reasons[1] == "the plan does not call brightness"
    assert reasons[2] == "a text of the plan is not in the question"
    assert "refers to $q1" in reasons[3]
    assert reasons[4] == "the question has fewer than three words"
    assert "no question with steps" in reasons[5]
    assert "How bright is the lamp?" in model.prompts[1] and "It needs brightness" in model.prompts[0]


async def test_a_real_model_is_held_to_questions_with_plans(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tiny_planner import tiny_llama

    from visagent.models.configs import TransformersModel
    from visagent.models.hf.model import TransformersMLLM

    folder = tiny_llama(tmp_path / "tiny", spread=0.2)
    model = TransformersMLLM(TransformersModel(backend="transformers", model=str(folder), device_map="cpu"))
    try:
        drawn = await proposals(model, 3)
    finally:
        model.close()
    assert len(drawn) == 3
    assert not any("no question with steps" in item.reason for item in drawn if isinstance(item, Refused))
    assert set(proposal_schema(SPECS, ["image1"])["required"]) == {"question", "steps"}


def test_a_toolkit_of_a_mix_holds_the_installed_tools_then_a_persons_own() -> None:
    tools, own = toolkit_of("embedded", ("my_tools.py",), WALK)
    assert own == ["rank", "distance", "tempo"]
    assert isinstance(tools, Toolkit) and list(tools)[-1] == "tempo"
