"""What the benchmarks of the transformers backend share: a model with random weights or a given one, and a table."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from visagent.models.configs import TransformersModel
from visagent.models.hf.model import TransformersMLLM

ROOT = Path(__file__).parents[1]
# Random models of the real architectures come from the tests.
sys.path.insert(0, str(ROOT / "tests" / "visagent" / "models"))

SMOL = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
}
"""The shape of SmolLM2-135M."""

SMALL_VISION = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def arguments(doc: str | None, **more: Any) -> argparse.Namespace:
    """The command line: `--model`, `--adapter`, `--json`, and one integer option for each of `more`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder or a name on the hub; random weights without it")
    parser.add_argument("--adapter", help="a PEFT adapter for it")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--json", type=Path, help="where the numbers are saved")
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def open_model(options: argparse.Namespace, build: Callable[[Path], Path], **config: Any) -> TransformersMLLM:
    """The model that the command line names, loaded; else the one that `build` writes into a folder."""
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    source = options.model or str(build(Path(tempfile.mkdtemp(prefix="visagent-benchmark-"))))
    model = TransformersMLLM(TransformersModel(backend="transformers", model=source, adapter=options.adapter, **config))
    model.load()
    return model


class Clock:
    """Wall-clock and CPU seconds of a `with` block: the second shows how busy the machine was with other things."""

    def __enter__(self) -> Clock:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start[0]
        self.cpu_seconds = time.process_time() - self._start[1]


def report(rows: Mapping[str, Mapping[str, float]], baseline: str, file: Path | None) -> None:
    """Print a table, each number with its ratio to the baseline's, and save the rows as JSON."""
    columns = list(rows[baseline])
    print(f"{'':34}" + "".join(f"{name:>24}" for name in columns))
    for name, row in rows.items():
        cells = []
        for column in columns:
            ratio = row[column] / rows[baseline][column] if rows[baseline][column] else float("nan")
            cells.append(f"{row[column]:,.2f} ({ratio:.2f}×)")
        print(f"{name:34}" + "".join(f"{cell:>24}" for cell in cells))
    if file is not None:
        file.write_text(json.dumps(rows, indent=1, ensure_ascii=False), "utf-8")
