"""Where an answer is shown, and what of it would be obeyed there: a link, a picture, a script, an escape sequence."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from html.parser import HTMLParser

from payloads import HOST, Payload

from visagent.evidence.answer import Answer
from visagent.reporting.report import html_report

ACTIVE = (
    Payload(
        "html",
        "en",
        f'<script src="http://{HOST}/x"></script><img src=http://{HOST}/p onerror=alert(1)><a href="http://{HOST}">x</a>'
        f"<style>@import 'http://{HOST}'</style></details></pre></textarea>",
        {"tool": "detect", "label": f"<img src=http://{HOST}/p>"},
    ),
    Payload(
        "markdown",
        "en",
        f"![x](http://{HOST}/p.png) [x](http://{HOST}) <http://{HOST}> http://{HOST}/s www.{HOST} me@{HOST}\n```\n# x",
        {"tool": "detect", "label": f"![x](http://{HOST}/p.png)"},
    ),
    Payload(
        "terminal",
        "en",
        f"\x1b]8;;http://{HOST}\x07x\x1b]8;;\x07\x1b[2J\x9b31m\x7f\r\u202e[link=http://{HOST}]x[/link][bold]x[/bold]",
        {"tool": "detect", "label": f"\x1b]8;;http://{HOST}\x07x"},
    ),
    Payload(
        "mermaid",
        "en",
        f'x"]\n  click q1 href "http://{HOST}"\r  %%{{init: {{"themeCSS": "@import url(http://{HOST})"}}}}%%\u2028x["`x`#quot;',
        {"tool": "detect", "label": f'x"] --> y["z"]\n  click q1 href "http://{HOST}"'},
    ),
    Payload(
        "template",
        "en",
        "{{ 7919 * 7907 }}{% include '/etc/passwd' %}",
        {"tool": "detect", "label": "{{ 7919 * 7907 }}"},
    ),
)
"""Instructions to a surface instead of to a model."""

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ADDRESS = re.compile(r"(?i)\b(?:https?://|www\.[a-z])|[\w.]@[\w.]")
"""What a reader of GitHub's Markdown makes a link of by itself."""
_MERMAID_LINE = re.compile(r'flowchart BT|  (?:root|q\d+)\["[^"`%]*"\]|  q\d+ --> (?:root|q\d+)')
_ELSEWHERE = re.compile(r"(?i)\s*(?:[\\/]{2}|(?!data:image/)[a-z][a-z0-9+.-]*:)")
"""An address that is not on the page's own server: with a scheme, or with a host."""
_LOADING = ("src", "href", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href")


class _Elements(HTMLParser):
    """The elements of a page as a browser would read them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))


def obeyed(answer: Answer) -> list[str]:
    """What of an answer is more than text on a terminal, a page, a report, in a notebook, or in a Mermaid chart."""
    from visagent_apps.web.render import answer_html, run_tree_html

    out = io.StringIO()
    with redirect_stdout(out):
        answer.show()
    shown = [out.getvalue()]
    problems = [f"terminal: {sign!r}" for sign in _STEERING.findall(out.getvalue())]
    for name, page in {
        "report": html_report(answer),
        "page": answer_html(answer, "en")
        + run_tree_html(answer.tree, answer.evidence, answer.media, "en", editable=True),
        "notebook": answer._repr_html_(),
    }.items():
        shown.append(page)
        problems += [f"{name}: {problem}" for problem in _active(page)]
    problems += [f"notebook's Markdown: {problem}" for problem in _active_markdown(answer._repr_markdown_())]
    chart = answer.tree.to_mermaid()
    problems += [
        f"Mermaid: {line}" for line in re.split(r"[\n\r\x85\u2028\u2029]", chart) if not _MERMAID_LINE.fullmatch(line)
    ]
    # What the sum of the template would come to.
    return problems + ["a template was run" for text in shown if str(7919 * 7907) in text]


def _active(page: str) -> list[str]:
    found = []
    for tag, attributes in _Elements(page).elements:
        if tag in ("script", "iframe", "object", "embed", "base", "link", "form"):
            found.append(tag)
        found += [f"{tag} {name}" for name in attributes if name.startswith("on")]
        found += [f"{tag} {name}={attributes[name]}" for name in _LOADING if _ELSEWHERE.match(attributes.get(name, ""))]
        found += [f"{tag} style" for style in [attributes.get("style", "")] if "url(" in style or "import" in style]
    for style in re.findall(r"<style[^>]*>(.*?)</style>", page, re.DOTALL):
        found += [HOST] if HOST in style else []
    return found


def _active_markdown(text: str) -> list[str]:
    from markdown_it import MarkdownIt

    found: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for piece in (token, *(token.children or ())):
            if piece.type in ("link_open", "image", "html_block", "html_inline", "heading_open"):
                found.append(f"{piece.type} {piece.content or piece.attrs}")
    # Outside the block of code at its end, which nothing may have closed.
    said, _, block = text.partition("\n\n```text\n")
    found += [f"address {match}" for match in _ADDRESS.findall(said)]
    return found + (["the block of code was closed"] if "```" in block.removesuffix("```") else [])
