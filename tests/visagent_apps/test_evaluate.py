"""The benchmark command, with packages of benchmarks and without."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from visagent.core import plugins
from visagent.core.errors import InputError
from visagent.evaluation.agent_items import LeftOut
from visagent.evaluation.benchmark import Predictor, Source, read_lines
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.evidence.values import Frozen
from visagent_apps.evaluate import NAMED, run_benchmark, say_left_out


class Sum(Frozen):
    """A sum to do, with its result."""

    id: str
    a: int
    b: int


class Result(Frozen):
    """What was said of a sum."""

    value: int


class Sums:
    """A benchmark of another package."""

    name = "sums"
    predictors = ("zero",)

    def load(self, path: Path) -> Sequence[Sum]:
        return read_lines(path, Sum)

    def predictor(self, name: str, source: Source, items: Sequence[Sum]) -> Predictor:
        async def predict(item: Sum) -> Result:
            return Result(value=0)

        return predict

    def score(self, items: Sequence[Sum], predictions: Sequence[Result], source: Source) -> Mapping[str, Estimate]:
        pairs = zip(items, predictions, strict=True)
        return {"right": mean([float(item.a + item.b == given.value) for item, given in pairs])}


def adding(source: Source, items: Sequence[Sum]) -> Predictor:
    """A predictor of a third package, for the benchmark of another one."""

    async def predict(item: Sum) -> Result:
        return Result(value=item.a + item.b)

    return predict


class Broken:
    """A benchmark that cannot be made."""

    def __init__(self) -> None:
        raise OSError("no licence")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that register the above, and nobody else."""
    entries = [
        EntryPoint("sums", f"{__name__}:Sums", "visagent.benchmarks"),
        EntryPoint("broken", f"{__name__}:Broken", "visagent.benchmarks"),
        EntryPoint("sums.adding", f"{__name__}:adding", "visagent.predictors"),
    ]
    # What an entry point names is imported by its name, which this file has only while pytest runs it.
    loaded = {f"{__name__}:{made.__name__}": made for made in (Sums, Broken, adding)}
    monkeypatch.setattr(EntryPoint, "load", lambda entry: loaded[entry.value])
    monkeypatch.setattr(plugins, "entry_points", lambda **wanted: EntryPoints(entries).select(**wanted))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sums in a file."""
    file = tmp_path / "sums.jsonl"
    file.write_text("".join(json.dumps({"id": str(a), "a": a, "b": 2}) + "\n" for a in (1, -2)))
    return file


@pytest.mark.usefixtures("installed")
def test_scores_are_shown_with_their_intervals_and_predictions_are_saved(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "predictions.jsonl"
    scores = run_benchmark("sums", data, save=saved)
    assert scores.predictor == "zero" and scores.scores["right"].value == 0.5
    lines: list[dict[str, Any]] = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [line["prediction"]["value"] for line in lines] == [0, 0]
    assert "right" in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
def test_a_third_package_adds_a_predictor_to_a_benchmark(data: Path) -> None:
    assert run_benchmark("sums", data, predictor="adding").scores["right"].value == 1


@pytest.mark.usefixtures("installed")
def test_what_is_misspelled_is_answered_with_the_nearest_that_exists(data: Path) -> None:
    with pytest.raises(InputError, match=r"There is no benchmark 'sumz'. Did you mean 'sums'\?"):
        run_benchmark("sumz", data)
    with pytest.raises(InputError, match=r"no predictor of sums 'ading'. Did you mean 'adding'\?"):
        run_benchmark("sums", data, predictor="ading")


@pytest.mark.usefixtures("installed")
def test_a_package_that_cannot_be_loaded_is_named(data: Path) -> None:
    with pytest.raises(InputError, match=r"benchmark 'broken' of the package .* OSError: no licence"):
        run_benchmark("broken", data)


def test_without_any_package_of_benchmarks_the_way_to_get_one_is_said(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda **_: EntryPoints([]))
    with pytest.raises(InputError) as caught:
        run_benchmark("sums", data)
    assert str(caught.value).count("\n") == 0 and "pip install -e research" in caught.value.remedy


def test_items_left_out_for_one_reason_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    left_out = [LeftOut(id=str(number), reason="it has no answer") for number in range(NAMED + 2)]
    say_left_out([*left_out, LeftOut(id="x", reason="there is no file x.png")])
    told = "Left out: 0, 1, 2, 3, 4 and 2 more: it has no answer.\nLeft out: x: there is no file x.png.\n"
    assert capsys.readouterr().err == told
