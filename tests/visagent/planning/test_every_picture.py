"""What is asked of every picture is asked of each one, and nothing is compared with itself."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.every_picture import in_every_picture, in_which_picture
from visagent.planning.fallbacks import repaired
from visagent.planning.plan_language import read_plan, write_plan
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit.installed()
SPECS = {name: tool.spec for name, tool in TOOLS.items()}
THREE = {f"image{n}": MediaInfo(hash=f"{n:064}", kind="image", name=f"{n}.png") for n in (1, 2, 3)}
TWO = {name: THREE[name] for name in ("image1", "image2")}
EACH = (
    'all_true([exists(detect("dog",image="image1")),exists(detect("dog",image="image2")),'
    'exists(detect("dog",image="image3"))])'
)


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        ("Are there dogs in all pictures?", 'exists(detect("dog"))', EACH),
        ("Are there dogs in all pictures?", 'compare(count(detect("dog")),"=",count(detect("dog")))', EACH),
        ("Do all the photos have a dog?", 'negate(exists(detect("dog")))', EACH),
        ("Is there a dog in every picture?", 'compare(count(detect("dog")),"=",pages())', EACH),
        ("Does each of these 3 images show a dog?", 'all_true([exists(detect("dog"))])', EACH),
        ("所有照片里都有狗吗？", 'exists(detect("dog"))', EACH),
        ("Is there a dog in each picture?", 'exists(detect("dog",image="image2"))', EACH),
        (
            "Does every picture mention tea?",
            'contains(read_text(),"tea")',
            'all_true([contains(read_text("image1"),"tea"),contains(read_text("image2"),"tea"),'
            'contains(read_text("image3"),"tea")])',
        ),
        (
            "What is the total on each receipt?",
            'find_number(read_text(),near="total")',
            'find_number(read_text("image1"),near="total"); find_number(read_text("image2"),near="total"); '
            'find_number(read_text("image3"),near="total")',
        ),
        (
            "每张小票是哪天的？",
            'extract(read_text(),"date")',
            'extract(read_text("image1"),"date"); extract(read_text("image2"),"date"); '
            'extract(read_text("image3"),"date")',
        ),
        ("What is the total of these receipts?", 'find_number(read_text(),near="total")', None),
        # Not about every picture, no yes or no, not the same of each, or said of some of them already.
        ("Is there a dog in any of these pictures?", 'exists(detect("dog"))', None),
        ("How many dogs are there in all pictures?", 'count(detect("dog"))', None),
        ("Are all the dogs in the picture white?", 'exists(filter_color(detect("dog"),"white"))', None),
        ("Are there no dogs in all pictures?", 'negate(exists(detect("dog")))', None),
        ("Are there more than 4 dogs in all pictures?", 'compare(count(detect("dog")),">",4)', None),
        ("Does every picture mention tea?", 'contains(read_text("image2"),"tea")', None),
    ],
)
def test_what_is_asked_of_every_picture_is_asked_of_each_one(question: str, plan: str, kept: str | None) -> None:
    found = in_every_picture(read_plan(plan, SPECS), question, THREE, TOOLS)
    assert write_plan(found, SPECS) == (kept or plan)


def test_of_one_picture_there_is_nothing_to_ask_apart() -> None:
    steps = read_plan('exists(detect("dog"))', SPECS)
    assert in_every_picture(steps, "Are there dogs in all pictures?", {"image1": TWO["image1"]}, TOOLS) == steps


def test_of_very_many_pictures_it_is_told_which_ones_show_it() -> None:
    many = {f"image{n}": MediaInfo(hash=f"{n:064}", kind="image", name=f"{n}.png") for n in range(1, 60)}
    found = in_every_picture(read_plan('exists(detect("dog"))', SPECS), "Are there dogs in all pictures?", many, TOOLS)
    assert write_plan(found, SPECS) == 'locate(detect("dog"))'


def test_a_comparison_of_a_thing_with_itself_is_no_answer() -> None:
    same = read_plan('compare(count(detect("dog")),"=",count(detect("dog")))', SPECS)
    assert repaired(same, "Is it a nice dog?") == [{"tool": "unanswerable", "reason": "no_tool"}]
    other = read_plan('compare(count(detect("dog")),"=",count(detect("cat")))', SPECS)
    assert repaired(other, "Are there as many dogs as cats?") == other


@pytest.mark.parametrize(
    ("question", "media", "kept"),
    [
        (
            "Which of these two has more dogs in it?",
            TWO,
            'compare(count(detect("dog",image="image1")),">",count(detect("dog",image="image2")))',
        ),
        (
            "which photo shows the most dogs",
            THREE,
            'count(detect("dog",image="image1")); count(detect("dog",image="image2")); '
            'count(detect("dog",image="image3"))',
        ),
        (
            "哪张图里的狗更多？",
            TWO,
            'compare(count(detect("dog",image="image1")),">",count(detect("dog",image="image2")))',
        ),
        ("How many dogs are there, more or less?", TWO, None),
        ("Which has more dogs?", {"image1": TWO["image1"]}, None),
    ],
)
def test_which_picture_has_more_is_counted_in_each(
    question: str, media: dict[str, MediaInfo], kept: str | None
) -> None:
    plan = 'count(detect("dog"))'
    assert write_plan(in_which_picture(read_plan(plan, SPECS), question, media), SPECS) == (kept or plan)


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("Which picture has an animal?", "animal"),
        ("In which of these photos are there dogs?", "dog"),
        ("Which animal is in the picture?", None),
    ],
)
def test_which_picture_shows_a_thing_is_where_it_is_found(question: str, label: str | None) -> None:
    steps = in_which_picture([{"tool": "classify"}], question, TWO)
    found = {"tool": "detect", "image": ["image1", "image2"], "label": label}
    assert steps == ([found, {"tool": "locate", "boxes": "$q1"}] if label else [{"tool": "classify"}])
