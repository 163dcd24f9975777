"""Planning with tools of others, of which only names and descriptions are known: from a tool list to a graph.

A plan has the form of every plan here, with one argument: a step `{"tool": "send_sms", "needs": ["$q1"]}` reads the
results of the steps it names. Nodes of the graph are the steps' tools, links go from a needed step's tool to the
step's. Tools become `ToolSpec`s, so that schema and parser are those of the agent; since hundreds of tools fit no
prompt, only those are shown that retrieval finds likely.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from visagent.core.errors import PlanError
from visagent.evidence.tree import references
from visagent.models.protocol import MLLM, Message
from visagent.planning.controller import known_tools
from visagent.planning.plan import UNANSWERABLE, parse_plan
from visagent.planning.plan_language import plan_grammar, plan_json
from visagent.planning.plan_schema import plan_schema
from visagent.tools.toolkit import Parameter, ToolSpec
from visagent_research.metrics import Graph, Link
from visagent_research.prompts import render
from visagent_research.tool_graphs.items import ForeignTool
from visagent_research.tool_graphs.retrieval import TextIndex

MAX_STEPS = 8
"""Steps of a plan at most; the longest gold plan of UltraTool has five."""
SHOWN = 40
"""Tools in a prompt: on UltraTool's dev split, all tools of 98 % of the gold plans are among the first 40."""
LIKELY = 8
"""Names that a planner which has memorised the tools is given; it may call any of `SHOWN`."""
_DESCRIPTION = 0.5
"""Weight of a tool's own text beside that of the requests that used it."""


def graph_spec(tool: ForeignTool) -> ToolSpec:
    """The tool as one that reads the results of other steps, and returns text."""
    needs = Parameter(name="needs", required=False, many=True, accepts=("text",))
    return ToolSpec(name=tool.name, purpose=tool.description, parameters=(needs,), result=("text",))


def graph_schema(tools: Sequence[ForeignTool]) -> dict[str, Any]:
    """The JSON schema of a plan over these tools."""
    from visagent.tools.toolkit import as_tool

    return plan_schema({tool.name: as_tool(graph_spec(tool)) for tool in tools}, {}, max_steps=MAX_STEPS)


def graph_messages(tools: Sequence[ForeignTool], request: str, *, memorised: bool = False) -> list[dict[str, str]]:
    """The planner's prompt; training and evaluation share it, byte for byte.

    Args:
        tools: Names of the tools that it may call, the likeliest first.
        request: What is to be planned.
        memorised: Whether the planner knows the tools, so that the names of the likeliest are enough.
    """
    system = render("graph_planner", tools=list(tools), memorised=memorised)
    likely = f"Likely: {', '.join(tool.name for tool in tools[:LIKELY])}\n" if memorised else ""
    return [{"role": "system", "content": system}, {"role": "user", "content": f"{likely}{request.strip()}"}]


def graph_steps(graph: Graph) -> list[dict[str, Any]]:
    """The steps that stand for a gold graph: its links as needs of the last earlier step of the source's name."""
    steps: list[dict[str, Any]] = []
    for place, name in enumerate(graph.nodes):
        sources = {source for source, target in graph.links if target == name}
        latest = {other: number for number, other in enumerate(graph.nodes[:place], start=1) if other in sources}
        needs = [f"$q{number}" for number in sorted(latest.values())]
        steps.append({"tool": name, "needs": needs} if needs else {"tool": name})
    return steps


def read_graph(text: str) -> Graph:
    """The graph that a reply stands for; empty where the reply is no plan, or says that no tool fits.

    A tool that does not exist stays in the graph, so that it counts as a hallucination; a reference to no earlier step
    is left out.
    """
    try:
        steps = parse_plan(text).steps
    except PlanError:
        return Graph()
    names = [str(step.get("tool", "")) for step in steps]
    links = [
        (names[int(id_[1:]) - 1], name)
        for place, (step, name) in enumerate(zip(steps, names, strict=True))
        for id_ in references(step.get("needs"))
        if int(id_[1:]) <= place
    ]
    if names == [UNANSWERABLE]:
        return Graph()
    return Graph(nodes=tuple(names), links=tuple(dict.fromkeys(links)))


