"""Whether answers rest on what they cite: what is changed, what is asked again, and what is counted."""

from __future__ import annotations

import json
import math
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.core.errors import InputError, MediaError
from visagent.evaluation.agent_benchmark import AgentBenchmark
from visagent.evaluation.agent_items import AgentItem
from visagent.evaluation.agent_run import evaluate_agent
from visagent.evidence.values import Box, Boxes, Crop
from visagent.media.media import Media
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import tool
from visagent_apps.counterfactual import PROBES, run_counterfactual
from visagent_apps.evidence_probes import (
    Asked,
    Probe,
    counterfactual_report,
    probe,
    read_asked,
    recorded_answers,
    same_answer,
)
from visagent_apps.media_edits import Edit, Place, edited, places_elsewhere

CUP = (10, 10, 30, 30)


@tool(cache=False)
def find_red(image: Crop) -> Boxes:
    """Find what is red."""
    pixels = np.asarray(image.image()).astype(int)
    rows, columns = np.nonzero((pixels[..., 0] > 200) & (pixels[..., 1] < 60))
    if not len(rows):
        return Boxes(media=image.media, boxes=())
    xyxy = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return Boxes(media=image.media, boxes=(Box(xyxy=xyxy, label="cup", confidence=0.9),))


@tool(cache=False)
def guess(image: Crop) -> Boxes:
    """Say where a cup usually is, without looking."""
    return Boxes(media=image.media, boxes=(Box(xyxy=CUP, label="cup", confidence=0.9),))


@tool(cache=False)
def everywhere(image: Crop) -> Boxes:
    """Find one thing that fills the picture."""
    return Boxes(media=image.media, boxes=(Box(xyxy=(0, 0, 100, 80), label="table", confidence=0.9),))


def agent_with(name: str, home: Path) -> Agent:
    model = ScriptedModel([{"tool": name}, {"tool": "count", "items": "$q1"}])
    tools = [find_red, guess, everywhere]
    return Agent("embedded", tools=tools, models={"controller": model}, home=home)


@pytest.fixture
def picture() -> Media:
    made = Image.new("RGB", (100, 80), "white")
    made.paste((255, 0, 0), CUP)
    return Media.load(made)


@pytest.mark.parametrize("edit", ["blank", "recolour", "replace"])
async def test_an_answer_that_rests_on_its_place_changes_with_it_alone(
    tmp_path: Path, picture: Media, edit: Edit
) -> None:
    other = Media.load(Image.new("RGB", (50, 50), "green"))
    asked = Asked("1", "How many cups are there?", [picture])
    found = await probe(agent_with("find_red", tmp_path), asked, edit, other=other)
    assert found.left_out == "" and found.tools == ("find_red",) and found.cited[0].xyxy == CUP
    assert found.changed_cited and not found.changed_control
    assert found.control[0].share(picture) == pytest.approx(found.cited[0].share(picture))


async def test_an_answer_that_was_not_looked_up_stays_and_is_counted_as_unseen(tmp_path: Path, picture: Media) -> None:
    asked = Asked("1", "How many cups are there?", [picture])
    found = await probe(agent_with("guess", tmp_path), asked, "blank")
    assert not found.changed_cited and not found.changed_control
    (rate, by_tool) = counterfactual_report([found]).rates["blank"]
    assert rate.unseen.value == 1 and rate.effect.value == 0 and (by_tool.name, by_tool.unseen.count) == ("guess", 1)


async def test_what_cannot_be_compared_is_left_out_with_its_reason(tmp_path: Path, picture: Media) -> None:
    blank = Media.load(Image.new("RGB", (100, 80), "white"))
    table = await probe(agent_with("everywhere", tmp_path), Asked("1", "How many tables?", [picture]), "blank")
    nothing = await probe(agent_with("find_red", tmp_path), Asked("2", "How many cups?", [blank]), "blank")
    report = counterfactual_report([table, nothing])
    assert report.left_out["blank"] == {
        "the answer cites most of a medium": 1,
        "the answer cites no place": 1,
    }
    assert report.rates["blank"] == ()


def made(id_: str, cited: bool, control: bool) -> Probe:
    return Probe(
        id=id_, edit="blank", question="?", tools=("detect",), changed_cited=cited, changed_control=control, mode="tree"
    )


def test_rates_are_those_counted_by_hand_and_the_difference_is_paired() -> None:
    probes = [made("1", True, False), made("2", True, False), made("3", True, True), made("4", False, False)]
    rate = counterfactual_report(probes).rates["blank"][0]
    assert rate.unseen.value == 0.25 and rate.changed_control.value == 0.25
    assert rate.effect.value == 0.5 and (rate.effect.better, rate.effect.worse) == (2, 0)
    assert rate.unseen.low <= 0.25 <= rate.unseen.high


@pytest.mark.parametrize("edit", ["blank", "recolour", "replace"])
def test_an_edit_changes_its_place_and_no_other_pixel(picture: Media, edit: Edit) -> None:
    changed = edited(picture, [Place(media="image1", xyxy=(5, 5, 35, 25))], edit)
    before, after = np.asarray(picture.image()), np.asarray(changed.image())
    outside = np.ones(before.shape[:2], bool)
    outside[5:25, 5:35] = False
    assert (before[outside] == after[outside]).all() and (before != after).any()
    assert changed.hash != picture.hash


