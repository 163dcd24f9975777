"""Every example runs as a person would run it, and says what it promises."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("custom_tool.py", ["brightness", "%"]),
        ("stream.py", ["plan:", "transcribe", "answer:"]),
        ("batch.py", ["MediaError: ", "no-such-file.png", "1 cat"]),
        ("langgraph_subgraph.py", ["Report: ", "1 cat", "(run "]),
    ],
)
def test_an_example_runs(
    script: str, says: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # In this process, which has the libraries already; one of them starts as a person starts it, see below.
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    printed = capsys.readouterr().out
    assert [word for word in says if word not in printed] == []


def test_the_first_example_runs_as_a_person_starts_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "ask.py")],
        capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [word for word in ("q1", "cup", "supported") if word not in done.stdout] == []
    assert (tmp_path / "annotated.png").is_file()


def test_every_example_is_tested() -> None:
    (mark,) = test_an_example_runs.pytestmark  # type: ignore[attr-defined]
    assert {"ask.py", *(script for script, _ in mark.args[1])} == {file.name for file in EXAMPLES.glob("*.py")}
