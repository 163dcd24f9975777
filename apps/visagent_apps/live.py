"""The live tree on a terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from visagent.agent.events import (
    Answered,
    ApprovalNeeded,
    Event,
    Found,
    PersonAsked,
    Planned,
    PlanRefused,
    Progressed,
    Started,
)
from visagent.core.terminal import terminal
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence


async def follow(
    events: AsyncIterator[Event], question: str, *, quiet: bool = False
) -> Answered | ApprovalNeeded | PersonAsked:
    """Show the tree growing until the events end, and return the last one.

    Args:
        events: Events of one run.
        question: Shown while there is no tree.
        quiet: Whether to show nothing.
    """
    console = terminal(stderr=True, quiet=quiet)
    tree: QuestionTree | None = None
    evidence: dict[str, Evidence] = {}
    running: set[str] = set()
    pictures = ""

    def picture() -> RenderableType:
        if tree is None:
            return Spinner("dots", Text(f"Planning: {question}"))
        grown = tree.to_rich(evidence, frozenset(running))
        return Group(grown, Spinner("dots", Text(pictures))) if pictures else grown

    with Live(picture(), console=console, refresh_per_second=8, transient=True) as live:
        async for event in events:
            match event:
                case Planned():
                    tree = event.tree
                case PlanRefused():
                    console.print(Text.assemble(("Planning again: ", "yellow"), event.problem))
                case Started():
                    running.add(event.id)
                case Progressed(id=id_, done=done, of=of, unit="pictures"):
                    pictures = f"{id_}: {done} of {of} pictures"
                case Progressed(id=id_, done=done):
                    pictures = f"{id_}: {done} % looked through"
                case Found():
                    pictures = ""
                    running.discard(event.evidence.id)
                    evidence[event.evidence.id] = event.evidence
                case Answered():
                    tree, evidence = event.answer.tree, event.answer.evidence
                    break
                case ApprovalNeeded() | PersonAsked():
                    break
            live.update(picture())
        else:
            raise AssertionError("a run ends with an answer or a wait for a person")
    if isinstance(event, Answered) and tree is not None and len(tree):
        console.print(tree.to_rich(evidence))
    return event
