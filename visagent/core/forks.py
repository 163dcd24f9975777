"""What a forked process must not keep using: locks and threads of its parent, and what runs on them. Knows no owner.

A fork copies the memory and one thread alone. A lock that another thread held stays locked for ever, work that is
handed to a thread that is not there is never done, and a model waits for its threads. So whoever has such things begins
anew in the child.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_left: list[object] = []


def after_fork(reset: Callable[[], None]) -> None:
    """Have a function called in each forked child, before anything else runs there; where nothing forks, never."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=reset)


def leave_behind(thing: object) -> None:
    """Keep what a child has no use for from being freed there: to end, it would wait for threads that are not there."""
    _left.append(thing)
