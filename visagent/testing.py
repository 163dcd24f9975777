"""A scripted controller model and counting tools, for tests of the scheduler alone."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visagent.evidence.values import Crop
from visagent.models.protocol import Capabilities, Message, Reply
from visagent.tools.toolkit import Tool, tool


class ScriptedModel:
    """Replies with the given plans, one a call, the last one for ever."""

    name = "scripted"
    capabilities = Capabilities()

    def __init__(self, *plans: list[dict[str, Any]] | str) -> None:
        self._plans = [plan if isinstance(plan, str) else json.dumps({"steps": plan}) for plan in plans]
        self.prompts: list[str] = []

    def load(self) -> None: ...

    def close(self) -> None: ...

    async def chat(self, messages: Sequence[Message], **_: Any) -> Reply:
        self.prompts.append(messages[-1].text)
        return Reply(text=self._plans[min(len(self.prompts), len(self._plans)) - 1])


def slow_tools(log: Path, delays: dict[str, float]) -> list[Tool]:
    """`look(image, name) -> name` and `join(a, b) -> "a+b"`, each as slow as `delays` says and each call logged."""

    @tool(cache=False)
    def look(image: Crop, name: str) -> str:
        """Look for a name."""
        time.sleep(delays.get(name, 0.0))
        with log.open("a") as file:
            file.write(f"{name}\n")
        return name

    @tool(cache=False)
    def join(a: str, b: str) -> str:
        """Join two texts."""
        time.sleep(delays.get("join", 0.0))
        with log.open("a") as file:
            file.write(f"{a}+{b}\n")
        return f"{a}+{b}"

    return [look, join]
