"""What judgements add up to: scores, agreement, and biases such as length. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from visagent.core.errors import InputError
from visagent.evaluation.agreement import cohen_kappa, rank_correlation
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.evaluation.judge import WHOLE, Judgement, PairJudgement, Rubric
from visagent.evaluation.open_answers import OpenAnswer
from visagent.evidence.record import Frozen

Ratings = Mapping[str, Mapping[str, int]]
"""By question the level of each criterion."""


class Agreement(Frozen):
    """Two judges on the same answers.

    Attributes:
        kappa: Cohen's, with quadratic weights.
        same: Share of answers that got the same level from both.
    """

    kappa: Estimate
    same: Estimate

    def __str__(self) -> str:
        kappa = self.kappa
        return (
            f"kappa {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f}), "
            f"the same level {100 * self.same.value:.0f} %, n={kappa.count}"
        )


class JudgeReport(Frozen):
    """What was found.

    Attributes:
        scores: Scores by criterion, as a part of the way from the lowest level to the highest; of answers or, for
            pairs, the share that each wins in both orders.
        agreement: Agreement by `itself: …`, `people: …`, `scorer: …`; for pairs `the other order`.
        bias: length: Spearman's correlation of score and characters, or for pairs the share of decided pairs that the
            longer one wins; position: the share of decided judgements that the answer shown first wins, 0.5 for none.
        unjudged: Why there is no judgement, by question. no judgement.
    """

    scores: dict[str, Estimate]
    agreement: dict[str, Agreement] = Field(default_factory=dict)
    bias: dict[str, Estimate] = Field(default_factory=dict)
    unjudged: dict[str, str] = Field(default_factory=dict)


def agreement(one: Ratings, other: Ratings, rubric: Rubric, title: str) -> dict[str, Agreement]:
    """How far two judges agree on each criterion, on the answers that both rated."""
    found = {}
    for criterion in rubric.criteria:
        name = criterion.name
        pairs = [(one[id_][name], other[id_][name]) for id_ in one if name in one[id_] and name in other.get(id_, {})]
        if pairs:
            kappa = cohen_kappa(pairs, sorted(criterion.levels))
            found[f"{title}: {name}"] = Agreement(kappa=kappa, same=mean([float(a == b) for a, b in pairs]))
    return found


def judge_report(
    judgements: Sequence[Judgement], answers: Sequence[OpenAnswer], rubric: Rubric, people: Ratings | None = None
) -> JudgeReport:
    """The scores of answers that were judged one by one.

    Args:
        judgements: The judgements of the answers.
        answers: The same, with what another scorer said of them, which is compared on the first criterion, split in
            the middle.
        rubric: The rubric to judge by.
        people: What people gave.

    Raises:
        InputError: no answer was judged; gives the first reason.
    """
    judged = {one.id: one for one in judgements if not one.unjudged}
    unjudged = {one.id: one.unjudged for one in judgements if one.unjudged}
    if not judged:
        raise InputError("No answer was judged.", next(iter(unjudged.values()), "Give at least one."))
    by_id = {one.id: one for one in answers}
    shares = {
        id_: {name: rubric.share(name, level) for name, level in one.scores.items()} for id_, one in judged.items()
    }
    if rubric.whole:
        shares = {id_: own | {WHOLE: float(min(own.values()) >= 1)} for id_, own in shares.items()}
    first = rubric.criteria[0].name
    names = [one.name for one in rubric.criteria] + [WHOLE] * rubric.whole
    scores = {name: mean([own[name] for own in shares.values()]) for name in names}
    categories = dict.fromkeys(by_id[id_].category for id_ in shares)
    if len(categories) > 1:
        for category in categories:
            of_it = [own[first] for id_, own in shares.items() if by_id[id_].category == category]
            scores[f"{first}: {category or 'other'}"] = mean(of_it)
    own_scores = {id_: one.scores for id_, one in judged.items()}
    found = agreement(own_scores, {id_: one.again for id_, one in judged.items()}, rubric, "itself")
    found |= agreement(own_scores, people or {}, rubric, "people")
    halves = [
        (int(own[first] >= 0.5), int(right >= 0.5))
        for id_, own in shares.items()
        if (right := by_id[id_].right) is not None
    ]
    if halves:
        same = mean([float(a == b) for a, b in halves])
        found[f"scorer: {first}"] = Agreement(kappa=cohen_kappa(halves, (0, 1)), same=same)
    lengths = [(own[first], float(len(by_id[id_].answer))) for id_, own in shares.items()]
    return JudgeReport(scores=scores, agreement=found, bias={"length": rank_correlation(lengths)}, unjudged=unjudged)


def pair_report(
    judgements: Sequence[PairJudgement], first: Mapping[str, OpenAnswer], second: Mapping[str, OpenAnswer]
) -> JudgeReport:
    """Who wins, of answers that were judged in pairs.

    Args:
        judgements: The judgements of the pairs.
        first: The first answers, by question.
        second: The second ones.

    Raises:
        InputError: no pair was judged; gives the first reason.
    """
    judged = [one for one in judgements if not one.unjudged]
    unjudged = {one.id: one.unjudged for one in judgements if one.unjudged}
    if not judged:
        raise InputError("No pair was judged.", next(iter(unjudged.values()), "Give answers to the same questions."))
    level = {"second": -1, "tie": 0, "first": 1}
    kappa = cohen_kappa([(level[one.forward], level[one.backward]) for one in judged], (-1, 0, 1))
    same = mean([float(one.forward == one.backward) for one in judged])
    bias = {}
    # Shown first was the first answer the first time, and the second one the second time.
    shown_first = [float(one.forward == "first") for one in judged if one.forward != "tie"]
    shown_first += [float(one.backward == "second") for one in judged if one.backward != "tie"]
    if shown_first:
        bias["position"] = mean(shown_first)
    longer = []
    for one in judged:
        lengths = len(first[one.id].answer), len(second[one.id].answer)
        if one.winner != "tie" and lengths[0] != lengths[1]:
            longer.append(float((lengths[0] > lengths[1]) == (one.winner == "first")))
    if longer:
        bias["length"] = mean(longer)
    return JudgeReport(
        scores={
            "first is better": mean([float(one.winner == "first") for one in judged]),
            "second is better": mean([float(one.winner == "second") for one in judged]),
            "neither": mean([float(one.winner == "tie") for one in judged]),
        },
        agreement={"the other order": Agreement(kappa=kappa, same=same)},
        bias=bias,
        unjudged=unjudged,
    )
