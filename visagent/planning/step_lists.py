"""The steps of a plan as data: their ids, the references between them, and what is left when some go. Knows no tool.

The k-th step of a list has the id `qk`, and another one refers to it as `$qk`; see `visagent.planning.plan.Plan`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from pydantic import JsonValue

from visagent.evidence.tree import references, renamed

Step: TypeAlias = dict[str, JsonValue]


def numbered(steps: Sequence[Mapping[str, JsonValue]]) -> dict[str, Step]:
    """The steps by id, copied, in order."""
    return {f"q{number}": dict(step) for number, step in enumerate(steps, start=1)}


def referred(value: JsonValue) -> str | None:
    """The id of the step that an argument refers to, of several the first; None where it refers to none."""
    return next(iter(references(value)), None)


def ids_read(steps: Iterable[Mapping[str, JsonValue]]) -> set[str]:
    """The ids of all steps that these steps refer to."""
    return {id_ for step in steps for value in step.values() for id_ in references(value)}


def with_references(steps: Iterable[Mapping[str, JsonValue]], names: Mapping[str, str]) -> list[Step]:
    """The steps with references to other ids.

    Args:
        steps: Steps of a plan.
        names: The new id of each old one; an id that is missing stays.
    """
    return [{name: renamed(value, names) for name, value in step.items()} for step in steps]


def only_steps(steps: Sequence[Mapping[str, JsonValue]], ids: Collection[str]) -> list[Step]:
    """The steps of these ids alone, with their references counted anew."""
    kept = {id_: step for id_, step in numbered(steps).items() if id_ in ids}
    return with_references(kept.values(), {old: f"q{number}" for number, old in enumerate(kept, start=1)})


def without_unread(steps: Sequence[Mapping[str, JsonValue]], dropped: Collection[str]) -> list[Step]:
    """The steps without those of the ids `dropped` that no other step that stays refers to."""
    kept = numbered(steps)
    while True:
        needed = ids_read(kept.values())
        unread = [id_ for id_ in kept if id_ in dropped and id_ not in needed]
        if not unread:
            return only_steps(steps, kept)
        kept = {id_: step for id_, step in kept.items() if id_ not in unread}
