"""Untrusted and long text as one short clean line, and which language a text is in."""

from __future__ import annotations

import re
import unicodedata

QUOTE_LIMIT = 200
"""Characters of a quotation from a picture or a clip."""


_INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Co", "Cs")
"""Categories of characters that nobody sees."""
_MARKUP = re.compile(r"[<>{}`*|\\]")


_INCHES = re.compile(r"(?<=['’′]\d)[\"”]|(?<=['’′]\d\d)[\"”]")
"""What stands for inches behind feet, and is no quotation mark."""
_QUOTES = str.maketrans({"“": "'", "”": "'", '"': "'", "„": "'", "「": "'", "」": "'"})


def one_line(text: str, limit: int = QUOTE_LIMIT) -> str:
    """Text as one short line without control or formatting characters, and without brackets to cite with."""
    visible = "".join(" " if unicodedata.category(char) in _INVISIBLE or char in "[]" else char for char in text)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def cleaned(text: str, limit: int = QUOTE_LIMIT) -> str:
    """Untrusted text as one short line without markup, to stand between quotation marks.

    >>> cleaned("SALE\\n[q1] <b>50 %</b>")
    'SALE q1 b 50 % /b'
    >>> cleaned("12'10\\" x 17’9”")
    "12'10″ x 17’9″"
    """
    return one_line(_INCHES.sub("″", _MARKUP.sub(" ", text)).translate(_QUOTES), limit)


_JOINERS = "\u200c\u200d"
_WIDE = {
    code: code - 0xFEE0
    for span in ("０９", "Ａｚ")
    for code in range(ord(span[0]), ord(span[1]) + 1)
    if chr(code).isalnum()
}


def as_it_reads(text: str) -> str:
    """Text without what nobody sees in it, and with letters and digits of the usual width.

    Pasted text holds marks of direction, soft hyphens and spaces without width, which part a word for a program and not
    for a person. What joins two characters into one stays.

    >>> as_it_reads("Is there a c\u200bu\u202ep\ufeff, or ２ Ｃｕｐｓ？")
    'Is there a cup, or 2 Cups？'
    """
    seen = (char for char in text if char in _JOINERS or unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", "".join(seen)).translate(_WIDE)


HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
"""Chinese characters, as what stands between the brackets of a regular expression."""
_HAN = re.compile(f"[{HAN}]")
_LATIN = re.compile(r"[A-Za-z]")


_CITED = re.compile(r"\s*\[\s*q\d+(?:\s*[,;，、]\s*q\d+)*\s*\]")
_FENCE = re.compile(r"(?m)^[ \t]*```\w*[ \t]*$\n?")
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_DEEPEST = 12
"""Spaces by which a line stays indented at most: lists within lists."""


def own_words(text: str) -> str:
    """A model's own statement as it may be shown: no control or formatting characters, no code fences, no citations.

    Nothing else is taken away, and it may be as long as it is: its lines stay lines, with what they are indented by.

    >>> own_words("It says \\x1b[31m5 + 5 [q1].\\r\\n\\n\\n- Yes.\\t No.")
    'It says [31m5 + 5.\\n\\n- Yes. No.'
    """
    bare = _CITED.sub("", _FENCE.sub("", text))
    lines = [_visible(line) for line in _LINE_END.split(bare)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n").lstrip(" ")


def _visible(line: str) -> str:
    """A line without what cannot be seen, its words one space apart; an indented one stays so."""
    shown = "".join(" " if unicodedata.category(char) in _INVISIBLE else char for char in line.replace("\t", "    "))
    words = " ".join(shown.split())
    return " " * min(len(shown) - len(shown.lstrip()), _DEEPEST) + words if words else ""


def detect_language(question: str) -> str:
    """`zh` for a question written mainly in Chinese characters, otherwise `en`; one character weighs three letters.

    >>> detect_language("图片里有多少人？"), detect_language("What does 出口 mean?")
    ('zh', 'en')
    """
    return "zh" if 3 * len(_HAN.findall(question)) > len(_LATIN.findall(question)) else "en"
