"""Many media on one page: what the answer rests on comes first, and however many there are, the page stays bounded."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Evidence, Line, Span, Spans, Text, Value
from visagent.media.media import Media, MediaInfo
from visagent.reporting.albums import FEW, LARGE, MOST, album_layout
from visagent.reporting.markup import Seen, claims_html
from visagent.reporting.report import html_report


def info(number: int, **more: object) -> MediaInfo:
    return MediaInfo(hash=f"{number:064x}", kind="image", name=f"IMG_{number}.jpg", width=90, height=60, **more)  # type: ignore[arg-type]


def answered(media: dict[str, MediaInfo], value: Value, text: str = "These [q1].") -> Answer:
    call = ToolCall(tool="detect", arguments={"image": list(media), "label": "cat"})
    return Answer(
        run_id="r",
        question="Which?",
        text=text,
        status="answered",
        claims=(Claim(text=text, cites=("q1",), verdict="supported"),),
        tree=build_tree("Which?", [SubQuestion(id="q1", question="Which?", solver=call)]),
        evidence={"q1": Evidence(id="q1", tool="detect", value=value)},
        media=media,
    )


def cats(pictures: Sequence[int], of: int) -> Answer:
    media = {f"image{number}": info(number) for number in range(1, of + 1)}
    boxes = tuple(Box(xyxy=(1, 2, 40, 30), label="cat", confidence=0.9, media=info(one).hash) for one in pictures)
    return answered(media, Boxes(boxes=boxes, media=info(1).hash, pictures=tuple(one.hash for one in media.values())))


def seen(answer: Answer) -> Seen:
    return Seen(answer.tree, answer.evidence, answer.media)


def test_few_media_are_all_shown_at_full_size() -> None:
    answer = cats([2], FEW)
    assert album_layout(seen(answer), {"q1"}).large == list(answer.media)


def test_of_an_album_what_the_answer_rests_on_comes_first_and_the_rest_is_counted() -> None:
    layout = album_layout(seen(cats([3, 7], 1000)), {"q1"})
    assert (layout.large, layout.cited) == (["image3", "image7"], [])
    assert (len(layout.others), layout.others_left) == (MOST, 998 - MOST)
    layout = album_layout(seen(cats(range(1, 126), 1000)), {"q1"})
    assert not layout.large and layout.cited[0] == "image1"
    assert (len(layout.cited), layout.cited_left) == (MOST, 125 - MOST)
    assert layout.total == 1000
    # Of an answer that all of them bear out, none comes first.
    assert album_layout(seen(cats([], 20)), {"q1"}).cited == []


def test_a_report_of_many_pictures_holds_as_many_as_a_page_can() -> None:
    media = [Media.load(Image.new("RGB", (90, 60), (at % 256, at // 256, 9))) for at in range(200)]
    named = {f"image{at}": medium.info for at, medium in enumerate(media, 1)}
    boxes = tuple(Box(xyxy=(1, 2, 40, 30), label="cat", confidence=0.9, media=one.hash) for one in media[:100])
    value = Boxes(boxes=boxes, media=media[0].hash, pictures=tuple(one.hash for one in media))
    page = html_report(answered(named, value).hold(media))
    assert page.count("<img") == 2 * MOST and page.count("and 40 more") == 2
    assert "What the answer rests on: 100 of 200" in page
    assert page.count('class="va-thumb-line"') == MOST


def test_a_cited_page_of_a_long_document_is_shown_with_its_box() -> None:
    media = [Media.load(Image.new("RGB", (90, 60), (at, 0, 9))) for at in range(30)]
    pages = {
        f"image{at}": one.info.model_copy(update={"page": at, "document": "0" * 64, "name": "a.pdf"})
        for at, one in enumerate(media, 1)
    }
    line = Line(text="Total 4,200", xyxy=(10, 20, 60, 30), media=media[6].hash)
    text = Text(text=line.text, lines=(line,), pictures=tuple(one.hash for one in media))
    page = html_report(answered(pages, text, "It says 4,200 [q1].").hold(media))
    (before, after) = page.split('data-media="image7"')
    assert "va-stage" in before[-40:] and 'x="10.0" y="20.0"' in after.split("</svg>")[0]
    assert 'data-media="image8"' not in page and "a.pdf p. 8" in page
    assert len(album_layout(seen(answered(pages, text)), {"q1"}).large) <= LARGE


def test_a_time_in_a_sentence_is_a_link_where_there_is_such_a_clip() -> None:
    clip = MediaInfo(hash="1" * 64, kind="video", name="a.mp4", width=90, height=60, seconds=20)
    spans = Spans(media=clip.hash, spans=(Span(start=3.25, end=7.0, label="cat"),))
    text = 'It is at video1@3.3-7.0s, not at video2@1.0s <b>"video1@1s"</b> [q1].'
    answer = answered({"video1": clip}, spans, text)
    html = claims_html(answer.claims, seen(answer), "en")
    assert html.count('class="va-time"') == 2 and "video2@1.0s</a>" not in html
    assert 'data-jump="3.3" data-media="video1"' in html and "<b>" not in html
