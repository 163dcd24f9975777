"""The LangGraph state machine: plan, check, approve, solve, decide, expand, ask, refine, verify. Nodes and edges alone.

Media never enter the state: it holds their content hashes, and the run's `RunContext` holds the media themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from langgraph.func import task
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Overwrite, interrupt
from pydantic import JsonValue

from visagent.agent.edits import Change, apply_edits, kept_evidence
from visagent.agent.events import Decided, Found, Planned, PlanRefused, Started
from visagent.agent.tracing import tool_span, traced_role
from visagent.answering.decider import Decider, Decision
from visagent.answering.phrasing import phrase
from visagent.answering.refiner import refine
from visagent.answering.writer import write
from visagent.core.config import Budget, Mode
from visagent.core.errors import ModelError, PlanError
from visagent.evidence.answer import Claim, Usage
from visagent.evidence.tree import REFERENCE, QuestionTree, SubQuestion, ToolCall
from visagent.evidence.values import Evidence
from visagent.media.media import MediaInfo
from visagent.models.protocol import MLLM, Reply
from visagent.planning.controller import Controller
from visagent.planning.plan import (
    FINISH,
    UNANSWERABLE,
    Phrase,
    Plan,
    check_outline,
    check_tree,
    compile_plan,
    parse_plan,
)
from visagent.tools.executor import Expert, solve
from visagent.tools.toolkit import Tool
from visagent.verification.answers import recheck
from visagent.verification.check import Checker
from visagent.verification.citations import verify


@dataclass(frozen=True)
class RunContext:
    """What a run works with and what is never stored.

    Attributes:
        controller: Plans.
        decider: Judges evidence.
        tools: What plans may call, by name.
        expert: Answers sub-questions.
        budget: Limits.
        writer: The model that words answers, with its system message; None where rules do.
        approval: Whether a person approves each plan before it is solved.
        ask_back: Whether a person is there to be asked what is meant.
        sure: Confidence from which mode `auto` is content with a direct answer.
        looked: Replies of models that tools asked, not yet counted.
        checker: Checks the answer's sentences beyond what they cite; None where rules verify.
    """

    controller: Controller
    decider: Decider
    tools: Mapping[str, Tool]
    expert: Expert
    budget: Budget
    writer: tuple[MLLM, str] | None = None
    approval: bool = False
    ask_back: bool = False
    sure: float = 0.8
    looked: list[Reply] = field(default_factory=list)
    checker: Checker | None = None


def _add(usage: Usage, reply: Reply) -> Usage:
    cost = reply.usage
    return usage.model_copy(
        update={
            "model_calls": usage.model_calls + 1,
            "prompt_tokens": usage.prompt_tokens + cost.prompt,
            "cached_tokens": usage.cached_tokens + cost.cached,
            "generated_tokens": usage.generated_tokens + cost.generated,
        }
    )


def _has_tokens(state: State, run: RunContext) -> bool:
    """Whether models may go on writing."""
    return state["usage"].generated_tokens < run.budget.tokens


class State(TypedDict, total=False):
    """What a run knows, checkpointed after every node.

    Attributes:
        question: As the person put it.
        asked: What the controller reads: with the questions that it follows up, and what the person said when asked.
        language: Of the agent's own words.
        mode: How to go about it; `auto` turns into `tree` when a direct answer is not sure.
        media: By the names that plans use.
        earlier: The tree and the evidence of the run that this one follows up.
        outline: Steps that are given, with None for each gap (mode `infill`).
        finished: Whether a chain has all its steps.
        reply: The controller's last reply.
        problems: Why plans were refused, oldest first.
        tree: The checked plan.
        evidence: By sub-question id; a later wave replaces what it asked again.
        decision: Of the decision-maker, after the last wave.
        waves: How often sub-questions were asked again.
        claims: The answer, sentence by sentence.
        usage: Of models so far.
        stopped: Why there is no answer; None while there may be one.
    """

    question: str
    asked: str
    language: str
    mode: Mode
    media: dict[str, MediaInfo]
    earlier: tuple[QuestionTree, dict[str, Evidence]] | None
    outline: list[dict[str, JsonValue] | None]
    finished: bool
    reply: str
    problems: list[str]
    tree: QuestionTree | None
    evidence: Annotated[dict[str, Evidence], lambda old, new: {**old, **new}]
    decision: Decision | None
    waves: int
    claims: list[Claim]
    usage: Usage
    stopped: str | None


Update = dict[str, Any]


def _first(state: State) -> str:
    """A revised run has its tree, and a direct one its plan; the controller plans the rest."""
    if state["tree"] is not None:
        return "approve"
    return "check" if state["reply"] else "plan"


async def _plan(state: State, runtime: Runtime[RunContext]) -> Update:
    run = runtime.context
    if _stepwise(state, run):
        tree = state["tree"] or QuestionTree(question=state["question"], nodes=())
        reply = await run.controller.next_step(
            state["asked"], state["media"], tree, state["evidence"], state["problems"]
        )
    else:
        reply = await run.controller.plan(
            state["asked"],
            state["media"],
            state["problems"],
            max_steps=run.budget.steps,
            outline=state["outline"],
        )
    return {"reply": reply.text, "usage": _add(state["usage"], reply)}


def _stepwise(state: State, run: RunContext) -> bool:
    """Whether the controller plans one step at a time, seeing what the ones before it found."""
    return state["mode"] == "chain" and run.controller.stepwise


def _check(state: State, runtime: Runtime[RunContext]) -> Update:
    run = runtime.context
    try:
        plan = parse_plan(state["reply"])
        if _stepwise(state, run) and state["tree"] is not None:
            return _check_next(state, plan, runtime)
        check_outline(plan, state["outline"])
        tree = compile_plan(
            state["question"], plan, run.tools, state["media"], _phrase(state), max_steps=run.budget.steps
        )
        if tree.depth() > run.budget.depth:
            raise PlanError(f"The plan is {tree.depth()} steps deep.", f"Use at most {run.budget.depth}.")
    except PlanError as error:
        runtime.stream_writer(PlanRefused(problem=str(error)))
        refused = {"problems": [*state["problems"], str(error)], "reply": ""}
        # Of a chain, the steps before the wrong one stand.
        return refused if state["tree"] else {**refused, "stopped": f"no valid plan: {error.fact}"}
    known: dict[str, Evidence] = {}
    if state["earlier"] is not None:
        old, found = state["earlier"]
        # What was asked before is read again, not answered again.
        asked = {old.formula(sink) for sink in old.sinks}
        new = [sink for sink in tree.sinks if tree.formula(sink) not in asked]
        tree = tree.only(new) if new else tree
        known = kept_evidence(old, tree, found)
    runtime.stream_writer(Planned(tree=tree))
    for evidence in known.values():
        runtime.stream_writer(Found(evidence=evidence))
    return {"tree": tree, "evidence": known, "stopped": tree.unanswerable}


def _check_next(state: State, plan: Plan, runtime: Runtime[RunContext]) -> Update:
    """The chain with its next step, or its end.

    Raises:
        PlanError: the step is no valid one, or was there before.
    """
    tree, run = state["tree"], runtime.context
    assert tree is not None
    step = plan.steps[0]
    if step.get("tool") in (FINISH, UNANSWERABLE):
        return {"finished": True, "problems": []}
    call = ToolCall(tool=str(step.get("tool")), arguments={key: step[key] for key in step if key != "tool"})
    longer = tree.replace(SubQuestion(id=f"q{len(tree) + 1}", question="", solver=call))
    checked = check_tree(longer, run.tools, state["media"], _phrase(state), max_steps=run.budget.steps)
    new = checked.nodes[-1]
    if checked.formula(new.id) in {tree.formula(node.id) for node in tree.nodes}:
        raise PlanError(f"{new.solver} was asked before.", "Ask something new, or finish.")
    runtime.stream_writer(Planned(tree=checked))
    return {"tree": checked, "problems": [], "finished": len(checked) >= run.budget.steps}


def _phrase(state: State) -> Phrase:
    return lambda call, earlier: phrase(call, earlier, state["language"], state["media"])


def _after_check(state: State, runtime: Runtime[RunContext]) -> str:
    if not state["reply"]:
        again = len(state["problems"]) <= runtime.context.budget.repairs and _has_tokens(state, runtime.context)
        return "plan" if again else "refine"
    return "refine" if state["stopped"] or (state["finished"] and _solved(state)) else "approve"


def _solved(state: State) -> bool:
    tree = state["tree"]
    return tree is not None and all(node.id in state["evidence"] for node in tree.nodes)


def _approve(state: State, runtime: Runtime[RunContext]) -> Update:
    tree = state["tree"]
    assert tree is not None
    run = runtime.context
    changing = [node.id for node in tree.nodes if not run.tools[node.solver.tool].spec.read_only]
    if (run.approval or changing) and not interrupt({"changing": changing}):
        return {"stopped": "the plan was not approved"}
    return {}


def _after_approve(state: State) -> str:
    return "refine" if state["stopped"] else "solve"


async def _solve(state: State, runtime: Runtime[RunContext]) -> Update:
    tree, decision = state["tree"], state["decision"]
    assert tree is not None
    expert, emit = runtime.context.expert, runtime.stream_writer
    # An expansion may have given an id another meaning.
    done = {
        node.id: found
        for node in tree.nodes
        if (found := state["evidence"].get(node.id)) and (found.tool, found.arguments) == _call(node)
    }
    for id_ in decision.nodes if decision else ():
        for again in (id_, *tree.dependants(id_)):
            done.pop(again, None)

    async def answer(node: Any, needs: Mapping[str, Evidence]) -> Evidence:
        emit(Started(id=node.id))
        with tool_span(node) as told:
            found = told(await expert.answer(node, needs))
        emit(Found(evidence=found))
        return found

    new = await solve(tree, done, answer, task, one_by_one=state["mode"] == "chain")
    usage = _with_looks(state["usage"], runtime.context)
    return {"evidence": new, "waves": state["waves"] + bool(decision), "usage": usage}


def _with_looks(usage: Usage, run: RunContext) -> Usage:
    """The usage with that of the models which tools and the verifier asked."""
    while run.looked:
        usage = _add(usage, run.looked.pop())
    return usage


def _call(node: SubQuestion) -> tuple[str, dict[str, JsonValue]]:
    return node.solver.tool, node.solver.arguments


async def _decide(state: State, runtime: Runtime[RunContext]) -> Update:
    tree, run = state["tree"], runtime.context
    assert tree is not None
    if state["mode"] == "auto" and run.decider.others:
        return _judge_direct(tree, state["evidence"], runtime)
    # Rules decide when the tokens are used up.
    left = run.budget.waves - state["waves"] if _has_tokens(state, run) else 0
    decision, reply = await run.decider.decide(tree, state["evidence"], left, may_ask=run.ask_back)
    runtime.stream_writer(Decided(decision=decision))
    usage = _add(state["usage"], reply) if reply is not None else state["usage"]
    return {"decision": decision, "usage": usage}


def _judge_direct(tree: QuestionTree, evidence: Mapping[str, Evidence], runtime: Runtime[RunContext]) -> Update:
    """Mode `auto`, after the model's direct answer: that is enough if it is sure; otherwise the question is planned."""
    sure = min((found.confidence or 0.0 for found in evidence.values()), default=0.0)
    if not any(found.failed for found in evidence.values()) and sure >= runtime.context.sure:
        decision = Decision(action="enough", reason=f"The direct answer is sure ({sure:.0%}).")
        runtime.stream_writer(Decided(decision=decision))
        return {"decision": decision}
    decision = Decision(action="expand", reason="The direct answer is not sure: the question is split.")
    runtime.stream_writer(Decided(decision=decision))
    # The new plan numbers its sub-questions anew: no evidence of the direct answer may pass for theirs.
    return {"decision": None, "mode": "tree", "tree": None, "reply": "", "earlier": None, "evidence": Overwrite({})}


