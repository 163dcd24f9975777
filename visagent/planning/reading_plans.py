"""What becomes of a small planner's plan that asks text the wrong way: shopping in everyday words, carriers of text.

- What stands on a thing that no detector finds is read from the whole picture, and it is said that it was.
- What something costs is read, never counted: "two espressos and one brownie" are no things to look for.
- Whether somebody bought something is whether the page mentions it.
- What a book or a shop is called stands on it.
- What is written 上面 is written on it; the result of a line with a sum is that of the sum.
- That a text mentions a word is a yes or a no to a question about mentioning alone: of "Is Bluetooth on?" the word's
  row is shown, and left open.

Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.core.words import singular
from visagent.evidence.tree import references, renamed
from visagent.media.media import MediaInfo
from visagent.planning.fallbacks import CARRIERS, REFUSAL, Placed
from visagent.planning.step_lists import Step, ids_read, numbered, only_steps, referred, without_unread

_MONEY = re.compile(
    r"(?i)\b(?:pay|owe|costs?|spend|spent|price|charged?)\b|\bhow much\b.*\b(?:total|altogether|in all|due)\b"
    r"|多少钱|花了?多少|什么价"
)
_TOTAL = re.compile(
    r"(?i)\b(?:total|altogether|in all|pay|paid|owe|due|spend|spent|bill)\b"
    r"|总共|一共|总价|总额|合计|总计|应付|实付|花了多少"
)
BEARERS = (
    frozenset(
        """
    badge banknote barrel booklet box brochure building button calendar can cap card cardboard carton cart case
    coin cover crate cube diary dial display door fence flag floor gate gauge gown hat helmet hoodie jacket jar jersey
    jug key kiosk magazine map meter monument newspaper notebook pack package packaging packet pamphlet panel parcel
    pavement
    plaque plate postcard pullover road roof shirt shop slip sleeve spine stall stamp statue sticker storefront street
    sweater sweatshirt switch t-shirt tank tin token trailer tube uniform van vest wall window wrapper wrapping
    盒子 盒 箱子 纸箱 罐子 罐 包装 包装盒 包装袋 按钮 按键 贴纸 卡片 名片 封面 门 墙 墙上 窗户 衣服 T恤 球衣 帽子
    杂志 报纸 日历 地图
    """.split()  # noqa: SIM905
    )
    | CARRIERS
)
"""Everyday things that bear text and that detectors of COCO's kinds do not find: WordNet's containers, wrappings,
cards, controls, garments and parts of buildings, of which a word of several is known by its last one."""
DRAWN = frozenset(("box", "方框", "框", "方格", "格子"))
"""What is a thing in a photograph, and a coloured area in a diagram."""
_MEDIUM = re.compile(
    r"(?:(?:the|this|that) )?(?:(?P<heard>recording|audio|voice(?: (?:message|note|memo))?|voicemail|speech|transcript"
    r"|sound|录音|语音|音频|留言)|(?P<seen>picture|photo|image|text|图片|照片|图|文字))"
)
_HOW_MANY = r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|\d{1,3})\b"
_DEAREST = re.compile(
    r"(?i)\b(?:most expensive|priciest|dearest|cheapest|least expensive)\b"
    r"(?: (?:kind|type|sort) of)?(?: (?P<en>[a-z]+))?"
    r"|最(?:便宜|贵)(?:的(?P<zh>(?![是那这哪])[\u4e00-\u9fff]{1,4}?)(?=是|叫|有|多|在|[？?]|$))?"
)
_ANY_KIND = frozenset(
    """
    item thing one product article option entry row line here on in of that to for is at from and or dish good food
    purchase piece i we he she they you the there by this among plate meal pair size amount price category
    东西 商品 一个 一样 一项 一种 物品 项目 菜 菜名
    """.split()  # noqa: SIM905
)
_HOW_MUCH = re.compile(r"(?i)\b(?:how much|price|cost)\b|多少|价")
_SAME_AS = re.compile(r"(?i)\b(?:same|different)\b.*\b(?:as|from|to)\b")
_QUOTED = re.compile(r"[\"“”「『《]")
_MONEY_WORDS = frozenset("money cash cost price total amount bill payment sum 钱 价格 价钱 金额 总价 费用 账单".split())  # noqa: SIM905
_BOUGHT = re.compile(
    r"(?i)^\W*(?:(?:and|so|hi|hello|hey)\W+)?(?:did|have|has|had) (?:i|we|he|she|they|you|anyone|someone|somebody) "
    r"(?:actually |really |also )?"
    r"(?:buy|bought|get|got|order|ordered|purchase|purchased|pay for|paid for) (?:any |some |an? |the |my |our )?"
    r"(?P<en>[\w' -]{2,40}?)(?: (?:on|from|at|in|for|with|here|today|yesterday|too)\b.*)?\W*$"
    r"|^(?:我们?|他们?|她们?|你们?)?(?:到底)?(?:有没有|是不是|是否|有)?买了?(?P<zh>[\u4e00-\u9fff]{1,8}?)(?:了?[吗没]|没有|了)?[?？]?$"
)
_MENTIONING = re.compile(
    r"(?i)\b(?:mention|say|said|sa(?:id|ys|ying)|stat(?:e|es|ed|ing)\b|list|contain|includ|read|writ|wrote|word|phrase|nam|appear|occur|feature"
    r"|show|display|talk|spok|speak|tell|told|hear|call|speech|text|transcript|recording|menu|receipt|bill\b|note|letter|page"
    r"|document|poster|sign|label|board|screen|there\b|ha(?:s|ve|d)\b|sell|sold|offer|serv|order|b[ou](?:y|ught)|ask|warn|print"
    r"|anything|something|nothing|any\b|about\b|refer|come up|came up|bring|brought|use[sd]?\b|spell|found|find|see"
    r"|announce|audio|voice|match|same|agree|give|given|cover|pronounc|utter|quote|express|promis|requir"
    r"|allow|advertis|charg|title|anywhere|[gc]ome\b|g[eo]t?\b)"
    r"|提|说|写|有|含|列|买|卖|叫|字|讲|出现|印|标|包括|念|读|喊|谈|问|一致|一样|相同|对得上|对不对|录|词|给|报|收"
)
_WRITTEN_ON_IT = re.compile(
    r"(?<![最左右])上[面边头](?!半|一行|的第)[^？?]{0,4}(?:[写印说讲画刻]|有?什么字|的?文?字|内容)"
)
_RESULT = re.compile(
    r"(?i)\b(?:results?|answer|solve|solution|work out|compute|calculate|equals?)\b.*\b(?:sums?|equation|problem"
    r"|exercise|lines?|calculation|expression|task|row)\b|(?:算式|题|行).*(?:等于|结果|得|答案|算)"
)
"""What asks for the result of a written sum."""
_READERS = frozenset(("read_text", "read_table"))
_TITLED = (
    r"book|novel|magazine|newspaper|comic|album|film|movie|game|poster|shop|store|restaurant|cafe|café|bar|pub|hotel|bakery"
    r"|ship|boat|street|station|company|brand|product|drink|beer|wine|snack|cereal|shampoo"
)
_TITLE = re.compile(
    rf"(?i)\b(?:name|title|brand)\b.{{0,12}}\bof (?:the |this |that |my )?(?:{_TITLED})\b"
    rf"|\bwhat(?:['’]?s| is) (?:the |this |that |my )?(?:{_TITLED}) (?:called|named)\b"
    r"|[书店](?:的)?名(?:字|称)?(?:是|叫)?什么"
    r"|(?:书|小说|杂志|报纸|店|餐馆|饭店|餐厅|酒店|电影|游戏|海报|产品|饮料|啤酒|公司)(?:的名[字称]|的标题)?(?:是|叫)(?:什么|啥)(?:名[字称]?)?"
)
"""What something is called whose name stands on it."""
_YES_OR_NO = re.compile(
    r"(?i)^\W*(?:(?:and|so|hi|hello)\W+)?(?:is|are|was|were|does|do|did|has|have|can)\b|吗|是否|是不是"
)


def about_text(steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo]) -> list[Step]:
    """A plan's steps with what it asks of text put right.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`; the k-th one is referred to as `$qk`.
        question: Question as the person put it.
        media: Media by the names that the plan uses.
    """
    plan = [dict(step) for step in steps]
    if {info.kind for info in media.values()} == {"image"}:
        plan = _worked_out(_on_it(plan, question), question)
        if _TITLE.search(question) and not any(step.get("tool") in _READERS for step in plan):
            plan = [{"tool": "read_text"}]
        plan = _bought(_without_spending(plan, question), question)
        if _MONEY.search(question):
            plan = _in_total(_priced(plan, question), question)
    return _shown_open(_with_other_medium(_named(plan, question), question, media), question)


def _with_other_medium(plan: list[Step], question: str, media: Mapping[str, MediaInfo]) -> list[Step]:
    """Where a text is to mention "the recording", or "image2", what that one says is meant, and not these words."""
    mended: list[Step] = []
    names: dict[str, str] = {}
    for number, step in enumerate(plan, start=1):
        given = {key: renamed(value, names) for key, value in step.items()}
        query = str(step.get("query", ""))
        at = None if _QUOTED.search(question) or step.get("tool") != "contains" else referred(step["text"])
        source = plan[int(at[1:]) - 1] if at is not None else {}
        if at is not None and (medium := _medium_called(query, source, media)) is not None:
            reads = "read_text" if media[medium].kind == "image" else "transcribe"
            mended.append({"tool": reads, media[medium].kind: medium})
            given["query"] = f"$q{len(mended)}"
        mended.append(given)
        names[f"q{number}"] = f"q{len(mended)}"
    return mended


def _medium_called(query: str, source: Step, media: Mapping[str, MediaInfo]) -> str | None:
    """The medium, other than the one that is read, that a query names; None where it names none."""
    word = query.strip().casefold()
    read = {str(value) for key, value in source.items() if key != "tool"}
    if word in media:
        return None if word in read or media[word].kind == "video" else word
    found = _MEDIUM.fullmatch(word)
    kind = "audio" if found and found["heard"] else "image" if found and found["seen"] else ""
    other = source.get("tool") == ("read_text" if kind == "audio" else "transcribe")
    of_kind = [name for name, info in media.items() if info.kind == kind]
    return of_kind[0] if other and len(of_kind) == 1 else None


def _named(plan: list[Step], question: str) -> list[Step]:
    """What is dearest or cheapest is named with its price, and is of the kind that is asked for."""
    found = _DEAREST.search(question)
    if found is None:
        return plan
    mended = list(plan)
    last = plan[-1]
    given = plan[int(at[1:]) - 1] if (at := referred(last.get("items"))) is not None else {}
    alone = last.get("tool") == "aggregate" and given.get("tool") == "read_table" and len(plan) == 2
    if alone and "of" not in last and last.get("how") in ("most", "least") and _HOW_MUCH.search(question) is None:
        mended[-1] = {"tool": "best_row", "table": last["items"], "which": last["how"]}
    kind = singular((found["en"] or found["zh"] or "").lower())
    if not kind or kind in _ANY_KIND:
        return mended
    return [{**step, "by": kind} if step.get("tool") == "best_row" and "by" not in step else step for step in mended]


def _on_it(plan: list[Step], question: str) -> list[Step]:
    """What is written 上面 is written on it, and not in the upper half."""
    if not _WRITTEN_ON_IT.search(question):
        return plan
    known = numbered(plan)
    tops = {id_: step for id_, step in known.items() if step.get("tool") == "crop" and step.get("part") == "top"}
    for step in known.values():
        cut = tops.get(referred(step.get("image")) or "")
        if step.get("tool") in _READERS and cut is not None and referred(cut.get("image")) is None:
            del step["image"]
            step |= {"image": cut["image"]} if "image" in cut else {}
    return without_unread([*known.values()], tops)


def _worked_out(plan: list[Step], question: str) -> list[Step]:
    """The result of a sum that is only read is worked out."""
    tools = [step.get("tool") for step in plan]
    if tools not in (["read_text"], ["read_text", "pick"]) or not _RESULT.search(question):
        return plan
    return [*plan, {"tool": "evaluate", "text": f"$q{len(plan)}"}]


def read_whole(steps: Sequence[Mapping[str, JsonValue]]) -> Placed:
    """A plan's steps in which the text on a thing that no detector finds is read from the whole picture.

    So it is where the thing is identified by its colour, its place or what is beside it, all of which then is left out.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`; the k-th one is referred to as `$qk`.
    """
    by_id = numbered(steps)
    left_out: list[str] = []
    for step in by_id.values():
        if step.get("tool") != "read_text" or (at := referred(step.get("image"))) is None:
            continue
        found = by_id[at]
        while found.get("tool") != "detect" and (at := _chosen_from(found)) is not None:
            found = by_id[at]
        label = str(found.get("label"))
        if found.get("tool") != "detect" or not _bears_text(label):
            continue
        below = _below(by_id, referred(step["image"]))
        if label in DRAWN and any(by_id[one].get("tool") == "filter_color" for one in below):
            # In a diagram it is found by its colour; elsewhere that fails, and the picture is read as a whole then.
            continue
        if label not in CARRIERS or len(below) > 1:
            left_out += [str(by_id[one]["label"]) for one in below if by_id[one].get("tool") == "detect"]
        del step["image"]
        step |= {"image": found["image"]} if "image" in found else {}
    return Placed(_read_alone(by_id, steps), tuple(dict.fromkeys(left_out)))


def _read_alone(by_id: Mapping[str, Step], before: Sequence[Mapping[str, JsonValue]]) -> list[Step]:
    """The steps without those that were read before, and are no more."""
    sinks = by_id.keys() - ids_read(before)
    return only_steps([*by_id.values()], {id_ for sink in sinks for id_ in _below(by_id, sink)})


def _below(by_id: Mapping[str, Step], id_: str | None) -> list[str]:
    """A step and all that it follows from, in order."""
    found: set[str] = set()
    waiting = [id_] if id_ is not None else []
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting += ids_read([by_id[one]]) - found
    return [one for one in by_id if one in found]


def _chosen_from(step: Step) -> str | None:
    """The step that another one keeps some objects of."""
    return next((referred(step[name]) for name in ("boxes", "items", "a") if name in step), None)


def _bears_text(label: str) -> bool:
    word = label.lower().strip()
    last = singular(word.rpartition(" ")[2])
    return word != "stop sign" and (word.replace(" ", "-") in BEARERS or last in BEARERS or label in BEARERS)


def _without_spending(plan: list[Step], question: str) -> list[Step]:
    """What a number stands beside, without the verb of "鸡蛋花了多少钱", which a planner takes for the name's end."""

    def name(near: str) -> str:
        spent = near[-1:] == "花" and re.search(rf"{re.escape(near)}了?(?:多少|几)", question)
        return near[:-1] if spent and len(near) > 1 else near

    return [{**step, "near": name(str(step["near"]))} if "near" in step else step for step in plan]


def _bought(plan: list[Step], question: str) -> list[Step]:
    """Whether something was bought, of which no tool knows, becomes whether the page mentions it."""
    found = _BOUGHT.search(question)
    if plan != [REFUSAL] or found is None:
        return plan
    query = (found["en"] or found["zh"]).strip()
    return [{"tool": "read_text"}, {"tool": "contains", "text": "$q1", "query": query}]


def _in_total(plan: list[Step], question: str) -> list[Step]:
    """What there is to pay in all, for which a planner finds no tool, stands beside the word for it."""
    total = _TOTAL.search(question)
    if plan != [REFUSAL] or total is None or re.search(r"(?i)\b(?:and|each|one of|if)\b|[和买]|如果", question):
        return plan
    return [{"tool": "read_text"}, {"tool": "find_number", "text": "$q1", "near": total[0]}]


def _priced(plan: list[Step], question: str) -> list[Step]:
    """Numbers of things in a question about money become the numbers that stand beside their names.

    So is "two espressos and one brownie" meant, which says itself how many there are; where it does not, as in "15
    euros each", the things are counted.
    """
    by_id = numbered(plan)
    others = {str(step.get("tool")) for step in plan} - {"detect", "filter_color", "count", "locate", "calculate"}
    counted = {id_: _looked_for(by_id, id_) for id_, step in by_id.items() if step.get("tool") in ("count", "locate")}
    if others or not counted:
        return plan
    near: dict[str, str] = {}
    for id_, label in counted.items():
        # 花 is a flower, and to spend.
        spent = label == "花" and "花了" in question
        if label is not None and (singular(label.lower()) in _MONEY_WORDS or spent) and _TOTAL.search(question):
            near[id_] = "总共" if re.search(r"[\u4e00-\u9fff]", label) else "total"
        elif label is not None and re.search(rf"(?i)(?:{_HOW_MANY}) (?:\w+ )?{re.escape(label)}", question):
            near[id_] = label
        else:
            return plan
    found: list[Step] = [{"tool": "read_text"}]
    names: dict[str, str] = {}
    for id_, step in by_id.items():
        if id_ in near:
            found.append({"tool": "find_number", "text": "$q1", "near": near[id_]})
        elif step.get("tool") == "calculate":
            found.append({key: renamed(value, names) for key, value in step.items()})
        else:
            continue
        names[id_] = f"q{len(found)}"
    return found


def _looked_for(by_id: Mapping[str, Step], id_: str) -> str | None:
    """The label of the things that a step counts or places, whatever their colour; None for anything else."""
    at = referred(by_id[id_].get("items", by_id[id_].get("boxes"))) or ""
    while by_id.get(at, {}).get("tool") == "filter_color":
        at = referred(by_id[at].get("boxes")) or ""
    found = by_id.get(at, {})
    return str(found.get("label")) if found.get("tool") == "detect" else None


def _shown_open(plan: list[Step], question: str) -> list[Step]:
    """Where a text mentions a word, which is no answer to a question about something else, its row is shown instead."""
    last = plan[-1] if plan else {}
    if last.get("tool") != "contains" or any(references(last.get("query"))):
        return plan
    compares = _SAME_AS.search(question) is not None
    if (
        (_MENTIONING.search(question) and not compares)
        or _QUOTED.search(question)
        or _YES_OR_NO.search(question) is None
    ):
        return plan
    at = referred(last["text"])
    source = plan[int(at[1:]) - 1].get("tool") if at is not None else None
    if source not in ("read_text", "transcribe") or len(ids_read(plan)) != len(plan) - 1:
        return plan
    row: Step = {"tool": "find_text", "text": last["text"], "query": last["query"]}
    return [*plan[:-1], row | ({"where": "same_row"} if source == "read_text" else {}), dict(REFUSAL)]
