"""Simple Chinese sentences taken apart into atomic claims, by rules. Pure: knows no tool and no model.

Chinese writes no spaces, so nouns are those that are known: the object names of the Chinese phrases and of
`visagent_prompts/zh/claims.yaml`. A clause of which too much is left over becomes a claim of the kind `other`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple, get_args

from visagent.answering.phrasing import phrasebook
from visagent.answering.sentences import QUOTATION, quotation_text
from visagent.planning.prompts import word_lists
from visagent.verification.claimed_values import han_number
from visagent.verification.claims import AtomicClaim, Color, Span

_CLAUSE = re.compile(r"[^，,。；;！!？?、\n]+")
# Characters that say nothing of their own: particles, "is", "there is", "in", "and", "one".
_EMPTY = re.compile(r"[的了着在是有和与及一个里中上下图片照画像这那张幅它他她们可以看到见位于站放停其还也都为：:\s]")
_END = r"\s*$|\s*[和、]"


class _Words(NamedTuple):
    nouns: dict[str, str]
    colors: dict[str, Color]
    lists: dict[str, Any]
    thing: str
    """Pattern of a noun phrase, with the groups of `_thing`."""


def extract_chinese(text: str, sentences: Iterable[Span], *, heard: bool = False) -> list[AtomicClaim]:
    """The atomic claims of Chinese sentences, in the text's order.

    Args:
        text: Citations already blanked out.
        sentences: Where each one stands.
        heard: Whether the text is about sound alone, so that what is quoted was spoken.
    """
    claims: list[AtomicClaim] = []
    subject: dict[str, Any] = {}
    for span in sentences:
        for clause in _clauses(text, span):
            found, subject = _Clause(text, span, clause, subject, heard).read()
            claims += found
    return claims


def _clauses(text: str, span: Span) -> list[Span]:
    """A sentence's clauses; a comma inside quotation marks parts none."""
    hidden = QUOTATION.sub(lambda quotation: "“" * len(quotation[0]), text[span[0] : span[1]])
    return [(span[0] + found.start(), span[0] + found.end()) for found in _CLAUSE.finditer(hidden)]


