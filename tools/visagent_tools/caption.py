"""Describing a picture: by a vision-language model where one is named, else in a sentence composed of what the other
experts find, which says that this is what it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.core.errors import ConfigError, MissingInput
from visagent.core.words import plural
from visagent.evidence.values import Crop, Note, Text
from visagent.tools.toolkit import Context, tool

SURE_OF_CLASS = 0.5
SURE_OF_TEXT = 0.8
MAIN_COLOR = 0.15
MOST_CHARACTERS = 80
"""Characters of the picture's text that a caption quotes: enough to know a sign by; `read_text` gives all."""


@tool(version="3", by_sight=True, serves="describe")
def caption(image: list[Crop], context: Context) -> Text:
    """Describe what a picture or object looks like.

    Args:
        image: What to describe.
    """
    if not image:
        raise MissingInput(
            "caption(image): there is nothing to look at.", "Give a picture, or boxes that hold at least one object."
        )
    # Options and no parameters: the packaged planner has learnt this tool as it is.
    length = "long" if context.options.get("length") == "long" else "short"
    focus = context.options.get("focus")
    model = context.options.get("model")
    if model is not None and not isinstance(model, str):
        raise ConfigError(f"model = {model!r} is no model.", "Give a folder or a model source.")
    if model:
        from visagent_tools.engines.captioner import captions_of

        texts = captions_of(image, model, length, str(focus or ""))
    else:
        # The option "model" is the captioner's; the detector's is "weights".
        texts = [compose(crop, context.options) for crop in image]
        if focus is not None:
            texts = [f"{text} It cannot be asked about {focus} alone." for text in texts]
    if len(texts) > 1:
        texts = [f"{number}. {text}" for number, text in enumerate(texts, 1)]
    return Text(text="\n".join(texts), media=image[0].media, notes=() if model else (Note(kind="composed"),))


def compose(crop: Crop, options: Mapping[str, JsonValue]) -> str:
    """A description made of what detector, classifier, colour namer and text reader find.

    Args:
        crop: What to describe.
        options: The detector's, as for `visagent_tools.engines.detector.detector_for`.

    Raises:
        VisagentError: as these experts do.
    """
    from visagent_tools.dominant_colors import color_shares
    from visagent_tools.engines.classifier import classes_of
    from visagent_tools.engines.detector import boxes_in
    from visagent_tools.engines.nanodet import COCO_LABELS
    from visagent_tools.engines.ocr import lines_in

    # An open-vocabulary detector has to be told what to look for.
    counts = Counter(box.label for box in boxes_in(crop, options, COCO_LABELS))
    parts = [f"shows {listed([counted(label, number) for label, number in counts.most_common()])}"]
    if not counts:
        parts = ["shows no object that the detector knows"]
    best = classes_of([crop])[0][0]
    if best.confidence >= SURE_OF_CLASS:
        parts.append(f"looks like {best.name} ({best.confidence:.0%})")
    shares = color_shares(crop)
    main = sorted((name for name in shares if shares[name] >= MAIN_COLOR), key=lambda name: -shares[name])[:3]
    if main:
        parts.append(f"is mainly {listed(main)}")
    text = " / ".join(line.text for line in lines_in(crop) if line.confidence >= SURE_OF_TEXT)
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS - 1] + "…"
    parts.append(f"reads “{text}”" if text else "has no readable text")
    return f"It {listed(parts)}."


def counted(label: str, number: int) -> str:
    if number == 1:
        return f"1 {label}"
    return f"{number} {plural(label)}"


def listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
