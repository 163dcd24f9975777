"""The question tree: plan, schedule and trace in one validated graph. Knows no tool and no model."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, JsonValue, model_validator

from visagent.core.errors import PlanError
from visagent.evidence.contents import summary
from visagent.evidence.values import Evidence, Frozen, Value

if TYPE_CHECKING:
    import networkx as nx
    from rich.tree import Tree

NodeId = Annotated[str, Field(pattern=r"^q(0|[1-9][0-9]*)$")]
"""`q1`, `q2` … are steps of a plan."""
FIRST_LOOK = "q0"
"""Id of the model's first look, before anything was planned."""
REFERENCE = re.compile(r"^\$(q(?:0|[1-9][0-9]*))\Z")
"""An argument that stands for the evidence of another sub-question, for example `$q1`."""

_MERMAID = str.maketrans({"#": "#35;", "%": "#37;", "`": "#96;", "&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;"})
"""What ends a label in a Mermaid flowchart, or means something in it: `%%{init: ...}%%` is obeyed anywhere."""


def references(argument: JsonValue) -> Iterator[str]:
    """The ids that an argument refers to, in order; lists are searched, other text is not.

    >>> list(references(["$q1", "$q2"]))
    ['q1', 'q2']
    """
    if isinstance(argument, str):
        if match := REFERENCE.match(argument):
            yield match[1]
    elif isinstance(argument, list):
        for item in argument:
            yield from references(item)


def renamed(argument: JsonValue, names: Mapping[str, str]) -> JsonValue:
    """An argument whose references lead to other ids.

    Args:
        argument: Argument as in a call; lists are searched.
        names: The new id of each old one; an id that is missing stays.

    >>> renamed(["$q1", "$q2", "q1"], {"q1": "q7"})
    ['$q7', '$q2', 'q1']
    """
    if isinstance(argument, list):
        return [renamed(item, names) for item in argument]
    if isinstance(argument, str) and (match := REFERENCE.match(argument)):
        return f"${names.get(match[1], match[1])}"
    return argument


class ToolCall(Frozen):
    """Which tool answers, with literals, media names (`image1`) and references (`$q1`) as arguments."""

    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)

    def renamed(self, names: Mapping[str, str]) -> ToolCall:
        """The call with its references led to other ids; see `renamed`."""
        arguments = {name: renamed(given, names) for name, given in self.arguments.items()}
        return ToolCall(tool=self.tool, arguments=arguments)

    def __str__(self) -> str:
        shown = (
            f"{name}={value}" if isinstance(value, str) and REFERENCE.match(value) else f"{name}={value!r}"
            for name, value in self.arguments.items()
        )
        return f"{self.tool}({', '.join(shown)})"


class SubQuestion(Frozen):
    """One node of the tree: a question in words and the call that answers it."""

    id: NodeId
    question: str
    solver: ToolCall

    @property
    def needs(self) -> tuple[str, ...]:
        """Ids of the sub-questions whose evidence the call reads, each once, in the arguments' order."""
        return tuple(dict.fromkeys(id_ for argument in self.solver.arguments.values() for id_ in references(argument)))

    def evidence(self, value: Value, *, seconds: float = 0.0, cached: bool = False, attempts: int = 1) -> Evidence:
        """A value as the evidence of this sub-question.

        Args:
            value: What its call found.
            seconds: Wall-clock time that the call took.
            cached: Whether the value was kept from an earlier call.
            attempts: How often the call was made.
        """
        call = self.solver
        return Evidence(
            id=self.id,
            tool=call.tool,
            arguments=call.arguments,
            value=value,
            seconds=seconds,
            cached=cached,
            attempts=attempts,
        )


