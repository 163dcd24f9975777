"""Write the tables of everyday words for what the image classifier and the detector know, along WordNet's nouns.

    apt-get install wordnet-base; python scripts/wordnet_kinds.py /usr/share/wordnet

Each of the classifier's 1,000 classes is a synset of WordNet 3.0, in the order of their offsets, so that a name that
several synsets share is told apart by its place. A word stands for a class where its first meaning is the class's
synset or a kind of thing above it, or its second one where the first is no thing of any class. Words for more than
`MOST` classes say too little to be seen, and are left out.

A word stands for some of what a label of the detector finds where its first meaning is below that label's synset, and
where no other meaning of it is a thing of another kind: a jumper is worn as well.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from visagent_tools.engines.efficientnet import LABELS

MOST = 130
"""Classes of a word at most: there are 118 kinds of dogs."""
PHYSICAL = 1930
"""The synset of what can be seen: a cup is a measure, too."""
FOLDER = Path(__file__).parents[1] / "tools" / "visagent_tools" / "weights"
THINGS = frozenset((5, 6, 8, 13, 18, 20))
"""WordNet's files of animals, artefacts, parts of the body, food, people and plants."""
LABELLED = {
    "person": "person", "bicycle": "bicycle", "car": "car", "motorcycle": "motorcycle", "airplane": "airplane",
    "bus": "bus", "train": "train", "truck": "truck", "boat": "boat", "bench": "bench", "bird": "bird", "cat": "cat",
    "dog": "dog", "horse": "horse", "sheep": "sheep", "cow": "cow", "elephant": "elephant", "bear": "bear",
    "zebra": "zebra", "umbrella": "umbrella", "bottle": "bottle", "fork": "fork", "spoon": "spoon", "bowl": "bowl",
    "chair": "chair", "couch": "sofa", "clock": "clock", "laptop": "laptop", "vase": "vase", "sandwich": "sandwich",
}  # fmt: skip
"""Labels of the detector, and words whose first meaning they are."""


class Nouns:
    """WordNet's nouns.

    Args:
        folder: With `data.noun` and `index.noun`.
    """

    def __init__(self, folder: Path) -> None:
        self.lemmas: dict[int, list[str]] = {}
        self.above: dict[int, list[int]] = {}
        self.senses: dict[str, list[int]] = {}
        self.file: dict[int, int] = {}
        for line in (folder / "data.noun").read_text("latin-1").splitlines():
            if line.startswith("  "):
                continue
            fields = line.split(" | ")[0].split()
            count, offset = int(fields[3], 16), int(fields[0])
            self.file[offset] = int(fields[1])
            self.lemmas[offset] = [fields[4 + 2 * number].replace("_", " ") for number in range(count)]
            pointers = fields[5 + 2 * count :]
            self.above[offset] = [
                int(target) for mark, target in zip(pointers[::4], pointers[1::4], strict=False) if mark == "@"
            ]
        for line in (folder / "index.noun").read_text("latin-1").splitlines():
            if not line.startswith("  "):
                fields = line.split()
                self.senses[fields[0].replace("_", " ")] = [int(one) for one in fields[-int(fields[2]) :]]

    def of_classes(self, names: list[str]) -> list[int | None]:
        """The synset of each class, rising along the classes; None where no meaning of its name fits in."""
        candidates = [self.senses.get(name.lower(), []) for name in names]
        # The longest rising chain of meanings, one a class.
        chains: dict[tuple[int, int], tuple[int, tuple[int, int] | None]] = {}
        for place, offsets in enumerate(candidates):
            for offset in offsets:
                before = [
                    (chains[key][0], key)
                    for key in chains
                    if key[0] < place and key[1] < offset and key[0] >= place - 40
                ]
                length, key = max(before, default=(0, None), key=lambda one: one[0])
                chains[place, offset] = (length + 1, key)
        found: list[int | None] = [None] * len(names)
        at = max(chains, key=lambda key: chains[key][0])
        while at is not None:
            found[at[0]] = at[1]
            at = chains[at][1]  # type: ignore[assignment]
        return found

    def kinds(self, offset: int) -> set[int]:
        """A synset and all above it."""
        known, todo = {offset}, [offset]
        while todo:
            for one in self.above[todo.pop()]:
                if one not in known:
                    known.add(one)
                    todo.append(one)
        return known


def kinds_table(nouns: Nouns) -> dict[str, list[int]]:
    """Words with the indices of the classifier's classes that they stand for."""
    first: dict[str, set[int]] = defaultdict(set)
    second: dict[str, set[int]] = defaultdict(set)
    for index, offset in enumerate(nouns.of_classes(list(LABELS))):
        for kind in nouns.kinds(offset) if offset is not None else ():
            for lemma in nouns.lemmas[kind]:
                senses = nouns.senses.get(lemma.lower(), [])
                if PHYSICAL in nouns.kinds(kind) and kind in senses[:2] and len(lemma.split()) <= 3:
                    (first if kind == senses[0] else second)[lemma.lower()].add(index)
    found = {**second, **first}
    return {word: sorted(classes) for word, classes in sorted(found.items()) if len(classes) <= MOST}


def labels_table(nouns: Nouns) -> dict[str, list[str]]:
    """The detector's labels, each with the words for some of what it finds."""
    tops = {nouns.senses[word][0]: label for label, word in LABELLED.items()}
    found: dict[str, set[str]] = defaultdict(set)
    for word, senses in nouns.senses.items():
        things = [tops.keys() & nouns.kinds(sense) for sense in senses if nouns.file[sense] in THINGS]
        under = tops.keys() & (nouns.kinds(senses[0]) - {senses[0]})
        if len(under) == 1 and all(one == under for one in things) and len(word.split()) <= 2:
            found[tops[under.pop()]].add(word)
    return {label: sorted(words) for label, words in sorted(found.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    nouns = Nouns(parser.parse_args().folder)
    written: dict[str, Mapping[str, Sequence[int | str]]] = {
        "wordnet-kinds.json": kinds_table(nouns), "wordnet-labels.json": labels_table(nouns)
    }  # fmt: skip
    for name, table in written.items():
        rows = [f"{json.dumps(key)}: {json.dumps(values, separators=(',', ':'))}" for key, values in table.items()]
        (FOLDER / name).write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")
        print(name, sum(map(len, table.values())), f"{(FOLDER / name).stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
