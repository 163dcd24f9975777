"""What becomes of a small planner's plan that cannot work as it stands. Knows no model.

- A relation to a place that no detector finds, "the birds on the beach", is dropped: whoever asks so means the picture.
- The text on a sign or a page is read from the whole picture, and "the picture" is no object in it.
- What is counted "around" something is what touches it: of the one nearest to it there is always one.
- What is nearest to whoever looks is the largest of one kind of things, and of several kinds the lowest in the picture.
- Whether there is "the thing" that something else tells of is no question that finding any thing answers.
- Whether a number is even or odd is told by what is left of it when it is halved, not by whether it is 0 or 1.
- A relation of things to themselves is none: "looking at each other" is nothing that boxes tell. People that touch the
  red ones of these people are the red ones.
- A comparison of a thing with itself is true of everything, and answers nothing.
- How many pages there are does not say how many members a page speaks of.
- A number of things that nobody asked for, as of "who feeds the goats", is no answer.
- A question for which it finds no tool gets what is said in the recordings, or is seen and written in the pictures; one
  for a part of which it finds none gets what is said in the recordings, where the rest of the plan hears none of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from visagent.core.words import singular
from visagent.media.media import MediaInfo
from visagent.planning.accounting import counts_unasked
from visagent.planning.every_picture import compares_with_itself
from visagent.planning.plan import UNANSWERABLE
from visagent.planning.step_lists import Step, ids_read, numbered, referred, with_references, without_unread
from visagent.tools.services import serving
from visagent.tools.spec import Service
from visagent.tools.toolkit import Tool

PLACES = frozenset(
    """
    airport alley area background backyard broadloom carpet carpeting deck doormat drugget floor flooring hearthrug
    linoleum mat parquet parquetry prayer-mat prayer-rug red-carpet rug shag-rug throw-rug welcome-mat
    bakery balcony bar barn bathroom bay beach bedroom boardwalk café cafe
    campsite canteen car-park city classroom clearing coast corridor countryside court courtyard crossing desert
    dining-room driveway factory farm field foreground forest gallery garage garden grass ground gym hall hallway
    harbour harbor hill hospital hotel house intersection island junction jungle kitchen lake landscape lawn
    library living-room lobby market meadow mountain museum ocean office park parking-lot path patio pavement
    picture photo photograph platform playground plaza pond pool porch quay restaurant river riverbank road
    roadside roof room runway sand school sea seaside shop shore sidewalk sky slope snow square stadium station
    store street studio supermarket terrace town track valley village water waterfront woods workshop yard zoo
    海滩 沙滩 街上 街道 马路 路上 公路 办公室 房间 客厅 厨房 卧室 教室 公园 操场 草地 草坪 院子 花园 商店
    店里 超市 餐厅 饭店 机场 跑道 车站 站台 广场 河边 湖边 海边 海里 水里 水面 山上 天空 天上 雪地 田里
    地上 地毯 地板 垫子 地垫 森林 树林 停车场 球场 背景 画面 照片 图片
    """.split()  # noqa: SIM905
)
"""Where things are, rather than what is looked for; spaces as hyphens."""
CARRIERS = frozenset(
    """
    advert banner bill billboard blackboard board card cardboard certificate chart document envelope flyer form invoice
    label leaflet letter list menu nameplate newspaper note notice page paper plaque plate poster price-tag receipt
    scoreboard screen screenshot sheet sign signpost slide sticker tag ticket timetable whiteboard
    牌子 招牌 路牌 指示牌 海报 标签 黑板 白板 菜单 小票 收据 发票 告示 通知 屏幕 纸条 便条 横幅 车牌 票
    单子 表格
    """.split()  # noqa: SIM905
)
"""What carries text and what no detector of everyday things finds; spaces as hyphens."""
WHOLE = frozenset("picture photo photograph image snapshot scene 图 图片 图像 照片 画面".split())  # noqa: SIM905
"""Words for the picture itself, which is no object in it."""
_RELATIONS = ("inside", "overlaps", "nearest", "left_of", "right_of", "above", "below")
_ONE_ANOTHER = re.compile(
    r"(?i)\b(?:touch|hug|kiss|overlap|collid|hold(?:ing)? hands|stack|on top|together|closest|nearest|next to each)"
    r"|[挨碰抱叠]|互相靠|紧靠|最近"
)
_PLACING = ("inside", "overlaps", "nearest")
# What is put right here are plans of the packaged planner, which knows the first-party tools by these names.
_DETECT, _READ, _NEAREST, _PICK, _SORT = "detect", "read_text", "nearest", "pick", "sort"
_TO_THE_VIEWER = re.compile(
    r"(?i)\b(?:nearest|nearer|closest|closer)(?: to| from)? (?:the )?(?:camera|lens|viewer|photographer|us|me)\b"
    r"|离(?:我们?|镜头|相机|摄像机|拍照的人)[最更较]?近"
)
REFUSAL: Step = {"tool": UNANSWERABLE, "reason": "no_tool"}
"""The step that says that no tool can answer."""
_ASKS_FOR = {
    "no_image": re.compile(
        r"(?i)\b(?:picture|pic|photo|photograph|image|screenshot|scene|screen|see|seen|show[ns]?|looks?|visible"
        r"|colou?rs?|wear(?:s|ing)?|dressed|shirt|hat|hair|beard|stand(?:s|ing)|sit(?:s|ting)|behind|background)\b"
        r"|[图画看穿戴]|照片|颜色|背景"
    ),
    "no_video": re.compile(r"(?i)\b(?:video|clip|film|movie|footage|recording|frames?)\b|视频|录像|影片|片段"),
    "no_audio": re.compile(
        r"(?i)\b(?:audio|recording|sounds?|hear[ds]?|says?|said|saying|speaks?|spoken|speech|voices?|sings?|songs?|music"
        r"|talk(?:s|ing)?|tells?)\b|[听说讲唱]|音"
    ),
}
"""Words of a question that asks for a kind of medium, by the reason that says that there is none."""
SHORT_CLIP = 15.0
"""Seconds of a clip up to which its text is read, a frame a second, where no tool answers a question about it."""
MOST_DESCRIBED = 2
"""Pictures of which it is shown what is seen, where no tool answers a question about them."""
_THE_THING = re.compile(r"(?i)\b(?:the|that|this) (?:thing|object|item)\b|那个?东西|这个?东西")
_PARITY = re.compile(
    r"(?i)\b(?P<word>even|odd)(?: or (?:even|odd))?(?: (?:number|amount|count)\b|[\s,]*(?:right|correct)?[?.!]*$)"
    r"|(?P<han>[偶双奇单])数"
)
_OF_PAGES = re.compile(
    r"(?i)\b(?:pages?|pictures?|photos?|photographs?|images?|pics?|sheets?|slides?|scans?|files?|documents?|pdf|long)\b|[页张图幅份]|照片|文件|多长"
)
_HOW_MANY_OF = re.compile(
    r"(?i)\bhow many (?P<of>[a-z]+)\b|[几多]少?[个位名只家人]?(?P<han>[\u4e00-\u9fff]{1,4}?)(?=[？?吗呢]|$)"
)
_THINGS = frozenset("thing object item something anything 东西 物体 物品".split())  # noqa: SIM905


def with_whole_pictures(steps: Sequence[Mapping[str, JsonValue]], tools: Mapping[str, Tool]) -> list[Step]:
    """A plan's steps in which the text on a sign, a page or the like, and what is asked of "the picture", is taken from
    the whole picture.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`; the k-th one is referred to as `$qk`.
        tools: Tools by name.
    """
    carriers, wholes = _detections(steps, CARRIERS), _detections(steps, WHOLE)
    # "The second picture" is one of those that were given, not one of the objects in it.
    for id_, step in numbered(steps).items():
        chosen_from = referred(step.get("items", step.get("boxes")))
        if step.get("tool") in (_PICK, _SORT) and chosen_from in wholes:
            wholes[id_] = wholes[chosen_from]
    plan = [dict(step) for step in steps]
    for step in plan:
        spec = tools[str(step["tool"])].spec if step["tool"] in tools else None
        instead = wholes | carriers if step["tool"] == _READ else wholes
        for parameter in spec.parameters if spec is not None else ():
            found = instead.get(referred(step.get(parameter.name)) or "") if parameter.media else None
            if found is not None:
                del step[parameter.name]
                step |= {parameter.name: found["image"]} if "image" in found else {}
    return without_unread(plan, carriers.keys() | wholes.keys())


class Placed(NamedTuple):
    """Steps without relations to places, and the places."""

    steps: list[Step]
    places: tuple[str, ...]


def without_places(steps: Sequence[Mapping[str, JsonValue]]) -> Placed:
    """A plan's steps in which what stands in a place is what there is: relations to a detected place are left out.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`; the k-th one is referred to as `$qk`.
    """
    places = _detections(steps, PLACES)
    instead: dict[str, str] = {}
    left_out: list[str] = []
    for id_, step in numbered(steps).items():
        what, where = referred(step.get("a")), referred(step.get("b"))
        if step.get("tool") in _PLACING and what is not None and where in places:
            instead[id_] = instead.get(what, what)
            left_out.append(str(places[where]["label"]))
    if not instead:
        return Placed([dict(step) for step in steps], ())
    return Placed(_without_relations(steps, instead, places), tuple(dict.fromkeys(left_out)))


def _without_relations(
    steps: Sequence[Mapping[str, JsonValue]], instead: Mapping[str, str], unread: Iterable[str] = ()
) -> list[Step]:
    """The steps with each of some relations replaced by what it is told of, and without those that none reads now."""
    bare = [{} if id_ in instead else step for id_, step in numbered(with_references(steps, instead)).items()]
    return without_unread(bare, {*instead, *unread})


def _without_self_relations(steps: list[Step], question: str) -> list[Step]:
    """Steps in which nothing is told by where it stands to itself: what the question says of things is no relation.

    Things of a kind do touch one another, where that is asked.
    """
    if _ONE_ANOTHER.search(question):
        return steps
    instead: dict[str, str] = {}
    known = numbered(steps)
    for id_, step in known.items():
        what, other = referred(step.get("a")), referred(step.get("b"))
        if what is not None and step.get("tool") in _RELATIONS and what == other:
            instead[id_] = instead.get(what, what)
        elif other is not None and step.get("tool") == "overlaps" and _is_some_of(known[other], what):
            # "People dressed in red" are the red ones, and not those who touch one.
            instead[id_] = instead.get(other, other)
    return _without_relations(steps, instead) if instead else steps


def _is_some_of(step: Step, what: str | None) -> bool:
    return step.get("tool") == "filter_color" and what is not None and referred(step.get("boxes")) == what


def repaired(steps: Sequence[Mapping[str, JsonValue]], question: str) -> list[Step]:
    """A plan's steps with what cannot mean what the question says put right.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`; the k-th one is referred to as `$qk`.
        question: Question as the person put it.
    """
    if [step.get("tool") for step in steps] == ["pages"] and not _OF_PAGES.search(question):
        return _number_of(question)
    plan = _without_unasked_counts(_counting_what_touches([dict(step) for step in steps]), question)
    if _TO_THE_VIEWER.search(question):
        plan = _nearest_to_the_viewer(plan)
    if found := _PARITY.search(question):
        plan = _with_parity(plan, even=(found["word"] or "").lower() == "even" or (found["han"] or "") in tuple("偶双"))
    plan = _without_self_relations(plan, question)
    if compares_with_itself(plan):
        return [dict(REFUSAL)]
    things = _detections(plan, _THINGS)
    loose = [step for step in plan if step.get("tool") == "exists" and referred(step.get("items")) in things]
    if loose and len(plan) == 2 and _THE_THING.search(question):
        return [dict(REFUSAL)]
    return plan


def _number_of(question: str) -> list[Step]:
    """The number beside the word for what a question asks how many there are of, as "members"; a refusal without it."""
    found = _HOW_MANY_OF.search(question)
    if found is None:
        return [dict(REFUSAL)]
    return [{"tool": _READ}, {"tool": "find_number", "text": "$q1", "near": found["of"] or found["han"]}]


def _without_unasked_counts(steps: list[Step], question: str) -> list[Step]:
    """The steps without numbers of things that the question does not ask for; a refusal where nothing else is left."""
    unasked = {f"q{at + 1}" for at in counts_unasked(question, steps)}
    if not unasked:
        return steps
    kept = [{} if id_ in unasked else step for id_, step in numbered(steps).items()]
    bare, read = (UNANSWERABLE, _DETECT, _READ, "extract", "transcribe"), ids_read(kept)
    loose = [id_ for id_, step in numbered(kept).items() if id_ not in read and step.get("tool") in bare[1:]]
    found = without_unread(kept, [*unasked, *loose])
    return found if any(step.get("tool") not in bare for step in found) else [dict(REFUSAL)]


def _counting_what_touches(steps: list[Step]) -> list[Step]:
    """Of what is nearest, that which is counted becomes what touches."""
    counted = {referred(step.get("items")) for step in steps if step.get("tool") == "count"}
    return [
        {**step, "tool": "overlaps"} if step.get("tool") == _NEAREST and id_ in counted else step
        for id_, step in numbered(steps).items()
    ]


def _with_parity(steps: list[Step], *, even: bool) -> list[Step]:
    """A number that is compared with 0, 1 or 2 is halved first, and what is left of it compared."""
    if any("%" in str(step.get("expression")) for step in steps):
        return steps
    for at, step in enumerate(steps):
        if step.get("tool") == "compare" and referred(step.get("a")) is not None and step.get("b") in (0, 1, 2):
            left = {"tool": "calculate", "expression": "a % 2", "a": step["a"]}
            compared: Step = {"tool": "compare", "a": f"$q{at + 1}", "op": "=", "b": 0 if even else 1}
            later = {f"q{number}": f"q{number + 1}" for number in range(at + 1, len(steps) + 1)}
            return [*steps[:at], left, compared, *with_references(steps[at + 1 :], later)]
    return steps


def _nearest_to_the_viewer(steps: list[Step]) -> list[Step]:
    """What is picked out of things in order, or is nearest to its own kind, becomes what is nearest to the viewer."""
    known = numbered(steps)

    def labels(id_: str | None) -> set[str]:
        step = known.get(id_ or "", {})
        below = [referred(step.get(name)) for name in ("a", "b", "boxes", "items")]
        found = {label for one in below if one is not None for label in labels(one)}
        return found | ({str(step.get("label"))} if step.get("tool") == _DETECT else set())

    def all_of(given: JsonValue) -> JsonValue:
        """Before they were put in order."""
        step = known.get(referred(given) or "", {})
        return step.get("boxes") if step.get("tool") == _SORT else given

    instead: dict[str, Step] = {}
    for id_, step in known.items():
        if step.get("tool") == _NEAREST and labels(referred(step.get("a"))) == labels(referred(step.get("b"))):
            instead[id_] = {"tool": "largest", "boxes": step["a"]}
        elif step.get("tool") == _PICK and "items" in step and len(labels(referred(step["items"]))) == 1:
            instead[id_] = {"tool": "largest", "boxes": all_of(step["items"])}
        elif step.get("tool") == _SORT:
            instead[id_] = {**step, "by": "bottom_to_top"}
    picked = {id_ for id_, step in known.items() if step.get("tool") == _PICK}
    changed = [instead.get(id_, {**step, "position": 1} if id_ in picked else step) for id_, step in known.items()]
    dropped = [id_ for id_, step in known.items() if step.get("tool") in (_SORT, _DETECT)]
    return without_unread(changed, dropped)


def with_descriptions(
    steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo], tools: Mapping[str, Tool]
) -> list[Step]:
    """A refusal with what is said in the recordings, and seen and written in the pictures, before it; else as it was.

    Args:
        steps: The plan's.
        question: Question as the person put it. One that names no picture asks for none, whatever the planner takes it
            for; nor does it ask for a clip or a recording.
        media: Media by the names that the plan uses; of many pictures, and of clips, nothing is shown.
        tools: Tools by name.
    """
    plan = [dict(step) for step in steps]
    sounds = [name for name, info in media.items() if info.kind == "audio"]
    pictures = [name for name, info in media.items() if info.kind == "image"]
    clips = [name for name, info in media.items() if info.kind == "video"]
    missing = _ASKS_FOR.get(str(plan[0].get("reason"))) if len(plan) == 1 and media else None
    if missing is not None and not missing.search(question):
        plan = [dict(REFUSAL)]
    if plan != [REFUSAL] or len(pictures) > MOST_DESCRIBED:
        return plan
    sounds += [name for name in clips if media[name].has_audio]
    short = [name for name in clips if (media[name].seconds or SHORT_CLIP + 1) <= SHORT_CLIP]
    seen = _calls([*_tools_for("read", tools), *_tools_for("describe", tools)], pictures, tools)
    written = _calls(_tools_for("read", tools), short, tools)
    return [*_transcriptions(sounds, tools), *written, *seen, *plan]


def with_transcripts(
    steps: Sequence[Mapping[str, JsonValue]], media: Mapping[str, MediaInfo], tools: Mapping[str, Tool]
) -> list[Step]:
    """A plan that refuses a part of the question, with what is said in the recordings before the refusal: that part may
    be about them. As it was where it refuses all or nothing, or hears a recording.

    Args:
        steps: The plan's.
        media: Media by the names that the plan uses.
        tools: Tools by name.
    """
    plan = [dict(step) for step in steps]
    recordings = [name for name, info in media.items() if info.kind == "audio"]
    hears = any(step.get("tool") in tools and tools[str(step["tool"])].spec.serves == "hear" for step in plan)
    if len(plan) < 2 or plan[-1] != REFUSAL or hears:
        return plan
    return [*plan[:-1], *_transcriptions(recordings, tools), plan[-1]]


def _tools_for(service: Service, tools: Mapping[str, Tool]) -> list[str]:
    """The name of the tool for a purpose; none where there is none."""
    spec = serving(tools, service)
    return [] if spec is None else [spec.name]


def _transcriptions(media: Iterable[str], tools: Mapping[str, Tool]) -> list[Step]:
    """Steps that write down what is said in each of these recordings."""
    return _calls(_tools_for("hear", tools), media, tools)


def _calls(names: Iterable[str], media: Iterable[str], tools: Mapping[str, Tool]) -> list[Step]:
    """Steps that give each of these media to each of these tools, of those that need nothing else."""
    found: list[Step] = []
    for name in names:
        required = [parameter for parameter in tools[name].spec.parameters if parameter.required]
        found += [{"tool": name, required[0].name: medium} for medium in media] if len(required) == 1 else []
    return found


def _detections(steps: Sequence[Mapping[str, JsonValue]], words: Collection[str]) -> dict[str, Step]:
    """The steps that look for one of these words, by id."""
    return {
        id_: step
        for id_, step in numbered(steps).items()
        if step.get("tool") == _DETECT and _is_among(words, str(step.get("label")))
    }


def _is_among(words: Collection[str], label: str) -> bool:
    word = label.lower().strip().replace(" ", "-")
    return word in words or singular(word) in words
