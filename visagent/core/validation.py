"""What a pydantic validation error says first, in one short sentence without a full stop. Knows no model of data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


def first_problem(error: ValidationError | Sequence[Any], whole: str = "") -> str:
    """The first problem with where it is: `steps.0.tool: Field required`. Never repeats the rejected value.

    Args:
        error: The validation error, or the list of problems that its `errors()` gives.
        whole: Name of what was validated as a whole, said where a problem belongs to no field; empty to leave it out.
    """
    problems: Sequence[Any] = (
        error if isinstance(error, Sequence) else error.errors(include_url=False, include_input=False)
    )
    where = ".".join(map(str, problems[0]["loc"])) or whole
    return f"{where}: {problems[0]['msg']}" if where else str(problems[0]["msg"])
