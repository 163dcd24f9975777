"""Where tests find real files, and where they keep weights between runs."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
SAMPLES = ROOT / "tests" / "data" / "samples"

# Weights are fetched once, not once a test run; a person's own cache stays untouched.
os.environ.setdefault("VISAGENT_HOME", str(ROOT / ".pytest_cache" / "visagent"))


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample photos and speech."""
    return SAMPLES


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of larger data that lies beside a development checkout, and not in a plain clone."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared data are absent: {SHARED}")
    return SHARED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    """Where everything a test may need is there but a GPU and peers, as in CI, a skipped test is a failed one."""
    report = yield
    elsewhere = any(item.get_closest_marker(name) for name in ("gpu", "peer"))
    needed = not elsewhere and not hasattr(report, "wasxfail")
    if report.skipped and needed and os.environ.get("VISAGENT_TESTS_SKIP_NOTHING"):
        report.outcome = "failed"
    return report
