"""A text checked against media: claims extracted, experts asked within the budget, verdicts, a repaired text.

Knows no concrete tool. Evidence that a run has found already is read again, not asked for again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from visagent.answer import Usage
from visagent.config import Budget, Profile
from visagent.errors import PlanError, QuestionError
from visagent.evidence import Evidence
from visagent.faithfulness.claims import AtomicClaim, CheckedClaim, Faithfulness
from visagent.faithfulness.extract import Extractor, ModelExtractor, RuleExtractor
from visagent.faithfulness.judge import Judgement, corrected, judge, over_media
from visagent.faithfulness.plans import Ledger, plan_for, plan_for_correction, suits
from visagent.faithfulness.repair import Unverifiable, repair
from visagent.media import Media
from visagent.models.protocol import MLLM
from visagent.roles.refiner import detect_language
from visagent.solve import EvidenceCache, Expert, solve
from visagent.toolkit import Tool
from visagent.tree import QuestionTree

TEXT_LIMIT = 4000
"""Characters of a text that is checked."""
Ids = tuple[str, ...]


async def check_text(
    text: str,
    media: Mapping[str, Media],
    tools: Mapping[str, Tool],
    profile: Profile,
    *,
    model: MLLM | None = None,
    cache: EvidenceCache | None = None,
    budget: Budget | None = None,
    language: str | None = None,
    unverifiable: Unverifiable = "mark",
) -> Faithfulness:
    """How far a text, whoever wrote it, is true to media.

    Args:
        text: An answer or a caption, at most 4,000 characters.
        media: By the names that plans use.
        tools: What may be asked; those that change something outside never are.
        profile: Whose options the tools take.
        model: Takes the text apart; None for rules.
        cache: Of evidence; None keeps none.
        budget: Limits; None for the profile's. What exceeds them is unverifiable.
        language: Of the text, `en` or `zh`; None to tell from it.
        unverifiable: What happens to sentences that cannot be verified in the repaired text.

    Raises:
        QuestionError: the text is empty or too long, or no medium was given.
    """
    if not text.strip():
        raise QuestionError("The text to verify is empty.", "Give a caption, or an answer.")
    if len(text) > TEXT_LIMIT:
        raise QuestionError(
            f"The text to verify has {len(text):,} characters, and {TEXT_LIMIT:,} are allowed.", "Verify it in parts."
        )
    if not media:
        raise QuestionError("No medium was given.", "Give a picture or a sound file that the text is about.")
    started = time.perf_counter()
    expert = Expert(tools, media, budget or profile.budget, options=profile.tools, cache=cache)
    extractor = RuleExtractor() if model is None else ModelExtractor(model)
    checker = Checker(tools, expert, extractor)
    checked = await checker.check(text.strip(), media, language or detect_language(text), unverifiable=unverifiable)
    seconds = time.perf_counter() - started
    usage = Usage(seconds=seconds, tool_calls=expert.calls, cached_calls=expert.cached, model_calls=model is not None)
    return checked.model_copy(update={"usage": usage})


class Checker:
    """Checks texts with a run's experts.

    Args:
        tools: What may be asked.
        expert: Asks them, within its budget.
        extractor: Takes texts apart.
        on_found: Told each new piece of evidence.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        expert: Expert,
        extractor: Extractor,
        on_found: Callable[[Evidence], None] = lambda found: None,
    ) -> None:
        self._tools, self._expert, self._extractor, self._on_found = tools, expert, extractor, on_found

    async def check(
        self,
        text: str,
        media: Mapping[str, Media],
        language: str,
        *,
        tree: QuestionTree | None = None,
        evidence: Mapping[str, Evidence] | None = None,
        unverifiable: Unverifiable = "mark",
    ) -> Faithfulness:
        """Check a text.

        Args:
            text: Any; it is data, whatever it says.
            media: By the names that plans use.
            language: Of the text.
            tree: Of the run that wrote the text; its evidence is used where it answers the same.
            evidence: By that tree's ids.
            unverifiable: What happens to sentences that cannot be verified in the repaired text.
        """
        heard = all(medium.info.kind == "audio" for medium in media.values())
        claims = await self._extractor.extract(text, language, heard=heard)
        ledger = Ledger(text, tree)
        found = dict(evidence or {})
        asked = [_asked(claim, media, self._tools, ledger, language) for claim in claims]
        await self._solve(ledger, found)
        results = [_result(claim, one, found) for claim, one in zip(claims, asked, strict=True)]
        again = [_ask_instead(result, media, self._tools, ledger, language) for result in results]
        await self._solve(ledger, found)
        checked = [_checked(result, more, found) for result, more in zip(results, again, strict=True)]
        return Faithfulness(
            text=text,
            language=language,
            claims=tuple(checked),
            repaired=repair(text, checked, language, unverifiable=unverifiable),
            tree=ledger.tree,
            evidence={id_: found[id_] for id_ in ledger.tree.order if id_ in found},
            media={name: medium.info for name, medium in media.items()},
        )

    async def _solve(self, ledger: Ledger, found: dict[str, Evidence]) -> None:
        """Answer what the ledger holds and has no evidence yet."""
        found |= (new := await solve(ledger.tree, found, self._expert.answer))
        for evidence in new.values():
            self._on_found(evidence)


class _Asked(NamedTuple):
    """What is asked about a claim: sub-questions by medium, and why there are none of the other media."""

    ids: dict[str, Ids]
    problem: str


class _Result(NamedTuple):
    claim: AtomicClaim
    medium: str
    ids: Ids
    judgement: Judgement


def _asked(
    claim: AtomicClaim, media: Mapping[str, Media], tools: Mapping[str, Tool], ledger: Ledger, language: str
) -> _Asked:
    infos = {name: medium.info for name, medium in media.items()}
    ids: dict[str, Ids] = {}
    problem = "no sound was given" if claim.kind == "speech" else "no picture was given"
    for name, info in infos.items():
        if suits(claim, info):
            try:
                ids[name] = ledger.add(plan_for(claim, name, tools, infos, language))
            except PlanError as error:
                problem = error.fact
    return _Asked(ids, problem)


def _result(claim: AtomicClaim, asked: _Asked, found: Mapping[str, Evidence]) -> _Result:
    if not asked.ids:
        return _Result(claim, "", (), Judgement("unverifiable", asked.problem))
    judgements = {name: judge(claim, [found[id_] for id_ in ids]) for name, ids in asked.ids.items()}
    medium = over_media(claim, judgements)
    return _Result(claim, medium, asked.ids[medium], judgements[medium])


def _ask_instead(
    result: _Result, media: Mapping[str, Media], tools: Mapping[str, Tool], ledger: Ledger, language: str
) -> Ids:
    """What is asked to learn what is true instead of a contradicted claim."""
    if result.judgement.verdict != "contradicted" or result.judgement.correction:
        return ()
    infos = {name: medium.info for name, medium in media.items()}
    try:
        plan = plan_for_correction(result.claim, result.medium, tools, infos, language)
    except PlanError:
        return ()
    return ledger.add(plan) if plan is not None else ()


def _checked(result: _Result, more: Sequence[str], found: Mapping[str, Evidence]) -> CheckedClaim:
    judgement = result.judgement
    correction = judgement.correction
    if more:
        correction = corrected(result.claim, [found[id_] for id_ in more])
    return CheckedClaim(
        claim=result.claim,
        verdict=judgement.verdict,
        cites=tuple(dict.fromkeys([*result.ids, *more])),
        reason=judgement.reason,
        correction=correction,
    )
