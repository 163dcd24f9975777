"""Synthetic training data for planners: questions with the plans that answer them. Knows no model.

`grammar/*.yaml` holds intents with their wordings, nouns and other words; each wording and each noun belongs to one of
the splits train, validation and test, so that a planner is measured on sentences and things it never saw. Noun phrases
are composed ("the largest dog left of the red car"), questions are joined ("..., and what does its sign say?"), and
everything follows from the seed.

Conventions that every gold plan keeps:

- Steps come in the order of first need, depth first, a call's arguments in the order of its parameters. A call that
  two places need is one step. An image, audio clip or video is left out where only one was given.
- A label is the question's noun in the singular ("people" is `person`, "bikes" is `bike`).
- "on", "touching" are `overlaps`; "in" is `inside`; "under", "beneath" are `below`; "next to", "near", "by" and
  "closest to" are `nearest`. `X on the left` (of nothing) is `filter_boxes(part="left")`.
- Leftmost is `sort` by `left_to_right` and `pick` 1; second from the right is `right_to_left` and 2. The largest is
  `largest`, the smallest `sort` by `smallest_first` and `pick` 1. A superlative applies last: after color and relation.
- Objects in a part of the picture are found first and then filtered by `part`; what else is in a part is looked for in
  a `crop`.
- Text on an object is read from that object's box; text of a sign, page or screen from the whole picture.
- "Find", "show me", "where" end in `locate`. Which of two is bigger is `largest` of their `merge`.
- `it` is the last single object named before, `they` what was counted or found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from visagent.core.words import plural
from visagent.planning.plan import MAX_STEPS
from visagent.tools.toolkit import ToolSpec
from visagent_training.expressions import Call, Specs, to_steps, unanswerable
from visagent_training.invented import invented_tools
from visagent_training.invented_questions import invented_example
from visagent_training.lexicon import Intent, Split, grammar, intents
from visagent_training.noun_phrases import NounPhrase
from visagent_training.single_questions import single_question
from visagent_training.writer import Example, Writer


def _follow_up(writer: Writer, values: Mapping[str, Any], roots: Sequence[Any]) -> tuple[str, str, Any] | None:
    """What the second part may lean on: "it" or "they", and the expression; None where there is nothing clear."""
    first = roots[0]
    phrases = [values[name] for name in ("A.phrase", "B.phrase") if name in values]
    if len(roots) != 1 or not isinstance(first, Call) or not phrases:
        return None
    subject = first.arguments[0][1] if first.tool in ("count", "exists", "locate", "dominant_colors") else None
    printed = "D"
    if "B.phrase" in values and "R" in values:
        phrase: NounPhrase = values["B.phrase"]
        if phrase.inner is None and (first.tool == "count" and writer.chance(0.6)):
            return "it", printed, phrase.expression
    if first.tool == "count" and isinstance(subject, Call):
        inner = phrases[0].inner
        if inner is not None and inner.inner is None and "B.phrase" not in values and writer.chance(0.4):
            return "it", printed, inner.expression
        return "they", printed, subject
    if len(phrases) == 1 and phrases[0].inner is None and isinstance(subject, Call):
        return "it", printed, subject
    return None


def named_again(text: str, expression: Any, *, many: bool) -> str:
    """A follow-up with "the cup" or "the cups" for "it" or "they": what was found before, by its bare noun."""
    while isinstance(expression, Call) and expression.tool != "detect":
        expression = expression.arguments[0][1]
    if not isinstance(expression, Call):
        return text
    noun = str(expression.arguments[0][1])
    word, again = (r"they|them", f"the {plural(noun)}") if many else (r"it", f"the {noun}")
    return re.sub(rf"\b(?:{word})\b", again, text, count=1)


def _joined(writer: Writer, pool: Sequence[Intent], weights: Sequence[float]) -> Example:
    """Two or three questions in one."""
    texts: list[str] = []
    roots: list[Any] = []
    names: list[str] = []
    wordings: list[str] = []
    kind = writer.rng.choice(["image", "image", "image", "image", "both", "audio", "video"])
    wanted = {"image": {"image"}, "audio": {"audio"}, "both": {"image", "audio"}, "video": {"video"}}[kind]
    fitting = [
        (intent, weight)
        for intent, weight in zip(pool, weights, strict=True)
        if set(intent.media) <= wanted and len(intent.media) <= len(wanted)
    ]
    parts = 2 if writer.chance(0.92) else 3
    while len(texts) < parts:
        last: tuple[dict[str, Any], list[Any]] | None = None
        intent = writer.rng.choices([intent for intent, _ in fitting], [weight for _, weight in fitting])[0]
        if intent.name.startswith(("two_", "describe_both")) or len(to_steps(roots)) > 6:
            intent = next(item for item, _ in fitting if item.name in ("count", "transcribe", "video_count"))
        wording = writer.rng.choice(intent.wordings[writer.split])
        text, found, values = writer.clause(wording, intent.plan)
        last = (values, found)
        texts.append(text.replace("~", ""))
        roots += found
        names.append(intent.name)
        wordings.append(wording)
        lean = _follow_up(writer, *last) if len(texts) < parts and writer.chance(0.7) else None
        if lean is not None:
            pronoun, _, expression = lean
            entries = grammar("followups")[pronoun]
            entry = writer.rng.choice(entries)
            wording = writer.rng.choice(entry[writer.split])
            text, found, _ = writer.clause(wording, entry["plan"], {"IT": expression, "many": pronoun == "they"})
            if writer.split == "train" and writer.chance(0.35):
                text = named_again(text, expression, many=pronoun == "they")
            texts.append(text.replace("~", ""))
            roots += found
            names.append(f"{pronoun}:{entry['plan']}")
            wordings.append(wording)
    command = texts[0].startswith("!")
    text = texts[0]
    for part in texts[1:]:
        joiner = writer.word("joiners")
        if "?" in joiner and command:
            joiner = ", and "
        text += joiner + (part.removeprefix("!"))
    media = ("image1", "audio1") if kind == "both" else (f"{kind}1",)
    return Example(writer.finish(text), media, to_steps(roots), "+".join(names), tuple(wordings), tuple(writer.used))


def _unanswerable(writer: Writer) -> Example:
    """A question that no tool can answer, or one about a medium that was not given."""
    if writer.chance(0.5):
        wording = writer.rng.choice(grammar("unanswerable")["no_tool"][writer.split])
        text, _, _ = writer.clause(wording, "[]")
        media = writer.rng.choice(
            [("image1",), ("image1",), ("image1",), ("audio1",), ("image1", "audio1"), ("video1",)]
        )
        return Example(
            writer.finish(text.replace("~", "")),
            media,
            unanswerable("no_tool"),
            "no_tool",
            (wording,),
            tuple(writer.used),
        )
    while True:
        pool = intents()
        if writer.split == "train" and writer.chance(0.3):
            # Sound is what is missing most often.
            pool = tuple(intent for intent in pool if intent.media == ("audio",))
        intent = writer.rng.choice(pool)
        wording = writer.rng.choice(intent.wordings[writer.split])
        text, _, _ = writer.clause(wording, intent.plan)
        if intent.name.startswith("two_"):
            continue
        given: tuple[str, ...] | None = None
        if intent.media == ("image",):
            given = writer.rng.choice([("audio1",), ()])
        elif (intent.media == ("audio",) and not re.search(r"\b(clip|they|he|she|message)\b", text)) or (
            intent.media == ("video",) and re.search(r"video|film|clip|footage|second", text)
        ):
            given = writer.rng.choice([("image1",), ("image1",), ()])
        if given is not None:
            phrase = None
            if intent.media == ("image",) and "~" in text and writer.chance(0.5):
                phrase = str(writer.rng.choice(grammar("words")["medium"]["image"][writer.split]))
            return Example(
                writer.finish(writer.medium(text, phrase)),
                given,
                unanswerable(f"no_{intent.media[0]}"),
                f"no_{intent.media[0]}",
                (wording,),
                tuple(writer.used),
            )


def examples(
    specs: Specs,
    split: Split,
    seed: int,
    *,
    finders: Mapping[str, Call] | None = None,
    adjectives: Mapping[str, str] | None = None,
) -> Iterator[Example]:
    """Questions without end, the same for the same seed.

    Args:
        specs: The tools that plans may call.
        split: The split whose wordings and nouns to use.
        seed: Decides everything.
        finders: Nouns that a tool beside `detect` finds, with its call.
        adjectives: Adjectives that a tool filters by, with its name.
    """
    rng = Random(f"{split}-{seed}")
    pool = intents()
    weights = [intent.weight for intent in pool]
    while True:
        writer = Writer(specs, split, rng, finders or {}, adjectives or {}, lower=rng.random() < 0.12)
        draw = rng.random()
        if draw < 0.25:
            example = _joined(writer, pool, weights)
        elif draw < (0.34 if split == "train" else 0.31):
            example = _unanswerable(writer)
        else:
            example = single_question(writer, rng.choices(pool, weights)[0])
        if len(example.steps) < MAX_STEPS:
            yield example


@dataclass(frozen=True)
class Group:
    """Questions that share the tools installed beside the usual ones, and so a planner's system prompt.

    Attributes:
        tools: The further tools, as shown, in order.
        examples: The questions.
    """

    tools: tuple[ToolSpec, ...]
    examples: tuple[Example, ...]


def groups(specs: Specs, split: Split, seed: int, size: int = 12) -> Iterator[Group]:
    """Groups without end, the same for the same seed, most of them with invented tools beside the usual ones.

    A question whose tool is not installed has the plan "unanswerable".

    Args:
        specs: The installed tools.
        split: The split whose wordings, nouns and invented tools to use.
        seed: Decides everything.
        size: Questions in a group.
    """
    rng = Random(f"groups-{split}-{seed}")
    inventions = invented_tools(split)
    known = {**specs, **{tool.spec.name: tool.spec for tool in inventions}}
    first_party = examples(specs, split, seed)
    while True:
        shown = rng.sample(inventions, rng.choice([0, 1, 2, 3, 3]))
        drawn = [invented_example(known, split, rng, tool) for tool in shown for _ in range(3)]
        asked = list({example.question.lower(): example for example in drawn}.values())
        vocabulary = set().union(*(tool.vocabulary for tool in shown))
        absent = rng.choice([tool for tool in inventions if tool not in shown])
        # What is read or counted, an installed tool may find out as well.
        if absent.spec.result[0] in ("number", "boolean") and not absent.spec.purpose.startswith(("Read", "Count")):
            example = invented_example(known, split, rng, absent)
            last = str(example.steps[-1]["tool"])
            if rng.random() < 0.35 and last == absent.spec.name and not _words(example.question) & vocabulary:
                asked.append(replace(example, steps=unanswerable("no_tool"), intent="missing"))
        while len(asked) < size:
            example = next(first_party)
            if example.intent not in _CONFUSABLE or not _words(example.question) & vocabulary:
                asked.append(example)
        rng.shuffle(asked)
        yield Group(tuple(tool.spec for tool in shown), tuple(asked[:size]))


_CONFUSABLE = {
    "no_tool", "caption_object", "classify", "classify_object", "number", "number_near", "extract", "read_sign_of",
    "costs", "plain_field", "plain_extract", "opening", "transcribe", "caption",
}  # fmt: skip


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", text.lower()))
