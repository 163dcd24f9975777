"""Words and noun phrases of the grammar of questions, each with the expression that finds what it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from visagent.core.words import plural, with_article
from visagent_training.expressions import Call, Specs, parse
from visagent_training.lexicon import Split, category_of, grammar, nouns


@dataclass(frozen=True)
class NounPhrase:
    """Words for some objects and the expression that finds them.

    Attributes:
        one: The phrase with the head noun in the singular, without article.
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
class Vocabulary:
    """Words and noun phrases of one split, each drawn at random.

    Attributes:
        specs: The tools, by name.
        split: The split whose words to use.
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
            category: Category of the head noun.
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
