"""From a statement to the one program that is run: candidates of the grammar, ranked by learned weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from visagent.core.errors import InputError
from visagent_research.nlvr.grammar import PRIOR, Candidate, candidates
from visagent_research.nlvr.learning import Lesson, learn, probabilities
from visagent_research.nlvr.programs import Interpreter, Program
from visagent_research.nlvr.scene import Scene

WEIGHTS = "weights.json"
_LEAST = 0.005
"""Weights that differ less from the prior are not worth storing."""


@cache
def readings(sentence: str) -> tuple[Candidate, ...]:
    """The candidates of a sentence; kept, because a benchmark asks a sentence several times."""
    return tuple(candidates(sentence))


def best_program(sentence: str, weights: Mapping[str, float]) -> Program | None:
    """The most likely program; None where the grammar finds none."""
    found = readings(sentence)
    if not found:
        return None
    return found[int(probabilities([one.features for one in found], weights).argmax())].program


def train(examples: Iterable[tuple[str, Sequence[tuple[Scene, bool]]]]) -> dict[str, float]:
    """Weights from statements and whether people called them true of scenes.

    Args:
        examples: A sentence with scenes and truths, each sentence once.
    """
    lessons = []
    for sentence, judged in examples:
        if found := readings(sentence):
            said = np.array([truth for _, truth in judged])
            interpreters = [Interpreter(scene) for scene, _ in judged]
            truths = np.array([[one.truth(candidate.program) for one in interpreters] for candidate in found])
            lessons.append(Lesson([candidate.features for candidate in found], truths == said))
    return learn(lessons, PRIOR)


def shipped_weights() -> dict[str, float]:
    """The weights that come with visagent, learned from all development sentences.

    Raises:
        InputError: they are missing from the installation.
    """
    file = files("visagent_research.nlvr") / WEIGHTS
    try:
        stored = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError("The NLVR weights are missing.", "Learn them: visagent_research.nlvr.model.train.") from error
    return {**PRIOR, **{name: float(value) for name, value in stored["weights"].items()}}


def to_json(weights: Mapping[str, float], about: str) -> str:
    """Weights as the text of a file that `shipped_weights` reads.

    Args:
        weights: What was learned.
        about: Source of the weights, and their licence.
    """
    kept = {
        name: round(value, 3) for name, value in sorted(weights.items()) if abs(value - PRIOR.get(name, 0.0)) >= _LEAST
    }
    return json.dumps({"about": about, "weights": kept}, indent=0, ensure_ascii=False) + "\n"
