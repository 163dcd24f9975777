"""The app's page around an answer: how media come in, what stays when something goes wrong, who can read it.

A real browser and the real server; the model is a script, so that the page and not a model is what is waited for.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")
pytest.importorskip("axe_playwright_python")

from app_in_browser import (
    CHROMIUM,
    EXAMPLES,
    WAIT,
    Visit,
    ask,
    expect,
    greeted,
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
PLAN = [{"tool": "dominant_colors", "image": "image1"}]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running_browser() as started:
        yield started


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    profile = {
        "models": {"main": {"backend": "scripted", "replies": [PLAN]}},
        "roles": {"controller": "main", "decider": "rules", "refiner": "rules", "verifier": "rules"},
        "tools": {"detect": {"detector": "nanodet"}},
    }
    file = home / "scripted.yaml"
    file.write_text(json.dumps(profile))
    with running_app(home, "--profile", str(file), "--allow-urls", "--max-media", "12") as address:
        yield address


@pytest.fixture
def visit(browser: Any, url: str) -> Iterator[Visit]:
    with visits(browser, url) as open_:
        yield open_


def photos(folder: Path, number: int) -> list[Path]:
    files = [folder / f"photo{at}.png" for at in range(number)]
    for at, file in enumerate(files):
        Image.new("RGB", (60, 40), (at * 10, 90, 200)).save(file)
    return files


def stages(page: Any) -> Any:
    return page.locator("#va-media .va-stage")


def regions(page: Any) -> Any:
    return page.locator("#va-media .va-regions li")


def note(page: Any) -> Any:
    return page.locator(".va-drop-note")


def test_earlier_answers_stay_and_a_reload_brings_all_of_it_back(visit: Visit) -> None:
    page = visit()
    take_example(page)
    ask(page, "What color is it?")
    expect(page.locator("#va-earlier .va-asked")).to_have_count(0)
    page.fill("#va-follow input, #va-follow textarea", "And its size?")
    page.keyboard.press("Enter")
    expect(page.locator("#va-answer-box .va-asked")).to_have_text(re.compile("size"))
    expect(page.locator("#va-earlier .va-asked")).to_have_text("What color is it?")
    ask(page, "What color is the wall?")
    expect(page.locator("#va-earlier .va-asked")).to_have_text([re.compile("size"), "What color is it?"])
    newest, before = page.locator("#va-answer-box").bounding_box(), page.locator("#va-earlier").bounding_box()
    assert newest["y"] < before["y"]

    page.reload()
    expect(page.locator("#va-answer-box .va-asked")).to_have_text("What color is the wall?")
    expect(page.locator("#va-earlier .va-asked")).to_have_count(2)
    expect(page.locator("#va-question-box textarea")).to_have_value("What color is the wall?")
    expect(stages(page)).to_have_count(1)
    page.click("#va-tree-box details > summary")
    page.click("#va-tree-box [data-event=edit]")
    expect(page.locator("#va-arguments .cm-content")).to_contain_text("image1")

    page.click("#va-anew")
    expect(stages(page)).to_have_count(0)
    expect(page.locator(".va-asked")).to_have_count(0)
    expect(page.locator(".va-card")).to_have_count(3)


def test_unusable_arguments_keep_tree_answer_and_editor(visit: Visit) -> None:
    page = visit()
    take_example(page)
    ask(page, "What color is it?")
    page.click("#va-tree-box details > summary")
    page.click("#va-tree-box [data-event=edit]")
    editor = page.locator("#va-arguments .cm-content")
    for written, said in ((r'{"image": ', "not JSON"), ('{"image": "image9"}', "image9")):
        editor.click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(written)
        page.click("#va-rerun")
        expect(page.locator("#va-unusable [role=alert]")).to_contain_text(said)
        expect(page.locator("#va-answer-box .va-asked")).to_have_text("What color is it?")
        expect(page.locator("#va-tree-box details")).to_have_count(1)
        expect(editor).to_contain_text(written.strip())
    expect(page.locator("#va-ask")).to_have_text("Ask")


def test_of_too_many_files_the_first_are_taken_and_a_line_says_so(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    files = photos(tmp_path, 15)
    upload(page, *files[:14])
    expect(stages(page)).to_have_count(12)
    expect(note(page)).to_contain_text("14 files are more than 12")
    upload(page, files[14])
    expect(page.locator("#va-notice [role=alert]")).to_contain_text("photo14.png")
    expect(stages(page)).to_have_count(12)


def test_a_failed_upload_loses_nothing_else(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    junk = tmp_path / "junk.png"
    junk.write_text("I am no picture.")
    upload(page, EXAMPLES / "cat.png", junk, EXAMPLES / "coffee.png")
    expect(stages(page)).to_have_count(2)
    expect(page.locator("#va-notice [role=alert]")).to_contain_text("junk.png")
    ask(page, "What color is it?")

    page.route("**/gradio_api/upload**", lambda route: route.fulfill(status=503, body="{}"))
    upload(page, *photos(tmp_path, 1))
    expect(note(page)).to_contain_text("could not be sent")
    page.unroute("**/gradio_api/upload**")
    expect(stages(page)).to_have_count(2)
    expect(page.locator("#va-answer-box .va-asked")).to_have_text("What color is it?")
    upload(page, *photos(tmp_path, 1))
    expect(stages(page)).to_have_count(3)
    expect(page.locator("#va-earlier .va-asked")).to_have_text("What color is it?")


def test_planning_shows_at_once_that_something_happens(visit: Visit) -> None:
    page = visit()
    take_example(page)
    held: list[Any] = []
    page.route("**/gradio_api/queue/join**", lambda route: held.append(route))
    page.click("#va-ask")
    expect(page.locator("#va-status .va-turning")).to_be_visible(timeout=10_000)
    expect(page.locator("#va-tree-box .va-skeleton")).to_be_visible()
    expect(page.locator("#va-stop")).to_have_text("Stop")
    for route in held:
        route.continue_()
    page.unroute("**/gradio_api/queue/join**")
    expect(page.locator("#va-answer-box .va-asked")).to_have_text("How many cats are there?", timeout=30_000)


def test_a_phone_scrolls_to_the_answer(visit: Visit) -> None:
    page = visit(viewport={"width": 390, "height": 700}, is_mobile=True, has_touch=True)
    take_example(page)
    ask(page, "What color is it?")
    expect(page.locator("#va-answer-box .va-text")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_a_region_is_drawn_named_asked_about_and_taken_off_again(visit: Visit) -> None:
    page = visit()
    take_example(page, 1)
    page.click("[data-draw=begin]")
    shown = page.locator("#va-media .va-canvas").bounding_box()
    scale = 600 / shown["width"]
    page.mouse.move(shown["x"] + 50, shown["y"] + 60)
    page.mouse.down()
    page.mouse.move(shown["x"] + 250, shown["y"] + 200, steps=4)
    page.mouse.up()
    drawn = [float(page.input_value(f"[data-side={side}]")) for side in ("x1", "y1", "x2", "y2")]
    assert drawn == pytest.approx([50 * scale, 60 * scale, 250 * scale, 200 * scale], abs=1.5)
    page.click("[data-event=point]")
    expect(regions(page)).to_have_count(1)
    expect(page.locator("#va-media svg text")).to_have_text("r1")

    # By keys alone, with a name of one's own.
    page.focus("[data-draw=begin]")
    page.keyboard.press("Enter")
    before = float(page.input_value("[data-side=x1]"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert page.input_value("[data-side=name]") == "r2"
    assert [float(page.input_value(f"[data-side={side}]")) for side in ("x1", "y2")] == [before + 6, 306]
    page.fill("[data-side=name]", "handle")
    page.keyboard.press("Enter")
    expect(regions(page)).to_have_count(2)
    page.click("[data-draw=begin]")
    page.fill("[data-side=name]", "r1")
    page.keyboard.press("Enter")
    expect(page.locator("#va-notice [role=alert]")).to_contain_text("region r1 already")

    page.fill("#va-question-box textarea", "What color is")
    page.click("[data-insert=handle]")
    expect(page.locator("#va-question-box textarea")).to_have_value("What color is handle")
    ask(page, "What color is handle")
    expect(regions(page)).to_have_count(2)
    page.click("[data-event=drop][data-name='image1#r1']")
    expect(regions(page)).to_have_count(1)
    expect(page.locator("#va-answer-box .va-asked")).to_have_text("What color is handle")
    page.click("[data-event=drop][data-name=image1]")
    expect(stages(page)).to_have_count(0)


def test_a_finger_points_by_two_taps(visit: Visit) -> None:
    page = visit(viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)
    take_example(page, 1)
    page.tap("[data-draw=begin]")
    shown = page.locator("#va-media .va-canvas").bounding_box()
    page.touchscreen.tap(shown["x"] + 200, shown["y"] + 150)
    page.touchscreen.tap(shown["x"] + 30, shown["y"] + 40)
    page.tap("[data-event=point]")
    expect(regions(page)).to_have_count(1)
    numbers = [float(number) for number in regions(page).locator(".va-dim").inner_text().split(", ")]
    scale = 600 / shown["width"]
    assert numbers == pytest.approx([30 * scale, 40 * scale, 200 * scale, 150 * scale], abs=3)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_an_album_is_shown_small_what_the_answer_rests_on_first(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    upload(page, *photos(tmp_path, 9))
    expect(page.locator("#va-media .va-thumb")).to_have_count(9)
    expect(page.locator("#va-media .va-stage >> visible=true")).to_have_count(0)
    assert not [url for url in loaded if "session/media" in url and "small" not in url], (
        "unfolded or not, all were loaded"
    )
    page.click("#va-media .va-thumb >> nth=4 >> summary")
    expect(page.locator("#va-media .va-stage[data-media=image5]")).to_be_visible()
    ask(page, "What color is it?")
    expect(page.locator("#va-media > div .va-stage >> visible=true").first).to_have_attribute("data-media", "image1")
    page.click("#va-media .va-others > summary")
    expect(page.locator("#va-media .va-thumb")).to_have_count(8)


def test_a_region_is_drawn_over_a_clip_too(visit: Visit, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    page = visit()
    file = tmp_path / "clip.webm"
    with av.open(file, "w") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (160, 120), "blue"))))
        container.mux(stream.encode())
    upload(page, file)
    expect(page.locator("#va-media video")).to_have_count(1)
    page.wait_for_function("document.querySelector('#va-media video').readyState")
    page.click("[data-draw=begin]")
    shown = page.locator("#va-media .va-canvas").bounding_box()
    page.mouse.move(shown["x"] + 0.25 * shown["width"], shown["y"] + 0.25 * shown["height"])
    page.mouse.down()
    page.mouse.move(shown["x"] + 0.75 * shown["width"], shown["y"] + 0.5 * shown["height"], steps=4)
    page.mouse.up()
    assert page.evaluate("document.querySelector('#va-media video').paused")
    page.click("[data-event=point]")
    expect(regions(page)).to_have_count(1)
    numbers = [float(number) for number in regions(page).locator(".va-dim").inner_text().split(", ")]
    assert numbers == pytest.approx([40, 30, 120, 60], abs=2)


@pytest.mark.parametrize("codec", ["libvpx", "mpeg4"])
def test_a_time_is_jumped_to_also_in_a_clip_that_the_browser_cannot_play(
    visit: Visit, tmp_path: Path, codec: str
) -> None:
    av = pytest.importorskip("av")
    page = visit()
    file = tmp_path / ("clip.webm" if codec == "libvpx" else "clip.mp4")
    with av.open(file, "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for at in range(60):
            picture = Image.new("RGB", (160, 120), "red" if 30 <= at < 50 else "blue")
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    upload(page, file)
    player = page.locator("#va-media video")
    expect(player).to_have_count(1)
    link = '<a class="va-time" href="#at" data-jump="4" data-media="video1">video1@4.0s</a>'
    page.evaluate("(html) => document.querySelector('.va-desk').insertAdjacentHTML('beforeend', html)", link)
    page.wait_for_function(
        "(() => { const v = document.querySelector('#va-media video'); return v.readyState || v.error; })()"
    )
    page.click("a.va-time")
    if codec == "libvpx":
        page.wait_for_function("document.querySelector('#va-media video').currentTime === 4")
        return
    poster = page.wait_for_function("document.querySelector('#va-media video').poster").json_value()
    assert poster.endswith("?at=4")
    shown = Image.open(io.BytesIO(page.request.get(poster).body()))
    red, _, blue = shown.convert("RGB").getpixel((80, 60))
    assert red > 200 > 60 > blue


def test_pictures_come_from_camera_clipboard_and_dropping(visit: Visit, tmp_path: Path) -> None:
    page = visit(permissions=["camera", "microphone"])
    page.click("[data-way=camera]")
    page.wait_for_function("document.querySelector('.va-camera video').videoWidth > 0")
    page.click("[data-way=shoot]")
    expect(stages(page)).to_have_count(1)
    expect(page.locator(".va-camera")).to_be_hidden()

    give = """(kind) => new Promise((done) => {
      const canvas = Object.assign(document.createElement("canvas"), {width: 30 + kind.length, height: 20});
      canvas.getContext("2d").fillRect(0, 0, 9, 9);
      canvas.toBlob((blob) => {
        const data = new DataTransfer();
        data.items.add(new File([blob], kind + ".png", {type: "image/png"}));
        const how = {bubbles: true, cancelable: true};
        document.body.dispatchEvent(kind === "paste"
          ? new ClipboardEvent("paste", {...how, clipboardData: data})
          : new DragEvent("drop", {...how, dataTransfer: data}));
        done();
      });
    })"""
    page.evaluate(give, "paste")
    expect(stages(page)).to_have_count(2)
    page.evaluate(give, "drop")
    expect(stages(page)).to_have_count(3)
    page.click("[data-way=paste]")
    expect(note(page)).to_contain_text("no picture on the clipboard")


def test_an_address_of_this_network_is_not_fetched(visit: Visit, url: str) -> None:
    page = visit()
    field = page.locator("#va-address input, #va-address textarea")
    for address, said in ((url + "x.png", "not a public address"), ("file:///etc/passwd", "no address")):
        field.fill(address)
        page.keyboard.press("Enter")
        expect(page.locator("#va-notice [role=alert]")).to_contain_text(said)
    expect(stages(page)).to_have_count(0)


def test_the_page_says_what_its_profile_can_and_offers_no_mode_that_it_refuses(visit: Visit) -> None:
    page = visit()
    line = page.locator(".va-knows > summary")
    assert line.bounding_box()["height"] < 40, "one line"
    expect(line).to_contain_text("80 kinds of things")
    expect(page.locator(".va-knows li").first).to_be_hidden()
    line.click()
    expect(page.locator(".va-knows li").first).to_contain_text("toothbrush")
    page.click("#va-options button")
    expect(page.locator("#va-mode label")).to_have_count(2)
    expect(page.locator("#va-mode input").first).to_be_checked()
    expect(page.locator("#va-mode")).not_to_contain_text("model alone")


def test_the_uploaders_words_follow_the_language_and_so_does_the_next_visit(visit: Visit) -> None:
    page = visit()
    expect(page.locator(".va-drop-title")).to_have_text("Drop pictures, a PDF, video or sound here")
    page.click("#va-language >> text=中文")
    expect(page.locator(".va-drop-title")).to_have_text("把图片、PDF、视频或声音拖到这里")
    expect(page.locator("[data-way=camera]")).to_have_text("拍照")
    expect(page.locator(".va-knows > summary")).to_contain_text("80 类")
    page.reload()
    expect(page.locator(".va-drop-title")).to_have_text("把图片、PDF、视频或声音拖到这里")


def test_the_recorders_words_follow_the_language_of_the_page_and_not_the_browsers(visit: Visit) -> None:
    page = visit(locale="de-DE")
    expect(page.locator("html")).to_have_attribute("lang", "en", timeout=WAIT)
    page.click("#va-speak button >> nth=0")
    record = page.locator("#va-voice button.record-button").first
    expect(record).to_have_text("Record", timeout=WAIT)
    page.click("#va-language >> text=中文")
    # Gradio writes it once its translator has the words.
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN", timeout=WAIT)
    page.reload()
    greeted(page)
    page.click("#va-speak button >> nth=0")
    expect(record).to_have_text("录制", timeout=WAIT)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_that_some_people_cannot_read_or_reach(visit: Visit, theme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = visit(color_scheme=theme)
    found: dict[str, list[str]] = {}

    def look(where: str) -> None:
        # Moving parts have no colour yet.
        page.wait_for_timeout(400)
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
        for problem in Axe().run(page, options=options).response["violations"]:
            nodes = [f"{node['html'][:160]} {node['failureSummary'][:200]}" for node in problem["nodes"][:3]]
            found[f"{where}: {problem['id']} ({len(problem['nodes'])})"] = nodes

    page.click("#va-options button")
    look("start")
    take_example(page, 1)
    page.click("[data-draw=begin]")
    look("drawing")
    page.click("[data-event=point]")
    expect(regions(page)).to_have_count(1)
    ask(page, "What color is it?")
    ask(page, "What color is the cup?")
    page.click("#va-tree-box details > summary")
    page.click("#va-tree-box [data-event=edit]")
    page.wait_for_selector("#va-arguments .cm-content")
    look("answer")
    page.get_by_role("tab", name="Runs").click()
    page.click(".va-run >> nth=0 >> [data-event=open]")
    page.wait_for_selector("#va-run-a .va-answer")
    look("runs")
    page.get_by_role("tab", name="Tools").click()
    page.wait_for_selector("#va-tools-list .va-step")
    look("tools")
    page.get_by_role("tab", name="Settings").click()
    page.wait_for_selector("#va-limits .va-status")
    look("settings")
    assert found == {}, json.dumps(found, indent=1)


def test_labels_as_a_browser_draws_them_stay_apart_and_in_the_picture(browser: Any) -> None:
    from visagent.media.media import MediaInfo
    from visagent.reporting.marks import Mark
    from visagent.reporting.markup import Stage, stage_html, stylesheet

    info = MediaInfo(hash="0" * 64, kind="image", name="page.png", width=900, height=640)
    words = ["WWWWWW MMMMMM", "cat 91%", "禁止停车", "illi", "a line of text that was read from the page"]
    few = [Mark((40.0 * at, 90.0 * at, 40.0 * at + 160, 90.0 * at + 22), text, (0, 158, 115), True, "q1")
           for at, text in enumerate(words)]  # fmt: skip
    many = [Mark((60.0, 21.0 * at, 300.0, 21.0 * at + 18), f"line {at}", (0, 158, 115), True, "q1") for at in range(30)]
    page = browser.new_page()
    for marks, listed in ((few, 0), (many, 30)):
        html = stage_html(Stage("image1", info, "data:image/png;base64,", marks=tuple(marks)), "en")
        page.set_content(f"<style>{stylesheet()}</style><div style='width: 560px'>{html}</div>")
        boxes = page.evaluate("""[...document.querySelectorAll("svg text")].map((text) => {
          const {x, y, width, height} = text.getBBox();
          return [x, y, x + width, y + height];
        })""")
        assert len(boxes) == len(marks) and page.locator(".va-listed li").count() == listed
        for at, (x1, y1, x2, y2) in enumerate(boxes):
            assert x1 >= 0 and y1 >= 0 and x2 <= 900 and y2 <= 640, (marks[at].label, boxes[at])
            for ox1, oy1, ox2, oy2 in boxes[:at]:
                assert x2 <= ox1 or ox2 <= x1 or y2 <= oy1 or oy2 <= y1, (boxes[at], marks[at].label)
    page.close()
