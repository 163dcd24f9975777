"""A command of visagent run in this process."""

from __future__ import annotations

import pytest

from visagent_apps import cli


def main_of(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of a command as a shell would see it."""
    monkeypatch.setattr("sys.argv", ["visagent", *words])
    try:
        cli.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
