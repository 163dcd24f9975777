"""A question in a language that a packaged planner has not learnt is refused, and not planned at random."""

from __future__ import annotations

from pydantic import JsonValue

from visagent.core.languages import KNOWN, foreign_language
from visagent.planning.plan import UNANSWERABLE

NAMES = {
    "ar": "Arabic", "de": "German", "en": "English", "es": "Spanish", "fr": "French", "hi": "Hindi", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ru": "Russian",
    "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese",
}  # fmt: skip


def not_understood(question: str) -> dict[str, JsonValue] | None:
    """The step that refuses a question in a language other than those understood, and names them; None for one of them.

    >>> not_understood("How many cups are there?")

    Args:
        question: Question as the person put it.
    """
    if (code := foreign_language(question)) is None:
        return None
    understood = " and ".join(NAMES[known] for known in KNOWN)
    reason = f"the question seems to be in {NAMES[code]}, and the planner of this profile understands {understood}"
    return {"tool": UNANSWERABLE, "reason": reason}
