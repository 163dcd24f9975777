"""What becomes of a small planner's plan that asks for the wrong stretch of a recording. Knows no model.

- "Before 0:06" is before the sixth second, though a plan may say 60.
- "The last words" are the last that are said, and no mention of the word "last".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.planning.spoken_times import spoken_times
from visagent.planning.step_lists import Step, numbered, referred, with_references, without_unread

_HEARS, _FINDS, _PICKS = "transcribe", "find_text", "pick"
_BOUNDS = ("after", "before")
_ENDS = frozenset(
    """
    last first final end ending beginning start opening closing last-word last-words first-word first-words
    last-sentence first-sentence last-thing first-thing 最后 最后一句 最后一句话 开头 结尾 第一句 第一句话 末尾 最先
    """.split()  # noqa: SIM905
)
"""Words for one end of what is said; spaces as hyphens."""


_AT_AN_END = re.compile(
    r"(?i)(?P<last>\b(?:at the (?:very )?end|how does (?:\w+ ){1,3}end)\b|结尾|末尾|最后(?:说|讲|一句))"
    r"|\b(?:at the (?:very )?(?:beginning|start)|how does (?:\w+ ){1,3}(?:begin|start))\b|开头"
)


def about_speech(steps: Sequence[Mapping[str, JsonValue]], question: str) -> list[Step]:
    """A plan's steps with the stretch of a recording that the question means.

    >>> about_speech([{"tool": "transcribe", "before": 60}], "What is said before 0:06?")
    [{'tool': 'transcribe', 'before': 6.0}]

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`; the k-th one is referred to as `$qk`.
        question: Question as the person put it.
    """
    plan = [dict(step) for step in steps]
    times = list(dict.fromkeys(spoken_times(question)))
    for step in plan:
        bounds = [name for name in _BOUNDS if name in step]
        if step.get("tool") == _HEARS and len(bounds) == 1 and len(times) == 1:
            step[bounds[0]] = times[0]
    end = _AT_AN_END.search(question)
    if (
        end is not None
        and [step.get("tool") for step in plan] == [_HEARS]
        and not any(name in plan[0] for name in _BOUNDS)
    ):
        return [*plan, {"tool": _PICKS, "items": "$q1", "position": -1 if end["last"] else 1}]
    return _from_an_end(plan)


def _names_an_end(query: str) -> bool:
    return query.replace(" ", "-") in _ENDS or query.rpartition(" ")[2] in ("end", "ending", "beginning")


def _from_an_end(steps: list[Step]) -> list[Step]:
    """Lines are picked from all that is said, where those were to mention a word for an end of it."""
    known = numbered(steps)
    heard = {id_ for id_, step in known.items() if step.get("tool") == _HEARS}
    picked = {referred(step.get("items")) for step in steps if step.get("tool") == _PICKS}
    instead = {
        id_: source
        for id_, step in known.items()
        if step.get("tool") == _FINDS
        and id_ in picked
        and (source := referred(step.get("text"))) in heard
        and source is not None
        and _names_an_end(str(step.get("query")).lower().strip())
    }
    if not instead:
        return steps
    return without_unread(with_references(steps, instead), instead)
