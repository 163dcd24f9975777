"""What a plan is worth: judged by the gold plan, or by running it; and plans that are wrong in one place."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image
from tiny_planner import KNOWN, SPECS, TOOLS, examples

from visagent.media.media import Media
from visagent.media.store import MediaStore
from visagent.tools.toolkit import Toolkit
from visagent_training.examples import TrainingExample, plan_example
from visagent_training.sources import synthetic_examples
from visagent_training.verify import Reward, Runner, Verdict, hard_negatives, judge, pairs_of, same_plan


def counted() -> TrainingExample:
    return examples("train")[0]


def test_a_plan_is_right_if_it_comes_to_the_same_as_the_gold_one() -> None:
    example = counted()
    assert judge('count(detect("dog"))', example) == Verdict(True, None, True, 2)
    assert judge('count(detect("Dogs"))', example).right
    assert judge('count(detect("cat"))', example) == Verdict(True, None, False, 2)
    assert judge('count("dog")', example) == Verdict(False, None, False, 0)
    assert judge("I think there are two.", example) == Verdict(False, None, False, 0)


def test_a_reply_that_is_no_plan_is_right_if_it_is_the_target() -> None:
    step = TrainingExample(
        id="g", source="gta", question="?", messages=(), schema={"type": "object"}, target='{"tool":"OCR"}'
    )
    assert judge('{"tool":"OCR"}', step).right and not judge('{"tool":"Plot"}', step).right


@pytest.fixture
def bright(tmp_path: Path) -> tuple[TrainingExample, Runner]:
    """A question whose answer is known, about a picture that is here."""
    media = Media.load(np.full((8, 8, 3), 200, np.uint8))
    MediaStore(tmp_path).put(media)
    example = plan_example(
        "x",
        "traces",
        "How bright is it?",
        [{"tool": "brightness"}],
        list(SPECS.values()),
        {"image1": media.hash},
        known=KNOWN,
        answer=200,
    )
    return example, Runner(TOOLS, tmp_path)


def test_a_plan_whose_answer_is_known_is_judged_by_running_it(bright: tuple[TrainingExample, Runner]) -> None:
    example, runner = bright
    assert runner.can_run(example)
    assert judge("brightness()", example, runner) == Verdict(True, True, True, 1)
    # Another plan than the gold one, with the same answer.
    assert judge('brightness("image1")', example.model_copy(update={"steps": None}), runner).right
    wrong = example.model_copy(update={"answer": 100})
    assert judge("brightness()", wrong, runner) == Verdict(True, True, False, 1)
    # The stub detector gives no box: a plan that fails while it runs is not right.
    failing = judge('brightness(detect("dog"))', example, runner)
    assert failing == Verdict(True, False, False, 2)


def test_what_cannot_be_run_is_judged_by_the_gold_plan(bright: tuple[TrainingExample, Runner]) -> None:
    example, runner = bright
    elsewhere = example.model_copy(update={"media": {"image1": "0" * 64}})
    assert not runner.can_run(elsewhere) and judge("brightness()", elsewhere, runner) == Verdict(True, None, True, 1)
    assert not runner.can_run(example.model_copy(update={"answer": None}))


def test_a_picture_is_judged_by_its_own_pixels(tmp_path: Path, bright: tuple[TrainingExample, Runner]) -> None:
    example, _ = bright
    dark = Media.load(Image.new("RGB", (8, 8)))
    MediaStore(tmp_path).put(dark)
    other = example.model_copy(update={"media": {"image1": dark.hash}})
    assert not judge("brightness()", other, Runner(TOOLS, tmp_path)).right


def test_the_reward_grows_with_what_is_verified_and_falls_with_needless_steps() -> None:
    example, reward = counted(), Reward()
    worth = [
        reward.of(verdict, example)
        for verdict in (
            Verdict(False, None, False, 0),
            Verdict(True, False, False, 2),
            Verdict(True, None, False, 2),
            Verdict(True, None, True, 4),
            Verdict(True, None, True, 2),
        )
    ]
    assert worth == sorted(worth) and len(set(worth)) == 5
    assert worth[0] == 0 and worth[-1] == pytest.approx(1)


def test_hard_negatives_compile_and_are_wrong() -> None:
    specs = {name: tool.spec for name, tool in Toolkit.installed().items()}
    kinds: dict[str, int] = {}
    for known in ((), tuple(specs)):
        for example in synthetic_examples(specs, "train", 5, 60, known=known):
            for mistake, steps in hard_negatives(example, Random(0)):
                kinds[mistake] = kinds.get(mistake, 0) + 1
                example.tree(example.read(example.say(steps)))
                assert not same_plan(steps, example), (example.target, steps)
                assert not judge(example.say(steps), example).right
    assert set(kinds) == {"wrong reference", "redundant call", "wrong label", "dropped step"}
    assert min(kinds.values()) >= 5


def test_pairs_put_the_right_plan_before_sampled_failures_and_hard_negatives() -> None:
    example = counted()
    sampled = ['count(detect("dog"))', 'brightness(detect("dog"))', 'brightness(detect("dog"))']
    pairs = pairs_of(example, sampled, Random(0), negatives=2)
    assert {pair.chosen for pair in pairs} == {example.target}
    assert [pair.mistake for pair in pairs].count("sampled") == 1
    assert 2 <= len(pairs) <= 3 and len({pair.rejected for pair in pairs}) == len(pairs)
    assert example.target not in {pair.rejected for pair in pairs}
