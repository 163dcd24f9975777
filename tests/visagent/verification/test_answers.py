"""A run's sentences checked again by the embedded experts on a real photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from visagent.agent.agent import Agent
from visagent.evidence.answer import Claim, Verdict
from visagent.media.media import Media
from visagent.planning.plan import name_media
from visagent.tools.executor import ToolExecutor
from visagent.verification import Checker, Faithfulness
from visagent.verification.answers import Rechecked, recheck
from visagent.verification.extract import RuleExtractor

COFFEE = Path(__file__).parents[3] / "examples" / "coffee.png"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    return Agent("embedded", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def run(agent: Agent) -> Faithfulness:
    """A tree with evidence, as a run has it: q1 finds the cups, q2 says that there is one."""
    return agent.verify("There is a cup.", COFFEE)


async def checked_again(
    agent: Agent, run: Faithfulness, claims: Sequence[tuple[str, Verdict]], limit: int | None = None
) -> tuple[Rechecked, ToolExecutor]:
    photo = Media.load(COFFEE)
    media = {"image1": photo}
    expert = ToolExecutor(agent.tools, media, agent.profile.budget, options=agent.profile.tools)
    checker = Checker(agent.tools, expert, RuleExtractor(), limit=limit)
    said = [Claim(text=text, cites=("q1",) if "[q1]" in text else (), verdict=verdict) for text, verdict in claims]
    infos = name_media([photo.info])
    return await recheck(said, run.tree, run.evidence, infos, checker, "en"), expert


async def test_a_sentence_that_experts_contradict_is_corrected_and_cites_them(agent: Agent, run: Faithfulness) -> None:
    result, _ = await checked_again(agent, run, [("There are three cups [q1].", "supported")])
    (claim,) = result.claims
    assert (
        claim.text.startswith("There is one cup [q1, ") and claim.text.endswith("].") and claim.verdict == "supported"
    )
    assert all(cite in result.evidence and result.tree[cite] for cite in claim.cites)


async def test_one_that_nothing_can_correct_is_dropped(agent: Agent, run: Faithfulness) -> None:
    result, _ = await checked_again(
        agent, run, [("There is a cup [q1].", "supported"), ("The dog is here.", "supported")]
    )
    assert [claim.text for claim in result.claims] == ["There is a cup [q1]."]


async def test_an_uncited_sentence_gets_its_evidence(agent: Agent, run: Faithfulness) -> None:
    result, _ = await checked_again(agent, run, [("The table is brown.", "unverifiable")])
    (claim,) = result.claims
    assert claim.verdict == "supported" and claim.cites and claim.text.endswith("].")


async def test_what_the_run_has_found_is_not_asked_again(agent: Agent, run: Faithfulness) -> None:
    result, expert = await checked_again(agent, run, [("There is a cup [q1].", "supported")])
    assert expert.calls == 0 and result.tree == run.tree and result.evidence == run.evidence


@pytest.mark.parametrize("text", ["The cup is made of clay [q1].", "There is a saucer [q1]."])
async def test_what_no_expert_knows_rests_on_what_the_sentence_cites(
    agent: Agent, run: Faithfulness, text: str
) -> None:
    result, _ = await checked_again(agent, run, [(text, "supported")])
    assert result.claims == [Claim(text=text, cites=("q1",), verdict="supported")]


async def test_no_more_is_asked_than_the_limit_allows(agent: Agent, run: Faithfulness) -> None:
    result, expert = await checked_again(agent, run, [("There are three cups [q1].", "supported")], limit=1)
    assert expert.calls == 0 and result.claims[0].text == "There are three cups [q1]."


async def test_what_the_rules_found_wrong_stays_wrong(agent: Agent, run: Faithfulness) -> None:
    result, expert = await checked_again(agent, run, [("There are 9 cups [q1].", "contradicted")])
    assert expert.calls == 0 and result.claims[0].verdict == "contradicted"
