"""Questions that are nearly the same as held-out ones: listed, or left out.

    python scripts/near_duplicates.py QUESTIONS.jsonl... --held-out FILE.jsonl... [--write FOLDER]

Two questions are near if they share most of their letters' 4-grams (Jaccard of at least 0.6), or if the words' n-grams
point the same way (cosine of at least 0.92 in the space of `visagent.planning.embedding`), or if a held-out one stands
whole in the other. Held-out files are JSON
lines or YAML lists with a key `question`. With --write the files are written into a folder without what is near.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

from visagent.planning.embedding import NgramEmbedder

JACCARD = 0.6
COSINE = 0.92


def rows(file: Path) -> list[dict[str, Any]]:
    """The questions of a file."""
    if file.suffix in (".yaml", ".yml"):
        return list(yaml.safe_load(file.read_text("utf-8")))
    return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]


def folded(question: str) -> str:
    """The letters and digits of a question in one case."""
    return "".join(char for char in question.casefold() if char.isalnum())


def grams(question: str) -> set[str]:
    """The letters' 4-grams of a question; of Chinese, whose words are short, its 2-grams."""
    plain = folded(question)
    size = 4 if plain.isascii() else 2
    return {plain[at : at + size] for at in range(max(1, len(plain) - size + 1))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--held-out", type=Path, nargs="+", required=True)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    held = [str(row["question"]) for file in options.held_out for row in rows(file)]
    asked = {file: rows(file) for file in options.files}
    embed = NgramEmbedder([*held, *(row["question"] for found in asked.values() for row in found)])
    vectors, shingles = embed(held), [grams(question) for question in held]
    whole = [folded(question) for question in held]
    for file, found in asked.items():
        likeness = embed([row["question"] for row in found]) @ vectors.T
        kept = []
        for row, cosines in zip(found, likeness, strict=True):
            mine = grams(row["question"])
            shared = [len(mine & other) / len(mine | other) for other in shingles]
            inside = any(other in folded(row["question"]) for other in whole)
            if inside or max(shared) >= JACCARD or cosines.max() >= COSINE:
                print(f"{row['id']}: near a held-out question ({max(shared):.2f}, {cosines.max():.2f})")
            else:
                kept.append(row)
        print(f"{file.name}: {len(found) - len(kept)} of {len(found)} near, {len(kept)} kept")
        if options.write is not None:
            options.write.mkdir(parents=True, exist_ok=True)
            lines = (json.dumps(row, ensure_ascii=False) for row in kept)
            (options.write / file.name).write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
