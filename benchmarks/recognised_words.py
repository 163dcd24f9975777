"""Prints which words of WordNet's table the classifier takes to be in photographs that come with other packages.

    python benchmarks/recognised_words.py

A person reads which of them are wrong; `SURE` in visagent_tools/recognition.py is set by that. Needs gradio,
ultralytics, scikit-image or scikit-learn; photographs of 100 pixels and more, each once.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from visagent import load_media
from visagent.core.errors import VisagentError
from visagent.evidence.values import Crop
from visagent_tools.recognition import SURE, recognise

PACKAGES = ("skimage", "gradio", "ultralytics", "sklearn")


def main() -> None:
    words = json.loads((files("visagent_tools") / "weights" / "wordnet-kinds.json").read_text("utf-8"))
    # One word for each set of classes: synonyms are one decision.
    kinds = {tuple(classes): word for word, classes in reversed(words.items())}
    total, seen = 0, set[str]()
    for package in PACKAGES:
        found = find_spec(package)
        root = Path(found.origin).parent if found is not None and found.origin is not None else Path("/nowhere")
        for file in sorted(one for end in ("jpg", "png") for one in root.rglob(f"*.{end}")):
            try:
                (medium, *_) = load_media(file)
            except VisagentError:
                continue
            small = min(medium.info.width or 0, medium.info.height or 0) < 100
            if small or medium.info.hash in seen or file.stat().st_size < 20_000:
                continue
            seen.add(medium.info.hash)
            crop = Crop.whole(medium)
            said = [word for word in kinds.values() if (one := recognise(crop, word)) and one.probability >= SURE]
            total += len(said)
            print(f"{file.name}: {', '.join(said) or '-'}")
    print(f"{total} words in {len(seen)} pictures")


if __name__ == "__main__":
    main()