def _after_decide(state: State, runtime: Runtime[RunContext]) -> str:
    if state["tree"] is None:
        return "plan"
    decision = state["decision"]
    assert decision is not None
    run = runtime.context
    going_on = _stepwise(state, run) and not state["finished"] and _has_tokens(state, run)
    if decision.action in ("enough", "stop") and going_on:
        return "plan"
    return {"retry": "solve", "expand": "expand", "ask": "ask"}.get(decision.action, "refine")


async def _expand(state: State, runtime: Runtime[RunContext]) -> Update:
    """Find another way to answer the sub-questions that the decision names; the tree has to change, or it is over."""
    tree, decision, run = state["tree"], state["decision"], runtime.context
    assert tree is not None and decision is not None
    # An expansion comes after untrusted text was read: it may use nothing that changes anything.
    tools = {name: tool for name, tool in run.tools.items() if tool.spec.read_only}
    usage, grown = state["usage"], tree
    for id_ in decision.nodes:
        try:
            if tree[id_].solver.tool not in run.decider.others and id_ in tree.sinks and run.decider.others:
                grown = _look_instead(grown, id_, tools, state)
            else:
                reply = await run.controller.plan(tree[id_].question, state["media"], max_steps=run.budget.steps)
                usage = _add(usage, reply)
                part = compile_plan(tree.question, parse_plan(reply.text), tools, state["media"], _phrase(state))
                grown = check_tree(graft(grown, id_, part), tools, state["media"], _phrase(state), max_steps=64)
        except (PlanError, ModelError) as error:
            runtime.stream_writer(PlanRefused(problem=str(error)))
    changed = tuple(id_ for id_ in decision.nodes if grown.formula(id_) != tree.formula(id_))
    if not changed:
        stop = Decision(action="stop", reason="No other way to answer was found.")
        runtime.stream_writer(Decided(decision=stop))
        return {"decision": stop, "usage": usage}
    runtime.stream_writer(Planned(tree=grown))
    return {"tree": grown, "decision": decision.model_copy(update={"nodes": changed}), "usage": usage}


