"""NLVR: is a sentence true of a picture of three panels with shapes? Answered from pixels, or from the gold scene.

The format is that of github.com/lil-lab/nlvr (Suhr et al. 2017, ACL): a JSON-lines file with the pictures beside it.
Each picture shows the scene with its panels in another order. Perception is two general tools, `segment_shapes` and
`panels`; the statement becomes a program (`grammar.py`), which is run on what was seen.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from visagent.core.errors import InputError, VisagentError
from visagent.evaluation.benchmark import PROFILE, Predictor, Source, data_file, read_lines
from visagent.evaluation.bootstrap import Estimate, mean, ratio
from visagent.evidence.values import Boolean, Crop, Frozen
from visagent.media.media import Media
from visagent.tools.toolkit import Tool
from visagent_research.metrics import nlvr_scores
from visagent_research.nlvr.model import best_program, shipped_weights, train
from visagent_research.nlvr.programs import Interpreter
from visagent_research.nlvr.scene import Scene, scene_of_boxes, scene_of_record
from visagent_research.nlvr.tools import diagram_tools

FOLDS = 5
SEED = 0
_NEAR = 1.0
"""Pixels by which a box may be off and still be right."""


class NlvrItem(BaseModel):
    """A sentence, a scene and whether people called the one true of the other; other fields are ignored."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)
    id: str
    group: str
    sentence: str
    label: Literal["true", "false"]
    images: tuple[str, ...] = ()
    structured_rep: tuple[tuple[dict[str, Any], ...], ...] = ()

    @property
    def gold(self) -> bool:
        """Whether the sentence is true."""
        return self.label == "true"

    @property
    def scene(self) -> Scene:
        """The gold scene."""
        return scene_of_record(self.structured_rep)


class NlvrPrediction(Frozen):
    """What was said of each picture of an item; of its gold scene, where pictures were not looked at.

    Attributes:
        truths: One a picture, in the item's order.
        program: What was run; empty where no program was.
        seen: The shapes of each panel, for each picture that was looked at, for example "yellow circle 7 0 17 10".
    """

    truths: tuple[bool, ...]
    program: str = ""
    seen: tuple[tuple[tuple[str, ...], ...], ...] = ()


