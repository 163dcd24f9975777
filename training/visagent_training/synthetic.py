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
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from pydantic import JsonValue

from visagent.core.words import plural, with_article
from visagent.planning.plan import MAX_STEPS, UNANSWERABLE
from visagent.tools.toolkit import ToolSpec
from visagent_training.expressions import Call, Specs, at, parse, to_steps, unanswerable
from visagent_training.invented import InventedTool, inline_choices, invented_tools
from visagent_training.lexicon import Intent, Split, category_of, choose, grammar, intents, nouns

_SLOT = re.compile(r"\{([A-Z]\w*)(?:\.(\w+))?\}")
_NAMES = re.compile(r"\b[A-Z]\w*\b")


@dataclass(frozen=True)
class Example:
    """A question about named media, and the plan that answers it.

    Attributes:
        question: As a person would write it.
        media: Names as in a plan, for example `("image1", "audio1")`.
        steps: The gold plan's steps.
        intent: Which intents it was made from, joined by "+".
        wordings: The patterns that it was made from.
        nouns: The nouns in it, in the singular.
    """

    question: str
    media: tuple[str, ...]
    steps: list[dict[str, JsonValue]]
    intent: str
    wordings: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()


@dataclass(frozen=True)
class NounPhrase:
    """Words for some objects and the expression that finds them.

    Attributes:
        one: With the head noun in the singular, without article.
        many: The same in the plural.
        expression: What finds them.
        inner: The phrase named last inside this one, if any.
        determiner: "the" or another definite determiner.
    """

    one: str
    many: str
    expression: Any
    inner: NounPhrase | None = None
    determiner: str = "the"

    def text(self, form: str | None) -> str:
        """In a form: None "the dog", "P" "the dogs", "p" "dogs", "a" "a dog", "s" "dog"."""
        match form:
            case "P":
                return f"{self.determiner} {self.many}"
            case "p":
                return self.many
            case "a":
                return with_article(self.one)
            case "s":
                return self.one
        return f"{self.determiner} {self.one}"


