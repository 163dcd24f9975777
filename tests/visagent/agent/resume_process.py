"""A process that asks, or resumes, with a scripted planner and counting tools; test_resume kills it half-way.

Usage: resume_process.py HOME LOG DELAYS_JSON (ask | RUN_ID)
"""

import json
import sys
from pathlib import Path

from PIL import Image

from visagent.agent.agent import Agent
from visagent.testing import ScriptedModel, slow_tools

PLAN = [
    {"tool": "look", "name": "slow"},
    {"tool": "look", "name": "fast"},
    {"tool": "join", "a": "$q2", "b": "early"},
    {"tool": "join", "a": "$q1", "b": "$q3"},
]


def main() -> None:
    home, log, delays, what = sys.argv[1:]
    tools, models = slow_tools(Path(log), json.loads(delays)), {"controller": ScriptedModel(PLAN)}
    agent = Agent("embedded", tools=tools, only=["look", "join"], models=models, home=home)
    picture = Image.new("RGB", (8, 8), "white")
    answer = agent.ask("What do you see?", picture) if what == "ask" else agent.resume(what)
    print(answer.to_json())


if __name__ == "__main__":
    main()
