"""What a program asks for in a wrong form is refused before anything runs, in one line that says how to write it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import BaseModel

from visagent.agent.agent import Agent
from visagent.agent.own_tools import own_tools, resume_line
from visagent.core.config import Budget
from visagent.core.config_files import home
from visagent.core.errors import ConfigError, InputError, MediaError, PlanError, QuestionError, RunNotFound
from visagent.evidence.values import Crop
from visagent.media.media import load_media
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import tool

PICTURE = Image.new("RGB", (8, 8), "white")


@tool(cache=False)
def hue(image: Crop) -> str:
    """Tell the hue."""
    return "white"


class Count(BaseModel):
    n: int


def agent(folder: Path, **options: Any) -> Agent:
    given: dict[str, Any] = {"tools": [hue], "home": folder, "models": {"controller": ScriptedModel([{"tool": "hue"}])}}
    return Agent("embedded", **given | options)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"mode": "fast"}, ConfigError, "There is no mode 'fast'. Use one of: tree,"),
        ({"budget": 5}, ConfigError, "The budget is of type int. Write budget=Budget(seconds=60)"),
        ({"budget": {"seconds": 5}}, ConfigError, "The budget is of type dict."),
        ({"form": int}, QuestionError, 'The answer\'s form is the type int. Use form="number".'),
        ({"form": bool}, QuestionError, 'Use form="yes/no".'),
        ({"form": Count}, QuestionError, "Use form=Count.model_json_schema()."),
        ({"speed": 4}, ConfigError, "A question has no option 'speed'."),
        ({"langauge": "en"}, ConfigError, "Did you mean 'language'?"),
        (
            {"follows": Budget()},
            RunNotFound,
            "A run's id is a text, and not of type Budget. Give the id",
        ),
    ],
)
def test_an_option_of_a_wrong_form_says_how_to_write_it(
    tmp_path: Path, options: Any, error: type[InputError], says: str
) -> None:
    with pytest.raises(error) as caught:
        agent(tmp_path).ask("What?", PICTURE, **options)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_swapped_question_and_media_are_told(tmp_path: Path) -> None:
    file = tmp_path / "red.png"
    PICTURE.save(file)
    asked: Any = agent(tmp_path / "home")
    for question in (str(file), file, PICTURE, file.read_bytes(), None):
        with pytest.raises(QuestionError, match=r"The question comes first, then the media: agent\.ask"):
            asked.ask(question, "What color is it?")
    assert asked.ask("What is photo.png?", str(file)).status == "answered"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("…", "home is '…', which names no folder."),
        ("...", "home is '...', which names no folder."),
        ("", "home is '', which names no folder."),
        (5, "home is of type int, and no path."),
        ("~nobody-of-this-name/x", "there is no such user."),
        (__file__, "which is a file."),
    ],
)
def test_a_home_that_is_no_folder_is_refused_at_once(given: Any, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        agent(given)
    assert says in str(caught.value) and 'Name a folder, for example "~/visagent".' in str(caught.value)


def test_a_tilde_is_a_users_folder_in_a_home_and_told_in_a_medium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert agent(Path("~/runs")).home == tmp_path / "runs"
    monkeypatch.setenv("VISAGENT_HOME", "~/kept")
    assert home() == tmp_path / "kept"
    monkeypatch.setenv("VISAGENT_HOME", "...")
    with pytest.raises(ConfigError, match=r"VISAGENT_HOME is '\.\.\.', which names no folder"):
        home()
    PICTURE.save(tmp_path / "red.png")
    with pytest.raises(MediaError, match=r"~/red\.png: there is no such file\. Python does not know ~: give Path"):
        load_media("~/red.png")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda asked: asked.ask("What?", [PICTURE]), "cannot be loaded from list. Give what is in it one by one"),
        (lambda asked: asked.resume(asked), "A run's id is a text"),
        (lambda asked: asked.edit(5, []), "A run's id is a text"),
        (lambda asked: asked.batch([("What?", [PICTURE])], concurrency=0), "concurrency is 0. Give 1 or more"),
        (
            lambda asked: agent(asked.home, tools="my_tools:hue"),
            "tools is of type str, and no list. Write tools=[",
        ),
        (lambda asked: agent(asked.home, tools=hue), "tools is of type Tool, and no list."),
        (lambda asked: agent(asked.home, only="hue"), "only is of type str, and no list."),
    ],
)
def test_one_thing_where_others_are_meant_is_told(tmp_path: Path, call: Callable[[Any], Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        call(agent(tmp_path))
    assert says in str(caught.value)


def test_an_item_of_a_batch_that_is_no_pair_is_its_own_error(tmp_path: Path) -> None:
    items: Any = [("What?", [PICTURE]), "What?", ("What?", "red.png"), ("What?", PICTURE)]
    answered, *refused = agent(tmp_path).batch(items)
    assert not isinstance(answered, QuestionError)
    assert all(
        isinstance(error, QuestionError) and "Give pairs of a question and a list" in str(error) for error in refused
    )


def test_edits_that_are_none_are_told(tmp_path: Path) -> None:
    asked: Any = agent(tmp_path)
    answer = asked.ask("What?", PICTURE)
    with pytest.raises(PlanError, match=r"An edit is of type str\. Give a list of visagent\.agent\.edits"):
        asked.edit(answer.run_id, ["q1 label=cat"])


def test_a_run_with_own_tools_says_the_whole_line_that_goes_on(tmp_path: Path) -> None:
    asked = agent(tmp_path)
    record, _ = asked._runner.new_run("What?", [PICTURE])  # noqa: SLF001 - as a run that was killed at once
    asked.runs.save(record)
    line = f"visagent resume {record.id} --tool {__file__}:hue"
    assert record.own_tools == {"hue": f"{__file__}:hue"}
    with pytest.raises(ConfigError) as caught:
        agent(tmp_path, tools=[]).resume(record.id)
    assert str(caught.value).endswith(line) and "lacks: hue." in str(caught.value)
    assert asked.resume(record.id).status == "answered"


def test_the_whole_line_names_servers_and_quotes_what_a_shell_would_split() -> None:
    origins = {"far__add": "mcp:far", "far__sub": "mcp:far", "glare": "/home/a b/glare.py:glare"}
    assert resume_line("R", origins, "--yes") == "visagent resume R --mcp far --tool '/home/a b/glare.py:glare' --yes"
    assert own_tools([]) == {}
