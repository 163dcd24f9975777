"""Adapters of public benchmarks, on small files in their formats, and on the shared data where they are there."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from llguidance import LLMatcher, LLTokenizer
from llguidance.gbnf_to_lark import gbnf_to_lark

from visagent.core.errors import InputError
from visagent.evaluation.benchmark import Source
from visagent.evaluation.evaluate import evaluate
from visagent.evaluation.registry import benchmark_names, find_benchmark
from visagent.testing import ScriptedModel
from visagent_research.easy_vqa import EasyVqaBenchmark, understood
from visagent_research.gta.benchmark import GtaBenchmark
from visagent_research.gta.items import GtaTool
from visagent_research.gta.planner import GtaPlanner, gta_messages, gta_schema, gta_target, read_gta_step
from visagent_research.gta.states import GtaMemory, LikelySteps, plausible
from visagent_research.metrics import Graph
from visagent_research.tool_graphs.graph_planner import (
    GraphPlanner,
    ToolRetriever,
    graph_messages,
    graph_schema,
    graph_steps,
    read_graph,
)
from visagent_research.tool_graphs.items import ForeignTool
from visagent_research.tool_graphs.ultratool import RestBench, UltraTool

pytestmark = pytest.mark.slow

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
EXAMPLES = Path(__file__).parents[1] / "examples"


def prompt_of(model: ScriptedModel) -> str:
    """All that a model was shown in its first call."""
    return "\n".join(message.text for message in model.conversations[0])


def shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the shared data are absent: {folder}")
    return folder


def graph_item(id_: str, request: str, *tools: str) -> dict[str, Any]:
    links = [{"source": a, "target": b} for a, b in pairwise(tools)]
    return {"id": id_, "user_request": request, "task_nodes": [{"task": t} for t in tools], "task_links": links}


@pytest.fixture
def graphs(tmp_path: Path) -> Path:
    train = [graph_item("1", "book a hotel room", "find", "book"), graph_item("2", "pay my bill", "bill", "pay")]
    dev = [graph_item("3", "please book me a room in a hotel", "find", "book")]
    for name, items in (("train", train), ("dev", dev)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, items)))
    nodes = [{"id": name, "desc": f"to {name}"} for name in ("find", "book", "bill", "pay")]
    (tmp_path / "tool_desc.json").write_text(json.dumps({"nodes": nodes}))
    links = [{"source": "find", "target": "book"}, {"source": "bill", "target": "pay"}]
    (tmp_path / "graph_desc.json").write_text(json.dumps({"links": links}))
    return tmp_path


async def test_the_nearest_request_lends_its_plan_and_every_prediction_is_saved(graphs: Path, tmp_path: Path) -> None:
    file = tmp_path / "predictions.jsonl"
    scores = await evaluate(UltraTool(), Source(graphs), predictor="nearest", save=file)
    assert scores.scores["Node-F1"].value == scores.scores["Link-F1"].value == 1
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["prediction"]["graph"]["nodes"] == ["find", "book"]


async def test_a_linear_model_of_words_plans_without_a_planner(graphs: Path) -> None:
    scores = await evaluate(UltraTool(), Source(graphs), predictor="linear")
    assert scores.scores["Node-F1"].value == scores.scores["Link-F1"].value == 1


async def test_a_linear_model_needs_requests_to_learn_from(graphs: Path) -> None:
    with pytest.raises(InputError, match="no requests to learn from"):
        await evaluate(RestBench(), Source(graphs / "train.jsonl"), predictor="linear")


async def test_without_a_train_file_a_request_does_not_lend_its_plan_to_itself(graphs: Path) -> None:
    alone = graphs / "train.jsonl"
    scores = await evaluate(RestBench(), Source(alone), predictor="nearest")
    assert scores.scores["Node-F1"].value == 0


async def test_a_broken_line_is_named_with_its_number_and_field(graphs: Path) -> None:
    with (graphs / "dev.jsonl").open("a") as file:
        file.write('\n{"id": "4", "user_request": "x"}\n')
    with pytest.raises(InputError, match="line 2: task_nodes"):
        UltraTool().load(graphs)


@pytest.mark.parametrize("name", benchmark_names())
def test_missing_data_are_named_with_the_way_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no|has no") as caught:
        find_benchmark(name).load(tmp_path / "nowhere")
    assert caught.value.remedy


async def test_an_unknown_benchmark_or_predictor_is_answered_with_those_that_exist(graphs: Path) -> None:
    with pytest.raises(InputError, match="amber-discriminative"):
        find_benchmark("imagenet")
    with pytest.raises(InputError, match="nearest"):
        await evaluate(UltraTool(), Source(graphs), predictor="psychic")


def test_a_gold_graph_survives_the_way_into_steps_and_back() -> None:
    graph = Graph(nodes=("find", "book", "pay"), links=(("find", "book"), ("find", "pay"), ("book", "pay")))
    steps = graph_steps(graph)
    assert steps[2] == {"tool": "pay", "needs": ["$q1", "$q2"]}
    found = read_graph(json.dumps({"steps": steps}))
    assert (found.nodes, set(found.links)) == (graph.nodes, set(graph.links))


@pytest.mark.parametrize("reply", ["", "no JSON", '{"steps": "x"}', '{"steps": [{"tool": "unanswerable"}]}'])
def test_an_unusable_reply_is_an_empty_graph(reply: str) -> None:
    assert read_graph(reply) == Graph()


def test_references_to_later_steps_are_left_out_of_a_graph() -> None:
    found = read_graph('{"steps": [{"tool": "a", "needs": ["$q2", "$q1"]}, {"tool": "b", "needs": ["$q1"]}]}')
    assert found.links == (("a", "b"),)


async def test_a_model_is_shown_the_likely_tools_alone_and_held_to_them() -> None:
    tools = [ForeignTool(name=f"tool_{number}", description="does nothing") for number in range(50)]
    tools.append(ForeignTool(name="send_sms", description="send a text message"))
    model = ScriptedModel('{"steps": [{"tool": "send_sms"}]}')
    reply = await GraphPlanner(model, ToolRetriever(tools), number=5).plan("Send a message to Ann")
    assert read_graph(reply).nodes == ("send_sms",)
    assert "send_sms: send a text message" in prompt_of(model)
    assert prompt_of(model).count("does nothing") == 4
    names = [
        option["properties"]["tool"]["const"] for option in model.schemas[0]["properties"]["steps"]["items"]["anyOf"]
    ]
    assert names[0] == "send_sms" and len(names) == 6


async def test_an_adapter_that_has_memorised_the_tools_is_given_their_names_and_writes_calls() -> None:
    tools = [ForeignTool(name="detect", description="finds"), ForeignTool(name="count", description="counts")]
    model = ScriptedModel("count([detect()])", name="base+planner-smollm2-135m")
    reply = await GraphPlanner(model, ToolRetriever(tools)).plan("Count them")
    assert read_graph(reply) == Graph(nodes=("detect", "count"), links=(("detect", "count"),))
    assert "finds" not in prompt_of(model) and "detect-text ::=" in model.schemas[0]["gbnf"]


async def test_a_planner_that_knows_the_tools_is_held_to_the_links_that_exist() -> None:
    tools = [ForeignTool(name="detect"), ForeignTool(name="count_all"), ForeignTool(name="send")]
    model = ScriptedModel("count_all([detect()])", name="base+planner-smollm2-135m")
    await GraphPlanner(model, ToolRetriever(tools), {("detect", "count_all"), ("count_all", "send")}).plan("Count them")
    grammar = LLMatcher.grammar_from_lark(gbnf_to_lark(model.schemas[0]["gbnf"]))
    tokenizer = LLTokenizer("byte")

    def admits(text: str) -> bool:
        matcher = LLMatcher(tokenizer, grammar)
        return matcher.try_consume_tokens(tokenizer.tokenize_str(text)) == len(text) and matcher.is_accepting()

    assert admits("send([count_all([detect()])])") and admits("send(); detect()")
    assert not admits("send([detect()])") and not admits("detect([send()])")


def test_earlier_requests_that_used_a_tool_bring_it_to_the_front_unless_it_is_the_same_request() -> None:
    tools = [ForeignTool(name="alpha"), ForeignTool(name="beta")]
    retriever = ToolRetriever(tools, [("book a hotel", ["beta"])])
    assert retriever.shown("book a hotel", 1)[0].name == "beta"
    assert retriever.shown("book a hotel", 1, but_itself=True)[0].name == "alpha"
    assert [tool.name for tool in retriever.shown("book a hotel", first=["alpha", "gamma"])] == ["alpha", "beta"]


def test_the_graph_prompt_and_schema_name_every_tool_once() -> None:
    tools = [ForeignTool(name="find", description="look"), ForeignTool(name="book", description="reserve")]
    system, user = graph_messages(tools, " Book it. \n")
    assert system["content"].endswith("find: look\nbook: reserve")
    assert user["content"] == "Book it."
    assert len(graph_schema(tools)["properties"]["steps"]["items"]["anyOf"]) == 3


GTA = {
    "id": 1,
    "question": "What is the sum?",
    "files": ["image/a.jpg", "image/b.jpg"],
    "multi_image": True,
    "gold_tools": ["OCR"],
    "steps": [{"action": "OCR", "args": {"image": "image/a.jpg"}, "response": "1 2", "args_status": "ok"}],
    "answer": "3",
}
OCR = {"name": "OCR", "description": "reads text", "inputs": [{"name": "image", "type": "image"}]}


@pytest.fixture
def gta(tmp_path: Path) -> Path:
    (tmp_path / "dev.jsonl").write_text(json.dumps(GTA))
    (tmp_path / "tools.json").write_text(json.dumps({"OCR": OCR}))
    return tmp_path


def test_a_gta_item_becomes_its_calls_and_its_answer_and_images_of_many_are_skipped(gta: Path) -> None:
    (item,) = GtaBenchmark().load(gta)
    first, last = item.gold
    assert (first.tool, first.skip, last.answer) == ("OCR", ("image",), "3")


def test_a_gta_prompt_holds_the_steps_so_far_and_neither_the_next_one_nor_the_gold_tools(gta: Path) -> None:
    (item,) = GtaBenchmark().load(gta)
    tools = [GtaTool.model_validate(OCR)]
    before, after = (gta_messages(tools, item, place)[1]["content"] for place in (0, 1))
    assert "Reply: 1 2" in after and "Reply" not in before
    assert "gold" not in str(gta_messages(tools, item, 0)) and "OCR" not in before


async def test_a_gta_step_is_read_from_a_reply_and_what_is_neither_call_nor_answer_is_an_error(gta: Path) -> None:
    (item,) = GtaBenchmark().load(gta)
    for step in item.gold:
        assert read_gta_step(gta_target(step)).kind == step.kind
    assert read_gta_step("{}").kind == read_gta_step("[1]").kind == read_gta_step("?").kind == "error"
    model = ScriptedModel('{"tool":"OCR","image":"image/b.jpg"}')
    step = await GtaPlanner(model, [GtaTool.model_validate(OCR)]).step(item, 0)
    assert step.arguments == {"image": "image/b.jpg"}
    assert model.schemas[0]["anyOf"][0]["properties"]["image"] == {"enum": ["image/a.jpg", "image/b.jpg"]}


async def test_a_gta_planner_is_told_and_shown_what_followed_in_other_requests_and_never_in_the_same(gta: Path) -> None:
    (item,) = GtaBenchmark().load(gta)
    tools = [GtaTool.model_validate(OCR)]
    other = item.model_copy(update={"id": "other", "question": "What costs it, and how much?", "files": ("c.jpg",)})
    memory = GtaMemory([item, other])
    assert [known.item.id for known in memory.nearest(item, 0)] == ["other", "other"]
    model = ScriptedModel('{"tool":"OCR","image":"image/b.jpg"}')
    await GtaPlanner(model, tools).step(item, 1, LikelySteps([item, other]), memory.nearest(item, 1)[:1])
    assert re.search(r"Likely: answer \d+%, OCR \d+%\nNext step:", prompt_of(model))
    assert prompt_of(model).index("What costs it") < prompt_of(model).index(item.question)
    (left,) = model.schemas[0]["anyOf"]
    assert left["properties"]["tool"] == {"const": "answer"}


def test_steps_that_are_much_less_likely_than_the_likeliest_are_left_out() -> None:
    assert plausible({"OCR": 0.6, "Plot": 0.3, "answer": 0.1}) == ["OCR", "Plot"]
    assert plausible({}) == []
    assert len(gta_schema([GtaTool.model_validate(OCR)], [])["anyOf"]) == 2


def test_what_is_likely_in_a_known_request_is_judged_without_it(gta: Path) -> None:
    (item,) = GtaBenchmark().load(gta)
    odd = item.model_copy(update={"id": "odd", "steps": (item.steps[0].model_copy(update={"action": "Plot"}),)})
    habits = LikelySteps([odd, *(item.model_copy(update={"id": str(number)}) for number in range(3))])
    assert next(iter(habits.likely(odd, 0))) == "OCR"
    assert "Plot" in habits.likely(item.model_copy(update={"id": "new"}), 0)


async def test_easy_vqa_takes_the_commonest_answer_of_the_train_part(tmp_path: Path) -> None:
    questions = {"train": [["is it red?", "no", 0]] * 2 + [["is it red?", "yes", 1]], "test": [["is it red?", "no", 0]]}
    for part, asked in questions.items():
        (tmp_path / part).mkdir()
        (tmp_path / part / "questions.json").write_text(json.dumps(asked))
    scores = await evaluate(EasyVqaBenchmark(), Source(tmp_path), predictor="frequent")
    assert scores.scores["exact match"].value == 1


def test_an_answer_is_understood_from_a_sentence() -> None:
    assert (understood("The shape is a Circle [q1]."), understood("I cannot say.")) == ("circle", "")


async def test_the_packaged_ultratool_planner_plans_requests_that_it_never_saw() -> None:
    from visagent.models.catalogue import find_source

    data = shared("ultratool")
    if find_source("smollm2-135m-instruct-q4_1").cached() is None:
        pytest.skip("the base model is not in the cache")
    source = Source(data, profile=str(EXAMPLES / "ultratool" / "profile.yaml"))
    scores = (await evaluate(UltraTool(), source, limit=25)).scores
    assert scores["Node-F1"].value > 0.7
    assert scores["NH"].value == scores["LH"].value == 0


async def test_the_nearest_neighbour_of_ultratool_dev_stands_near_the_floor_of_its_readme() -> None:
    data = shared("ultratool")
    scores = (await evaluate(UltraTool(), Source(data), predictor="nearest", limit=60)).scores
    assert 0.6 < scores["Node-F1"].value < 0.85
    assert scores["NH"].value == 0


async def test_the_nearest_state_of_gta_stands_near_the_floor_of_its_readme() -> None:
    data = shared("gta")
    scores = (await evaluate(GtaBenchmark(), Source(data), predictor="nearest")).scores
    assert 0.55 < scores["ToolAcc"].value < 0.75


async def test_a_linear_classifier_chooses_gtas_steps_better_than_copying() -> None:
    data = shared("gta")
    scores = (await evaluate(GtaBenchmark(), Source(data), predictor="linear")).scores
    assert 0.68 < scores["ToolAcc"].value < 0.8
