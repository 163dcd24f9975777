"""What a planner learns from: one form of example, and how traces and the data of others become it. Knows no model.

An example is a prompt and the reply that is right for it, both as text, so that training needs to know nothing else:

========== ============================================================================================
`id`       unique; names the source and the item in it
`source`   where it comes from, for example `trace`, `ultratool`, `gta`, `nlvr`
`messages` the prompt, as chat templates take it; byte for byte what the planner is shown at run time
`target`   the right reply: the plan's JSON text
`media`    what the question is about, by name and content hash; the bytes are never inside
`tools`    names of the tools in the prompt
`split_by` text that decides the split: examples with the same text never stand on both sides of one
========== ============================================================================================

Runs of the agent are examples already: `trace_example` only puts the prompt back together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from visagent.answer import Answer
from visagent.errors import InputError, PlanError
from visagent.evaluation.foreign import SHOWN, ForeignTool, ToolRetriever, graph_messages, graph_steps
from visagent.evaluation.gta import GtaItem, GtaTool, gta_messages, gta_target
from visagent.evaluation.nlvr.benchmark import NlvrItem, judgements
from visagent.evaluation.nlvr.learning import probabilities
from visagent.evaluation.nlvr.model import readings
from visagent.evaluation.nlvr.plans import plan_of
from visagent.evaluation.nlvr.programs import Interpreter
from visagent.evaluation.ultratool import GraphItem
from visagent.evidence import Frozen
from visagent.plan import UNANSWERABLE
from visagent.roles.controller import planning_messages
from visagent.toolkit import Tool
from visagent.training.expressions import compact

Split = Literal["train", "validation", "test"]

LEAST_LIKELY = 0.1
"""Probability of the least likely reading of a sentence that may become a target. Right truth values are no proof: a
reading that ignores half of the words is right by chance now and then."""


class TurnRecord(Frozen):
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class TrainingExample(Frozen):
    """A prompt with its right reply; see this module's table."""

    id: str
    source: str
    messages: tuple[TurnRecord, ...]
    target: str
    media: dict[str, str] = Field(default_factory=dict)
    tools: tuple[str, ...] = ()
    split_by: str = ""

    @property
    def digest(self) -> str:
        """Of the prompt and the reply: equal examples have the same, whatever their id and source."""
        content = [*((turn.role, turn.content) for turn in self.messages), self.target, sorted(self.media.items())]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()

    @property
    def split(self) -> Split:
        """The split it belongs to, by a hash of `split_by`: a tenth each for validation and test."""
        place = int(hashlib.sha256(self.split_by.encode()).hexdigest(), 16) % 10
        return "validation" if place == 0 else "test" if place == 1 else "train"


def without_doubles(examples: Iterable[TrainingExample]) -> Iterator[TrainingExample]:
    """The examples with equal ones left out after the first."""
    seen: set[str] = set()
    for example in examples:
        if example.digest not in seen:
            seen.add(example.digest)
            yield example


def check_apart(train: Iterable[TrainingExample], held_out: Iterable[TrainingExample]) -> None:
    """Make sure that nothing held out can be learned by heart.

    Raises:
        InputError: two examples on either side share their `split_by`; names both.
    """
    known = {example.split_by.strip().lower(): example.id for example in train}
    for example in held_out:
        if (same := known.get(example.split_by.strip().lower())) is not None:
            raise InputError(f"{example.id} is held out, and {same} asks the same.", "Leave out one of them.")


