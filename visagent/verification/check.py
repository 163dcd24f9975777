"""A text checked against media: claims extracted, experts asked within the budget, verdicts, a repaired text.

Knows no concrete tool. Evidence that a run has found already is read again, not asked for again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from visagent.core.config import Budget, Profile
from visagent.core.errors import BudgetExceeded, PlanError, QuestionError
from visagent.core.json_text import is_text
from visagent.core.text import detect_language
from visagent.evidence.answer import Usage
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence
from visagent.media.media import Media, MediaInfo
from visagent.models.protocol import MLLM, Reply
from visagent.tools.evidence_cache import EvidenceCache
from visagent.tools.executor import ToolExecutor, solve
from visagent.tools.toolkit import Tool
from visagent.verification.claims import AtomicClaim, CheckedClaim, Faithfulness
from visagent.verification.extract import Extractor, ModelExtractor, RuleExtractor
from visagent.verification.judge import Judgement, corrected, judge, over_media
from visagent.verification.plans import Ledger, plan_for, plan_for_correction, suits
from visagent.verification.repair import Unverifiable, repair

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
    """How far a text by any author is true to media.

    Args:
        text: An answer or a caption, at most 4,000 characters.
        media: Media by the names that plans use.
        tools: What may be asked; those that change something outside never are.
        profile: The profile whose options the tools take.
        model: Takes the text apart; None for rules.
        cache: Cache of evidence; None keeps none.
        budget: Limits; None for the profile's. What exceeds them is unverifiable.
        language: Language of the text, `en` or `zh`; None to detect it.
        unverifiable: What happens to sentences that cannot be verified in the repaired text.

    Raises:
        QuestionError: the text is empty or too long, or no medium was given.
    """
    text = checked_input(text, media)
    started = time.perf_counter()
    expert = ToolExecutor(tools, media, budget or profile.budget, options=profile.tools, cache=cache)
    replies: list[Reply] = []
    extractor = RuleExtractor() if model is None else ModelExtractor(model, replies.append)
    checker = Checker(tools, expert, extractor)
    infos = {name: medium.info for name, medium in media.items()}
    checked = await checker.check(text.strip(), infos, language or detect_language(text), unverifiable=unverifiable)
    usage = usage_of(replies, time.perf_counter() - started).model_copy(
        update={"tool_calls": expert.calls, "cached_calls": expert.cached}
    )
    return checked.model_copy(update={"usage": usage})


def checked_input(text: str, media: Mapping[str, Media]) -> str:
    """The text without the space around it.

    Raises:
        QuestionError: the text is empty or too long, or no medium was given.
    """
    if not isinstance(text, str):
        raise QuestionError(
            f"The text to verify is of type {type(text).__name__}.", 'agent.verify("A cup stands here.", "photo.jpg")'
        )
    if not is_text(text):
        raise QuestionError("The text to verify holds half of a character (a lone surrogate).", "Write it as UTF-8.")
    if not text.strip():
        raise QuestionError("The text to verify is empty.", "Give a caption, or an answer.")
    if len(text) > TEXT_LIMIT:
        raise QuestionError(
            f"The text to verify has {len(text):,} characters, and {TEXT_LIMIT:,} are allowed.", "Verify it in parts."
        )
    if not media:
        raise QuestionError("No medium was given.", "Give a picture or a sound file that the text is about.")
    return text.strip()


def usage_of(replies: Sequence[Reply], seconds: float) -> Usage:
    """What models' replies cost, in a check that took so many seconds."""
    return Usage(
        seconds=seconds,
        model_calls=len(replies),
        prompt_tokens=sum(reply.usage.prompt for reply in replies),
        cached_tokens=sum(reply.usage.cached for reply in replies),
        generated_tokens=sum(reply.usage.generated for reply in replies),
    )


