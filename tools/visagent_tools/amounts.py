"""Numbers, amounts, dates and the like in one line of text, with what they are written with. Pure; knows no tool."""

from __future__ import annotations

import re
from typing import NamedTuple

from visagent.core.words import numbers_in_digits, numbers_in_words, numbers_read_out
from visagent.evidence.values import Line, Number


class Amount(NamedTuple):
    """A number of a line: its value and unit, the characters it takes up, and how sure the line is."""

    value: float
    start: int
    end: int
    unit: str | None
    confidence: float

    def number(self, text: str = "") -> Number:
        """The amount as evidence.

        Args:
            text: The line it stands on, for how it is written there, `18.90` or `24 months`.
        """
        return Number(
            value=self.value, unit=self.unit, confidence=self.confidence, written=_as_written(self, text) or None
        )


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
# A reader of receipts joins a date and the time behind it: 12/03/202614:05.
_DATE = re.compile(
    rf"(?i)(?<![\d./-])(?:\d{{4}}([-/.]){_DAY}\1{_DAY}|{_DAY}([-/.]){_DAY}\2(?:\d{{4}}|\d{{2}}))(?:(?![./-]?\d)|(?=\d\d:\d\d))"
    rf"|\b{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? \d{{4}}\b)?"
    rf"|\b{_MONTH} (?:\d{{4}}\b|{_DAY}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?)"
    rf"|\d{{4}}年\d{{1,2}}月(?:\d{{1,2}}[日号])?|\d{{1,2}}月\d{{1,2}}[日号]"
)
_TIME = re.compile(
    r"(?i)(?:(?<![\d:])|(?<=[./-](?:19|20)\d\d))(?:(?:[01]?\d|2[0-4])[:h][0-5]\d(?::[0-5]\d)?(?![\d:])(?:\s?[ap]\.?m\b\.?)?"
    r"|(?:1[0-2]|0?[1-9])(?:\.[0-5]\d)?\s?[ap]\.?m\b\.?)"
    r"|(?:[上下中]午|早上|晚上|凌晨)?\d{1,2}[点时](?:\d{1,2}分?|半)?(?!间)"
    # 一点 alone means a little.
    r"|(?:[上下中]午|早上|晚上|早晨|傍晚|凌晨)[一二三四五六七八九十两]{1,3}[点时](?:[一二三四五六七八九十零]{1,3}分?|半)?"
    r"|[一二三四五六七八九十两]{1,3}点(?:半|整|[一二三四五六七八九十零]{1,3}分)"
)
# A dot between hours and minutes is told from a decimal point by what stands around it.
_DOTTED = r"(?:[01]?\d|2[0-3])\.[0-5]\d(?![\d.])"
_DOTTED_TIME = re.compile(
    rf"(?i)(?:\b(?:time|clock)|时间)\s?[:：]?\s?(?P<after>{_DOTTED})(?!\s?%)"
    rf"|(?<![\d.,:])(?P<before>{_DOTTED})(?=\s?(?:o'? ?clock|uhr)\b)"
)
_HOUR = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PAST_HOUR = (
    rf"(?:half past|(?:a )?quarter (?:past|to)|(?:five|ten|twenty|twenty[- ]five)(?: minutes)? (?:past|to)) {_HOUR}\b"
)
_SAID_TIME = re.compile(
    rf"(?i)\b(?:{_PAST_HOUR}|(?:noon|midnight|midday)\b"
    rf"|{_HOUR}(?:[ -](?:thirty|fifteen|forty[- ]five|ten|twenty|fifty))?"
    r"(?: o'? ?clock\b|(?: in the (?:morning|afternoon|evening)| at night|(?<=[a-z]) [ap]\.?m\b\.?)))"
    rf"|(?i:(?<=\bat )|(?<=\bby )|(?<=\buntil )|(?<=\bbefore )|(?<=\bafter )){_HOUR}"
    r"(?:[ -](?:thirty|fifteen|forty[- ]five))?(?=\s*(?:[.,;!?]|$|(?:on|tomorrow|today|tonight|sharp|and)\b))"
)
# Bounded repeats keep the search linear on long runs of letters.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_URL = re.compile(
    r"(?i)(?:https?://|www\.)[^\s<>\"'）)]{2,2000}"
    r"|(?<![\w@.-])(?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|info|eu|io|ai|cn|de"
    r"|es|fr|in|it|jp|uk|au|bg|br|ca|ch|cz"
    r"|dk|ee|fi|gr|hk|hr|hu|ie|kr|lt|lu|lv|mx|nl|nz|pl|pt|ro|ru|se|sg|si|sk|tr|tw|ua|za)\b(?:/[^\s<>\"]*)?"
)
_PHONE = re.compile(r"(?<![\w+.,])(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,5}\)[ .-]?)?\d{2,5}(?:[ .-]?\d{2,5}){1,5}(?!\w)")
_MONEY = r"[A-Z]{0,3}[$€£¥₹₩₽₺]|USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|CAD|AUD|SEK|NOK|DKK|PLN|Rs\.?"
_MONEY_BEFORE = re.compile(rf"(?:{_MONEY})\s?$")
_MONEY_AFTER = re.compile(
    rf"\s?(?:(?:{_MONEY})(?!\w)|(?:dollars?|euros?|pounds?|cents?|yuan|yen|rupees?|francs?)\b|[元块円])"
)
_SIDE = r"\d+(?:[.,]\d+)?\s?(?:['’′](?:\s?\d{1,2}\s?[\"”″'’′]{0,2})?|[\"”″]|mm|cm|m|ft|feet|in|inch(?:es)?|米|厘米)"
_SIZE = re.compile(rf"(?i){_SIDE}(?:\s?[x×*]\s?{_SIDE}){{1,2}}")
_PERCENT = re.compile(r"\s?[%％]")
# Of an amount in brackets, as books write what goes out, or with the minus behind it, as cash registers do.
_BRACKET_BEFORE = re.compile(rf"[(（]\s?(?:{_MONEY})?\s?$")
_BRACKET_AFTER = re.compile(rf"\s?(?:{_MONEY})?\s?[)）]")
REACH = 12
"""Characters before a number in which its sign, bracket or currency may stand."""
_MINUS_AFTER = re.compile(r"[-\u2212](?![\w\d-])")
_MINUS_BEFORE = re.compile(rf"(?<![\w)\]])[-\u2212]\s?(?:{_MONEY})?\s?$")
# What goods are measured in, and how long things last; in front of an amount of money they are no amount of it.
_MEASURE_AFTER = re.compile(
    r"(?i)\s?-?(?:kgs?|g|grams?|mg|lbs?|(?:us )?(?:fl\.? ?)?oz|ml|cl|dl|l|lit(?:er|re)s?|gal(?:lons?)?"
    r"|mm|cm|m|km|met(?:er|re)s?|inch(?:es)?|in"
    r"|packs?|pk|pkt|ct|rolls?|tabs?|tablets?|caps(?:ules)?|[kmgt]b|k?w(?:h|atts?)?|v|hz)\b(?!')"
    r"|\s?(?:克|千克|公斤|斤|升|毫升|厘米|毫米|米|包装|片|粒|袋|盒|卷)"
)
_LASTING_AFTER = re.compile(r"(?i)\s?-?(?:seconds?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|yrs?)\b")
_QUANTITY_AFTER = re.compile(r"(?i)\s?[x×✕*](?![a-z])|\s?(?:pcs?|pieces?|st(?:k|ück)?|个|件|只|份|瓶|本|包)\b\.?")
_QUANTITY_BEFORE = re.compile(r"(?i)(?:(?<![a-z0-9])[x×✕]|\bqty\.?:?|\bquantity:?|数量[:：]?)\s?$")


