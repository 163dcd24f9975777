"""A run as one HTML file: complete, self-contained, and safe whatever its texts say."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Evidence, Failure, Line, Text, Value
from visagent.media.media import Media
from visagent.reporting.report import html_report

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"


class Page(HTMLParser):
    """Collects tags, attributes and text as a browser would read them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def media() -> Media:
    return Media.load(Image.new("RGB", (2000, 1000), "teal"))


def answer_of(media: Media, *, question: str = "What is it?", claims: tuple[Claim, ...] | None = None) -> Answer:
    found = Boxes(media=media.hash, boxes=(Box(xyxy=(200, 100, 600, 300), label="dog", confidence=0.8),))
    values: list[Value] = [
        found,
        Text(text=EVIL, media=media.hash, lines=(Line(text=EVIL, xyxy=(0, 0, 9, 9)),)),
        Failure(error="UnknownLabel", message=f"no {EVIL}", remedy="Ask for a dog."),
    ]
    calls = [ToolCall(tool="detect", arguments={"image": "image1", "label": EVIL})]
    calls += [ToolCall(tool="read_text", arguments={"image": "$q1"}), ToolCall(tool="crop", arguments={"image": "$q1"})]
    nodes = [SubQuestion(id=f"q{at}", question=f"Where? {EVIL}", solver=call) for at, call in enumerate(calls, 1)]
    told = (Claim(text="There is a dog [q1].", cites=("q1",), verdict="supported"),) if claims is None else claims
    return Answer(
        run_id="r",
        question=question,
        text=" ".join(claim.text for claim in told),
        status="answered",
        claims=told,
        tree=build_tree(question, nodes),
        evidence={f"q{at}": Evidence(id=f"q{at}", tool="t", value=value) for at, value in enumerate(values, 1)},
        media={"image1": media.info},
    ).hold([media])


def test_the_page_says_what_the_run_said(media: Media) -> None:
    page = Page(html_report(answer_of(media)))
    assert "There is a dog" in page.text and "What is it?" in page.text
    assert {"q1", "q2", "q3"} <= {attributes.get("id") for tag, attributes in page.tags if tag == "details"}
    assert ("a", "#q1") in [(tag, attributes.get("href")) for tag, attributes in page.tags]


def test_nothing_that_was_said_becomes_markup(media: Media) -> None:
    claims = (Claim(text=f"{EVIL} [q1].", cites=("q1",)),)
    page = Page(html_report(answer_of(media, question=EVIL, claims=claims)))
    assert not [tag for tag, _ in page.tags if tag == "script"]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script>") >= 4, "it is shown as the text that it is"
    assert "{{7*7}}" in page.text


def test_the_page_needs_nothing_else(media: Media) -> None:
    page = html_report(answer_of(media))
    links = [
        attributes.get(name) for _, attributes in Page(page).tags for name in ("src", "href") if name in attributes
    ]
    assert links and all(link and link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"@import|url\(", page)
    assert "default-src 'none'" in page


def test_large_pictures_are_embedded_smaller_and_boxes_stay_in_place(media: Media) -> None:
    page = Page(html_report(answer_of(media)))
    (picture,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert (picture["src"] or "").startswith("data:image/jpeg;base64,")
    (marks,) = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("class") == "va-marks"]
    assert marks["viewbox"] == "0 0 2000 1000"
    boxes = [attributes for tag, attributes in page.tags if tag == "rect" and attributes.get("class") == "va-line"]
    assert ("200.0", "100.0", "400.0", "200.0") in [(b["x"], b["y"], b["width"], b["height"]) for b in boxes]


def test_sentences_that_are_not_borne_out_look_different(media: Media) -> None:
    claims = (
        Claim(text="It is a dog [q1].", cites=("q1",), verdict="supported"),
        Claim(text="It is a cat [q1].", cites=("q1",), verdict="contradicted"),
        Claim(text="It is happy.", verdict="unverifiable"),
    )
    page = html_report(answer_of(media, claims=claims))
    assert 'class="va-claim va-supported"' in page
    assert 'class="va-claim va-contradicted"' in page and "contradicted</small>" in page
    assert 'class="va-claim va-unverifiable"' in page and "not verified</small>" in page


def test_failures_are_told_from_what_was_found(media: Media) -> None:
    page = Page(html_report(answer_of(media)))
    steps = [attributes for tag, attributes in page.tags if tag == "details" and attributes.get("data-node")]
    states = {step["id"]: step["class"] for step in steps}
    assert "va-failed" in (states["q3"] or "") and "va-done" in (states["q1"] or "")
    assert "Ask for a dog." in page.text


def test_a_medium_that_is_gone_is_named_and_not_shown() -> None:
    answer = answer_of(Media.load(Image.new("RGB", (41, 29), "orchid")))  # no other test holds such a picture
    object.__setattr__(answer, "_held", ())
    page = Page(html_report(answer))
    assert "not loaded" in page.text and not [tag for tag, _ in page.tags if tag == "img"]


def test_the_pages_own_words_follow_the_language(media: Media) -> None:
    assert "子问题" in html_report(answer_of(media), "zh")
