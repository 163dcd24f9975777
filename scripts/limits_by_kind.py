"""Write the tables of docs/limits.md that say what the embedded profile gets wrong of natural questions, and why.

    python scripts/limits_by_kind.py ANSWERS.jsonl [--page docs/limits.md]

A line of ANSWERS.jsonl is {"id": "a-KIND-NUMBER", "text", "right", "stated"}. Neither a question nor an answer gets
onto the page: an answer that was not right is put down to the link that broke by the words in which visagent says so.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "limits.md"
BEGIN, END = "<!-- natural questions: begin -->", "<!-- natural questions: end -->"
LINKS = (
    (r"no expert of this profile sees|没有能看出它的专家", "open looking", "what somebody does or holds"),
    (
        r"where the classifier sees one|而分类器看到了",
        "taken for another kind by the detector",
        "the classifier sees one, but neither where nor how many",
    ),
    (r"is not sure that it sees no|没有把握", "seen faintly", "by the detector, too faintly to say so or to deny it"),
    (r"has not learnt what|不认识", "a word that no expert knows", "80 labels, 1,000 classes"),
    (r"recognised|整体认出", "seen, and not where", "the classifier knows no places, so nothing can stand beside it"),
    (
        r"cannot tell which of them|no face that tells|无法分辨|脸看不清楚",
        "people told apart",
        "no face shows clearly, or no face would tell",
    ),
    (r"no table|no row or column", "no such table", "no table, or none of its headers is the word"),
    (r"does not mention|no \w+ next to|could not be read", "not found in the text", "read wrongly, or elsewhere"),
    (r"I found no|found no|was found|没有找到|找不到", "not found by the detector", "small or of another colour"),
    (r"[Nn]o tool can|没有工具", "refused", "the planner knows no tool for it, rightly or not"),
    (r"[Cc]ould not tell|无法确定", "a plan that does not work out", "a wrong tool or relation"),
)  # fmt: skip
STATED = ("stated, and wrong", "a wrong plan, a wrong reading, a doubled or missed object: nothing says so")


def link(row: Mapping[str, Any]) -> tuple[str, str]:
    """The link that broke, and why, of an answer that was not right."""
    if row["stated"]:
        return STATED
    found = (name_why for pattern, *name_why in LINKS if re.search(pattern, row["text"] or ""))
    name, why = next(found, ("another", "see the answer"))
    return name, why


def tables(rows: Iterable[Mapping[str, Any]]) -> str:
    """Both tables as Markdown: right answers by kind of question, and the others by the link that broke."""
    rows = list(rows)
    asked = Counter(re.sub(r"^\w-|(?:-zh)?-\d+$", "", str(row["id"])) for row in rows)
    right = Counter(re.sub(r"^\w-|(?:-zh)?-\d+$", "", str(row["id"])) for row in rows if row["right"])
    broken = Counter(link(row) for row in rows if not row["right"])
    stated = [row["right"] for row in rows if row["stated"]]
    lines = [
        f"Of {len(rows)} natural questions {sum(right.values())} are answered right, and {sum(stated)} of the "
        f"{len(stated)} answers that state something are right.",
        "",
        "| kind of question | right | of |",
        "|---|---|---|",
        *(f"| {kind.replace('_', ' ')} | {right[kind]} | {count} |" for kind, count in sorted(asked.items())),
        "",
        "| what broke | n | why |",
        "|---|---|---|",
        *(f"| {name} | {count} | {why} |" for (name, why), count in broken.most_common()),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.answers.read_text("utf-8").splitlines()]
    page = options.page.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    options.page.write_text(f"{before}{BEGIN}\n{tables(rows)}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
