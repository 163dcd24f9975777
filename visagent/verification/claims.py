"""Atomic claims: the smallest things a text says of media that an expert can check. Knows no tool and no language.

The kinds are Woodpecker's (arXiv 2310.16045) and FaithScore's (arXiv 2311.01477), with text and speech beside them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from visagent.evidence.answer import Usage, Verdict
from visagent.evidence.tree import NodeId, QuestionTree
from visagent.evidence.values import Evidence, Frozen
from visagent.media.media import MediaInfo

ClaimKind = Literal["existence", "count", "attribute", "relation", "text", "speech", "other"]
Comparison = Literal["=", ">=", "<=", ">", "<"]
Relation = Literal["left_of", "right_of", "above", "below", "inside", "overlaps"]
Color = Literal["black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white", "yellow"]
Part = Literal["left", "right", "top", "bottom", "center", "top_left", "top_right", "bottom_left", "bottom_right"]
Span = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
"""First character, and the one after the last, in the text."""


class AtomicClaim(Frozen):
    """One thing that a text says.

    Attributes:
        kind: `existence`: there is such a thing; `count`: how many; `attribute`: of which color; `relation`: where it
            stands to another thing, or in which part of the picture; `text`: what is written; `speech`: what is said;
            `other`: what no expert checks.
        words: Shown to a person, for example `three dogs`.
        sentence: Where the sentence stands that says so.
        noun: What it is about, as experts take it: an English noun in the singular where there is one.
        negated: Whether the text denies it.
        number: The number that is claimed, of a count.
        comparison: How the true number compares with it: `>=` for "at least".
        color: Color of an attribute, or of the things that are counted.
        relation: To `other`.
        other: The second noun of a relation.
        part: Part of the picture, of a relation to the picture itself.
        quote: What is said to be written or spoken; empty where only some text or speech is said to be there.
        place: The characters that a correction replaces: the number, the color, the relation or the quotation.
        noun_place: The characters of the noun, which has to agree with a corrected number.
    """

    kind: ClaimKind
    words: str
    sentence: Span
    noun: str = ""
    negated: bool = False
    number: Annotated[int, Field(ge=0)] | None = None
    comparison: Comparison = "="
    color: Color | None = None
    relation: Relation | None = None
    other: str = ""
    part: Part | None = None
    quote: str = ""
    place: Span | None = None
    noun_place: Span | None = None


class CheckedClaim(Frozen):
    """A claim with what the experts' evidence says of it.

    Attributes:
        claim: What was said.
        verdict: Whether evidence bears it out.
        cites: Ids of the evidence.
        reason: Why it is contradicted or cannot be verified, in one sentence.
        correction: What stands there instead, by evidence: a number, a color, a relation or a text; empty where the
            evidence names none.
    """

    claim: AtomicClaim
    verdict: Verdict
    cites: tuple[NodeId, ...] = ()
    reason: str = ""
    correction: str = ""


class Faithfulness(Frozen):
    """How far a text is true to media.

    Attributes:
        text: The text as given.
        language: `en` or `zh`.
        claims: What it says, each with its verdict, in the text's order.
        repaired: The text with what is wrong corrected or cut and what cannot be verified marked; None where nothing
            of it could be kept, so that the verifier abstains.
        tree: What the experts were asked.
        evidence: What they found, by the tree's ids.
        media: Media by the names that the tree uses.
        usage: What the check cost.
    """

    text: str
    language: str
    claims: tuple[CheckedClaim, ...]
    repaired: str | None
    tree: QuestionTree
    evidence: dict[str, Evidence] = Field(default_factory=dict)
    media: dict[str, MediaInfo] = Field(default_factory=dict)
    usage: Usage = Usage()

    @property
    def score(self) -> float | None:
        """Supported claims as a part of those that could be checked (after FaithScore); None where none could."""
        checkable = [checked for checked in self.claims if checked.verdict != "unverifiable"]
        if not checkable:
            return None
        return sum(checked.verdict == "supported" for checked in checkable) / len(checkable)

    @property
    def verdict(self) -> Verdict:
        """Verdict of the whole text: contradicted if any claim is, supported if every claim is."""
        return overall([checked.verdict for checked in self.claims])


def overall(verdicts: list[Verdict]) -> Verdict:
    """The verdict on several claims together; on none it is `unverifiable`."""
    if "contradicted" in verdicts:
        return "contradicted"
    return "supported" if verdicts and set(verdicts) == {"supported"} else "unverifiable"
