"""Which benchmarks there are. Imports each only when it is asked for."""

from __future__ import annotations

from visagent.errors import InputError
from visagent.evaluation.benchmark import Benchmark

NAMES = ("ultratool", "restbench", "gta", "nlvr", "easy-vqa")
"""All benchmarks, as a person names them."""


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        InputError: there is none.
    """
    match name:
        case "ultratool" | "restbench":
            from visagent.evaluation.ultratool import GraphBenchmark

            return GraphBenchmark(name)
        case "gta":
            from visagent.evaluation.gta import GtaBenchmark

            return GtaBenchmark()
        case "nlvr":
            from visagent.evaluation.nlvr.benchmark import NlvrBenchmark

            return NlvrBenchmark()
        case "easy-vqa":
            from visagent.evaluation.easy_vqa import EasyVqaBenchmark

            return EasyVqaBenchmark()
    raise InputError(f"There is no benchmark {name!r}.", f"Use one of: {', '.join(NAMES)}.")
