"""Write the table of Chinese names of countries, cities, months and weekdays, from Unicode's CLDR.

    pip install babel; python scripts/names_zh.py

Cities are those that CLDR names time zones after, and a few more, which are written here.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

from babel import Locale, __version__

FILE = Path(__file__).parents[1] / "tools" / "visagent_tools" / "weights" / "names-zh.json"
MORE = {
    "英国": "Britain, Great Britain, UK", "美国": "US, USA, America", "韩国": "Korea", "朝鲜": "North Korea",
    "阿联酋": "UAE", "刚果": "Congo", "捷克": "Czech Republic", "荷兰": "Holland", "沙特": "Saudi Arabia",
    "新西兰": "NZ", "英格兰": "England", "苏格兰": "Scotland", "威尔士": "Wales", "欧盟": "EU, European Union",
    "北京": "Beijing", "广州": "Guangzhou", "深圳": "Shenzhen", "京都": "Kyoto", "大阪": "Osaka",
    "华盛顿": "Washington", "旧金山": "San Francisco", "波士顿": "Boston", "费城": "Philadelphia",
    "西雅图": "Seattle", "迈阿密": "Miami", "休斯顿": "Houston", "拉斯维加斯": "Las Vegas", "蒙特利尔": "Montreal",
    "里约": "Rio", "米兰": "Milan", "威尼斯": "Venice", "佛罗伦萨": "Florence", "巴塞罗那": "Barcelona",
    "慕尼黑": "Munich", "汉堡": "Hamburg", "法兰克福": "Frankfurt", "科隆": "Cologne", "日内瓦": "Geneva",
    "曼彻斯特": "Manchester", "利物浦": "Liverpool", "爱丁堡": "Edinburgh", "里昂": "Lyon", "马赛": "Marseille",
    "孟买": "Mumbai", "新德里": "New Delhi", "德里": "Delhi", "亚特兰大": "Atlanta",
    "圣彼得堡": "St Petersburg, Saint Petersburg", "鹿特丹": "Rotterdam", "波尔图": "Porto",
}  # fmt: skip
"""What everybody says, and CLDR does not."""


def plain(name: str) -> list[str]:
    """A name without what CLDR adds to tell it apart; one in brackets counts as well."""
    name = re.sub(r"^中国(?=.+特别行政区)|特别行政区$| SAR China$", "", name).replace("&", "and").replace("\u2019", "'")
    return [part.strip() for part in re.split(r"[（()）]| - ", name) if part.strip()]


def names() -> dict[str, list[str]]:
    """English names by the Chinese one."""
    chinese, english = Locale("zh"), Locale("en")
    pairs = [(chinese.territories[code], english.territories[code]) for code in english.territories]
    for zone, told in chinese.time_zones.items():
        if (city := told.get("city")) is not None and "/" in zone:
            known = english.time_zones.get(zone, {}).get("city")
            pairs.append((city, known or zone.rpartition("/")[2].replace("_", " ")))
    for kind in ("months", "days"):
        theirs, ours = getattr(chinese, kind), getattr(english, kind)
        for width in ("wide", "abbreviated"):
            pairs += [(theirs["format"][width][at], ours["format"]["wide"][at]) for at in ours["format"]["wide"]]
    found: dict[str, list[str]] = defaultdict(list)
    for one, other in pairs:
        # A part of a name in brackets tells two Congos apart in both languages.
        for name in plain(one)[:1]:
            found[name] += [word for word in plain(other) if word not in found[name]]
    for name, words in MORE.items():
        found[name] += [word for word in words.split(", ") if word not in found[name]]
    return {name: found[name] for name in sorted(found) if len(name) > 1 and re.search("[\u4e00-\u9fff]", name)}


def main() -> None:
    """Write the file."""
    rows = ",\n".join(f"{json.dumps(zh, ensure_ascii=False)}: {json.dumps(en)}" for zh, en in names().items())
    FILE.write_text(f"{{\n{rows}\n}}\n", "utf-8")
    print(f"{FILE.name}: {len(names())} names, CLDR of Babel {__version__}")


if __name__ == "__main__":
    main()
