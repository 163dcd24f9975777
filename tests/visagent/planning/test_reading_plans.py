"""Plans that ask text the wrong way: shopping in everyday words, carriers of text, mentioning."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.plan_language import read_plan, write_plan
from visagent.planning.reading_plans import about_text, read_whole
from visagent.tools.toolkit import Toolkit

SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}


def media(*names: str) -> dict[str, MediaInfo]:
    return {
        name: MediaInfo.model_validate({"hash": "0" * 64, "kind": name.rstrip("12"), "name": name}) for name in names
    }


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        (
            "Three teas and one scone, what would that cost?",
            'calculate("a * 3 + b",count(detect("tea")),b=count(filter_color(detect("scone"),"brown")))',
            'calculate("a * 3 + b",find_number(read_text(),near="tea"),b=find_number(read_text(),near="scone"))',
        ),
        ("这上面写着什么？", 'read_text(crop("top"))', "read_text()"),
        ("图片上半部分写着什么？", 'read_text(crop("top"))', 'read_text(crop("top"))'),
        ("What's the result of the first line?", "pick(read_text(),1)", "evaluate(pick(read_text(),1))"),
        ("第二行的算式等于多少？", "pick(read_text(),2)", "evaluate(pick(read_text(),2))"),
        ("What does the first line say?", "pick(read_text(),1)", "pick(read_text(),1)"),
        ("一共多少钱？", 'unanswerable("no_tool")', 'find_number(read_text(),near="一共")'),
        ("苹果和梨一共多少钱？", 'unanswerable("no_tool")', 'unanswerable("no_tool")'),
        ("请问总共花了多少钱？", 'count(detect("钱"))', 'find_number(read_text(),near="总共")'),
        # Where a price for each thing is given, the things are counted.
        (
            "At 15 euros a helmet, what do all of them cost?",
            'calculate("a * 15",count(detect("helmet")))',
            'calculate("a * 15",count(detect("helmet")))',
        ),
        ("How many people pay at the till?", 'count(detect("person"))', 'count(detect("person"))'),
        (
            "买豆腐花了多少钱？",
            'find_number(read_text(),near="豆腐花")',
            'find_number(read_text(),near="豆腐")',
        ),
        ("豆腐花的价格是多少？", 'find_number(read_text(),near="豆腐花")', 'find_number(read_text(),near="豆腐花")'),
        ("Did we buy any soap?", 'unanswerable("no_tool")', 'contains(read_text(),"soap")'),
        ("有没有买洗发水？", 'unanswerable("no_tool")', 'contains(read_text(),"洗发水")'),
        ("Why did she buy the soap?", 'unanswerable("no_tool")', 'unanswerable("no_tool")'),
    ],
)
def test_what_was_bought_and_what_it_cost_is_read(question: str, plan: str, kept: str) -> None:
    assert write_plan(about_text(read_plan(plan, SPECS), question, media("image1")), SPECS) == kept


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        ("What's this magazine called?", 'classify(detect("magazine"))', "read_text()"),
        ("name of the hotel pls", 'unanswerable("no_tool")', "read_text()"),
        ("这家店叫什么？", 'unanswerable("no_tool")', "read_text()"),
        ("What is the title of this book?", 'read_text(crop("top"))', 'read_text(crop("top"))'),
        ("What is this dance called?", 'unanswerable("no_tool")', 'unanswerable("no_tool")'),
    ],
)
def test_what_something_is_called_whose_name_stands_on_it_is_read(question: str, plan: str, kept: str) -> None:
    assert write_plan(about_text(read_plan(plan, SPECS), question, media("image1")), SPECS) == kept


def test_what_is_dearest_is_named() -> None:
    plan = read_plan('aggregate(read_table(),"most")', SPECS)
    named = about_text(plan, "What is the most expensive thing on it?", media("image1"))
    assert write_plan(named, SPECS) == 'best_row(read_table(),"most")'
    assert about_text(plan, "How much is the most expensive one?", media("image1")) == plan
    lowest = read_plan('best_row(read_table(),"least")', SPECS)
    for question, kind in (("What is the cheapest soup?", "soup"), ("最便宜的面是什么？", "面")):
        kept = write_plan(about_text(lowest, question, media("image1")), SPECS)
        assert kept == f'best_row(read_table(),"least",by="{kind}")'
    assert about_text(lowest, "What is the cheapest thing?", media("image1")) == lowest


def test_a_word_in_a_text_is_no_answer_to_what_holds_of_it() -> None:
    plan = read_plan('contains(read_text(),"heating")', SPECS)
    shown = 'find_text(read_text(),"heating",where="same_row"); unanswerable("no_tool")'
    assert write_plan(about_text(plan, "Is the heating off?", media("image1")), SPECS) == shown
    heard = read_plan('contains(transcribe(),"Leeds")', SPECS)
    told = 'find_text(transcribe(),"Leeds"); unanswerable("no_tool")'
    assert (
        write_plan(about_text(heard, "Is the platform the same as on the board for Leeds?", media("audio1")), SPECS)
        == told
    )
    for asked in ("Does it mention heating?", 'Is "heating" anywhere?', "Is heating on the list?", "写着heating吗？"):
        assert about_text(plan, asked, media("image1")) == plan


@pytest.mark.parametrize(
    ("plan", "kept", "left_out"),
    [
        ('read_text(filter_color(detect("crate"),"red"))', "read_text()", ("crate",)),
        ('read_text(filter_color(detect("box"),"red"))', 'read_text(filter_color(detect("box"),"red"))', ()),
        ('read_text(filter_color(detect("方框"),"red"))', 'read_text(filter_color(detect("方框"),"red"))', ()),
        ('read_text(detect("box"))', "read_text()", ("box",)),
        ('extract(read_text(detect("cereal box")),"url")', 'extract(read_text(),"url")', ("cereal box",)),
        ('read_text(nearest(detect("button"),detect("car")))', "read_text()", ("button", "car")),
        ('read_text(detect("按钮"))', "read_text()", ("按钮",)),
        ('read_text(detect("sign"))', "read_text()", ()),
        ('read_text(detect("bus"))', 'read_text(detect("bus"))', ()),
        ('read_text(detect("stop sign"))', 'read_text(detect("stop sign"))', ()),
        (
            'count(detect("jar")); read_text(pick(sort(detect("jar"),"left_to_right"),2))',
            'count(detect("jar")); read_text()',
            ("jar",),
        ),
    ],
)
def test_what_bears_the_text_is_left_out_and_told(plan: str, kept: str, left_out: tuple[str, ...]) -> None:
    found = read_whole(read_plan(plan, SPECS))
    assert write_plan(found.steps, SPECS) == kept and found.places == left_out


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        (
            "Does the poster agree with it?",
            'contains(read_text(),"the recording")',
            "contains(read_text(),transcribe())",
        ),
        ("海报和录音说的一样吗", 'contains(read_text(),"录音")', "contains(read_text(),transcribe())"),
        ("Does she say what is printed?", 'contains(transcribe(),"text")', "contains(transcribe(),read_text())"),
        ("Do they match?", 'contains(read_text(),"audio1")', "contains(read_text(),transcribe())"),
        ("Is “audio” printed anywhere?", 'contains(read_text(),"audio")', 'contains(read_text(),"audio")'),
        ("Does it mention soap?", 'contains(read_text(),"soap")', 'contains(read_text(),"soap")'),
        ("Does it mention a picture?", 'contains(read_text(),"picture")', 'contains(read_text(),"picture")'),
    ],
)
def test_a_text_that_is_to_mention_the_recording_is_to_mention_what_that_says(
    question: str, plan: str, kept: str
) -> None:
    given = media("image1", "audio1")
    mended = about_text(read_plan(plan, SPECS), question, given)
    want = read_plan(kept, SPECS)
    shown = [{key: value for key, value in step.items() if value not in given} for step in mended]
    assert [step["tool"] for step in shown] == [step["tool"] for step in want]
    assert shown[-1] == want[-1]


def test_of_one_medium_no_other_is_meant() -> None:
    plan = read_plan('contains(read_text(),"recording")', SPECS)
    assert about_text(plan, "Does it mention a recording?", media("image1")) == plan
    two = read_plan('contains(read_text(image="image1"),"image2")', SPECS)
    assert about_text(two, "Same words?", media("image1", "image2"))[1] == {"tool": "read_text", "image": "image2"}
