"""The decision-maker by rules: is the evidence enough, is anything worth trying again, or is it time to stop?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from visagent import errors
from visagent.evidence import Evidence, Failure, Frozen
from visagent.tree import QuestionTree


class Decision(Frozen):
    """What happens next.

    Attributes:
        action: `enough`: refine what is there; `retry`: ask `nodes` and their dependants again; `stop`: refine what is
            there and say what is missing.
        nodes: Ids of the sub-questions to ask again.
        reason: One sentence for the trace.
    """

    action: Literal["enough", "retry", "stop"]
    nodes: tuple[str, ...] = ()
    reason: str


def decide(tree: QuestionTree, evidence: Mapping[str, Evidence], waves_left: int) -> Decision:
    """Judge a wave of evidence.

    A failure that visagent named itself says what is wrong with the input, so asking again cannot help; one that a
    tool raised on its own may be a passing fault.

    Args:
        tree: The plan.
        evidence: By sub-question id, for every sub-question.
        waves_left: How often sub-questions may still be asked again.
    """
    failed = {id_: found.value for id_, found in evidence.items() if isinstance(found.value, Failure)}
    if not failed:
        return Decision(action="enough", reason="Every sub-question has evidence.")
    passing = tuple(id_ for id_, failure in failed.items() if not hasattr(errors, failure.error))
    if passing and waves_left > 0:
        return Decision(action="retry", nodes=passing, reason=f"{', '.join(passing)} failed for a passing reason.")
    return Decision(action="stop", reason=f"{', '.join(failed)} failed, and asking again cannot help.")
