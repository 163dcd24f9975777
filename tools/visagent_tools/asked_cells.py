"""Which cells of a table a whole question means, by the names of rows and columns that it says. Pure; knows no picture.

A question that says anything beside these names, the table's title, what is asked (how much, the most) and words that
hold of any table ("spend", "country") is about something that the table does not tell, and means no cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from visagent.core.errors import AmbiguousInput, MissingInput
from visagent.evidence.values import Cell
from visagent_tools.amounts import Amount
from visagent_tools.question_words import Word, stems, words_of
from visagent_tools.table_lookup import TableView

Key: TypeAlias = "tuple[Literal['row', 'column'], int]"

_PARTICLES = stems(
    """
    a an the of in on at for to from by with and or than as per is are was were be been it its they their them
    he she his her you your i me my we our us this that these those there here which what who whom whose where
    when how much many more most less least fewer fewest do does did has have had can could would will shall
    should not so please tell s if then both either between into out up about according
    """
)
"""What names nothing by itself."""
_COMMON = _PARTICLES | stems(
    """
    high higher highest low lower lowest large larger largest great greater greatest big bigger biggest small
    smaller smallest cheap cheaper cheapest dear dearer dearest expensive long longer longest short shorter
    shortest early earlier earliest late later latest old older oldest new newer newest young fast faster slow
    slower together altogether combined total sum add added all whole overall taken difference percent
    percentage percents point points share number amount figure value quantity rate level money pounds dollars
    euros year years country countries nation nations city cities town place state states team people person
    persons thing things part portion game games event events item items kind sort one ones two three table
    chart graph picture page list shown given show shows say says listed spend spends spent spending go goes
    went going use uses used using get gets got win wins won make makes made bring brings brought take takes
    took cost costs pay pays paid score scored have carry carries carried ride rides open opens opened start
    started come comes came give gave need needs hold holds held reach reached read know want like
    """
)
_COMMON_ZH = frozenset(
    "的了是有在个哪谁什么多少几大小高低早晚长短贵便宜最更较比和与跟及或还一共总加起来计合两三都里中上图表格这那请问年月日号"
    "各每次数量位名用花坐去开得到达为从到于吗呢啊？，。国家城市地方人们东西钱元共差相同按照根据显示看告诉我就会能要占通过经项成座条"
)


_SHARE = re.compile(r"(?i)\b(?:per ?cent\w*|shares?|proportion|fraction|rates?)\b|[%％]|百分|占|比例|份额")


_MEASURES = tuple(
    (re.compile(rf"(?i)\b(?:{english})\b|最(?:{chinese})"), stems(headers))
    for english, chinese, headers in (
        ("longest|shortest", "长|短", "length distance duration km kilometres miles"),
        ("tallest|highest|lowest", "高|矮|低", "height elevation altitude"),
        ("heaviest|lightest", "重|轻", "weight mass kg"), ("fastest|slowest", "快|慢", "speed"),
        ("cheapest|dearest|priciest|most expensive|least expensive", "便宜|贵", "price cost fee fare"),
        ("largest|biggest|smallest", "大|小", "area size"), ("hottest|warmest|coldest", "热|冷", "temperature"),
        ("busiest", "忙", "passengers visitors riders"),
    )
)  # fmt: skip
"""By what word things are compared, and what heads the column that it is about."""
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_FIRST = re.compile(r"(?i)\b(?:first|earliest|oldest)\b|最(?:早|老|先|久)")
_LAST = re.compile(r"(?i)\b(?:last|latest|newest|youngest|most recent)\b|最(?:晚|新|后)")


class Meant(NamedTuple):
    """Rows and columns that a question names, each in the order of its words."""

    rows: list[int]
    columns: list[int]


class Found(NamedTuple):
    """A cell with its names, and its number where it has one."""

    name: str
    cell: Cell
    amount: Amount | None


def meant(view: TableView, question: str) -> Meant:
    """The rows and columns that a question names.

    Raises:
        AmbiguousInput: a word of it stands for several.
        MissingInput: it says something that the table does not.
    """
    if len(view.blocks()) > 1:
        raise AmbiguousInput("The table has several parts with the same rows.", "Say which part is meant.")
    words, names = words_of(question), _names(view)
    said = {key: stems(name) - _PARTICLES or stems(name) for key, name in names.items()}
    taken = _whole_names(words, said)
    used = {at for places in taken.values() for at in places}
    titles = stems(" ".join(view.titles()))
    about = {at for at, word in enumerate(words) if _fits(word, titles)}
    partly = _parts(words, said, used, [*taken], about)
    taken |= _single(partly, names, {kind for kind, _ in taken})
    used |= {at for places in taken.values() for at in places}
    _check_all_said(words, used | about)
    order = sorted(taken, key=lambda key: min(taken[key]))
    return Meant([at for kind, at in order if kind == "row"], [at for kind, at in order if kind == "column"])


def cells(view: TableView, question: str) -> list[Found]:
    """The cells where the named rows and columns meet, in the order of the question's words.

    Raises:
        AmbiguousInput: several columns may be meant.
        MissingInput: no row or no column is named, or one of the cells is empty.
    """
    rows, columns = meant(view, question)
    if rows and not columns:
        columns = _only_column(view)
    if not rows or not columns:
        raise MissingInput("The question names no row and column of the table.", "Name both.")
    found = [_found(view, row, column) for row in rows for column in columns]
    kept = [one for one in found if one is not None]
    if len(kept) < len(found):
        raise MissingInput("Nothing stands where the named row and column meet.", "Look at another one.")
    _check_share(view, question, kept)
    return kept


def best(view: TableView, question: str, which: Literal["most", "least"]) -> list[Found]:
    """The cells with the most or the least: of those that are named, where two or more are, else of a row or a column.

    Raises:
        AmbiguousInput: several columns may be meant, or what is compared is not of one kind.
        MissingInput: no row and no column is named, or one of the cells holds no number.
    """
    # "First" and "last" name no row where things are compared.
    rows, columns = meant(view, _FIRST.sub(" ", _LAST.sub(" ", question)))
    if not columns and len(rows) != 1:
        columns = _measured(view, question) or _only_column(view)
    if (len(rows) == 1) == (len(columns) == 1):
        raise AmbiguousInput("The question does not say which numbers are compared.", "Name one row or column.")
    rows, columns = rows or view.entries(), columns or view.number_columns()
    found = [_found(view, row, column) for row in rows for column in columns]
    numbers = [(one.amount.value, one) for one in found if one is not None and one.amount is not None]
    _check_share(view, question, [one for _, one in numbers])
    if len(numbers) < len(found) or len(numbers) < 2:
        raise MissingInput("One of the cells holds no number.", "Look at another row or column.")
    if len({_letters(one) for _, one in numbers}) > 1:
        raise AmbiguousInput("The numbers are not all of the same unit.", "Look at each of them.")
    if all(_YEAR.fullmatch(one.cell.text.strip()) for _, one in numbers):
        first, last = _FIRST.search(question) is not None, _LAST.search(question) is not None
        if first == last:
            raise AmbiguousInput("The numbers are years, of which none is the most.", "Ask which one is the earliest.")
        # What is oldest has the lowest year.
        which = "least" if first else "most"
    extreme = (max if which == "most" else min)(value for value, _ in numbers)
    return [one for value, one in numbers if value == extreme]


def _measured(view: TableView, question: str) -> list[int]:
    """The one column of numbers that a comparing word of the question is about: years of the oldest, length of the
    longest."""
    if _FIRST.search(question) or _LAST.search(question):
        years = [column for column in view.number_columns() if _of_years(view, column)]
        return years if len(years) == 1 else []
    headers = [heads for compared, heads in _MEASURES if compared.search(question)]
    if len(headers) != 1:
        return []
    found = [column for column in view.number_columns() if stems(view.header(column)) & headers[0]]
    return found if len(found) == 1 else []


def _of_years(view: TableView, column: int) -> bool:
    found = [_found(view, row, column) for row in view.entries()]
    return all(one is not None and _YEAR.fullmatch(one.cell.text.strip()) for one in found)


def _check_share(view: TableView, question: str, found: Sequence[Found]) -> None:
    """Refuse a question for a share where the table has amounts."""
    if _SHARE.search(question) and not _SHARE.search(" ".join(view.titles())):
        for one in found:
            if not _SHARE.search(f"{one.name} {one.cell.text}"):
                raise MissingInput("The table gives amounts, and no shares.", "Ask how many there are.")


def _letters(found: Found) -> str:
    return "".join(re.findall(r"[^\W\d_]|%", found.cell.text.casefold()))


def _only_column(view: TableView) -> list[int]:
    """The one column of numbers, where it has no name that could say something else than the question."""
    columns = view.numeric_columns()
    if len(columns) != 1:
        raise AmbiguousInput("Several columns of the table hold numbers.", "Name one of them.")
    if re.search(r"[^\W\d_]", view.header(columns[0])):
        raise MissingInput(f"The question does not name the column {view.header(columns[0])!r}.", "Name it.")
    return columns


def _found(view: TableView, row: int, column: int) -> Found | None:
    cell = view.cell_at(row, column)
    if cell is None or not cell.text.strip():
        return None
    parts = [part for part in (view.row_name(row), view.header(column)) if part]
    return Found(", ".join(parts), cell, view.number_at(row, column))


def _names(view: TableView) -> dict[Key, str]:
    """The names of all rows and columns that have one; what heads the names of the rows is none."""
    rows: dict[Key, str] = {("row", row): view.row_name(row) for row in view.body}
    columns: dict[Key, str] = {("column", column): view.header(column) for column in range(1, view.width)}
    return {key: name for key, name in (rows | columns).items() if re.search(r"\w", name)}


def _fits(word: Word, said: frozenset[str]) -> frozenset[str]:
    """The stems of a name that a word stands for."""
    telling = (means - _PARTICLES or means for means in word.means)
    return next((means for means in telling if means and means <= said), frozenset())


def _is_particle(word: Word) -> bool:
    return word.means[0] <= _PARTICLES or (len(word.text) == 1 and word.text in _COMMON_ZH)


def _whole_names(words: Sequence[Word], said: Mapping[Key, frozenset[str]]) -> dict[Key, list[int]]:
    """Names of which all stands in the question in one place, the longest first, so that no word is used twice."""
    runs = []
    for key, stems_of in said.items():
        for start in range(len(words)):
            left, places = set(stems_of), []
            for at in range(start, len(words)):
                fitting = _fits(words[at], stems_of)
                if fitting and not _is_particle(words[at]):
                    left -= fitting
                    places.append(at)
                elif not _is_particle(words[at]) or at == start:
                    break
                if not left:
                    runs.append((len(places), -start, key, places))
                    break
    taken: dict[Key, list[int]] = {}
    used: set[int] = set()
    runs.sort(key=lambda run: (-run[0], -run[1]))
    same: dict[frozenset[str], Key] = {}
    for _, _, key, places in runs:
        other = same.get(said[key])
        if other is not None and other[0] == key[0] and other != key:
            raise AmbiguousInput("Two rows or columns of the table have the same name.", "Say which one is meant.")
        if key not in taken and not used & {*places}:
            taken[key] = places
            used |= {*places}
            same[said[key]] = key
    return taken


def _parts(
    words: Sequence[Word], said: Mapping[Key, frozenset[str]], used: set[int], whole: Sequence[Key], about: set[int]
) -> dict[Key, frozenset[int]]:
    """Names of which a part stands in the question, with the places of their words; none that says less than another.

    Args:
        words: The question's.
        said: What each name says.
        used: Places of words that whole names take.
        whole: Names that stand there as a whole.
        about: Places of words of the table's title.
    """
    free = [at for at, word in enumerate(words) if at not in used and not _is_particle(word)]
    found = {
        key: frozenset(at for at in free if _fits(words[at], stems_of))
        for key, stems_of in said.items()
        if key not in whole
    }
    for kind in ("row", "column"):
        own = {key: places for key, places in found.items() if key[0] == kind}
        named = any(key[0] == kind for key in whole)
        # A word that all rows or all columns have tells none of them; one of the title and of several, none beside
        # other words.
        shared = frozenset.intersection(*own.values()) if len(own) > 1 and not named else frozenset[int]()
        if named or any(places - shared - about for places in own.values()):
            shared |= {at for at in about if sum(at in places for places in own.values()) > 1}
        found |= {key: places - shared for key, places in own.items()}
    told = {key: places for key, places in found.items() if places}
    return {key: places for key, places in told.items() if not any(places < other for other in told.values())}


def _single(partly: Mapping[Key, frozenset[int]], names: Mapping[Key, str], known: set[str]) -> dict[Key, list[int]]:
    """Names that are told by a part, each by words of its own.

    Raises:
        AmbiguousInput: some words are a part of several names.
    """
    kept: dict[Key, list[int]] = {}
    for key, places in partly.items():
        rivals = [other for other, theirs in partly.items() if other != key and theirs & places]
        if rivals and len({kind for kind, _ in (key, *rivals)}) == 2 and len(known) == 1:
            # "Total" may be a row and a column: beside a row that is named, it is the column.
            if key[0] in known:
                continue
            rivals = [rival for rival in rivals if rival[0] not in known]
        if rivals:
            both = " and ".join(repr(names[one]) for one in (key, rivals[0]))
            raise AmbiguousInput(f"The question may mean {both}.", "Say which one is meant.")
        kept[key] = sorted(places)
    return kept


def _check_all_said(words: Sequence[Word], known: set[int]) -> None:
    """Refuse a question of which a word is neither a name, nor of the title, nor one that holds of any table."""
    for at, word in enumerate(words):
        common = word.means[0] <= _COMMON or all(sign in _COMMON_ZH for sign in word.text)
        if at not in known and not common:
            raise MissingInput(f"The table says nothing of {word.text!r}.", "Look for it elsewhere.")
