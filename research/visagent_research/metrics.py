"""Scores of plans, steps and answers, each as its benchmark defines it. Pure: no file, no model.

Definitions follow the upstream scripts (read on 2026-11-22; the commit is named with each), except that a prediction
that is missing or cannot be read counts as empty everywhere: leaving it out would flatter weak models.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

from pydantic import Field, JsonValue

from visagent.evaluation.bootstrap import Estimate, mean, pooled_f1, ratio
from visagent.evidence.values import Frozen

Link = tuple[str, str]


class Graph(Frozen):
    """A plan as a graph of tools.

    Attributes:
        nodes: Names of tools, in order, with repetitions.
        links: (source, target) pairs of names.
    """

    nodes: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


# UltraTool and RestBench in TaskBench's graph format.


def set_f1(predicted: Sequence[Hashable], gold: Sequence[Hashable]) -> float:
    """F1 of one question: what is in both as sets, over the lists' lengths; 0 where either is empty.

    As `f1_score` in evaluate.py of github.com/WxxShirley/GNN4TaskPlan (commit 79ad331): a name that is predicted twice
    counts twice against precision.
    """
    if not predicted or not gold:
        return 0.0
    both = len(set(predicted) & set(gold))
    precision, recall = both / len(predicted), both / len(gold)
    return 2 * precision * recall / (precision + recall) if both else 0.0


def graph_scores(
    predicted: Sequence[Graph], gold: Sequence[Graph], tools: set[str], links: set[Link]
) -> dict[str, Estimate]:
    """Node-F1, Link-F1, Acc and the hallucination rates of GNN4TaskPlan's evaluate.py (commit 79ad331).

    Node-F1 and Link-F1 are means of `set_f1` over questions; Link-F1 is over questions whose gold plan has a link. Acc
    is the share of questions with a Node-F1 of at least 0.99. NH and LH are the mean share of a plan's tools or links
    that do not exist, NH-any and LH-any the share of plans with at least one such.

    Args:
        predicted: One graph a question; an empty one for no or an unusable prediction.
        gold: The right ones, in the same order.
        tools: All names that exist.
        links: All links of the tool graph.
    """
    pairs = list(zip(predicted, gold, strict=True))
    node_f1 = [set_f1(one.nodes, other.nodes) for one, other in pairs]
    scores = {
        "Node-F1": mean(node_f1),
        "Acc": mean([float(value >= 0.99) for value in node_f1]),
        "NH": mean([_share_outside(one.nodes, tools) for one, _ in pairs]),
        "NH-any": mean([float(any(node not in tools for node in one.nodes)) for one, _ in pairs]),
        "LH": mean([_share_outside(one.links, links) for one, _ in pairs]),
        "LH-any": mean([float(any(link not in links for link in one.links)) for one, _ in pairs]),
    }
    linked = [(one, other) for one, other in pairs if other.links]
    if linked:
        scores["Link-F1"] = mean([set_f1(one.links, other.links) for one, other in linked])
    return scores


def _share_outside(found: Sequence[Hashable], known: set[str] | set[Link]) -> float:
    return sum(item not in known for item in found) / len(found) if found else 0.0


# GTA.

GTA_KINDS: Mapping[str, tuple[str, ...]] = {
    "P": ("OCR", "ImageDescription", "RegionAttributeDescription", "TextToBbox"),
    "O": ("DrawBox", "AddText", "GoogleSearch"),
    "L": ("Calculator", "Solver", "Plot", "MathOCR", "CountGivenObject"),
    "C": ("TextToImage", "ImageStylization"),
}
"""GTA's kinds of tools: perception, operation, logic and creativity."""


class GtaStep(Frozen):
    """A step that is to be predicted, or was.

    Attributes:
        kind: A tool call or the final answer; "error" for what is neither.
        tool: Its name.
        arguments: Arguments as given.
        answer: The text of the answer.
        loose: Whether the gold arguments were damaged in conversion, and are compared loosely.
        skip: Arguments that are not compared.
    """

    kind: Literal["tool", "answer", "error"]
    tool: str = ""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    answer: str = ""
    loose: bool = False
    skip: tuple[str, ...] = ()


