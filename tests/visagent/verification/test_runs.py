"""The verifier in a run: rules ask nothing more; a model's claims about the answer are asked of the experts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from visagent.agent.agent import Agent
from visagent.core.config import Budget
from visagent.core.settings import load_profile
from visagent.evidence.answer import Answer
from visagent.models.protocol import Message
from visagent.testing import ScriptedModel

CAT = Path(__file__).parents[3] / "examples" / "cat.png"


def scripted(sentence: str) -> ScriptedModel:
    """Plans, writes a sentence that is not true, and leaves the claims in it to the rules; the experts are real."""

    def reply(messages: Sequence[Message], schema: Any) -> Any:
        if "sentences" in schema["properties"]:
            return {"sentences": [{"text": sentence, "cites": ["q1"]}]}
        if "claims" in schema["properties"]:
            return {"claims": "none"}
        return [{"tool": "detect", "label": "cat"}]

    return ScriptedModel(reply, tokens=5)


def ask(tmp_path: Path, sentence: str, verifier: str, **budget: int) -> Answer:
    roles = {"controller": "planner", "decider": "rules", "refiner": "planner", "verifier": verifier}
    profile = load_profile("embedded").model_copy(update={"roles": roles, "budget": Budget(**budget)})
    agent = Agent(profile, models={"planner": scripted(sentence)}, home=tmp_path)
    return agent.ask("Where are the cats?", CAT)


def test_with_rules_a_sentence_rests_on_what_it_cites(tmp_path: Path) -> None:
    answer = ask(tmp_path, "The cat is green", "rules")
    assert answer.text == "The cat is green [q1]." and len(answer.tree) == 1
    assert answer.faithfulness == 1.0


def test_with_a_model_experts_are_asked_and_the_sentence_is_corrected(tmp_path: Path) -> None:
    answer = ask(tmp_path, "The cat is green", "planner")
    (claim,) = answer.claims
    assert answer.text.startswith("The cat is brown [q1, ") and claim.verdict == "supported"
    assert all(cite in answer.evidence and answer.tree[cite] for cite in claim.cites)
    assert answer.evidence["q1"].tool == "detect" and "dominant_colors" in {
        one.tool for one in answer.evidence.values()
    }
    assert answer.usage.model_calls == 3 and answer.usage.generated_tokens == 15


@pytest.mark.parametrize("budget", [{"checks": 0}, {"tool_calls": 1}, {"tokens": 10}])
def test_without_a_budget_for_it_nothing_more_is_asked(tmp_path: Path, budget: dict[str, int]) -> None:
    answer = ask(tmp_path, "The cat is green", "planner", **budget)
    assert answer.text == "The cat is green [q1]." and list(answer.evidence) == ["q1"]
