"""Multimodal in-context learning: which demonstrations a controller is shown for a question, and in which form.

A demonstration that misleads is worse than none (Jeong 2023), so a candidate has to fit before it may compete: its plan
compiles with the tools and the media of the question at hand, its evidence is what its tools give, and it is alike
enough. Of those, maximal marginal relevance (Carbonell and Goldstein 1998) picks some that are alike and yet differ.

Planning comes before reading (docs/architecture.md), so of a demonstration the controller sees the question, the plan
and, if the model takes pictures and a person vouched for it, the pictures: never its evidence or its answer, which may
quote what somebody wrote into a picture. Knows no tool and no backend.
"""

from __future__ import annotations

import json
import math
import random
import zlib
from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeVar

import numpy as np

from visagent.core.config import Demonstrations
from visagent.core.errors import InputError, PlanError, VisagentError
from visagent.evidence.values import Crop
from visagent.media.media import Media, MediaInfo
from visagent.models.protocol import Message, Part
from visagent.planning.demonstrations import Demonstration, DemonstrationStore
from visagent.planning.embedding import Matrix, NgramEmbedder, VectorFile, picture_embedder, picture_vectors
from visagent.planning.plan_language import write_plan
from visagent.planning.prompts import render
from visagent.tools.toolkit import Tool

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

FLOOR = 0.1
"""Likeness below which a demonstration is left out: on the held-out planning set, plans of demonstrations below it have
less in common with the right one than those of random demonstrations (docs/reasoning.md)."""
RELEVANCE = 0.7
"""Weight of likeness to the question in maximal marginal relevance; the rest is for unlikeness to those chosen."""
PICTURES = 0.2
"""Weight of the pictures' likeness where both have one; what a question asks tells more about its plan."""
LONGEST_SIDE = 336
"""Pixels of a demonstration's picture as a model is shown it: enough to see what it is about."""
PATCH = 28
"""Pixels a side of what costs a vision-language model one token (Qwen2-VL, arXiv:2409.12191)."""
REMEMBERED = 512
"""Pictures' vectors, and combinations of tools and media, that a retriever keeps."""
BYTES_A_TOKEN = 2.8
"""UTF-8 bytes a token, for questions and plans: measured with SmolLM2, on the side of too many tokens."""


_REMEMBERING = Lock()


class Retrieved(NamedTuple):
    """A demonstration that was chosen.

    Attributes:
        demonstration: The whole of it.
        likeness: To the question, 0 to 1.
        tokens: About how many it takes in the prompt.
    """

    demonstration: Demonstration
    likeness: float
    tokens: int


