"""The app as a person uses it: a real browser, the real server, real embedded models, real files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")

from app_in_browser import (
    CHROMIUM,
    EXAMPLES,
    WAIT,
    Visit,
    answered,
    ask,
    expect,
    make_home,
    running_app,
    running_browser,
    take_example,
    upload,
    visits,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with running_app(home) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running_browser() as started:
        yield started


@pytest.fixture
def visit(browser: Any, url: str) -> Iterator[Visit]:
    with visits(browser, url) as open_:
        yield open_


def test_a_photo_is_asked_about_and_the_answer_shows_what_it_rests_on(visit: Visit) -> None:
    page = visit()
    upload(page, EXAMPLES / "coffee.png")
    page.wait_for_selector(".va-stage img")
    text = ask(page, "Is there a cup on the table, and what color is the cup?")
    assert "cup" in text and "yes" in text.lower()

    cite = page.locator("#va-answer-box .va-cite").first
    cite.click()
    lit = page.locator("#va-media .va-mark.va-lit")
    expect(lit).not_to_have_count(0)
    expect(lit.first).to_contain_text("cup")
    step = page.locator(f"#va-tree-box details[data-node={cite.get_attribute('data-cite')}]")
    expect(step).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(lit).to_have_count(0)

    page.click("#va-tree-box details[data-node=q1] > summary")
    assert "detect(" in page.inner_text("#va-tree-box details[data-node=q1]")
    with page.expect_download() as download:
        page.click('.va-export[href*="/html"]')
    report = Path(download.value.path()).read_text("utf-8")
    assert text.split("[")[0][:20] in report and "data:image/jpeg" in report


def test_a_picture_is_zoomed_and_shown_as_the_detector_sees_it(visit: Visit) -> None:
    page = visit()
    take_example(page)
    image = page.locator(".va-stage img")
    expect(image).to_be_visible()
    before = image.bounding_box()["width"]
    page.click("[data-zoom=zoom_in]")
    assert image.bounding_box()["width"] > before * 1.4
    page.locator(".va-view").press("0")
    assert abs(image.bounding_box()["width"] - before) < 2
    page.click("[data-toggle-seen]")
    page.wait_for_function("document.querySelector('.va-stage img').naturalWidth === 416")


def test_a_sub_question_is_changed_and_its_branch_runs_again(visit: Visit) -> None:
    page = visit()
    take_example(page)
    expect(page.locator("#va-question-box textarea")).to_have_value("How many cats are there?")
    assert "1" in ask(page, "How many cats are there?")
    page.click("#va-tree-box details[data-node=q1] > summary")
    page.click("#va-tree-box details[data-node=q1] [data-event=edit]")
    editor = page.locator("#va-arguments .cm-content")
    expect(editor).to_contain_text('"cat"')
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('{"image": "image1", "label": "dog"}')
    page.click("#va-rerun")
    expect(page.locator("#va-answer-box .va-text")).to_contain_text("dog", timeout=WAIT)

    page.click("#va-up")
    expect(page.locator("#va-status")).to_contain_text("Marked as right")
    page.fill("#va-follow input, #va-follow textarea", "What color is the picture?")
    page.keyboard.press("Enter")
    answered(page, "What color is the picture?")

    page.get_by_role("tab", name="Runs").click()
    expect(page.locator(".va-run")).to_have_count(3)
    page.fill("#va-runs-search input, #va-runs-search textarea", "dog")
    expect(page.locator(".va-run")).to_have_count(1)
    page.fill("#va-runs-search input, #va-runs-search textarea", "")
    expect(page.locator(".va-run")).to_have_count(3)
    page.click(".va-run >> nth=1 >> [data-event=open]")
    expect(page.locator("#va-run-a .va-answer")).to_be_visible()
    page.click(".va-run >> nth=2 >> [data-event=compare]")
    expect(page.locator("#va-run-b .va-answer")).to_be_visible()
    assert "Where are the dogs?" in page.inner_text("#va-facts")


def test_a_run_is_stopped_and_goes_on(visit: Visit) -> None:
    page = visit()
    take_example(page, 1)
    expect(page.locator("#va-question-box textarea")).to_have_value(re.compile("cup"))
    page.fill("#va-question-box textarea", "What text is in the picture?")
    page.click("#va-ask")
    page.wait_for_selector("#va-tree-box details", timeout=WAIT)
    page.click("#va-stop")
    expect(page.locator("#va-status")).to_contain_text("Stopped")
    for button, label in {"#va-ask": "Ask", "#va-go-on": "Go on", "#va-anew": "Start over"}.items():
        expect(page.locator(button)).to_have_text(label)
        assert page.locator(button).bounding_box()["height"] > 24, f"{button} is no sliver"
    page.click("#va-go-on")
    assert "text" in answered(page, "What text is in the picture?")
    for button, label in {"#va-ask": "Ask", "#va-up": "✓ This answer is right", "#va-down": "✗"}.items():
        expect(page.locator(button)).to_contain_text(label)
        assert page.locator(button).bounding_box()["height"] > 20


def test_a_plan_waits_for_approval(visit: Visit) -> None:
    page = visit()
    take_example(page)
    page.click("#va-options button")
    page.check("#va-approve-first input")
    page.click("#va-ask")
    page.wait_for_selector("#va-approve", timeout=WAIT)
    expect(page.locator("#va-tree-box details.va-waiting")).not_to_have_count(0)
    expect(page.locator("#va-answer-box .va-answer")).to_have_count(0)
    page.click("#va-approve")
    assert "1" in answered(page, "How many cats are there?")


def test_a_citation_of_speech_jumps_to_its_second(visit: Visit) -> None:
    page = visit()
    take_example(page, 2)
    page.wait_for_selector(".va-stage audio")
    page.evaluate("document.querySelector('.va-stage audio').muted = true")
    assert "young man" in ask(page, "What does the speaker say?")
    page.evaluate("document.querySelector('.va-stage audio').currentTime = 2.5")
    page.click("#va-answer-box .va-cite >> nth=0")
    page.wait_for_function("document.querySelector('.va-stage audio').currentTime < 1")


def test_a_time_that_an_answer_cites_is_jumped_to(visit: Visit, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    file = tmp_path / "clip.webm"
    with Image.open(EXAMPLES / "cat.png") as opened:
        cat = opened.convert("RGB").resize((240, 180))
    with av.open(file, "w") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 1_000_000
        for at in range(70):
            picture = Image.new("RGB", (320, 240), "gray")
            if at >= 30:
                picture.paste(cat, (40, 30))
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    page = visit()
    upload(page, file)
    expect(page.locator("#va-media video")).to_have_count(1)
    said = ask(page, "When does the cat appear?")
    begins = float(re.search(r"video1@([\d.]+)", said)[1])  # type: ignore[index]
    assert abs(begins - 3) <= 0.5, said
    page.click("#va-answer-box a.va-time >> nth=0")
    page.wait_for_function(f"Math.abs(document.querySelector('#va-media video').currentTime - {begins}) < 0.1")


def test_a_question_is_spoken(visit: Visit) -> None:
    page = visit()
    page.click("#va-speak button")
    page.click("#va-voice button:has-text('Record')")
    page.wait_for_timeout(4000)
    page.click("#va-voice button:has-text('Stop')")
    expect(page.locator("#va-question-box textarea")).to_have_value(re.compile("young man"), timeout=WAIT)


def test_junk_is_refused_in_one_clear_sentence(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    junk = tmp_path / "junk.png"
    junk.write_text("I am no picture.")
    upload(page, junk)
    expect(page.locator("#va-notice [role=alert]")).to_contain_text("junk.png")
    assert page.locator("#va-address").count() == 0, "no address is fetched unless whoever runs the app allows it"
    page.fill("#va-question-box textarea", "What is it?")
    page.click("#va-ask")
    expect(page.locator("#va-status [role=alert]")).to_contain_text("No medium was given.")
    expect(page.locator("#va-ask")).to_be_visible()
    upload(page, EXAMPLES / "cat.png")
    expect(page.locator(".va-stage img")).to_be_visible()
    expect(page.locator("#va-notice [role=alert]")).to_have_count(0)


def test_chinese_is_spoken_and_markup_in_a_question_stays_text(visit: Visit) -> None:
    page = visit(locale="zh-CN")
    expect(page.locator("#va-ask")).to_have_text("提问")
    take_example(page)
    expect(page.locator("#va-question-box textarea")).to_have_value("How many cats are there?")
    question = "How many cats are there? {{value}} ${1+1} <b>x</b>"
    ask(page, question)
    assert page.locator("#va-answer-box .va-asked b").count() == 0
    page.click("#va-language >> text=English")
    expect(page.locator("#va-ask")).to_have_text("Ask")
    expect(page.locator("#va-answer-box .va-export").first).to_have_text("JSON")


def test_visitors_never_see_each_others_media_or_runs(visit: Visit, url: str) -> None:
    alice, bob = visit(), visit()
    take_example(alice)
    ask(alice, "How many cats are there?")
    seen = alice.get_attribute(".va-stage img", "src")
    run = alice.get_attribute(".va-answer", "data-run")
    bob.get_by_role("tab", name="Runs").click()
    expect(bob.locator("#va-runs")).to_contain_text("No runs yet")
    for path in (seen, f"session/runs/{run}/json"):
        assert alice.request.get(url + path).status == 200
        assert bob.request.get(url + path).status == 404


def test_a_tool_is_tried_by_hand_and_a_new_one_is_read_and_not_run(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    take_example(page)
    page.wait_for_selector(".va-stage img")
    page.get_by_role("tab", name="Tools").click()
    editor = page.locator("#va-try-arguments .cm-content")
    expect(editor).to_contain_text("image1")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('{"image": "image1", "label": "cat"}')
    page.click("#va-try-run")
    expect(page.locator("#va-try-found .va-found")).to_have_text("1 box", timeout=WAIT)

    page.get_by_role("button", name="Write a new one").click()
    code = page.locator("#va-code .cm-content")
    code.click()
    page.keyboard.press("Control+a")
    touched = tmp_path / "touched"
    page.keyboard.insert_text(f'from visagent import tool\nopen({str(touched)!r}, "w")\n@tool\ndef f(x): pass\n')
    page.click("#va-check")
    expect(page.locator("#va-checked")).to_contain_text("Line 4: f(x) has no annotation.")
    assert not touched.exists() and page.locator("#va-load").count() == 0


def test_settings_hold_for_the_next_question_and_say_what_is_installed(visit: Visit) -> None:
    page = visit()
    page.get_by_role("tab", name="Settings").click()
    page.click("#va-answers input")
    page.get_by_role("option", name="中文").click()
    page.click("#va-apply")
    expect(page.locator("#va-settings-status")).to_contain_text("Applied")
    page.click("#va-doctor button")
    expect(page.locator("#va-doctor-report")).to_contain_text("nanodet-g-416")
    page.get_by_role("tab", name="Ask").click()
    take_example(page)
    expect(page.locator("#va-question-box textarea")).to_have_value("How many cats are there?")
    assert "猫" in ask(page, "How many cats are there?")


def test_the_page_fits_a_phone(visit: Visit) -> None:
    page = visit(viewport={"width": 390, "height": 844}, color_scheme="dark", is_mobile=True, has_touch=True)
    take_example(page)
    ask(page, "How many cats are there?")
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
