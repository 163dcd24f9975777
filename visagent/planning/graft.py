"""A sub-question answered as another plan does: the other plan takes its place in the tree. Pure."""

from __future__ import annotations

from visagent.core.errors import PlanError
from visagent.evidence.tree import QuestionTree, SubQuestion


def graft(tree: QuestionTree, id_: str, part: QuestionTree) -> QuestionTree:
    """The tree in which a sub-question is answered as another plan does: its last sink takes the sub-question's place.

    Args:
        tree: What is changed.
        id_: The sub-question.
        part: The other plan; its sub-questions get free ids.

    Raises:
        PlanError: the other plan is empty.
    """
    if not part.nodes:
        raise PlanError(f"No tool can answer {id_}.", part.unanswerable or "")
    last = part.sinks[-1]
    free = max(int(node.id[1:]) for node in tree.nodes) + 1
    names = {node.id: f"q{free + number}" for number, node in enumerate(part.nodes) if node.id != last}
    names[last] = id_

    nodes = []
    for node in part.only([last]).nodes:
        words = tree[id_].question if node.id == last else node.question
        nodes.append(SubQuestion(id=names[node.id], question=words, solver=node.solver.renamed(names)))
    return tree.replace(*nodes).only(tree.sinks)
