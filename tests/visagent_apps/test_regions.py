"""Regions as they are written: on the command line, and in a request to the server."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from visagent.core.errors import QuestionError
from visagent_apps.openai_format import ChatRequest
from visagent_apps.regions import parse_regions


def test_regions_are_boxes_by_name() -> None:
    assert parse_regions(["r1=10,20,200,120", " image2#sign =0.5, 1, 2e1,3", "video1#door=1,2,3,4"]) == {
        "r1": (10, 20, 200, 120),
        "image2#sign": (0.5, 1, 20, 3),
        "video1#door": (1, 2, 3, 4),
    }


@pytest.mark.parametrize("text", ["", "r1", "r1=", "r1=1,2,3", "r1=1,2,3,4,5", "r1=a,b,c,d", "=1,2,3,4", "10,20,30,40"])
def test_what_is_no_region_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(QuestionError, match="is no region") as caught:
        parse_regions([text])
    assert "r1=10,20,200,120" in caught.value.remedy


def test_two_regions_of_one_name_are_refused() -> None:
    with pytest.raises(QuestionError, match="Two regions are named 'r1'"):
        parse_regions(["r1=1,2,3,4", "r1=5,6,7,8"])


def test_a_request_may_name_regions_and_need_not() -> None:
    plain = {"model": "visagent", "messages": [{"role": "user", "content": "What does r1 say?"}]}
    assert ChatRequest.model_validate(plain).visagent.regions == {}
    pointing = {**plain, "visagent": {"regions": {"r1": [1, 2, 3, 4]}, "later": True}}
    assert ChatRequest.model_validate(pointing).visagent.regions == {"r1": [1, 2, 3, 4]}
    with pytest.raises(ValidationError):
        ChatRequest.model_validate({**plain, "visagent": {"regions": {f"r{at}": [1, 2, 3, 4] for at in range(99)}}})
