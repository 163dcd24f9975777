"""Record anew: ask the questions through a model behind an OpenAI-compatible server, and keep what it replies.

    python tests/recorded/record.py http://127.0.0.1:8000/v1 [--model NAME]

Needed after a prompt was changed. Whoever plays a model by hand replies from what each request shows alone. Look at the
answers that are printed before the file is committed: a test holds them right.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from recorded import HERE, PROFILE, REPLIES, RecordingModel, questions

from visagent.agent.agent import Agent
from visagent.agent.registry import ModelRegistry
from visagent.core.config import Profile


async def record(address: str, model: str) -> dict[str, str]:
    """Ask every question once; a line is printed for each.

    Args:
        address: Of the server, up to and with its version.
        model: As the server names it; its family says how it writes boxes.
    """
    endpoint = {"backend": "endpoint", "base_url": address, "model": model, "timeout": 7200, "retries": 0}
    profile = Profile.model_validate(
        {
            "name": "recording",
            "models": {"main": endpoint | {"media": ["image", "video"]}},
            "roles": {"controller": "main"},
        }
    )
    with tempfile.TemporaryDirectory() as home:
        recording = RecordingModel(ModelRegistry(Path(home), None).controller(profile))
        budget = PROFILE.budget.model_copy(update={"seconds": 20000.0})
        agent = Agent(
            PROFILE.model_copy(update={"budget": budget}), models={"main": recording}, home=Path(home), cache=False
        )

        async def one(asked: dict[str, Any]) -> None:
            answer = await agent.aask(asked["question"], *(HERE / "media" / name for name in asked["media"]))
            print(f"{asked['id']}: {answer.usage.model_calls} calls: {answer.text}", flush=True)

        await asyncio.gather(*map(one, questions()))
    return recording.replies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--model", default="qwen3-vl-by-hand")
    options = parser.parse_args()
    replies = asyncio.run(record(options.address, options.model))
    REPLIES.write_text(json.dumps(dict(sorted(replies.items())), indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