@pytest.fixture
def sound(tmp_path: Path) -> Media:
    file = tmp_path / "tone.wav"
    with wave.open(str(file), "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        ramp = [int(20_000 * (n / 32_000) * math.sin(n / 5)) for n in range(32_000)]
        writer.writeframes(struct.pack(f"<{len(ramp)}h", *ramp))
    return Media.load(file)


def test_seconds_of_sound_are_silenced_or_turned_around(sound: Media) -> None:
    pytest.importorskip("av")
    second = Place(media="audio1", start=0.5, end=1.0)
    silenced = edited(sound, [second], "blank").audio()
    assert np.abs(silenced[8_100:15_900]).max() == 0 and np.abs(silenced[17_000:]).max() > 0.1
    turned = edited(sound, [second], "replace").audio()
    assert np.allclose(turned[8_001:16_000], sound.audio()[8_001:16_000][::-1], atol=1e-3)
    with pytest.raises(MediaError, match="has no colour"):
        edited(sound, [second], "recolour")


def test_places_elsewhere_are_as_large_touch_nothing_and_are_the_same_every_time(picture: Media) -> None:
    cited = [Place(media="image1", xyxy=CUP), Place(media="image1", xyxy=(40, 40, 60, 70))]
    found = places_elsewhere(picture, cited, seed=3)
    assert found is not None and found == places_elsewhere(picture, cited, seed=3)
    canvas = np.zeros((80, 100), int)
    for place in (*cited, *found):
        assert place.xyxy is not None
        x1, y1, x2, y2 = (round(value) for value in place.xyxy)
        canvas[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] += 1
    assert canvas.max() == 1
    assert places_elsewhere(picture, [Place(media="image1", xyxy=(20, 0, 80, 80))], seed=0) is None


async def test_how_sure_an_answer_is_does_not_make_it_another_one(tmp_path: Path, picture: Media) -> None:
    agent = agent_with("guess", tmp_path)
    answer = await agent.aask("How many cups are there?", picture)
    less_sure = answer.model_copy(update={"text": f"Probably: {answer.text}"})
    assert same_answer(answer, less_sure)
    assert not same_answer(answer, answer.model_copy(update={"status": "unanswered"}))


@pytest.fixture
def questions(tmp_path: Path, picture: Media) -> Path:
    picture.image().save(tmp_path / "cup.png")
    rows: list[dict[str, Any]] = [
        {"id": "1", "question": "How many <b>cups</b>?", "media": ["cup.png"], "kind": "count"},
        {"id": "1", "question": "Again?", "media": ["cup.png"]},
        {"id": "2", "question": "Gone?", "media": ["gone.png"]},
    ]
    file = tmp_path / "questions.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_a_picture_that_is_gone_or_an_id_that_stands_twice_leaves_the_rest(questions: Path) -> None:
    items, left_out = read_asked(questions)
    assert [item.id for item in items] == ["1"]
    assert "stands twice" in left_out["1"] and "gone.png" in left_out["2"]
    questions.write_text('{"id": "1", "question": "?", "media": []}\n')
    with pytest.raises(InputError, match=r"questions.jsonl, line 1: media"):
        read_asked(questions)


async def test_what_an_evaluation_answered_is_not_asked_again(tmp_path: Path, questions: Path) -> None:
    class Cups(AgentBenchmark):
        name = "cups"

        def load(self, path: Path) -> list[AgentItem]:
            return [AgentItem(id="1", question="How many cups?", media=(path / "cup.png",), gold=("1",))]

    model = ScriptedModel([{"tool": "find_red"}, {"tool": "count", "items": "$q1"}])
    agent = Agent("embedded", tools=[find_red], models={"controller": model}, home=tmp_path / "home")
    await evaluate_agent(Cups(), tmp_path, tmp_path / "run", agent, mode="tree")
    kept = recorded_answers(tmp_path / "run", agent.profile, "tree")
    assert recorded_answers(tmp_path / "run", agent.profile, "chain") == recorded_answers(
        questions, agent.profile, "tree"
    )
    items, _ = read_asked(tmp_path / "run")
    found = await probe(agent, items[0], "blank", mode="tree", answers=kept)
    assert (found.changed_cited, found.changed_control, found.left_out) == (True, False, "")
    assert len(model.prompts) == 3  # once for the evaluation, and twice with places changed


def test_a_record_goes_on_where_it_stopped_and_its_page_runs_nothing(
    tmp_path: Path, questions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent, out = agent_with("find_red", tmp_path / "home"), tmp_path / "out"
    run_counterfactual(questions, out=out, agent=agent)
    lines = (out / PROBES).read_text()
    (out / PROBES).write_text(lines + '{"id": "2", "ed')
    run_counterfactual(questions, out=out, agent=agent)
    assert (out / PROBES).read_text() == lines and len(lines.splitlines()) == 1
    page = (out / "report.html").read_text()
    assert "&lt;b&gt;cups" in page and "<b>cups" not in page and "<script" not in page and "default-src 'none'" in page
    assert page.count("data:image/jpeg;base64") == 3
    assert "| all | 1 | 0 (0 to 0) | 0 (0 to 0) | 100 (100 to 100), p=1 |" in capsys.readouterr().out
    with pytest.raises(InputError, match="other seed"):
        run_counterfactual(questions, out=out, agent=agent, seed=1)
    (out / PROBES).write_text("{}\n")
    with pytest.raises(InputError, match=r"probes.jsonl, line 1: id"):
        run_counterfactual(questions, out=out, agent=agent)
