"""Requests with gold graphs as a source of training examples: `kind: graphs` of a mix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from visagent.evaluation.benchmark import data_file, read_lines
from visagent.planning.plan_language import write_plan
from visagent_research.tool_graphs.graph_planner import (
    SHOWN,
    ToolRetriever,
    graph_messages,
    graph_spec,
    graph_steps,
)
from visagent_research.tool_graphs.items import ForeignTool, GraphItem, load_tools
from visagent_training.data_source import Drawing, Drawn, ExampleSource
from visagent_training.examples import TrainingExample, TurnRecord
from visagent_training.expressions import compact


class Graphs(ExampleSource):
    """Requests with gold graphs (UltraTool, TaskBench, RestBench), the tool list beside them.

    Attributes:
        path: File of the requests, or a folder with `train.jsonl`.
        shown: How many tools a plan may call; all are in the prompt, unless they are memorised.
        memorised: Whether the planner is to memorise the tools.
    """

    kind: Literal["graphs"]
    path: Path
    shown: Annotated[int, Field(ge=2)] = SHOWN
    memorised: bool = False

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        file = data_file(drawing.path(self.path), "train.jsonl")
        requests = read_lines(file, GraphItem)
        return graph_examples(requests, load_tools(file), shown=self.shown, memorised=self.memorised)


def graph_examples(
    items: Sequence[GraphItem],
    tools: Sequence[ForeignTool],
    *,
    source: str = "graphs",
    shown: int = SHOWN,
    memorised: bool = False,
) -> Iterator[TrainingExample]:
    """One example a request: likely tools in the prompt, the gold graph as the plan.

    Args:
        items: The requests.
        tools: All tools of their list.
        source: What the examples' ids begin with.
        shown: How many tools a plan may call.
        memorised: Whether the planner is to memorise the tools: it is given likely names, and writes nested calls.

    Each request is shown the tools that retrieval finds without that request; a gold tool that it misses takes the
    place of the least likely one, because a planner must not learn to call what it is not shown. One that is to
    memorise the tools must learn just that: its likely names are those that retrieval found.
    """
    retriever = ToolRetriever(tools, [(item.user_request, item.gold.nodes) for item in items])
    by_name = {tool.name: tool for tool in tools}
    for item in items:
        found = retriever.shown(item.user_request, shown, but_itself=True)
        names = [tool.name for tool in found]
        missing = [by_name[name] for name in dict.fromkeys(item.gold.nodes) if name not in names and name in by_name]
        kept = [tool for tool in found if tool.name in item.gold.nodes]
        others = [tool for tool in found if tool.name not in item.gold.nodes][: shown - len(kept) - len(missing)]
        chosen = sorted(
            [*kept, *missing, *others], key=lambda tool: names.index(tool.name) if tool.name in names else len(names)
        )
        turns = graph_messages(chosen, item.user_request, memorised=memorised)
        specs, steps = tuple(graph_spec(tool) for tool in chosen), graph_steps(item.gold)
        target = write_plan(steps, {spec.name: spec for spec in specs}) if memorised else compact(steps)
        yield TrainingExample(
            id=f"{source}/{item.id}",
            source=source,
            question=item.user_request,
            messages=tuple(TurnRecord.model_validate(turn) for turn in turns),
            tools=specs,
            known=tuple(spec.name for spec in specs) if memorised else (),
            steps=tuple(steps),
            target=target,
        )