class QuestionTree(Frozen):
    """A question and the sub-questions that answer it: a directed acyclic graph, child before parent.

    The root is the question itself; its children are the sub-questions that no other one needs. Construction refuses
    nodes that share an id, references that lead nowhere and references in a circle; `build_tree` names the reason.
    """

    question: str
    nodes: tuple[SubQuestion, ...]
    unanswerable: str | None = None
    """Why no tool can answer the question; then there are no nodes."""
    left_out: tuple[str, ...] = ()
    """Why no tool can answer parts of the question; the nodes answer the rest."""
    beside: bool = False
    """Whether the nodes answer nothing, and only show what there is beside a question that no tool answers."""
    unsaid: tuple[str, ...] = ()
    """Words of the question that no node takes into account, such as a colour."""
    places: tuple[str, ...] = ()
    """Places, and things that bear text, that no node looks for: whoever names them means the picture."""

    @model_validator(mode="after")
    def _is_a_dag(self) -> Self:
        ids = [node.id for node in self.nodes]
        if len(set(ids)) != len(ids):
            raise ValueError("two sub-questions share an id")
        for node in self.nodes:
            for need in node.needs:
                if need not in ids:
                    raise ValueError(f"{node.id} refers to ${need}, which is not in the tree")
        import networkx as nx

        if not nx.is_directed_acyclic_graph(self.graph):
            circle = " -> ".join(source for source, _ in nx.find_cycle(self.graph))
            raise ValueError(f"the sub-questions wait for each other in a circle: {circle}")
        return self

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """The nodes' ids with an edge from each child to each parent that reads it."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(node.id for node in self.nodes)
        graph.add_edges_from((need, node.id) for node in self.nodes for need in node.needs)
        return graph

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Ids in the one fixed topological order that scheduling and resuming rely on."""
        import networkx as nx

        position = {node.id: index for index, node in enumerate(self.nodes)}
        return tuple(nx.lexicographical_topological_sort(self.graph, key=position.__getitem__))

    @property
    def sinks(self) -> tuple[str, ...]:
        """The root's children: ids that no other sub-question needs, in the nodes' order."""
        return tuple(node.id for node in self.nodes if not self.graph.out_degree(node.id))

    def __getitem__(self, id_: str) -> SubQuestion:
        for node in self.nodes:
            if node.id == id_:
                return node
        raise KeyError(id_)

    def __len__(self) -> int:
        return len(self.nodes)

    def depth(self) -> int:
        """Sub-questions on the longest path."""
        import networkx as nx

        return int(nx.dag_longest_path_length(self.graph)) + 1 if self.nodes else 0

    def dependants(self, id_: str) -> frozenset[str]:
        """Ids of all sub-questions that read this one's evidence, directly or not."""
        import networkx as nx

        return frozenset(nx.descendants(self.graph, id_))

    def formula(self, id_: str) -> str:
        """What a sub-question asks, whatever its id: its call with references replaced by the calls they stand for.

        >>> tree = build_tree("How many dogs?", [
        ...     SubQuestion(id="q1", question="", solver=ToolCall(tool="detect", arguments={"label": "dog"})),
        ...     SubQuestion(id="q2", question="", solver=ToolCall(tool="count", arguments={"items": "$q1"})),
        ... ])
        >>> tree.formula("q2")
        "count(items=detect(label='dog'))"
        """

        def shown(argument: JsonValue) -> str:
            if isinstance(argument, list):
                return f"[{', '.join(map(shown, argument))}]"
            if isinstance(argument, str) and (match := REFERENCE.match(argument)):
                return self.formula(match[1])
            return repr(argument)

        call = self[id_].solver
        return f"{call.tool}({', '.join(f'{name}={shown(given)}' for name, given in call.arguments.items())})"

    def with_needs(self, ids: Iterable[str]) -> set[str]:
        """These sub-questions and all that they rest on, however far below."""
        import networkx as nx

        asked = set(ids)
        return asked.union(*(nx.ancestors(self.graph, id_) for id_ in asked))

    def only(self, sinks: Collection[str]) -> QuestionTree:
        """The tree with these sub-questions, and what they need, alone."""
        kept = self.with_needs(sinks)
        return QuestionTree(question=self.question, nodes=tuple(node for node in self.nodes if node.id in kept))

    def replace(self, *nodes: SubQuestion) -> QuestionTree:
        """The tree with nodes of the same id replaced and new ones added at the end.

        Raises:
            PlanError: the result is not a valid tree.
        """
        new = {node.id: node for node in nodes}
        kept = [new.pop(node.id, node) for node in self.nodes]
        changed = build_tree(self.question, [*kept, *new.values()])
        return self.kept_on(changed)

    def kept_on(self, changed: QuestionTree) -> QuestionTree:
        """A tree of the same question with what this one's nodes leave out of it."""
        kept = {name: getattr(self, name) for name in ("left_out", "unsaid", "places", "beside")}
        return changed.model_copy(update=kept)

    # What people look at.

    def to_rich(self, evidence: Mapping[str, Evidence] | None = None, running: frozenset[str] = frozenset()) -> Tree:
        """The tree for a terminal: each sub-question with its call and, once known, its evidence.

        Args:
            evidence: Evidence so far, by sub-question id.
            running: Ids that are being answered now.
        """
        from rich.text import Text
        from rich.tree import Tree

        evidence = evidence or {}
        shown: set[str] = set()

        def add(branch: Tree, id_: str) -> None:
            node = self[id_]
            if id_ in shown:
                branch.add(Text(f"{id_} (above)", style="dim"))
                return
            shown.add(id_)
            line = Text.assemble((id_, "bold cyan"), " ", node.question, "  ", (str(node.solver), "dim"))
            if found := evidence.get(id_):
                cost = "cached" if found.cached else f"{found.seconds * 1000:.0f} ms"
                line.append(f"  {summary(found.value)}", style="red" if found.failed else "green")
                line.append(f"  {cost}", style="dim")
            elif id_ in running:
                line.append("  …", style="yellow")
            child = branch.add(line)
            for need in node.needs:
                add(child, need)

        tree = Tree(Text(self.question, style="bold"))
        for sink in self.sinks:
            add(tree, sink)
        return tree

    def to_text(self, evidence: Mapping[str, Evidence] | None = None) -> str:
        """`to_rich` as plain text."""
        from visagent.core.terminal import terminal

        # In a notebook, Rich would show the text there instead of giving it to `capture`, and colour it.
        console = terminal(width=240, color_system=None, force_terminal=False, force_jupyter=False)
        with console.capture() as capture:
            console.print(self.to_rich(evidence))
        return "\n".join(line.rstrip() for line in capture.get().splitlines())

    def to_mermaid(self) -> str:
        """The graph as a Mermaid flowchart (https://mermaid.js.org)."""

        def quoted(text: str) -> str:
            return '"' + " ".join(text.splitlines()).translate(_MERMAID) + '"'

        lines = ["flowchart BT", f"  root[{quoted(self.question)}]"]
        for node in self.nodes:
            lines.append(f"  {node.id}[{quoted(f'{node.id}: {node.question}')}]")
        lines += [f"  {source} --> {target}" for source, target in self.graph.edges]
        lines += [f"  {sink} --> root" for sink in self.sinks]
        return "\n".join(lines)

    def to_graphviz(self) -> str:
        """The graph in the DOT language (https://graphviz.org/doc/info/lang.html)."""

        def quoted(text: str) -> str:
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'

        lines = ["digraph question {", "  rankdir=BT;", f"  root [label={quoted(self.question)}];"]
        lines += [f"  {node.id} [label={quoted(f'{node.id}: {node.question}')}];" for node in self.nodes]
        lines += [f"  {source} -> {target};" for source, target in self.graph.edges]
        lines += [f"  {sink} -> root;" for sink in self.sinks]
        return "\n".join([*lines, "}"])


def build_tree(question: str, nodes: Sequence[SubQuestion]) -> QuestionTree:
    """A validated tree.

    Raises:
        PlanError: two nodes share an id, a reference leads nowhere, or the references run in a circle.
    """
    from pydantic import ValidationError

    try:
        return QuestionTree(question=question, nodes=tuple(nodes))
    except ValidationError as error:
        reasons = "; ".join(str(detail["msg"]).removeprefix("Value error, ") for detail in error.errors())
        raise PlanError(f"The plan is not a tree: {reasons}.", "Refer to earlier sub-questions only.") from error
