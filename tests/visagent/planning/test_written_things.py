"""Things of a drawing or screen that are looked for by their names."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.plan_language import read_plan, write_plan
from visagent.planning.written_things import by_their_names, name_asked_for
from visagent.tools.toolkit import Toolkit

SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}


def media(*names: str) -> dict[str, MediaInfo]:
    return {
        name: MediaInfo.model_validate({"hash": "0" * 64, "kind": name.rstrip("12"), "name": name}) for name in names
    }


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ('is there a "Pause" button', "Pause"),
        ("Is there any box that says Boil water in the diagram?", "Boil water"),
        ("Does the legend have an entry for Wheat?", "Wheat"),
        ("Can you see a tab named Billing anywhere?", "Billing"),
        ("Does this screen have a Log out link?", "Log out"),
        ("有没有“取消”按钮？", "取消"),
        ("图里有叫“锅炉”的节点吗", "锅炉"),
        ("Is there a button?", None),
        ("Is there a red button on the coat?", None),
        ("Is there a person in the box?", None),
        ("Are there boxes for the shoes and the hats?", None),
        ("What does the Pause button do?", None),
        ("Is there a bus stop? And what does it say?", None),
        ("Is there a bench at the Rialto stop?", None),
    ],
)
def test_the_name_of_a_thing_that_is_only_written_is_found_in_the_question(question: str, name: str | None) -> None:
    assert name_asked_for(question) == name


@pytest.mark.parametrize(
    "plan", ['exists(detect("button"))', 'unanswerable("no_tool")', 'count(detect("Pause button"))']
)
def test_such_a_thing_is_looked_for_in_the_text(plan: str) -> None:
    kept = by_their_names(read_plan(plan, SPECS), 'Is there a "Pause" button?', media("image1"))
    assert write_plan(kept, SPECS) == 'contains(read_text(),"Pause")'


def test_what_a_detector_finds_and_what_is_heard_stays() -> None:
    plan = read_plan('exists(detect("bus"))', SPECS)
    assert by_their_names(plan, "Is there a bus?", media("image1")) == plan
    heard = read_plan('contains(transcribe(),"Pause")', SPECS)
    assert by_their_names(heard, 'Is there a "Pause" button?', media("image1", "audio1")) == heard
