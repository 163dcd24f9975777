"""How this installation gets further packages: the one place that knows where visagent itself came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from visagent.core.errors import MissingDependency

NAME = "visagent"


def install_line(*extras: str) -> str:
    """The command that installs extras of visagent beside what is there, to stand in a sentence.

    What was installed from a checkout is installed from there, because the name is on no package index yet.
    The checkout's path is not said: the sentence may reach clients of a server.

    Args:
        *extras: Such as `embedded`.
    """
    wanted = ",".join(extras)
    from_checkout, editable = _origin()
    if not from_checkout:
        return f'pip install "{NAME}[{wanted}]"'
    return f'pip install {"-e " if editable else ""}".[{wanted}]" in the checkout of {NAME}'


@contextmanager
def requiring(what: str, extra: str) -> Iterator[None]:
    """Where libraries of an extra are imported, so that one which is absent is asked for by name.

    Args:
        what: What needs which library, a sentence without its end: `Reading text needs rapidocr`.
        extra: The extra of visagent that brings it.

    Raises:
        MissingDependency: an import inside failed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependency(f"{what}, which is not installed ({error}).", f"Run: {install_line(extra)}") from error


@cache
def _origin() -> tuple[bool, bool]:
    """Whether this installation came from a folder, and whether it still is that folder."""
    try:
        written = distribution(NAME).read_text("direct_url.json")
    except PackageNotFoundError:
        return False, False
    came: dict[str, Any] = json.loads(written) if written else {}
    return str(came.get("url", "")).startswith("file:"), bool(came.get("dir_info", {}).get("editable"))
