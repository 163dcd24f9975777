"""Questions about media with checks of their answers, from a YAML file: what the project's own question set is made of.

A file is a list of::

    - id: bus-people
      media: [photo.jpg, package:ultralytics/assets/bus.jpg]
      question: How many people are in the picture?
      expect: {number: 4}

`media` are paths beside the file, `package:NAME/PATH` inside an installed package, or `NAME:PATH` in a folder that the
caller names. `expect` lists checks, all of which hold for a right answer:

=============  ========================================================================
`number`       some sub-question at the root is this number
`truth`        some sub-question at the root is this truth
`says`         the answer's text holds each of these; case and punctuation do not matter
`first`        the first label or color at the root, or what the first box is called, is one of these
`unanswered`   the agent declines
=============  ========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from pydantic import Field, ValidationError

from visagent.answering.forms import yes_or_no
from visagent.answering.sentences import CITATION
from visagent.core.errors import InputError
from visagent.core.files import require_document
from visagent.core.validation import first_problem
from visagent.core.words import numbers_in_digits, numbers_in_words
from visagent.evidence.answer import Answer
from visagent.evidence.values import Boolean, Boxes, Frozen, Labels, Number, Value
from visagent.media.media import Media


class Expectation(Frozen):
    """The checks of an answer; see this module's table."""

    number: float | None = None
    truth: bool | None = None
    says: tuple[str, ...] | None = None
    first: tuple[str, ...] | None = None
    unanswered: bool = False

    def holds(self, answer: Answer) -> bool:
        """Whether every check holds."""
        if self.unanswered:
            return answer.status == "unanswered"
        roots = [answer.evidence[sink].value for sink in answer.tree.sinks if sink in answer.evidence]
        said = _folded(answer.text)
        return (
            answer.status == "answered"
            and (self.number is None or any(isinstance(v, Number) and abs(v.value - self.number) < 1e-6 for v in roots))
            and (self.truth is None or any(isinstance(v, Boolean) and v.value is self.truth for v in roots))
            and (self.says is None or all(_folded(part) in said for part in self.says))
            and (self.first is None or any(_first_name(v) in self.first for v in roots))
        )

    def holds_in(self, text: str) -> bool:
        """Whether every check holds of an agent's words, where there is no evidence to look at.

        A number is right where it is one of those that are said, a truth where the words begin with it.
        """
        said = CITATION.sub("", text)
        declined = bool(_DECLINES.search(said)) or not said.strip()
        if self.unanswered or declined:
            return self.unanswered and declined
        numbers = [one.value for find in (numbers_in_digits, numbers_in_words) for one in find(said)]
        names = [f" {_folded(name).strip()} " for name in self.first or ()]
        return (
            (self.number is None or any(abs(number - self.number) < 1e-6 for number in numbers))
            and (self.truth is None or yes_or_no(said) is self.truth)
            and (self.says is None or all(_folded(part) in _folded(said) for part in self.says))
            and (not names or any(name in f" {_folded(said.rstrip('.'))} " for name in names))
        )


_DECLINES = re.compile(
    r"(?i)^\W*(?:i\W+)?(?:am\s+|'m\s+)?(?:sorry|can\s?not|can'?t|could\s?n[o']t|unable)|无法|不能回答"
)


def _first_name(value: Value) -> str | None:
    """The first label, or what the first box is called; None where a value has neither."""
    match value:
        case Labels(labels=(first, *_)):
            return first.name
        case Boxes(boxes=(box, *_)):
            return box.label
    return None


class Question(Frozen):
    """A question with its media and the checks of its answer.

    Attributes:
        id: Unique in its file.
        media: Where they are; see this module's first lines.
        question: Question as a person put it.
        expect: What a right answer is.
    """

    id: str
    media: tuple[str, ...] = Field(min_length=1)
    question: str
    expect: Expectation


def load_questions(file: Path) -> list[Question]:
    """The questions of a YAML file, in order.

    Raises:
        InputError: there is no such file, or it is not of this form; names the question and the field.
    """
    import yaml

    require_document(file)
    try:
        rows = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())[:300]
        raise InputError(f"{file} cannot be read: {why}.", "Give a YAML file of questions.") from error
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{file} is no list of questions.", "See docs/reasoning.md for the format.")
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(Question.model_validate(row))
        except ValidationError as error:
            raise InputError(
                f"{file.name}, question {number}: {first_problem(error)}.", "See docs/reasoning.md for the format."
            ) from error
    return found


def load_medium(source: str, folder: Path, roots: Mapping[str, Path] | None = None) -> Media:
    """The medium that a question names.

    Args:
        source: Source as in the file.
        folder: Folder of the file.
        roots: Folders by the name that stands before the colon.

    Raises:
        InputError: the package or the folder is unknown.
        MediaError: the medium cannot be used.
    """
    name, colon, path = source.partition(":")
    if not colon:
        return Media.load(folder / source)
    if name in (roots or {}):
        return Media.load((roots or {})[name] / path)
    if name != "package":
        raise InputError(f"{source}: no folder is called {name}.", f"Name it: --folder {name}=PATH.")
    package, _, inside = path.partition("/")
    # A dotted name would be imported to be found, and nobody asked to run code.
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"{source}: the package {package} is not installed.", f"pip install {package}")
    return Media.load(Path(spec.submodule_search_locations[0]) / inside)


def _folded(text: str) -> str:
    return re.sub(r"[^\w./-]+", " ", text.casefold())
