"""A visitor's tool: what is wrong stands beside its line, and nothing is run that need not be."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gradio")

from visagent_apps.web.code_check import load, read, template

HEAD = "from visagent import Crop, Number, tool\n\n\n@tool\n"


@pytest.mark.parametrize(
    ("code", "line", "says"),
    [
        ("def f(:\n", 1, "invalid syntax"),
        ("x = 1\n", 1, "No function is decorated"),
        (HEAD + "def f(image: Crop) -> Number:\n    return 1\n", 5, "no docstring"),
        (HEAD + 'def f(image) -> Number:\n    """Do it."""\n', 5, "f(image) has no annotation"),
        (
            HEAD + 'def f(\n    image: Crop,\n    other: Krop,\n) -> Number:\n    """Do it."""\n',
            7,
            "Krop is not defined",
        ),
        (HEAD + 'def f(image: Crop):\n    """Do it."""\n', 5, "no return annotation"),
        (HEAD + 'def f(*images: Crop) -> Number:\n    """Do it."""\n', 5, "arguments by name"),
    ],
)
def test_a_problem_stands_beside_its_line(code: str, line: int, says: str) -> None:
    problems = read(code)
    assert (line, True) in [(problem.line, says in problem.message) for problem in problems], problems


def test_the_template_is_a_tool_that_works() -> None:
    assert read(template()) == []
    (tool,), problems = load(template())
    assert not problems and tool.spec.name == "brightness" and tool.spec.result == ("number",)


def test_reading_runs_nothing(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    read(f'open({str(touched)!r}, "w")\n{template()}')
    assert not touched.exists()


def test_what_only_running_shows_stands_beside_its_line_too() -> None:
    code = (
        HEAD
        + 'def f(\n    image: Crop,\n    when: bytes,\n) -> Number:\n    """Do it."""\n    return Number(value=1)\n'
    )
    tools, (problem,) = load(code)
    assert tools == [] and problem.line == 7 and "bytes" in problem.message
    tools, (problem,) = load(f"{template()}\nraise RuntimeError('no')\n")
    assert tools == [] and "RuntimeError: no" in problem.message
    assert problem.line == template().count("\n") + 2