def _look_instead(tree: QuestionTree, id_: str, tools: Mapping[str, Tool], state: State) -> QuestionTree:
    """The tree in which the model itself answers a sub-question, from the pictures that it rests on.

    Raises:
        PlanError: it rests on no picture, or the model's answer is of no use there.
    """
    kinds = tools[tree[id_].solver.tool].spec.result
    tool = "look_whether" if "boolean" in kinds else "look_how_many" if "number" in kinds else "look"
    pictures = [name for name, info in state["media"].items() if info.kind == "image"]
    words = state["asked"] if len(tree.sinks) == 1 else tree[id_].question
    given: dict[str, JsonValue] = {"image": list(pictures), "question": words}
    edited = apply_edits(tree, [Change(id=id_, tool=tool, arguments=given)])
    return check_tree(edited, tools, state["media"], _phrase(state), max_steps=64)


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

    def renamed(argument: JsonValue) -> JsonValue:
        if isinstance(argument, list):
            return [renamed(item) for item in argument]
        if isinstance(argument, str) and (match := REFERENCE.match(argument)):
            return f"${names[match[1]]}"
        return argument

    nodes = []
    for node in part.only([last]).nodes:
        arguments = {name: renamed(argument) for name, argument in node.solver.arguments.items()}
        call = ToolCall(tool=node.solver.tool, arguments=arguments)
        words = tree[id_].question if node.id == last else node.question
        nodes.append(SubQuestion(id=names[node.id], question=words, solver=call))
    return tree.replace(*nodes).only(tree.sinks)


