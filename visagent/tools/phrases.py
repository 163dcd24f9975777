"""What is said of a tool's calls and of what they found, by language. Knows no concrete tool and writes no sentence.

Phrases are Jinja templates. Those of the first-party tools stand in `visagent_prompts`, where the forms that a template
may name are explained; any other tool brings its own: `@tool(phrases={"en": ToolPhrases(...)})`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from visagent.evidence.values import Frozen


class ToolPhrases(Frozen):
    """One language's phrases of a tool, and what a sentence about its result has to know of the tool.

    Attributes:
        question: The call as a question.
        noun: What the result is called, by part: `one`, `many`, `before`, `after`, `like`, `at` (where it is, as a
            sentence can say it by itself), and the flags `objects`, `unique`, `mass`, `place` and `proper`.
        clause: The statement that a yes stands for; empty for a tool that answers no yes-or-no question.
        denied: The statement that a no stands for.
        answers: The sentence by how much was found: `none`, `zero`, `one`, `many`; what is missing is said in the words
            of the result's type.
        looks_at: Names of the parameters that take media or regions; several of them are named as one thing.
        counts: Name of the parameter whose objects the result counts; None for a tool that does not count.
        compares: Names of the two parameters whose numbers are compared; None for a tool that does not compare.
        facts: Templates of what a comparison found to be the case, by `counts`, `numbers` and `shown`.
        joins: How the truth of the statements that it reads makes up its own: `all`, `any`, or `not` for one denied.
        formula: Name of the parameter with a formula in the other parameters' names; the answer shows it worked out.
        names_numbers: Whether a literal number is named as the result that it may be instead.
        given: Phrases in place of these for a call that gives the parameter of that name.
        says_where: Whether the answer says on which page or at what time its lines stand.
    """

    question: str
    noun: dict[str, str | bool]
    clause: str = ""
    denied: str = ""
    answers: dict[str, str] = Field(default_factory=dict)
    looks_at: tuple[str, ...] = ("image", "audio", "video")
    counts: str | None = None
    compares: tuple[str, str] | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    joins: Literal["all", "any", "not"] | None = None
    formula: str | None = None
    names_numbers: bool = False
    says_where: bool = False
    given: dict[str, ToolPhrases] = Field(default_factory=dict)


_WORDS: dict[str, frozenset[str]] = {}
_BROUGHT: dict[tuple[str, str], ToolPhrases] = {}
"""Phrases that tools brought, by tool and language."""


def register_phrases(tool: str, phrases: Mapping[str, ToolPhrases]) -> None:
    """Keep what a tool says of itself; of two tools with one name, the later one's phrases are used.

    Args:
        tool: Name of the tool.
        phrases: Phrases by language, `en` or `zh`.
    """
    _BROUGHT.update({(tool, language): own for language, own in phrases.items()})


def brought_phrases(tool: str, language: str) -> ToolPhrases | None:
    """The phrases that a tool brought in a language; None where it brought none."""
    return _BROUGHT.get((tool, language))


def register_words(tool: str, parameters: frozenset[str]) -> None:
    """Keep which of a tool's parameters take no media: `image1` is a word there.

    Args:
        tool: Name of the tool.
        parameters: Their names.
    """
    _WORDS[tool] = parameters


def takes_words(tool: str, parameter: str) -> bool:
    """Whether it is known that a tool's parameter takes no media."""
    return parameter in _WORDS.get(tool, ())
