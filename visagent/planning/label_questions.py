"""Questions about plans, maps and instructions for which the packaged planner has no plan. Knows no model.

- What a numbered step says, and how many steps there are.
- How large a room of a plan is, and which one is the largest.
- How many people live in places that a map names.
- Which years a map or a chart covers.
- How long food stays in the steamer, the oven and the like, and how hot the oven is.
- How much of what a food label tells of one serving several servings have.
- What stands beside, above or below a label of a diagram, a map or a plan; and what is written in the part of a picture
  that is "meant to be" somebody.

Each takes a whole question, beside sentences that ask nothing, or leaves it to the planner.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pydantic import JsonValue

from visagent.core.words import ORDINALS, han_numbers, numbers_in_words
from visagent.media.media import MediaInfo
from visagent.planning.choices import extreme_asked
from visagent.planning.step_lists import Step
from visagent.planning.timed import cleaned_up

_ASKS = re.compile(
    r"(?i)^(?:what|which|how|who|where|when|why|whose|is|are|was|were|do|does|did|can|could|has|have|read|tell|say|give|show|explain|add"
    r"|sum|work out|count|name|list)\b|[吗呢？]$|什么|哪|多少|几"
)
_TWO_PARTS = re.compile(
    r"(?i)\b(?:and|or) (?:also )?(?:how|what|which|where|who|when|why|is|are|does|do|did|can)\b"
    r"|还有|以及|，[^，]*[吗呢?？].*[吗呢?？]"
)
_ORDINAL = "|".join(word for word in (*ORDINALS, "last", "final") if word.isascii())
_STEP = re.compile(
    r"(?i)(?<!\bon the )(?<!\bon )(?<!after )(?<!before )(?<!between )"
    rf"(?:\bsteps? (?:number |no\.? ?|nr\.? ?|#)?(?P<n>\d{{1,2}}|[a-z]+)\b|\b(?P<o>{_ORDINAL}) step\b)"
    r"|第(?P<h>\d{1,2}|[一二三四五六七八九十]{1,3})步|(?P<l>最后一步)"
)
_STEP_ASKED = re.compile(
    r"(?i)^(?:so |and |ok |please |pls |hey "
    r"|(?:according to|(?:going |judging )?by|in|on|following|as per) [\w ]{3,40}, ?)*"
    r"(?:whats?|how do|which|read|tell|show|give|say|explain|(?:the )?(?:\w+ )?step)\b"
    r"|什么|怎么|做啥|读|写|内容"
)
_HOW_MANY_STEPS = re.compile(
    r"(?i)\bhow many (?:\w+ )?steps\b|\b(?:number|count) of steps\b|\bcount the steps\b|(?:几|多少)个?步骤?(?!远|路)"
)
_STAIRS = re.compile(
    r"(?i)\b(?:stairs?|staircase|stairway|climb|lead|leads|leading|up|down|door|porch|entrance|ladder|house|altar"
    r"|temple|walk(?:ed|s|ing)?|day|daily|run|ran)\b|楼梯|台阶|门口|走了|走路"
)
_ROOM = (
    r"(?:(?:master|main|second|third|guest|first|small|large|big|kids?'?|children'?s|en-?suite) )?"
    r"(?:bed ?rooms?|bath ?rooms?|living[ -]?room|dining (?:room|area)|kitchen(?:ette)?|rooms?|terrace|balcony|patio"
    r"|garage|hall(?:way)?|foyer|study|office|lounge|closet|wc|toilet|utility room|store ?room|basement|attic|loft"
    r"|pantry|porch|deck|laundry(?: room)?|walk-in closet|den|sun ?room|entrance)(?: (?:one|two|three|\d))?"
)
_HAN_ROOM = (
    r"(?:主卧室?|次卧室?|卧室|厨房|客厅|起居室|餐厅|浴室|卫生间|洗手间|厕所|阳台|露台|书房|车库|门厅|玄关|房间|储藏室)"
)
_AREA = (
    r"(?:(?:square|sq\.?) ?(?:feet|foot|ft|met(?:er|re)s?|m)|sq ?(?:ft|m)|m2|m²|floor area|area|size|dimensions"
    r"|measurements|floor space)"
)
_SIZE = re.compile(
    rf"(?i)^(?:(?:and|so|roughly|about|approximately) )*(?:how (?:big|large|spacious) (?:is|are|'s)"
    rf"|how many {_AREA} (?:is|are|has|does|do|for|in)"
    rf"|(?:what(?:'s| is| are)?|whats|tell me|give me)(?: the)? {_AREA} (?:of|is|has|are|does|for))"
    rf" (?:the |this |that |our |my |your )?(?P<room>{_ROOM})"
    r"(?: (?:have|has|roughly|about|approximately|then|please|pls))*"
    r"(?: (?:in|on|of) (?:the|this|our|my) (?:plan|flat|apartment|house|floor ?plan|drawing))?$"
    rf"|^(?:这个|这间)?(?P<han>{_HAN_ROOM})的?(?:面积|尺寸)?(?:是|有)?(?:多大|多少平方?[米英尺]*|多少|几平米?)$"
)
_LARGEST = re.compile(
    r"(?i)\b(?:which|what|whats) (?:is |are |of |the |two |one |'s )*"
    rf"(?:biggest|largest|smallest|bigger|larger|smaller)?(?: of the)? ?(?P<room>{_ROOM})\b"
    rf"|(?P<han>{_HAN_ROOM})(?:里|中|之中)?(?:面积)?(?:哪[个间一]+|.{{0,3}})"
)
_BY_SIZE = re.compile(r"(?i)\b(?:bigger|biggest|larger|largest|smaller|smallest)\b|[更最较](?:大|小)|大一点|小一点")
_ANY_ROOM = re.compile(r"(?i)rooms?|房间")
_COUNTED = r"(?:people|inhabitants|residents|persons|citizens)"
_NAMES = r"(?P<names>[^\W\d_][\w' .&,-]*?)"
_AFTER = (
    r"(?:,? (?:for me|thanks|thank you|thx|please|pls|together|altogether|combined|in total|added up|put together)\b)*"
    r"(?:,? (?:how many|what|how much)\b.{0,30})?$"
)
_LIVING = r"(?:live|lives|living|reside|residing|dwell)"
_PEOPLE = tuple(
    re.compile(rf"(?i)\b(?:{before} {_NAMES}){after}{_AFTER}")
    for before, after in (
        (rf"how many {_COUNTED} (?:are |is |do |does )?(?:there )?{_LIVING}(?: there)? in", ""),
        (r"how many (?:inhabitants|residents|citizens) (?:does|do|has|have|are there in|are in)", "(?: have| got)?"),
        (r"(?:populations?|number of (?:inhabitants|residents)) (?:of|in|for)", ""),
        (rf"{_COUNTED}(?: (?:that|who))? (?:are |is )?{_LIVING} (?:of|in)", ""),
    )
)
_PEOPLE_OF = re.compile(rf"(?i)\b{_COUNTED} (?:of|in) {_NAMES}{_AFTER}")
_HAN_PEOPLE = re.compile(
    r"(?P<names>[A-Za-z\u4e00-\u9fff][\w和与、及 ]*?)的?"
    r"(?:(?:一共|总共|共|加起来|合计)?(?:有|住着?)?(?:多少|几)(?:人口|居民|人住|个?人居住)"
    r"|人口(?:数)?(?:一共|总共|共|加起来|合计)?(?:是|有)?多少)$"
)
_SUMS = re.compile(
    r"(?i)\b(?:add|adds?|added|sum|total|together|altogether|combined|in all)\b|一共|总共|加起来|合计|总和"
)
_NO_NAME = re.compile(
    r"(?i)\b(?:the|this|that|these|those|my|your|our|their|his|her|it|there|here|them|they|you|total|all|each|every"
    r"|a|an|picture|photo|image|room|front|background|middle|white|black|red|blue|green|shirts?|hats?|bus|car|boat|house|building)\b|这|那|图|照片|里|几|多少"
)
_YEARS = re.compile(
    r"(?i)\b(?:how many years|(?:what|which) (?:period|time ?span|time period|years|range of years|time frame))\b.*"
    r"\b(?:cover|covers|covered|span|spans|represent|represents|include|includes|show|shows|shown)\b"
    r"|(?:涵盖|覆盖|跨越|横跨|包括|显示)了?(?:的是)?(?:多少年|几年|哪些年份?|哪段时间|什么时期)"
)
_DEVICE = (
    r"(?:micro ?wave(?: oven)?|steamer|(?:pre-?heated )?oven|air ?fryer|frying pan|pan|pot|stove(?: ?top)?|grill|fridge"
    r"|freezer|refrigerator|toaster|(?:slow|pressure|rice) cooker|boiling water|dishwasher|wok)"
)
_HOW_LONG = re.compile(
    r"(?i)\bhow (?:long|many (?:minutes|mins|min|hours|hrs|seconds|secs|days))\b.*"
    rf"\b(?:in|into|inside|on|with|for|using) (?:the |a |an |my )?(?P<name>{_DEVICE})$"
    r"|(?:在|用|放进|放入|放到)(?P<han>微波炉|蒸锅|蒸笼|烤箱|空气炸锅|平底锅|锅|冰箱|冷冻室)(?:里面?|中|内|上)?"
    r".{0,8}(?:多久|多长时间|几分钟|多少分钟|几个?小时)"
)
_HOW_HOT = re.compile(
    r"(?i)\b(?:how hot|(?:what|which) (?:oven )?(?:temperature|temp|heat|degrees?)|how many degrees)\b.*"
    r"\b(?:oven|bak(?:e|es|ed|ing)|roast\w*|grill\w*|cook\w*|fry\w*|recipe|pre-?heat\w*)\b"
    r"|\boven\b.*\b(?:how hot|(?:what|which) (?:temperature|temp))\b"
    r"|(?:烤箱|烘烤|烤|炸|预热).*(?:多少度|几度|温度)|(?:多少度|几度|什么温度).*(?:烤|炸)"
)
_NUTRIENTS = {
    "calories": "calories", "kcal": "calories", "fat": "fat", "protein": "protein", "sugar": "sugar",
    "sodium": "sodium", "fiber": "fiber", "fibre": "fiber", "carbs": "carbohydrate", "carbohydrates": "carbohydrate",
    "卡路里": "calories", "热量": "calories", "大卡": "calories", "千卡": "calories", "脂肪": "fat",
    "蛋白质": "protein", "糖": "sugar", "钠": "sodium", "纤维": "fiber", "碳水": "carbohydrate",
}  # fmt: skip
"""What food labels in English call what is asked for."""
_OF_SERVINGS = re.compile(
    r"(?i)\b(?P<n>\d+(?:\.\d+)?|[a-z]+) servings\b.*\bhow (?:many|much) (?P<q>[a-z]+)\b"
    r"|\bhow (?:many|much) (?P<q2>[a-z]+)\b.*\b(?P<n2>\d+(?:\.\d+)?|[a-z]+) servings\b"
    r"|(?P<h>\d+(?:\.\d+)?|[一二两三四五六七八九十]+)份.*多少(?:克|毫克)?的?(?P<hq>卡路里|热量|大卡|千卡|脂肪|蛋白质|糖|钠|纤维|碳水)"
)
_DRAWING = (
    r"(?:diagram|(?:flow ?)?chart|map|(?:floor ?)?plan|food (?:web|chain)|infographic|scheme|schematic|blueprint|poster"
    r"|screenshot|timetable|menu)"
)
_SIDE = (
    r"(?P<side>above|below|under(?:neath)?|beneath|(?:to the )?(?:left|right) of|on the (?:left|right) (?:side )?of"
    r"|next to|beside)"
)
_STANDS = (
    r"what(?:['’]?s| is| are| comes| stands| sits)(?: there| written| shown| placed| drawn)?"
    rf"(?: (?:right|just|directly|immediately|straight|exactly))? {_SIDE} (?:the |an? )?(?P<q>[\w' -]+?)"
)
_BESIDE = (
    re.compile(rf"(?i)^(?:in|on) (?:the|this) {_DRAWING},? {_STANDS}$"),
    re.compile(rf"(?i)^(?:and |so )?{_STANDS} (?:in|on) (?:the|this) {_DRAWING}$"),
    re.compile(
        rf"(?i)^(?:what|which) (?:other )?(?:room|area|space)(?: is|['’]s| lies| comes) {_SIDE} (?:the |our )?"
        rf"(?P<q>{_ROOM})(?: (?:in|on) (?:the|this) {_DRAWING})?$"
    ),
    re.compile(
        r"^(?:在?这?[张个]?(?:示意图|图表|地图|平面图|流程图|户型图|海报)[里中上]?[，,]?)(?P<q>.+?)的?正?(?P<side>[上下左右])"
        r"(?:面|边|方|侧)(?:是|写着?|有|写的是)(?:什么|哪)"
    ),
)
_SIDES = {
    "above": "above", "上": "above", "下": "below", "左": "left_of", "右": "right_of", "left": "left_of",
    "right": "right_of", "next": "nearest", "beside": "nearest",
}  # fmt: skip
_MEANT = re.compile(
    r"(?i)\b(?:who|what)\b.*\b(?P<v>top|upper|bottom|lower)[ -](?P<h>left|right)\b.*"
    r"\b(?:meant|supposed|labell?ed|represent\w*|stands? for)\b"
    r"|(?P<hh>[左右])(?P<hv>[上下])(?:角|方|边)?的?.{0,6}(?:代表|指的是|表示|象征)(?:的是)?(?:谁|什么)"
)
MOST_NAMES = 3
"""Numbers that one sum can take."""


def about_labels(question: str, media: Mapping[str, MediaInfo], tools: Collection[str]) -> list[Step]:
    """The plan's steps for such a question; empty where it is none.

    Args:
        question: Question as the person put it.
        media: Media by the names that the plan may use; nothing is planned but for whole pictures.
        tools: Names of what the plan may call.
    """
    if not media or any(info.kind != "image" or info.region is not None for info in media.values()):
        return []
    text, names = _only_question(question), [*media]
    reading: Step = {"tool": "read_text", "image": names[0] if len(names) == 1 else [*names]}
    found = _count_of_steps(text)
    if not found and len(names) == 1:
        found = _beside(text) or _step(text) or _sizes(text) or _people(text) or _years(text) or _how_long(text)
        found = found or _of_servings(text) or _how_hot(text)
    if not found and len(names) == 1 and (part := _part_meant(text)) is not None:
        return [{"tool": "crop", "image": names[0], "part": part}, {"tool": "read_text", "image": "$q1"}]
    steps = [reading, *found]
    return steps if found and all(step["tool"] in tools for step in steps) else []


def _only_question(question: str) -> str:
    """The one sentence that asks, without greetings; empty where several do, or where it asks two things."""
    parts = [part.strip() for part in re.split(r"(?<=[?!。！？])|(?<=[a-z]{3}\.)(?=\s)", question) if cleaned_up(part)]
    asking = [part for part in parts if re.search("[?？]$", part) or _ASKS.search(cleaned_up(part))]
    asking = asking if len(parts) > 1 else parts
    text = cleaned_up(asking[0]) if len(asking) == 1 else ""
    return "" if _TWO_PARTS.search(text) else text


def _count_of_steps(text: str) -> list[Step]:
    if not _HOW_MANY_STEPS.search(text) or _STAIRS.search(text):
        return []
    return [{"tool": "count_steps", "text": "$q1"}]


def _step(text: str) -> list[Step]:
    found = [*_STEP.finditer(text)]
    if len(found) != 1 or not _STEP_ASKED.search(text):
        return []
    said = found[0]
    number = _ordinal(said["o"]) if said["o"] else -1 if said["l"] else _number(said["n"] or said["h"])
    return [] if number is None else [{"tool": "step", "text": "$q1", "number": number}]


def _ordinal(word: str) -> int:
    known = {name: place for place, name in enumerate(ORDINALS, 1)}
    return known.get(word.lower(), -1)


def _number(word: str) -> int | None:
    if word.isdecimal():
        return int(word)
    found = han_numbers(word) if not word.isascii() else [number.value for number in numbers_in_words(word)]
    return int(found[0]) if len(found) == 1 and 0 < found[0] < 100 else None


def _sizes(text: str) -> list[Step]:
    if (found := _SIZE.search(text)) is not None:
        return [{"tool": "sizes", "text": "$q1", **_of(found["room"] or found["han"])}]
    which, found = extreme_asked(text), _LARGEST.search(text)
    if which is None or found is None or not _BY_SIZE.search(text):
        return []
    return [{"tool": "sizes", "text": "$q1", **_of(found["room"] or found["han"]), "which": which}]


def _of(room: str) -> Step:
    return {} if _ANY_ROOM.fullmatch(room) else {"of": room.lower()}


def _people(text: str) -> list[Step]:
    found = next((found for pattern in (*_PEOPLE, _HAN_PEOPLE) if (found := pattern.search(text))), None)
    if found is None and (found := _PEOPLE_OF.search(text)) is not None:
        # "People in uniform" are no population of a place.
        found = found if re.fullmatch(r"[A-Z][\w'-]*(?:(?:, | and | )(?:and )?[A-Z][\w'-]*)*", found["names"]) else None
    said = found["names"] if found is not None else ""
    # A town's name may be said in both scripts, and a map has it in one.
    if latin := re.search(r"[\u4e00-\u9fff] *([A-Za-z][\w' ]*)$", said):
        said = latin[1] if not re.search("[和与、及]", said) else said
    names = [name for part in re.split(r"(?i)\s*(?:,|\band\b|&|、|和|与|及)\s*", said) if (name := part.strip())]
    if not 0 < len(names) <= MOST_NAMES or any(_NO_NAME.search(name) or len(name.split()) > 3 for name in names):
        return []
    steps: list[Step] = [{"tool": "amount_for", "text": "$q1", "name": name, "of": "population"} for name in names]
    if len(names) > 1 and _SUMS.search(text):
        letters = "abc"[: len(names)]
        given: dict[str, JsonValue] = {letter: f"$q{at}" for at, letter in enumerate(letters, start=2)}
        steps.append({"tool": "calculate", "expression": " + ".join(letters), **given})
    return steps


def _years(text: str) -> list[Step]:
    return [{"tool": "years", "text": "$q1"}] if _YEARS.search(text) else []


def _beside(text: str) -> list[Step]:
    found = next((found for pattern in _BESIDE if (found := pattern.search(text))), None)
    if found is None:
        return []
    where = next((_SIDES[word] for word in found["side"].lower().split() if word in _SIDES), "below")
    return [{"tool": "label_beside", "text": "$q1", "name": found["q"].strip(), "where": where}]


def _part_meant(text: str) -> str | None:
    """The quarter of a picture of which it is asked whom it is meant to show, which is written there."""
    found = _MEANT.search(text)
    if found is None:
        return None
    top = (found["v"] or found["hv"]).lower() in ("top", "upper", "上")
    left = (found["h"] or found["hh"]).lower() in ("left", "左")
    return f"{'top' if top else 'bottom'}_{'left' if left else 'right'}"


def _how_long(text: str) -> list[Step]:
    found = _HOW_LONG.search(text)
    name = (found["name"] or found["han"]).lower() if found is not None else ""
    return [{"tool": "time_for", "text": "$q1", "name": name}] if name else []


def _of_servings(text: str) -> list[Step]:
    """What several servings have of what a label tells of one."""
    found = _OF_SERVINGS.search(text)
    if found is None:
        return []
    said, asked = found["n"] or found["n2"] or found["h"], (found["q"] or found["q2"] or found["hq"]).lower()
    number = float(said) if said.replace(".", "").isdecimal() else _number(said)
    if number is None or asked not in _NUTRIENTS:
        return []
    return [
        {"tool": "find_number", "text": "$q1", "near": _NUTRIENTS[asked]},
        {"tool": "calculate", "expression": f"a * {number:g}", "a": "$q2"},
    ]


def _how_hot(text: str) -> list[Step]:
    return [{"tool": "temperature", "text": "$q1"}] if _HOW_HOT.search(text) else []