def _after_expand(state: State) -> str:
    decision = state["decision"]
    return "solve" if decision is not None and decision.action == "expand" else "refine"


def _ask(state: State) -> Update:
    """Put a question to the person; what is said belongs to the question, and it is planned anew."""
    decision = state["decision"]
    assert decision is not None
    said = str(interrupt({"ask": decision.question}))
    return {
        "asked": f"{state['asked']} ({decision.question} {said})",
        "tree": None,
        "reply": "",
        "problems": [],
        "decision": None,
        "waves": state["waves"] + 1,
        "evidence": Overwrite({}),
    }


async def _refine(state: State, runtime: Runtime[RunContext]) -> Update:
    tree = state["tree"]
    writer = runtime.context.writer if _has_tokens(state, runtime.context) else None
    if state["stopped"] or tree is None:
        return {"claims": []}
    if writer is not None:
        try:
            claims, reply = await write(*writer, tree, state["evidence"], state["language"])
            return {"claims": claims, "usage": _add(state["usage"], reply)}
        except ModelError as error:
            # The evidence stands: the rules can say it too.
            runtime.stream_writer(Decided(decision=Decision(action="enough", reason=f"The refiner failed: {error}")))
    return {"claims": refine(tree, state["evidence"], state["language"])}


async def _verify(state: State, runtime: Runtime[RunContext]) -> Update:
    claims, run, tree = verify(state["claims"], state["evidence"]), runtime.context, state["tree"]
    if run.checker is None or tree is None or not _has_tokens(state, run):
        return {"claims": claims}
    checked = await recheck(claims, tree, state["evidence"], state["media"], run.checker, state["language"])
    return {**checked._asdict(), "usage": _with_looks(state["usage"], run)}


def build_graph(checkpointer: Any = None) -> CompiledStateGraph[State, RunContext, State, State]:
    """The state machine, ready to run with a `RunContext`.

    Args:
        checkpointer: A LangGraph saver; None keeps nothing, and such a run cannot be resumed.
    """
    graph = StateGraph(State, context_schema=RunContext)
    graph.add_node("plan", traced_role("plan", _plan))
    graph.add_node("check", _check)
    graph.add_node("approve", _approve)
    graph.add_node("solve", _solve)
    graph.add_node("decide", traced_role("decide", _decide))
    graph.add_node("expand", _expand)
    graph.add_node("ask", _ask)
    graph.add_node("refine", traced_role("refine", _refine))
    graph.add_node("verify", traced_role("verify", _verify))
    graph.add_conditional_edges(START, _first, ["plan", "check", "approve"])
    graph.add_edge("plan", "check")
    graph.add_conditional_edges("check", _after_check, ["plan", "approve", "refine"])
    graph.add_conditional_edges("approve", _after_approve, ["solve", "refine"])
    graph.add_edge("solve", "decide")
    graph.add_conditional_edges("decide", _after_decide, ["plan", "solve", "expand", "ask", "refine"])
    graph.add_conditional_edges("expand", _after_expand, ["solve", "refine"])
    graph.add_edge("ask", "plan")
    graph.add_edge("refine", "verify")
    graph.add_edge("verify", END)
    return graph.compile(checkpointer=checkpointer)
