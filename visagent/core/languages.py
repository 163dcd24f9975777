"""Which language a text is in that is neither English nor Chinese. Asks py3langid, where it is installed."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

KNOWN = ("en", "zh")
TOLD_APART = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh")
"""ISO 639-1 codes; a text in any other language is classified as one of these or as none."""
FOREIGN_BELOW = 0.05
"""Probability that a text is English or Chinese under which it counts as neither. Of the 10,090 questions in
training/questions, all of which are English or Chinese, 4 are below it."""
_ENGLISH = re.compile(r"(?i)\b(?:the|how|what|what's|whats|where|which|there|this|these|does|who|any|many|you)\b")


def foreign_language(text: str) -> str | None:
    """The ISO 639-1 code of the language of a text, or None for English, Chinese and what is hard to tell.

    None as well where py3langid is not installed. Any everyday English word makes a text English, so that the library
    is loaded for few questions.

    >>> foreign_language("How many dogs are in the Biergarten?")

    Args:
        text: A question; of a few letters little can be told.
    """
    if _ENGLISH.search(text) or len(re.findall(r"[^\W\d_]", text)) < 4:
        return None
    try:
        ranked = dict(_identifier().rank(text))
    except ImportError:
        return None
    best = max(ranked, key=lambda code: ranked[code])
    return best if sum(ranked[code] for code in KNOWN) < FOREIGN_BELOW else None


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(TOLD_APART))
    return identifier