class Retriever:
    """Chooses demonstrations for a question.

    Args:
        store: Where they are kept.
        settings: How many, and how they are chosen.
        kept: Where vectors of their pictures are kept; None for nowhere.
    """

    def __init__(self, store: DemonstrationStore, settings: Demonstrations, kept: VectorFile | None = None) -> None:
        self._kept = kept
        self.store, self.settings = store, settings
        # By language, with the list that they were made from.
        self._texts: dict[str, tuple[list[Demonstration], NgramEmbedder, Matrix]] = {}
        self._pictures: dict[str, Matrix] = {}
        self._fitting: dict[Hashable, tuple[list[Demonstration], list[int]]] = {}

    def choose(
        self,
        question: str,
        media: Mapping[str, MediaInfo],
        tools: Mapping[str, Tool],
        language: str,
        *,
        pictures: bool = False,
        k: int | None = None,
    ) -> list[Retrieved]:
        """The demonstrations for a question, the most alike last: next to the question they weigh most.

        Args:
            question: Question as the person put it.
            media: Media by the names that its plan may use; pictures are compared where they are loaded in this
                process.
            tools: What its plan may call.
            language: Language of the demonstrations.
            pictures: Whether the model is shown their pictures, which take tokens.
            k: Most demonstrations that are shown; None for the settings' own.

        Raises:
            InputError: a file of demonstrations is not of the right form.
        """
        wanted = (self.settings.k or 0) if k is None else k
        if wanted == 0:
            return []
        everything = self.store.all(language)
        fitting = self._places(everything, language, tools, media)
        texts, words, alike = self.likeness(question, media, everything, language)
        if self.settings.choice == "random":
            # The same question gets the same ones, so that a run can be repeated.
            order = random.Random(zlib.crc32(question.encode())).sample(fitting, len(fitting))
        else:
            order = diverse([place for place in fitting if words[place] >= FLOOR], alike, texts, wanted)
        chosen: list[Retrieved] = []
        left = self.settings.tokens
        for place in order[:wanted]:
            tokens = self.tokens(everything[place], pictures=pictures)
            if tokens <= left:
                chosen.append(Retrieved(everything[place], float(min(1.0, max(0.0, alike[place]))), tokens))
                left -= tokens
        return sorted(chosen, key=lambda one: one.likeness)

    def messages(
        self, chosen: Sequence[Retrieved], tools: Mapping[str, Tool], *, pictures: bool, nested: bool = False
    ) -> list[Message]:
        """Demonstrations as turns of a chat: a question with its pictures before it, and the plan in reply.

        Args:
            chosen: What to show, in this order.
            tools: What plans may call.
            pictures: Whether the model takes pictures; those that nobody vouched for are left out even so.
            nested: Whether plans are nested calls and not JSON.
        """
        specs = {name: tool.spec for name, tool in tools.items()}
        turns: list[Message] = []
        for demonstration, _, _ in chosen:
            asked = render("controller_question", media=list(demonstration.media), question=demonstration.question)
            shown: list[Part] = [*self._pictures_of(demonstration)] if pictures else []
            plan = write_plan(demonstration.plan, specs) if nested else _json(demonstration)
            turns.append(Message("user", (*shown, asked) if shown else asked))
            turns.append(Message("assistant", plan))
        return turns

    def tokens(self, demonstration: Demonstration, *, pictures: bool) -> int:
        """About how many tokens a demonstration takes in the prompt."""
        total = estimated_tokens(demonstration.question) + estimated_tokens(_json(demonstration)) + 20
        for crop in self._pictures_of(demonstration) if pictures else ():
            x1, y1, x2, y2 = crop.xyxy
            total += math.ceil((x2 - x1) * crop.scale / PATCH) * math.ceil((y2 - y1) * crop.scale / PATCH)
        return total

    def _pictures_of(self, demonstration: Demonstration) -> list[Crop]:
        """The pictures that a model may be shown, small."""
        if demonstration.origin == "run":
            return []
        names = [name for name, info in demonstration.media_infos.items() if info.kind == "image"]
        found = (self.store.medium(demonstration, name) for name in names)
        wholes = [Crop.whole(medium) for medium in found if medium is not None]
        return [whole.model_copy(update={"scale": min(1.0, LONGEST_SIDE / max(whole.xyxy))}) for whole in wholes]

    def _places(
        self,
        everything: list[Demonstration],
        language: str,
        tools: Mapping[str, Tool],
        media: Mapping[str, MediaInfo],
    ) -> list[int]:
        """Which demonstrations fit: checking all their plans takes longer than most steps of a run."""
        given = tuple((name, info.kind, info.has_audio) for name, info in media.items())
        key = language, given, tuple((name, tool.spec.fingerprint) for name, tool in tools.items())
        known = self._fitting.get(key)
        if known is None or known[0] is not everything:
            known = everything, [place for place, one in enumerate(everything) if fits(one, tools, media)]
            _remember(self._fitting, key, known)
        return known[1]

    # How alike two questions are.

    def likeness(
        self, question: str, media: Mapping[str, MediaInfo], everything: list[Demonstration], language: str
    ) -> tuple[Matrix, Matrix, Matrix]:
        """The demonstrations' texts as vectors, and how alike each is to the question: its words alone, and in all."""
        kept = self._texts.get(language)
        if kept is None or kept[0] is not everything:
            texts = [one.question for one in everything]
            embedder = NgramEmbedder(texts)
            self._texts[language] = kept = everything, embedder, embedder(texts)
        _, embed, known = kept
        vector = embed([question])[0]
        # A question has some fifty of the columns.
        columns = np.flatnonzero(vector)
        words: Matrix = known[:, columns] @ vector[columns]
        likeness = words.copy()
        asked = (Media.loaded(info.hash) for info in media.values() if info.kind == "image")
        seen = self._picture(next(asked, None))
        if seen is None:
            return known, words, likeness
        for place, one in enumerate(everything):
            shown = (self.store.medium(one, name) for name, info in one.media_infos.items() if info.kind == "image")
            other = self._picture(next(shown, None), keep=True)
            if other is not None:
                likeness[place] = (1 - PICTURES) * words[place] + PICTURES * float(seen @ other)
        return known, words, likeness

    def _picture(self, picture: Media | None, *, keep: bool = False) -> Matrix | None:
        """A picture as a vector; None where there is none, or nobody to embed it. Those of demonstrations are kept."""
        embed = picture_embedder()
        if picture is None or embed is None:
            return None
        vector = self._pictures.get(picture.hash)
        if vector is None:
            kept = self._kept if keep else None
            vector = kept.get(picture.hash) if kept is not None else None
            if vector is None:
                try:
                    vector = embed([picture.image()])[0]
                except VisagentError:
                    # Where the network cannot be run, questions alone have to do.
                    return None
                if kept is not None:
                    kept.put({picture.hash: vector})
            _remember(self._pictures, picture.hash, vector)
        return vector


