"""`visagent verify` as a person uses it: real processes, real embedded experts, a real photo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
VISAGENT = str(Path(sys.executable).with_name("visagent"))


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [VISAGENT, "verify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=EXAMPLES, timeout=300, check=False)


def test_a_true_caption_exits_with_0() -> None:
    done = verify("coffee.png", "A cup on a table.")
    assert done.returncode == 0, done.stderr
    assert "supported" in done.stdout and "100%" in done.stdout


def test_a_false_caption_exits_with_1_and_says_what_is_wrong() -> None:
    done = verify("coffee.png", "There are three cups.")
    assert done.returncode == 1
    assert "contradicted" in done.stdout and "By the evidence: There is one cup." in done.stdout


def test_json_is_all_that_is_printed() -> None:
    done = verify("coffee.png", "杯子是绿色的。", "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 1 and not done.stderr
    assert result["language"] == "zh" and result["claims"][1]["verdict"] == "contradicted"
    # The cup has several colors, of which none is the one to write instead.
    assert result["repaired"] is None
    assert [one["verdict"] for one in result["claims"]] == ["supported", "contradicted"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["nosuch.png", "A cup."], "nosuch.png"),
        (["coffee.png"], "no text"),
        (["coffee.png", ""], "empty"),
        (["A cup."], "medium"),
        (["coffee.png", "A cup.", "--language", "xx"], "xx"),
        (["coffee.png", "A cup.", "--profile", "nosuch"], "nosuch"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(arguments: list[str], names: str) -> None:
    done = verify(*arguments)
    assert done.returncode == 2 and not done.stdout and "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert names in line
