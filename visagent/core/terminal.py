"""Text on a terminal: what others wrote is shown, and steers nothing. Knows nothing of what is printed.

Escape sequences can retitle a window, move the cursor over what was printed before, or turn text around. So control
characters are replaced by visible signs wherever text of any author reaches a terminal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# C0 without tab and line feed, delete, C1, line separators, the marks and overrides of direction, and half characters.
_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Text in which every character that steers a terminal is replaced by a sign for it.

    >>> printable("dog\\x1b[31m\\x9b")
    'dog␛[31m\ufffd'
    """
    return _STEERING.sub(_sign, text.replace("\r\n", "\n"))


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def printable_json(text: str) -> str:
    """JSON text that says the same and holds no such character: they stand as escapes."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def terminal(*, stderr: bool = False, **options: Any) -> Console:
    """A Rich console that shows text as it is: without markup of its own, and without control characters.

    Args:
        stderr: Whether it writes to the error stream.
        **options: Options as for `rich.console.Console`.
    """
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Terminal(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else segment._replace(text=printable(segment.text))

    return Terminal(stderr=stderr, markup=False, highlight=False, **options)
