"""Case studies as one page: questions with pictures, trees, and what two ways of answering came to, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from visagent.core.errors import InputError, did_you_mean
from visagent.evaluation.agent_benchmark import AGENT
from visagent.evaluation.agent_items import Attempt
from visagent.evaluation.run_folder import RunFolder
from visagent.reporting.markup import stylesheet, words
from visagent_apps.reports.page import page_environment, shown_attempt

LONGEST_SIDE = 640
"""Pixels of a picture."""


class Side(NamedTuple):
    """One way of answering.

    Attributes:
        title: What the page calls it.
        attempts: Attempts by question.
    """

    title: str
    attempts: dict[str, Attempt]


def side_of(run: RunFolder, variant: str) -> Side:
    """A variant of an evaluation.

    Raises:
        InputError: the evaluation has no such variant.
    """
    attempts = run.of(variant)
    if not attempts:
        raise InputError(f"{run.path} has no variant {variant!r}.", did_you_mean(variant, run.variants))
    return Side(
        f"{run.path.resolve().name}: {run.info.profile}, {run.info.mode if variant == AGENT else variant}", attempts
    )


def chosen_cases(first: Side, second: Side | None, ids: Sequence[str] = (), limit: int | None = None) -> list[str]:
    """Which questions to show: those that are named, or else those whose scores differ most, then the first ones.

    Raises:
        InputError: a question that is named was not asked, or both sides share none.
    """
    shared = [id_ for id_ in first.attempts if second is None or id_ in second.attempts]
    if not shared:
        raise InputError("The two evaluations share no question.", "Name two evaluations of the same benchmark.")
    for id_ in ids:
        if id_ not in shared:
            raise InputError(f"No question {id_!r} was asked.", did_you_mean(id_, shared))
    if ids:
        return list(dict.fromkeys(ids))
    if second is not None:
        shared.sort(key=lambda id_: -abs(first.attempts[id_].score - second.attempts[id_].score))
    return shared[:limit]


def cases_page(sides: Sequence[Side], ids: Sequence[str]) -> str:
    """The page. What models, media and data files said is escaped, and nothing on it runs or is loaded.

    Args:
        sides: One way of answering, or two.
        ids: The questions to show.
    """
    from markupsafe import Markup

    cases = [
        {
            "attempt": sides[0].attempts[id_],
            "sides": [
                {"title": side.title}
                | shown_attempt(
                    side.attempts[id_],
                    [Path(one) for one in side.attempts[id_].media],
                    f"c{number}-{place}-",
                    LONGEST_SIDE,
                )
                for place, side in enumerate(sides)
            ],
        }
        for number, id_ in enumerate(ids)
    ]
    template = page_environment().get_template("cases.html.j2")
    return template.render(cases=cases, titles=[s.title for s in sides], css=Markup(stylesheet()), w=words("en"))
