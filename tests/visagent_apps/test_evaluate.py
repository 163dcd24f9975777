"""The benchmark command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from visagent_apps.evaluate import run_benchmark


def test_scores_are_shown_with_their_intervals_and_predictions_are_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = [[{"x_loc": 1, "y_loc": 1, "type": "circle", "color": "Black", "size": 20}], [], []]
    item = {"id": "1-0", "group": "1", "sentence": "There is a black circle", "label": "true", "structured_rep": record}
    (tmp_path / "dev.jsonl").write_text(json.dumps(item))
    saved = tmp_path / "predictions.jsonl"
    scores = run_benchmark("nlvr", tmp_path, predictor="scenes", save=saved)
    assert scores.scores["accuracy"].value == 1
    assert json.loads(saved.read_text())["prediction"]["truths"] == [True]
    shown = capsys.readouterr().out
    assert "consistency" in shown and "100.0 to 100.0" in shown
