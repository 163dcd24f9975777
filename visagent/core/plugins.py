"""What other installed packages bring: things by name, in entry-point groups. Knows no group in particular."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
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
    try:
        loaded = found.load()
        return loaded if use is None else use(loaded)
    except Exception as problem:
        # Other people's code: one broken package must be nameable, whatever it raises.
        package = found.dist.name if found.dist else found.value
        raise error(
            f"The {what} {name!r} of the package {package} cannot be loaded: {type(problem).__name__}: {problem}.",
            f"Mend the package, or install it again: pip install --force-reinstall {package}.",
        ) from problem


def no_such(what: str, name: str, known: Sequence[str], install: str = "") -> tuple[str, str]:
    """The fact and the remedy of an error about a name that nobody knows; the nearest known one is suggested.

    >>> no_such("benchmark", "beta", ["alpha", "beat"])
    ("There is no benchmark 'beta'.", "Did you mean 'beat'? Use one of: alpha, beat.")
    """
    parts = [did_you_mean(name, known)] if known else []
    return f"There is no {what} {name!r}.", " ".join([*parts, install]).strip()
