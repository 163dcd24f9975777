"""Every error a person can meet, named by what went wrong. Knows nothing of models, tools or user interfaces.

A message is one sentence of fact that names the input, and one of remedy::

    raise MediaError("photo.jpg: the file is empty.", "Pass an image, audio or video file that is not empty.")
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class VisagentError(Exception):
    """Base of all errors that visagent raises on purpose.

    Args:
        fact: One sentence that says what is wrong and names the input.
        remedy: One sentence that says what to do next; a test holds that every error raised here has one.
    """

    def __init__(self, fact: str, remedy: str = "") -> None:
        self.fact = fact
        self.remedy = remedy
        super().__init__(f"{fact} {remedy}".strip())

    def __reduce__(self) -> tuple[type[VisagentError], tuple[str, ...]]:
        return type(self), (self.fact, self.remedy)


class InputError(VisagentError):
    """The caller's input cannot be used: the CLI exits with 2."""


class MediaError(InputError):
    """A medium is missing, unreadable, of an unknown kind, or over a limit."""


class DecodingUnavailable(MediaError):
    """No process can be had to decode with: the file may well be sound."""


class QuestionError(InputError):
    """The question is empty, too long, or about a medium that was not given."""


class ConfigError(InputError):
    """A profile, setting or option is unknown or has an unusable value."""


class ToolDefinitionError(InputError):
    """A function cannot become a tool; names the tool and the parameter."""


class PlanError(VisagentError):
    """A plan is not a valid question tree; the controller can repair it from the message."""


class ToolError(VisagentError):
    """A tool cannot answer for this input; becomes `Failure` evidence and never ends a run."""


class UnknownLabel(ToolError):
    """The active model cannot know the label it was asked for."""


class AmbiguousInput(ToolError):
    """The input allows more than one reading, for example three boxes where one is meant."""


class MissingInput(ToolError):
    """There is nothing to work on, for example no box where one is needed."""


class ModelError(VisagentError):
    """A model could not be loaded or run."""


class ReplyMismatch(ModelError):
    """A model's reply does not satisfy the schema that it was sent, though it was asked again.

    Attributes:
        reply: What it sent instead: the JSON in it, or its words where there was none.
        usage: What it cost, a `visagent.models.protocol.TokenUsage`; None where nobody counted.
    """

    def __init__(self, fact: str, remedy: str = "", reply: str = "", usage: Any = None) -> None:
        super().__init__(fact, remedy)
        self.reply, self.usage = reply, usage

    def __reduce__(self) -> tuple[type[VisagentError], tuple[Any, ...]]:
        return type(self), (self.fact, self.remedy, self.reply, self.usage)


class SourceError(ModelError):
    """Model weights could not be fetched, verified or unpacked."""


class MissingDependency(ModelError):
    """An optional package is not installed; the remedy is the line that installs it."""


class ContextOverflow(ModelError):
    """The prompt does not fit the model's context."""


class BudgetExceeded(VisagentError):
    """The run used up its seconds, tool calls or tokens."""


class StorageError(InputError):
    """The folder of runs, media and evidence cannot be written."""


class RunBusy(InputError):
    """Somebody else is carrying the run on."""


class RunNotFound(InputError):
    """No run with this id is stored."""


class ToolTimeout(ToolError):
    """A tool did not answer in time."""


def is_own(name: str) -> bool:
    """Whether a class of visagent's errors has this name: what `Failure.error` holds, where the error itself is gone.

    Errors of a package that derive from `VisagentError` count, once the package is imported.
    """
    waiting: list[type[VisagentError]] = [VisagentError]
    while waiting:
        kind = waiting.pop()
        if kind.__name__ == name:
            return True
        waiting += kind.__subclasses__()
    return False


LISTED_NAMES = 8
"""Names that a message lists at most: more are no help."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The remedy for a name that nobody knows: the nearest known ones, then all if they are few.

    Of many names only the nearest are given, or the first few where none is near.

    >>> did_you_mean("detct", ["count", "detect"]), did_you_mean("fly", ["count", "detect"])
    ("Did you mean 'detect'? Use one of: count, detect.", 'Use one of: count, detect.')

    Args:
        name: What was given.
        known: Names that there are, in the order in which to list them.
    """
    names = list(dict.fromkeys(known))
    by_lower = {one.casefold(): one for one in names}
    near = difflib.get_close_matches(str(name).casefold()[:80], by_lower, n=2)
    suggested = f"Did you mean {' or '.join(repr(by_lower[one]) for one in near)}?" if near else ""
    more = len(names) - LISTED_NAMES
    if more > 0:
        return suggested or f"Use one of: {', '.join(names[:LISTED_NAMES])}, … ({more} more)."
    return f"{suggested} Use one of: {', '.join(names)}.".strip() if names else "None is known here."