def _remember(memory: dict[K, T], key: K, value: T) -> None:
    """Keep a value, and drop the oldest ones beyond `REMEMBERED`."""
    with _REMEMBERING:
        memory[key] = value
        while len(memory) > REMEMBERED:
            memory.pop(next(iter(memory)))


@lru_cache(maxsize=8)
def open_retriever(home: Path, settings: Demonstrations) -> Retriever:
    """A retriever over the packaged demonstrations and those of a person; the same one each time, which remembers.

    Args:
        home: visagent's folder.
        settings: Settings of the profile.
    """
    return Retriever(DemonstrationStore(home / "demonstrations"), settings, picture_vectors(home / "embeddings"))


def fits(demonstration: Demonstration, tools: Mapping[str, Tool], media: Mapping[str, MediaInfo]) -> bool:
    """Whether a demonstration could be the answer to a question with these tools and media, and holds together."""
    if not demonstration.tools <= tools.keys():
        return False
    if demonstration.tools and not _same_counts(demonstration.media_infos, media):
        return False
    given = {kind for info in media.values() for kind in (info.kind, *(["audio"] if info.has_audio else []))}
    if any(str(step.get("reason", "")).removeprefix("no_") in given for step in demonstration.plan):
        return False
    try:
        demonstration.check(tools, media)
    except (PlanError, InputError):
        return False
    return True


def _same_counts(mine: Mapping[str, MediaInfo], others: Mapping[str, MediaInfo]) -> bool:
    """Whether there are as many media of each kind that a demonstration has: what is "the picture" must be clear."""

    def count(infos: Mapping[str, MediaInfo], kind: str) -> int:
        return sum(info.kind == kind for info in infos.values())

    return all(count(mine, kind) == count(others, kind) for kind in {info.kind for info in mine.values()})


def diverse(candidates: Collection[int], likeness: Matrix, vectors: Matrix, k: int) -> list[int]:
    """The k candidates of maximal marginal relevance, in the order in which they are chosen.

    Args:
        candidates: Places in `likeness` and `vectors`.
        likeness: Likeness of each to the question.
        vectors: One row of length 1 for each.
        k: How many at most.
    """
    left, chosen = list(candidates), list[int]()
    while left and len(chosen) < k:
        gains = [
            RELEVANCE * float(likeness[place])
            - (1 - RELEVANCE) * max((float(vectors[place] @ vectors[other]) for other in chosen), default=0.0)
            for place in left
        ]
        chosen.append(left.pop(int(np.argmax(gains))))
    return chosen


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return math.ceil(len(text.encode()) / BYTES_A_TOKEN)


def _json(demonstration: Demonstration) -> str:
    return json.dumps({"steps": list(demonstration.plan)}, ensure_ascii=False)
