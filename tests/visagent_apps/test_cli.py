"""The command line as a person uses it: real processes, real embedded models, real files."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
VISAGENT = str(Path(sys.executable).with_name("visagent"))


def visagent(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [VISAGENT, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300, check=False)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that cannot be asked about."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("I am no picture.")
    whole = (EXAMPLES / "cat.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (20_000, 10_000)).save(folder / "huge.png")
    with zipfile.ZipFile(folder / "archive.jpg", "w") as archive:
        archive.writestr("a.txt", "a")
    (folder / "folder.png").mkdir()
    return folder


@pytest.mark.parametrize(
    ("media", "question", "names"),
    [
        (["missing.png"], "What is it?", "missing.png"),
        (["empty.jpg"], "What is it?", "empty.jpg"),
        (["text.png"], "What is it?", "text.png"),
        (["truncated.png"], "What is it?", "truncated.png"),
        (["huge.png"], "What is it?", "huge.png"),
        (["archive.jpg"], "What is it?", "archive.jpg"),
        (["folder.png"], "What is it?", "folder.png"),
        (["http://127.0.0.1:9/a.png"], "What is it?", "127.0.0.1"),
        ([EXAMPLES / "cat.png"], "", "question"),
        ([EXAMPLES / "cat.png"], "x" * 100_000, "100,000"),
        ([EXAMPLES / "cat.png", "--mode", "fast"], "What is it?", "fast"),
        ([EXAMPLES / "cat.png", "--profile", "nosuch"], "What is it?", "nosuch"),
        ([EXAMPLES / "cat.png", "--tool", "nosuch.module:x"], "What is it?", "nosuch.module"),
        ([EXAMPLES / "cat.png", "--region", "r1=1,2,3"], "What does r1 say?", "r1=1,2,3"),
        ([EXAMPLES / "cat.png", "--region", "r1=0,0,9999,9"], "What does r1 say?", "does not lie in the picture"),
        ([EXAMPLES / "cat.png", "--region", "image2#r1=0,0,9,9"], "What does r1 say?", "image2 is no picture"),
        ([], EXAMPLES / "cat.png", "no question"),
        ([], "What is it?", "medium"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(
    bad: Path, media: list[object], question: object, names: str
) -> None:
    done = visagent("ask", *media, question, cwd=bad)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and not done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert names in line


def test_a_question_about_a_photo_shows_tree_answer_and_picture(tmp_path: Path) -> None:
    picture, trace = tmp_path / "answer.png", tmp_path / "trace.jsonl"
    done = visagent(
        "ask", EXAMPLES / "cat.png", "How many cats are there?", "--annotate", picture, "--trace", trace, "--no-cache"
    )
    assert done.returncode == 0, done.stderr
    assert "1" in done.stdout and "[q" in done.stdout
    assert "q1" in done.stderr and "detect(" in done.stderr
    assert Image.open(picture).size == Image.open(EXAMPLES / "cat.png").size
    (row,) = trace.read_text().splitlines()
    run = json.loads(row)
    assert run["question"] == "How many cats are there?" and run["evidence"] and run["tree"]["nodes"]

    listed = visagent("runs", "--json")
    assert run["run_id"] in listed.stdout
    table = visagent("runs").stdout
    assert run["run_id"][-8:] in table and "[q" in table
    again = visagent("resume", run["run_id"][-8:], "--json")
    assert json.loads(again.stdout)["run_id"] == run["run_id"]


def test_what_cannot_be_answered_exits_with_1_and_says_why() -> None:
    done = visagent("ask", EXAMPLES / "cat.png", "How many zebra crossings are there?")
    assert done.returncode == 1 and "zebra crossing" in done.stdout


def test_a_refusal_is_said_once() -> None:
    done = visagent("ask", EXAMPLES / "cat.png", "Is the cat happy?")
    assert done.returncode == 1 and "I cannot answer this" in done.stdout and "unverifiable" not in done.stderr


def test_json_is_all_that_is_printed() -> None:
    done = visagent("ask", EXAMPLES / "cat.png", "Is there a cat?", "--json")
    assert json.loads(done.stdout)["status"] == "answered" and not done.stderr


def test_a_tool_of_ones_own_is_found_by_file_and_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from visagent import Crop, Number, tool\n"
        "@tool\ndef pixels(image: Crop) -> Number:\n"
        '    """Count the pixels of a picture."""\n'
        "    return Number(value=image.image().width * image.image().height)\n"
    )
    shown = visagent("tools", "show", "pixels", "--tool", "mine.py:pixels", cwd=tmp_path)
    assert shown.returncode == 0 and "Count the pixels" in shown.stdout
    tried = visagent("tools", "try", "pixels", f"image={EXAMPLES / 'cat.png'}", "--tool", "mine.py", cwd=tmp_path)
    assert json.loads(tried.stdout)["value"] == 451 * 300


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["detect", "image=cat.png", "label=cat"], 0, '"label": "cat"'),
        (["detect", "image=cat.png", "label=zebra crossing"], 1, "UnknownLabel"),
        (["detect", "image=cat.png", "size=3"], 2, "no parameter 'size'"),
        (["detect", "image=cat.png", "label"], 2, "not of the form name=value"),
        (["fly", "a=b"], 2, "no tool named 'fly'"),
        # The profile keeps it from its planner, not from people.
        (["crop_box", "image=cat.png", "box=[10, 10, 60, 50]"], 0, '"type": "crop"'),
        (["detect", "label=cat"], 1, "lacks 'image'"),
    ],
)
def test_a_tool_can_be_tried_by_hand(arguments: list[str], code: int, says: str) -> None:
    done = visagent("tools", "try", *arguments, cwd=EXAMPLES)
    assert done.returncode == code and says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_lists_show_what_is_there() -> None:
    assert "dominant_colors" in visagent("tools", "list", "--json").stdout
    assert "whisper-base" in visagent("models", "list").stdout.replace("\n", "")
    assert visagent("models", "where").stdout.strip() == os.environ["VISAGENT_HOME"]
    doctor = visagent("doctor")
    assert doctor.returncode == 0 and "ready" in doctor.stdout


def test_importing_visagent_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "langgraph", "onnxruntime", "pydantic", "numpy")
    code = f"import sys, visagent, visagent_apps.cli; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
