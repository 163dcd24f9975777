"""Tools that nobody installed, with questions that need them: what teaches a planner to read its tool list.

Each comes from a line of `grammar/invented.yaml`; the three splits share neither tools nor domains.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from visagent.tools.toolkit import MediaKind, Parameter, ToolSpec, TypeName
from visagent_training.lexicon import Split, grammar

_INLINE = re.compile(r"\{([a-z]\w*):([^}]+)\}")
_MEDIA: dict[str, tuple[MediaKind, ...]] = {"image": ("image",), "audio": ("audio", "video"), "video": ("video",)}
_EVIDENCE: dict[str, tuple[TypeName, ...]] = {
    "boxes": ("boxes",),
    "text": ("text", "transcript", "labels"),
    "number": ("number",),
    "boolean": ("boolean",),
}


_SIGNATURE = re.compile(r"(?P<name>\w+)\((?P<parameters>.*?)\) -> (?P<result>[\w|]+): (?P<purpose>.+)")


def parse_signature(line: str) -> ToolSpec:
    """The spec that shows as this line: `ToolSpec.signature` undone.

    >>> parse_signature("age(image) -> number: Guess how old a person is.").signature()
    'age(image) -> number: Guess how old a person is.'

    Raises:
        ValueError: the line is no signature.
    """
    match = _SIGNATURE.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r} is no signature")
    parameters = []
    for shown in match["parameters"].split(", "):
        name, _, kind = shown.partition(": ")
        name, required = name.removesuffix("?"), not name.endswith("?")
        kind = kind or name
        if kind in _MEDIA:
            accepts: tuple[TypeName, ...] = ("crop", "boxes") if kind == "image" else ()
            parameters.append(Parameter(name=name, required=required, accepts=accepts, media=_MEDIA[kind]))
        elif "|" in kind:
            literal = {"type": "string", "enum": kind.split("|")}
            parameters.append(Parameter(name=name, required=required, literal=literal))
        else:
            open_to = None if kind == "boxes" or name == "text" else {"type": {"text": "string"}.get(kind, kind)}
            parameters.append(Parameter(name=name, required=required, accepts=_EVIDENCE[kind], literal=open_to))
    return ToolSpec(
        name=match["name"],
        purpose=match["purpose"],
        parameters=tuple(parameters),
        result=tuple(match["result"].split("|")),
    )


@dataclass(frozen=True)
class InventedTool:
    """A tool that exists in prompts alone.

    Attributes:
        spec: What a planner is shown.
        nouns: What it is used on; empty where it takes the whole medium.
        tells: What it tells; a finder's noun, a filter's or boolean's adjective; None where only `asks` say it.
        asks: Wordings with the plan's notation, or None for the plain call.
    """

    spec: ToolSpec
    nouns: tuple[str, ...]
    tells: str | None
    asks: tuple[tuple[str, str | None], ...]

    @property
    def is_finder(self) -> bool:
        """Whether it finds boxes in a picture."""
        return self.spec.result == ("boxes",) and bool(self.spec.parameters[0].media)

    @property
    def is_filter(self) -> bool:
        """Whether it keeps some of the boxes that it is given."""
        return self.spec.result == ("boxes",) and not self.spec.parameters[0].media and self.tells is not None

    @property
    def medium(self) -> str:
        """The kind of medium that questions for it are about."""
        kinds = {kind for parameter in self.spec.parameters for kind in parameter.media[:1]}
        return next(iter(kinds), "image")

    @property
    def vocabulary(self) -> set[str]:
        """Its telling words, by which questions that other tools answer too can be told apart."""
        text = " ".join([self.spec.purpose, self.tells or "", *(ask for ask, _ in self.asks)])
        return set(re.findall(r"[a-z]{4,}", text.lower())) - frozenset(grammar("words")["plain"])

    def call(self, wording: str) -> str:
        """The notation of the plain call that answers a wording."""
        arguments = []
        boxes = iter(("A", "B"))
        for parameter in self.spec.parameters:
            if "image" in parameter.media:
                if "{A" in wording:
                    arguments.append(f"{parameter.name}=A")
            elif parameter.accepts == ("boxes",):
                arguments.append(f"{parameter.name}={next(boxes)}")
            elif parameter.name == "text":
                arguments.append("text=" + ("transcribe()" if "{H" in wording else "read_text(T)"))
            elif not parameter.media:
                given = parameter.name if f"{{{parameter.name}:" in wording else "NUM"
                arguments.append(f"{parameter.name}={given}")
        return f"TOOL({', '.join(arguments)})"


def inline_choices(wording: str, rng: Any) -> tuple[str, dict[str, Any]]:
    """A wording with each `{parameter:x/y}` decided, and the values by parameter."""
    values: dict[str, Any] = {}

    def decide(match: re.Match[str]) -> str:
        chosen = str(rng.choice(match[2].split("/")))
        values[match[1]] = (
            float(chosen) if re.fullmatch(r"\d+\.\d+", chosen) else int(chosen) if chosen.isdigit() else chosen
        )
        return chosen

    return _INLINE.sub(decide, wording), values


@cache
def invented_tools(split: Split) -> tuple[InventedTool, ...]:
    """The split's invented tools."""
    found = []
    for line in grammar("invented")[split]:
        signature, used_on, tells, asks = (part.strip() for part in f"{line} ".split(" #"))
        wordings = [ask.partition(" => ") for ask in asks.split("; ") if ask]
        found.append(
            InventedTool(
                spec=parse_signature(signature),
                nouns=() if used_on == "-" else tuple(used_on.split(", ")),
                tells=None if tells == "-" else tells,
                asks=tuple((wording, plan or None) for wording, _, plan in wordings),
            )
        )
    return tuple(found)