def spans(text: str, kind: str) -> list[tuple[int, int]]:
    """First and last character of everything of a kind in a line, in reading order.

    Args:
        text: One line.
        kind: One of number, date, time, price, email, phone, url.
    """
    match kind:
        case "number":
            return [(found.start, found.end) for found in amounts(Line(text=text))]
        case "price":
            return [(start, end) for start, end, _ in _money(text)]
        case "phone":
            found_spans = [found.span() for found in _PHONE.finditer(_without(text, "date", "time", "email", "url"))]
            return [(start, end) for start, end in found_spans if 7 <= sum(map(str.isdigit, text[start:end])) <= 15]
        case "url":
            found = _URL.finditer(_without(text, "email"))
            return [(match.start(), match.start() + len(match[0].rstrip(".,;:!?"))) for match in found]
    return [found.span() for found in {"date": _DATE, "time": _TIME, "email": _EMAIL}[kind].finditer(text)]


def said_times(text: str) -> list[tuple[int, int]]:
    """First and last character of every time of day that is written out in English words, as in "at half past six"."""
    return [found.span() for found in _SAID_TIME.finditer(text)]


def dotted_times(text: str) -> list[tuple[int, int]]:
    """First and last character of every time of day with a dot, as in "Time: 8.05" and "8.05 Uhr"."""
    return [found.span(found.lastgroup or 0) for found in _DOTTED_TIME.finditer(text)]


