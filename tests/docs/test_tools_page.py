"""docs/tools.md is run as it stands: its Python blocks in one namespace, its commands in one folder."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "tools.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "examples" / "cat.png", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_python_block_runs_and_prints_what_the_page_says(folder: Path) -> None:
    # Annotations are resolved in the module that a function belongs to.
    namespace: dict[str, object] = {"__name__": "tools_page"}
    compared = 0
    for at, (kind, text) in enumerate(BLOCKS):
        if kind != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, f"docs/tools.md, block {at + 1}", "exec"), namespace)
        if at + 1 < len(BLOCKS) and BLOCKS[at + 1][0] == "text":
            assert printed.getvalue() == BLOCKS[at + 1][1]
            compared += 1
    assert compared == sum(kind == "text" for kind, _ in BLOCKS) > 3


def test_every_command_works_and_prints_what_the_page_says(folder: Path) -> None:
    commands = 0
    for kind, text in BLOCKS:
        if kind != "console":
            continue
        for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, shown = session.partition("\n")
            program, *arguments = shlex.split(command)
            assert program == "visagent"
            path = Path(sys.executable).with_name(program)
            done = subprocess.run(
                [str(path), *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
            )
            assert done.returncode == 0, done.stderr
            assert [line for line in shown.splitlines() if line.strip() not in done.stdout] == []
            commands += 1
    assert commands >= 4
