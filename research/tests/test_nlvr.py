"""NLVR: sentences to programs, programs on scenes, learning from truth values, and plans over general tools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from visagent.core.config import Budget
from visagent.core.errors import InputError, PlanError
from visagent.evaluation.benchmark import Source
from visagent.evaluation.evaluate import evaluate
from visagent.media.media import Media
from visagent.planning.plan import Plan, compile_plan, name_media
from visagent.tools.executor import ToolExecutor
from visagent.tools.toolkit import Toolkit
from visagent_research.nlvr.benchmark import (
    NlvrBenchmark,
    compare_scenes,
    cross_validated_weights,
    described,
    judgements,
    see,
)
from visagent_research.nlvr.grammar import PRIOR, candidates
from visagent_research.nlvr.learning import Lesson, learn, probabilities
from visagent_research.nlvr.lexicon import tokens
from visagent_research.nlvr.model import best_program, shipped_weights
from visagent_research.nlvr.plans import plan_of
from visagent_research.nlvr.programs import Interpreter, Program
from visagent_research.nlvr.scene import Scene, scene_of_record

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "nlvr"


@pytest.fixture(scope="module")
def data() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"the shared data are absent: {SHARED}")
    return SHARED


@pytest.fixture(scope="module")
def toolkit() -> Toolkit:
    from visagent_research.nlvr.tools import arrangement, segment_shapes
    from visagent_tools import geometry, logic

    pytest.importorskip("cv2")
    return Toolkit([segment_shapes, arrangement, geometry, logic])


def block(color: str, x: int, y: int, kind: str = "square", size: int = 20) -> dict[str, object]:
    return {"x_loc": x, "y_loc": y, "type": kind, "color": color, "size": size}


TOWERS = scene_of_record(
    [
        [block("Yellow", 40, 80), block("#0099ff", 40, 59), block("Black", 40, 38)],
        [block("Black", 40, 80), block("Black", 40, 59)],
        [block("Yellow", 40, 80)],
    ]
)
SCATTER = scene_of_record(
    [
        [block("Yellow", 0, 30, "circle", 10), block("#0099ff", 50, 50, "triangle", 30)],
        [block("Black", 80, 80), block("Black", 20, 20, "circle")],
        [block("#0099ff", 40, 40, "circle"), block("Yellow", 61, 40, "square")],
    ]
)


def truth(sentence: str, scene: Scene) -> bool:
    program = best_program(sentence, PRIOR)
    assert program is not None
    return Interpreter(scene).truth(program)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("There is a tower with a black block over a blue block", True),
        ("There is a tower with a yellow block over a blue block", False),
        ("There is a yellow block as the base of a tower with at least two blocks.", True),
        ("There are exactly two towers with a yellow base", True),
        ("there is exactly one tower with a black block at the top", False),
        ("There is a black tower.", True),
        ("There is a tower with only one block", True),
        ("There is no tower with four blocks", True),
        ("Each tower has at least one blue block", False),
    ],
)
def test_statements_about_towers_are_judged_as_people_would(sentence: str, expected: bool) -> None:
    assert truth(sentence, TOWERS) is expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("there is a yellow circle touching the edge", True),
        ("There are exactly two circles not touching any edge", True),
        ("There is a black square touching the corner", True),
        ("There is a box with only black items", True),
        ("None of the triangles are touching the wall", True),
        ("There is a box with a small yellow circle and a large blue triangle.", True),
        ("There are at least three black items", False),
    ],
)
def test_statements_about_scattered_shapes_are_judged_as_people_would(sentence: str, expected: bool) -> None:
    assert truth(sentence, SCATTER) is expected


def test_places_and_stacks_are_read_from_a_scene() -> None:
    run = Interpreter(TOWERS)
    assert run.shapes(("at", "top", 1)).bit_count() == 3
    assert run.shapes(("at", "bottom", 2)).bit_count() == 2
    assert run.shapes(("on", ("is", "yellow"))) == run.shapes(("and", ("is", "blue"), ("at", "bottom", 2)))
    assert run.panels(("hues", "=", 1, ("shapes",))) == 0b110
    assert run.shapes(("stacked", ("is", "black"))) == 0b11000
    assert run.shapes(("under", ("is", "black"))).bit_count() == 3
    near = Interpreter(SCATTER).shapes(("touching", ("is", "yellow")))
    assert near == Interpreter(SCATTER).shapes(("and", ("is", "blue"), ("is", "circle")))


def test_slips_of_the_pen_are_read_as_the_nearest_word() -> None:
    assert tokens("ll blccks are tocuhing a yellow cirlce") == ["all", "object", "touching", "a", "yellow", "circle"]


def test_a_sentence_without_a_known_word_has_no_program() -> None:
    assert candidates("Colourless ideas sleep furiously") == []
    assert best_program("", PRIOR) is None


def test_learning_prefers_the_reading_that_is_right_and_forgets_nothing_without_lessons() -> None:
    right = np.array([[True, True, True], [True, False, True]])
    lesson = Lesson([["exact"], ["loose"]], right)
    weights = learn([lesson] * 5, {"loose": 0.5})
    assert weights["exact"] > weights["loose"]
    assert probabilities([["exact"], ["loose"]], weights)[0] > 0.5
    assert learn([], {"loose": 0.5}) == {"loose": 0.5}


def test_the_shipped_weights_give_a_program_for_new_words_in_known_patterns() -> None:
    program = best_program("There are exactly two towers with a blue block at the base", shipped_weights())
    assert program == ("count", "=", 2, ("holding", ">=", 1, ("and", ("at", "bottom", 1), ("is", "blue"))))


def test_a_scene_that_is_seen_with_its_panels_in_another_order_is_the_same() -> None:
    gold = described(TOWERS)
    assert compare_scenes(gold[::-1], gold) == (6, 6, 0)
    assert compare_scenes([gold[0], gold[1], ["red square 0 0 5 5"]], gold) == (5, 6, 1)


def test_a_record_with_an_unknown_color_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="Pink"):
        scene_of_record([[block("Pink", 0, 0)]])


@pytest.mark.parametrize(
    "program",
    [("count", ">=", 1, ("hues", "=", 1, ("shapes",))), ("count", ">=", 1, ("and", ("is", "small"), ("is", "black")))],
)
def test_what_no_general_tool_tells_is_no_plan(program: Program) -> None:
    with pytest.raises(PlanError, match="No general tool"):
        plan_of(program)


async def test_a_plan_over_general_tools_says_of_a_picture_what_the_program_says(data: Path, toolkit: Toolkit) -> None:
    items = NlvrBenchmark(toolkit).load(data)
    asked = list({item.sentence: item for item in items}.values())[:24]
    agreeing = 0
    for item in asked:
        program = best_program(item.sentence, shipped_weights())
        assert program is not None
        try:
            steps = plan_of(program)
        except PlanError:
            continue
        medium = Media.load(data / item.images[0])
        names = name_media([medium.info])
        tree = compile_plan(item.sentence, Plan(steps=steps), toolkit, names, lambda call, _: str(call))
        expert = ToolExecutor(toolkit, dict(zip(names, [medium], strict=True)), Budget())
        evidence = {}
        for id_ in tree.order:
            evidence[id_] = await expert.answer(tree[id_], evidence)
        value = evidence[tree.sinks[-1]].value
        assert getattr(value, "value", None) == Interpreter(see(data / item.images[0], toolkit)).truth(program)
        agreeing += 1
    assert agreeing > 15


async def test_pictures_are_read_without_error_and_judged_far_above_the_floor(data: Path, toolkit: Toolkit) -> None:
    benchmark = NlvrBenchmark(toolkit)
    scores = (await evaluate(benchmark, Source(data), predictor="pixels", limit=12)).scores
    assert scores["shapes right"].value == scores["pictures right"].value == 1
    floor = (await evaluate(benchmark, Source(data), predictor="always-true")).scores
    assert floor["accuracy"].value == pytest.approx(0.553, abs=0.001)
    assert scores["accuracy"].value > 0.75


async def test_no_sentence_is_judged_by_weights_that_learned_from_it(data: Path) -> None:
    items = NlvrBenchmark().load(data)[:40]
    weights = cross_validated_weights(items, items)
    first = items[0]
    same = [item for item in items if item.sentence.strip().lower() == first.sentence.strip().lower()]
    flipped = [
        item.model_copy(update={"label": "false" if item.label == "true" else "true"}) if item in same else item
        for item in items
    ]
    assert cross_validated_weights(flipped, flipped)[first.group] == weights[first.group]


async def test_an_item_without_pictures_can_be_judged_by_its_gold_scene_alone(tmp_path: Path, toolkit: Toolkit) -> None:
    record = [[block("Yellow", 40, 80)], [block("Black", 40, 80)], [block("Black", 40, 80)]]
    item = {"id": "1-0", "group": "1", "sentence": "There is a yellow block", "label": "true", "structured_rep": record}
    (tmp_path / "dev.jsonl").write_text(json.dumps(item))
    scores = (await evaluate(NlvrBenchmark(toolkit), Source(tmp_path), predictor="scenes")).scores
    assert scores["accuracy"].value == 1
    with pytest.raises(InputError, match="has no images"):
        await evaluate(NlvrBenchmark(toolkit), Source(tmp_path), predictor="pixels")
    assert len(judgements(NlvrBenchmark(toolkit).load(tmp_path))) == 1