def gta_step_scores(predicted: Sequence[Sequence[GtaStep]], gold: Sequence[Sequence[GtaStep]]) -> dict[str, Estimate]:
    """InstAcc, ToolAcc, ArgAcc and SummAcc of GTA's gta_bench.py, mode `every_with_gt` (commit 10eb3d2).

    InstAcc: the kind of step is right, over all steps. ToolAcc: the tool is right; ArgAcc: all arguments too; both over
    gold tool steps. SummAcc: the answer is right, over gold answer steps with a text answer; upstream compares with
    aliases that did not survive, here the gold answer must occur in the predicted one as whole words, or be the same
    number. Questions are what is resampled.

    Args:
        predicted: The steps of each question, one for each gold step, predicted from the gold ones before it.
        gold: The gold steps, the answer last.
    """
    kinds, tools, arguments, answers = [], [], [], []
    for one, other in zip(predicted, gold, strict=True):
        pairs = list(zip(one, other, strict=True))
        calls = [(p, g) for p, g in pairs if g.kind == "tool"]
        finals = [(p, g) for p, g in pairs if g.kind == "answer"]
        right = [(p, g) for p, g in calls if p.kind == "tool" and p.tool == g.tool]
        kinds.append((sum(p.kind == g.kind for p, g in pairs), float(len(pairs))))
        tools.append((len(right), float(len(calls))))
        arguments.append((sum(same_arguments(p.arguments, g) for p, g in right), float(len(calls))))
        answers.append((sum(p.kind == "answer" and same_answer(p.answer, g.answer) for p, g in finals), len(finals)))
    return {
        "InstAcc": ratio(kinds),
        "ToolAcc": ratio(tools),
        "ArgAcc": ratio(arguments),
        "SummAcc": ratio([(float(a), float(b)) for a, b in answers]),
    }


def same_arguments(given: Mapping[str, JsonValue], gold: GtaStep) -> bool:
    """Whether a step's arguments are the gold ones: equal, or equal but for case, quotes and spaces where loose."""

    def shown(values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        kept = {name: value for name, value in values.items() if name not in gold.skip}
        if not gold.loose:
            return kept
        return {name: re.sub(r"[\s\"'`\\]+", "", str(value)).lower() for name, value in kept.items()}

    return shown(given) == shown(gold.arguments)


def same_answer(given: str, gold: str) -> bool:
    """Whether an answer says the gold one: it occurs in it as whole words, or as the same number."""
    number = _number(gold)
    if number is not None:
        return any(_number(word) == number for word in re.findall(r"-?[\d,]*\.?\d+", given))
    return re.search(rf"\b{re.escape(gold.strip())}\b", given, re.IGNORECASE) is not None


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").strip(" .$€£%"))
    except ValueError:
        return None


def gta_tool_scores(predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> dict[str, Estimate]:
    """P, O, L and C: F1 of the choice of tools by kind, as GTA's gta_bench.py, mode `every` (commit 10eb3d2).

    Recall counts each gold call whose tool was called at all; precision divides the same count by the number of calls.

    Args:
        predicted: Names of the tools called for each question, with repetitions.
        gold: The steps of the gold chain.
    """
    scores = {}
    for kind, names in GTA_KINDS.items():
        rows = []
        for one, other in zip(predicted, gold, strict=True):
            wanted = [name for name in other if name in names]
            rows.append((sum(name in one for name in wanted), sum(name in names for name in one), len(wanted)))
        scores[kind] = pooled_f1([(float(a), float(b), float(c)) for a, b, c in rows])
    return scores


# Truths and short answers.


def nlvr_scores(right: Mapping[str, Sequence[bool]]) -> dict[str, Estimate]:
    """Accuracy and consistency, as NLVR's metrics_images.py (github.com/lil-lab/nlvr, commit 1892484).

    Accuracy is over all predictions (upstream prints it as "precision"); consistency is the share of sentences of which
    every prediction is right. Sentences are what is resampled.

    Args:
        right: Whether each prediction is right, by sentence group.
    """
    return {
        "accuracy": ratio([(float(sum(group)), float(len(group))) for group in right.values()]),
        "consistency": mean([float(all(group)) for group in right.values()]),
    }


def mmvet_match(predicted: str, gold: str) -> bool:
    """Whether an answer is right by MM-Vet's string match, for questions with a short answer only.

    All parts of the gold answer (`<AND>`), any alternative of each (`<OR>`), must occur as whole words, after
    lower-casing and stripping punctuation. Not comparable with MM-Vet's own scores, which GPT-4 gives (arXiv
    2308.02490).

    Args:
        predicted: Answer that was given.
        gold: Right answer, in MM-Vet's notation.

    >>> mmvet_match("x is -1 or 5.", "-1<AND>5"), mmvet_match("It's a Cat", "dog<OR>cat")
    (True, True)
    """
    text = f" {_plain(predicted)} "
    return all(
        any(f" {_plain(alternative)} " in text for alternative in part.split("<OR>")) for part in gold.split("<AND>")
    )


def _plain(text: str) -> str:
    # A minus sign and a decimal point are no punctuation.
    kept = re.sub(r"(?<!\d)\.|\.(?!\d)|-(?!\d)|[^\w\s.\-]", " ", text.lower())
    return " ".join(kept.split())


def most_common(values: Sequence[str]) -> str:
    """The commonest value; the first one seen among equals."""
    return Counter(values).most_common(1)[0][0]
