"""Takes the pictures of the app for the documentation, from the running app with real models: docs/images/app-*.png.

Needs the extras app and embedded, playwright, and chromium; run it from anywhere: python docs/screenshots.py.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
TESTS = HERE.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "visagent_apps")]

from app_in_browser import CHROMIUM, answered, ask, greeted, make_home, running_app  # noqa: E402


def save(page: Page, name: str, *, full: bool = False) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(700)
    file = HERE / "images" / f"app-{name}.png"
    page.screenshot(path=file, full_page=full)
    # 256 colours are enough for a page, and a quarter of the bytes.
    with Image.open(file) as shot:
        small = shot.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    small.save(file, optimize=True)
    print(file)


def main() -> None:
    """Ask, point at a citation, edit, compare, and look at each page; light and wide, dark and on a phone."""
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        running_app(make_home(Path(folder))) as url,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        wide(browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US").new_page(), url)
        phone = {"width": 390, "height": 844}
        small = browser.new_context(
            viewport=phone, locale="zh-CN", color_scheme="dark", device_scale_factor=2, is_mobile=True
        )
        narrow(small.new_page(), url)
        browser.close()


def wide(page: Page, url: str) -> None:
    page.goto(url)
    greeted(page)
    save(page, "start")
    page.click(".va-card >> nth=1")
    page.wait_for_selector(".va-stage img")
    page.click("[data-draw=begin]")
    shown = page.locator("#va-media .va-canvas").bounding_box()
    assert shown is not None
    page.mouse.move(shown["x"] + 330, shown["y"] + 250)
    page.mouse.down()
    page.mouse.move(shown["x"] + 440, shown["y"] + 340, steps=4)
    page.mouse.up()
    save(page, "region", full=True)
    page.keyboard.press("Escape")
    question = "Is there a cup on the table, and what color is the cup?"
    ask(page, question)
    page.click("#va-answer-box .va-cite >> nth=0")
    save(page, "answer", full=True)
    page.keyboard.press("Escape")
    page.click("#va-tree-box details[data-node=q1] > summary")
    page.click("#va-tree-box details[data-node=q1] [data-event=edit]")
    editor = page.locator("#va-arguments .cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('{"image": "image1", "label": "spoon"}')
    save(page, "edit", full=True)
    page.click("#va-rerun")
    page.locator("#va-answer-box .va-text", has_text="spoon").wait_for(timeout=90_000)
    answered(page, question)
    page.get_by_role("tab", name="Runs").click()
    page.click(".va-run >> nth=1 >> [data-event=open]")
    page.wait_for_selector("#va-run-a .va-answer")
    page.click(".va-run >> nth=0 >> [data-event=compare]")
    page.wait_for_selector("#va-run-b .va-answer")
    save(page, "runs", full=True)
    with page.expect_download() as download:
        page.click('#va-run-a .va-export[href*="/html"]')
    report = page.context.new_page()
    report.set_content(Path(download.value.path()).read_text("utf-8"))
    save(report, "report", full=True)
    report.close()
    page.get_by_role("tab", name="Tools").click()
    page.wait_for_selector("#va-tools-list .va-step")
    save(page, "tools")
    page.get_by_role("tab", name="Settings").click()
    save(page, "settings")


def narrow(page: Page, url: str) -> None:
    page.goto(url)
    greeted(page)
    page.click(".va-card >> nth=0")
    page.wait_for_selector(".va-stage img")
    ask(page, "How many cats are there?")
    save(page, "phone", full=True)


if __name__ == "__main__":
    main()
