"""What each mitigation of hallucination gives eyes that err: `visagent eval … --mitigations`, the oracle as the model.

    python tests/oracle/measure_mitigations.py [--rate 0.3] [--seed 1] [--limit N] [--out FOLDER]

It is the same evaluation that the command runs. The oracle stands in for a model that sees, of which none is packaged:
the figures are of the loop, and of no model. Contrastive decoding needs the weights and cannot be measured so.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from ask_oracle import DATA
from oracle import Oracle, facts, served

from visagent.agent.agent import Agent
from visagent.core.config import Profile
from visagent.evaluation.agent_benchmark import AgentBenchmark
from visagent.evaluation.agent_items import AgentItem
from visagent.evaluation.agent_run import evaluate_agent
from visagent.evaluation.agent_scores import AgentScores, agent_scores
from visagent_apps.evaluate import show_agent


class OracleFacts(AgentBenchmark):
    """The questions that the oracle knows, about pictures of the shared data folder."""

    name = "oracle"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        return [
            AgentItem(id=f"{number}", question=fact.question, media=(path / fact.picture,), group=fact.picture)
            for number, fact in enumerate(facts(), start=1)
        ]

    def grade(self, item: AgentItem, reply: str) -> float:
        """Whether the right answer is said and the wrong one is not."""
        return float(facts()[int(item.id) - 1].says(reply) is True)


def measure(rate: float, seed: int, out: Path, data: Path = DATA, limit: int | None = None) -> AgentScores:
    """Ask all questions, and again with each mitigation taken away.

    Args:
        rate: Part of the looks at whole pictures that are wrong.
        seed: Decides which.
        out: Folder of the evaluation.
        data: The folder of pictures.
        limit: The first so many questions.
    """
    with served(Oracle(rate, seed)) as address, TemporaryDirectory() as home:
        models = {"main": {"backend": "endpoint", "base_url": address, "model": "qwen3-vl-oracle"}}
        settings = {
            "name": "oracle",
            "models": models,
            "roles": dict.fromkeys(("controller", "observer", "verifier"), "main"),
            "hidden_tools": ["locate"],
            "tools": {"detect": {"detector": "nanodet"}},
            "demonstrations": {"k": 0},
        }
        agent = Agent(Profile.model_validate(settings), home=home)
        run = asyncio.run(evaluate_agent(OracleFacts(), data, out, agent, mitigations=True, limit=limit, workers=4))
    return agent_scores(OracleFacts(), run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        show_agent(
            measure(options.rate, options.seed, options.out or Path(folder) / "out", options.data, options.limit)
        )


if __name__ == "__main__":
    main()
