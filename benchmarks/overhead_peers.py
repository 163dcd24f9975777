"""What other frameworks take for the same steps; run by `overhead.py --peers` in an environment of their own.

    python benchmarks/overhead_peers.py STEPS REPEAT

A scripted model calls one tool STEPS + 1 times and then answers. Prints one line of JSON: the least seconds of a run of
one step and of each further step, and the characters of all messages that a question of 20 steps sends to the model.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def least(work: Callable[[], object], repeat: int) -> dict[str, float]:
    work()
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"seconds": min(walls), "cpu_seconds": min(cpus)}


def measured(run: Callable[[int], object], steps: int, repeat: int) -> dict[str, Any]:
    one, many = least(lambda: run(1), repeat), least(lambda: run(1 + steps), repeat)
    return {"warm run": one, "further step": {key: (many[key] - one[key]) / steps for key in one}}


def langgraph_react(steps: int, repeat: int) -> dict[str, Any]:
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.tools import tool
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.prebuilt import create_react_agent

    @tool
    def go_on(text: str) -> str:
        """Give the text itself."""
        return text

    class Scripted(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **options: Any) -> Any:
            return self

    folder = Path(tempfile.mkdtemp(prefix="visagent-overhead-"))
    threads = iter(range(10**6))

    def run(count: int) -> None:
        calls = [
            AIMessage("", tool_calls=[{"name": "go_on", "args": {"text": "a"}, "id": f"call{number}"}])
            for number in range(count)
        ]
        thread = str(next(threads))
        # As visagent does: a file for each run.
        connection = sqlite3.connect(folder / f"{thread}.sqlite", check_same_thread=False)
        agent = create_react_agent(
            Scripted(messages=iter([*calls, AIMessage("done")])), [go_on], checkpointer=SqliteSaver(connection)
        )
        config: Any = {"configurable": {"thread_id": thread}, "recursion_limit": 4 * count + 10}
        agent.invoke({"messages": [("user", "What is there?")]}, config, durability="sync")
        connection.close()

    return measured(run, steps, repeat)


def smolagents(steps: int, repeat: int) -> dict[str, Any]:
    from smolagents import ToolCallingAgent, tool
    from smolagents.models import (
        ChatMessage,
        ChatMessageToolCall,
        ChatMessageToolCallFunction,
        MessageRole,
        Model,
    )

    @tool
    def go_on(text: str) -> str:
        """Give the text itself.

        Args:
            text: What to give.
        """
        return text

    class Scripted(Model):
        def __init__(self, count: int) -> None:
            super().__init__(model_id="scripted")
            self.left, self.characters = count, 0

        def generate(self, messages: Any, **options: Any) -> ChatMessage:
            for message in messages:
                content = message.content
                parts = content if isinstance(content, list) else [{"text": content or ""}]
                self.characters += sum(len(part.get("text", "")) for part in parts)
            self.left -= 1
            name, given = ("go_on", {"text": "a"}) if self.left >= 0 else ("final_answer", {"answer": "done"})
            call = ChatMessageToolCall(
                function=ChatMessageToolCallFunction(name=name, arguments=given), id=f"call{self.left}", type="function"
            )
            return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[call])

    def run(count: int) -> int:
        model = Scripted(count)
        agent = ToolCallingAgent(tools=[go_on], model=model, verbosity_level=0, max_steps=count + 2)
        agent.run("What is there?")
        return model.characters

    return {**measured(run, steps, repeat), "prompt characters of 20 steps": run(20)}


def main() -> None:
    steps, repeat = int(sys.argv[1]), int(sys.argv[2])
    found = {"langgraph": langgraph_react(steps, repeat), "smolagents": smolagents(steps, repeat)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
