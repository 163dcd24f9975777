"""What a first look wants checked, as steps: a check in one of the forms that looks are taught needs no planner. Pure.

    count: red circles              locate them in each picture, of one part by part, count them, add the counts up
    zoom: the label                 locate it; nothing where the look named its region: a closer look enlarges that
    calculate: 12 * 3.50 + 4        calculate
    hear: audio1                    the tool that writes down what is said
    frame: video1 12.5              the picture at that second

A check is data, since it may repeat what stands in a picture: it becomes a phrase, a sum, or the name of a medium of
the run in a call of one of the tools above, and nothing else. What has no such form is left to the planner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from visagent.core.text import QUOTE_LIMIT
from visagent.evidence.values import Look
from visagent.media.media import MediaInfo
from visagent.tools.services import serving, step_for
from visagent.tools.toolkit import Tool

MOST_PICTURES = 5
"""Pictures in each of which something is counted without a planner: with their sums they fit into a plan."""

_CHECK = re.compile(r"\s*(count|zoom|calculate|hear|frame)\s*[:：]\s*(\S.*?)\s*", re.IGNORECASE | re.DOTALL)
_SUM = re.compile(r"[\d\s.+\-−*×/÷()^%]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SECONDS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.]*\d)")

Step: TypeAlias = dict[str, Any]


def planned_checks(look: Look, media: Mapping[str, MediaInfo], tools: Mapping[str, Tool]) -> list[Step] | None:
    """The steps that the checks which a look requests amount to; None where a planner has to be asked.

    No steps: there is nothing for a tool to do, and the model looks closer at the regions that it named.

    Args:
        look: A first look.
        media: Media by the names that plans use.
        tools: Tools that may be called, by name.
    """
    if not look.checks:
        return [] if look.regions else None
    steps: list[Step] = []
    checks = [_read(check) for check in look.checks]
    # Fewer regions than places to enlarge: they are looked for.
    found = len(look.regions) >= max(1, sum(check is not None and check[0] == "zoom" for check in checks))
    for check in checks:
        if check is None:
            return None
        form, what = check
        more = [] if form == "zoom" and found else _steps(form, what, media, tools, len(steps))
        if more is None:
            return None
        steps += more
    return steps if {step["tool"] for step in steps} <= set(tools) else None


def only_numbers(look: Look) -> bool:
    """Whether a look wants nothing but counts and sums checked: where they come to what it said, it need not go on."""
    checks = [_read(check) for check in look.checks]
    return bool(checks) and all(check is not None and check[0] in ("count", "calculate") for check in checks)


def only_counts(look: Look) -> bool:
    """Whether a look wants nothing but counts checked, each of which is a look of its own at every thing."""
    checks = [_read(check) for check in look.checks]
    return bool(checks) and all(check is not None and check[0] == "count" for check in checks)


def _read(check: str) -> tuple[str, str] | None:
    """A check's form and what it is about; None for one in words, or one that may have been cut."""
    match = _CHECK.fullmatch(check)
    return None if match is None or len(check) >= QUOTE_LIMIT else (match[1].lower(), match[2])


def _steps(
    form: str, what: str, media: Mapping[str, MediaInfo], tools: Mapping[str, Tool], before: int
) -> list[Step] | None:
    """The steps of one check, after so many others; None where it takes a planner."""
    pictures = [name for name, info in media.items() if info.kind == "image"]
    if form == "calculate":
        return _sum(what)
    if form == "hear":
        sounds = [name for name, info in media.items() if info.has_audio]
        named = _named(what, sounds) or sounds
        heard = serving(tools, "hear") is not None
        return [step_for(tools, "hear", name) for name in named] or None if heard else None
    if form == "frame":
        videos = [name for name, info in media.items() if info.kind == "video"]
        named = _named(what, videos) or videos
        seconds = _SECONDS.search(re.sub(r"\b(?:image|video|audio)\d+\b", " ", what))
        if len(named) != 1 or seconds is None:
            return None
        return [{"tool": "frame", "video": named[0], "seconds": float(seconds[1])}]
    named = _named(what, pictures) or pictures
    if not 1 <= len(named) <= MOST_PICTURES or len(pictures) != len(media):
        return None
    phrase = re.sub(r"\s*\b(?:in|on)?\s*\b(?:image|picture)\d+\b", "", what).strip(" ,;:") or what
    located: list[Step] = [{"tool": "locate", "image": name, "phrase": phrase} for name in named]
    if form == "zoom":
        return located
    # Part by part only where it is one picture: of several, the calls would be too many.
    by_parts = {"by_parts": True} if len(named) == 1 else {}
    steps: list[Step] = []
    for step in located:
        steps += [step | by_parts, {"tool": "count", "items": f"$q{before + len(steps) + 1}"}]
    counts = [f"$q{before + 2 * place}" for place in range(1, len(named) + 1)]
    # The tool takes three numbers: of more, the sum so far is the first of the next three.
    while len(counts) > 1:
        terms = dict(zip("abc", counts, strict=False))
        steps.append({"tool": "calculate", "expression": " + ".join(terms), **terms})
        counts = [f"$q{before + len(steps)}", *counts[3:]]
    return steps


def _sum(written: str) -> list[Step] | None:
    """A sum of numbers alone, what stands behind its equals sign left out: it is to be worked out, not believed."""
    bare = re.sub(r"[$€£¥]|(?<=\d),(?=\d{3}\b)", "", written.split("=")[0]).strip()
    first = _NUMBER.search(bare)
    if first is None or not _SUM.fullmatch(bare):
        return None
    # The tool's expressions are in a, b and c, of which the first must be given.
    expression = f"{bare[: first.start()]}a{bare[first.end() :]}"
    return [{"tool": "calculate", "question": f"{bare} = ?", "expression": expression, "a": float(first[0])}]


def with_numbers_inside(step: Step) -> Step:
    """A planned sum of more numbers than the tool takes with the numbers written into its expression.

    References, such as to counts, take the names that the tool has. What cannot be put so stays, to be refused.

    >>> with_numbers_inside({"tool": "calculate", "expression": "a + b + c + d", "a": 1.5, "b": 2, "c": 3, "d": "$q4"})
    {'tool': 'calculate', 'expression': '(1.5) + (2) + (3) + a', 'a': '$q4'}
    """
    own = {name: value for name, value in step.items() if name in ("tool", "question", "expression")}
    given = {name: value for name, value in step.items() if name not in own}
    expression = own.get("expression")
    if own.get("tool") != "calculate" or not isinstance(expression, str) or ("a" in given and given.keys() <= {*"abc"}):
        return step
    shown = {name: f"({value!r})" for name, value in given.items() if type(value) in (int, float)}
    rest = [name for name in given if name not in shown]
    if len(rest) > 3:
        return step
    names = dict(zip(rest, "abc", strict=False))
    inside = re.sub(r"\b[A-Za-z_]\w*", lambda name: (shown | names).get(name[0], name[0]), expression)
    if not rest:
        # The first of the tool's numbers must be given.
        alone = _sum(inside)
        return step if alone is None else {**own, "expression": alone[0]["expression"], "a": alone[0]["a"]}
    return {**own, "expression": inside} | {names[name]: given[name] for name in rest}


def _named(what: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if re.search(rf"\b{name}\b", what)]
