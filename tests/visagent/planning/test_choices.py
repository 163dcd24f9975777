"""Which of two is more is chosen, in a table or among things of one kind."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.choices import with_choice
from visagent.planning.plan_language import read_plan, write_plan
from visagent.tools.toolkit import Toolkit

SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}
ONE = {"image1": MediaInfo(hash="0" * 64, kind="image", name="a.jpg")}


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        (
            "Which exports more tea, Kenya or Japan?",
            'find_number(read_text(),near="tea")',
            'best_row(read_table(),"most",by="tea",among="Kenya or Japan")',
        ),
        (
            "who has the smaller rent here, Ann or Bob",
            'compare(cell(read_table(),row="Ann",column="rent"),"<",cell(read_table(),row="Bob",column="rent"))',
            'best_row(read_table(),"least",by="rent",among="Ann or Bob")',
        ),
        (
            "which of the towns has more rain per month",
            'compare(find_number(read_text(),near="rain"),">",find_number(read_text(),near="month"))',
            'best_row(read_table(),"most",by="rain per month")',
        ),
        # Both words may be one column's: what is compared are the two rows.
        (
            "who eats more bread and rice, Ann or Bob",
            'compare(find_number(read_text(),near="bread"),">",find_number(read_text(),near="rice"))',
            'look_up(read_table(),"who eats more bread and rice, Ann or Bob",how="most")',
        ),
        ("Which boat is bigger, the left one or the right one?", 'exists(detect("boat"))', 'largest(detect("boat"))'),
        (
            "哪只狗更小，左边的还是右边的？",
            'locate(detect("狗"))',
            'pick(sort(detect("狗"),by="smallest_first"),1)',
        ),
        (
            "Were the ticket sales lower in March or in July?",
            'compare(find_number(read_text(),near="March"),"<",find_number(read_text(),near="July"))',
            'best_row(read_table(),"least",by="ticket sales",among="March or July")',
        ),
        (
            "was the rent higher in 1999 or 2005, cant make it out",
            'unanswerable("no_tool")',
            'best_row(read_table(),"most",by="rent",among="1999 or 2005")',
        ),
        # In a picture of things there is no table.
        (
            "Is the cat bigger in the basket or on the chair?",
            'largest(detect("cat"))',
            'largest(detect("cat"))',
        ),
        # Names whose own numbers are compared, and things that are told apart, are planned rightly.
        (
            "Which is cheaper, the tea or the juice?",
            'compare(find_number(read_text(),near="tea"),"<",find_number(read_text(),near="juice"))',
            'compare(find_number(read_text(),near="tea"),"<",find_number(read_text(),near="juice"))',
        ),
        (
            "Which is bigger, the boat or the car?",
            'largest(merge(detect("boat"),detect("car")))',
            'largest(merge(detect("boat"),detect("car")))',
        ),
    ],
)
def test_what_a_question_offers_is_chosen_from(question: str, plan: str, kept: str) -> None:
    def plain(text: str) -> str:
        return write_plan(read_plan(text, SPECS), SPECS)

    assert write_plan(with_choice(read_plan(plan, SPECS), question, ONE), SPECS) == plain(kept)
