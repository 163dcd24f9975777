"""Questions about time in a clip become plans with the tools of time; all others are left to the planner."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.plan_language import read_plan
from visagent.planning.time_questions import about_time
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit.installed()
SPECS = {name: tool.spec for name, tool in TOOLS.items()}
CLIP = {"video1": MediaInfo(hash="0" * 64, kind="video", name="a.mp4")}
PICTURE = MediaInfo(hash="1" * 64, kind="image", name="a.png")
LEFT = CLIP["video1"].model_copy(update={"region": (0, 0, 10, 10)})


@pytest.mark.parametrize(
    ("question", "plan"),
    [
        ("When does the goat appear?", 'when("goat")'),
        ("tell me when there are dogs visible, please", ""),
        ("At what second is a horse first seen in the clip?", 'first(when("horse",by="seen"))'),
        ("and when do we see the lorries for the last time?", 'last(when("lorry",by="seen"))'),
        ("When does the bus leave?", 'moment_of(when("bus",by="seen"),edge="end")'),
        ("When can you read WET PAINT?", 'when("WET PAINT",by="written")'),
        ("When is \"mind the gap\" said?", 'when("mind the gap",by="heard")'),
        ("At which moment does somebody mention the harvest?", 'when("harvest",by="heard")'),
        ("How long is the horse in view altogether?", 'how_long(when("horse",by="seen"))'),
        ("for how many seconds can we see the boat", 'how_long(when("boat",by="seen"))'),
        ("How often does the bird come in?", 'how_often(when("bird"))'),
        (
            "Does the dog enter after the child?",
            'compare(moment_of(when("dog")),">",moment_of(when("child")))',
        ),
        ("What do they say while the boat is on screen?", 'said(during=when("boat",by="seen"))'),
        ("What is said before the bus arrives?", 'said(before=moment_of(when("bus")))'),
        ("How many horses are visible at the same time?", 'at_once(track("horse"))'),
        ("How many cuts are there?", 'calculate("a - 1",a=how_often(shots()))'),
        (
            "How long are the dog and the cat visible together?",
            'how_long(during(when("dog",by="seen"),when("cat",by="seen")))',
        ),
        ("How many times does a lorry pass?", 'how_often(when("lorry"))'),
        ("When does the goat run into the frame?", 'when("goat")'),
        ("Until when is the goat visible?", 'moment_of(when("goat",by="seen"),edge="end")'),
        ("How long does it take until a bird appears?", 'moment_of(when("bird"))'),
        ("How long is it until the first bird comes into the picture?", 'moment_of(when("bird"))'),
        ("Tell me the moment the bird shows up", 'when("bird")'),
        ("How long is there a horse on screen?", 'how_long(when("horse",by="seen"))'),
        ("What can be read when the bird goes?", 'read_text(frame(moment_of(when("bird",by="seen"),edge="end")))'),
        ("When is the word harvest said?", 'when("harvest",by="heard")'),
        ("马第一次出现是什么时候？", 'first(when("马"))'),
        ("什么时候说到修路的事？", 'when("修路",by="heard")'),
        # What a person, a sign or a clock says of a time outside the clip.
        ("At what time does the last bus leave?", ""),
        ("What time did he say the bus leaves?", ""),
        ("When does the tram to the harbour leave?", ""),
        ("Which time do you read from the clock?", ""),
        ("how long did the journey take in the video", ""),
        ("is the word rain said before 20 seconds?", ""),
        ("Is a horse visible at any point, and for how long?", 'how_long(when("horse",by="seen"))'),
        ("Does the bird come back, and when?", 'when("bird")'),
        ("When does the title THE END disappear?", 'moment_of(when("THE END",by="written"),edge="end")'),
        ("When are the cuts?", "shots()"),
        ("羊在屏幕上停留了几秒？", 'how_long(when("羊"))'),
        ("马什么时候出现？", 'when("马")'),
        ("请问视频里什么时候能看到一辆公交车？", 'when("公交车",by="seen")'),
        ("狗总共出现了多长时间？", 'how_long(when("狗"))'),
        ("猫出现了几次？", 'how_often(when("猫"))'),
        ("什么时候有人说下雨了？", 'when("下雨了",by="heard")'),
        ("船什么时候离开？", 'moment_of(when("船",by="seen"),edge="end")'),
        ("马是在羊之前出现的吗？", ""),
        ("马比羊先出现吗？", 'compare(moment_of(when("马")),"<",moment_of(when("羊")))'),
        ("一共有几个镜头？", "how_often(shots())"),
        # Of the clip itself, of what is meant by nobody knows what, and of what no span of time tells.
        ("How long is the video?", ""),
        ("How long is it?", ""),
        ("When does it appear?", ""),
        ("When does the meeting start?", ""),
        ("When was the bridge built?", ""),
        ("How long is the snake?", ""),
        ("How many horses are there?", ""),
        ("Is there a dog before the house?", ""),
        ("What colour is the car when the man appears?", ""),
        ("视频有多长？", ""),
        ("马是什么颜色的？", ""),
    ],
)  # fmt: skip
def test_a_question_about_time_is_planned_as_a_whole_or_not_at_all(question: str, plan: str) -> None:
    steps = about_time(question, CLIP, TOOLS)
    plain = [{name: value for name, value in step.items() if value != "video1"} for step in steps]
    assert plain == (read_plan(plan, SPECS) if plan else [])


def test_a_region_of_the_clip_is_where_it_is_looked_and_never_where_it_is_heard() -> None:
    media = {**CLIP, "video1#r1": LEFT}
    (step,) = about_time("When is the cat in r1?", media, TOOLS)
    assert (step["video"], step["event"]) == ("video1#r1", "cat")
    *_, heard = about_time("What is said while the cat is in r1?", media, TOOLS)
    assert heard["audio"] == "video1"


def test_nothing_is_planned_of_pictures_of_two_clips_or_without_the_tools() -> None:
    question = "When does the cat appear?"
    assert about_time(question, CLIP, TOOLS)
    assert not about_time(question, {"image1": PICTURE}, TOOLS)
    assert not about_time(question, {**CLIP, "video2": CLIP["video1"]}, TOOLS)
    assert not about_time(question, CLIP, TOOLS.without(["when"]))
