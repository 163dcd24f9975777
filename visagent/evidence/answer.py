"""What a person gets: the answer, sentence by sentence, with the evidence it cites. Knows no tool."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, JsonValue, ValidationError, model_validator

from visagent.core.errors import InputError
from visagent.core.validation import first_problem
from visagent.evidence.tree import NodeId, QuestionTree
from visagent.evidence.values import Evidence, Frozen
from visagent.media.media import Media, MediaInfo

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

VERSION: Literal[1] = 1
"""Version of the stored form; a reader refuses any other."""
NOTEBOOK_PIXELS = 900
"""Longest side of a picture in a notebook, which is kept in the notebook's file."""

Verdict = Literal["supported", "contradicted", "unverifiable"]


class Claim(Frozen):
    """One sentence of an answer, with its citations.

    Attributes:
        text: Text as it is shown, citations included: `There are 2 dogs [q2].`
        cites: Ids of the evidence that it cites.
        verdict: What the verifier found; `unverifiable` until it has looked.
        before: What parts it from the sentence before: a space, or the line breaks of a list or a paragraph and what
            the new line is indented by.
    """

    text: str
    cites: tuple[NodeId, ...] = ()
    verdict: Verdict = "unverifiable"
    before: Annotated[str, Field(pattern=r"^\s+$")] = " "


def text_of(claims: Iterable[Claim]) -> str:
    """The text that claims make up, line by line as it was said."""
    return "".join(claim.before * bool(place) + claim.text for place, claim in enumerate(claims))


class Usage(Frozen):
    """What a run cost.

    Attributes:
        seconds: Wall-clock time.
        tool_calls: Experts asked.
        cached_calls: Number of these calls that were answered from the cache.
        model_calls: Calls of language models.
        prompt_tokens: Read by them.
        cached_tokens: Number of these tokens that were in a key-value cache.
        generated_tokens: Written by them.
    """

    seconds: float = Field(default=0.0, ge=0)
    tool_calls: int = Field(default=0, ge=0)
    cached_calls: int = Field(default=0, ge=0)
    model_calls: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    generated_tokens: int = Field(default=0, ge=0)


