"""The rating sheet in a real browser: a person rates, saves, and comes back; what answers say runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")

from app_in_browser import CHROMIUM, running_browser

from visagent.evaluation.judge import read_rubric
from visagent.evaluation.open_answers import OpenAnswer
from visagent_apps.reports.rating_sheet import make_key, read_ratings, sheet_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium"),
]
INJECTED = "<script>document.title = 'gone'</script><img src=x onerror=\"document.title = 'gone'\">"


def test_what_a_person_chooses_is_saved_and_kept_and_no_answer_runs(tmp_path: Path) -> None:
    given = {"theirs": [OpenAnswer(id=str(n), question=f"Question {n}?", answer=INJECTED) for n in range(3)]}
    key = make_key(given, read_rubric("quality"), 0)
    file = tmp_path / "sheet.html"
    file.write_text(sheet_page(key, given, {}))
    with running_browser() as browser:
        page = browser.new_page()
        page.goto(file.as_uri())
        page.check("#r001-accuracy-5")
        page.check("#r001-relevance-2")
        page.check("#r003-accuracy-1")
        assert page.inner_text("#count") == "3 of 6 rated" and page.title() == "Rating sheet"
        page.fill("#rater", "Ann ../x")
        with page.expect_download() as download:
            page.click("button")
        assert download.value.suggested_filename == "ratings-Ann-x.csv"
        saved = tmp_path / "ann.csv"
        download.value.save_as(saved)
        page.reload()
        assert page.inner_text("#count") == "3 of 6 rated"
    found, problems = read_ratings(saved, key)
    assert not problems and found["r001"] == {"accuracy": 5, "relevance": 2} and found["r003"] == {"accuracy": 1}
