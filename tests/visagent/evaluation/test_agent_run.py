"""Whole agents on a benchmark: what is asked, graded, kept, gone on with, compared and shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from visagent.agent.agent import Agent
from visagent.agent.batch import Engine, Item, Row, answer_items
from visagent.core.config import Profile
from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AGENT, AgentBenchmark, all_right, share
from visagent.evaluation.agent_items import YES_NO, AgentItem, Attempt, chosen, reply_of, usable
from visagent.evaluation.agent_run import AgentRun, evaluate_agent, without_tools
from visagent.evaluation.agent_scores import AgentScores, agent_scores, compare_runs
from visagent.evaluation.mitigations import mitigated
from visagent.evaluation.paired import paired_difference, sign_test
from visagent.evaluation.run_folder import ATTEMPTS, read_run
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import QuestionTree
from visagent.testing import ScriptedModel, slow_tools
from visagent_apps import cli
from visagent_apps.reports.cases import cases_page, chosen_cases, side_of
from visagent_apps.reports.inspect_log import inspect_log, log_name
from visagent_apps.reports.page import evaluation_page

LOOK = {"steps": [{"tool": "look", "name": "kiwi"}]}


class Fruits(AgentBenchmark):
    """Which fruit a picture shows: the scripted agent says "kiwi" of all."""

    name = "fruits"

    def load(self, path: Path) -> list[AgentItem]:
        picture = path / "white.png"
        return [
            AgentItem(id="1", question="Which fruit <b>is it</b>?", media=(picture,), gold=("kiwi",), category="easy"),
            AgentItem(id="2", question="Which one?", media=(picture,), gold=("mango",), category="hard", group="g"),
            AgentItem(id="3", question="And which one?", media=(picture,), gold=("kiwi",), category="hard", group="g"),
            AgentItem(id="3", question="Again?", media=(picture,), gold=("kiwi",)),
            AgentItem(id="4", question="Gone?", media=(path / "gone.png",), gold=("kiwi",)),
            AgentItem(id="5", question="Choose.", media=(picture,), gold=("Z",), options={"A": "x", "B": "y"}),
        ]

    def grade(self, item: AgentItem, reply: str) -> float:
        return float(item.gold[0] in reply.lower())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    Image.new("RGB", (16, 16), "white").save(folder / "white.png")
    return folder


def make_agent(tmp_path: Path, *, sees: bool = False, plan: Any = LOOK) -> Agent:
    models: dict[str, Any] = {"controller": ScriptedModel(plan)}
    if sees:
        models["observer"] = ScriptedModel("mango", media=["image"])
    tools = slow_tools(tmp_path / "log", {})
    return Agent("embedded", tools=tools, only=["look", "join"], models=models, home=tmp_path / "home")


async def run(tmp_path: Path, data: Path, agent: Agent | None = None, **options: Any) -> tuple[AgentRun, AgentScores]:
    found = await evaluate_agent(Fruits(), data, tmp_path / "out", agent or make_agent(tmp_path), **options)
    return found, agent_scores(Fruits(), found)


async def test_what_can_be_asked_is_scored_and_what_cannot_is_said_in_one_line(tmp_path: Path, data: Path) -> None:
    _, scores = await run(tmp_path, data, mode="tree")
    assert scores.measured.scores["accuracy"].value == pytest.approx(2 / 3)
    assert scores.measured.scores["accuracy: hard"].value == 0.5
    assert scores.measured.scores["accuracy"].count == 2  # groups are resampled
    reasons = {one.id: one.reason for one in scores.info.left_out}
    assert reasons == {
        "3": "the id stands twice; the first one is asked",
        "4": f"there is no file {data / 'gone.png'}",
        "5": "the label 'Z' is none of A, B",
    }


async def test_questions_asked_elsewhere_score_as_those_asked_here(tmp_path: Path, data: Path) -> None:
    asked: list[tuple[tuple[str, ...], list[str]]] = []

    def engine(without: Sequence[str]) -> Engine:
        def answer(items: Sequence[Item]) -> AsyncIterator[Row]:
            asked.append((tuple(without), [item.id for item in items]))
            sent = [Item.model_validate_json(item.model_dump_json()) for item in items]
            return answer_items(without_tools(lambda: make_agent(tmp_path), without), sent, workers=2)

        return answer

    _, here = await run(tmp_path / "here", data, make_agent(tmp_path), mode="tree", baselines=True)
    found = await evaluate_agent(
        Fruits(), data, tmp_path / "out", make_agent(tmp_path), mode="tree", baselines=True, engine=engine
    )
    there = agent_scores(Fruits(), found)
    assert [one.variant for one in there.variants] == [one.variant for one in here.variants]
    assert [one.scores for one in there.variants] == [one.scores for one in here.variants]
    assert asked[0] == ((), ["1", "2", "3"]) and (("look",), ["1", "2", "3"]) in asked
    # What cannot be asked at all is a reason, and no wrong answer; what is there is not asked again.
    assert there.unavailable.keys() == here.unavailable.keys() == {"direct", "tree"}
    asked.clear()
    await evaluate_agent(Fruits(), data, tmp_path / "out", make_agent(tmp_path), mode="tree", engine=engine)
    assert asked == []


async def test_mitigations_are_asked_again_one_at_a_time_on_the_same_items(tmp_path: Path, data: Path) -> None:
    models = {
        "main": {"backend": "scripted", "media": ["image"], "replies": ["kiwi"]},
        "judge": {"backend": "scripted", "media": ["image"], "replies": ["no"]},
    }
    roles = {"controller": "main", "observer": "main", "verifier": "judge"}
    profile = Profile.model_validate({"name": "eyes", "models": models, "roles": roles})
    agent = Agent(profile, home=tmp_path / "home", cache=False)
    found = await evaluate_agent(Fruits(), data, tmp_path / "out", agent, mode="auto", mitigations=True)
    scores = agent_scores(Fruits(), found)
    by_name = {one.variant: one for one in scores.variants}
    assert by_name.keys() == {AGENT, "direct", "no verifying model"}
    assert all(one.asked == 3 and one.gain is not None for name, one in by_name.items() if name != AGENT)
    assert "no model of transformers" in scores.unavailable["contrastive decoding"]
    assert agent.profile.roles["verifier"] == "judge"


def test_contrastive_decoding_is_switched_on_where_it_is_off_and_off_where_it_is_on() -> None:
    eyes = {"backend": "transformers", "model": "some/model", "contrastive_alpha": 0.5}
    profile = Profile.model_validate({"name": "eyes", "models": {"main": eyes}, "roles": {"observer": "main"}})
    variants, _ = mitigated(profile)
    off = variants["no contrastive decoding"]
    assert off.models["main"].contrastive_alpha is None  # type: ignore[union-attr]
    variants, unavailable = mitigated(off)
    assert variants["contrastive decoding"].models["main"].contrastive_alpha == 1.0  # type: ignore[union-attr]
    assert unavailable == {"no verifying model": "in the profile eyes rules alone verify"}


async def test_each_attempt_is_a_line_with_its_plan_and_its_costs(tmp_path: Path, data: Path) -> None:
    await run(tmp_path, data, mode="tree", limit=1)
    (line,) = (tmp_path / "out" / ATTEMPTS).read_text().splitlines()
    kept = Attempt.model_validate_json(line)
    assert kept.calls == {"look": 1} and kept.usage.tool_calls == 1 and kept.score == 1
    assert kept.answer is not None and Answer.model_validate(kept.answer).tree.nodes[0].solver.tool == "look"


async def test_an_interrupted_evaluation_goes_on_and_asks_nothing_twice(tmp_path: Path, data: Path) -> None:
    await run(tmp_path, data, mode="tree")
    file = tmp_path / "out" / ATTEMPTS
    first, second, _ = file.read_text().splitlines()
    file.write_text(f"{first}\n{second[:40]}")
    asked = (tmp_path / "log").read_text().count("kiwi")
    again, scores = await run(tmp_path, data, mode="tree")
    assert (tmp_path / "log").read_text().count("kiwi") == asked + 2
    assert list(again.folder.of(AGENT)) == ["1", "2", "3"] and scores.measured.asked == 3


async def test_a_damaged_line_is_named(tmp_path: Path, data: Path) -> None:
    await run(tmp_path, data, mode="tree")
    file = tmp_path / "out" / ATTEMPTS
    file.write_text("{}\n" + file.read_text())
    with pytest.raises(InputError, match=rf"{ATTEMPTS}, line 1: variant: Field required"):
        read_run(tmp_path / "out")


async def test_a_folder_of_another_evaluation_is_refused(tmp_path: Path, data: Path) -> None:
    await run(tmp_path, data, mode="tree")
    with pytest.raises(InputError, match="with other items"):
        await run(tmp_path, data, mode="tree", limit=1)
    with pytest.raises(InputError, match="with other modes"):
        await run(tmp_path, data, mode="chain")


async def test_an_evaluation_of_the_first_items_goes_on_with_the_rest(tmp_path: Path, data: Path) -> None:
    await run(tmp_path, data, mode="tree", limit=1)
    asked = (tmp_path / "log").read_text().count("kiwi")
    found, scores = await run(tmp_path, data, mode="tree")
    assert (tmp_path / "log").read_text().count("kiwi") == asked + 2
    assert read_run(tmp_path / "out").info.items == 3 and scores.measured.asked == len(found.items) == 3


async def test_baselines_are_asked_the_same_items_and_compared_pair_by_pair(tmp_path: Path, data: Path) -> None:
    found, scores = await run(tmp_path, data, make_agent(tmp_path, sees=True), mode="tree", baselines=True)
    names = [one.variant for one in scores.variants]
    assert names == ["agent", "direct", "without look"]
    direct = scores.variants[1].gain
    # The agent is right of 1 and 3, the bare model of 2 alone; 2 and 3 are one group.
    assert direct is not None and direct.value == pytest.approx(1 / 3) and (direct.better, direct.worse) == (1, 0)
    masked = scores.variants[2]
    assert masked.scores["accuracy"].value == 0 and masked.asked == 3
    assert "went about every question in mode tree" in scores.unavailable["tree"]
    assert all("look" not in one.calls for one in found.folder.of("without look").values())


async def test_a_baseline_that_the_profile_cannot_have_is_said_and_the_rest_is_scored(
    tmp_path: Path, data: Path
) -> None:
    _, scores = await run(tmp_path, data, mode="tree", baselines=True)
    assert "needs a model that sees" in scores.unavailable["direct"]
    assert [one.variant for one in scores.variants] == ["agent", "without look"]


async def test_a_question_that_ends_in_an_error_is_wrong_and_kept(tmp_path: Path, data: Path) -> None:
    (data / "white.png").write_bytes(b"no picture")
    found, scores = await run(tmp_path, data, mode="tree")
    assert scores.measured.scores["accuracy"].value == 0 and scores.measured.cost.errors == 3
    assert "MediaError" in found.folder.of(AGENT)["1"].error


async def test_the_page_shows_failures_with_their_trees_and_runs_nothing(tmp_path: Path, data: Path) -> None:
    found, scores = await run(tmp_path, data, make_agent(tmp_path, plan={"steps": [{"tool": "look", "name": "<b>"}]}))
    page = evaluation_page(scores, found)
    assert "Which fruit &lt;b&gt;is it&lt;/b&gt;?" in page and "<b>is it" not in page
    assert page.count('<details class="ev-failure">') == 3 and "data:image/jpeg;base64" in page
    assert "va-step" in page and "<script" not in page and "default-src 'none'" in page
    assert "the id stands twice; the first one is asked (1): 3</li>" in page


async def test_two_evaluations_are_compared_on_what_both_asked(tmp_path: Path, data: Path) -> None:
    await run(tmp_path, data, mode="tree")
    other = await evaluate_agent(
        Fruits(),
        data,
        tmp_path / "other",
        make_agent(tmp_path, plan={"steps": [{"tool": "look", "name": "mango"}]}),
        limit=2,
    )
    found = compare_runs(read_run(tmp_path / "out"), read_run(other.folder.path))
    assert found.gain.count == 2 and found.gain.value == 0 and found.gain.p == 1
    assert found.changed == {"1": (1.0, 0.0), "2": (0.0, 1.0)} and (found.first_only, found.second_only) == (1, 0)


async def test_cases_show_both_answers_side_by_side_those_that_differ_first(tmp_path: Path, data: Path) -> None:
    found, _ = await run(tmp_path, data, make_agent(tmp_path, sees=True), mode="tree", baselines=True)
    sides = [side_of(found.folder, name) for name in (AGENT, "direct")]
    ids = chosen_cases(*sides, limit=2)
    assert ids == ["1", "2"] and chosen_cases(*sides, ids=["3"]) == ["3"]
    page = cases_page(sides, ids)
    assert page.count("<article") == 4 and "out: embedded, direct" in page and page.count("va-tree") >= 2
    assert "Which fruit &lt;b&gt;is it&lt;/b&gt;?" in page and "<b>is it" not in page
    assert "data:image/jpeg;base64" in page and "<script" not in page and "default-src 'none'" in page
    with pytest.raises(InputError, match=r"No question '9' was asked"):
        chosen_cases(*sides, ids=["9"])
    with pytest.raises(InputError, match=r"no variant 'dirct'\. Did you mean 'direct'\?"):
        side_of(found.folder, "dirct")


def test_the_command_writes_cases_of_a_run(tmp_path: Path, data: Path) -> None:
    asyncio.run(evaluate_agent(Fruits(), data, tmp_path / "out", make_agent(tmp_path), mode="tree", limit=1))
    page = tmp_path / "cases.html"
    result = CliRunner().invoke(cli.app, ["eval", "cases", str(tmp_path / "out"), "--out", str(page)])
    assert result.exit_code == 0 and "1 case:" in result.stderr and "<article" in page.read_text()


async def test_two_runs_over_different_items_cannot_be_compared(tmp_path: Path, data: Path) -> None:
    await run(tmp_path, data, mode="tree")

    class Others(Fruits):
        def load(self, path: Path) -> list[AgentItem]:
            return [item.model_copy(update={"id": f"x{item.id}"}) for item in super().load(path)]

    await evaluate_agent(Others(), data, tmp_path / "other", make_agent(tmp_path), mode="tree")
    with pytest.raises(InputError, match="share no item"):
        compare_runs(read_run(tmp_path / "out"), read_run(tmp_path / "other"))


async def test_the_log_has_the_form_of_inspect(tmp_path: Path, data: Path) -> None:
    found, scores = await run(tmp_path, data, mode="tree")
    log = json.loads(inspect_log(found.folder, scores))
    assert (log["version"], log["status"], log["eval"]["task"]) == (2, "success", "fruits")
    assert log["results"]["scores"][0]["metrics"]["accuracy"]["value"] == pytest.approx(2 / 3)
    (sample, *_) = log["samples"]
    assert (
        sample["scores"]["grade"]["value"] == 1
        and sample["target"] == ["kiwi"]
        and "look" in sample["metadata"]["tree"]
    )
    with pytest.raises(InputError, match="no variant 'direct'"):
        inspect_log(found.folder, scores, "direct")


@pytest.mark.peer
async def test_inspect_itself_lists_and_reads_the_log(tmp_path: Path, data: Path) -> None:
    inspect = pytest.importorskip("inspect_ai.log", reason="pip install inspect_ai")
    found, scores = await run(tmp_path, data, mode="tree")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / log_name(found.folder.info)).write_text(inspect_log(found.folder, scores))
    (listed,) = inspect.list_eval_logs(str(logs))
    log = inspect.read_eval_log(listed)
    assert (listed.task, log.status, log.eval.model) == ("fruits", "success", "visagent/embedded")
    assert log.results.scores[0].metrics["accuracy"].value == pytest.approx(2 / 3)
    assert [(sample.id, sample.scores["grade"].value) for sample in log.samples] == [("1", 1), ("2", 0), ("3", 1)]
    assert "look" in log.samples[0].metadata["tree"]


def answered(text: str, result: Any = None) -> Answer:
    tree = QuestionTree(question="?", nodes=())
    claims = (Claim(text=text),)
    return Answer(run_id="r", question="?", text=text, status="answered", claims=claims, tree=tree, result=result)


@pytest.mark.parametrize(
    ("text", "result", "reply"),
    [
        ("No, there is none [q1].", None, "no"),
        ("Yes.", None, "yes"),
        ("There are 3 [q1].", True, "yes"),
        ("I cannot tell.", None, ""),
    ],
)
def test_a_yes_or_no_is_read_from_evidence_first_and_then_from_words(text: str, result: Any, reply: str) -> None:
    item = AgentItem(id="1", question="Is it?", media=(), gold=("yes",), form=YES_NO)
    assert reply_of(item, answered(text, result)) == reply


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("(C) green", "C"),
        ("The correct answer is B.", "B"),
        ("The bus is green [q2].", "C"),
        ("It is dark red.", "D"),
        ("Red or green.", ""),
        ("A bus.", ""),
        ("E", ""),
        ("", ""),
    ],
)
def test_the_option_that_a_reply_names(text: str, letter: str) -> None:
    assert chosen(text, {"A": "red", "B": "blue", "C": "green", "D": "dark red"}) == letter


def test_an_option_by_evidence_goes_before_the_words() -> None:
    item = AgentItem(id="1", question="Which?", media=(), gold=("A",), options={"A": "red", "B": "blue"})
    assert reply_of(item, answered("It is blue.", "red")) == "A"


def test_a_paired_difference_counts_groups_and_its_p_is_exact() -> None:
    before = {str(n): 0.0 for n in range(8)}
    after = {str(n): 1.0 for n in range(8)}
    found = paired_difference(before, after)
    assert found is not None and found.p == 2 / 2**8 and found.significant and found.low == found.high == 1
    grouped = paired_difference(before, after, dict.fromkeys(before, "one"))
    assert grouped is not None and grouped.p == 1 and grouped.better == 1
    assert paired_difference({"a": 1}, {"b": 1}) is None
    assert sign_test(5, 1) == pytest.approx(14 / 64)


def test_groups_are_right_where_all_of_them_are() -> None:
    def row(id_: str, group: str, score: float) -> tuple[AgentItem, Attempt]:
        item = AgentItem(id=id_, question="?", media=())
        return item, Attempt(variant=AGENT, id=id_, question="?", gold=(), group=group, score=score)

    rows = [row("1", "a", 1), row("2", "a", 1), row("3", "b", 1), row("4", "b", 0)]
    assert share(rows).value == 0.75 and all_right(rows).value == 0.5 and all_right(rows).count == 2


def test_nothing_to_ask_is_an_error_with_its_reason(data: Path) -> None:
    kept, left_out = usable([AgentItem(id="1", question="?", media=())])
    assert not kept and left_out[0].reason == "it names no picture, video or sound"