class NlvrBenchmark:
    """Sentences about pictures of shapes; see `Benchmark`.

    Predictors: `pixels` reads the picture and runs the program that the shipped weights find likeliest; `scenes` runs
    it on the gold scene. `pixels-cv` and `scenes-cv` learn the weights instead, in five folds by sentence, from other
    folds' sentences, gold scenes and labels, and from `train` where it is given. `always-true` is the floor. `profile`
    asks the whole agent.

    Args:
        tools: Where `segment_shapes` and `panels` are; None for those of this package.
    """

    name = "nlvr"
    predictors = ("pixels", "scenes", "pixels-cv", "scenes-cv", "always-true", PROFILE)

    def __init__(self, tools: Mapping[str, Tool] | None = None) -> None:
        self._tools = tools
        self._seen: dict[Path, Scene] = {}

    def load(self, path: Path) -> Sequence[NlvrItem]:
        """See `Benchmark.load`."""
        return read_lines(data_file(path), NlvrItem)

    def predictor(self, name: str, source: Source, items: Sequence[NlvrItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        if name == "always-true":
            return _always_true
        folder = data_file(source.path).parent
        if name == PROFILE:
            return _ask_agent(folder, source.profile)
        if name.endswith("-cv"):
            extra = self.load(source.train) if source.train is not None else ()
            weights = cross_validated_weights(items, extra)
        else:
            shipped = shipped_weights()
            weights = defaultdict(lambda: shipped)
        tools = self._tools if self._tools is not None or name.startswith("scenes") else diagram_tools()

        async def predict(item: NlvrItem) -> NlvrPrediction:
            program = best_program(item.sentence, weights[item.group])
            if name.startswith("pixels"):
                assert tools is not None
                scenes = [self._see(folder / image, tools) for image in _pictures(item)]
            else:
                scenes = [item.scene]
            # A sentence that nothing can be made of is called true, which is the commoner label.
            truths = [program is None or Interpreter(scene).truth(program) for scene in scenes]
            if name.startswith("pixels"):
                seen = tuple(described(scene) for scene in scenes)
                return NlvrPrediction(truths=tuple(truths), program=repr(program), seen=seen)
            return NlvrPrediction(truths=tuple(truths) * max(1, len(item.images)), program=repr(program))

        return predict

    def _see(self, picture: Path, tools: Mapping[str, Tool]) -> Scene:
        if picture not in self._seen:
            self._seen[picture] = see(picture, tools)
        return self._seen[picture]

    def score(
        self, items: Sequence[NlvrItem], predictions: Sequence[NlvrPrediction], source: Source
    ) -> Mapping[str, Estimate]:
        """Accuracy over pictures and consistency over sentences; see `Benchmark.score`.

        Where pictures were looked at, also how well: the share of shapes found with their right colour, kind and place,
        and of pictures read without any error.
        """
        right: dict[str, list[bool]] = defaultdict(list)
        shapes, pictures = [], []
        for item, prediction in zip(items, predictions, strict=True):
            right[item.group] += [truth == item.gold for truth in prediction.truths]
            gold = described(item.scene) if prediction.seen else ()
            for seen in prediction.seen:
                found, total, wrong = compare_scenes(seen, gold)
                shapes.append((float(found), float(total)))
                pictures.append(float(found == total and not wrong))
        scores = nlvr_scores(right)
        if pictures:
            scores |= {"shapes right": ratio(shapes), "pictures right": mean(pictures)}
        return scores


def cross_validated_weights(
    items: Sequence[NlvrItem], extra: Sequence[NlvrItem] = ()
) -> Mapping[str, Mapping[str, float]]:
    """For each sentence group, weights learned without it.

    Args:
        items: What is to be predicted, in folds by group; a sentence that two groups share falls into one fold.
        extra: More to learn from in every fold, except sentences that are to be predicted.
    """
    sentences = sorted({item.sentence.strip().lower() for item in items})
    random.Random(SEED).shuffle(sentences)
    fold = {sentence: place % FOLDS for place, sentence in enumerate(sentences)}
    others = [item for item in extra if item.sentence.strip().lower() not in fold]
    learned = [
        train(judgements([*(item for item in items if fold[item.sentence.strip().lower()] != left_out), *others]))
        for left_out in range(FOLDS)
    ]
    return {item.group: learned[fold[item.sentence.strip().lower()]] for item in items}


def judgements(items: Sequence[NlvrItem]) -> list[tuple[str, list[tuple[Scene, bool]]]]:
    """Sentences with their gold scenes and labels, each group once: what `train` learns from."""
    groups: dict[tuple[str, str], list[tuple[Scene, bool]]] = defaultdict(list)
    for item in items:
        groups[item.group, item.sentence].append((item.scene, item.gold))
    return [(sentence, judged) for (_, sentence), judged in groups.items()]


def see(picture: Path, tools: Mapping[str, Tool]) -> Scene:
    """The scene that a picture shows.

    Args:
        picture: An image file.
        tools: Where `segment_shapes` and `panels` are.

    Raises:
        MediaError: the file is missing or no image.
        MissingDependency: OpenCV is not installed.
    """
    # Held by name: a crop knows its picture by hash alone, and a medium that nobody holds is forgotten.
    medium = Media.load(picture)
    whole = Crop.whole(medium)
    return scene_of_boxes(tools["panels"](whole).boxes, tools["segment_shapes"](whole).boxes)


def described(scene: Scene) -> tuple[tuple[str, ...], ...]:
    """The shapes of each panel in words and pixels of the panel, for example "yellow circle 7 0 17 10"."""
    lines: list[list[str]] = [[] for _ in scene.panels]
    for shape in scene.shapes:
        left, top = scene.panels[shape.panel][:2]
        x1, y1, x2, y2 = shape.xyxy
        place = " ".join(f"{value:g}" for value in (x1 - left, y1 - top, x2 - left, y2 - top))
        lines[shape.panel].append(f"{shape.color} {shape.kind} {place}")
    return tuple(tuple(sorted(panel)) for panel in lines)


def compare_scenes(seen: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> tuple[int, int, int]:
    """How many gold shapes were seen, how many there are, and how many were seen that are not there.

    Panels may stand in another order: the one in which most agrees counts. A box may be off by a pixel on each side.
    """
    total = sum(map(len, gold))
    panels = [*seen, *[()] * max(0, len(gold) - len(seen))]
    hits = max(
        sum(_shared(panels[place], panel) for place, panel in zip(order, gold, strict=True))
        for order in permutations(range(len(panels)), len(gold))
    )
    return hits, total, sum(map(len, seen)) - hits


def _shared(seen: Sequence[str], gold: Sequence[str]) -> int:
    exact = sum((Counter(seen) & Counter(gold)).values())
    if exact == len(gold):
        return exact
    left, hits = [line.split() for line in seen], 0
    for line in map(str.split, gold):
        for other in left:
            if line[:2] == other[:2] and all(
                abs(float(a) - float(b)) <= _NEAR for a, b in zip(line[2:], other[2:], strict=True)
            ):
                left.remove(other)
                hits += 1
                break
    return hits


def _pictures(item: NlvrItem) -> Sequence[str]:
    """The item's pictures.

    Raises:
        InputError: there are none.
    """
    if not item.images:
        raise InputError(f"NLVR item {item.id} has no images.", "Use the predictor scenes, or data with images.")
    return item.images


async def _always_true(item: NlvrItem) -> NlvrPrediction:
    return NlvrPrediction(truths=(True,) * max(1, len(item.images)))


def _ask_agent(folder: Path, profile: str | None) -> Predictor:
    from visagent.agent.agent import Agent

    agent = Agent(profile)

    async def predict(item: NlvrItem) -> NlvrPrediction:
        truths, program = [], ""
        for image in _pictures(item):
            try:
                answer = await agent.aask(f"Is it true that: {item.sentence}", folder / image)
            except VisagentError as error:
                truths.append(True)
                program = str(error)
                continue
            values = [answer.evidence[sink].value for sink in answer.tree.sinks if sink in answer.evidence]
            said = [value.value for value in values if isinstance(value, Boolean)]
            truths.append(said[0] if said else True)
            program = "; ".join(str(node.solver) for node in answer.tree.nodes)
        return NlvrPrediction(truths=tuple(truths), program=program)

    return predict
