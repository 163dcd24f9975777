import asyncio
import json
from pathlib import Path
from typing import Any, cast

from visagent.agent.agent import Agent
from visagent.agent.batch import Item, Results, Row, RowError, answer_items, read_items


class Asked:
    """Stands in for an agent: counts how many questions are under way, and fails one."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def aask(self, question: str, *media: str, **_: Any) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001 * len(question))
        self.now -= 1
        raise ZeroDivisionError(question)


async def test_workers_are_never_more_than_asked_for_and_a_bug_costs_one_row() -> None:
    agent = Asked()
    items = [Item(id=str(k), question="?" * (1 + k % 3), media=("a.png",)) for k in range(20)]
    rows = [row async for row in answer_items(cast("Agent", agent), items, workers=3)]
    assert sorted(int(row.id) for row in rows) == list(range(20))
    assert agent.most == 3
    assert {row.error.type for row in rows if row.error} == {"ZeroDivisionError"}


async def test_a_row_says_how_it_is_asked(tmp_path: Path) -> None:
    class Told:
        options: dict[str, Any]

        async def aask(self, question: str, *media: str, **options: Any) -> Any:
            self.options = options
            raise ZeroDivisionError(question)

    file = tmp_path / "in.jsonl"
    row = {"question": "How many?", "media": ["a.png"], "mode": "chain", "language": "zh", "form": ["one", "two"]}
    file.write_text(json.dumps(row))
    items, _ = read_items(file)
    agent = Told()
    [_ async for _ in answer_items(cast("Agent", agent), items)]
    assert agent.options == {"mode": "chain", "language": "zh", "form": ("one", "two")}


def test_relative_media_count_from_the_files_folder_and_urls_stay(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    media = ["a.png", "sub/b.png", "/c.png", "https://example.org/d.png"]
    file.write_text("\ufeff" + json.dumps({"id": 7, "question": "How many?", "media": media}))
    (item,), bad = read_items(file)
    assert not bad and item.id == "7"
    assert item.media == (str(tmp_path / "a.png"), str(tmp_path / "sub/b.png"), "/c.png", "https://example.org/d.png")


def test_a_row_cut_off_anywhere_is_dropped_and_the_rows_before_it_stay(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    error = RowError(type="MediaError", message="Größe\u2028unbekannt")
    rows = [Row(id=str(k), question="How many?", error=error) for k in range(2)]
    with Results(file) as results:
        for row in rows:
            results.write(row)
    whole = file.read_bytes()
    first, second = whole.splitlines(keepends=True)
    for length in range(len(second)):
        file.write_bytes(first + second[:length])
        with Results(file) as results:
            # All but the line break is a whole row.
            assert results.errors == ({"0", "1"} if length == len(second) - 1 else {"0"})
            if length < len(second) - 1:
                results.write(rows[1])
        assert file.read_bytes() == whole
