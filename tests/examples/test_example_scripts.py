"""Every example runs as a person would run it, and says what it promises."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("ask.py", ["q1", "cup", "supported"]),
        ("custom_tool.py", ["brightness", "%"]),
        ("stream.py", ["plan:", "transcribe", "answer:"]),
        ("batch.py", ["MediaError: ", "no-such-file.png", "1 cat"]),
        ("langgraph_subgraph.py", ["Report: ", "1 cat", "(run "]),
    ],
)
def test_an_example_runs(script: str, says: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script)], capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [word for word in says if word not in done.stdout] == []


def test_every_example_is_tested() -> None:
    (mark,) = test_an_example_runs.pytestmark  # type: ignore[attr-defined]
    assert {script for script, _ in mark.args[1]} == {file.name for file in EXAMPLES.glob("*.py")}
