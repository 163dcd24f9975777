"""What people complained of, made anew: with the right plan, experts and refiner tell them what they should be told.

The inputs are in tests/data/reports or drawn here; what the planner makes of each question is tested elsewhere. Which
picture a follow-up means is tested with the scope of questions, and refusals in other languages with the plans.
"""

from __future__ import annotations

import asyncio
import wave
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from visagent import load_media
from visagent.answering.phrasing import phrase
from visagent.answering.refiner import refine
from visagent.core.settings import load_profile
from visagent.media.media import Media
from visagent.planning.plan import Plan, compile_plan, name_media
from visagent.planning.plan_language import read_plan
from visagent.tools.executor import ToolExecutor, solve
from visagent.tools.toolkit import Toolkit
from visagent.verification.citations import verify

pytest.importorskip("rapidocr", reason="the experts need rapidocr: pip install 'visagent[embedded]'")

REPORTS = Path(__file__).parents[1] / "data" / "reports"
SAMPLES = Path(__file__).parents[1] / "data" / "samples"
MODULES = ("detect", "read_text", "transcribe", "geometry", "logic", "text", "tables", "given")
TOOLS = Toolkit([f"visagent_tools.{name}" for name in MODULES])


@cache
def loaded(name: str) -> tuple[Media, ...]:
    return tuple(load_media(REPORTS / name))


def told(name: str, question: str, plan: str) -> str:
    media = list(loaded(name))
    named = dict(zip(name_media([medium.info for medium in media]), media, strict=True))
    infos = {key: medium.info for key, medium in named.items()}
    specs = {key: tool.spec for key, tool in TOOLS.items()}
    tree = compile_plan(
        question, Plan(steps=read_plan(plan, specs)), TOOLS, infos, lambda call, earlier: phrase(call, earlier)
    )
    expert = ToolExecutor(TOOLS, named, load_profile("embedded").budget)
    evidence = asyncio.run(solve(tree, {}, expert.answer))
    claims = verify(refine(tree, evidence), evidence)
    assert {claim.verdict for claim in claims} == {"supported"}, claims
    return " ".join(claim.text for claim in claims)


BETWEEN = 'all_true([compare(count(detect("people")),">=",1),compare(count(detect("people")),"<=",3)])'

CASES = [
    ("three.pdf", "Does the document mention Ghent?", 'contains(read_text(),"Ghent")', ["Yes", "in picture 3"]),
    ("three.pdf", "What date is in the document?", 'extract(read_text(),"date")', ['"1 May 2026"']),
    ("three.pdf", "How many pages does the document have?", "pages()", ["There are 3 pages"]),
    (
        "cats30.png",
        "Are there more than 20 cats?",
        'compare(count(detect("cat")),">",20)',
        ["yes", "(30) is greater than 20"],
    ),
    (
        "receipt_qty.png",
        "How many apples were bought?",
        'find_number(read_text(),near="apples",kind="quantity")',
        ["is 3 [q2]"],
    ),
    (
        "table_noline.png",
        "How many apples in March?",
        'cell(read_table(),row="apples",column="March")',
        ['"31"'],
    ),
    ("receipt_fr.png", "How much is the Remise?", 'find_number(read_text(),near="Remise")', ["is -10 %"]),
    (
        "scene.png",
        "How many animals are not cats?",
        'count(without(detect("animal"),detect("cat")))',
        ["I found no animals other than cats (among 1 animal)"],
    ),
    ("scene.png", "Are there between 1 and 3 people?", BETWEEN, ["Yes, "]),
    (
        "scene.png",
        "Is the number of people even?",
        'compare(calculate("a % 2",count(detect("people"))),"=",0)',
        ["No, "],
    ),
    ("white_on_transparent.png", "What does the text say?", "read_text()", ['"WHITE LOGO 4711"']),
    ("rot90.png", "What is written here?", "read_text()", ['"EXIT GATE 27"']),
    ("ru.png", "What does the text say?", "read_text()", ['"450"', "in a script that the reader does not know"]),
]


