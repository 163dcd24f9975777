"""Changes that a person makes to the tree of a run: only what they touch is solved again. Pure: runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue

from visagent.core.errors import PlanError
from visagent.evidence.tree import NodeId, QuestionTree, SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Evidence, Frozen


class Change(Frozen):
    """Give a sub-question other arguments, or another tool.

    Attributes:
        id: Id of the sub-question.
        arguments: Arguments that change, by name; None takes an optional one away. With another tool, all of them.
        tool: Which tool answers instead; None for the same one.
    """

    type: Literal["change"] = "change"
    id: NodeId
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    tool: str | None = None


class Add(Frozen):
    """Ask one more sub-question; it gets the next free id.

    Attributes:
        tool: Which tool answers.
        arguments: Literals, media names (`image1`) and references (`$q1`).
    """

    type: Literal["add"] = "add"
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class Remove(Frozen):
    """Do not ask a sub-question, which no other one may need any more; its own needs stay."""

    type: Literal["remove"] = "remove"
    id: NodeId


Edit: TypeAlias = Annotated[Change | Add | Remove, Field(discriminator="type")]
"""One change of a tree."""


def apply_edits(tree: QuestionTree, edits: Sequence[Edit]) -> QuestionTree:
    """The tree with edits made in their order; `visagent.planning.plan.check_tree` checks its calls.

    A sub-question that was changed, or that rests on one, loses its words: they said what it was.

    Raises:
        PlanError: an edit names a sub-question that is not there or is still needed, or the result is no tree.
    """
    nodes = {node.id: node for node in tree.nodes}
    touched: list[str] = []
    for edit in edits:
        if not isinstance(edit, Change | Add | Remove):
            raise PlanError(
                f"An edit is of type {type(edit).__name__}.",
                'Give a list of visagent.agent.edits: [Change(id="q1", arguments={...})], Add or Remove.',
            )
        if not isinstance(edit, Add) and edit.id not in nodes:
            raise PlanError(f"There is no sub-question {edit.id}.", f"Use one of: {', '.join(nodes)}.")
        match edit:
            case Change():
                old = nodes[edit.id].solver
                same_tool = edit.tool in (None, old.tool)
                given = {**old.arguments, **edit.arguments} if same_tool else edit.arguments
                arguments = {name: value for name, value in given.items() if value is not None}
                call = ToolCall(tool=edit.tool or old.tool, arguments=arguments)
                nodes[edit.id] = SubQuestion(id=edit.id, question="", solver=call)
                touched.append(edit.id)
            case Add():
                id_ = f"q{max((int(known[1:]) for known in nodes), default=0) + 1}"
                nodes[id_] = SubQuestion(id=id_, question="", solver=ToolCall(tool=edit.tool, arguments=edit.arguments))
            case Remove():
                users = [node.id for node in nodes.values() if edit.id in node.needs]
                if users:
                    raise PlanError(
                        f"{edit.id} is needed by {', '.join(users)}.", "Change or remove those first, in the same edit."
                    )
                del nodes[edit.id]
    if not nodes:
        raise PlanError("Nothing is left to ask.", "Keep at least one sub-question.")
    edited = build_tree(tree.question, list(nodes.values()))
    stale = {id_ for id_ in touched if id_ in nodes}
    stale = stale.union(*(edited.dependants(id_) for id_ in stale))
    return edited.replace(*(edited[id_].model_copy(update={"question": ""}) for id_ in stale))


def kept_evidence(old: QuestionTree, new: QuestionTree, evidence: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """Evidence that still answers a sub-question of another tree: the same call has the same answer.

    Args:
        old: The tree that the evidence is of.
        new: The tree that needs some.
        evidence: Evidence by the old tree's ids.

    Returns:
        By the new tree's ids; failures are left out, since asking again may succeed.
    """
    known = {old.formula(id_): found for id_, found in evidence.items() if not found.failed}
    return {
        node.id: known[formula].model_copy(
            update={"id": node.id, "arguments": node.solver.arguments, "cached": True, "seconds": 0.0}
        )
        for node in new.nodes
        if (formula := new.formula(node.id)) in known
    }
