"""NLVR's sentences, with programs that verify on all of their scenes, as training examples: `kind: nlvr` of a mix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from visagent.core.errors import PlanError
from visagent.evaluation.benchmark import data_file, read_lines
from visagent_research.nlvr.benchmark import NlvrItem, judgements
from visagent_research.nlvr.learning import probabilities
from visagent_research.nlvr.model import readings, shipped_weights
from visagent_research.nlvr.plans import plan_of
from visagent_research.nlvr.programs import Interpreter
from visagent_research.nlvr.tools import diagram_tools
from visagent_training.data_source import Drawing, Drawn, ExampleSource, Refused
from visagent_training.examples import TrainingExample, plan_example
from visagent_training.expressions import Specs

LEAST_LIKELY = 0.1
"""Probability of the least likely reading of a sentence that may become a target. Right truth values are no proof: a
reading that ignores half of the words is right by chance now and then."""


class Nlvr(ExampleSource):
    """NLVR's sentences as plans over the tools of the mix and the diagram tools of this package."""

    kind: Literal["nlvr"]
    path: Path

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        items = read_lines(data_file(drawing.path(self.path)), NlvrItem)
        specs = {**drawing.specs, **{name: tool.spec for name, tool in diagram_tools().items()}}
        return nlvr_examples(items, shipped_weights(), specs, known=drawing.known)


def nlvr_examples(
    items: Sequence[NlvrItem], weights: Mapping[str, float], specs: Specs, *, known: Sequence[str] = ()
) -> Iterator[Drawn]:
    """One example a sentence whose likeliest right program is expressible with general tools.

    Nobody wrote these plans: of the programs that the sentence may mean, those are kept that give the right answer for
    every scene of the sentence, and the likeliest one becomes the target.

    Args:
        items: Sentences with gold scenes and labels.
        weights: Weights of the readings, for example `shipped_weights()`.
        specs: What the planner is shown, in order.
        known: Names of tools that the planner has memorised.
    """
    for sentence, judged in judgements(items):
        id_ = hashlib.sha256(sentence.encode()).hexdigest()[:12]
        yield _nlvr_example(id_, sentence, judged, weights, specs, known) or Refused(
            f"nlvr/{id_}", "no likely program over these tools is right in every scene"
        )


def _nlvr_example(
    id_: str, sentence: str, judged: Any, weights: Mapping[str, float], specs: Specs, known: Sequence[str]
) -> TrainingExample | None:
    found = readings(sentence)
    if not found:
        return None
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
        if not {str(step["tool"]) for step in steps} <= specs.keys():
            continue
        return plan_example(f"nlvr/{id_}", "nlvr", sentence, steps, list(specs.values()), {"image1": None}, known=known)
    return None
