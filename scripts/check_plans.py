"""Check questions with plans, one JSON object a line: each plan compiles, and its words are the question's.

    python scripts/check_plans.py FILE.jsonl [FILE.jsonl ...]

A line is {"id", "writer", "lang", "question", "media": ["image1", …], "plan": "count(detect(…))"}. Errors are what
the embedded planner could never say or run; a warning names words of the question that the plan does not account for,
which may be right (a place that is left out). The exit code is 1 where there is an error.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from visagent.core.errors import PlanError
from visagent.core.words import han_numbers, numbers_in_digits, numbers_in_words, singulars
from visagent.media.media import MediaInfo
from visagent.planning.accounting import COLORS
from visagent.planning.plan import REASONS, UNANSWERABLE, Plan, compile_plan
from visagent.planning.plan_language import read_plan
from visagent.planning.quotable import numbers, phrases
from visagent.tools.toolkit import Tool, Toolkit

MODULES = (
    "detect", "read_text", "transcribe", "caption", "classify", "dominant_colors", "crop", "video", "geometry", "logic",
    "text", "tables", "given",
)  # fmt: skip
FIELDS = ("id", "writer", "lang", "question", "media", "plan")

# Words that a plan says by a tool, an operator or an argument, or that need no saying.
SAID = frozenset(
    """
    a an the this that these those there here it its they them their he him his she her i me my we us our you
    your is are was were be been am do does did done has have had can could will would shall should may might
    must and or but if then than as of in on at to from for with by into onto up down out off over under about
    how what which who whom whose when where why many much some any all both each every no not none nothing
    nobody neither nor one ones thing things picture pictures photo photos image images photograph snapshot shot
    screenshot scan page pages document pdf file files video clip recording audio sound footage film please
    thanks thank hi hello hey just so very really quite well ok okay yes right correct true tell say says said
    show shows see seen look looks looking find count give get know think let want need like read written
    writing write word words text line lines number numbers total amount price cost costs sum average mean
    highest lowest most least more less fewer largest biggest smallest bigger smaller left top bottom above
    below between next near nearest beside middle center centre corner side first second third fourth fifth last
    color colour colors colours kind type sort named called name describe description mention mentions row
    column table cell list listed entry same different how's what's where's there's it's that's i'm don't isn't
    aren't minutes minute seconds after before during end beginning start long length time date day hear heard
    speaker speech spoken talk talking person anybody anyone someone somebody everybody everyone altogether
    together another other others else only even odd exactly either
    """.split()  # noqa: SIM905
)
SHADES = {"golden": "yellow", "gold": "yellow", "navy": "blue", "crimson": "red"}
"""Names of colours that plans have a wider word for, beside those that `visagent.planning.accounting` knows."""


def embedded_tools() -> Toolkit:
    """The tools that the embedded planner is to know, from this checkout whatever is installed."""
    # A box in pixels is what only a model that sees can name.
    return Toolkit([f"visagent_tools.{name}" for name in MODULES]).without(["crop_box"])


def check(row: Mapping[str, Any], tools: Mapping[str, Tool]) -> tuple[list[str], list[str]]:
    """Errors and warnings of one line."""
    if missing := [field for field in FIELDS if field not in row]:
        return [f"lacks {', '.join(missing)}"], []
    if row["lang"] not in ("en", "zh"):
        return [f"lang is {row['lang']!r}, not en or zh"], []
    media = _media(row["media"])
    if media is None:
        return [f"media {row['media']!r} are not named image1, image2, video1, audio1 in order"], []
    specs = {name: tool.spec for name, tool in tools.items()}
    try:
        plan = Plan(steps=read_plan(row["plan"], specs))
        compile_plan(row["question"], plan, tools, media, lambda call, _: call.tool)
    except PlanError as error:
        return [f"{error.fact} {error.remedy}"], []
    errors = list(_unsayable(row, plan.steps, media, tools))
    return errors, list(_unaccounted(row, plan.steps))


def _media(names: Any) -> dict[str, MediaInfo] | None:
    """Stand-ins for the media; None where the names are not as the program gives them."""
    media: dict[str, MediaInfo] = {}
    counts: Counter[str] = Counter()
    for name in names if isinstance(names, list) else [None]:
        found = re.fullmatch(r"(image|video|audio)(\d+)", str(name))
        if found is None:
            return None
        counts[found[1]] += 1
        if int(found[2]) != counts[found[1]]:
            return None
        media[str(name)] = MediaInfo.model_validate(
            {"hash": "0" * 64, "kind": found[1], "name": name, "has_audio": found[1] != "image"}
        )
    return media


def _unsayable(
    row: Mapping[str, Any], steps: list[dict[str, Any]], media: Mapping[str, MediaInfo], tools: Mapping[str, Tool]
) -> Iterator[str]:
    """What the planner's grammar does not let it say."""
    question = row["question"]
    quotable = {*phrases(question), "person"}
    sayable = set(numbers(question))
    given = {kind for info in media.values() for kind in (info.kind, "audio" if info.has_audio else info.kind)}
    if len(_results(row["plan"])) > 4:
        yield "the plan has more than 4 results"
    for step in steps:
        if step["tool"] == UNANSWERABLE:
            reason = str(step.get("reason"))
            if reason not in REASONS:
                yield f"unanswerable({reason!r}): the reasons are {', '.join(REASONS)}"
            elif reason.removeprefix("no_") in given:
                yield f"unanswerable({reason!r}), but such a medium was given"
            continue
        spec = tools[step["tool"]].spec
        for name, value in step.items():
            parameter = spec.parameter(name) if name != "tool" else None
            if parameter is None or isinstance(value, bool | list):
                continue
            where = f"{spec.name}({name}={value!r})"
            if isinstance(value, str):
                free = not (parameter.choices or value in media or value.startswith("$q") or name == "expression")
                if free and value not in quotable:
                    yield f"{where}: these words do not stand so in the question (at most three in a row, singular)"
                if name == "expression" and not re.fullmatch(r"[-+*/%(). a-c0-9]{1,40}", value):
                    yield f"{where}: an expression holds a, b, c, digits and + - * / % ( ) . only"
            elif f"{float(value):.6f}".rstrip("0").rstrip(".") not in sayable:
                yield f"{where}: this number is not in the question, nor one of 0 1 2 3 4 -1 -2 -3 60"


