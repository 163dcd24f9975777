"""A run's state: how it begins, and the answer that it ends in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence, Look

if TYPE_CHECKING:
    from visagent.agent.runs import RunRecord
    from visagent.agent.state import State
    from visagent.evidence.answer import Answer


def initial_state(
    record: RunRecord,
    *,
    earlier: tuple[QuestionTree, dict[str, Evidence]] | None = None,
    known: Mapping[str, Evidence] | None = None,
) -> State:
    """The state that a run begins with.

    Args:
        record: The run.
        earlier: Tree and evidence of the run that it follows up.
        known: Evidence that it begins with.

    """
    from visagent.evidence.answer import Usage
    from visagent.planning.regions import pointed_at

    return {
        "question": record.question,
        "asked": record.asked or record.question,
        "language": record.language,
        "mode": record.mode,
        "media": pointed_at(record.asked or record.question, record.media),
        "added": record.added,
        "skipped": record.skipped,
        "earlier": earlier,
        "outline": record.outline,
        "finished": False,
        "reply": "",
        "problems": [],
        "tree": record.tree,
        "evidence": dict(known or {}),
        "decision": None,
        "waves": 0,
        "claims": [],
        "answered_by": None,
        "rests_on": (),
        "doubts": [],
        "settled": False,
        "usage": Usage(),
        "stopped": None,
    }


def final_answer(record: RunRecord, state: State, *, tool_calls: int, cached_calls: int, seconds: float) -> Answer:
    """The answer that a finished state stands for.

    Args:
        record: The run.
        state: State as the graph left it.
        tool_calls: Experts asked.
        cached_calls: Results that came from the cache.
        seconds: Wall-clock time.
    """
    from visagent.answering.forms import result
    from visagent.answering.openness import left_open
    from visagent.answering.remarks import quoted_transcripts, refusal
    from visagent.evidence.answer import Answer, text_of

    tree = state["tree"] or QuestionTree(question=record.question, nodes=())
    evidence = {node.id: state["evidence"][node.id] for node in tree.nodes if node.id in state["evidence"]}
    failures = [evidence[sink].value for sink in tree.sinks if sink in evidence and evidence[sink].failed]
    claims = tuple(state["claims"])
    spoken = evidence[state["answered_by"]].value if state["answered_by"] else None
    # What leaves its question open is said, and answers nothing; nor does what is shown beside a refusal.
    # A look answers all of its question, whatever a check could not find out.
    open_ends = left_open(tree, evidence)
    settled = isinstance(spoken, Look) or (len(open_ends) < len(tree.sinks) and not tree.beside)
    answered = bool(claims) and state["stopped"] is None and settled
    beside = tree.left_out[0] if tree.beside and tree.left_out else ""
    failed = "; ".join(failure.message for failure in failures if failure.type == "failure")
    reason = state["stopped"] or beside or failed
    if isinstance(spoken, Look):
        # What a check could not find out is no reason where a look answers; one that cannot tell does not.
        open_ = spoken.sure == 0 and record.mode != "direct"
        unconfirmed = quoted_transcripts(evidence, record.language) if open_ else []
        claims = (*claims, *unconfirmed)
        answered = answered and (spoken.sure != 0 or bool(unconfirmed))
        reason = spoken.text if spoken.sure == 0 and not unconfirmed else ""
        tree_of_result = tree.only([state["answered_by"]]) if state["answered_by"] else tree
    else:
        tree_of_result = tree
    if not answered:
        reason = reason or (
            "what was found leaves it open" if open_ends else "the run ended before a sentence was written"
        )
    spent = {"seconds": seconds, "tool_calls": tool_calls, "cached_calls": cached_calls}
    return Answer(
        run_id=record.id,
        question=record.question,
        text=text_of(claims) or refusal(reason, record.language),
        status="answered" if answered else "unanswered",
        reason=reason,
        claims=claims,
        tree=tree,
        evidence=evidence,
        media=record.media,
        usage=state["usage"].model_copy(update=spent),
        mode=record.mode,
        profile=record.profile.name,
        created=record.created,
        parent=record.parent,
        result=result(record.form, tree_of_result, evidence) if record.form is not None and answered else None,
    )
