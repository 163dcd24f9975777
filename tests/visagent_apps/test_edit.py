"""Edits as a person writes them, and with the tools that the run was given."""

import json
import sys
from pathlib import Path

import pytest
from scripted_command import run, write_picture, write_profile

from visagent.agent.edits import Add, Change, Remove
from visagent.agent.runs import RunStore
from visagent.core.errors import ConfigError, QuestionError
from visagent_apps.edit import parse_edits


def test_edits_are_read_as_they_are_written() -> None:
    assert parse_edits(['q1 label="red car" part=null', "q12 crop image=image1"], ["compare a=$q1 b=2.5"], ["q3"]) == [
        Change(id="q1", arguments={"label": "red car", "part": None}),
        Change(id="q12", tool="crop", arguments={"image": "image1"}),
        Add(tool="compare", arguments={"a": "$q1", "b": 2.5}),
        Remove(id="q3"),
    ]


def test_a_list_is_one_argument() -> None:
    assert parse_edits(["q2 items=[1,2]"], [], []) == [Change(id="q2", arguments={"items": [1, 2]})]


@pytest.mark.parametrize(
    ("changes", "adds", "removes"),
    [
        (["label=cat"], [], []),
        (["q1 label = "], [], []),
        (["q1 a=1 and b"], [], []),
        ([], ["count detect label=x"], []),
        ([], [], ["three"]),
        ([], [], []),
    ],
)
def test_what_is_no_edit_is_refused_with_how_to_write_one(
    changes: list[str], adds: list[str], removes: list[str]
) -> None:
    with pytest.raises(QuestionError) as refused:
        parse_edits(changes, adds, removes)
    assert "q1 label=cat" in str(refused.value)


def test_a_run_with_a_servers_tools_is_edited_with_them_and_without_them_says_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mcp", reason='MCP needs the extra: pip install "visagent[mcp]"')
    server = Path(__file__).parents[1] / "visagent/tools/foreign_server.py"
    settings = f'[mcp.far]\ncommand = "{sys.executable}"\nargs = ["{server}"]\nconsent = true\n'
    (tmp_path / "visagent.toml").write_text(settings)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    profile = write_profile(tmp_path, {"steps": [{"tool": "far__add", "a": 2}]})
    asked = run("ask", write_picture(tmp_path), "How many?", "--mcp", "far", "--profile", profile, "--json")
    assert json.loads(asked.stdout)["evidence"]["q1"]["value"]["value"] == 3
    without = run("edit", "last", "--change", "q1 b=5")
    assert isinstance(without.exception, ConfigError)
    assert "lacks: far__add." in str(without.exception) and str(without.exception).endswith("or: --mcp far")
    edited = json.loads(run("edit", "last", "--change", "q1 b=5", "--mcp", "far", "--json").stdout)
    assert edited["evidence"]["q1"]["value"]["value"] == 7
    assert RunStore(tmp_path / "home/runs").load(edited["run_id"]).own_tools["far__add"] == "mcp:far"
