"""English word forms and numbers in words, as far as labels and short answers need them. Knows no tool and no evidence.

`inflect` was measured on the same nouns and left out: importing it takes several times as long as all of visagent, and
it makes "bu" of "bus", "tenni" of "tennis", "selfy" of "selfies", "germen" of "german" and "a 8th" of "8th".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_IRREGULAR = {
    "person": "people", "child": "children", "foot": "feet", "tooth": "teeth", "goose": "geese", "mouse": "mice",
    "ox": "oxen", "die": "dice", "passerby": "passersby",
    "knife": "knives", "wife": "wives", "life": "lives", "leaf": "leaves", "loaf": "loaves", "half": "halves",
    "shelf": "shelves", "bookshelf": "bookshelves", "wolf": "wolves", "calf": "calves", "thief": "thieves",
    "scarf": "scarves", "hoof": "hooves", "elf": "elves", "dwarf": "dwarves",
    "potato": "potatoes", "tomato": "tomatoes", "hero": "heroes", "mango": "mangoes", "volcano": "volcanoes",
    "mosquito": "mosquitoes", "tornado": "tornadoes", "torpedo": "torpedoes", "echo": "echoes", "buffalo": "buffaloes",
    "lens": "lenses", "gas": "gases", "canvas": "canvases", "atlas": "atlases", "iris": "irises",
    "axe": "axes", "quiz": "quizzes",
}  # fmt: skip
_SINGULAR = {many: one for one, many in _IRREGULAR.items()} | {
    "busses": "bus", "cacti": "cactus", "hoofs": "hoof", "dwarfs": "dwarf", "mangos": "mango",
}  # fmt: skip
_SAME = {
    "sheep", "fish", "deer", "aircraft", "series", "species", "scissors", "skis", "glasses", "sunglasses", "jeans",
    "trousers", "pants", "shorts", "pliers", "binoculars", "headphones", "people", "men", "women", "children", "cattle",
    "broccoli", "luggage", "furniture", "text", "tennis", "chess", "news",
}  # fmt: skip
_SINGULAR |= {
    f"{noun}s": noun for noun in ("kiwi", "taxi", "bikini", "zucchini", "emoji", "safari", "menu", "emu", "broccoli")
}
_NO_PLURAL_IN_MEN = {"specimen", "abdomen", "omen", "regimen", "ramen", "stamen"}
_NO_MAN = {"human", "german", "roman", "ottoman", "shaman", "talisman", "caiman"}
# Nouns whose own last letters look like a plural's ending; of their plurals only the "s" goes.
_IN_IE = {
    "cookie", "movie", "zombie", "selfie", "hoodie", "brownie", "birdie", "genie", "prairie", "rookie", "smoothie",
    "necktie", "bowtie", "pixie", "hippie", "junkie", "collie", "magpie", "potpie", "cutie", "foodie", "budgie",
    "beanie", "calorie", "pinkie", "veggie", "bookie", "goalie", "caddie", "auntie", "doggie", "groupie", "eyrie",
}  # fmt: skip
_IN_CHE = {"ache", "headache", "toothache", "cache", "mustache", "moustache", "avalanche", "niche", "quiche", "creche"}
_IN_USE = {"use", "fuse", "excuse", "muse", "recluse"}


def plural(noun: str) -> str:
    """The plural of an English noun or noun phrase: `person` -> `people`, `glass of water` -> `glasses of water`.

    >>> plural("traffic light"), plural("woman in red"), plural("berry"), plural("cookie")
    ('traffic lights', 'women in red', 'berries', 'cookies')
    """
    if found := re.match(r"(.+?)( (?:of|in|on|with|from|at|by) .*)$", noun):
        return plural(found[1]) + found[2]
    rest, _, last = noun.rpartition(" ")
    before = f"{rest} " if rest else ""
    word = last.lower()
    if not word.isascii() or not word[-1:].isalpha() or word in _SAME:
        return noun
    if word in _IRREGULAR:
        many = _IRREGULAR[word]
    elif word.endswith("man") and word not in _NO_MAN:
        many = f"{word[:-3]}men"
    elif word.endswith("y") and word[-2:-1] not in set("aeiou"):
        many = f"{word[:-1]}ies"
    elif word.endswith(("s", "x", "z", "ch", "sh")):
        many = f"{word}es"
    else:
        many = f"{word}s"
    # Keep the writer's capitals as far as the two forms agree.
    shared = next((at for at, (one, other) in enumerate(zip(word, many, strict=False)) if one != other), len(word))
    return before + last[:shared] + many[shared:]


def singulars(word: str) -> tuple[str, ...]:
    """The nouns that one English word may be the plural of, in lower case, likeliest first; none for what is no plural.

    >>> singulars("ties"), singulars("berries"), singulars("walruses"), singulars("glass")
    (('tie', 'ty'), ('berry', 'berrie'), ('walrus', 'walruse'), ())
    """
    word = word.lower()
    if word in _SINGULAR:
        return (_SINGULAR[word],)
    if word.endswith("men") and len(word) > 2 and word not in _NO_PLURAL_IN_MEN:
        return (f"{word[:-3]}man",)
    if len(word) < 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")) or word in _IRREGULAR:
        return ()
    without_s = word[:-1]
    if word.endswith("ies"):
        in_y = f"{word[:-3]}y"
        return (without_s, in_y) if without_s in _IN_IE or len(word) == 4 else (in_y, without_s)
    if word.endswith("ves"):
        return (without_s, f"{word[:-3]}f", f"{word[:-3]}fe")
    keeps_e = without_s in _IN_CHE | _IN_USE or word.endswith(("ouses", "auses"))
    if word.endswith(("sses", "xes", "zzes", "ches", "shes", "uses")) and not keeps_e:
        return (word[:-2], without_s)
    return (without_s, word[:-2]) if word.endswith(("ses", "zes", "oes")) else (without_s,)


def singular(noun: str) -> str:
    """The singular of an English noun phrase: `traffic lights` -> `traffic light`; what is no plural stays as it is.

    >>> singular("people"), singular("buses"), singular("glass"), singular("wine glasses"), singular("bow ties")
    ('person', 'bus', 'glass', 'wine glass', 'bow tie')
    """
    before, space, last = noun.rpartition(" ")
    # "Glasses" alone are worn, and "people" is the plural of "person", not a word of one form.
    worn = last.lower() in _SAME - _SINGULAR.keys() and not last.lower().endswith("men") and not before
    found = () if worn else singulars(last)
    return before + space + found[0] if found else noun


def with_article(noun: str) -> str:
    """`a` or `an` before an English noun phrase, by its first letter and the usual exceptions.

    >>> with_article("apple"), with_article("unicorn"), with_article("hour glass")
    ('an apple', 'a unicorn', 'an hour glass')
    """
    silent_h = re.match(r"(?i)(hour|honest|heir|honou?r)", noun)
    like_you_or_won = re.match(r"(?i)(uni(?!n)|use|usu|eu|ewe|one\b|ufo)", noun)
    vowel = re.match(r"(?i)[aeiou]|8|11\b|18\b", noun)
    return f"{'an' if silent_h or (vowel and not like_you_or_won) else 'a'} {noun}"


_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = (
    {"zero": 0, "a": 1}
    | {word: value for value, word in enumerate(_ONES, 1)}
    | {word: value for value, word in enumerate(_TEENS, 10)}
    | {word: 10 * value for value, word in enumerate(_TENS, 2)}
)


def _grammar() -> re.Pattern[str]:
    """English cardinals below a million, as one pattern that matches the longest well-formed one."""
    ones, teens, tens = ("|".join(words) for words in (_ONES, _TEENS, _TENS))
    below_100 = rf"(?:(?:{tens})(?:[- ](?:{ones})\b)?|{teens}|{ones})\b"
    below_1000 = rf"(?:(?:a|{ones}) hundred\b(?:(?: and)? {below_100})?|{below_100})"
    return re.compile(rf"(?i)\b(?:zero\b|(?:a|{below_1000}) thousand\b(?:(?: and)? {below_1000})?|{below_1000})")


_SPELLED = _grammar()

# Thousands in groups of three, or digits with one decimal mark; never a part of a longer run such as 1.2.3.
_DIGITS = re.compile(
    r"(?<![\d.,])(?P<sign>(?<![\w)\]])[-\u2212])?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+"
    r"|\d{1,3}(?:[ \u00a0\u202f']\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?)(?![.,]?\d)"
)


class Written(NamedTuple):
    """A number as it stands in a text: its value and the characters it takes up."""

    value: float
    start: int
    end: int


def numbers_in_digits(text: str) -> Iterator[Written]:
    """Numbers written with digits, in reading order.

    A comma or a thin space before exactly three digits groups thousands (`1,000`), any other comma is a decimal mark
    (`3,50`), and a full stop is one unless a comma follows the groups (`1.5` and `1.000` are decimals, `1.000,50` is
    not). A minus counts as a sign only where no word stands right before it (`10-20` is two numbers).
    """
    for found in _DIGITS.finditer(text):
        digits = re.sub(r"[ \u00a0\u202f']", "", found["digits"])
        if re.fullmatch(r"\d{1,3}(\.\d{3})+,\d+", digits):
            digits = digits.replace(".", "").replace(",", ".")
        elif re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
            digits = digits.replace(",", "")
        else:
            digits = digits.replace(",", ".")
        value = float(digits)
        yield Written(-value if found["sign"] else value, found.start(), found.end())


def numbers_in_words(text: str) -> Iterator[Written]:
    """Cardinal numbers in English words below a million, in reading order: `two hundred and five` -> 205."""
    for found in _SPELLED.finditer(text):
        thousands = current = 0
        for word in re.findall(r"[a-z]+", found[0].lower()):
            if word == "thousand":
                thousands, current = current * 1_000, 0
            elif word == "hundred":
                current *= 100
            elif word != "and":
                current += _VALUES[word]
        yield Written(float(thousands + current), found.start(), found.end())


_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2, "半": 0.5}
_HAN_POWERS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}


def han_numbers(question: str) -> list[float]:
    """Numbers in Chinese characters, `二十三`, `一百二`, `两千`, as far as they stand in the question."""
    found: list[float] = []
    for run in re.findall(r"[零一二三四五六七八九十百千万两半]+", question):
        if not any(character in _HAN_POWERS for character in run):
            found += [_HAN_DIGITS[character] for character in run]
            continue
        total, digit, power = 0.0, 0.0, 10.0
        for character in run:
            if character in _HAN_POWERS:
                power = _HAN_POWERS[character]
                total += (digit or 1) * power
                digit = 0.0
            else:
                digit = _HAN_DIGITS[character]
                power = 10.0 if character == "零" else power
        # The last digit after a hundred counts tens: 一百二 is 120, 一百零二 is 102.
        found.append(total + digit * max(power / 10, 1))
    return found


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

_DIGIT_WORDS = {word: str(value) for value, word in enumerate(["zero", *_ONES])} | {"oh": "0", "幺": "1", "〇": "0"}
_DIGIT_WORDS |= {char: str(value) for value, char in enumerate("零一二三四五六七八九")}
_SPOKEN_DIGIT = rf"(?:\b(?:\d|oh|zero|{'|'.join(_ONES)})\b|[〇零一二三四五六七八九幺])"
_READ_OUT = re.compile(
    rf"(?i)(?<![\d.,十百千第]){_SPOKEN_DIGIT}(?:\s*[,，、-]?\s*{_SPOKEN_DIGIT})+(?![.,]?\d|[十百千万])"
)


def numbers_read_out(text: str) -> Iterator[Written]:
    """Numbers whose digits are said one by one, in reading order: `three seven nine` -> 379, `2-0-4` -> 204.

    >>> [found.value for found in numbers_read_out("Call three seven nine, or 二零四; ninety one")]
    [379.0, 204.0]
    """
    for found in _READ_OUT.finditer(text):
        yield Written(float(_joined(found[0])), found.start(), found.end())


def with_joined_digits(text: str) -> str:
    """A text in which digits that are said one by one stand as one number.

    >>> with_joined_digits("Dial oh three seven, please.")
    'Dial 037, please.'
    """
    return _READ_OUT.sub(lambda found: _joined(found[0]), text)


def _joined(digits: str) -> str:
    parts: list[str] = re.findall(_SPOKEN_DIGIT, digits, re.IGNORECASE)
    return "".join(_DIGIT_WORDS.get(part.lower(), part) for part in parts)


def measure_word(noun: str, measures: Mapping[str, str]) -> str:
    """The measure word of a Chinese noun: its own, else that of the noun it ends with, else that of `other`.

    >>> measure_word("小猫", {"猫": "只", "other": "个"}), measure_word("杯子", {"猫": "只", "other": "个"})
    ('只', '个')
    """
    ends = (word for end, word in measures.items() if noun.endswith(end))
    return measures.get(noun) or next(ends, measures.get("other", ""))
