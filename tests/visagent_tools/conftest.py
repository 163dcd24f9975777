"""Photographs that the experts are tested on."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from visagent.media.media import Media

Photo = Callable[[str], Media]


@cache
def _load(path: Path) -> Media:
    return Media.load(path)


@pytest.fixture(scope="session")
def photo(samples: Path) -> Photo:
    """Loads a sample photograph by file name; it stays loaded, as a medium does during a run."""
    return lambda name: _load(samples / "images" / name)


@pytest.fixture(scope="session")
def bus() -> Media:
    """The street scene that ultralytics ships: a blue bus, two men before it, one person at either edge."""
    found = importlib.util.find_spec("ultralytics")  # finds the package without importing it
    path = Path(found.origin).parent / "assets" / "bus.jpg" if found and found.origin else None
    if path is None or not path.is_file():
        pytest.skip("bus.jpg is absent: it comes with ultralytics (pip install 'visagent[local]')")
    return _load(path)