def amounts(line: Line) -> list[Amount]:
    """The numbers of a line that are written with digits; the sign of a currency, or %, is their unit.

    An amount is below zero with a minus before it, before its currency or behind it (`12.50-`), and in brackets where
    it is a price or has two decimals (`(12.50)`), as books write refunds.
    """
    text = line.text
    prices = {span: (start, end) for start, end, span in _money(text)}
    found = []
    for number in numbers_in_digits(_without(text, "date", "time", "email", "url")):
        unit, start, end, value = None, number.start, number.end, number.value
        if price := prices.get((start, end)):
            unit = (text[price[0] : start] + text[end : price[1]]).strip(" -\u2212")
        elif _PERCENT.match(text, end):
            unit = "%"
        outer_start, outer_end = price or (start, end)
        in_brackets = _BRACKET_BEFORE.search(text, max(0, start - REACH), start) and _BRACKET_AFTER.match(text, end)
        booked = unit is not None or re.search(r"[.,]\d\d$", text[start:end])
        before = any(_MINUS_BEFORE.search(text, max(0, place - REACH), place) for place in (outer_start, start))
        if value > 0 and (before or _MINUS_AFTER.match(text, outer_end) or (in_brackets and booked)):
            value = -value
        found.append(Amount(value, start, end, unit, line.confidence))
    return found


def only_amount(line: Line) -> Amount | None:
    """A line's number, where it holds one and hardly a letter beside it."""
    found = amounts(line)
    return found[0] if len(found) == 1 and len(re.findall(r"[^\W\d_]", line.text)) <= 3 else None


def spelled(line: Line) -> list[Amount]:
    """The numbers of a line that are written in English words."""
    # Three digits and more that are said one by one, as in "three seven nine", are one number.
    joined = [found for found in numbers_read_out(line.text) if found.value >= 100]
    digits = {at for number in joined for at in range(number.start, number.end)}
    found = [*joined, *(number for number in numbers_in_words(line.text) if number.start not in digits)]
    found.sort(key=lambda number: number.start)
    return [Amount(number.value, number.start, number.end, None, line.confidence) for number in found]


def is_quantity(amount: Amount, text: str) -> bool:
    """Whether a number says how many there are, as in `3 x`, `x3`, `Qty 3`, `3 pcs`."""
    whole = amount.unit is None and amount.value == int(amount.value)
    written = _QUANTITY_AFTER.match(text, amount.end) or _QUANTITY_BEFORE.search(
        text, max(0, amount.start - REACH), amount.start
    )
    return whole and written is not None