@dataclass
class Writer:
    """Writes questions of one split.

    Attributes:
        specs: The tools, by name.
        split: Whose words to use.
        rng: Where every choice comes from.
        finders: Nouns that an invented tool finds, with the call that finds them.
        adjectives: Adjectives that an invented tool filters by, with the tool's name.
        head_nouns: What {A} and {B} are about; empty for anything.
        used: Nouns used so far in the question.
        lower: Whether the question is written in lower case throughout.
    """

    specs: Specs
    split: Split
    rng: Random
    finders: Mapping[str, Call] = field(default_factory=dict)
    adjectives: Mapping[str, str] = field(default_factory=dict)
    head_nouns: Sequence[str] = ()
    used: list[str] = field(default_factory=list)
    lower: bool = False

    # Words

    def word(self, table: str) -> str:
        """A word of a table that has splits."""
        return str(self.rng.choice(grammar("words")[table][self.split]))

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return self.rng.random() < probability

    def noun(self, category: str | None = None) -> str:
        """A noun not used before in the question."""
        while True:
            group = category or self.rng.choice(
                ["people", "animals", "animals", "vehicles", "vehicles", "things", "food"]
            )
            if category is None and self.chance(0.35):
                group = "things"
            # Many different nouns, so that a planner learns to copy them.
            if self.split == "train" and category is None and self.chance(0.5):
                group = "more"
            found = self.rng.choice(nouns(self.split, group))
            if found not in self.used:
                self.used.append(found)
                return found

    def any_noun(self) -> str:
        """Any noun of the split, also one that was used before."""
        return self.rng.choice(nouns(self.split))

    def relation(self, *, single: bool) -> tuple[str, str]:
        """A spatial relation: the tool and its words. `single` also allows the relation that gives one object."""
        names = ["left_of", "right_of", "above", "below", "inside", "overlaps", "overlaps"]
        name = self.rng.choice([*names, "nearest", "nearest"] if single else names)
        return name, self.rng.choice(grammar("words")["relations"][name][self.split])

    def color(self) -> tuple[str, str]:
        """A color: the term of the tool and the word for it."""
        words = grammar("words")
        if self.chance(0.08):
            spoken = self.rng.choice(sorted(words["colors_spoken"]))
            return words["colors_spoken"][spoken], spoken
        color = self.rng.choice(words["colors"])
        return color, color

    def part(self) -> tuple[str, str, str]:
        """A part of the picture: the tool's term, the words, and the words with a preposition."""
        name = self.rng.choice(list(grammar("words")["parts"]))
        words = self.rng.choice(grammar("words")["parts"][name])
        last = words.split()[-1]
        preposition = "in"
        if last in ("side", "left", "right") and name in ("left", "right"):
            preposition = "on"
        elif last in ("top", "bottom"):
            preposition = "at"
        elif last in ("left", "right"):
            preposition = self.rng.choice(["in", "at"])
        return name, words, f"{preposition} {words}"

    def noun_phrase(
        self,
        *,
        definite: bool = True,
        many: bool = False,
        depth: int = 1,
        category: str | None = None,
        noun: str | None = None,
    ) -> NounPhrase:
        """A noun phrase, with relative phrases nested up to `depth` deep.

        Args:
            definite: Whether it may pick out one object by a superlative or by nearness.
            many: Whether it will be used in the plural.
            depth: How many relations may be nested.
            category: Of the head noun.
            noun: The head noun itself.
        """
        if noun is None and category is None and self.finders and self.chance(0.6):
            noun = self.rng.choice([name for name in self.finders if name not in self.used] or [self.noun()])
            self.used.append(noun)
        noun = noun or self.noun(category)
        expression: Any = self.finders.get(noun) or Call.of(self.specs["detect"], label=noun)
        before, tail, inner = "", "", None
        if self.adjectives and self.chance(0.6):
            before = self.rng.choice(sorted(self.adjectives))
            expression = Call.of(self.specs[self.adjectives[before]], expression)
        elif self.chance(0.1):
            color, before = self.color()
            expression = Call.of(self.specs["filter_color"], expression, color)
        if depth > 0 and self.chance(0.08):
            name, words = self.relation(single=definite and not many)
            inner = self.noun_phrase(depth=depth - 1)
            # "the cup on the left of the table on the right" has two readings; keep the simple ones.
            link = self._link(noun, many)
            tail = f" {link}{words} {inner.text(None)}"
            expression = Call.of(self.specs[name], expression, inner.expression)
        elif self.chance(0.02):
            part, _, words = self.part()
            tail = f" {words}" + self.rng.choice(["", " of the picture"])
            expression = Call.of(self.specs["filter_boxes"], expression, part=part)
        head = f"{before} {{n}}".strip()
        if definite and not many and self.chance(0.1):
            entry = self.rng.choice(grammar("words")["superlatives"])
            forms = [form for form in entry["text"] if not tail or form.endswith("{n}")] or entry["text"]
            form = self.rng.choice(forms)
            if form.endswith("{n}") or not tail:
                head = form.replace("{n}", head)
                expression = parse(entry["plan"], {"A": expression}, self.specs)
        determiner = "the" if self.chance(0.95) else self.rng.choice(["this", "that", "my"])
        if many:
            determiner = "the"
        return NounPhrase(
            one=head.replace("{n}", noun) + tail,
            many=head.replace("{n}", plural(noun)) + tail,
            expression=expression,
            inner=inner,
            determiner=determiner,
        )

    def _link(self, noun: str, many: bool) -> str:
        if self.chance(0.5):
            return ""
        participles = grammar("words")["participles"].get(category_of(noun, self.split), ["lying"])
        return (
            self.rng.choice(
                ["that are ", "which are "]
                if many
                else ["that is ", "which is "] + [f"{word} " for word in participles]
            )
            if self.chance(0.7)
            else f"{self.rng.choice(participles)} "
        )

    # Slots

    def slots(self, text: str, plan: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
        """Fill the slots that a wording and its plan name.

        Returns:
            Their values in the plan, and their words by form (`""` for none).
        """
        values: dict[str, Any] = dict(given)
        words: dict[str, dict[str, str]] = {}
        forms: dict[str, set[str]] = {}
        for name, form in _SLOT.findall(text):
            forms.setdefault(name, set()).add(form)
        outside_strings = re.sub(r"'[^']*'", "", plan)
        for name in list(dict.fromkeys([*forms, *_NAMES.findall(outside_strings)])):
            if name in given:
                continue
            shown = forms.get(name, {""})
            value, by_form = self.slot(name, shown, related="R(" in outside_strings, values=values)
            values[name] = value
            words[name] = by_form
        return values, words

    def slot(self, name: str, forms: set[str], *, related: bool, values: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        words = grammar("words")
        if name in ("A", "B", "D"):
            many = bool(forms & {"p", "P"})
            heads = [noun for noun in self.head_nouns if noun not in self.used]
            head = self.rng.choice(heads) if heads and name != "D" else None
            self.used += [head] if head else []
            phrase = self.noun_phrase(
                noun=head,
                definite=forms <= {""},
                many=many,
                depth=1 if related else 2,
                category="printed" if name == "D" else None,
            )
            values[f"{name}.phrase"] = phrase
            return phrase.expression, {form: phrase.text(form or None) for form in ("", "p", "P", "a", "s")}
        if name in ("L", "L2"):
            noun = self.noun(None if not self.chance(0.6) else self.rng.choice(["people", "animals", "vehicles"]))
            simple = NounPhrase(noun, plural(noun), None)
            return noun, {form: simple.text(form or None) for form in ("", "p", "P", "a", "s")}
        if name == "V":
            worn = self.word("worn")
            self.used.append(worn)
            return worn, {"": worn}
        if name == "Y":
            noun = self.rng.choice(words["animals_asked"])
            return Call.of(self.specs["detect"], label=noun), {"s": noun}
        if name == "R":
            tool, text = self.relation(single=not forms & {"p"} and not values.get("many", False))
            return tool, {"": text}
        if name in ("C", "C2"):
            while True:
                color, text = self.color()
                if color not in values.values():
                    return color, {"": text}
        if name in ("N", "M"):
            number = self.rng.choice(list(words["numbers"]))
            if name == "M":
                number = self.rng.choice([2, 3, 4, 5, 10, 12, 15, 20, 25, 50])
            digits = name == "M" or self.chance(0.45)
            return number, {"": str(number) if digits else words["numbers"][number]}
        if name == "NUM":
            number = self.rng.choice(
                [self.rng.randint(2, 40), self.rng.randint(2, 300), 10 * self.rng.randint(1, 20), 2.5]
            )
            return number, {"": str(number)}
        if name == "Q":
            text, op = self.rng.choice(list(words["quantities"][self.split].items()))
            return op, {"": text}
        if name in ("W", "W2"):
            while True:
                word = self.any_noun() if "a" in forms else str(self.rng.choice(words["words"][self.split]))
                if self.split == "train" and "a" not in forms and self.chance(0.4):
                    # What is quoted keeps its number, unlike a label.
                    word = self.any_noun() if self.chance(0.6) else plural(self.any_noun())
                word = word.lower() if self.lower else word
                if word not in values.values():
                    break
            if "a" in forms:
                return word, {"a": with_article(word)}
            quoted = self.rng.choice(['"{}"', "'{}'", "{}", "{}", "{}", "{}"]).format(word)
            return word, {"": quoted}
        if name == "T":
            if self.chance(0.6):
                carrier = self.word("carriers")
                preposition = (
                    "in" if re.search("letter|newspaper|document|note", carrier) and self.chance(0.5) else "on"
                )
                return None, {"": carrier, "on": f"{preposition} {carrier}"}
            phrase = self.noun_phrase(category="printed", depth=1)
            values["T.phrase"] = phrase
            return phrase.expression, {"": phrase.text(None), "on": f"on {phrase.text(None)}"}
        if name == "H":
            return None, {"": self.word("heard"), "on": self.word("heard_in")}
        if name == "P":
            part, text, with_preposition = self.part()
            return part, {"": text, "in": with_preposition}
        if name == "S":
            if self.chance(0.08):
                minutes, text = self.rng.choice(
                    [(60, "one minute in"), (60, "after a minute"), (120, "after two minutes")]
                )
                return minutes, {"at": text}
            second = self.rng.randint(1, 59)
            spoken = str(words["numbers"].get(second, second))
            shown = str(second) if second > 10 or self.chance(0.7) else spoken
            return second, {"at": self.word("moments").format(n=shown, nn=f"{second:02d}")}
        if name == "F":
            field = str(self.rng.choice(words["fields"][self.split]))
            field = self.any_noun() if self.split == "train" and self.chance(0.3) else field
            field = field.lower() if self.lower else field
            return field, {"": field}
        if name == "K":
            kind = self.rng.choice(list(words["kinds"]))
            text = str(self.rng.choice(words["kinds"][kind][self.split]))
            shown = plural(text) if kind == "number" or self.chance(0.25) else text
            return kind, {"": shown, "p": plural(text), "s": text, "a": with_article(text)}
        if name == "O":
            text = self.rng.choice(list(words["ordinals"]))
            return words["ordinals"][text], {"": text}
        raise ValueError(f"the grammar has no slot {name}")

    # Questions

    def clause(
        self, wording: str, plan: str, given: Mapping[str, Any] | None = None
    ) -> tuple[str, list[Any], dict[str, Any]]:
        """One wording filled in.

        Returns:
            Its text, still with `~` and `!`; the expressions of its plan; the slots' values.
        """
        text = choose(wording, self.rng)
        values, words = self.slots(text, plan, given or {})
        text = self._typo(text)
        text = _SLOT.sub(lambda match: words[match[1]][match[2] or ""], text)
        found = parse(plan, values, self.specs)
        return text, list(found) if isinstance(found, tuple) else [found], values

    def _typo(self, text: str) -> str:
        """Now and then two letters of one of the wording's own words are swapped, or one is lost."""
        if not self.chance(0.03):
            return text
        spans = [match.span() for match in re.finditer(r"(?<![{\w])(?!count)[a-z]{5,}(?![\w}])", text)]
        if not spans:
            return text
        start, end = self.rng.choice(spans)
        index = self.rng.randrange(start + 1, end - 2)
        if self.chance(0.5):
            return text[:index] + text[index + 1] + text[index] + text[index + 2 :]
        return text[:index] + text[index + 1 :]

    def medium(self, text: str, phrase: str | None) -> str:
        """The text with its reference to the medium filled in; a phrase that must be said goes in front otherwise."""
        if phrase is None:
            return text.replace("~", "")
        if "~" in text:
            return text.replace("~", f" {phrase}")
        return f"!{phrase}, {text[1:]}" if text.startswith("!") else f"{phrase}, {text}"

    def finish(self, text: str) -> str:
        """The text as people write: openers, capitals, punctuation."""
        command = text.startswith("!")
        text = text.removeprefix("!")
        if self.chance(0.12 if not command else 0.25):
            text = self.word("commands" if command else "openers") + text
        if self.chance(0.07):
            text += self.word("closers")
        if not text.endswith("?"):
            text += (
                self.rng.choice([".", ".", "", "!"])
                if command
                else self.rng.choice(["?", "?", "?", "?", "?", "?", "", "."])
            )
        if self.lower:
            return text.lower()
        return text[0].upper() + text[1:] if self.chance(0.75) else text


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


def _single(writer: Writer, intent: Intent) -> Example:
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
            second, by_form = writer.slot("S", {"at"}, related=False, values={})
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
        split: Whose wordings and nouns to use.
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
            example = _single(writer, rng.choices(pool, weights)[0])
        if len(example.steps) < MAX_STEPS:
            yield example


def needed_tools(example: Example) -> set[str]:
    """Names of the tools that the gold plan calls."""
    return {str(step["tool"]) for step in example.steps} - {UNANSWERABLE}


def invented_example(specs: Specs, split: Split, rng: Random, tool: InventedTool) -> Example:
    """A question that needs an invented tool, alone or together with others.

    Args:
        specs: All tools, the invented one among them.
        split: Whose wordings and nouns to use.
        rng: Where every choice comes from.
        tool: Which one.
    """
    while len((example := _asking_for(tool, specs, split, rng)).steps) >= MAX_STEPS:
        pass
    return example


def _asking_for(tool: InventedTool, specs: Specs, split: Split, rng: Random) -> Example:
    name = tool.spec.name
    writer = Writer(specs, split, rng, lower=rng.random() < 0.12, head_nouns=tool.nouns)
    if tool.is_finder or tool.is_filter:
        assert tool.tells is not None
        if tool.is_finder:
            writer.finders = {tool.tells: Call.of(tool.spec)}
            writer.head_nouns = (tool.tells,)
        else:
            writer.adjectives = {tool.tells: name}
        by_name = {intent.name: intent for intent in intents()}
        pool = [by_name[key] for key in _OBJECT_INTENTS]
        while True:
            writer.used.clear()
            example = _single(writer, rng.choices(pool, [intent.weight for intent in pool])[0])
            if name in needed_tools(example):
                return example
    wordings = [(wording, plan or tool.call(wording)) for wording, plan in tool.asks]
    templates: list[str] = []
    if tool.tells is not None:
        on = "whole" if not tool.nouns else tool.spec.result[0]
        templates = [on if on in ("whole", "number", "boolean") else "other"]
        if tool.spec.result == ("number",):
            templates += ["whole_compare"] if not tool.nouns else ["number_compare", "number_difference", "number_more"]
        if tool.nouns and tool.spec.result == ("boolean",):
            templates += ["boolean", "boolean_not"]
    if templates and (not wordings or rng.random() < 0.6):
        template = rng.choice([templates[0], *templates])
        wording = str(rng.choice(grammar("invented")["questions"][template][split])).replace("{attr}", str(tool.tells))
        argument = "" if not tool.nouns else "image=A"
        plan = {
            "number_compare": f"compare(TOOL({argument}), Q, NUM)",
            "whole_compare": f"compare(TOOL({argument}), Q, NUM)",
            "number_difference": "calculate('a - b', TOOL(image=A), TOOL(image=B))",
            "number_more": "compare(TOOL(image=A), '>', TOOL(image=B))",
            "boolean_not": "negate(TOOL(image=A))",
        }.get(template, f"TOOL({argument})")
    else:
        wording, plan = rng.choice(wordings)
    chosen, given = inline_choices(wording, rng)
    text, roots, _ = writer.clause(chosen, plan, {**given, "TOOL": name})
    media: tuple[str, ...] = (f"{tool.medium}1",)
    if "{H" in wording:
        media = ("audio1",)
    elif tool.medium == "image" and writer.chance(0.1):
        media = ("image1", "audio1")
    if tool.medium == "image" and media == ("image1",) and "picture" not in text and writer.chance(0.05):
        number = rng.choice([1, 2])
        phrase = writer.word("pictures").format(i=number, o=("first", "second")[number - 1])
        roots = list(at(f"image{number}", roots, specs))
        text, media = writer.medium(text, phrase), ("image1", "image2")
    if writer.chance(0.12) and media == ("image1",):
        extra = rng.choice([intent for intent in intents() if intent.name in ("count", "color", "locate", "exists")])
        more = Writer(specs, split, rng, used=writer.used, lower=writer.lower)
        other, found, _ = more.clause(rng.choice(extra.wordings[split]), extra.plan)
        text = text.replace("~", "") + ", and " + other.removeprefix("!").replace("~", "")
        roots = [*roots, *found]
    return Example(
        writer.finish(text.replace("~", "")), media, to_steps(roots), f"tool:{name}", (wording,), tuple(writer.used)
    )


_OBJECT_INTENTS = (
    "count", "count_relation", "exists", "exists_relation", "locate", "color", "count_color", "compare_number", "more",
    "sum", "several", "caption_object", "which_largest", "exists_part", "count_part", "two_more", "not_exists",
)  # fmt: skip


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
        split: Whose wordings, nouns and invented tools to use.
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
