"""The documentation's site builds without a warning, every link leads somewhere, and no page fetches from outside."""

import html.parser
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from visagent.agent.batch import Row
from visagent.evidence.answer import Answer, Claim, Usage
from visagent.evidence.tree import QuestionTree

ROOT = Path(__file__).parents[2]


class Page(html.parser.HTMLParser):
    """Collects what a page loads, what it links to, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Every page of the built site, by its file."""
    for package in ("mkdocs", "material", "mkdocstrings_handlers.python"):
        pytest.importorskip(package)
    site = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stderr
    return {file: Page(file.read_text("utf-8")) for file in site.rglob("*.html") if file.name != "404.html"}


def test_every_link_leads_to_a_page_and_an_anchor_that_are_there(pages: dict[Path, Page]) -> None:
    lost = []
    for file, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / parts.path).resolve() if parts.path else file
            if target.is_dir():
                target /= "index.html"
            there = target.is_file() and (
                target not in pages or not parts.fragment or parts.fragment in pages[target].anchors | {"__toc"}
            )
            if not there:
                lost.append(f"{file.name}: {link}")
    assert lost == []


def test_a_reader_fetches_nothing_from_outside(pages: dict[Path, Page]) -> None:
    outside = {load for page in pages.values() for load in page.loads if urlsplit(load).netloc}
    assert outside == set()
    site = min(pages, key=lambda file: len(file.parts)).parent
    styles = list(site.rglob("*.css"))
    assert styles
    assert [style.name for style in styles if re.search(r"url\(['\"]?(https?:)?//", style.read_text())] == []


def test_the_reference_holds_the_public_face(pages: dict[Path, Page]) -> None:
    anchors = {anchor for page in pages.values() for anchor in page.anchors}
    import visagent

    homes = {f"visagent.{module}.{name}" for module, names in visagent.HOMES.items() for name in names}
    assert sorted(homes - anchors) == []


def test_the_sizing_snippet_reads_what_a_batch_writes(tmp_path: Path) -> None:
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "scale.md").read_text("utf-8"), re.DOTALL)
    (snippet,) = (text for text in snippets if "prompt_tokens" in text)
    tree = QuestionTree(question="How many?", nodes=())
    rows = [
        Row(
            id=str(tokens),
            question="How many?",
            answer=Answer(
                run_id="r",
                question="How many?",
                text="1",
                status="answered",
                claims=(Claim(text="1"),),
                tree=tree,
                usage=Usage(prompt_tokens=tokens, seconds=2),
            ),
        ).to_line()
        for tokens in (10, 20, 30)
    ]
    failed = json.dumps({"id": "x", "question": "How many?", "error": {"type": "MediaError"}})
    (tmp_path / "answers.jsonl").write_text("\n".join([*rows, failed]) + "\n")
    ran = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True
    )
    assert "prompt_tokens: mean 20.0" in ran.stdout and "seconds: mean 2.0" in ran.stdout
