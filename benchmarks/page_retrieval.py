"""How well the pages that a question is about are found: by words alone (BM25), by meaning alone, and by both fused.

    python benchmarks/page_retrieval.py

The document is the Python language reference as the standard library ships it (`pydoc_data.topics`), rendered as a PDF.
Each question is put in other words than the sentence that answers it; a page is right where that sentence stands on it.
Questions were written before any was asked. Intervals of shares are Wilson's, 95 %; that of the difference is the
bootstrap's over questions (10,000 resamples, seed 0).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "end_to_end"))
from documents import pdf

from visagent import load_media
from visagent.media.media import MediaLimits
from visagent.planning import page_search
from visagent_tools.engines.text_embedder import minilm

LINES = 62
"""Of a page."""

ASKED = (
    ("How can I hand back results one by one instead of building the whole list first?",
     "only used when defining a *generator* function"),
    ("Which things count as no in a condition?", "built-in objects considered false"),
    ("Do checks of my own assumptions still run when the program is started for speed?",
     "emits no code for an assert statement"),
    ("How do I change a variable of the surrounding function from an inner one?",
     "refer to previously bound variables in the nearest enclosing scope"),
    ("A small unnamed routine written in one line", "are used to create anonymous functions"),
    ("May I make long figures easier to read when I type them?", "group digits for enhanced readability"),
    ("Show big amounts split into groups of three digits", "signals the use of a comma for a thousands separator"),
    ("When is memory freed that nobody can get at any more?",
     "when they become unreachable they may be garbage-collected"),
    ("How do I go through my code step by step to look for a mistake?",
     "defines an interactive source code debugger"),
    ("How can objects be kept from getting arbitrary new members, to save room?",
     "allow us to explicitly declare data members"),
    ("After catching a failure, can the interrupted operation be tried again where it stopped?",
     "it cannot repair the cause of the error and retry the failing operation"),
    ("Why is a result of an invalid calculation never the same as itself?",
     "not-a-number values are not equal to themselves"),
    ("How are members that start with two low lines hidden from subclasses?", "re-written to use a mangled form"),
    ("Compare words regardless of upper and lower case in any language", "may be used for caseless matching"),
    ("What happens if the caller leaves out an argument that has a preset?",
     "the parameter’s default value is substituted"),
    ("Writing numbers that have a part with the square root of minus one",
     "yields a complex number with a real part of 0.0"),
    ("What is called when a lookup table of my own lacks an entry?",
     "for dict subclasses when key is not in the dictionary"),
    ("Turning every bit of a number around", "yields the bitwise inversion of its integer argument"),
    ("Something that must be tidied up whatever happens in a block",
     "executed whether an exception occurred or not in the preceding code"),
    ("What does my class do if the other operand does not know how to add it?",
     "only called if the left operand does not support the corresponding operation"),
    ("Is something run just before a thing ceases to exist?", "Called when the instance is about to be destroyed"),
    ("Skip what is left of the current round and go on with the following one",
     "continues with the next cycle of the nearest enclosing loop"),
    ("Placeholder where the grammar wants something but there is nothing to do", "It is useful as a placeholder"),
    ("Take a piece out of a text from one position to another", "A slicing selects a range of items"),
    ("Pausing a task until something it waits for is finished",
     "Suspend the execution of *coroutine* on an *awaitable*"),
    ("How do I pass any number of unnamed values along to a routine?",
     "elements from these iterables are treated as if they were additional positional"),
    ("Which comes first, a minus sign or raising to the power?",
     "binds more tightly than unary operators on its left"),
    ("Re-throw the problem that is being dealt with", "re-raises the exception that is currently being handled"),
)  # fmt: skip
"""Questions, and what stands on the pages that are right."""


def main() -> None:
    """Print hit rates at 1 and at 3."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=None, help="where vectors are kept; a new folder if left out")
    home = parser.parse_args().home or Path(tempfile.mkdtemp())
    embedder = minilm()
    if embedder is None:
        sys.exit("The embedder's weights are not here: visagent models prepare --search")
    media = load_media(reference(), limits=MediaLimits(pages=1000))
    names = {f"image{place}": one for place, one in enumerate(media, start=1)}
    infos = {name: one.info for name, one in names.items()}
    texts = {name: "\n".join(line.text for line in one.text_layer() or ()) for name, one in names.items()}
    plain = {name: squeezed(text) for name, text in texts.items()}
    right = []
    for question, sentence in ASKED:
        pages = {name for name, text in plain.items() if squeezed(sentence) in text}
        if not pages:
            sys.exit(f"No page says what answers {question!r}.")
        right.append(pages)
    clock, computed = time.perf_counter(), time.process_time()
    page_search.pages_about("anything", infos, 1, embedder, home)
    took = f"{time.process_time() - computed:.0f} s of the processor, {time.perf_counter() - clock:.0f} s on the clock"
    parts = sum(len(page_search.passages(text)) for text in texts.values())
    size = sum(file.stat().st_size for file in home.rglob("*.npz")) / 1e6
    print(f"{len(media)} pages, {parts} passages: embedded in {took}; {size:.1f} MB; load {os.getloadavg()[0]:.1f}\n")
    ways: dict[str, Callable[[str], tuple[str, ...]]] = {
        "words (BM25)": lambda question: page_search.pages_about(question, infos, 3),
        "meaning alone": lambda question: tuple(page_search.by_meaning(question, infos, texts, embedder, home)[:3]),
        "both, fused": lambda question: page_search.pages_about(question, infos, 3, embedder, home),
    }
    print("| search | questions | right page first | among the first three | a question, ms of the processor |")
    print("|---|---:|---|---|---:|")
    hits: dict[str, list[list[bool]]] = {}
    for name, search in ways.items():
        computed = time.process_time()
        found = [search(question) for question, _ in ASKED]
        each = (time.process_time() - computed) / len(ASKED) * 1000
        hits[name] = [
            [bool(pages & set(order[:most])) for pages, order in zip(right, found, strict=True)] for most in (1, 3)
        ]
        print(f"| {name} | {len(ASKED)} | {share(hits[name][0])} | {share(hits[name][1])} | {each:.0f} |")
    random = np.random.default_rng(0)
    print()
    for most, place in ((1, 0), (3, 1)):
        better = np.array(hits["both, fused"][place], float) - np.array(hits["words (BM25)"][place], float)
        drawn = better[random.integers(0, len(better), (10_000, len(better)))].mean(axis=1) * 100
        low, high = np.percentile(drawn, (2.5, 97.5))
        print(f"Fused less words, at {most}: {better.mean() * 100:+.0f} points ({low:+.0f} to {high:+.0f})")
    for place, (question, _) in enumerate(ASKED):
        print(" ".join("+" if hits[name][1][place] else "-" for name in ways), question)


def reference() -> bytes:
    """The language reference as a PDF; each topic begins on a page of its own."""
    from pydoc_data.topics import topics

    pages = []
    for name in sorted(topics):
        lines = [line for line in topics[name].splitlines() if line.strip()]
        for start in range(0, len(lines), LINES):
            placed = [(50.0, 50.0 + 12 * row, 9.0, line.encode("cp1252", "replace").decode("cp1252"))
                      for row, line in enumerate(lines[start : start + LINES])]  # fmt: skip
            pages.append((placed, None))
    return pdf(pages)


def squeezed(text: str) -> str:
    """A text without what a PDF may change: spaces, and marks that are no letters."""
    return "".join(char for char in text.lower() if char.isalnum())


def share(hits: list[bool]) -> str:
    """A share with Wilson's interval."""
    n, p, z = len(hits), sum(hits) / len(hits), 1.96
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return f"{sum(hits)} ({low:.0%} to {high:.0%})"


if __name__ == "__main__":
    main()