class _Clause:
    """Reads one clause: quotation, relation, color said of something, then the noun phrases in it."""

    def __init__(self, text: str, sentence: Span, clause: Span, subject: dict[str, Any], heard: bool) -> None:
        self._text, self._sentence, self._clause = text, sentence, clause
        self._subject, self._heard = subject, heard
        self._claims: list[AtomicClaim] = []
        self._rest = text[clause[0] : clause[1]]
        """What has not been understood yet; understood characters become spaces."""
        self._names = _words()

    def read(self) -> tuple[list[AtomicClaim], dict[str, Any]]:
        """The clause's claims, and what a following one may call it."""
        self._quotations()
        if not self._relation():
            self._part()
        self._color()
        self._things()
        left = _EMPTY.sub("", self._rest)
        if len(left) >= 2:
            self._claim("other", self._text[self._clause[0] : self._clause[1]])
        return self._claims, self._subject

    def _quotations(self) -> None:
        for quotation in QUOTATION.finditer(self._rest):
            before = self._rest[: quotation.start()]
            spoken = self._heard or any(word in before for word in self._names.lists["speaking"])
            start, end = self._clause[0] + quotation.start() + 1, self._clause[0] + quotation.end() - 1
            kind = "speech" if spoken else "text"
            self._claim(kind, quotation[0], quote=quotation_text(quotation), place=(start, end))
            self._understood(quotation.start(), quotation.end())
        for word in [*self._names.lists["reading"], *self._names.lists["speaking"]]:
            if self._claims and word in self._rest:
                at = self._rest.index(word)
                self._understood(at, at + len(word))

    def _relation(self) -> bool:
        """`A 在 B 左边`, `B 左边有 A`, `A 戴着 B`."""
        lists, thing = self._names.lists, self._names.thing
        places = {word: relation for relation, words in lists["relations"].items() for word in words}
        places |= dict.fromkeys(lists["unchecked"], None)
        where = "|".join(sorted(places, key=len, reverse=True))
        touching = "|".join(lists["touching"])
        forms = [
            rf"(?P<one>{thing})(?:们|都)?(?P<no>不|没)?在(?P<two>{thing})的?(?P<place>{where})",
            rf"(?P<two>{thing})的?(?P<place>{where})(?P<no>没)?(?:有|是|站着|坐着|放着|停着|摆着)(?P<one>{thing})",
            rf"(?P<one>{thing})(?P<no>没有?|不)?(?P<place>{touching})(?P<two>{thing})",
        ]
        for form in forms:
            # The same groups stand in both noun phrases: only the outer ones have names.
            found = re.search(form, self._rest)
            if found is None:
                continue
            one, two = (self._thing(found.start(group), found[group]) for group in ("one", "two"))
            relation = places.get(found["place"], "overlaps")
            words = found[0].strip()
            negated = bool(found["no"])
            if not negated:
                self._claim_thing(one, counted=relation is None)
            self._claim_thing(two)
            place = (self._clause[0] + found.start("place"), self._clause[0] + found.end("place"))
            where_it_is = {"relation": relation, "other": two["noun"]}
            if relation is None:
                self._claim("other", words)
            elif one["number"] is not None and not negated:
                self._count(one, words, **where_it_is)
            else:
                at = None if negated else place
                self._claim("relation", words, noun=one["noun"], negated=negated, place=at, **where_it_is)
            self._subject = one
            self._understood(found.start(), found.end())
            return True
        return False

    def _part(self) -> None:
        """`狗在图片的左边`, `左边有一只狗`."""
        lists, thing = self._names.lists, self._names.thing
        parts = {word: part for part, words in lists["parts"].items() for word in words}
        where = "|".join(sorted(parts, key=len, reverse=True))
        picture = f"(?:{'|'.join(lists['pictures'])})?的?"
        forms = [
            rf"(?P<one>{thing})(?P<no>不)?(?:位于|在){picture}(?P<part>{where})",
            rf"{picture}(?P<part>{where})(?P<no>没)?有(?P<one>{thing})",
        ]
        for form in forms:
            if found := re.search(form, self._rest):
                one = self._thing(found.start("one"), found["one"])
                negated, part = bool(found["no"]), {"part": parts[found["part"]]}
                if not negated:
                    self._claim_thing(one, counted=False)
                if one["number"] is not None and not negated:
                    self._count(one, found[0], **part)
                else:
                    self._claim("relation", found[0], noun=one["noun"], negated=negated, **part)
                self._subject = one
                self._understood(found.start(), found.end())
                return

    def _color(self) -> None:
        """`杯子是棕色的`, and `是棕色的` of what was spoken of last."""
        colors = "|".join(sorted(self._names.colors, key=len, reverse=True))
        form = (
            rf"(?P<one>{self._names.thing})?(?:的?颜色)?(?P<no>不|并不)?(?:是|为|呈)(?P<color>{colors})色?的?(?={_END})"
        )
        found = re.search(form, self._rest)
        if found is None:
            return
        if found["one"]:
            self._subject = self._thing(found.start("one"), found["one"])
            self._claim_thing(self._subject)
        if not self._subject:
            return
        place = (self._clause[0] + found.start("color"), self._clause[0] + found.end("color"))
        self._claim(
            "attribute",
            found[0],
            noun=self._subject["noun"],
            color=self._names.colors[found["color"]],
            negated=bool(found["no"]),
            place=place,
        )
        self._understood(found.start(), found.end())

    def _things(self) -> None:
        """The noun phrases that are left: `有两只狗`, `没有猫`."""
        no = "|".join(self._names.lists["negations"])
        for found in re.finditer(rf"(?P<no>{no})?(?P<one>{self._names.thing})", self._rest):
            one = self._thing(found.start("one"), found["one"])
            if found["no"]:
                place = (self._clause[0] + found.start("no"), self._clause[0] + found.end("no"))
                self._claim("existence", found[0], noun=one["noun"], negated=True, place=place)
            else:
                self._claim_thing(one)
                self._subject = one
            self._understood(found.start(), found.end())

    def _claim_thing(self, thing: dict[str, Any], *, counted: bool = True) -> None:
        """That there is such a thing, how many, of which color."""
        noun = {"noun": thing["noun"], "noun_place": thing["noun_place"]}
        if thing["noun"] == "text":
            if not any(claim.kind == "text" for claim in self._claims):
                self._claim("text", thing["words"])
            return
        if thing["number"] is not None:
            if counted:
                self._count(thing, thing["words"])
            return
        self._claim("existence", thing["words"], **noun)
        if thing["color"]:
            self._claim("attribute", thing["words"], color=thing["color"], place=thing["color_place"], **noun)

    def _count(self, thing: dict[str, Any], words: str, **where: Any) -> None:
        self._claim(
            "count",
            words,
            noun=thing["noun"],
            noun_place=thing["noun_place"],
            number=thing["number"],
            comparison=thing["comparison"],
            color=thing["color"],
            place=thing["number_place"],
            **where,
        )

    def _thing(self, start: int, words: str) -> dict[str, Any]:
        """A noun phrase taken apart; `start` counts from the clause's beginning."""
        found = re.fullmatch(_thing_pattern(self._names, named=True), words)
        assert found is not None
        at = self._clause[0] + start

        def place(group: str) -> Span | None:
            return None if found[group] is None else (at + found.start(group), at + found.end(group))

        number, comparison = None, self._names.lists["quantities"].get(found["quantity"] or "", "=")
        if found["several"]:
            number, comparison = 2, ">="
        elif found["number"] and (found["number"] != "一" or found["quantity"]):
            digits = found["number"]
            number = int(digits) if digits.isdigit() else int(han_number(digits))
        return {
            "noun": self._names.nouns[found["noun"]],
            "noun_place": place("noun"),
            "words": words,
            "number": number,
            "comparison": comparison,
            "number_place": place("number") or place("several"),
            "color": self._names.colors.get(found["color"] or ""),
            "color_place": place("color"),
        }

    def _understood(self, start: int, end: int) -> None:
        self._rest = self._rest[:start] + " " * (end - start) + self._rest[end:]

    def _claim(self, kind: str, words: str, **details: Any) -> None:
        fields = {"kind": kind, "words": words.strip(), "sentence": self._sentence, **details}
        self._claims.append(AtomicClaim.model_validate(fields))


