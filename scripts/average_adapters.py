"""Average PEFT adapters of one base into another: a later one keeps more of what an earlier one knew.

python scripts/average_adapters.py OUT FOLDER=WEIGHT FOLDER=WEIGHT...

The factors A and B are averaged each for itself, which comes near to averaging the models where the adapters are stages
of one training run (model soups, arXiv 2203.05482).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from safetensors.numpy import load_file, save_file

FILE = "adapter_model.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="+", metavar="FOLDER=WEIGHT")
    options = parser.parse_args()
    parts = {Path(folder): float(weight) for folder, _, weight in (part.rpartition("=") for part in options.parts)}
    if abs(sum(parts.values()) - 1) > 1e-6:
        parser.error("the weights do not sum up to 1")
    loaded = {folder: load_file(folder / FILE) for folder in parts}
    first = next(iter(parts))
    shutil.copytree(first, options.out)
    tensors = {name: sum(weight * loaded[folder][name] for folder, weight in parts.items()) for name in loaded[first]}
    save_file(tensors, options.out / FILE)


if __name__ == "__main__":
    main()
