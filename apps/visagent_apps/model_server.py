"""Runs an inference server while it is wanted: starts it, waits for its health, ends it with all that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from visagent.core.errors import ConfigError, ModelError, StorageError
from visagent.core.text import one_line
from visagent_apps.engines import SAFE_PATH

GRACE = 15.0
"""Seconds that a server may take to end by itself."""

_POLL = 0.25


def require_free_port(host: str, port: int) -> None:
    """Check that nothing listens there yet.

    Raises:
        ConfigError: something does, or the address is none of this machine.
    """
    try:
        # Its family is that of the address: IPv4, IPv6 or what a name resolves to.
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"Port {port} of {host} cannot be listened at: {error.strerror or error}.", "Give another --port."
        ) from error


@contextmanager
def running_server(
    command: Sequence[str],
    base_url: str,
    log: Path,
    *,
    wait: float,
    environment: Mapping[str, str] | None = None,
    key: str | None = None,
    stop: threading.Event | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from the moment when it is healthy until the context is left; then it and its children are ended.

    Args:
        command: Starts it.
        base_url: Its address without a version, for example `http://127.0.0.1:8000`.
        log: File for what it says.
        wait: Seconds until it must be healthy; loading weights is part of it.
        environment: Further variables for it.
        key: What it wants to be shown; None for nothing.
        stop: Ends the wait for its health when it is set.

    Raises:
        ModelError: it cannot be started, ends, or does not become healthy.
        StorageError: what it says cannot be kept.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        said = log.open("wb")
    except OSError as error:
        raise StorageError(
            f"{log} cannot be written ({error.strerror}).",
            "Free space, or name another folder: export VISAGENT_HOME=...",
        ) from error
    with said:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, **SAFE_PATH, **(environment or {})},
                # Engines start workers of their own: one group, ended together.
                start_new_session=True,
            )
        except OSError as error:
            raise ModelError(
                f"{command[0]} cannot be started: {error.strerror or error}.", "Check --python, or the installation."
            ) from error
        try:
            _await_health(process, base_url, log, wait, key, stop or threading.Event())
            yield process
        finally:
            end_server(process)


def _await_health(
    process: subprocess.Popen[bytes], base_url: str, log: Path, wait: float, key: str | None, stop: threading.Event
) -> None:
    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    deadline = time.monotonic() + wait
    with httpx.Client(headers=headers, timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            if (code := process.poll()) is not None:
                raise ModelError(
                    f"The server ended by itself with {code} before it was healthy{_last(log)}.", _see(log)
                )
            with suppress(httpx.HTTPError, ValueError, AttributeError):
                # A server that still loads says 503; one that lists its models is ready to be asked.
                if client.get(f"{base_url}/health").is_success and client.get(f"{base_url}/v1/models").json().get(
                    "data"
                ):
                    return
            if stop.wait(_POLL):
                return
    raise ModelError(
        f"The server was not healthy after {wait:g} seconds{_last(log)}.",
        f"Give it longer (--wait), or a smaller model. {_see(log)}",
    )


def _last(log: Path) -> str:
    """The last line of a log that says something, to stand in a sentence."""
    with suppress(OSError):
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
        said = [line for line in lines if any(char.isalnum() for char in line)]
        # The line that names an error says more than the traceback's or the shutdown's last.
        named = [line for line in said if "error" in line.lower()]
        if said:
            return f"; it said: “{one_line((named or said)[-1])}”"
    return ""


def _see(log: Path) -> str:
    return f"All that it said is in {log}."


def end_server(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group, and the group: asked first, killed after a while or at a second Ctrl-C."""
    for stop in (signal.SIGTERM, signal.SIGKILL):
        # Its group is asked even where the process itself is gone: a worker may be left.
        _signal_group(process.pid, stop)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue
        except KeyboardInterrupt:
            # Whoever asks twice will not wait, and the server must not stay.
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if not _group_lives(process.pid):
            return


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
