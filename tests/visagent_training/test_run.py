"""When a run stops, which adapter it keeps, and what it shows; scheduling alone, so the model is scripted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from tiny_planner import examples, write_data

from visagent_training.configs import TrainConfig
from visagent_training.run import Progress, RunFolder, Watch, measure, percent
from visagent_training.sft import add_row, read_rows
from visagent_training.trainer import Trainer, batches, epoch


class ScriptedTrainer:
    """Plans rightly as many of the questions as its script says, one entry a look; saves which look it was."""

    def __init__(self, *right: int) -> None:
        self.right, self.look, self.model = list(right), 0, self

    def plans(self, asked: Any, **_: Any) -> list[str]:
        right = self.right[self.look]
        self.look += 1
        return [example.target if place < right else "nothing" for place, example in enumerate(asked)]

    def save_pretrained(self, folder: Path, **_: Any) -> None:
        folder.mkdir()
        (folder / "look").write_text(str(self.look))


def watching(folder: Path, trainer: ScriptedTrainer, **more: Any) -> tuple[Watch, RunFolder]:
    settings = {"steps": 10, "eval_every": 1, "eval_rows": 4, "patience": 2} | more
    data = folder / "data"
    config = TrainConfig(data=data if data.is_dir() else write_data(data), **settings)
    run = RunFolder(folder / "run", "sft", config)
    return Watch(run, cast(Trainer, trainer), examples("validation")), run


def step(number: int) -> dict[str, float]:
    return {"step": number, "steps": 10, "loss": 1.0, "seconds_left": 0.0}


def test_training_stops_after_looks_without_improvement_and_keeps_the_latest_of_the_best(tmp_path: Path) -> None:
    watch, run = watching(tmp_path, ScriptedTrainer(1, 3, 2, 3, 4))
    assert [watch.step(step(number)) for number in range(1, 5)] == [False, False, False, True]
    assert (run.adapter / "look").read_text() == "4"
    assert [row["accuracy"] for row in run.rows()] == [0.25, 0.75, 0.5, 0.75]
    assert (run.path / "curves.png").is_file()


def test_a_resumed_run_stops_where_it_would_have(tmp_path: Path) -> None:
    watch, _ = watching(tmp_path, ScriptedTrainer(3, 2))
    assert [watch.step(step(number)) for number in (1, 2)] == [False, False]
    again, run = watching(tmp_path, ScriptedTrainer(1))
    assert again.step(step(3))
    assert (run.adapter / "look").read_text() == "1"


def test_all_right_twice_is_enough(tmp_path: Path) -> None:
    watch, _ = watching(tmp_path, ScriptedTrainer(4, 4), patience=5)
    assert [watch.step(step(number)) for number in (1, 2)] == [False, True]


def test_held_out_plans_are_looked_at_every_so_many_steps_and_at_the_end(tmp_path: Path) -> None:
    trainer = ScriptedTrainer(1, 1, 1, 1)
    watch, _ = watching(tmp_path, trainer, eval_every=4)
    looked = []
    for number in range(1, 11):
        before = trainer.look
        watch.step(step(number))
        looked += [number] * (trainer.look - before)
    assert looked == [4, 8, 10]


def test_a_step_is_shown_with_the_time_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("sft") as show:
        show({"step": 3, "steps": 10, "loss": 0.5, "seconds_left": 90})
    assert "step 3/10  loss 0.5  1.5 min left" in capsys.readouterr().err


def test_right_plans_are_told_by_source_where_there_are_several() -> None:
    rows = examples("train")[:4]
    rows = [row.model_copy(update={"source": "mine"}) if place < 2 else row for place, row in enumerate(rows)]
    found = measure([rows[0].target, "nothing", rows[2].target, rows[3].target], rows)
    assert found["right plan"].value == 0.75 and found["valid"].value == 0.75
    assert found["right plan, mine"].value == 0.5 and found["right plan, tiny"].value == 1.0
    assert percent(found["valid"].model_dump()).startswith("75 % (") and percent(None) == "not measured"


def test_an_epoch_holds_each_row_as_often_as_its_weight_says() -> None:
    import random

    rows = [
        row.model_copy(update={"weight": weight}) for row, weight in zip(examples("train"), (1, 3, 0.5), strict=False)
    ]
    counts = {row.id: 0 for row in rows}
    for seed in range(200):
        for row in epoch(rows, random.Random(seed)):
            counts[row.id] += 1
    one, three, half = counts.values()
    assert one == 200 and three == 600 and 70 < half < 130


class LetterTokenizer:
    """One token a character."""

    eos_token_id = 0

    def __call__(self, text: str, *, add_special_tokens: bool) -> Any:
        return type("Encoding", (), {"input_ids": [ord(letter) for letter in text]})

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> str:
        return "".join(f"<{message['role']}:{message['content']}>" for message in messages)


def test_every_step_has_its_rows_and_questions_of_one_prompt_stand_together() -> None:
    from itertools import islice

    rows = [*examples("train"), *examples("train", known=())]
    config = TrainConfig(data=Path("unused"), group_size=5)
    steps = list(islice(batches(rows, LetterTokenizer(), config), 5))
    assert steps == list(islice(batches(rows, LetterTokenizer(), config), 5))
    sizes = [sum(len(part.turns) for part in parts) for parts in steps]
    assert max(sizes) <= 5 and sum(sizes) == len(rows)
    assert all(len({tuple(part.prefix) for part in parts}) == len(parts) for parts in steps)


def test_figures_of_a_line_that_a_kill_cut_off_are_left_out(tmp_path: Path) -> None:
    add_row(tmp_path / "metrics.jsonl", {"step": 1})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert read_rows(tmp_path / "metrics.jsonl") == [{"step": 1}]
