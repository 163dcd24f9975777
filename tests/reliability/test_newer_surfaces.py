"""Regions, watching, albums, follow-ups, verify, credit, counterfactual and names of the hub under hostile input.

Each refuses what it cannot use with one error of a known type, exit code 2 on the command line, and shows nothing that
steers a terminal or a page.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pytest
from command_line import main_of
from PIL import Image
from sizes import sized

from visagent.agent import watching
from visagent.agent.agent import Agent
from visagent.agent.watching import standing, watch
from visagent.core.addresses import host_of
from visagent.core.errors import InputError, MediaError, QuestionError, VisagentError
from visagent.core.json_text import is_text
from visagent.evaluation.questions import load_medium, load_questions
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Evidence
from visagent.media.live import LiveSource
from visagent.media.media import Media, MediaInfo
from visagent.media.regions import with_regions
from visagent.reporting.report import html_report
from visagent.testing import ScriptedModel
from visagent_apps.hub_data import data_folder

pytestmark = pytest.mark.slow

LINES = sized(80, 2_000)
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ESCAPES = "\x1b]0;owned\x07\x9b31m\x7f\u202e[bold]x[/bold][/][link=http://evil.example]y[/link]"
PICTURE = Image.new("RGB", (20, 20), "teal")
PLAN = {"tool": "dominant_colors"}
NOT_FOUND = "20260101-000000-00000000"
ODD: list[Any] = [5, None, True, 1.5, b"x", [], {}, {"a": 1}, object(), 10**400]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    home = tmp_path_factory.mktemp("home")
    return Agent("embedded", models={"controller": ScriptedModel(PLAN)}, home=home)


@pytest.mark.parametrize("regions", ["abc", [1], 5, b"x", {1: (0, 0, 1, 1)}, {None: (0, 0, 1, 1)}], ids=repr)
def test_regions_that_are_no_boxes_by_name_are_refused(agent: Agent, regions: Any) -> None:
    with pytest.raises(MediaError):
        agent.ask("What color is r1?", PICTURE, regions=regions)


@pytest.mark.parametrize(
    "box",
    [None, 5, "1234", b"abcd", {}, {1: 2}, iter([1]), [10**400, 0, 1, 1], [0, 0, "5", 5], [True, False, 1, 1], object(),
     [0, 0, float("nan"), 1], [0, 0, float("inf"), 1], [0, 0, 1], [0, 0, 1, 1, 1], [[0, 0, 1, 1]], np.zeros((2, 2))],
    ids=lambda box: type(box).__name__,
)  # fmt: skip
def test_a_region_of_anything_but_four_numbers_is_refused(box: Any) -> None:
    with pytest.raises(MediaError, match="is no box"):
        with_regions({"image1": Media.load(PICTURE)}, {"r1": box})


def test_no_hostile_text_names_a_region() -> None:
    for name in [*hostile.TEXTS, ESCAPES, "r1\n", "image1#", "image1#../x", "image99999999999999999999#r1", "r" * 9999]:
        try:
            named = with_regions({"image1": Media.load(PICTURE)}, {name: (0, 0, 5, 5)})
        except MediaError as error:
            assert len(str(error)) < 500
        else:
            assert all(re.fullmatch(r"image1(#[\w-]{1,31})?", known) for known in named)


@pytest.mark.parametrize(
    "run",
    [*(one for one in ODD if one is not None), "../../etc/passwd", "\ud800", "a\0b", "x" * 100_000, NOT_FOUND],
    ids=lambda x: repr(x)[:20],
)
def test_a_run_that_nothing_can_follow_is_refused(agent: Agent, run: Any) -> None:
    with pytest.raises(VisagentError):
        agent.ask("And then?", follows=run)


@pytest.mark.parametrize("text", [*ODD, "", " ", "\ud800", "x" * 20_001], ids=lambda x: repr(x)[:20])
def test_a_text_that_cannot_be_verified_is_refused(agent: Agent, text: Any) -> None:
    with pytest.raises(QuestionError):
        agent.verify(text, PICTURE)


@pytest.mark.parametrize(
    "source",
    [*ODD[:5], *filter(None, hostile.TEXTS), ESCAPES, "http://[", "http://[::1", "rtsp://", "http://a:99999999/",
     "://", "gopher://x/",
     "file:///etc/passwd", "concat:/etc/passwd", "/proc/self/mem", "/dev/null", "/dev/zero", "\x1b[31m" * 99,
     f"http://{'a' * 70}.example/", "https://me:secret@[/", "http://x\x1b]0;t\x07/", "http://\ud800/",
     "data:image/png,x"],
    ids=lambda source: repr(source)[:20],
)  # fmt: skip
async def test_what_cannot_be_watched_is_refused_without_its_secrets(source: Any) -> None:
    with pytest.raises(InputError) as caught:
        # Nothing that might be reached is opened: a name server might know it.
        allowed = "evil" not in str(source) and "example" not in str(source)
        async for _ in LiveSource(source, allow_urls=allowed, patience=0.1).pictures():
            break
    assert "secret" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "seconds", [0, -1, float("nan"), float("inf"), "1", None, 10**400, 1e300], ids=lambda x: repr(x)[:9]
)
@pytest.mark.parametrize("option", ["every", "patience"])
def test_times_that_are_none_are_refused(tmp_path: Path, option: str, seconds: Any) -> None:
    with pytest.raises(InputError):
        LiveSource(tmp_path, **{option: seconds})


async def test_a_watched_folder_that_goes_away_is_one_error(tmp_path: Path, agent: Agent) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    events = watch(agent, LiveSource(folder), "when a dog appears")
    asyncio.get_running_loop().call_later(0.6, folder.rmdir)
    with pytest.raises(MediaError, match="cannot be read"):
        await asyncio.wait_for(anext(events), 20)


def test_a_standing_question_of_any_length_is_taken_apart_at_once() -> None:
    began = time.process_time()
    for text in ["when a " + "a " * 10_000, "when " * 5_000, "告诉我" * 5_000, "when a dog enters " + "#" * 9_999]:
        with pytest.raises(QuestionError) as caught:
            standing(text, {})
        assert len(str(caught.value)) < 500
    assert time.process_time() - began < 5


@pytest.mark.parametrize("as_json", [True, False])
def test_the_name_of_a_file_that_is_watched_steers_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    """Names of bytes that are no UTF-8 among them."""
    name = Media.load(_saved(tmp_path, "\x9b31m\x7f\u202e\udcff[bold].png")).name

    async def events(*_: Any) -> Any:
        yield watching.Noticed(type="entered", at=datetime.now(UTC), seconds=0, label=ESCAPES, name=name)
        yield watching.Ended(seconds=1, pictures=1, problem=ESCAPES)

    monkeypatch.setattr(watching, "watch", events)
    assert main_of(monkeypatch, "watch", str(tmp_path), "when a dog appears", *(["--json"] if as_json else [])) == 0
    captured = capsys.readouterr()
    assert not STEERING.search(captured.out + captured.err)
    if as_json:
        assert [json.loads(line)["type"] for line in captured.out.splitlines()] == ["entered", "ended"]


def _saved(folder: Path, name: str) -> Path:
    file = folder / name
    PICTURE.save(folder / "plain.png")
    (folder / "plain.png").rename(file)
    return file


def test_an_album_of_hostile_names_is_text_on_every_page() -> None:
    from visagent_apps.web.render import answer_html, run_tree_html

    attack = '"><img src=x onerror=alert(1)><script>alert(1)</script>{{ 7919 * 7907 }}'
    names = [attack, ESCAPES, "a" * 5_000, "javascript:alert(1)", *filter(is_text, hostile.TEXTS)]
    media = {
        f"image{at}": MediaInfo(hash=f"{at:064x}", kind="image", name=name[:80], width=90, height=60)
        for at, name in enumerate(names * 3, 1)
    }
    boxes = tuple(Box(xyxy=(1, 2, 40, 30), label=attack, media=media[f"image{at}"].hash) for at in (1, 2, 9))
    found = Boxes(boxes=boxes, media=media["image1"].hash, pictures=tuple(one.hash for one in media.values()))
    call = ToolCall(tool="detect", arguments={"image": list(media), "label": attack})
    answer = Answer(
        run_id="r",
        question=attack,
        text="These [q1].",
        status="answered",
        claims=(Claim(text="These [q1].", cites=("q1",), verdict="supported"),),
        tree=build_tree(attack, [SubQuestion(id="q1", question=attack, solver=call)]),
        evidence={"q1": Evidence(id="q1", tool="detect", value=found)},
        media=media,
    )
    tree = run_tree_html(answer.tree, answer.evidence, answer.media, "en", editable=True)
    for page in (html_report(answer), answer_html(answer, "en"), tree):
        assert "<img src=x" not in page and "<script>alert" not in page and "62615533" not in page
        page.encode()


@pytest.mark.parametrize(
    "name",
    ["hub:", "hub:a/b!../../etc", "hub:a/b!/etc/passwd", "hub:a/b!x/../../y", "hub:a/b!\0", "hub:a/b@../../x",
     "hub:a/b@\x1b[31m", "hub:a/b@\ud800", "hub:\n/x", f"hub:{'a' * 5_000}", "hub:a/b/c", "hub:a/b@", "hub:http://x/y"],
    ids=lambda name: repr(name)[:20],
)  # fmt: skip
def test_a_name_of_the_hub_that_is_none_is_refused_before_anything_is_fetched(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # nothing is asked of it
    with pytest.raises(InputError, match="names no data set") as caught:
        data_folder(name)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "source",
    ["package:", "package:/x", "package:.x/y", "package:a.b/c", "package:..", "package:a\0b/x", "package:\ud800/x",
     "x:y", "\0", "a" * 5_000, "package:os.path/x", "package:visagent/../../../etc/passwd"],
    ids=lambda source: repr(source)[:20],
)  # fmt: skip
def test_a_medium_of_a_question_that_is_none_is_refused_and_nothing_imported(source: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_medium(source, tmp_path)


LAUGHS = "- &a0 [x, x]\n" + "".join(f"- &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]\n" for at in range(1, 10))


@pytest.mark.parametrize(
    "text", [LAUGHS, "[", "- [" * 2_000, "- &a [*a]", "!!python/object:os.system x", "\x1b", "- 5"], ids=range(7)
)
def test_a_file_of_questions_that_is_none_is_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "q.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        load_questions(file)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 900


def test_what_names_no_host_is_no_address() -> None:
    for text in [
        *hostile.TEXTS,
        ESCAPES,
        "http://[",
        "http://[::1",
        "http://:80",
        "http://a:0x1",
        f"http://{'a' * 99}.b/",
    ]:
        assert host_of(text) is None or text == "http://evil.example"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in with a picture, a profile, and files that no command wants."""
    roles = dict.fromkeys(("decider", "refiner", "verifier", "observer"), "rules")
    profile = {
        "description": "For tests",
        "models": {"main": {"backend": "scripted", "replies": [json.dumps({"steps": [PLAN]})]}},
        "roles": {"controller": "main", **roles},
    }
    PICTURE.save(tmp_path / "a.png")
    (tmp_path / "p.yaml").write_text(json.dumps(profile))
    (tmp_path / "laughs.yaml").write_text(LAUGHS)
    (tmp_path / "q.yaml").write_text("- {id: a, media: [a.png], question: What color is it?, expect: {}}\n")
    (tmp_path / "odd.yaml").write_text('- {id: "\\e[31m", media: ["package:.x/y"], question: "[/]", expect: {}}\n')
    (tmp_path / "rows.jsonl").write_text('{"id": "\\ud800", "question": "?", "media": ["a.png"]}\n[[[[\n')
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("visagent_apps.credit.AGENT_WAIT", 0.0)
    return tmp_path


