"""Questions of one intent of the grammar."""

from __future__ import annotations

import re

from visagent_training.expressions import Call, at, to_steps
from visagent_training.lexicon import Intent, grammar
from visagent_training.slots import moment
from visagent_training.writer import Example, Writer


def single_question(writer: Writer, intent: Intent) -> Example:
    """A question of one intent, perhaps about one of two pictures or one moment of a video."""
    wording = writer.rng.choice(intent.wordings[writer.split])
    text, roots, _ = writer.clause(wording, intent.plan)
    media: tuple[str, ...] = tuple(
        f"{kind}{1 + intent.media[:index].count(kind)}" for index, kind in enumerate(intent.media)
    )
    phrase = None
    if intent.media == ("image",):
        draw = writer.rng.random()
        about_picture = bool(re.search(r"picture|photo|image|snapshot|shot", text))
        if draw < 0.07 and not about_picture:
            number = writer.rng.choice([1, 2, 2])
            phrase = writer.word("pictures").format(i=number, o=("first", "second")[number - 1])
            roots = at(f"image{number}", roots, writer.specs)
            media = ("image1", "image2")
        elif draw < 0.12 and not about_picture:
            second, by_form = moment(writer)
            phrase = by_form["at"]
            roots = at(Call.of(writer.specs["frame"], seconds=second), roots, writer.specs)
            media = ("video1",)
        elif draw < 0.2:
            media = ("image1", "audio1")
        if phrase is None and writer.chance(0.35) and "~" in text:
            phrase = str(writer.rng.choice(grammar("words")["medium"]["image"][writer.split]))
    elif intent.media == ("audio",) and writer.chance(0.25):
        media = ("image1", "audio1")
    return Example(
        writer.finish(writer.medium(text, phrase)), media, to_steps(roots), intent.name, (wording,), tuple(writer.used)
    )
