"""`visagent batch` with a scripted planner and a counting tool; test_batch_command kills it half-way.

Usage: batch_process.py LOG SECONDS ARGUMENTS...; the tool writes each call into LOG and takes so many seconds.
"""

import json
import os
import signal
import sys
from pathlib import Path

from visagent.testing import slow_tools
from visagent.tools.toolkit import Toolkit
from visagent_apps.cli import main

PLAN = [{"tool": "look", "name": "here"}]


def run() -> None:
    # A shell lets what it starts in the background ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log, seconds, *sys.argv[1:] = sys.argv[1:]
    tools = slow_tools(Path(log), {"here": float(seconds)})
    os.environ["VISAGENT_MODELS__PLANNER"] = json.dumps({"backend": "scripted", "replies": [PLAN]})
    Toolkit.installed = classmethod(lambda cls: cls(tools))  # type: ignore[method-assign,assignment]
    main()


if __name__ == "__main__":
    run()
