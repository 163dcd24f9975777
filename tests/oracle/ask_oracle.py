"""What the loop of look and check makes of eyes that err: final answers against first looks, with intervals.

    python tests/oracle/ask_oracle.py [--rates 0 0.1 0.3] [--seeds 1 2 3] [--json FILE]

The model is an oracle on loopback (`oracle.py` says how it errs); detector and text reader are the real ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from oracle import Oracle, facts, served

from visagent.agent.agent import Agent
from visagent.core.config import Profile
from visagent.evaluation.bootstrap import mean
from visagent.evidence.answer import Answer
from visagent.evidence.values import Look

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def ask(rate: float, seed: int, data: Path = DATA) -> dict[str, Any]:
    """Ask every question once.

    Args:
        rate: Part of the looks at whole pictures that are wrong.
        seed: Decides which.
        data: The folder of pictures.

    Returns:
        `first` and `final`: whether each question's first look and final answer are right; `lost`: questions whose
        first look was right and whose answer is not; `calls` and `characters`: of each question's prompts.
    """
    oracle = Oracle(rate, seed)
    with served(oracle) as address, tempfile.TemporaryDirectory() as home:
        models = {"main": {"backend": "endpoint", "base_url": address, "model": "qwen3-vl-oracle"}}
        roles = dict.fromkeys(("controller", "observer", "verifier"), "main")
        profile = Profile.model_validate(
            {
                "name": "oracle",
                "models": models,
                "roles": roles,
                "hidden_tools": ["locate"],
                "tools": {"detect": {"detector": "nanodet"}},
                "demonstrations": {"k": 0},
            }
        )
        agent = Agent(profile, home=Path(home))
        items = [(fact.question, [data / fact.picture]) for fact in facts()]
        answers = asyncio.run(agent.abatch(items, concurrency=4))
    first, final, lost = [], [], []
    for fact, answer in zip(facts(), answers, strict=True):
        assert isinstance(answer, Answer), f"{fact.question}: {answer}"
        look = answer.evidence["q0"].value
        assert isinstance(look, Look), look
        first.append(fact.says(look.text) is True)
        final.append(fact.says(answer.text) is True)
        if first[-1] and not final[-1]:
            lost.append(f"{fact.question} -> {answer.text}")
    calls = list(oracle.calls.values())
    return {
        "first": first,
        "final": final,
        "lost": lost,
        "calls": [len(one) for one in calls],
        "characters": [sum(one) for one in calls],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.0, 0.1, 0.3])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print(
        "rate  first look           final                gain  calls (median, mean, most)  prompt characters (median)"
    )
    for rate in options.rates:
        found = [ask(rate, seed, options.data) for seed in options.seeds]
        first = mean([float(right) for one in found for right in one["first"]])
        final = mean([float(right) for one in found for right in one["final"]])
        calls = [number for one in found for number in one["calls"]]
        characters = [number for one in found for number in one["characters"]]
        print(
            f"{rate:4.0%}  {first!s:19}  {final!s:19}  {100 * (final.value - first.value):+4.1f}  "
            f"{statistics.median(calls):g}, {statistics.mean(calls):.2f}, {max(calls)}  "
            f"{statistics.median(characters):g}"
        )
        for one in found:
            print(*(f"      lost: {line}" for line in one["lost"]), sep="\n", end="\n" if one["lost"] else "")
        rows.append({"rate": rate, "seeds": options.seeds, "runs": found})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
