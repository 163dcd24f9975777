"""Names and prices that stand together, where a picture shows no table."""

from __future__ import annotations

import pytest

from visagent.evidence.values import Line
from visagent_tools.engines.paired_lines import paired


def lines(*texts: str) -> list[Line]:
    return [Line(text=text, xyxy=(40, 60 * at, 300, 60 * at + 40), confidence=0.9) for at, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("written", "cells"),
    [
        (
            ("今日菜单", "红烧肉 48元", "麻婆豆腐22元", "米饭 3元"),
            ["", "今日菜单", "红烧肉", "48元", "麻婆豆腐", "22元", "米饭", "3元"],
        ),
        (
            ("Espresso 2.50", "Latte .... $3.20", "Cake 4.00"),
            ["", "", "Espresso", "2.50", "Latte", "$3.20", "Cake", "4.00"],
        ),
        (("Open 9:30", "Bus 42", "Call 555 123"), None),
        (("Two for 5.00 or 9.00", "Tea 2.00", "Cake 4.00"), None),
    ],
)
def test_a_line_that_holds_a_name_and_its_price_is_both(written: tuple[str, ...], cells: list[str] | None) -> None:
    table = paired(lines(*written), "0" * 64)
    assert (None if table is None else [cell.text for cell in table.cells]) == cells
