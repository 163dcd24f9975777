"""What becomes of a plan that cannot work as it stands."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.fallbacks import (
    repaired,
    with_descriptions,
    with_transcripts,
    with_whole_pictures,
    without_places,
)
from visagent.planning.plan_language import read_plan, write_plan
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit.installed()
SPECS = {name: tool.spec for name, tool in TOOLS.items()}


@pytest.mark.parametrize(
    ("plan", "kept", "places"),
    [
        ('count(overlaps(detect("bird"),detect("beach")))', 'count(detect("bird"))', ("beach",)),
        (
            'count(left_of(inside(detect("man"),detect("parking lot")),detect("bus")))',
            'count(left_of(detect("man"),detect("bus")))',
            ("parking lot",),
        ),
        ('count(inside(detect("人"),detect("公园")))', 'count(detect("人"))', ("公园",)),
        # What is asked for is no place where something else is.
        ('exists(detect("beach"))', 'exists(detect("beach"))', ()),
        ('count(overlaps(detect("cup"),detect("table")))', 'count(overlaps(detect("cup"),detect("table")))', ()),
        (
            'exists(detect("beach")); count(overlaps(detect("bird"),detect("beach")))',
            'exists(detect("beach")); count(detect("bird"))',
            ("beach",),
        ),
    ],
)
def test_relations_to_places_are_left_out_and_told(plan: str, kept: str, places: tuple[str, ...]) -> None:
    found = without_places(read_plan(plan, SPECS))
    assert write_plan(found.steps, SPECS) == kept and found.places == places


@pytest.mark.parametrize(
    ("plan", "kept"),
    [
        ('read_text(detect("sign"))', "read_text()"),
        ('evaluate(read_text(detect("blackboard",image="image2")))', 'evaluate(read_text("image2"))'),
        ('read_text(detect("bus"))', 'read_text(detect("bus"))'),
        ('read_text(detect("标签"))', "read_text()"),
        ('dominant_colors(detect("picture"))', "dominant_colors()"),
        ('classify(detect("photo",image="image2"))', 'classify("image2")'),
        ('count(detect("picture"))', 'count(detect("picture"))'),
        (
            'exists(detect("cow",image=pick(sort(detect("photo",image="image2"),"left_to_right"),2)))',
            'exists(detect("cow",image="image2"))',
        ),
        ('unanswerable("no_tool")', 'unanswerable("no_tool")'),
        ('count(detect("sign")); read_text(detect("sign"))', 'count(detect("sign")); read_text()'),
    ],
)
def test_the_text_on_a_sign_is_read_from_the_whole_picture(plan: str, kept: str) -> None:
    assert write_plan(with_whole_pictures(read_plan(plan, SPECS), TOOLS), SPECS) == kept


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        (
            "How many dogs lie around the bench?",
            'count(nearest(detect("dog"),detect("bench")))',
            'count(overlaps(detect("dog"),detect("bench")))',
        ),
        (
            "Which dog is nearest to the bench?",
            'nearest(detect("dog"),detect("bench"))',
            'nearest(detect("dog"),detect("bench"))',
        ),
        (
            "What color is the bus closest to the camera?",
            'dominant_colors(nearest(detect("bus"),detect("bus")))',
            'dominant_colors(largest(detect("bus")))',
        ),
        (
            "What color is the bus nearest to us?",
            'dominant_colors(pick(sort(detect("bus"),"left_to_right"),1))',
            'dominant_colors(largest(detect("bus")))',
        ),
        (
            "Is the bus or the bench nearer to me?",
            'pick(sort(merge(detect("bus"),detect("bench")),"left_to_right"),-1)',
            'pick(sort(merge(detect("bus"),detect("bench")),"bottom_to_top"),1)',
        ),
        (
            "Which bus is nearest to the bench?",
            'pick(sort(detect("bus"),"left_to_right"),1)',
            'pick(sort(detect("bus"),"left_to_right"),1)',
        ),
        ("Do you see the thing that he talks about?", 'exists(detect("thing"))', 'unanswerable("no_tool")'),
        ("Is there anything at all?", 'exists(detect("thing"))', 'exists(detect("thing"))'),
        ("Who feeds these goats?", 'count(detect("goat")); unanswerable("no_tool")', 'unanswerable("no_tool")'),
        ("架子上有几本书？", 'count(extract(read_text(),"number"))', 'unanswerable("no_tool")'),
        (
            "Is what he lost on the shelf?",
            'exists(extract(transcribe(audio="audio1"),"number"))',
            'unanswerable("no_tool")',
        ),
        (
            "Who feeds the goats and where are they?",
            'count(detect("goat")); locate(detect("goat"))',
            'locate(detect("goat"))',
        ),
    ],
)
def test_what_cannot_mean_what_the_question_says_is_put_right(question: str, plan: str, kept: str) -> None:
    assert write_plan(repaired(read_plan(plan, SPECS), question), SPECS) == kept


def media(*names: str) -> dict[str, MediaInfo]:
    return {
        name: MediaInfo.model_validate({"hash": "0" * 64, "kind": name.rstrip("12"), "name": name}) for name in names
    }


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        ("How many pages does it have?", "pages()", "pages()"),
        ("一共有几页？", "pages()", "pages()"),
        ("How many members do they have?", "pages()", 'find_number(read_text(),near="members")'),
        ("Who are the members?", "pages()", 'unanswerable("no_tool")'),
    ],
)
def test_pages_are_counted_where_pages_are_asked_for(question: str, plan: str, kept: str) -> None:
    assert write_plan(repaired(read_plan(plan, SPECS), question), SPECS) == kept


def test_the_text_and_the_speech_of_a_short_clip_stand_beside_a_refusal() -> None:
    clip = MediaInfo(hash="0" * 64, kind="video", name="a.mp4", seconds=8.0, has_audio=True)
    refusal = read_plan('unanswerable("no_tool")', SPECS)
    steps = with_descriptions(refusal, "And why?", {"video1": clip}, TOOLS)
    assert [step["tool"] for step in steps] == ["transcribe", "read_text", "unanswerable"]
    long = clip.model_copy(update={"seconds": 900.0, "has_audio": False})
    assert with_descriptions(refusal, "And why?", {"video1": long}, TOOLS) == refusal


def test_what_is_said_or_seen_stands_beside_the_refusal_of_a_question() -> None:
    refused = read_plan('unanswerable("no_tool")', SPECS)

    def showing(*names: str) -> str:
        return write_plan(with_descriptions(refused, "And why?", media(*names), TOOLS), SPECS)

    assert showing("audio1", "audio2") == 'transcribe("audio1"); transcribe("audio2"); unanswerable("no_tool")'
    assert showing("image1") == 'read_text("image1"); caption("image1"); unanswerable("no_tool")'
    both = 'transcribe("audio1"); read_text("image1"); caption("image1"); unanswerable("no_tool")'
    assert showing("image1", "audio1") == both
    assert showing("video1") == 'unanswerable("no_tool")'
    assert showing("video1", "image1") == showing("image1")
    steps = read_plan('contains(transcribe(),"bus")', SPECS)
    assert with_descriptions(steps, "And why?", media("audio1"), TOOLS) == steps


@pytest.mark.parametrize(
    ("question", "reason", "names", "asked_for"),
    [
        ("what is it that she lost?", "no_image", ("audio1",), False),
        ("他丢了什么？", "no_image", ("audio1",), False),
        ("Is what she lost on the table?", "no_video", ("image1", "audio1"), False),
        ("Who is older?", "no_audio", ("image1",), False),
        ("what colour is the sofa in this picture?", "no_image", ("audio1",), True),
        ("这张照片里有几只狗？", "no_image", ("audio1",), True),
        ("is she wearing a scarf", "no_image", ("audio1",), True),
        ("How does the film end?", "no_video", ("image1",), True),
        ("他说了什么？", "no_audio", ("image1",), True),
        ("what is it that she lost?", "no_image", (), True),
    ],
)
def test_a_medium_that_was_not_asked_for_is_not_missing(
    question: str, reason: str, names: tuple[str, ...], asked_for: bool
) -> None:
    refused = [{"tool": "unanswerable", "reason": reason}]
    shown = with_descriptions(refused, question, media(*names), TOOLS)
    assert (shown == refused) is asked_for
    assert shown[-1]["reason"] == (reason if asked_for else "no_tool")


@pytest.mark.parametrize(
    ("plan", "names", "heard_too"),
    [
        (
            'count(detect("cow")); unanswerable("no_tool")',
            ("image1", "audio1"),
            'count(detect("cow")); transcribe("audio1"); unanswerable("no_tool")',
        ),
        # It hears the recording already, has none, or refuses nothing.
        ('transcribe(); unanswerable("no_tool")', ("image1", "audio1"), None),
        ('count(detect("cow")); unanswerable("no_tool")', ("image1",), None),
        ('count(detect("cow"))', ("image1", "audio1"), None),
        ('unanswerable("no_tool")', ("image1", "audio1"), None),
    ],
)
def test_a_recording_is_heard_before_a_part_of_the_question_is_refused(
    plan: str, names: tuple[str, ...], heard_too: str | None
) -> None:
    assert with_transcripts(read_plan(plan, SPECS), media(*names), TOOLS) == read_plan(heard_too or plan, SPECS)


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        (
            "Is there an even number of cups?",
            'compare(count(detect("cup")),"=",0)',
            'compare(calculate("a % 2",count(detect("cup"))),"=",0)',
        ),
        (
            "杯子的数量是单数吗？",
            'compare(count(detect("杯子")),"=",1)',
            'compare(calculate("a % 2",count(detect("杯子"))),"=",1)',
        ),
        (
            "Is there a plate, and is the number of cups odd?",
            'all_true([compare(count(detect("cup")),"=",1),exists(detect("plate"))])',
            'all_true([compare(calculate("a % 2",count(detect("cup"))),"=",1),exists(detect("plate"))])',
        ),
        ("Is there even one cup?", 'compare(count(detect("cup")),"=",1)', 'compare(count(detect("cup")),"=",1)'),
    ],
)
def test_even_and_odd_are_told_by_what_halving_leaves(question: str, plan: str, kept: str) -> None:
    assert write_plan(repaired(read_plan(plan, SPECS), question), SPECS) == kept


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        (
            "Are the cats looking at each other?",
            'exists(overlaps(detect("cat"),detect("cat")))',
            'exists(detect("cat"))',
        ),
        (
            "Is it a board that she stands on?",
            'exists(above(detect("board"),detect("board")))',
            'exists(detect("board"))',
        ),
        ("Do any cats touch?", 'exists(overlaps(detect("cat"),detect("cat")))', None),
        (
            "How many people are dressed in red?",
            'count(overlaps(detect("person"),filter_color(detect("person"),"red")))',
            'count(filter_color(detect("person"),"red"))',
        ),
        (
            "Who touches the one in red?",
            'exists(overlaps(detect("person"),filter_color(detect("person"),"red")))',
            None,
        ),
        ("Left of the red one?", 'exists(left_of(detect("person"),filter_color(detect("person"),"red")))', None),
        ("Is a cat left of a dog?", 'exists(left_of(detect("cat"),detect("dog")))', None),
    ],
)
def test_nothing_stands_somewhere_to_itself(question: str, plan: str, kept: str | None) -> None:
    assert write_plan(repaired(read_plan(plan, SPECS), question), SPECS) == (kept or plan)
