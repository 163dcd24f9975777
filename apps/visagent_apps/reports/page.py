"""An evaluation as one HTML file that needs nothing else: scores, gains, costs, and the failures with their pictures.

What models, media and data files said is escaped, and the page forbids itself to load or to run anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visagent.core.errors import VisagentError
from visagent.evaluation.agent_benchmark import AGENT
from visagent.evaluation.agent_items import Attempt, Embedded
from visagent.evaluation.agent_run import AgentRun
from visagent.evaluation.agent_scores import AgentScores
from visagent.evaluation.bootstrap import Estimate
from visagent.evaluation.paired import Difference
from visagent.evidence.answer import Answer
from visagent.media.media import Media, load_media
from visagent.reporting.markup import Seen, environment, rows, sentences, stylesheet, words
from visagent.reporting.report import embedded_stages

if TYPE_CHECKING:
    from jinja2 import Environment

FAILURES = 60
"""Failures that a page shows with their pictures, so that it stays a file that can be mailed."""
LONGEST_SIDE = 560
"""Pixels of a failure's picture."""


def evaluation_page(scores: AgentScores, run: AgentRun) -> str:
    """The evaluation as a self-contained HTML page.

    Args:
        scores: What was found.
        run: The same evaluation's items and attempts.
    """
    from markupsafe import Markup

    measured = run.folder.of(AGENT)
    failed = [item for item in run.items if measured[item.id].score < 1]
    categories: dict[str, list[dict[str, Any]]] = {}
    for item in failed[:FAILURES]:
        others = [
            run.folder.attempts[variant, item.id]
            for variant in run.folder.variants
            if variant != AGENT and (variant, item.id) in run.folder.attempts
        ]
        categories.setdefault(item.category, []).append(
            shown_attempt(measured[item.id], item.media, f"{item.id}-") | {"others": others}
        )
    return (
        page_environment()
        .get_template("evaluation.html.j2")
        .render(
            info=scores.info,
            variants=scores.variants,
            unavailable=scores.unavailable,
            metrics=list(dict.fromkeys(metric for one in scores.variants for metric in one.scores)),
            grouped=any(item.group for item in run.items),
            failed=len(failed),
            shown=min(len(failed), FAILURES),
            categories=categories.items(),
            css=Markup(stylesheet()),
            w=words("en"),
        )
    )


def shown_attempt(
    attempt: Attempt, sources: Sequence[Path | Embedded], anchor: str, longest_side: int = LONGEST_SIDE
) -> dict[str, Any]:
    """An attempt as the templates take it, with its pictures, tree and sentences.

    Args:
        attempt: What to show.
        sources: Its media; one that has gone away since it was asked about is named, and the rest is shown.
        anchor: Goes before the ids in links, so that no other attempt on the page has them.
        longest_side: Longest side of a picture, in pixels.
    """
    shown: dict[str, Any] = {"attempt": attempt, "stages": [], "rows": [], "sentences": []}
    if attempt.answer is None:
        return shown
    media: list[Media] = []
    for source in sources:
        with suppress(VisagentError, OSError):
            media += load_media(source.read() if isinstance(source, Embedded) else source)
    answer = Answer.model_validate(attempt.answer).hold(media)
    seen = Seen(answer.tree, answer.evidence, answer.media)
    return shown | {
        "stages": embedded_stages(answer, seen, longest_side),
        "rows": rows(seen, "en", anchor),
        "sentences": sentences(answer.claims, seen, anchor),
    }


@cache
def page_environment() -> Environment:
    """The pieces' own environment, with this package's page beside them."""
    from jinja2 import ChoiceLoader, PackageLoader

    own = environment()
    assert own.loader is not None
    made = own.overlay(loader=ChoiceLoader([PackageLoader("visagent_apps.reports"), own.loader]))
    made.filters = own.filters | {"estimate": _estimate, "gain": _gain}
    return made


def _estimate(found: Estimate) -> str:
    return f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _gain(found: Difference) -> str:
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
