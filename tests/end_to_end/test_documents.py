"""Long documents and albums through the tools that a plan calls: every answer is known, since the files are made here.

What a planner makes of such questions is another matter, and tested with the planner.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("pypdfium2", reason="documents need pypdfium2: pip install 'visagent[embedded]'")

import documents as made

from visagent import load_media
from visagent.agent.gather import gather
from visagent.answering.phrasing import phrase
from visagent.answering.refiner import refine
from visagent.answering.remarks import unused_media
from visagent.core.errors import MediaError
from visagent.core.settings import load_profile
from visagent.evidence.values import Boxes, Crop, Evidence, Number, Text
from visagent.media.limits import DEFAULT_LIMITS, MediaLimits
from visagent.media.media import Media, MediaInfo
from visagent.media.store import MediaStore
from visagent.planning.page_search import pages_about
from visagent.planning.plan import Plan, compile_plan, name_media
from visagent.planning.plan_language import read_plan
from visagent.planning.scope import on_pages, scope_of
from visagent.tools.evidence_cache import EvidenceCache
from visagent.tools.executor import ToolExecutor, solve
from visagent.tools.toolkit import Toolkit, tool
from visagent.verification.citations import verify

TOOLS = Toolkit([f"visagent_tools.{name}" for name in ("read_text", "text", "tables", "given", "logic")])


def named(media: list[Media]) -> dict[str, Media]:
    return dict(zip(name_media([medium.info for medium in media]), media, strict=True))


def asked(media: list[Media], question: str, plan: str) -> tuple[str, Mapping[str, Evidence]]:
    """What is answered with this plan, and the evidence."""
    by_name = named(media)
    infos = {name: medium.info for name, medium in by_name.items()}
    steps = Plan(steps=read_plan(plan, {name: tool.spec for name, tool in TOOLS.items()}))
    about = scope_of(question, infos).media
    steps = on_pages(steps, TOOLS, pages_about(question, about, 8)) if len(about) > 2 else steps
    tree = compile_plan(question, steps, TOOLS, about, phrase)
    evidence = asyncio.run(solve(tree, {}, ToolExecutor(TOOLS, by_name, load_profile("embedded").budget).answer))
    claims = verify(refine(tree, evidence, media=infos), evidence, question, infos)
    assert {claim.verdict for claim in claims} == {"supported"}, claims
    return " ".join(claim.text for claim in claims), evidence


def test_the_pages_that_mention_a_word_are_found_and_told_by_their_numbers() -> None:
    pages = load_media(made.manual(60))
    text, evidence = asked(pages, "Which pages mention the depot?", 'find_text(read_text(),"depot")')
    assert "on page 57" in text
    found = evidence["q2"].value
    assert isinstance(found, Text)
    (line,) = found.lines
    assert line.text == made.FACTS[57]
    assert line.media == pages[56].hash
    # The twentieth line: its baseline stands 480 points from the top.
    x1, y1, _, y2 = line.xyxy or (0, 0, 0, 0)
    assert x1 == pytest.approx(60 * 150 / 72, abs=4)
    assert y1 < 480 * 150 / 72 < y2
    assert y2 - y1 < 40


@pytest.mark.parametrize(
    ("question", "plan", "value"),
    [
        ("Sum the third column of the table on page 7", 'aggregate(read_table(),"sum",of="third")', 10050),
        ("How many desks are there in Turin?", 'find_number(cell(read_table(),row="Turin",column="Desks"))', 28),
        ("What is the revenue of the North?", 'find_number(cell(read_table(),row="North",column="Revenue"))', 2400),
        ("How many pages are there?", "pages()", 12),
    ],
)
def test_a_table_is_read_on_the_page_that_is_named_or_that_the_words_stand_on(
    question: str, plan: str, value: float
) -> None:
    _, evidence = asked(load_media(made.report()), question, plan)
    results = [found.value.value for found in evidence.values() if isinstance(found.value, Number)]
    assert results == [value]


def test_a_page_is_read_from_its_text_layer_unless_it_is_a_picture() -> None:
    assert [page.text_layer() is None for page in load_media(made.mixed())] == [False, True, True, False]
    assert all(page.text_layer() is None for page in load_media(made.scanned()))


@pytest.mark.slow
def test_scanned_pages_are_read_as_pictures_and_the_others_as_they_say() -> None:
    pytest.importorskip("rapidocr", reason="reading pictures needs rapidocr")
    text, evidence = asked(load_media(made.mixed()), "Which pages mention Utrecht?", 'find_text(read_text(),"Utrecht")')
    assert "on page 1 and 2" in text
    found = evidence["q2"].value
    assert isinstance(found, Text)
    assert len(found.lines) == 2


# Bad input


def test_a_document_of_too_many_pages_is_one_line_and_the_other_files_are_used(tmp_path: Path) -> None:
    (tmp_path / "long.pdf").write_bytes(made.pdf([((), None)] * 30))
    Image.new("RGB", (40, 30)).save(tmp_path / "small.png")
    limits = MediaLimits(pages=20)
    media, skipped = gather([tmp_path], MediaStore(tmp_path / "store"), limits, allow_urls=False)
    assert [medium.name for medium in media] == ["small.png"]
    assert skipped == ("long.pdf: the PDF has 30 pages; the limit is 20.",)


def test_a_document_of_ten_thousand_pages_is_refused_in_one_line_before_a_page_is_rendered(tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(MediaError, match=r"long\.pdf: the PDF has 10000 pages; the limit is 500") as refused:
        (tmp_path / "long.pdf").write_bytes(made.pdf([((), None)] * 10_000))
        load_media(tmp_path / "long.pdf")
    assert "\n" not in str(refused.value) and time.process_time() - began < 60


def test_a_page_of_pure_picture_is_read_and_holds_no_text(tmp_path: Path) -> None:
    """The first page is a photograph from edge to edge, the second has a text layer."""
    cat = Path(__file__).parents[1] / "data" / "samples" / "images" / "chelsea.png"
    scanned = Image.open(cat).convert("RGB")
    scanned.save(tmp_path / "photo.pdf", "PDF", resolution=72)
    (page,) = load_media(tmp_path / "photo.pdf")
    assert page.text_layer() is None
    text, evidence = asked([page], "What does it say?", "read_text()")
    assert isinstance(evidence["q1"].value, Text) and not evidence["q1"].value.text.strip()
    assert "no" in text.lower()


def test_of_ten_pictures_two_that_fail_are_named_and_eight_are_used(tmp_path: Path) -> None:
    for number in range(10):
        Image.new("RGB", (40 + number, 30)).save(tmp_path / f"{number}.png")
    for number in (3, 8):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    media, skipped = gather([tmp_path], MediaStore(tmp_path.parent / "store"), DEFAULT_LIMITS, allow_urls=False)
    assert len(media) == 8
    assert [line.partition(":")[0] for line in skipped] == ["3.png", "8.png"]
    infos = name_media([medium.info for medium in media])
    tree = compile_plan("How many?", Plan(steps=[{"tool": "pages"}]), TOOLS, infos, phrase)
    (said,) = unused_media(tree, {}, skipped)
    assert said.text.startswith("I could not use 2 of the files") and "8.png" in said.text


def test_a_file_that_is_alone_and_fails_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"a\.png"):
        gather([path], MediaStore(tmp_path / "store"), DEFAULT_LIMITS, allow_urls=False)


# Many pictures


@tool(each=True)
def find_bright(image: list[Crop]) -> Boxes:
    """Find bright pictures."""
    (crop,) = image
    if crop.xyxy[2] == 44:
        raise MediaError("This picture cannot be seen.", "Take another one.")
    return (
        Boxes(media=crop.media, boxes=())
        if crop.array().mean() < 128
        else Boxes(
            media=crop.media,
            boxes=({"xyxy": crop.xyxy, "label": "bright"},),  # type: ignore[arg-type]
        )
    )


def album(count: int) -> list[Media]:
    return [Media.load(Image.new("L", (40 + at, 30), 255 if at % 5 == 0 else 0)) for at in range(count)]


def looked(media: list[Media], folder: Path) -> tuple[Evidence, ToolExecutor, list[tuple[int, int, str]]]:
    told: list[tuple[int, int, str]] = []
    tools = Toolkit([find_bright])
    infos: dict[str, MediaInfo] = name_media([medium.info for medium in media])
    tree = compile_plan("Which are bright?", Plan(steps=[{"tool": "find_bright"}]), tools, infos, phrase)
    cache = EvidenceCache(folder)
    expert = ToolExecutor(tools, named(media), load_profile("embedded").budget, cache=cache)
    found = asyncio.run(expert.answer(tree["q1"], {}, lambda *said: told.append(said)))
    cache.close()
    return found, expert, told


def test_every_picture_of_an_album_is_looked_at_and_one_that_fails_is_told(tmp_path: Path) -> None:
    media = album(12)
    found, expert, told = looked(media, tmp_path)
    value = found.value
    assert isinstance(value, Boxes)
    assert [box.media for box in value.boxes] == [media[at].hash for at in (0, 5, 10)]
    assert len(value.pictures) == 11
    assert [note.words[0] for note in value.notes if note.kind == "not_looked_at"] == ["1"]
    assert told[-1] == (12, 12, "pictures") and expert.calls == 1


def test_an_album_that_was_looked_through_is_an_index_for_the_next_question(tmp_path: Path) -> None:
    media = [medium for medium in album(12) if medium.size[0] != 44]
    looked(media, tmp_path)
    again, expert, _ = looked(media[2:9], tmp_path)
    assert expert.calls == 0
    assert isinstance(again.value, Boxes) and [box.media for box in again.value.boxes] == [media[4].hash]


def page(number: int) -> MediaInfo:
    return MediaInfo(hash=f"{number:064}", kind="image", name="a.pdf", page=number, document="0" * 64)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Is there a laptop in any of these pictures?", [1, 2, 3, 4, 5, 6, 7]),
        ("How many dogs are there in total?", [1, 2, 3, 4, 5, 6, 7]),
        ("What does page 3 say?", [3]),
        ("Compare pages 2 to 4", [2, 3, 4]),
        ("What stands on the last page?", [7]),
        ("Is there more text on the first page than on the second?", [1, 2]),
        ("第三页写了什么？", [3]),
        ("Is the second page longer than the others?", [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_a_question_is_about_the_pages_that_it_names_or_about_all(question: str, names: list[int]) -> None:
    media = {f"image{number}": page(number) for number in range(1, 8)}
    assert list(scope_of(question, media).media) == [f"image{number}" for number in names]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("And in this one?", ["image2"]),
        ("What animal is this?", ["image2"]),
        ("Are both the same?", ["image1", "image2"]),
        ("What does image1 show?", ["image1"]),
    ],
)
def test_a_follow_up_that_brings_a_picture_means_that_one(question: str, names: list[str]) -> None:
    media = {
        "image1": MediaInfo(hash="1" * 64, kind="image", name="cat.jpg"),
        "image2": MediaInfo(hash="2" * 64, kind="image", name="dog.jpg"),
    }
    assert list(scope_of(question, media, ["image2"]).media) == names