def line(rng: random.Random) -> list[str]:
    """A command line of the newer commands that cannot be done."""
    word = rng.choice(
        [
            *[text for text in hostile.TEXTS if text.strip() and text != "image1"],
            ESCAPES,
            "x" * 5_000,
            "nan",
            "1e400",
            "--",
            "nowhere/x",
        ]
    )
    file = rng.choice(
        [
            "noise.bin",
            "laughs.yaml",
            "odd.yaml",
            "rows.jsonl",
            "sub",
            "/dev/null",
            "/dev/zero",
            "/proc/self/mem",
            "nowhere/x",
            word,
        ]
    )
    address = rng.choice(
        ["http://[", "http://a:99999999", f"http://{'a' * 70}.b", "ftp://x", "x", word.replace("example", "invalid")]
    )
    return rng.choice(
        [
            ["ask", "a.png", "What color is r1?", "--profile", "p.yaml", "--region", word],
            ["ask", "a.png", "What color is r1?", "--profile", "p.yaml", "--region", f"{word}=0,0,nan,{'9' * 400}"],
            ["ask", "And?", "--profile", "p.yaml", "--follows", word],
            ["watch", file, word, "--profile", "p.yaml"],
            ["watch", "sub", word, "--region", f"r1={word}"],
            ["watch", "sub", "when a dog appears", "--every", rng.choice(["nan", "inf", "0", word])],
            ["watch", address, "when a dog appears", "--allow-urls", "--patience", rng.choice(["0.1", "inf", "nan"])],
            ["verify", file, word, "--profile", "p.yaml"],
            ["verify", "a.png", "A cup.", "--profile", "p.yaml", "--language", word],
            ["verify", "a.png", "x" * 20_001, "--profile", "p.yaml"],
            ["credit", file, "--profile", "p.yaml"],
            ["credit", "q.yaml", "--profile", "p.yaml", "--folder", rng.choice([word, f"x={word}", "=", "x=q.yaml"])],
            ["credit", "q.yaml", "--profile", "p.yaml", "--predictions", rng.choice(["sub", "nowhere/x", "/proc/x"])],
            ["credit", "q.yaml", "--agent", address],
            ["credit", "q.yaml", "--agent", address, "--model-url", address],
            ["credit", "q.yaml", "--agent", "http://127.0.0.1:9/v1", "--model-url", address],
            ["eval", "counterfactual", file, "--profile", "p.yaml", "--out", "out"],
            ["eval", "counterfactual", "rows.jsonl", "--profile", "p.yaml", "--edit", word],
            ["eval", "counterfactual", "rows.jsonl", "--profile", "p.yaml", "--mode", word],
            ["eval", "counterfactual", "rows.jsonl", "--profile", "p.yaml", "--folder", word],
            ["eval", "pope", "--data", rng.choice(["hub:", "hub:a/b!../..", f"hub:{word}", f"hub:a/b@{word}", file])],
        ]
    )  # fmt: skip


def test_no_line_of_the_newer_commands_ends_in_anything_but_one_refusal(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = []
    for seed in range(LINES):
        words = line(random.Random(seed))
        capsys.readouterr()
        began = time.process_time()
        try:
            code: Any = main_of(monkeypatch, *words)
        except BaseException as error:
            code = "".join(traceback.format_exception(error)[-3:])
        captured = capsys.readouterr()
        shown = captured.out + captured.err
        spent = time.process_time() - began
        # A well-formed name of the hub is no bad input: that nobody reaches it here is a failure of the run.
        well_formed = re.fullmatch(r"hub:[\w.-]+/[\w.-]+(@[\w./-]+)?", words[-1]) is not None
        if (
            code not in ((1, 2) if well_formed else (2,))
            or "Traceback" in shown
            or STEERING.search(shown)
            or spent > 20
        ):
            faults.append(f"seed {seed}: {[word[:50] for word in words]}: {code}, {spent:.1f} s\n  {shown[-300:]!r}")
    assert not faults, f"{len(faults)} of {LINES}\n" + "\n".join(faults[:40])
    assert not list((place / "sub").iterdir())
