"""What a question names, word by word, in a form that a table's English names can be compared with. Knows no table.

An English word stands for its stem, a nation's adjective for its country as well. Of a Chinese question, the words of
`weights/names-zh.json` (countries, cities, months, weekdays, written by scripts/names_zh.py from Unicode's CLDR) and
the words for what tables measure are known in English; whatever else it says is kept as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from visagent.core.text import HAN
from visagent_tools.labels_zh import known_words

_HEADERS_ZH = {
    "小时": "hours, hour", "分钟": "minutes", "阳光": "sunshine, sun", "日照": "sunshine, sun",
    "雨": "rain, rainfall", "门票": "tickets, ticket", "票": "tickets, ticket", "电影院": "cinema",
    "剧院": "theatre, theater", "车": "vehicles, cars, car", "车辆": "vehicles, cars", "坚果": "nuts",
    "乳制品": "dairy", "奶制品": "dairy", "肉": "meat", "鸡蛋": "eggs", "蔬菜": "vegetables",
    "谷物": "cereals, grain", "建造": "built, construction", "修建": "built, construction",
    "参观": "visitors, visits", "博物馆": "museum", "零售": "retail", "员工": "staff, employees",
    "工资": "wages, salary, pay", "航班": "flight", "座位": "seats", "楼层": "floor",
    "每年": "per year, a year, annual, yearly", "每月": "per month, a month, monthly",
    "每天": "per day, a day, daily", "每周": "per week, weekly", "每小时": "per hour, hourly",
    "每人": "per person, per capita, per head", "人均": "per person, per capita, per head", "平均": "average, mean",
    "年份": "year", "年": "year", "月份": "month", "日期": "date", "时间": "time",
    "人口": "population, inhabitants, people", "面积": "area, land", "高度": "height",
    "长度": "length, kilometres, km, route", "距离": "distance", "速度": "speed", "重量": "weight",
    "温度": "temperature", "价格": "price, cost", "价钱": "price, cost", "费用": "cost, fee, price", "成本": "cost",
    "收入": "income, revenue", "销量": "sales, sold", "销售额": "sales, revenue", "利润": "profit",
    "产量": "production, output", "出口": "export", "进口": "import", "发电量": "electricity, production",
    "发电": "electricity", "电力": "electricity", "核电": "nuclear, nuclear power", "水电": "hydro, hydro power",
    "煤": "coal", "煤炭": "coal", "石油": "oil", "天然气": "gas, natural gas", "太阳能": "solar", "风能": "wind",
    "风电": "wind", "水": "water", "用水": "water", "耗水": "water", "消费": "consumption, expenditure, spending",
    "支出": "expenditure, spending, expenses", "花费": "expenditure, spending, cost", "食品": "food", "食物": "food",
    "饮料": "drink, drinks, beverages", "烟草": "tobacco", "服装": "clothing, clothes", "衣服": "clothing, clothes",
    "鞋": "footwear, shoes", "休闲": "leisure", "教育": "education", "住房": "housing", "交通": "transport, travel",
    "医疗": "health", "乘客": "passengers, riders", "游客": "visitors, tourists", "学生": "students, pupils",
    "男生": "boys, male, men", "女生": "girls, female, women", "男性": "male, men", "女性": "female, women",
    "居民": "inhabitants, residents", "人": "people, passengers, visitors, persons, population, inhabitants",
    "开通": "opened, opening, started", "开放": "opened, opening", "建成": "built, completed",
    "成立": "founded, established", "地铁": "underground, subway, metro, tube", "铁路": "railway, rail",
    "线路": "route, line", "火车": "train", "公交车": "bus", "飞机": "plane, air", "汽车": "car, cars",
    "自行车": "bicycle, cycling, bike", "赛艇": "rowing", "拳击": "boxing", "游泳": "swimming", "金牌": "gold",
    "银牌": "silver", "铜牌": "bronze", "奖牌": "medals", "总数": "total", "总量": "total", "总计": "total",
    "合计": "total", "玩具": "toys", "香水": "perfume, perfumes", "书": "books, book", "分数": "score, points, marks",
    "得分": "score, points", "票数": "votes", "国家": "country, nation", "城市": "city, town", "公司": "company",
    "降雨量": "rainfall, rain", "降水量": "rainfall, precipitation", "气温": "temperature", "降雨": "rainfall, rain",
    "牛奶": "milk", "咖啡": "coffee", "茶": "tea", "面包": "bread", "蛋糕": "cake", "啤酒": "beer", "葡萄酒": "wine",
    "鸡肉": "chicken", "牛肉": "beef", "鱼": "fish", "米饭": "rice", "汤": "soup", "沙拉": "salad", "大号": "large",
    "小号": "small", "中号": "medium", "成人": "adult, adults", "儿童": "child, children", "老人": "senior, seniors",
}  # fmt: skip
"""What tables call that of which a person asks in Chinese."""
_ONE_SIGN = frozenset("桥船鸡鸭鹅猫狗马羊牛鱼车花树山海湖灯伞书")
"""Things that are called by one sign alone."""
_NATIONS = {
    "uk": "Britain, United Kingdom", "britain": "UK, United Kingdom", "usa": "US, America, United States",
    "america": "US, USA, United States",
    "american": "US, USA, America, United States", "british": "Britain, UK, United Kingdom", "briton": "Britain, UK",
    "chinese": "China", "danish": "Denmark", "dane": "Denmark", "dutch": "Netherlands, Holland", "english": "England",
    "finnish": "Finland", "finn": "Finland", "french": "France", "german": "Germany", "greek": "Greece",
    "irish": "Ireland", "norwegian": "Norway", "peruvian": "Peru", "polish": "Poland", "scottish": "Scotland",
    "scot": "Scotland", "spanish": "Spain", "spaniard": "Spain", "swede": "Sweden", "swedish": "Sweden",
    "swiss": "Switzerland", "thai": "Thailand", "turk": "Turkey", "turkish": "Turkey", "welsh": "Wales",
    "belgian": "Belgium", "argentine": "Argentina", "argentinian": "Argentina", "indian": "India",
    "austrian": "Austria", "nigerian": "Nigeria", "filipino": "Philippines", "icelander": "Iceland",
    "korean": "Korea", "new zealander": "New Zealand", "portuguese": "Portugal",
}  # fmt: skip
"""Adjectives of nations that do not begin as their country does, or not as far as it takes to tell."""
_PEOPLE = re.compile(r"(?:ian|ians|an|ans|ese|ish|i|is)$")
_SAME = (
    frozenset(("person", "capita", "head")), frozenset(("clothes", "clothing", "apparel")),
    frozenset(("price", "cost")), frozenset(("population", "inhabitants")), frozenset(("women", "woman", "female")),
    frozenset(("men", "man", "male")), frozenset(("children", "child", "kid")),
    frozenset(("consumption", "use", "used", "usage")), frozenset(("mean", "average")),
    frozenset(("metro", "metros", "subway", "subways", "underground", "tube")),
    frozenset(("film", "films", "movie", "movies")), frozenset(("car", "cars", "automobile", "automobiles")),
)  # fmt: skip
"""Words that head columns and rows of the same."""
_TOKEN = re.compile(rf"\d+(?:[.,]\d+)*|[^\W\d_{HAN}]+(?:['\u2019](?!s\b)[^\W\d_{HAN}]+)*|[{HAN}]+")


class Word(NamedTuple):
    """A word of a question.

    Attributes:
        text: As it is asked.
        means: Stems that a name has to hold, of which any one set will do.
    """

    text: str
    means: tuple[frozenset[str], ...]


def words_of(question: str) -> list[Word]:
    """The words of a question in order, each with what it may be called.

    >>> [sorted(map(sorted, word.means)) for word in words_of("the British spend")]
    [[['the']], [['britain'], ['british'], ['kingdom', 'unit'], ['uk']], [['spend']]]
    >>> [word.text for word in words_of("伦敦的核电")]
    ['伦敦', '的', '核电']
    """
    found = []
    for token in _TOKEN.findall(question):
        if re.match(f"[{HAN}]", token):
            found += list(_chinese(token))
        else:
            found.append(Word(token, tuple(dict.fromkeys(map(stems, _english(token.casefold()))))))
    return [word for word in found if any(word.means)]


def stems(text: str) -> frozenset[str]:
    """What the words of a text have in common with others of their kind: clothes and clothing have `cloth`; numbers and
    Chinese are kept as they are."""
    words = [token.casefold() for token in _TOKEN.findall(text)]
    return frozenset(word if re.match(rf"[\d{HAN}]", word) else _stem(word) for word in words)


@cache
def _stem(word: str) -> str:
    from snowballstemmer import stemmer

    return str(stemmer("english").stemWord(word))


def _english(word: str) -> Iterable[str]:
    yield word
    for same in _SAME:
        if word in same:
            yield from sorted(same - {word})
    single = word.removesuffix("s")
    if (nation := _NATIONS.get(word) or _NATIONS.get(single)) is not None:
        yield from nation.split(", ")
    elif (start := _PEOPLE.sub("", word)) != word and len(start) >= 4:
        yield from (country for country in _countries() if country.casefold().startswith(start))


def _chinese(text: str) -> Iterable[Word]:
    """Known words, the longest at each place, and what stands between them sign by sign."""
    known, longest = _known_chinese(), max(map(len, _known_chinese()))
    at = 0
    while at < len(text):
        size = next((n for n in range(min(longest, len(text) - at), 0, -1) if text[at : at + n] in known), 0)
        piece = text[at : at + max(1, size)]
        yield Word(piece, (frozenset((piece,)), *(stems(word) for word in known.get(piece, ()))))
        at += len(piece)


@cache
def _known_chinese() -> dict[str, tuple[str, ...]]:
    known: dict[str, tuple[str, ...]] = {
        word: (english,) for word, english in known_words().items() if len(word) > 1 or word in _ONE_SIGN
    }
    known |= {word: tuple(listed) for word, listed in _names().items()}
    return known | {word: tuple(listed.split(", ")) for word, listed in _HEADERS_ZH.items()}


@cache
def _countries() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for listed in _names().values() for name in listed if " " not in name))


@cache
def _names() -> dict[str, list[str]]:
    table: dict[str, list[str]] = json.loads((files("visagent_tools") / "weights" / "names-zh.json").read_text("utf-8"))
    return table
