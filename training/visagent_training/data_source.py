"""What a source of training examples is, and which ones installed packages offer. Knows none in particular.

A package registers a source in the entry-point group `visagent.example_sources`: the `kind` by which a mix names it,
and a subclass of `ExampleSource`, whose fields are what a mix may say of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, ValidationError

from visagent.core.errors import ConfigError
from visagent.core.plugins import load_plugin
from visagent.tools.toolkit import ToolSpec
from visagent_training.examples import Split, TrainingExample, split_of

ENTRY_POINTS = "visagent.example_sources"

_INSTALL = (
    "Sources of benchmarks come in packages of their own; this project's: pip install -e research, in a checkout."
)


class Refused(NamedTuple):
    """An item that gives no example: where it stands, and why."""

    where: str
    reason: str


Drawn: TypeAlias = TrainingExample | Refused


@dataclass(frozen=True)
class Drawing:
    """What a source draws its examples for.

    Attributes:
        specs: All tools that plans may call, by name, in the order shown.
        added: Names of those that a person added.
        known: Names of the tools that the planner has memorised, so that its prompt leaves them out.
        seed: Decides everything that is drawn.
        validation: Part of the questions, 0 to 1, that is held out for choosing.
        test: Part of the questions, 0 to 1, that is held out for measuring.
        folder: Folder that relative paths of the mix are relative to.
        before: Examples of the sources before this one, with their splits.
    """

    specs: Mapping[str, ToolSpec]
    added: Sequence[str]
    known: Sequence[str]
    seed: int
    validation: float
    test: float
    folder: Path
    before: Sequence[TrainingExample] = ()

    def path(self, path: Path) -> Path:
        """A path of the mix as one that can be opened."""
        return path if path.is_absolute() else self.folder / path

    def asked(self, only: Sequence[str]) -> list[str]:
        """Names of the tools to ask for: those of `only`, or else a person's own, or else all.

        Raises:
            ConfigError: one of `only` is no tool.
        """
        if unknown := next((name for name in only if name not in self.specs), None):
            raise ConfigError(f"There is no tool {unknown!r}.", f"Use some of: {', '.join(self.specs)}.")
        return list(only or self.added or self.specs)


class ExampleSource(BaseModel, ABC):
    """A source of a mix.

    Attributes:
        kind: Name under which the class is registered.
        weight: How often each row is seen in an epoch of training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: str
    weight: Annotated[float, Field(gt=0, le=100)] = 1.0

    @abstractmethod
    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """The examples of the source, and what it refused.

        Raises:
            InputError: its data are missing or not in their format.
        """

    def split(self, example: TrainingExample, drawing: Drawing) -> Split:
        """The split of one of its examples: by a hash of the question, where a source does not decide otherwise."""
        return split_of(example.question, drawing.validation, drawing.test)


def _of_its_kind(value: Any) -> Any:
    """A source of a mix as the class that is registered for its kind."""
    if isinstance(value, ExampleSource) or not isinstance(value, Mapping):
        return value
    kind = value.get("kind")
    if not isinstance(kind, str):
        raise ValueError("a source names its kind, such as kind: questions")
    made: type[ExampleSource] = load_plugin(
        ENTRY_POINTS, kind, what="source of examples", install=_INSTALL, error=ConfigError
    )
    try:
        return made.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None


Source: TypeAlias = Annotated[SerializeAsAny[ExampleSource], BeforeValidator(_of_its_kind)]
"""A source as a mix names it: an object with its `kind`."""
