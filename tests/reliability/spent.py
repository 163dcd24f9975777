"""What decoding costs, however busy the machine is: seconds of the processor, not of the clock."""

from __future__ import annotations

import resource

from visagent.media.workers import stop_workers


def processor_seconds() -> float:
    """Of this process and of all workers so far, which are ended: the system counts those that have."""
    stop_workers()
    usages = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
