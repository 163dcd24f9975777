"""Tool calls in words, from the phrases in `visagent_prompts`. Pure: knows no model, no evidence and no concrete tool.

Words are built up along the references: what `left_of($q1, $q2)` is called follows from the names of `$q1` and `$q2`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from visagent.answering.phrase_files import phrases_of
from visagent.core.text import QUOTE_LIMIT, cleaned, one_line
from visagent.core.words import measure_word, plural, singular, with_article
from visagent.evidence.tree import REFERENCE, SubQuestion, ToolCall
from visagent.tools.phrases import ToolPhrases, brought_phrases, takes_words

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_MEDIUM = re.compile(r"(image|video|audio)([1-9]\d*)(?:#(?P<region>[\w-]+))?$")


@dataclass(frozen=True)
class Noun:
    """What a result, a medium or a literal is called; templates use its forms.

    Attributes:
        one: The head in the singular, `person`.
        many: The head in the plural.
        before: Words before the head, with a space where the language has one, `red `.
        after: Words after it, ` in the picture`.
        number: How many were found; None while that is unknown.
        unique: Whether there can be only one, as with `the largest dog`.
        mass: Whether it cannot be counted, as with text.
        place: Whether things are in it rather than on it: a picture, a part of one, a clip.
        proper: Whether it takes no article: a literal, or a medium by its name.
        obvious: Whether it goes without saying: the only picture.
        objects: Whether it is found rather than told: objects, not a number or a text.
        clause: The statement that it stands for, of a yes-or-no question.
        denied: The same statement denied.
        counted: What is counted, of a number that counts.
        at: Where it is, where that can be said apart from it: `公交车左边` of `公交车左边的人`.
        inner: Words before the head that do not say where it is.
    """

    one: str
    many: str
    book: Phrasebook = field(repr=False)
    before: str = ""
    after: str = ""
    number: int | None = None
    unique: bool = False
    mass: bool = False
    place: bool = False
    proper: bool = False
    obvious: bool = False
    objects: bool = False
    clause: str = ""
    denied: str = ""
    counted: Noun | None = None
    at: str = ""
    inner: str = ""

    def __str__(self) -> str:
        return self.bare

    @property
    def bare(self) -> str:
        """Singular, without an article."""
        return f"{self.before}{self.one}{self.after}"

    @property
    def bares(self) -> str:
        """Plural, without an article."""
        return f"{self.before}{self.one if self.mass or self.proper else self.many}{self.after}"

    @property
    def _plural(self) -> bool:
        return not self._single and bool(self.number)

    @property
    def _single(self) -> bool:
        return self.unique or self.mass or self.proper or self.number == 1

    @property
    def the(self) -> str:
        """With the article; plural if several were found."""
        words = self.bares if self._plural else self.bare
        return words if self.proper or not self.book.articles else f"the {words}"

    @property
    def all(self) -> str:
        """With the article; plural unless there is only one."""
        if self._single:
            return self.the
        return f"the {self.bares}" if self.book.articles else self.bares

    @property
    def a(self) -> str:
        """Singular, with the indefinite article."""
        if self.unique:
            return self.the
        return self.bare if self.mass or self.proper or not self.book.articles else with_article(self.bare)

    @property
    def measure(self) -> str:
        """The measure word between a number and the noun; empty in a language without any."""
        return measure_word(self.one, self.book["measures"])

    @property
    def unplaced(self) -> str:
        """As `bare`, without what `at` says."""
        return f"{self.inner if self.at else self.before}{self.one}{self.after}"

    def beside(self, other: Noun) -> str:
        """The plural after `than`: what it shares with the other one goes unsaid, as in `than in image2`."""
        shared = (self.before, self.many) == (other.before, other.many) and self.after and other.after
        return self.after.strip() if shared else self.bares

    @property
    def are(self) -> str:
        """`is` or `are`, to go with `the`."""
        return "are" if self._plural else "is"

    @property
    def are_all(self) -> str:
        """`is` or `are`, to go with `all`."""
        return "is" if self._single else "are"

    @property
    def thing(self) -> bool:
        """Whether it is an object rather than a picture or a clip."""
        return not self.place

    @property
    def on(self) -> str:
        """Where something on or in it is."""
        return self.book.render(self.book["where"]["place" if self.place else "thing"], the=self.the)

    @property
    def within(self) -> str:
        """As `on`; empty where that goes without saying."""
        return "" if self.obvious else self.on


class Phrasebook:
    """One language's phrases, and the nouns and questions made of them.

    Args:
        language: `en` or `zh`.

    Raises:
        ConfigError: there are no phrases in that language.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._phrases = phrases_of(language)
        self.articles = bool(self._phrases["articles"])
        self._packaged = {name: ToolPhrases.model_validate(own) for name, own in self._phrases["tools"].items()}
        self._other = ToolPhrases.model_validate(self._phrases["other"])

    def __getitem__(self, key: str) -> Any:
        return self._phrases[key]

    def render(self, template: str, **names: Any) -> str:
        """A phrase filled in."""
        if "{" not in template:
            # Most are plain words, and a template takes a hundred times as long.
            return template
        return str(_template(self.language, template).render(**names))

    def own_words(self, call: ToolCall) -> ToolPhrases | None:
        """The phrases that a call's tool brought, or those packaged for it; None where it has none in this language."""
        found = brought_phrases(call.tool, self.language) or self._packaged.get(call.tool)
        if found is None:
            return None
        return next((own for name, own in found.given.items() if name in call.arguments), found)

    def words(self, call: ToolCall) -> ToolPhrases:
        """The phrases of a call's tool; those of any other tool where it has none of its own."""
        return self.own_words(call) or self._other

    def quote(self, text: str, limit: int = QUOTE_LIMIT) -> str:
        """Untrusted text, cleaned and in quotation marks."""
        opening, closing = self._phrases["quotes"]
        return f"{opening}{cleaned(text, limit)}{closing}"

    def literal(self, value: Any) -> Noun:
        """A literal as a noun."""
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        return Noun(one=shown, many=shown, book=self, proper=True, number=1)

    def sentence(self, words: str) -> str:
        """Words as the beginning of a sentence."""
        return words[:1].upper() + words[1:] if self.articles else words

    def join(self, items: list[str]) -> str:
        """Items as a list in words: `a, b and c`."""
        words: Mapping[str, str] = self._phrases["list"]
        return words["and"].join([words["comma"].join(items[:-1]), items[-1]] if len(items) > 1 else items)


