"""How much memory a process has taken."""

from __future__ import annotations

import re
from pathlib import Path


def most_resident() -> int:
    """The most bytes of this process that were in memory at once.

    Not `ru_maxrss`: a process that is started takes that over from the one that starts it, which may hold gigabytes.
    """
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024
