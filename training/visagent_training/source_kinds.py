"""The sources of examples that come with visagent: runs and what they verified, questions, tools, grammar, MIMIC-IT."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from visagent_training.data_source import Drawing, Drawn, ExampleSource, Refused
from visagent_training.described import described_examples
from visagent_training.examples import SPLITS, Split, TrainingExample
from visagent_training.mimic_it import mimic_examples
from visagent_training.sources import (
    question_examples,
    read_traces,
    synthetic_examples,
    trace_example,
    unanswerable_examples,
)
from visagent_training.verified_sentences import instruction_examples, sentence_examples


class Traces(ExampleSource):
    """Runs of the agent: a file of `--trace`, or a folder of runs; this machine's own runs without a path."""

    kind: Literal["traces"]
    path: Path | None = None

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        from visagent.core.config_files import home

        for trace in read_traces(drawing.path(self.path) if self.path is not None else home() / "runs"):
            yield trace if isinstance(trace, Refused) else trace_example(trace, drawing.specs, known=drawing.known)


class Questions(ExampleSource):
    """A person's questions with their plans; see `visagent_training.sources.question_examples`."""

    kind: Literal["questions"]
    path: Path

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        return question_examples(drawing.path(self.path), drawing.specs, known=drawing.known)


class Synthetic(ExampleSource):
    """Questions of the grammar over the first-party tools; the held-out ones use other words and nouns."""

    kind: Literal["synthetic"]
    count: Annotated[int, Field(ge=1)] = 500

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        added = [drawing.specs[name] for name in drawing.added]
        first_party = {name: spec for name, spec in drawing.specs.items() if name not in drawing.added}
        held_out = {"validation": round(self.count * drawing.validation), "test": round(self.count * drawing.test)}
        for split in SPLITS:
            count = held_out.get(split, self.count - sum(held_out.values()))
            yield from synthetic_examples(first_party, split, drawing.seed, count, also=added, known=drawing.known)

    def split(self, example: TrainingExample, drawing: Drawing) -> Split:
        """The split whose words the question was made of."""
        return example.split


class Described(ExampleSource):
    """Questions for tools of which only schema and docstring are known: a person's own, or `only`."""

    kind: Literal["described"]
    count: Annotated[int, Field(ge=1)] = 300
    only: tuple[str, ...] = ()

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        asked = drawing.asked(self.only)
        return described_examples(drawing.specs, asked, drawing.seed, self.count, known=drawing.known)

    def split(self, example: TrainingExample, drawing: Drawing) -> Split:
        """Machine-made questions are learned from; what is measured is what people ask."""
        return "train"


class Instruct(ExampleSource):
    """Questions that a profile's controller model proposes for the same tools; kept if their plans compile."""

    kind: Literal["instruct"]
    profile: str = "embedded"
    count: Annotated[int, Field(ge=1)] = 50
    only: tuple[str, ...] = ()

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        yield from asyncio.run(self._proposed(drawing))

    def split(self, example: TrainingExample, drawing: Drawing) -> Split:
        """Machine-made questions are learned from; what is measured is what people ask."""
        return "train"

    async def _proposed(self, drawing: Drawing) -> list[Drawn]:
        from visagent.evaluation.benchmark import Source
        from visagent_training.instruct import propose

        asked = drawing.asked(self.only)
        model = Source(Path(), profile=self.profile).planner()
        try:
            proposals = propose(model, drawing.specs, asked, drawing.seed, self.count, known=drawing.known)
            return [drawn async for drawn in proposals]
        finally:
            model.close()


class Sentences(ExampleSource):
    """Supported sentences of runs, with contradicted ones on the same question; see `verified_sentences`."""

    kind: Literal["sentences"]
    path: Path

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        return sentence_examples(drawing.path(self.path))


class Negatives(ExampleSource):
    """Questions about what runs found to be there and not to be there, with their answers; see `verified_sentences`."""

    kind: Literal["negatives"]
    path: Path

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        return instruction_examples(drawing.path(self.path))


class MimicIt(ExampleSource):
    """Rows of MIMIC-IT; see `visagent_training.mimic_it`."""

    kind: Literal["mimic-it"]
    path: Path
    images: Path

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`; the pictures are put where trainers look for them."""
        from visagent.core.config_files import home
        from visagent.media.store import MediaStore

        return mimic_examples(drawing.path(self.path), drawing.path(self.images), MediaStore(home() / "media"))


class Unanswerable(ExampleSource):
    """Negatives made of the questions of the sources before it: a tool or a medium that they need is missing."""

    kind: Literal["unanswerable"]
    count: Annotated[int, Field(ge=1)] = 40

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        return unanswerable_examples(drawing.before, drawing.seed, self.count, keep=drawing.known)

    def split(self, example: TrainingExample, drawing: Drawing) -> Split:
        """The split of the question that it was made of: the same words stand in the same split."""
        return example.split