def _results(plan: str) -> list[str]:
    from visagent.planning.plan_language import _parts

    return [part for part in _parts(plan) if not part.startswith(UNANSWERABLE)]


def _unaccounted(row: Mapping[str, Any], steps: list[dict[str, Any]]) -> Iterator[str]:
    """Nouns, numbers, colours of the question that are nowhere in the plan, by a rule of thumb."""
    question, plan = str(row["question"]), str(row["plan"])
    if all(step["tool"] == UNANSWERABLE for step in steps):
        return
    texts = [value for step in steps for key, value in step.items() if key != "tool" and isinstance(value, str)]
    spoken = {word for text in texts for word in re.findall(r"[^\W_]+", text.lower())}
    planned = {float(found) for found in re.findall(r"\d+(?:\.\d+)?", plan)}
    for written in [*numbers_in_digits(question), *numbers_in_words(question)]:
        word = question[written.start : written.end].lower()
        if written.value not in planned and 60 * written.value not in planned and word not in ("one", "a"):
            quoted = question[written.start : written.end] in " ".join(texts)
            if not quoted:
                yield f"the number {word} is not in the plan"
    if row["lang"] == "zh":
        for value in han_numbers(question):
            if value > 4 and value not in planned and 60 * value not in planned:
                yield f"the number {value:g} is not in the plan"
        for character, color in COLORS.items():
            said = f"{character}色" in question
            if said and color not in plan and not any(character in text for text in texts):
                yield f"the colour {character}色 is not in the plan"
        return
    for word in dict.fromkeys(re.findall(r"[a-z][a-z'’-]+", question.lower())):
        plain = word.replace("’", "'").removesuffix("'s")
        if (color := COLORS.get(plain, SHADES.get(plain))) is not None:
            if color not in plan and plain not in spoken:
                yield f"the colour {plain} is not in the plan"
            continue
        forms = {plain, *singulars(plain)}
        if forms & SAID or forms & spoken or len(plain) < 3:
            continue
        if _is_noun(plain, question):
            yield f"{plain!r} is not in the plan (a place, politeness, or forgotten?)"


_BEFORE_NOUN = re.compile(
    r"(?i)\b(?:the|a|an|any|some|how many|no|of|these|those|his|her|their|my|your|which|what)\s+$"
)


def _is_noun(word: str, question: str) -> bool:
    """A guess: something with an article or the like right before it."""
    return any(
        _BEFORE_NOUN.search(question[: found.start()])
        for found in re.finditer(rf"\b{re.escape(word)}\b", question, re.IGNORECASE)
    )


def main() -> int:
    """Check the files; 1 where a line has an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.jsonl")
    parser.add_argument("--no-warnings", action="store_true", help="errors alone")
    options = parser.parse_args()
    tools = embedded_tools()
    totals: Counter[str] = Counter()
    used: Counter[str] = Counter()
    seen: dict[str, str] = {}
    for file in options.files:
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if not line.strip():
                continue
            totals["lines"] += 1
            where = f"{file}:{number}"
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                row, errors, warnings = {}, [f"no JSON: {error}"], []
            else:
                errors, warnings = check(row, tools)
                key = " ".join(str(row.get("question", "")).lower().split())
                if (earlier := seen.setdefault(key, where)) != where:
                    warnings.append(f"the same question stands at {earlier}")
                used.update(re.findall(r"\b([a-z_]+)\(", str(row.get("plan", ""))))
            shown = row.get("id", "")
            for error in errors:
                print(f"{where} {shown}: ERROR {error}")
            for warning in [] if options.no_warnings else warnings:
                print(f"{where} {shown}: warning {warning}")
            totals["errors"] += bool(errors)
            totals["warnings"] += bool(warnings)
    never = ", ".join(name for name in tools if not used[name])
    print(f"{totals['lines']} lines, {totals['errors']} with errors, {totals['warnings']} with warnings")
    print(f"Tools that no plan calls: {never or 'none'}")
    return 1 if totals["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
