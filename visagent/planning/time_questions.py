"""A question about time in a clip, planned by a grammar: when, how long, how often, before, while. Knows no model.

The packaged planner has not learnt the tools of time: of "how long is the cat seen" it makes the length of the clip.
A question that the grammar does not know as a whole is left to the planner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from visagent.media.media import MediaInfo
from visagent.media.regions import picture_of
from visagent.planning.regions import without_regions
from visagent.planning.step_lists import Step
from visagent.planning.time_questions_zh import asked_in_chinese
from visagent.planning.timed import Asked, Event, cleaned_up, thing

_AUX = r"(?:(?:does|do|did|is|are|was|were|can|could|will|has|have)\s+)?"
_SEES = r"(?:we|you|i|one)\s+(?:can\s+)?(?:see|notice|spot)"
_SCREEN = r"(?:on (?:the )?screen|in (?:the |this )?(?:picture|frame|view|shot|scene|video|clip|film|movie|footage))"
_REST = (
    rf"(?: (?:{_SCREEN}|(?:the |this )?(?:picture|frame|view|shot|scene)|there|in total|altogether|overall|at all))*"
)
_COMES = (
    r"appears?|appeared|shows? up|showed up|turns? up|pops? up|enters?|arrives?"
    r"|comes?(?: back| into view| in(?:to)?| up)?|returns?|reappears?|pass(?:es)?(?: by| through)?"
    r"|(?:walk|run|drive|fl(?:y|ies)|step|jump|ride|swim|crawl)s? (?:in(?:to)?|by|past|through)"
)
_STAYS = r"stays?|stayed|remains?|remained"
_THERE = rf"visible|seen|shown|displayed|there|present|to be seen|{_SCREEN}"
_BE = r"(?:(?:is|are|was|were|be|been|can be) )?"
_NOUN = r"(?P<n>[\w' -]{1,60}?)"
_VISIBLE = re.compile(rf"{_NOUN} {_BE}(?:(?P<comes>{_COMES})|{_STAYS}|{_THERE}){_REST}")
_SEEN = re.compile(rf"{_SEES} {_NOUN}{_REST}")
_THERE_IS = re.compile(rf"there (?:(?:is|are|was|were) )?{_NOUN} (?:visible|{_SCREEN}){_REST}")
_GONE = re.compile(
    rf"{_NOUN} {_BE}(?:leaves?|left|disappears?|vanish(?:es)?|goes(?: away| out)?|go(?: away| out)|gone){_REST}"
)
_WHO = r"(?:somebody|someone|anybody|anyone|they|he|she|we|people|the (?:speaker|voice|narrator|man|woman|person))"
_SAYS = re.compile(
    rf"(?:{_WHO} )?(?:says?|said|hears?|mentions?|mentioned|talks? about|talked about|speaks? (?:of|about))"
    r" (?:the words? |that |about )?(?P<w>.+)"
)
_SAID = re.compile(rf"(?P<w>.+?) {_BE}(?:said|heard|mentioned|spoken(?: of)?|talked about)")
_READS = re.compile(rf"(?:(?:we|you|i|one) )?(?:can )?read (?:the )?(?:text |words? |sign )?(?P<w>.+?){_REST}")
_READ = re.compile(
    rf"(?:the )?(?:text |words? |title |sign |caption )?(?P<w>.+?) {_BE}(?:read|written|legible|readable){_REST}"
)
_TEXT = re.compile(
    rf"(?:the )?(?:text|words?|title|sign|caption|writing) (?P<w>.+?) {_BE}(?:{_COMES}|{_STAYS}|{_THERE}){_REST}"
)
_QUOTED = re.compile(r"[\"“”'‘’]+(?P<w>[^\"“”]+?)[\"“”'‘’]+")

_TIME = (
    r"(?:when|(?:at|in) (?:what|which) (?:time|second|moment|point)|from when(?: (?:to|till|until) when)?|since when)"
)
_WHEN = re.compile(rf"{_TIME} {_AUX}(?P<e>.+)")
_NTH_TIME = re.compile(
    r"(?:what(?:'s| is) )?the (?:(?P<nth>first|last) )?(?:time|moment|second)(?: that| when| at which)? (?P<e>.+)"
)
_UNTIL = re.compile(rf"(?:until|till) (?:when|what (?:time|second)) {_AUX}(?P<e>.+)")
_TAKES = re.compile(
    r"how (?:long|many seconds|much time)(?: (?:does|did) it take| pass| go by| is it|)"
    r"(?: until| till| before) (?P<e>.+)"
)
_SCHEDULE = re.compile(
    r"(?:at |in )?(?:what|which) time\b.*\b(?:say|says|said|mentions?|leaves?|left|go(?:es)?|arrives?|comes?)\b.*"
)
_LONG = re.compile(rf"(?:for )?(?:how long|how much time|how many (?:seconds|minutes)) {_AUX}(?P<e>.+)")
_OFTEN = re.compile(rf"how (?:often|many times) {_AUX}(?P<e>.+)")
_ORDER = re.compile(r"(?:is|are|does|do|did|was|were|has|have) (?P<a>.+?) (?P<op>before|after) (?P<b>.+)")
_FIRST_OF = re.compile(
    rf"(?:which|what|who)(?: (?:text|words?|thing|one|animal|sign))? "
    rf"(?P<v>{_BE}(?:{_COMES}|{_THERE}|said|read|is|are)?)"
    r" ?(?:first|earlier)[,:]? (?P<a>.+?) or (?P<b>.+)"
)
_RELATION = r"(?P<rel>while|when|as|as long as|after|before|once|until)"
_SAID_WHILE = re.compile(
    rf"what(?:'s| is| was| words are)? ?(?:being )?(?:(?:can be )?(?:said|spoken|heard)|(?:does|do|did) {_WHO} say"
    rf"|(?:can|do) we hear) {_RELATION} (?P<e>.+)"
)
_READ_WHILE = re.compile(
    r"what(?:'s| is)? ?(?:can (?:be|we|you|i) read|is written|written"
    r"|(?:text|writing|words?) (?:is|can be|are) (?:shown|seen|read|visible|there)"
    rf"|does (?:the )?(?:text|sign|screen|title) (?:say|read))(?: {_SCREEN})? (?:while|when|as) (?P<e>.+)"
)
_AT_ONCE = r"(?:at the same time|at once|simultaneously|together|at (?:any )?(?:one )?time|at a time)"
_MOST = re.compile(
    rf"(?:what(?:'s| is) the (?:largest|maximum|highest|greatest) number of|(?:at most )?how many) {_NOUN}"
    rf"(?: (?:are|can|do|were|we|be|you|see|{_THERE}))*(?: at (?:the )?most)? {_AT_ONCE}(?: at (?:the )?most)?"
)
_COMPOUND = re.compile(
    rf"(?:is|are|was|were|does|do|did|can) (?P<e>.+?),? and (?:if so,? )?(?P<w>{_TIME}|(?:for )?how long|how often)"
)
_AT_ALL = re.compile(r" (?:ever|again|a second time|at (?:any|some) (?:point|time))\b")
_CUTS = re.compile(
    r"(?:where|when) (?:is|are|do|does) (?:the |there (?:a )?)?(?:scene |new )?(?:cuts?|changes?|shots?)"
    r"(?: of scene| (?:begin|start|change)s?)?"
)
_SHOTS = re.compile(
    r"how many (?:different )?(?P<k>shots|scenes|cuts|scene changes)(?: (?:are|does|do|is|has|can|were)\b.*)?"
)
_NTH = re.compile(r" ?\b(?:for the )?(?:very )?(?P<nth>first|last)(?: time)?\b")
_TOGETHER = re.compile(rf"(?P<a>.+?) and (?P<b>.+?)(?: {_BE}(?:both |{_THERE})| {_AT_ONCE}){_REST}(?: {_AT_ONCE})?")


class Timed(NamedTuple):
    """A clip that a question is about, with its sound."""

    video: str
    audio: str


def about_time(question: str, media: Mapping[str, MediaInfo], tools: Mapping[str, Any]) -> list[Step]:
    """The plan's steps for a question about time in the one clip that was given; empty where it is no such question.

    Args:
        question: Question as the person put it.
        media: Media by the names that the plan may use.
        tools: What the plan may call, by name.
    """
    plain = without_regions(question, media)
    if [info.kind for info in plain.media.values()] != ["video"]:
        return []
    (name,) = (plain.names.get(name, name) for name in plain.media)
    text = cleaned_up(plain.question)
    asked = asked_in_chinese(text) if re.search(r"[\u4e00-\u9fff]", text) else _asked(text)
    steps = [] if asked is None else _steps(asked, Timed(name, picture_of(name)))
    return steps if all(step["tool"] in tools for step in steps) else []


def _asked(text: str) -> Asked | None:
    """What an English question asks of which events; None where it is not about time."""
    if (found := _COMPOUND.fullmatch(text.lower())) is not None:
        # "Does it appear, and when?" is answered by when it does.
        text = f"{found['w']} {text[found.start('e') : found.end('e')]}"
    text = _AT_ALL.sub("", text)
    lower = text.lower()
    if _CUTS.fullmatch(lower):
        return Asked("scenes", ())
    if _SCHEDULE.fullmatch(lower):
        # "At what time does the ferry leave?" is told by what is said or written.
        return None
    if (found := _UNTIL.fullmatch(lower) or _TAKES.fullmatch(lower)) is not None:
        event = _event(text[found.start("e") :])
        until = found.re is _UNTIL
        return None if event is None else Asked("edge", (event._replace(gone=until or event.gone),))
    for match, what in ((_NTH_TIME, "when"), (_WHEN, "when"), (_LONG, "long"), (_OFTEN, "often")):
        if (found := match.fullmatch(lower)) is not None:
            clause, nth = text[found.start("e") :], found.groupdict().get("nth")
            if what == "when" and nth is None and (said := _NTH.search(clause.lower())) is not None:
                nth, clause = said["nth"], clause[: said.start()] + clause[said.end() :]
            events = _events(clause)
            if not events or (what != "when" and events[0].gone):
                return None
            return Asked(what, events, nth=nth)
    if (found := _FIRST_OF.fullmatch(lower)) is not None:
        sides = [_bare(text[found.start(side) : found.end(side)], found["v"]) for side in ("a", "b")]
        return None if None in sides else Asked("order", tuple(side for side in sides if side), op="<")
    if (found := _ORDER.fullmatch(lower)) is not None:
        one = _event(text[found.start("a") : found.end("a")])
        other = text[found.start("b") :]
        if re.search(r"\d", other):
            return None
        two = _event(other) or _bare(re.sub(r" (?:does|do|is|are|did)$", "", other), "")
        return (
            None
            if one is None or two is None
            else Asked("order", (one, two), op="<" if found["op"] == "before" else ">")
        )
    for match, what in ((_SAID_WHILE, "said"), (_READ_WHILE, "read")):
        if (found := match.fullmatch(lower)) is not None and (event := _event(text[found.start("e") :])) is not None:
            return Asked(what, (event,), op=found.groupdict().get("rel") or "while")
    if (found := _MOST.fullmatch(lower)) is not None and (label := thing(found["n"])) is not None:
        return Asked("most", (Event(label, "seen"),))
    if (found := _SHOTS.fullmatch(lower)) is not None:
        return Asked("cuts" if "c" in found["k"][:1] or "change" in found["k"] else "shots", ())
    return None


def _events(clause: str) -> tuple[Event, ...]:
    """The event that a clause tells of, or the two that happen together in it."""
    if (found := _TOGETHER.fullmatch(clause.lower())) is not None:
        pair = [thing(clause[found.start(side) : found.end(side)]) for side in ("a", "b")]
        return tuple(Event(label, "seen") for label in pair if label) if all(pair) else ()
    event = _event(clause)
    return () if event is None else (event,)


def _event(clause: str) -> Event | None:
    """The event that a clause tells of: a thing that is seen, or words that are said or written."""
    lower = clause.strip().lower()
    clause = clause.strip()
    for match, by in ((_SAYS, "heard"), (_READS, "written"), (_TEXT, "written"), (_SAID, "heard"), (_READ, "written")):
        if (found := match.fullmatch(lower)) is not None:
            words = _words(clause[found.start("w") : found.end("w")])
            return Event(words, by) if words else None
    if (found := _GONE.fullmatch(lower)) is not None:
        named = re.sub(r"(?i)^(?:the )?(?:text|words?|title|sign|caption|writing) (?=\S)", "", clause[: found.end("n")])
        left = _bare(named, "read" if named != clause[: found.end("n")] else "", "seen")
        return None if left is None else left._replace(gone=True)
    for match in (_THERE_IS, _SEEN, _VISIBLE):
        if (found := match.fullmatch(lower)) is not None:
            by = "any" if found.groupdict().get("comes") else "seen"
            return _bare(clause[found.start("n") : found.end("n")], "", by)
    return None


def _bare(name: str, verb: str, by: str = "any") -> Event | None:
    """The event that a name alone stands for: quoted, or in capitals, it is a text."""
    name = name.strip(" ,.?!")
    if verb.endswith("said"):
        return Event(_words(name), "heard")
    if _QUOTED.fullmatch(name) or (name.isupper() and len(name) > 1) or verb.endswith("read"):
        return Event(_words(name), "written")
    label = thing(name)
    return None if label is None else Event(label, by)


def _words(said: str) -> str:
    found = _QUOTED.fullmatch(said.strip())
    # The article of THE END is a part of the text.
    plain = re.sub(r"^(?:in|during|on) .+? (?:is|are|was|were|does|do|did) ", "", said.strip(' ,.?!"“”'))
    return found["w"] if found else re.sub(r"^(?:the |an? )?(?:words? (?=\S))?", "", plain)


def _steps(asked: Asked, clip: Timed) -> list[Step]:
    """A plan's steps for what is asked."""
    steps: list[Step] = []

    def add(tool: str, **arguments: Any) -> str:
        steps.append({"tool": tool, **arguments})
        return f"$q{len(steps)}"

    def spans(event: Event) -> str:
        given = {} if event.by == "any" else {"by": event.by}
        return add("when", video=clip.video, event=event.words, **given)

    def moment(event: Event) -> str:
        return add("moment_of", spans=spans(event), **({"edge": "end"} if event.gone else {}))

    match asked.what:
        case "edge":
            moment(asked.events[0])
        case "scenes":
            add("shots", video=clip.video)
        case "shots" | "cuts":
            counted = add("how_often", spans=add("shots", video=clip.video))
            if asked.what == "cuts":
                add("calculate", expression="a - 1", a=counted)
        case "most":
            add("at_once", tracks=add("track", video=clip.video, label=asked.events[0].words))
        case "order":
            one, two = (moment(event) for event in asked.events)
            add("compare", a=one, op=asked.op, b=two)
        case "read":
            edge = "end" if asked.events[0].gone else "middle"
            at = add("moment_of", spans=spans(asked.events[0]), edge=edge)
            add("read_text", image=add("frame", video=clip.video, seconds=at))
        case "said" if asked.op in ("after", "before", "until", "once"):
            when = "before" if asked.op in ("before", "until") else "after"
            add("said", audio=clip.audio, **{when: moment(asked.events[0])})
        case "said":
            add("said", audio=clip.audio, during=spans(asked.events[0]))
        case what:
            found = spans(asked.events[0])
            if len(asked.events) > 1:
                found = add("during", a=found, b=spans(asked.events[1]))
            if asked.nth is not None:
                found = add(asked.nth, spans=found)
            if what == "long":
                add("how_long", spans=found)
            elif what == "often":
                add("how_often", spans=found)
            elif asked.events[0].gone:
                add("moment_of", spans=found, edge="end")
    return steps
