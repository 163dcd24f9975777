"""Words and sentence patterns for synthetic questions, read from `grammar/*.yaml`, each in one split. Knows no tool."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Literal

import yaml

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

_CHOICE = re.compile(r"\(([^()]*)\)")


@cache
def grammar(name: str) -> Any:
    """The content of `grammar/NAME.yaml`."""
    return yaml.safe_load((files("visagent.training") / "grammar" / f"{name}.yaml").read_text("utf-8"))


def plural(noun: str) -> str:
    """The plural of a noun, whose last word alone changes.

    >>> plural("traffic light"), plural("police car"), plural("wine glass"), plural("berry"), plural("man")
    ('traffic lights', 'police cars', 'wine glasses', 'berries', 'men')
    """
    *before, last = noun.split(" ")
    irregular = grammar("nouns")["plurals"]
    if last in irregular:
        last = irregular[last]
    elif re.search(r"(s|x|ch|sh|z)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return " ".join([*before, last])


def singular(noun: str) -> str:
    """The singular of a noun given in either number.

    >>> singular("people"), singular("traffic lights"), singular("bus"), singular("berries"), singular("glasses")
    ('person', 'traffic light', 'bus', 'berry', 'glass')
    """
    *before, last = noun.split(" ")
    irregular = {many: one for one, many in grammar("nouns")["plurals"].items()}
    if last in irregular:
        last = irregular[last]
    elif re.search(r"(ss|x|ch|sh|z)es$", last):
        last = last[:-2]
    elif re.search(r"[^aeiou]ies$", last) and len(last) > 4:
        last = last[:-3] + "y"
    elif re.search(r"[^su]s$", last) or last.endswith("eaus"):
        last = last[:-1]
    return " ".join([*before, last])


def with_article(phrase: str) -> str:
    """`phrase` after "a" or "an".

    >>> with_article("umbrella"), with_article("red umbrella"), with_article("uniform")
    ('an umbrella', 'a red umbrella', 'a uniform')
    """
    vowel = re.match(r"[aeio]|u(?!ni)|8", phrase, re.IGNORECASE)
    return f"{'an' if vowel else 'a'} {phrase}"


def choose(pattern: str, rng: Random) -> str:
    """A pattern with each `(x|y)` decided; an empty alternative takes its space along."""
    while match := _CHOICE.search(pattern):
        pattern = pattern[: match.start()] + rng.choice(match[1].split("|")) + pattern[match.end() :]
    return re.sub(r" +", " ", pattern).strip()


def nouns(split: Split, category: str | None = None) -> list[str]:
    """The split's nouns, in the singular: of one category, or of all."""
    table = grammar("nouns")[split]
    return list(table[category]) if category else sorted({noun for group in table.values() for noun in group})


def category_of(noun: str, split: Split) -> str:
    """The category that lists a noun."""
    return next((name for name, members in grammar("nouns")[split].items() if noun in members), "things")


@dataclass(frozen=True)
class Intent:
    """One thing to ask for: its plan's notation, the media that it is about, and its wordings in each split."""

    name: str
    plan: str
    media: tuple[str, ...]
    weight: float
    wordings: dict[Split, tuple[str, ...]]


@cache
def intents() -> tuple[Intent, ...]:
    """All of `grammar/intents.yaml`."""
    return tuple(
        Intent(
            name=name,
            plan=str(entry["plan"]),
            media=tuple(entry.get("media", ["image"])),
            weight=float(entry.get("weight", 1)),
            wordings={split: tuple(entry[split]) for split in SPLITS},
        )
        for name, entry in grammar("intents").items()
    )
