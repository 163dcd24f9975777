"""How large the suites are: sized for CI, and larger where `VISAGENT_TESTS_LONG` is set."""

from __future__ import annotations

import os


def sized(short: int, long: int) -> int:
    """The number of cases to run."""
    return long if os.environ.get("VISAGENT_TESTS_LONG") else short
