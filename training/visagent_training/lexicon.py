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
    return yaml.safe_load((files("visagent_training") / "grammar" / f"{name}.yaml").read_text("utf-8"))


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
