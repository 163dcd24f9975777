"""The packaged demonstrations, and a person's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from finished import STEPS, finished_run
from PIL import Image

from visagent.core.errors import InputError, PlanError
from visagent.evidence.answer import Claim
from visagent.evidence.values import Number
from visagent.media.media import Media
from visagent.planning.check_examples import check_examples
from visagent.planning.demonstrations import (
    Demonstration,
    DemonstrationStore,
    from_run,
    read_demonstrations,
    worth_keeping,
)
from visagent.planning.plan import Plan, compile_plan
from visagent.planning.steps import plan_steps
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit.installed()
FIRST_PARTY = [name for name, tool in TOOLS.items() if tool.function.__module__.startswith("visagent_tools.")]
PACKAGED = DemonstrationStore(Path("nowhere"))


@pytest.fixture
def picture() -> Media:
    return Media.load(Image.new("RGB", (20, 10), "red"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_packaged_demonstrations_cover_every_first_party_tool_in_both_languages(language: str) -> None:
    found = PACKAGED.all(language)
    assert len(found) >= 40
    # What is only called after a first look is shown there.
    checking = {tool for one in check_examples(language) for tool in one.tools}
    assert set(FIRST_PARTY) <= {tool for one in found for tool in one.tools} | checking


@pytest.mark.parametrize("one", PACKAGED.all(), ids=lambda one: f"{one.language}-{one.id}")
def test_a_packaged_demonstration_compiles_and_its_evidence_is_what_its_tools_give(one: Demonstration) -> None:
    one.check(TOOLS)
    for name in one.media:
        medium = PACKAGED.medium(one, name)
        assert medium is not None and name.startswith(medium.kind)


def test_both_languages_ask_the_same_with_plans_of_the_same_tools() -> None:
    english = {one.id: one for one in PACKAGED.all("en")}
    chinese = {one.id: one for one in PACKAGED.all("zh")}
    assert english.keys() == chinese.keys()
    for id_, one in english.items():
        assert [step["tool"] for step in one.plan] == [step["tool"] for step in chinese[id_].plan]
        assert one.media == chinese[id_].media


def test_packaged_media_stay_small() -> None:
    folder = Path(__file__).parents[3] / "prompts" / "visagent_prompts" / "demonstrations"
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 1_000_000


def test_no_question_of_the_held_out_planning_set_is_a_demonstration() -> None:
    held_out = (Path(__file__).parents[2] / "data" / "planner_test.jsonl").read_text("utf-8").casefold()
    assert [one.id for one in PACKAGED.all("en") if f'"{one.question.casefold()}"' in held_out] == []


def test_what_a_person_adds_is_found_again_with_its_media(tmp_path: Path, picture: Media) -> None:
    one = from_run(finished_run(picture, STEPS), "person")
    store = DemonstrationStore(tmp_path / "own")
    store.add(one, [picture])
    again = DemonstrationStore(tmp_path / "own", packaged=False)
    assert again.all() == [one]
    kept = again.medium(one, "image1")
    assert kept is not None and kept.image().size == (20, 10)


def test_a_run_becomes_a_demonstration_that_names_its_media_and_checks(picture: Media) -> None:
    one = from_run(finished_run(picture, STEPS), "run")
    one.check(TOOLS)
    assert [step["tool"] for step in one.plan] == ["detect", "count"]
    assert one.evidence["q1"].media == "image1"  # type: ignore[union-attr]
    assert one.answer == "There is 1 dog [q2]."


def test_steps_are_numbered_anew_where_a_tree_has_gaps(picture: Media) -> None:
    twice = [STEPS[0], STEPS[0], {"tool": "count", "items": "$q2"}]
    tree = compile_plan("?", Plan(steps=twice), TOOLS, {"image1": picture.info}, lambda call, _: str(call))
    assert tree.order == ("q1", "q3")
    assert plan_steps(tree)[1] == {"tool": "count", "items": "$q1"}


def test_runs_are_kept_if_a_person_or_the_verifier_vouches_for_them(picture: Media) -> None:
    good = finished_run(picture, STEPS)
    assert good.answer is not None
    doubtful = good.answer.model_copy(update={"claims": (Claim(text="?", verdict="contradicted"),)})
    assert worth_keeping(good)
    assert not worth_keeping(good.model_copy(update={"rating": "down"}))
    assert not worth_keeping(good.model_copy(update={"answer": doubtful}))
    assert worth_keeping(good.model_copy(update={"answer": doubtful, "rating": "up"}))
    assert not worth_keeping(good.model_copy(update={"answer": None, "rating": "up"}))


def test_a_follow_up_is_no_demonstration_because_its_question_says_too_little(picture: Media) -> None:
    with pytest.raises(InputError, match="follows up"):
        from_run(finished_run(picture, STEPS, asked="How many dogs? And cats?"), "person")


def test_evidence_of_the_wrong_type_or_a_missing_tool_is_refused(picture: Media) -> None:
    one = from_run(finished_run(picture, STEPS), "person")
    with pytest.raises(InputError, match=r"q2 \(count\) found nothing"):
        one.model_copy(update={"evidence": {"q1": one.evidence["q1"]}}).check(TOOLS)
    with pytest.raises(InputError, match="q1 .detect. found a number"):
        one.model_copy(update={"evidence": {"q1": Number(value=1), "q2": Number(value=1)}}).check(TOOLS)
    with pytest.raises(PlanError, match="detect"):
        one.check(TOOLS.without(["detect"]))


@pytest.mark.parametrize("file", ["../secret.png", "/etc/passwd", "a/b.png", ".."])
def test_a_medium_outside_the_folder_cannot_be_named(tmp_path: Path, file: str) -> None:
    row = {"id": "x", "media": {"image1": file}, "question": "?", "plan": [{"tool": "read_text"}]}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "demonstrations": [row]}))
    with pytest.raises(InputError, match="demonstration 1: media"):
        read_demonstrations(path, "en")


@pytest.mark.parametrize("text", ["{", "- 1", "version: 2\ndemonstrations: []", "version: 1\ndemonstrations: [1]"])
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="mine.yaml"):
        read_demonstrations(path, "en")


def test_what_no_tool_can_answer_stays_a_step_that_says_why(picture: Media) -> None:
    partly = [*STEPS, {"tool": "unanswerable", "reason": "no_audio"}]
    tree = compile_plan("?", Plan(steps=partly), TOOLS, {"image1": picture.info}, lambda call, _: str(call))
    assert plan_steps(tree)[-1] == {"tool": "unanswerable", "reason": "no_audio"}
    again = compile_plan("?", Plan(steps=plan_steps(tree)), TOOLS, {"image1": picture.info}, lambda call, _: str(call))
    assert again == tree
