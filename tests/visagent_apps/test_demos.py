"""`visagent demos` as a person uses it, on a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from finished import STEPS, finished_run
from PIL import Image
from typer.testing import CliRunner

from visagent.agent.runs import RunStore
from visagent.core.config import Demonstrations
from visagent.core.errors import ConfigError, InputError
from visagent.media.media import Media
from visagent.media.store import MediaStore
from visagent_apps.demos import app, parse_demos

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))
    return tmp_path


def demos(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def kept_run(home: Path, **changes: object) -> str:
    """The id of a verified run in the home's store."""
    picture = Media.load(Image.new("RGB", (20, 10), "red"))
    MediaStore(home / "media").put(picture)
    record = finished_run(picture, STEPS, **changes)
    RunStore(home / "runs").save(record)
    return record.id


def test_a_run_is_added_and_then_listed(home: Path) -> None:
    run = kept_run(home)
    file = Path(demos("add", run).strip())
    assert file.is_relative_to(home / "demonstrations" / "en")
    assert f'"run-{run}"' in demos("list", "--json", "--language", "en")


def test_bootstrapping_keeps_verified_runs_once(home: Path) -> None:
    run = kept_run(home)
    assert "1 of 1 runs would become demonstrations" in demos("bootstrap", "--dry-run")
    assert f"run-{run}" not in demos("list", "--json")
    assert "1 of 1 runs became demonstrations" in demos("bootstrap")
    assert '"origin":"run"' in demos("list", "--json")
    assert "0 of 1 runs became demonstrations" in demos("bootstrap")


def test_bootstrapping_passes_over_what_a_person_rated_down(home: Path) -> None:
    kept_run(home, rating="down")
    assert "0 of 1 runs became demonstrations" in demos("bootstrap")


def test_a_yaml_file_is_added_with_the_media_beside_it(home: Path, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "mine.png")
    row = {
        "id": "mine",
        "language": "en",
        "media": {"image1": "mine.png"},
        "question": "What is written here?",
        "plan": [{"tool": "read_text"}],
        "evidence": {"q1": {"type": "text", "text": ""}},
        "answer": "Nothing is written here [q1].",
    }
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "demonstrations": [row]}))
    demos("add", file)
    assert '"mine"' in demos("list", "--json")
    row["evidence"] = {}
    file.write_text(yaml.safe_dump({"version": 1, "demonstrations": [row]}))
    with pytest.raises(InputError, match=r"q1 \(read_text\) found nothing"):
        demos("add", file)


def test_trying_a_question_shows_the_prompt_with_its_tokens(home: Path) -> None:
    shown = demos("try", EXAMPLES / "cat.png", "How many dogs are left of the bench?", "--demos", "2")
    assert "count-left-of" in shown and "[assistant]" in shown
    assert "Question: How many dogs are left of the bench?" in shown
    assert "for 2 demonstrations" in shown


@pytest.mark.parametrize(
    ("text", "k", "choice"),
    [("0", 0, "similar"), ("7", 7, "similar"), ("random", 4, "random"), ("random:2", 2, "random")],
)
def test_the_option_says_how_many_and_which(text: str, k: int, choice: str) -> None:
    found = parse_demos(text, Demonstrations(tokens=900))
    assert (found.k, found.choice, found.tokens) == (k, choice, 900)


@pytest.mark.parametrize("text", ["", "many", "-1", "99", "random:", "random4", "4random"])
def test_another_option_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--demos"):
        parse_demos(text, Demonstrations())
