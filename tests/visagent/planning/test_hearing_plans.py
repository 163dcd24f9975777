"""The stretch of a recording that a question means."""

from __future__ import annotations

import pytest

from visagent.planning.hearing_plans import about_speech
from visagent.planning.plan_language import read_plan, write_plan
from visagent.tools.toolkit import Toolkit

SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}


@pytest.mark.parametrize(
    ("question", "plan", "meant"),
    [
        ("What is said before 0:06?", "transcribe(before=60)", "transcribe(before=6.0)"),
        ("What comes after 1:20?", "transcribe(after=20)", "transcribe(after=80.0)"),
        ("What is said after 5 seconds?", "transcribe(after=5)", "transcribe(after=5)"),
        ("What are the last words?", 'pick(find_text(transcribe(),"last"),-1)', "pick(transcribe(),-1)"),
        ("最后一句话是什么？", 'pick(find_text(transcribe(),"最后"),-1)', "pick(transcribe(),-1)"),
        ("How does the story end?", 'pick(find_text(transcribe(),"story end"),-1)', "pick(transcribe(),-1)"),
        ("故事的结尾说了什么？", "transcribe()", "pick(transcribe(),-1)"),
        ("What is said at the beginning?", "transcribe()", "pick(transcribe(),1)"),
        ("What is said after 9 s, at the end?", "transcribe(after=9)", "transcribe(after=9)"),
        ("When do they say last?", 'find_text(transcribe(),"last")', 'find_text(transcribe(),"last")'),
        ("Which line has tea?", 'pick(find_text(transcribe(),"tea"),1)', 'pick(find_text(transcribe(),"tea"),1)'),
    ],
)
def test_a_plan_hears_the_stretch_that_is_meant(question: str, plan: str, meant: str) -> None:
    assert write_plan(about_speech(read_plan(plan, SPECS), question), SPECS) == meant
