"""Chinese questions about time in a clip: when, how long, how often, before and after."""

from __future__ import annotations

import re

from visagent.planning.timed import Asked, Event

_TIME = r"(?:什么时候|什么时间|何时|几时|第?几秒钟?|哪一?秒)"
_NTH = r"(?P<nth>第一次|首次|最早|最后一次|最后)?"
_WHEN = re.compile(
    rf"(?P<n>.+?)(?:是|会|都)?在?{_TIME}{_NTH}(?:开始)?(?:能|可以)?(?:被)?"
    r"(?P<v>出现|进来|来|进入画面|看[得到见]+|在画面[里中]|离开|消失|走|不见|说|提到|读到)的?了?"
)
_WHEN_FIRST = re.compile(
    rf"{_TIME}(?:开始)?{_NTH}(?:能|可以|会)?"
    r"(?P<v>看[得到见]+|出现|读到|有人?(?:说|讲|提|谈)(?:到|起)?|(?:说|讲|提|谈)(?:到|起)?|听到|有)了?"
    r"(?:文字|字样|字|(?P<t>文字|字样))?[“\"「]?(?P<n>.+?)[”\"」]?(?:这几个字|这句话|的字样)?"
)
_NTH_TIME = re.compile(rf"(?P<n>.+?){_NTH}(?P<v>出现|离开|消失)的?(?:时间|时刻)?是在?{_TIME}")
_LONG = re.compile(
    r"(?P<n>.+?)(?:一共|总共)?(?:在(?:画面|屏幕)[里中上]?(?:出现|停留|待)?|出现|停留|待|看得见)了?(?:的时间)?(?:一共|总共)?有?"
    r"(?:多久|多长时间|几秒钟?|多少秒)"
)
_OFTEN = re.compile(r"(?P<n>.+?)(?:一共|总共)?被?(?P<v>出现|来|说|提到)[过了]?(?:几|多少)次")
_ORDER = re.compile(
    r"(?P<a>.+?)(?:是不是|是否)?(?:在|比)(?P<b>.+?)(?P<op>之前|以前|前|之后|以后|后|先|早|晚)(?:就)?出现[吗么]?"
)
_MOST = re.compile(
    r"(?:最多)?(?:有)?同时(?:最多)?(?:能看到|出现|有)?(?:几|多少)[个只辆位条匹头架]?(?P<n>.+?)"
    r"|最多有?(?:几|多少)[个只辆位条匹头架]?(?P<m>.+?)同时出现"
)
_SHOTS = re.compile(r"(?:一共|总共)?有?(?:几|多少)个(?:镜头|场景|分镜)")
_MEASURE = re.compile(r"^(?:那|这|一)?[个只辆位条匹头架]?")
_NO_THING = re.compile(r"[和与或它他她们这那什么吗谁哪]|还是|视频|颜色|会议|文字")


def asked_in_chinese(text: str) -> Asked | None:
    """What a Chinese question asks of which events; None where it is not about time.

    Args:
        text: The question without greetings and marks at its end.
    """
    for match in (_NTH_TIME, _WHEN, _WHEN_FIRST):
        if (found := match.fullmatch(text)) is not None:
            event = _event(found["n"], found["v"])
            nth = {"最后一次": "last", "最后": "last"}.get(found["nth"], "first") if found["nth"] else None
            return None if event is None else Asked("when", (event,), nth=nth)
    for match, what in ((_LONG, "long"), (_OFTEN, "often")):
        if (found := match.fullmatch(text)) is not None:
            event = _event(found["n"], found.groupdict().get("v") or "")
            return None if event is None else Asked(what, (event,))
    if (found := _ORDER.fullmatch(text)) is not None:
        one, two = (_event(found[side], "出现") for side in ("a", "b"))
        earlier = found["op"] in ("之前", "以前", "前", "先", "早")
        return None if one is None or two is None else Asked("order", (one, two), op="<" if earlier else ">")
    if (found := _MOST.fullmatch(text)) is not None:
        event = _event(found["n"] or found["m"], "看到")
        return None if event is None else Asked("most", (event,))
    return Asked("shots", ()) if _SHOTS.fullmatch(text) else None


def _event(name: str, verb: str) -> Event | None:
    name = name.strip(' “”"「」')
    if re.search("说|提|讲|谈|听到", verb):
        words = re.sub("(?:的?事情?|的)?[啊呀呢]*$", "", name)
        return Event(words, "heard") if words else None
    if "读" in verb or (name.isascii() and name.isupper()):
        return Event(name, "written")
    thing = _MEASURE.sub("", name)
    if not thing or len(thing) > 8 or _NO_THING.search(thing):
        return None
    gone = re.search("离开|消失|走|不见", verb) is not None
    return Event(thing, "seen" if "看" in verb or gone else "any", gone=gone)
