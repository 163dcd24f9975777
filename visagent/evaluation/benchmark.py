"""What a benchmark is: items to load, predictors to try, scores to give. Knows no benchmark in particular."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from visagent.core.config import RoleName
from visagent.core.errors import ConfigError, InputError
from visagent.core.files import is_file
from visagent.core.validation import first_problem
from visagent.evaluation.bootstrap import Estimate

if TYPE_CHECKING:
    from visagent.models.protocol import MLLM

Predictor: TypeAlias = Callable[[Any], Awaitable[BaseModel]]
"""From an item to the benchmark's prediction. What cannot be answered is a prediction too: an empty one."""
PROFILE = "profile"
"""Name of the predictor that asks a profile's models."""

M = TypeVar("M", bound=BaseModel)


class Item(Protocol):
    """One question of a benchmark; the gold answer is inside, and predictors do not look at it."""

    @property
    def id(self) -> str:
        """Unique in its file."""
        ...


@dataclass(frozen=True)
class Source:
    """What predictions are made from.

    Attributes:
        path: The items' file or folder, as given.
        train: A file in the same format to learn from; None for the one beside the items, if there is one.
        profile: The profile whose models answer: a built-in profile's name or a YAML file; None for the machine's
            setting.
    """

    path: Path
    train: Path | None = None
    profile: str | None = None

    def planner(self) -> MLLM:
        """The model that plays the profile's controller.

        Raises:
            ConfigError: the profile is unknown, or rules play its controller.
            ModelError: the model's weights cannot be fetched.
        """
        return model_of_profile(self.profile, ("controller",), "plan")


def model_of_profile(name: str | None, roles: Sequence[RoleName], task: str) -> MLLM:
    """The model that plays the first of these roles that rules do not play.

    Args:
        name: A built-in profile's name or a YAML file; None for the machine's setting.
        roles: The roles, in order.
        task: What the model is for, a verb for the error's sentence: `judge`.

    Raises:
        ConfigError: the profile is unknown, or rules play all of these roles.
        ModelError: the model's weights cannot be fetched.
    """
    from visagent.core.config_files import home
    from visagent.core.settings import Settings, load_profile
    from visagent.models.loading import load_model

    profile = load_profile(name or Settings().profile)
    config = next((found for role in roles if (found := profile.model_for(role)) is not None), None)
    if config is None:
        raise ConfigError(f"Profile {profile.name}: rules cannot {task}.", f"Name one of its models as {roles[0]}.")
    return load_model(config, home())


class Benchmark(Protocol):
    """A set of questions in one format, with its metrics."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of what `predictor` knows, the default first."""
        ...

    def load(self, path: Path) -> Sequence[Any]:
        """All items, in the file's order.

        Raises:
            InputError: the file is missing, or a line of it is not in the format; names the line.
        """
        ...

    def predictor(self, name: str, source: Source, items: Sequence[Any]) -> Predictor:
        """What predicts; learns first where it has to.

        Raises:
            InputError: what it learns from is missing.
        """
        ...

    def score(self, items: Sequence[Any], predictions: Sequence[Any], source: Source) -> Mapping[str, Estimate]:
        """The benchmark's metrics, each with its interval."""
        ...


def read_lines(path: Path, model: type[M]) -> list[M]:
    """The records of a JSON-lines file.

    Raises:
        InputError: there is no such file, or a line is not such a record; names the line and the field.
    """
    records = []
    for number, line in numbered_lines(path):
        try:
            records.append(model.model_validate_json(line))
        except ValidationError as error:
            problem = first_problem(error, "the line")
            raise InputError(
                f"{path.name}, line {number}: {problem}.", "See docs/evaluation.md for the format."
            ) from error
    return records


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers from 1.

    Raises:
        InputError: there is no such file, it cannot be read, it is no UTF-8, or all of it is blank.
    """
    if not is_file(path):
        raise InputError(f"There is no file {path}.", "Give the benchmark's data with --data.")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not UTF-8 text: {error}.", "Give a file of JSON lines.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Give a file of JSON lines.") from error
    # Not splitlines: JSON strings may hold line separators that are no line breaks here.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise InputError(f"{path.name} is empty.", "Give a file of JSON lines.")
    yield from lines


def data_file(path: Path, name: str = "dev.jsonl") -> Path:
    """The file of items that a path means: itself, or the file of that name in it."""
    return path / name if path.is_dir() else path


def beside(path: Path, name: str) -> Path:
    """A file that belongs to a file of items, in the same folder.

    Raises:
        InputError: it is not there.
    """
    found = data_file(path).parent / name
    if not found.is_file():
        raise InputError(f"{name} is not beside {data_file(path).name}.", f"Put {name} into {found.parent}.")
    return found