class ToolRetriever:
    """Ranks tools for a request by TF-IDF: by the nearest request that used the tool, and by the tool's own text.

    Args:
        tools: All tools.
        requests: Earlier requests, each with the names of the tools that it used; may be empty.
    """

    def __init__(self, tools: Sequence[ForeignTool], requests: Sequence[tuple[str, Sequence[str]]] = ()) -> None:
        self.tools = list(tools)
        self._texts = TextIndex([f"{tool.name} {tool.description}" for tool in tools])
        self._requests = TextIndex([text for text, _ in requests])
        self._used = [set(names) for _, names in requests]
        self._exact = [text for text, _ in requests]

    def likeness(self, request: str) -> list[float]:
        """How alike each earlier request is, in their order; see `TextIndex.scores`."""
        return self._requests.scores(request)

    def shown(
        self, request: str, number: int = SHOWN, *, first: Sequence[str] = (), but_itself: bool = False
    ) -> list[ForeignTool]:
        """The most likely tools, best first.

        Args:
            request: What is to be planned.
            number: Tools at most.
            first: Names of those that come before all others.
            but_itself: Whether to ignore an earlier request of the same text; for measuring on those requests.
        """
        near = dict.fromkeys((tool.name for tool in self.tools), 0.0)
        for score, text, used in zip(self.likeness(request), self._exact, self._used, strict=True):
            if not (but_itself and text == request):
                for name in used:
                    near[name] = max(near.get(name, 0.0), score)
        own = self._texts.scores(request)
        value = {tool.name: near[tool.name] + _DESCRIPTION * own[index] for index, tool in enumerate(self.tools)}
        ranked = sorted(self.tools, key=lambda tool: -value[tool.name])
        named = {tool.name: tool for tool in self.tools}
        # A dict keeps the first place of a tool that is named twice.
        return list(dict.fromkeys([*(named[name] for name in first if name in named), *ranked]))[:number]


def graph_grammar(tools: Sequence[ForeignTool], links: Collection[Link]) -> str:
    """The plans of nested calls in which each call reads only calls that it may follow, as a llama.cpp grammar (GBNF).

    Args:
        tools: What a plan may call.
        links: (source, target) pairs of names that may follow one another.
    """
    rules = {tool.name: f"tool-{number}" for number, tool in enumerate(tools)}
    lines = ['root ::= call ("; " call){0,3}', f"call ::= {' | '.join(rules.values())}"]
    for name, rule in rules.items():
        sources = " | ".join(rules[other] for other in rules if (other, name) in links)
        needs = f'("[" ({sources}) ("," ({sources})){{0,3}} "]")?' if sources else ""
        lines.append(f'{rule} ::= "{name}(" {needs} ")"')
    return "\n".join(lines)


class GraphPlanner:
    """Plans with a model that is held to the tools shown.

    Args:
        model: What plans; an adapter that lists what it has memorised is asked as it was trained.
        retriever: What chooses the tools that it is shown.
        links: (source, target) pairs of names that may follow one another, to which a planner is held that has
            memorised the tools; none where that is not known.
        number: How many it may call.
    """

    def __init__(
        self, model: MLLM, retriever: ToolRetriever, links: Collection[Link] = (), *, number: int = SHOWN
    ) -> None:
        self._model, self._retriever, self._links, self._number = model, retriever, links, number
        known = known_tools(model.name)
        self._memorised = any(tool.name in known for tool in retriever.tools)

    async def plan(self, request: str, likely: Sequence[str] = ()) -> str:
        """The model's reply as JSON, for `read_graph`.

        Args:
            request: What is to be planned.
            likely: Names of tools that come before those that retrieval finds likely.

        Raises:
            ModelError: the model failed.
        """
        tools = self._retriever.shown(request, self._number, first=likely)
        system, user = graph_messages(tools, request, memorised=self._memorised)
        messages = [Message("system", system["content"]), Message("user", user["content"])]
        specs = {tool.name: graph_spec(tool) for tool in tools}
        grammar = graph_grammar(tools, self._links) if self._links else plan_grammar(specs, {})
        schema = {"gbnf": grammar} if self._memorised else graph_schema(tools)
        reply = await self._model.chat(messages, schema=schema, max_tokens=32 * MAX_STEPS)
        return plan_json(reply.text, specs) if self._memorised else reply.text
