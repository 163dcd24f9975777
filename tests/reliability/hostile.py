"""Values that break readers: for generators of plans, requests, lines and command lines."""

from __future__ import annotations

import random
from typing import Any

TEXTS = [
    "",
    " ",
    "\x00",
    "\ud800",
    "dog\udfff",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "[bold]dog[/bold]",
    "[/]",
    "[link=http://evil.example]x[/link]",
    "$q1",
    "$q1\n",
    "$q99999999999999999999",
    "$q0",
    "image1",
    "image2",
    "image1\n",
    "../../etc/passwd",
    "http://evil.example",
    "'; DROP TABLE runs; --",
    "{{ 7 * 7 }}",
    "%s%n%x",
    "\u202egod",
    "e\u0301" * 50,
    "a" * 5_000,
    "🐶",
    "狗",
    "null",
    "NaN",
    "-1",
]
NUMBERS: list[Any] = [0, -1, 1, 2**31, -(2**63), 2**64, 10**200, 1e308, -0.0, 1e-320, 0.1, True, False]


def value(rng: random.Random, depth: int = 0) -> Any:
    """Any JSON value, odd ones preferred."""
    kind = rng.randrange(8 if depth < 4 else 5)
    if kind < 2:
        return rng.choice(TEXTS)
    if kind < 4:
        return rng.choice(NUMBERS)
    if kind == 4:
        return None
    if kind < 7:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(TEXTS): value(rng, depth + 1) for _ in range(rng.randrange(3))}


def spoiled_text(rng: random.Random, text: str) -> str:
    """A text with characters cut out, doubled or replaced, or put between brackets without end."""
    match rng.randrange(8):
        case 0:
            return text[: rng.randrange(len(text) + 1)]
        case 1:
            at = rng.randrange(len(text) + 1)
            return text[:at] + rng.choice(TEXTS) + text[at:]
        case 2:
            return "[" * rng.choice([40, 1_000, 100_000]) + text
        case 3:
            return text.replace("1", "1" * rng.choice([310, 5_000]), 1)
        case 4:
            return text.replace('"', "'", rng.randrange(1, 4))
        case 5:
            return text.replace(rng.choice(':,{}[]"'), "", 1)
        case 6:
            return f"{text}\n{text}"
        case _:
            return "".join(rng.sample(text, len(text))) if len(text) < 500 else text[::-1]
