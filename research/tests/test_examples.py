"""Training examples from the data of benchmarks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from visagent.tools.toolkit import Toolkit
from visagent_research.gta.examples import gta_examples
from visagent_research.gta.items import GtaItem, GtaTool
from visagent_research.nlvr.benchmark import NlvrItem
from visagent_research.nlvr.examples import nlvr_examples
from visagent_research.nlvr.grammar import PRIOR
from visagent_research.nlvr.tools import diagram_tools
from visagent_research.tool_graphs.examples import graph_examples
from visagent_research.tool_graphs.graph_planner import LIKELY
from visagent_research.tool_graphs.items import ForeignTool, GraphItem
from visagent_training.build import Mix, build, check
from visagent_training.data_source import Refused
from visagent_training.examples import TrainingExample

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SPECS = {name: tool.spec for name, tool in [*Toolkit.installed().items(), *diagram_tools().items()]}


def test_a_gold_tool_is_always_shown_even_where_retrieval_misses_it() -> None:
    tools = [ForeignTool(name=f"t{number}") for number in range(30)]
    item = GraphItem.model_validate(
        {"id": 1, "user_request": "do it", "task_nodes": [{"task": "t7"}, {"task": "t29"}], "task_links": []}
    )
    (example,) = graph_examples([item], tools, shown=5)
    assert len(example.tools) == 5 and {"t7", "t29"} <= set(example.specs)
    assert json.loads(example.target) == {"steps": [{"tool": "t7"}, {"tool": "t29"}]}
    assert example.problem() is None


def test_a_planner_that_is_to_memorise_a_list_is_given_names_and_writes_nested_calls() -> None:
    tools = [ForeignTool(name=f"t{number}", description="does things") for number in range(30)]
    links = [{"source": "t7", "target": "t29"}]
    item = GraphItem.model_validate(
        {"id": 1, "user_request": "do it", "task_nodes": [{"task": "t7"}, {"task": "t29"}], "task_links": links}
    )
    (example,) = graph_examples([item], tools, memorised=True)
    assert example.target == "t29([t7()])" and len(example.known) == 30 and example.problem() is None
    assert example.read(example.target) == [{"tool": "t7"}, {"tool": "t29", "needs": ["$q1"]}]
    system, user = (turn.content for turn in example.messages)
    assert "does things" not in system + user
    # What retrieval did not find is not shown: that is what is to be memorised.
    assert user == f"Likely: {', '.join(f't{number}' for number in range(LIKELY))}\ndo it"


def test_every_gold_step_of_gta_is_an_example() -> None:
    item = GtaItem.model_validate(
        {"id": 1, "question": "What?", "steps": [{"action": "OCR", "args": {}, "response": "x"}], "answer": "3"}
    )
    tools = [GtaTool.model_validate({"name": "OCR", "description": "reads", "inputs": [{"name": "n", "type": "int"}]})]
    first, last = gta_examples([item], tools)
    assert (first.target, last.target) == ('{"tool":"OCR"}', '{"tool":"answer","text":"3"}')
    assert first.problem() is None and first.constraint == first.schema_
    assert first.tools[0].signature() == "OCR(n: number) -> text: reads"


def test_a_program_that_verifies_on_every_scene_becomes_a_plan_and_one_that_does_not_is_refused() -> None:
    scene = [[{"x_loc": 1, "y_loc": 1, "type": "circle", "color": "Black", "size": 20}], [], []]
    items = [
        NlvrItem.model_validate(
            {"id": "1-0", "group": group, "sentence": sentence, "label": "true", "structured_rep": scene}
        )
        for group, sentence in (("1", "There is a black circle"), ("2", "There is a yellow square"))
    ]
    drawn = list(nlvr_examples(items, PRIOR, SPECS))
    (example,) = (one for one in drawn if isinstance(one, TrainingExample))
    assert [step["tool"] for step in example.steps or ()] == ["segment_shapes", "labelled", "labelled", "exists"]
    assert len([one for one in drawn if isinstance(one, Refused)]) == 1


def test_a_mix_draws_from_the_data_of_benchmarks_where_they_lie(tmp_path: Path) -> None:
    if not (SHARED / "ultratool").is_dir():
        pytest.skip(f"the shared data is absent: {SHARED}")
    shutil.copy(SHARED / "ultratool" / "tool_desc.json", tmp_path)
    lines = (SHARED / "ultratool" / "dev.jsonl").read_text().splitlines()[:40]
    (tmp_path / "requests.jsonl").write_text("\n".join(lines))
    shutil.copy(SHARED / "gta" / "tools.json", tmp_path)
    (tmp_path / "gta.jsonl").write_text("\n".join((SHARED / "gta" / "dev.jsonl").read_text().splitlines()[:12]))
    (tmp_path / "nlvr.jsonl").write_text("\n".join((SHARED / "nlvr" / "dev.jsonl").read_text().splitlines()[:20]))
    sources = [
        {"kind": "graphs", "path": "requests.jsonl", "shown": 8},
        {"kind": "gta", "path": "gta.jsonl"},
        {"kind": "nlvr", "path": "nlvr.jsonl"},
    ]
    mix = {"knows": None, "sources": sources}
    report = build(Mix.model_validate(mix), Toolkit.installed(), (), tmp_path / "data", tmp_path)
    drawn = {source.kind: sum(source.examples.values()) for source in report.sources}
    assert drawn["graphs"] >= 35 and drawn["gta"] >= 20 and drawn["nlvr"] >= 1
    _, findings = check(tmp_path / "data")
    assert [found for found in findings if found.line is not None] == []
