"""What experts are asked to check a claim: a small plan of read-only tools, held to their types by `compile_plan`.

Plans are made from the claim's fields, never from its words: a text can fill an argument, and no more than that.
"""

from __future__ import annotations

from collections.abc import Mapping

from visagent.answering.phrasing import phraser
from visagent.core.errors import PlanError
from visagent.evidence.tree import QuestionTree, SubQuestion
from visagent.media.media import MediaInfo
from visagent.planning.plan import Plan, compile_plan
from visagent.planning.step_lists import Step
from visagent.tools.services import serving, step_for
from visagent.tools.toolkit import Tool
from visagent.verification.claims import AtomicClaim

OPPOSITE = {"left_of": "right_of", "right_of": "left_of", "above": "below", "below": "above"}
"""What a wrong relation may be instead."""


def plan_for(
    claim: AtomicClaim, medium: str, tools: Mapping[str, Tool], media: Mapping[str, MediaInfo], language: str = "en"
) -> QuestionTree:
    """What to ask of one medium; the tree's last sub-question answers yes or no.

    Args:
        claim: What is said.
        medium: Its name, for example `image1`.
        tools: What may be asked; one that changes something outside never is.
        media: Media by name.
        language: Language of the sub-questions' words.

    Raises:
        PlanError: no tool here can check such a claim of such a medium.
    """
    return _compiled(claim.words, _steps(claim, medium, tools), tools, media, language)


def plan_for_correction(
    claim: AtomicClaim, medium: str, tools: Mapping[str, Tool], media: Mapping[str, MediaInfo], language: str = "en"
) -> QuestionTree | None:
    """What to ask about a contradicted claim to learn what is true instead; None where the evidence already says it.

    Raises:
        PlanError: a tool for it is missing.
    """
    if claim.kind == "attribute" and not claim.negated:
        steps = [step_for(tools, "find", medium, claim.noun), step_for(tools, "tell_colors", "$q1")]
    elif claim.kind == "relation" and claim.relation in OPPOSITE and not claim.negated:
        steps = [step_for(tools, "find", medium, noun) for noun in (claim.noun, claim.other)]
        steps.append({"tool": OPPOSITE[claim.relation], "a": "$q1", "b": "$q2"})
        steps.append({"tool": "exists", "items": "$q3"})
    else:
        return None
    return _compiled(claim.words, steps, tools, media, language)


def suits(claim: AtomicClaim, info: MediaInfo) -> bool:
    """Whether a claim can be about a medium: speech is heard, everything else is seen."""
    return info.has_audio if claim.kind == "speech" else info.kind == "image"


def _steps(claim: AtomicClaim, medium: str, tools: Mapping[str, Tool]) -> list[Step]:
    if claim.kind in ("text", "speech"):
        read = step_for(tools, "hear" if claim.kind == "speech" else "read", medium)
        asked: Step = {"tool": "contains", "text": "$q1", "query": claim.quote}
        return [read, asked if claim.quote.strip() else {"tool": "exists", "items": "$q1"}]
    if claim.kind == "other" or not claim.noun:
        if "look_whether" not in tools:
            raise PlanError(f"No expert checks whether {claim.words!r} is so.", "Use a profile whose model sees.")
        return [{"tool": "look_whether", "image": medium, "question": f'Is this true: "{claim.words}"?'}]
    steps = [step_for(tools, "find", medium, claim.noun)]
    chosen = "$q1"
    if claim.color is not None:
        steps.append({"tool": "filter_color", "boxes": chosen, "color": claim.color})
        chosen = f"$q{len(steps)}"
    if claim.part is not None:
        steps.append({"tool": "filter_boxes", "boxes": chosen, "part": claim.part})
        chosen = f"$q{len(steps)}"
    if claim.relation is not None:
        steps.append(step_for(tools, "find", medium, claim.other))
        steps.append({"tool": claim.relation, "a": chosen, "b": f"$q{len(steps)}"})
        chosen = f"$q{len(steps)}"
    if claim.kind == "count":
        steps.append({"tool": "count", "items": chosen})
        steps.append({"tool": "compare", "a": f"$q{len(steps)}", "op": claim.comparison, "b": claim.number})
    else:
        if claim.kind == "attribute" and claim.color is not None and serving(tools, "tell_colors") is not None:
            steps.append(step_for(tools, "tell_colors", "$q1"))
        steps.append({"tool": "exists", "items": chosen})
    return steps


def _compiled(
    words: str, steps: list[Step], tools: Mapping[str, Tool], media: Mapping[str, MediaInfo], language: str
) -> QuestionTree:
    safe = {name: tool for name, tool in tools.items() if tool.spec.read_only}
    return compile_plan(words, Plan(steps=steps), safe, media, phraser(language, media))


class Ledger:
    """Sub-questions of many claims in one tree, each distinct one once; those of a run that is checked come first.

    Args:
        question: The tree's root.
        tree: Tree of the run whose evidence is there already.
    """

    def __init__(self, question: str, tree: QuestionTree | None = None) -> None:
        self._question = question
        self._nodes: dict[str, SubQuestion] = {node.id: node for node in tree.nodes} if tree is not None else {}
        self._ids = {node.solver.model_dump_json(): node.id for node in self._nodes.values()}
        self._next = 1 + max((int(id_[1:]) for id_ in self._nodes), default=0)

    def add(self, tree: QuestionTree) -> tuple[str, ...]:
        """Take in a claim's sub-questions, and return their ids here, in the tree's order."""
        ids, new = self._matched(tree)
        self._nodes |= {node.id: node for node in new}
        self._ids |= {node.solver.model_dump_json(): node.id for node in new}
        self._next += len(new)
        return ids

    def new(self, tree: QuestionTree) -> int:
        """How many of a claim's sub-questions are not here yet."""
        return len(self._matched(tree)[1])

    def _matched(self, tree: QuestionTree) -> tuple[tuple[str, ...], list[SubQuestion]]:
        """The ids that sub-questions have here, or would get, and those of them that are new."""
        names: dict[str, str] = {}
        new: list[SubQuestion] = []
        for id_ in tree.order:
            node = tree[id_]
            call = node.solver.renamed(names)
            known = self._ids.get(call.model_dump_json())
            if known is None:
                known = f"q{self._next + len(new)}"
                new.append(SubQuestion(id=known, question=node.question, solver=call))
            names[id_] = known
        return tuple(names[id_] for id_ in tree.order), new

    @property
    def tree(self) -> QuestionTree:
        """All sub-questions so far."""
        return QuestionTree(question=self._question, nodes=tuple(self._nodes.values()))