def _thing_pattern(names: _Words, *, named: bool) -> str:
    """Pattern of a noun phrase: `至少两只黑色的狗`."""
    lists = names.lists

    def group(name: str, options: str) -> str:
        return rf"(?P<{name}>{options})" if named else f"(?:{options})"

    def either(words: Iterable[str]) -> str:
        return "|".join(sorted(map(re.escape, words), key=len, reverse=True))

    colors, nouns = either(names.colors), either(names.nouns)
    number = group("number", r"\d+|[〇零一二两三四五六七八九十百千]+")
    quantity = rf"(?:{group('quantity', either(lists['quantities']))}有?)?"
    measure = f"[{lists['measures']}]"
    several = rf"{group('several', either(lists['several']))}{measure}?"
    before = rf"(?:{group('color', colors)}色?的?\s*)?"
    # One measure word may stand without a number: 有只狗.
    counted = rf"(?:{quantity}\s*{number}\s*{measure}|{several})?\s*"
    return rf"{counted}{before}{group('noun', nouns)}"


@cache
def _words() -> _Words:
    lists = word_lists("zh")
    terms = set(get_args(Color))
    known = phrasebook("zh")["names"]
    colors = {str(name): term for term, name in known.items() if term in terms and name != "橙子"} | lists["colors"]
    nouns = {str(name): label for label, name in known.items() if label not in terms or label == "orange"}
    nouns |= lists["nouns"] | dict.fromkeys(lists["text_nouns"], "text")
    names = _Words(nouns, colors, lists, "")
    return names._replace(thing=_thing_pattern(names, named=False))