def is_measure(amount: Amount, text: str) -> bool:
    """Whether a number says how much or how many of a thing there are, as in `1L`, `500 g`, `6 pack`, `x2`."""
    return amount.unit is None and (_MEASURE_AFTER.match(text, amount.end) is not None or is_quantity(amount, text))


def _as_written(amount: Amount, text: str) -> str:
    """An amount in the digits of its line, with its currency, its percent sign or what it is measured in; empty where
    it is written in words or with a minus behind it."""
    digits = text[amount.start : amount.end]
    if not re.search(r"\d", digits) or (amount.value < 0) != digits.startswith(("-", "\u2212")):
        return ""
    if amount.unit == "%":
        return f"{digits} %"
    if amount.unit is not None:
        before = _MONEY_BEFORE.search(text, max(0, amount.start - REACH), amount.start)
        after = _MONEY_AFTER.match(text, amount.end)
        return f"{before[0]}{digits}" if before else f"{digits}{after[0]}" if after else ""
    measured = _MEASURE_AFTER.match(text, amount.end) or _LASTING_AFTER.match(text, amount.end)
    return digits + (measured[0] if measured else "")


def size_around(number: Amount, text: str) -> str:
    """The size of two or three sides, as `12'6" x 8'` and `4 m x 3 m`, that a number is a part of; empty for none.

    `3 x 4.50` may as well be three pieces at a price.
    """
    for found in _SIZE.finditer(text):
        if found.start() <= number.start < found.end():
            return found[0].strip()
    return ""


def is_price(amount: Amount, text: str) -> bool:
    """Whether a number is money: it has a currency, or two decimals, no percent sign and no measure behind it."""
    if amount.unit is not None:
        return amount.unit != "%"
    measure = _MEASURE_AFTER.match(text, amount.end)
    # A single letter behind a price is its tax class: 2.99 G.
    if measure is not None and len(measure[0].strip(" -")) > 1:
        return False
    return re.search(r"[.,]\d\d$", text[amount.start : amount.end]) is not None


def is_code(amount: Amount, text: str) -> bool:
    """Whether a number is part of a name, as in `A4`: whole, and right behind a capital letter, unless as in `X3`.

    Behind a small letter it is none: readers drop the space of `Total 12` more often than names end so.
    """
    before = re.search(r"[A-Z\u00c0-\u00de]$", text[: amount.start])
    whole = amount.unit is None and not re.search(r"[.,]", text[amount.start : amount.end])
    return before is not None and whole and not is_quantity(amount, text)


def is_year(amount: Amount, text: str) -> bool:
    """Whether a number is written as years are, `2021`, without a unit or a mark between its digits."""
    return amount.unit is None and re.fullmatch(r"-?(?:19|20)\d\d", text[amount.start : amount.end]) is not None


def _without(text: str, *kinds: str) -> str:
    """The line with everything of these kinds blanked out, so that the other places stay where they are."""
    for kind in kinds:
        for start, end in spans(text, kind):
            text = f"{text[:start]}{chr(10) * (end - start)}{text[end:]}"
    return text


def _money(text: str) -> list[tuple[int, int, tuple[int, int]]]:
    """Every price: its first and last character, then those of its digits alone."""
    prices = []
    taken = 0
    for found in numbers_in_digits(_without(text, "date", "time", "email", "url")):
        # A sign between two amounts belongs to the first one unless that has one in front: "5 € 7 €", "$5 $7".
        if before := _MONEY_BEFORE.search(text, max(taken, found.start - 6), found.start):
            start, end = before.start(), found.end
        elif after := _MONEY_AFTER.match(text, found.end):
            start, end = found.start, after.end()
        else:
            continue
        taken = end
        prices.append((start, end, (found.start, found.end)))
    return prices