class Checker:
    """Checks texts with a run's experts.

    Args:
        tools: What may be asked.
        expert: Asks them, within its budget.
        extractor: Takes texts apart.
        limit: Sub-questions that are asked at most, all texts together; None for as many as the experts' budget allows.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        expert: ToolExecutor,
        extractor: Extractor,
        *,
        limit: int | None = None,
    ) -> None:
        self._tools, self._expert, self._extractor = tools, expert, extractor
        self._left = limit

    async def check(
        self,
        text: str,
        media: Mapping[str, MediaInfo],
        language: str,
        *,
        tree: QuestionTree | None = None,
        evidence: Mapping[str, Evidence] | None = None,
        unverifiable: Unverifiable = "mark",
    ) -> Faithfulness:
        """Check a text.

        Args:
            text: Any; it is data, whatever it says.
            media: Media by the names that plans use.
            language: Language of the text.
            tree: Tree of the run that wrote the text; its evidence is used where it answers the same.
            evidence: Evidence by that tree's ids.
            unverifiable: What happens to sentences that cannot be verified in the repaired text.
        """
        heard = all(info.kind == "audio" for info in media.values())
        claims = await self._extractor.extract(text, language, heard=heard)
        ledger = Ledger(text, tree)
        found = dict(evidence or {})
        asked = [self._ask(claim, media, ledger, language) for claim in claims]
        await self._solve(ledger, found)
        results = [_result(claim, one, found) for claim, one in zip(claims, asked, strict=True)]
        again = [self._ask_instead(result, media, ledger, language) for result in results]
        await self._solve(ledger, found)
        checked = [_checked(result, more, found) for result, more in zip(results, again, strict=True)]
        return Faithfulness(
            text=text,
            language=language,
            claims=tuple(checked),
            repaired=repair(text, checked, language, unverifiable=unverifiable),
            tree=ledger.tree,
            evidence={id_: found[id_] for id_ in ledger.tree.order if id_ in found},
            media=dict(media),
        )

    def _ask(self, claim: AtomicClaim, media: Mapping[str, MediaInfo], ledger: Ledger, language: str) -> _Asked:
        """Enter what is asked of each medium that the claim can be about."""
        ids: dict[str, Ids] = {}
        problem = "no sound was given" if claim.kind == "speech" else "no picture was given"
        for name, info in media.items():
            if suits(claim, info):
                try:
                    ids[name] = self._entered(plan_for(claim, name, self._tools, media, language), ledger)
                except (PlanError, BudgetExceeded) as error:
                    problem = error.fact
        return _Asked(ids, problem)

    def _ask_instead(self, result: _Result, media: Mapping[str, MediaInfo], ledger: Ledger, language: str) -> Ids:
        """Enter what is asked to learn what is true instead of a contradicted claim."""
        if result.judgement.verdict != "contradicted" or result.judgement.correction:
            return ()
        try:
            plan = plan_for_correction(result.claim, result.medium, self._tools, media, language)
            return () if plan is None else self._entered(plan, ledger)
        except (PlanError, BudgetExceeded):
            return ()

    def _entered(self, plan: QuestionTree, ledger: Ledger) -> Ids:
        """The ids of a plan's sub-questions in the ledger.

        Raises:
            BudgetExceeded: there are more new ones than may still be asked.
        """
        if self._left is not None:
            new = ledger.new(plan)
            if new > self._left:
                raise BudgetExceeded("The verifier has used up its checks.", "Raise the budget's checks.")
            self._left -= new
        return ledger.add(plan)

    async def _solve(self, ledger: Ledger, found: dict[str, Evidence]) -> None:
        """Answer what the ledger holds and has no evidence yet."""
        found |= await solve(ledger.tree, found, self._expert.answer)


class _Asked(NamedTuple):
    """What is asked about a claim: sub-questions by medium, and why there are none of the other media."""

    ids: dict[str, Ids]
    problem: str


class _Result(NamedTuple):
    claim: AtomicClaim
    medium: str
    ids: Ids
    judgement: Judgement


def _result(claim: AtomicClaim, asked: _Asked, found: Mapping[str, Evidence]) -> _Result:
    if not asked.ids:
        return _Result(claim, "", (), Judgement("unverifiable", asked.problem))
    judgements = {name: judge(claim, [found[id_] for id_ in ids]) for name, ids in asked.ids.items()}
    medium = over_media(claim, judgements)
    return _Result(claim, medium, asked.ids[medium], judgements[medium])


def _checked(result: _Result, more: Sequence[str], found: Mapping[str, Evidence]) -> CheckedClaim:
    judgement = result.judgement
    correction = judgement.correction
    if more:
        correction = corrected(result.claim, [found[id_] for id_ in more])
    return CheckedClaim(
        claim=result.claim,
        verdict=judgement.verdict,
        # What tells what is true instead comes last, though it may have been asked before.
        cites=(*(id_ for id_ in result.ids if id_ not in more), *dict.fromkeys(more)),
        reason=judgement.reason,
        correction=correction,
    )
