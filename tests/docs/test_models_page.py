"""docs/models.md: its Python block runs as it stands, and its profiles are profiles."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from visagent.agent.agent import Agent
from visagent.core.settings import load_profile

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "models.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_a_model_of_ones_own_answers_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    ((_, block), (_, shown)) = [block for block in BLOCKS if block[0] in ("python", "text")]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, "docs/models.md", "exec"), {"__name__": "models_page"})
    assert printed.getvalue() == shown


def test_the_profiles_of_the_page_load_and_the_scripted_one_answers(tmp_path: Path) -> None:
    profiles = [text for kind, text in BLOCKS if kind == "yaml"]
    for number, text in enumerate(profiles):
        (tmp_path / f"page{number}.yaml").write_text(text)
        load_profile(tmp_path / f"page{number}.yaml")
    scripted = next(number for number, text in enumerate(profiles) if "scripted" in text)
    agent = Agent(tmp_path / f"page{scripted}.yaml", home=tmp_path / "home")
    assert agent.ask("How many cats are there?", ROOT / "examples" / "cat.png").evidence["q2"].value.value == 1
