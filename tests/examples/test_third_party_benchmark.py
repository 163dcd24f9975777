"""The example of a benchmark in a package of its own: found by its metadata, run by its name, scored and shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from visagent.core.errors import InputError
from visagent.evaluation.registry import find_benchmark
from visagent_apps.eval_commands import app
from visagent_apps.evaluate import RUNS, read_scores

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party_benchmark"
CAT, COFFEE = EXAMPLE.parent / "cat.png", EXAMPLE.parent / "coffee.png"
PROFILE = "name: scripted\nmodels: {main: {backend: scripted, media: [image], replies: ['A']}}\n"
PROFILE += "roles: {controller: main, decider: rules, refiner: rules, verifier: rules, observer: main}\n"


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package as an installer leaves it, for this process alone."""
    metadata = tmp_path / "site" / "visagent_pairs-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: visagent-pairs\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[visagent.benchmarks]\npairs = visagent_pairs:Pairs\n")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert 'pairs = "visagent_pairs:Pairs"' in (EXAMPLE / "pyproject.toml").read_text()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "pairs.jsonl"
    rows = [
        {"id": "1", "sentence": "There is a cat.", "first": str(CAT), "second": str(COFFEE), "meant": "first"},
        {"id": "2", "sentence": "There is a cup.", "first": str(CAT), "second": "gone.png", "meant": "second"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_the_whole_benchmark_is_at_most_sixty_lines() -> None:
    assert len((EXAMPLE / "visagent_pairs" / "__init__.py").read_text().splitlines()) <= 60


def test_one_command_asks_scores_shows_and_compares(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    profile = tmp_path / "scripted.yaml"
    profile.write_text(PROFILE)
    command = ["pairs", "--data", str(data), "--profile", str(profile), "--mode", "direct"]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output
    folder = RUNS / "pairs-scripted"
    scores = read_scores(folder).measured.scores
    # "A" is right one way round; the sentence whose picture is gone is left out and named.
    assert scores["accuracy"].value == 0.5 and scores["both ways"].value == 0
    assert "Left out: 2/1, 2/2: there is no file" in ran.output and (folder / "report.html").is_file()
    again = CliRunner().invoke(app, [*command, "--out", "again"])
    assert again.exit_code == 0, again.output
    compared = CliRunner().invoke(app, ["compare", str(folder), "again"])
    assert compared.exit_code == 0 and "Gain: +0.0" in compared.output and "not significant" in compared.output
    assert "again (scripted, mode direct) against pairs-scripted (scripted, mode direct)" in compared.output
    assert "Score: 50.0 against 50.0, on 2 items of both." in compared.output
    exported = CliRunner().invoke(app, ["export", "again", "logs"])
    assert exported.exit_code == 0, exported.output
    (log,) = Path("logs").iterdir()
    assert json.loads(log.read_text())["eval"]["task"] == "pairs" and re.match(r"\d{4}-\d\d-\d\dT", log.name)


def test_a_line_that_is_not_in_the_format_is_named(data: Path) -> None:
    data.write_text(data.read_text() + '{"id": "3"}\n')
    with pytest.raises(InputError, match=r"pairs.jsonl, line 3: sentence: Field required"):
        find_benchmark("pairs").load(data)


def test_captions_are_scored_by_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"image": str(CAT), "caption": "A cat beside a puppy.", "objects": ["cat"]}]
    Path("captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = CliRunner().invoke(app, ["hallucination", "--captions", "captions.jsonl", "--no-claims", "--out", "o.jsonl"])
    assert ran.exit_code == 0, ran.output
    assert "CHAIRi" in ran.output and json.loads(Path("o.jsonl").read_text())["wrong"] == ["puppy"]
