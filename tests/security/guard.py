"""What a run may not do, as Python's audit hooks see it: connect, start a process, open a file outside its folders."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system", "os.exec")
_SYSTEM = ("/proc", "/sys", "/dev", "/etc/os-release", "/usr/lib/os-release")
_active: list[Watch] = []


class Watch:
    """What happened while it was active.

    Args:
        folders: What may be opened, besides Python, its packages and the kernel's own files.
    """

    def __init__(self, *folders: Path) -> None:
        system = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib", "platlib")]
        system += [Path(sys.prefix), Path(sys.base_prefix), *map(Path, _SYSTEM), *folders]
        self._allowed = tuple({str(path) for folder in system for path in (folder, folder.resolve())})
        self.problems: list[str] = []

    def note(self, event: str, args: tuple[Any, ...]) -> None:
        """Take down an event that is not allowed."""
        if event in _FORBIDDEN:
            self.problems.append(f"{event} {args[1:]!r}")
        elif event == "open" and isinstance(args[0], str | bytes):
            path = os.path.realpath(os.fsdecode(args[0]))
            if not path.startswith(self._allowed):
                self.problems.append(f"open {path}")


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _active and (event == "open" or event in _FORBIDDEN):
        _active[-1].note(event, args)


sys.addaudithook(_hook)


@contextmanager
def watched(*folders: Path) -> Iterator[Watch]:
    """Watch this process until the block ends."""
    watch = Watch(*folders)
    _active.append(watch)
    try:
        yield watch
    finally:
        _active.remove(watch)
