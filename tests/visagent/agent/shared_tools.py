"""A tool and an agent that other processes can import, for tests of pickling and of processes."""

from __future__ import annotations

import os
from pathlib import Path

from visagent.agent.agent import Agent
from visagent.evidence.values import Crop
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import tool


@tool(cache=False)
def material(image: Crop) -> str:
    """Tell the material."""
    return f"felt {image.image().size[0]} wide"


def make_agent(home: Path) -> Agent:
    models = {"controller": ScriptedModel([{"tool": "material"}])}
    return Agent("embedded", tools=[material], models=models, home=home)


def answer(agent: Agent, picture: str) -> tuple[str, int]:
    """The answer's text, and the process that gave it."""
    return agent.ask("What is it made of?", picture).text, os.getpid()