@pytest.mark.parametrize(("name", "question", "plan", "expected"), CASES, ids=[case[1] for case in CASES])
def test_a_person_is_told_what_is_there(name: str, question: str, plan: str, expected: list[str]) -> None:
    answer = told(name, question, plan)
    assert all(words in answer for words in expected), answer


@pytest.fixture
def hearing() -> None:
    pytest.importorskip("faster_whisper", reason="needs faster-whisper: pip install 'visagent[embedded]'")
    from visagent.core.errors import SourceError
    from visagent.models.catalogue import find_source

    try:
        find_source("whisper-tiny.en").resolve()
    except SourceError as error:
        pytest.skip(f"the weights cannot be fetched: {error}")


@pytest.mark.usefixtures("hearing")
def test_words_are_heard_although_the_channels_cancel_each_other_out() -> None:
    assert "young man" in told("antiphase.wav", "What does the speaker say?", "transcribe()")


@pytest.mark.usefixtures("hearing")
def test_spanish_is_not_told_as_english() -> None:
    answer = told("es.wav", "What does the speaker say?", "transcribe()")
    assert answer.startswith("I could not tell the speech") and "hears English only" in answer


@pytest.mark.usefixtures("hearing")
def test_the_end_of_a_recording_is_its_last_sentence() -> None:
    first = told("antiphase.wav", "How does it end?", "pick(transcribe(),-1)")
    assert "young man" in first


def test_nothing_found_is_told_with_the_size_that_was_looked_for() -> None:
    answer = told("scene.png", "How many dogs are there?", 'count(detect("dog"))')
    assert answer.startswith("I found no dogs (what is smaller than about ")


def test_the_last_word_of_a_very_tall_picture_is_found(tmp_path: Path) -> None:
    page = Image.new("RGB", (500, 6000), "white")
    font = ImageFont.load_default(30)
    for row in range(4):
        ImageDraw.Draw(page).text((30, 40 + 1500 * row), f"Line number {row}", fill="black", font=font)
    ImageDraw.Draw(page).text((30, 5900), "ZEBRA", fill="black", font=font)
    page.save(tmp_path / "tall.png")
    answer = told(str(tmp_path / "tall.png"), "Does the text mention ZEBRA?", 'contains(read_text(),"ZEBRA")')
    assert answer.startswith("Yes, ")


def test_small_cats_in_24_megapixels_are_found_or_the_size_is_told(tmp_path: Path) -> None:
    photo = Image.new("RGB", (6000, 4000), (120, 130, 120))
    cat = Image.open(SAMPLES / "images" / "chelsea.png").convert("RGB").resize((451, 300))
    for left, top in ((700, 500), (3200, 1800), (5000, 3300)):
        photo.paste(cat, (left, top))
    photo.save(tmp_path / "large.jpg")
    answer = told(str(tmp_path / "large.jpg"), "How many cats are there?", 'count(detect("cat"))')
    assert "3 cats" in answer or "is missed at this size" in answer, answer


@pytest.mark.slow
@pytest.mark.usefixtures("hearing")
def test_the_end_of_more_than_a_minute_is_its_last_sentence(tmp_path: Path) -> None:
    with wave.open(str(SAMPLES / "audio" / "librivox_0870.wav")) as first:
        form, spoken = first.getparams(), first.readframes(first.getnframes())
    with wave.open(str(SAMPLES / "audio" / "librivox_0880.wav")) as last:
        assert last.getparams()[:3] == form[:3]
        ending = last.readframes(last.getnframes())
    with wave.open(str(tmp_path / "long.wav"), "wb") as out:
        out.setparams(form)
        out.writeframes(spoken + bytes(form.framerate * form.sampwidth * form.nchannels * 60) + ending)
    answer = told(str(tmp_path / "long.wav"), "What is said at the end?", "pick(transcribe(),-1)")
    assert "young man" in answer and "Dashwood" not in answer
