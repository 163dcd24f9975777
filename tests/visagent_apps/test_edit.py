"""Edits as a person writes them."""

import pytest

from visagent.agent.edits import Add, Change, Remove
from visagent.core.errors import QuestionError
from visagent_apps.edit import parse_edits


def test_edits_are_read_as_they_are_written() -> None:
    assert parse_edits(['q1 label="red car" part=null', "q12 crop image=image1"], ["compare a=$q1 b=2.5"], ["q3"]) == [
        Change(id="q1", arguments={"label": "red car", "part": None}),
        Change(id="q12", tool="crop", arguments={"image": "image1"}),
        Add(tool="compare", arguments={"a": "$q1", "b": 2.5}),
        Remove(id="q3"),
    ]


def test_a_list_is_one_argument() -> None:
    assert parse_edits(["q2 items=[1,2]"], [], []) == [Change(id="q2", arguments={"items": [1, 2]})]


@pytest.mark.parametrize(
    ("changes", "adds", "removes"),
    [
        (["label=cat"], [], []),
        (["q1 label = "], [], []),
        (["q1 a=1 and b"], [], []),
        ([], ["count detect label=x"], []),
        ([], [], ["three"]),
        ([], [], []),
    ],
)
def test_what_is_no_edit_is_refused_with_how_to_write_one(
    changes: list[str], adds: list[str], removes: list[str]
) -> None:
    with pytest.raises(QuestionError) as refused:
        parse_edits(changes, adds, removes)
    assert "q1 label=cat" in str(refused.value)
