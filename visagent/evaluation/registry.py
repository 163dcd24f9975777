"""Which benchmarks and predictors installed packages offer. Knows none by name; imports each when it is asked for.

A package registers a benchmark in the entry-point group `visagent.benchmarks`: the name that a person gives, and the
class, which is called without arguments. It registers a predictor for any benchmark, its own or another package's, in
the group `visagent.predictors`: `BENCHMARK.PREDICTOR`, and a `MakePredictor`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from visagent.core.errors import InputError
from visagent.core.plugins import load_plugin, no_such, plugin_names
from visagent.evaluation.benchmark import Benchmark, Predictor, Source

BENCHMARKS = "visagent.benchmarks"
PREDICTORS = "visagent.predictors"

MakePredictor: TypeAlias = Callable[[Source, Sequence[Any]], Predictor]
"""From the data's source and the items that will be asked to what predicts; learns first where it has to."""

_INSTALL = "Benchmarks come in packages of their own; this project's: pip install -e research, in a checkout."


def benchmark_names() -> list[str]:
    """Names of the benchmarks that are installed, sorted."""
    return plugin_names(BENCHMARKS)


def find_benchmark(name: str) -> Benchmark:
    """The installed benchmark of that name.

    Raises:
        InputError: no installed package offers one of that name, or the package cannot be loaded.
    """
    benchmark: Benchmark = load_plugin(
        BENCHMARKS, name, what="benchmark", install=_INSTALL, error=InputError, use=lambda made: made()
    )
    return benchmark


def predictor_names(benchmark: Benchmark) -> list[str]:
    """Names of the predictors for a benchmark: its own, the default first, then those of installed packages."""
    prefix = f"{benchmark.name}."
    registered = [name.removeprefix(prefix) for name in plugin_names(PREDICTORS) if name.startswith(prefix)]
    return list(dict.fromkeys([*benchmark.predictors, *registered]))


def make_predictor(benchmark: Benchmark, name: str, source: Source, items: Sequence[Any]) -> Predictor:
    """The predictor of that name for a benchmark, ready to predict.

    Args:
        benchmark: The benchmark whose items are asked.
        name: One of `predictor_names`.
        source: Where the items are, and what may be learned from.
        items: The items of the benchmark.

    Raises:
        InputError: there is no such predictor, its package cannot be loaded, or what it learns from is missing.
    """
    if name in benchmark.predictors:
        return benchmark.predictor(name, source, items)
    known = predictor_names(benchmark)
    if name not in known:
        raise InputError(*no_such(f"predictor of {benchmark.name}", name, known))
    make: MakePredictor = load_plugin(
        PREDICTORS, f"{benchmark.name}.{name}", what="predictor", install="", error=InputError
    )
    return make(source, items)
