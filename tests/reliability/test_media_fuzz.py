"""Whatever was changed in a file, it is loaded or refused in words, in bounded time and memory."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sizes import sized

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no module resource, and nothing to select from"),
]

PROCESS = Path(__file__).with_name("mutants_process.py")
MUTANTS = sized(600, 20_000)
SECONDS = 30.0
"""That one file may take."""
MEGABYTES = 700
"""That the process may take altogether: about 100 before the first file, and 600 for one picture of 64 megapixels."""


def results(first: int, end: int) -> Iterator[dict[str, Any]]:
    """How each mutant ended; one that ends the process, or does not end, is told and the next ones go on."""
    while first < end:
        command = [sys.executable, str(PROCESS), str(first), str(end)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        assert process.stdout is not None
        began, waiting = time.monotonic(), b""
        limit = 120.0
        while True:
            if not select.select([process.stdout], [], [], max(0.0, began + limit - time.monotonic()))[0]:
                yield {"number": first, "kind": "?", "outcome": f"FAILED: no end in {limit} s", "seconds": limit}
                os.killpg(process.pid, signal.SIGKILL)
                first += 1
                break
            part = os.read(process.stdout.fileno(), 2**16)
            if not part:
                if first < end:
                    yield {"number": first, "kind": "?", "outcome": f"FAILED: ended the process, {process.wait()}"}
                    first += 1
                break
            *lines, waiting = (waiting + part).split(b"\n")
            for line in lines:
                told = json.loads(line)
                began, limit = time.monotonic(), 2 * SECONDS
                if "begun" in told:
                    first = told["begun"]
                else:
                    first = told["number"] + 1
                    yield told
        process.wait()


def test_a_changed_file_is_loaded_or_refused_in_bounded_time_and_memory() -> None:
    counts: Counter[str] = Counter()
    problems: list[str] = []
    peak, slowest = 0.0, 0.0
    for told in results(0, MUTANTS):
        outcome = told["outcome"]
        counts[f"{told['kind']} {outcome.split()[0]}"] += 1
        if outcome.startswith("FAILED"):
            problems.append(f"{told['number']} ({told['kind']}): {outcome}")
        slowest = max(slowest, told.get("seconds", 0.0))
        if slowest > SECONDS:
            problems.append(f"{told['number']} ({told['kind']}) took {slowest:.1f} s")
        # It only rises: the file with which it rises too far is the one.
        if peak <= MEGABYTES * 1e6 < told.get("peak", 0):
            problems.append(f"{told['number']} ({told['kind']}) took {told['peak'] / 1e6:.0f} MB")
        peak = max(peak, told.get("peak", 0))
    print(f"{MUTANTS} mutants, at most {slowest:.1f} s and {peak / 1e6:.0f} MB: {dict(sorted(counts.items()))}")
    assert not problems, "\n".join(problems[:20])
    assert sum(counts.values()) == MUTANTS
    # A suite whose mutants are all refused at once, or all let in, would try nothing.
    for kind in ("png", "jpeg", "gif", "webp", "tiff", "pdf", "wav", "mp3", "mp4"):
        assert counts[f"{kind} loaded"] and counts[f"{kind} refused"], kind
