"""Which benchmarks installed packages offer. Knows none in particular, and imports each only when it is asked for.

A package registers its benchmarks in the entry-point group `visagent.benchmarks`: the name that a person gives, and
the class, which is called without arguments.
"""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points

from visagent.core.errors import InputError
from visagent.evaluation.benchmark import Benchmark

ENTRY_POINTS = "visagent.benchmarks"

_INSTALL = "Benchmarks come in packages of their own; those of this project: pip install -e research, in a checkout."


def benchmark_names() -> list[str]:
    """Names of the benchmarks that are installed, sorted."""
    return sorted({entry.name for entry in entry_points(group=ENTRY_POINTS)})


def find_benchmark(name: str) -> Benchmark:
    """The installed benchmark of that name.

    Raises:
        InputError: no installed package offers one of that name, or the package cannot be loaded.
    """
    found = next((entry for entry in entry_points(group=ENTRY_POINTS) if entry.name == name), None)
    if found is None:
        known = benchmark_names()
        near = difflib.get_close_matches(name, known, 1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        listed = f"Use one of: {', '.join(known)}. " if known else ""
        raise InputError(f"There is no benchmark {name!r}.", f"{hint}{listed}{_INSTALL}")
    try:
        made = found.load()()
    except Exception as error:
        # Other people's code: one broken package must be nameable, whatever it raises.
        package = found.dist.name if found.dist else found.value
        raise InputError(
            f"The benchmark {name!r} of the package {package} cannot be loaded: {type(error).__name__}: {error}.",
            f"Mend the package, or install it again: pip install --force-reinstall {package}.",
        ) from error
    benchmark: Benchmark = made
    return benchmark