class Namer:
    """Names the results of a plan's calls, following their references.

    Args:
        book: The phrases.
        nodes: The sub-questions that calls refer to, by id.
        found: How many objects each one found, as far as that is known.
        media: Names of the media in use; a picture that is the only one goes without saying.
        known: Nouns of the same sub-questions from before, with the sub-question that each is of; added to.
        renamed: What was looked for, by id, instead of the label that was asked for.
    """

    def __init__(
        self,
        book: Phrasebook,
        nodes: Mapping[str, SubQuestion],
        found: Mapping[str, int] | None = None,
        media: frozenset[str] = frozenset(),
        known: dict[str, tuple[SubQuestion, Noun]] | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        self.book, self._nodes, self._found, self._renamed = book, nodes, found or {}, renamed or {}
        self._media = media | {name for node in nodes.values() for name in media_names(node.solver)}
        self._known = {} if known is None else known

    def names(self, call: ToolCall) -> dict[str, Any]:
        """What a call's templates may name: its arguments, and the `result`."""
        names = self._arguments(call)
        return {**names, "result": self._noun(call, names, None)}

    def noun(self, id_: str) -> Noun:
        """What the result of a sub-question is called."""
        if id_ in self._renamed:
            call = self._nodes[id_].solver
            call = call.model_copy(update={"arguments": {**call.arguments, "label": self._renamed[id_]}})
            return self._noun(call, self._arguments(call), self._found.get(id_))
        node = self._nodes[id_]
        of, noun = self._known.get(id_, (None, None))
        if noun is None or of is not node:
            noun = self._noun(node.solver, self._arguments(node.solver), self._found.get(id_))
            self._known[id_] = node, noun
        return noun

    def _arguments(self, call: ToolCall) -> dict[str, Any]:
        names = {
            name: self._words(given) if takes_words(call.tool, name) else self._argument(given)
            for name, given in call.arguments.items()
            if given is not None
        }
        own = self.book.own_words(call)
        looks_at = self.book.words(call).looks_at
        names |= {name: self._together(given) for name, given in names.items() if name in looks_at}
        if own is not None and own.names_numbers:
            names |= {name: self.book.literal(value) for name, value in names.items() if isinstance(value, int | float)}
        if own is None:
            shown = [str(value.the if isinstance(value, Noun) else value) for value in names.values()]
            names |= {"tool": call.tool.replace("_", " "), "given": cleaned(", ".join(shown), 80)}
        return names

    def _together(self, given: Any) -> Noun:
        """What is looked at as one noun, also where it is a list."""
        nouns = [item for item in (given if isinstance(given, list) else [given]) if isinstance(item, Noun)]
        if len(nouns) == 1:
            return nouns[0]
        shown = self.book.join([noun.the for noun in nouns]) if nouns else one_line(str(given), 80)
        places = all(noun.place for noun in nouns)
        return Noun(one=shown, many=shown, book=self.book, place=places, proper=True, number=max(1, len(nouns)))

    def _words(self, given: JsonValue) -> Any:
        """An argument that names no medium, even where it is written like one."""
        if isinstance(given, list):
            return [self._words(item) for item in given]
        return one_line(given) if isinstance(given, str) and _is_medium(given) else self._argument(given)

    def _argument(self, given: JsonValue) -> Any:
        if isinstance(given, list):
            items = [self._argument(item) for item in given]
            return self._pictures(given, items) if given and all(_is_medium(item) for item in given) else items
        if not isinstance(given, str):
            return self.book.literal(given) if isinstance(given, bool) else given
        if (match := REFERENCE.match(given)) and match[1] in self._nodes:
            return self.noun(match[1])
        if match := _MEDIUM.match(given):
            if match["region"]:
                # Of two pictures' regions of one name, which picture it is has to be said.
                shared = any(name != given and name.endswith(f"#{match['region']}") for name in self._media)
                said = given if shared else match["region"]
                return Noun(one=said, many=said, book=self.book, place=True, proper=True, number=1)
            several = any(name != given and name.startswith(match[1]) for name in self._media)
            if several or match[2] != "1":
                return Noun(one=given, many=given, book=self.book, place=True, proper=True, number=1)
            name = self.book["media"][match[1]]
            return Noun(one=name, many=name, book=self.book, place=True, unique=True, obvious=True)
        return one_line(given)

    def _pictures(self, given: list[JsonValue], items: list[Noun]) -> Noun:
        """Several pictures as one noun: all of them go without saying, some are named."""
        if len(items) == 1:
            return items[0]
        kind = str(given[0]).rstrip("0123456789")
        if self._media - {str(name) for name in given} == {name for name in self._media if not name.startswith(kind)}:
            one, many = self.book["media"][kind], self.book["media_many"].get(kind, self.book["media"][kind])
            return Noun(one=one, many=many, book=self.book, place=True, number=len(items), obvious=True)
        named = self.book.join([item.one for item in items])
        return Noun(one=named, many=named, book=self.book, place=True, proper=True, number=len(items))

    def _noun(self, call: ToolCall, names: dict[str, Any], number: int | None) -> Noun:
        words = self.book.words(call)
        spec = words.noun

        def filled(key: str) -> str:
            return self.book.render(str(spec.get(key, "")), **names)

        one = filled("one")
        liked = names.get(filled("like"))
        if isinstance(liked, Noun):
            noun = replace(liked, before=filled("before") + liked.before, after=liked.after + filled("after"))
            # Where it is stays apart: left_of(filter_color(cars)) are red cars, and where they are.
            noun = replace(noun, at=filled("at") or liked.at)
            noun = replace(noun, inner=liked.before if spec.get("at") else filled("before") + liked.inner)
            # A part of something, or something of a kind, need not be what goes without saying.
            noun = replace(noun, obvious=False, clause="", denied="", counted=None)
            if one:
                noun = replace(noun, one=one, many=self._plural(one))
        else:
            noun = Noun(one, filled("many") or self._plural(one), self.book, filled("before"), filled("after"))
            noun = replace(noun, mass=bool(spec.get("mass")), place=bool(spec.get("place")))
            noun = replace(noun, objects=bool(spec.get("objects")), proper=bool(spec.get("proper")), at=filled("at"))
        noun = replace(noun, number=number, unique=noun.unique or bool(spec.get("unique")))
        if words.clause:
            clause, denied = (self.book.render(said, **names, result=noun) for said in (words.clause, words.denied))
            noun = replace(noun, clause=clause, denied=denied)
        if words.counts is not None and isinstance(items := names.get(words.counts), Noun):
            noun = replace(noun, counted=items)
        return noun

    def _plural(self, one: str) -> str:
        return plural(one) if self.book.articles else one


def phrase(call: ToolCall, earlier: Mapping[str, SubQuestion], language: str = "en", media: Iterable[str] = ()) -> str:
    """A tool call as a question in words: `count($q3)` -> `How many people to the left of the bus are there?`

    Args:
        call: What is asked.
        earlier: The sub-questions that it may refer to, by id.
        language: `en` or `zh`.
        media: Names of all media of the question; a picture that is the only one goes without saying.

    Raises:
        ConfigError: there are no phrases in that language.
    """
    return phraser(language, media)(call, earlier)


def phraser(language: str = "en", media: Iterable[str] = ()) -> Callable[[ToolCall, Mapping[str, SubQuestion]], str]:
    """`phrase` for the calls of one plan, each of which is named once however many later ones refer to it.

    Args:
        language: `en` or `zh`.
        media: Names of all media of the question; a picture that is the only one goes without saying.

    Raises:
        ConfigError: there are no phrases in that language.
    """
    book, names = phrasebook(language), frozenset(media)
    nouns: dict[frozenset[str], dict[str, tuple[SubQuestion, Noun]]] = {}

    def words(call: ToolCall, earlier: Mapping[str, SubQuestion]) -> str:
        used = names.union(media_names(call), *(media_names(node.solver) for node in earlier.values()))
        # What a medium is called depends on which others there are.
        namer = Namer(book, earlier, media=used, known=nouns.setdefault(used, {}))
        return book.sentence(book.render(book.words(call).question, **namer.names(call)))

    return words


def media_names(call: ToolCall) -> list[str]:
    """Names of the media that a call takes, such as `image1`."""
    values = [value for name, value in call.arguments.items() if not takes_words(call.tool, name)]
    given = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [item for item in given if isinstance(item, str) and _MEDIUM.match(item)]


def _is_medium(given: JsonValue) -> bool:
    return isinstance(given, str) and _MEDIUM.match(given) is not None


@cache
def phrasebook(language: str) -> Phrasebook:
    """The phrases of a language, read once."""
    return Phrasebook(language)


@cache
def _template(language: str, template: str) -> Template:
    # Compiling takes a hundred times as long as filling in.
    return _environment(language).from_string(template)


@cache
def _environment(language: str) -> Environment:
    from jinja2 import Environment, StrictUndefined

    phrases = phrases_of(language)

    def looked_up(table: str, value: Any) -> str:
        shown = phrases[table].get(str(value), str(value))
        return str(shown)

    def ordinal(position: Any) -> str:
        if not isinstance(position, int):
            return str(position)
        if position in phrases["ordinals"]:
            return str(phrases["ordinals"][position])
        template = phrases["ordinals"]["nth" if position > 0 else "nth_last"]
        return _template(language, template).render(n=abs(position))

    # Plain text, never HTML: nothing to escape.
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    tables = {"name": "names", "part": "parts", "order": "orders", "relation": "relations", "kind": "kinds"}
    tables |= {"stands": "stands", "aggregate": "aggregates", "language": "languages"}
    for filter_, table in tables.items():
        environment.filters[filter_] = lambda value, table=table: looked_up(table, value)
    environment.filters["color"] = lambda value: phrases["colors"].get(str(value)) or looked_up("names", value)
    environment.filters |= {"ordinal": ordinal, "plural": plural, "singular": singular, "a": with_article}
    environment.filters["quote"] = lambda text: getattr(text, "the", "") or phrasebook(language).quote(str(text), 60)
    return environment
