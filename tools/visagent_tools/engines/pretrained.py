"""What engines on transformers share: the libraries, and a model's folder, with errors that say what to do."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from visagent.core.errors import ModelError
from visagent.core.install import requiring


class Libraries(NamedTuple):
    """torch and transformers, as modules."""

    torch: Any
    transformers: Any


def load_libraries(what: str) -> Libraries:
    """torch and transformers, without transformers' progress bars.

    Args:
        what: What needs them, to begin a message with.

    Raises:
        MissingDependency: one of them is not installed.
    """
    with requiring(f"{what} needs transformers on torch", "local"):
        found = Libraries(importlib.import_module("torch"), importlib.import_module("transformers"))
    found.transformers.utils.logging.disable_progress_bar()  # a bar for a load of a second would tear a terminal page
    return found


@contextmanager
def model_folder(model: str, kind: str, remedy: str) -> Iterator[str]:
    """Within it a model is loaded from its folder; an error of transformers is given in one line.

    Args:
        model: A folder, or another model source that `visagent.models.weights` describes.
        kind: What it is to be, for a message: `a detector`.
        remedy: What to name instead.

    Yields:
        The folder.

    Raises:
        ModelError: the model cannot be fetched or loaded.
    """
    from visagent.models.catalogue import find_source

    path = str(find_source(model).resolve())
    try:
        yield path
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ModelError(f"{model}: transformers cannot load this as {kind}: {error}", remedy) from error
