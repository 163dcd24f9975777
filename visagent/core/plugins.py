"""What other installed packages bring: things by name, in entry-point groups. Knows no group in particular."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from visagent.core.errors import VisagentError, did_you_mean


def plugin_names(group: str) -> list[str]:
    """Names that installed packages registered in an entry-point group, sorted."""
    return sorted({entry.name for entry in entry_points(group=group)})


def load_plugin(
    group: str,
    name: str,
    *,
    what: str,
    install: str,
    error: type[VisagentError],
    use: Callable[[Any], Any] | None = None,
) -> Any:
    """What an installed package registered under a name.

    Args:
        group: The entry-point group.
        name: Name that a person gave.
        what: What the group holds, in the singular, for the error's sentence: `benchmark`.
        install: Sentence that says how to get more of them; may be empty.
        error: Type of the error.
        use: Called with what was registered, to make of it what is wanted; None for what was registered itself.

    Raises:
        VisagentError: of the type `error`: nobody registered that name, or its package cannot be loaded.
    """
    found = next((entry for entry in entry_points(group=group) if entry.name == name), None)
    if found is None:
        raise error(*no_such(what, name, plugin_names(group), install))
    with naming_the_package(found, f"{what} {name!r}", error):
        loaded = found.load()
        return loaded if use is None else use(loaded)


def package_of(entry: EntryPoint) -> str:
    """Name of the package that registered an entry point."""
    return entry.dist.name if entry.dist else entry.module


@contextmanager
def naming_the_package(entry: EntryPoint, what: str, error: type[VisagentError]) -> Iterator[None]:
    """Where an entry point is loaded: whatever other people's code raises becomes one error that names the package.

    Args:
        entry: The entry point.
        what: What it registers, for the error's sentence: `benchmark 'alpha'`.
        error: Type of the error.

    Raises:
        VisagentError: of the type `error`: something inside failed.
    """
    try:
        yield
    except Exception as problem:
        package = package_of(entry)
        raise error(
            f"The {what} of the package {package} cannot be loaded: {type(problem).__name__}: {problem}.",
            f"Install it again (pip install --force-reinstall {package}), or remove it: pip uninstall {package}.",
        ) from problem


def no_such(what: str, name: str, known: Sequence[str], install: str = "") -> tuple[str, str]:
    """The fact and the remedy of an error about a name that nobody knows; the nearest known one is suggested.

    >>> no_such("benchmark", "beta", ["alpha", "beat"])
    ("There is no benchmark 'beta'.", "Did you mean 'beat'? Use one of: alpha, beat.")
    """
    parts = [did_you_mean(name, known)] if known else []
    return f"There is no {what} {name!r}.", " ".join([*parts, install]).strip()
