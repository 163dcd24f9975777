"""What finders have to say of their own results. Knows no value and no sentence."""

from __future__ import annotations

from typing import Literal

from visagent.evidence.record import Frozen


class Note(Frozen):
    """What a finder has to say about its own result, such as that it cannot tell women from other people.

    Answers put it in words: `visagent_prompts` holds a sentence for each kind.
    """

    kind: Literal[
        "broader", "not_found", "not_counted", "doubted", "faint", "unknown_script", "other_language", "turned",
        "by_color", "no_outline", "indexed_until", "not_looked_at", "composed", "paired", "first_part",
        "words_alone", "by_length", "by_height", "by_looks", "assumed", "areas",
    ]  # fmt: skip
    words: tuple[str, ...] = ()
    """What the sentence names, in its order: a label that was asked for, the one that was looked for, a size."""