def trace_example(answer: Answer, tools: Mapping[str, Tool], *, good: bool = False) -> TrainingExample | None:
    """The example that a run is; None for a run that should not be learned from.

    A run is learned from if a person marked it good, or if it was answered and every claim is supported.

    Args:
        answer: As `Agent` writes it into traces.
        tools: What the planner could call, in the order shown.
        good: Whether a person said so.
    """
    verified = answer.status == "answered" and all(claim.verdict == "supported" for claim in answer.claims)
    if not (good or (verified and answer.claims)) or (answer.tree.unanswerable is None and not answer.tree.nodes):
        return None
    if answer.tree.unanswerable is not None:
        from visagent.plan import REASONS

        reasons = {text: key for key, text in REASONS.items()}
        reason = reasons.get(answer.tree.unanswerable, answer.tree.unanswerable)
        target = compact([{"tool": UNANSWERABLE, "reason": reason}])
    else:
        # References count from q1 in the plan's order, which merged steps may have left with gaps.
        number = {node.id: f"$q{place}" for place, node in enumerate(answer.tree.nodes, start=1)}
        text = json.dumps([{"tool": node.solver.tool, **node.solver.arguments} for node in answer.tree.nodes])
        for id_ in sorted(number, key=len, reverse=True):
            text = text.replace(f'"${id_}"', f'"#{number[id_][1:]}"')
        target = compact(json.loads(text.replace('"#q', '"$q')))
    turns = planning_messages([tool.spec for tool in tools.values()], answer.media, answer.question)
    return TrainingExample(
        id=f"trace/{answer.run_id}",
        source="trace",
        messages=tuple(TurnRecord(role=turn["role"], content=turn["content"]) for turn in turns),
        target=target,
        media={name: info.hash for name, info in answer.media.items()},
        tools=tuple(tools),
        split_by=answer.question,
    )


def graph_examples(
    items: Sequence[GraphItem], tools: Sequence[ForeignTool], *, source: str = "ultratool", shown: int = SHOWN
) -> Iterator[TrainingExample]:
    """One example a request: likely tools in the prompt, the gold graph as the plan.

    Each request is shown the tools that retrieval finds without that request; a gold tool that it misses takes the
    place of the least likely one, because a planner must not learn to call what it is not shown.
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
            [*kept, *missing, *others], key=lambda tool: names.index(tool.name) if tool.name in names else 0
        )
        turns = graph_messages(chosen, item.user_request)
        yield TrainingExample(
            id=f"{source}/{item.id}",
            source=source,
            messages=tuple(TurnRecord.model_validate(turn) for turn in turns),
            target=compact(graph_steps(item.gold)),
            tools=tuple(tool.name for tool in chosen),
            split_by=item.user_request,
        )


def gta_examples(items: Sequence[GtaItem], tools: Sequence[GtaTool]) -> Iterator[TrainingExample]:
    """One example a gold step: the question and the steps before it in the prompt, all tools offered."""
    for item in items:
        for place, step in enumerate(item.gold):
            turns = gta_messages(tools, item, place)
            yield TrainingExample(
                id=f"gta/{item.id}/{place}",
                source="gta",
                messages=tuple(TurnRecord.model_validate(turn) for turn in turns),
                target=gta_target(step),
                tools=tuple(tool.name for tool in tools),
                split_by=item.question,
            )


def nlvr_examples(
    items: Sequence[NlvrItem], weights: Mapping[str, float], tools: Mapping[str, Tool]
) -> Iterator[TrainingExample]:
    """One example a sentence whose likeliest right program is expressible with general tools.

    Nobody wrote these plans: of the programs that the sentence may mean, those are kept that give the right answer for
    every scene of the sentence, and the likeliest one becomes the target.

    Args:
        items: Sentences with gold scenes and labels.
        weights: Of the readings, for example `shipped_weights()`.
        tools: All tools that the planner is shown, in order.
    """
    for sentence, judged in judgements(items):
        found = readings(sentence)
        if not found:
            continue
        likely = probabilities([one.features for one in found], weights)
        order = [place for place in likely.argsort()[::-1] if likely[place] >= LEAST_LIKELY]
        scenes = [(Interpreter(scene), truth) for scene, truth in judged]
        for program in (found[place].program for place in order):
            if any(scene.truth(program) != truth for scene, truth in scenes):
                continue
            try:
                steps = plan_of(program)
            except PlanError:
                continue
            turns = planning_messages([tool.spec for tool in tools.values()], ["image1"], sentence)
            yield TrainingExample(
                id=f"nlvr/{hashlib.sha256(sentence.encode()).hexdigest()[:12]}",
                source="nlvr",
                messages=tuple(TurnRecord(role=turn["role"], content=turn["content"]) for turn in turns),
                target=compact(steps),
                tools=tuple(tools),
                split_by=sentence,
            )
            break
