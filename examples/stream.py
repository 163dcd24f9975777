"""Follow a run while it goes on: typed events, in the order in which things happen."""

import asyncio
from pathlib import Path

from visagent import Agent
from visagent.agent.events import Answered, Found, Planned
from visagent.evidence.contents import summary


async def main() -> None:
    here = Path(__file__).parent
    agent = Agent(profile="embedded")
    question = "How many cats are there? And transcribe the recording."
    async for event in agent.stream(question, here / "cat.png", here / "speech.wav"):
        match event:
            case Planned(tree=tree):
                print("plan:", ", ".join(f"{node.id} {node.solver}" for node in tree.nodes))
            case Found(evidence=found):
                print(f"{found.id}: {summary(found.value)} after {found.seconds:.2f} s")
            case Answered(answer=answer):
                print("answer:", answer.text)


asyncio.run(main())