class Answer(Frozen):
    """An answer with its claims, tree and evidence: serialisable, and enough to replay or to learn from.

    Attributes:
        version: Version of the stored form.
        run_id: Id of the run that gave it.
        question: Question as the person put it.
        text: What the person reads.
        status: Whether there is an answer.
        reason: Why there is none; empty where there is.
        claims: The text, sentence by sentence.
        tree: The question tree.
        evidence: Evidence by sub-question id.
        media: Media by the names that the tree uses, such as `image1`.
        usage: What it cost.
        mode: How the run went about it: `tree`, `chain`, `infill`, `direct` or `auto`.
        profile: Name of the profile.
        created: When, in UTC.
        parent: The run that this one follows up or revises.
        result: The answer in the form that was asked for; None where none was, or the evidence gives none.
    """

    version: Literal[1] = VERSION
    run_id: str
    question: str
    text: str
    status: Literal["answered", "unanswered"]
    reason: str = ""
    claims: tuple[Claim, ...] = ()
    tree: QuestionTree
    evidence: dict[str, Evidence] = Field(default_factory=dict)
    media: dict[str, MediaInfo] = Field(default_factory=dict)
    usage: Usage = Usage()
    mode: str = ""
    profile: str = ""
    created: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    parent: str | None = None
    result: JsonValue = None

    @model_validator(mode="after")
    def _answered_by_claims(self) -> Self:
        if self.status == "answered" and not self.claims:
            raise ValueError("an answer that counts as one has a claim")
        return self

    def __str__(self) -> str:
        return self.text

    @property
    def confidence(self) -> float | None:
        """Confidence of the least sure evidence which a cited one is or rests on; None where none has one."""
        cited = {id_ for claim in self.claims for id_ in claim.cites if id_ in self.tree.graph}
        known = (self.evidence[id_].confidence for id_ in self.tree.with_needs(cited) if id_ in self.evidence)
        return min((value for value in known if value is not None), default=None)

    @property
    def faithfulness(self) -> float | None:
        """Supported sentences as a part of those that could be checked (after FaithScore); None where none could."""
        checked = [claim.verdict for claim in self.claims if claim.verdict != "unverifiable"]
        return checked.count("supported") / len(checked) if checked else None

    def to_json(self, indent: int | None = None) -> str:
        """As JSON text that `from_json` reads back to an equal answer."""
        return self.model_dump_json(indent=indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> Answer:
        """Read what `to_json` wrote.

        Raises:
            InputError: it is no answer, or one of a version that this release does not know.
        """
        try:
            data: Any = json.loads(text)
        except ValueError as error:
            raise InputError(f"This is not an answer: {error}.", "Pass what Answer.to_json() wrote.") from error
        version = data.get("version") if isinstance(data, dict) else None
        if version != VERSION:
            raise InputError(
                f"This answer has the version {version!r}, and this release of visagent reads version {VERSION}.",
                "Read it with the release that wrote it, or ask again.",
            )
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InputError(
                f"This is not an answer: {first_problem(error)}.", "It may be damaged; ask again."
            ) from error

    def hold(self, media: Iterable[Media]) -> Answer:
        """Keep media loaded as long as this answer lives, so that its pictures can be drawn; returns the answer."""
        # Beside the fields, where a cached property would lie: no part of the record, of JSON or of equality.
        object.__setattr__(self, "_held", tuple(media))
        return self

    def annotate(self, name: str | None = None) -> PILImage:
        """A picture with what the answer rests on drawn in: see `visagent.reporting.drawing`.

        Args:
            name: Name of the medium, such as `image2`; None for the first one in which something was found.

        Raises:
            InputError: there is no such medium, or none with a picture.
            MissingInput: the medium is not loaded in this process.
        """
        from visagent.reporting.drawing import annotate

        return annotate(self, name)

    def show(self) -> None:
        """Show the answer to a person: picture, text and tree in a notebook, the tree and the text in a terminal."""
        if _in_notebook():
            from importlib import import_module

            import_module("IPython.display").display(self)
            return
        from visagent.core.terminal import terminal

        console = terminal()
        console.print(self.tree.to_rich(self.evidence))
        console.print(self.text)

    def _repr_markdown_(self) -> str:
        """For notebooks: the answer, and below it the tree, where there is one."""
        if not self.tree.nodes:
            return _escaped(self.text)
        return f"{_escaped(self.text)}\n\n```text\n{self.tree.to_text(self.evidence).replace('```', '')}\n```"

    def _repr_html_(self) -> str:
        """For notebooks: the picture with the evidence on it, the answer, and the tree, where there is one."""
        from html import escape

        shown = f'{self._picture_html()}<p style="white-space: pre-wrap">{escape(self.text)}</p>'
        if not self.tree.nodes:
            return shown
        tree = escape(self.tree.to_text(self.evidence))
        return f"{shown}<details open><summary>{escape(self.question)}</summary><pre>{tree}</pre></details>"

    def _picture_html(self) -> str:
        """The annotated picture inside the page; empty for sound, and where the media are no longer loaded."""
        from visagent.core.encoding import data_uri
        from visagent.core.errors import VisagentError
        from visagent.media.pictures import encode_picture

        try:
            picture = self.annotate()
        except VisagentError:
            return ""
        picture.thumbnail((NOTEBOOK_PIXELS, NOTEBOOK_PIXELS))
        uri = data_uri("image/jpeg", encode_picture(picture, "JPEG", quality=90))
        return f'<img alt="What the answer rests on, drawn into the picture" src="{uri}">'


def _escaped(text: str) -> str:
    """Text in which Markdown sees no markup and no address; a line's end stays one."""
    signs = "".join(f"\\{char}" if char in "\\`*_{}[]<>#|!~:@\n" else char for char in text)
    return re.sub(r"(?i)(www)\.", r"\1\\.", signs)


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
