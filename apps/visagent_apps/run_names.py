"""Runs as a person at this machine names them: by a whole id, by a part of one, or as `last`.

The library knows whole ids alone, because clients of a server must not find a run by guessing.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from visagent.core.errors import RunNotFound

if TYPE_CHECKING:
    from visagent.agent.runs import RunStore

LAST = "last"
SHORTEST = 4
"""Characters that a part of an id has at least."""
_NAMED = 4
"""Runs that a message names at most."""


def short_id(run_id: str) -> str:
    """The part of an id that no other run has, short enough to be typed.

    >>> short_id("20261126-181032-967169-171ba1c9")
    '171ba1c9'
    """
    return run_id.rpartition("-")[2]


def find_run(store: RunStore, name: str) -> str:
    """The whole id of the run that a person means.

    Args:
        store: Where the runs are.
        name: A whole id, how one begins, how its short one begins, or `last` for the newest run that can be read.

    Raises:
        RunNotFound: no run is meant, or more than one is.
    """
    if name == LAST:
        for record in store.list():
            return record.id
        raise RunNotFound("There is no run yet.", 'Begin with one: visagent ask photo.jpg "What is it?"')
    ids = store.ids()
    if name in ids:
        return name
    if len(name) >= SHORTEST:
        found = [one for one in ids if one.startswith(name) or short_id(one).startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(map(short_id, found[:_NAMED])) + (", …" if len(found) > _NAMED else "")
            raise RunNotFound(f"{len(found)} runs have an id that begins with {name}.", f"Name one of them: {shown}.")
    near = difflib.get_close_matches(name[:64], [*ids, *map(short_id, ids)], 1)
    suggested = f"Did you mean {near[0]}? " if near else ""
    raise RunNotFound(f"There is no run {name[:80]!r}.", f"{suggested}List them: visagent runs.")
