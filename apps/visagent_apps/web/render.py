"""What the page shows as HTML, from a run's pieces and the app's words. Makes strings, knows no component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from visagent.agent.runs import RunRecord
from visagent.core.encoding import data_uri
from visagent.evidence.answer import Answer
from visagent.evidence.tree import QuestionTree, SubQuestion
from visagent.evidence.values import Evidence
from visagent.media.media import MediaInfo
from visagent.media.pictures import encode_picture
from visagent.reporting.albums import album_html, album_layout
from visagent.reporting.markup import Seen, claims_html, environment, stage_html, stages, tree_html
from visagent_apps.web.tab_state import MOST_EARLIER
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent_apps.web.sessions import SessionLimits

EXPORTS = ("json", "html", "mermaid", "png")


def safe(html: str) -> str:
    """HTML in which Gradio's own templates find nothing to fill in.

    Gradio runs the value of an HTML component through templates of its own; an entity is no syntax of theirs, and a
    browser shows it as the character that it stands for.
    """
    entities: dict[str, str | int | None] = {"$": "&#36;", "{": "&#123;", "}": "&#125;", "`": "&#96;", "\\": "&#92;"}
    return html.translate(str.maketrans(entities))


def piece(name: str, language: str, /, **values: Any) -> str:
    """A template of this app filled in, safe for an HTML component."""
    return safe(_templates().get_template(f"{name}.html.j2").render(w=texts(language), **values))


@cache
def _templates() -> Any:
    from jinja2 import PackageLoader

    return environment().overlay(loader=PackageLoader("visagent_apps", "web/templates"))


def media_html(
    media: Mapping[str, MediaInfo],
    language: str,
    *,
    tree: QuestionTree | None = None,
    evidence: Mapping[str, Evidence] | None = None,
    cited: Sequence[str] = (),
    detector: bool = False,
    removable: bool = False,
) -> str:
    """The media with what was found in them.

    Args:
        media: Media by the names that plans use.
        language: Language of the page.
        tree: Tree of the run; None before there is one.
        evidence: Evidence so far.
        cited: Ids that the answer cites.
        detector: Whether pictures can be shown as the detector sees them.
        removable: Whether each can be taken off the desk.
    """
    seen = Seen(tree or QuestionTree(question="", nodes=()), evidence or {}, media)

    def url(name: str) -> str:
        return f"session/media/{media[name].hash}"

    def seen_url(name: str) -> str | None:
        return f"{url(name)}?seen=true" if detector and media[name].kind == "image" else None

    layout = album_layout(seen, cited)
    shown = stages(seen, cited, url, seen_url=seen_url, removable=removable, names=layout.shown)
    large = "".join(stage_html(stage, language, live=True) for stage in shown if stage.name in layout.large)
    small = album_html(layout, shown, lambda name: f"{url(name)}?small=true", language, live=True)
    return safe(large + small)


def answer_html(answer: Answer, language: str, *, anchor: str = "") -> str:
    """The answer's sentences with their citations, what it cost, and its exports."""
    seen = Seen(answer.tree, answer.evidence, answer.media)
    pictures = any(info.kind != "audio" for info in answer.media.values())
    return piece(
        "answer",
        language,
        answer=answer,
        claims=Markup(claims_html(answer.claims, seen, language, anchor=anchor)) if answer.claims else None,
        exports=[form for form in EXPORTS if form != "png" or pictures],
        language=language,
    )


def run_tree_html(
    tree: QuestionTree,
    evidence: Mapping[str, Evidence],
    media: Mapping[str, MediaInfo],
    language: str,
    *,
    running: frozenset[str] = frozenset(),
    editable: bool = False,
    anchor: str = "",
) -> str:
    """The tree of a run that is going on, or over."""
    return safe(tree_html(Seen(tree, evidence, media, running), language, editable=editable, anchor=anchor))


def edited_html(node: SubQuestion, signature: str, language: str) -> str:
    """The sub-question that is being changed."""
    return piece("edited", language, node=node, signature=signature)


def earlier_html(answers: Sequence[Answer], language: str) -> str:
    """The answers before the last one, each with its tree to unfold."""
    turns = []
    for answer in answers:
        anchor = f"{answer.run_id}-"
        tree = run_tree_html(answer.tree, answer.evidence, answer.media, language, anchor=anchor)
        turns.append((Markup(answer_html(answer, language, anchor=anchor)), Markup(tree)))
    return piece("earlier", language, turns=turns, most=MOST_EARLIER) if turns else ""


def add_html(limits: SessionLimits, language: str) -> str:
    """Where media are dropped, chosen, photographed and pasted; the page's script serves its buttons."""
    return piece("add", language, limits=limits)


def waiting_html() -> str:
    """Where the tree will be, while it is planned."""
    return '<div class="va-skeleton" aria-hidden="true"><i></i><i></i><i></i></div>'


def problem_html(text: str, remedy: str = "") -> str:
    """What went wrong and the way out."""
    return safe(f'<p class="va-alert" role="alert"><b>{escape(text)}</b> {escape(remedy)}</p>')


def status_html(text: str, *, busy: bool = False, part: float | None = None) -> str:
    """What is going on.

    Args:
        text: Text.
        busy: Whether something turns beside them.
        part: How much of it is done, from 0 to 1; None where that is not known.
    """
    turning = '<span class="va-turning" aria-hidden="true"></span>' if busy else ""
    bar = "" if part is None else f'<progress max="1" value="{part:.3f}" aria-label="{escape(text)}"></progress>'
    return safe(f'<p class="va-status" role="status">{turning}{escape(text)}{bar}</p>')


def examples_html(examples: Sequence[tuple[Sequence[Path], str]], language: str) -> str:
    """Example questions with their media, as buttons with the event `example`."""
    shown = [(question, [_thumbnail(file) for file in files]) for files, question in examples]
    return piece("examples", language, examples=shown)


def runs_html(records: Sequence[RunRecord], language: str, *, note: str, empty: str) -> str:
    """Runs as a list, each with buttons."""
    return piece("runs", language, records=records, note=note, empty=empty)


def facts_html(answers: Sequence[Answer], language: str) -> str:
    """What two runs have in common and what not."""
    calls = [{str(node.solver): node.question for node in answer.tree.nodes} for answer in answers]
    only = [[words for call, words in mine.items() if call not in calls[1 - at]] for at, mine in enumerate(calls)]
    return piece("facts", language, answers=answers, only=only)


@cache
def _thumbnail(file: Path) -> str:
    """A small picture as a data URI; empty for what is no picture."""
    from PIL import Image

    if file.suffix not in Image.registered_extensions():
        return ""
    with Image.open(file) as picture:
        small = picture.convert("RGB")
        small.thumbnail((240, 180))
    return data_uri("image/jpeg", encode_picture(small, "JPEG", quality=80))
