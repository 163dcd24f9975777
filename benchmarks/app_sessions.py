"""Many people at once on the running app: does anybody get another's answer, does anything fail, how much memory?

Starts `visagent app` with the embedded profile, answers one session's question alone, then those of all sessions at
once, each with a photograph that no other session has. Every page that comes back must show the session's own question
and picture, and nothing of another session; ratios are to the one session alone, in the same run.

    python benchmarks/app_sessions.py --sessions 16 --json app_sessions.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from gradio_client import Client, handle_file
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
QUESTIONS = ("How many cats are there?", "Is there a cat?", "What color is the cat?", "How many dogs are there?")


class Visit(NamedTuple):
    """What one session asked and got."""

    number: int
    question: str
    picture: str
    answer: str
    seconds: float
    problem: str


def picture(folder: Path, number: int) -> Path:
    """A photograph of a cat that only this session has: its own size, so its own bytes and its own hash."""
    file = folder / f"session-{number:02}.png"
    with Image.open(EXAMPLES / "cat.png") as cat:
        cat.convert("RGB").resize((400 + 4 * number, 268 + 3 * number)).save(file)
    return file


def visit(url: str, number: int, file: Path) -> Visit:
    """One session: upload, ask, read the page that comes back."""
    question = QUESTIONS[number % len(QUESTIONS)]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    begun = time.perf_counter()
    try:
        # A browser waits longer than this library's 5 s for a reply.
        client = Client(url, verbose=False, httpx_kwargs={"timeout": 600})
        client.predict([handle_file(str(file))], api_name="/add_media")
        shown = client.predict(question, False, "tree", api_name="/ask")
        page = " ".join(str(part.get("value", part) if isinstance(part, dict) else part) for part in shown)
    except Exception as error:
        return Visit(number, question, digest, "", time.perf_counter() - begun, f"{type(error).__name__}: {error}")
    return Visit(number, question, digest, page, time.perf_counter() - begun, "")


def faults(visits: list[Visit]) -> list[str]:
    """What went wrong: an error, no answer, or anything of another session on a session's page."""
    found = []
    for one in visits:
        if one.problem:
            found.append(f"session {one.number}: {one.problem}")
            continue
        if one.question not in one.answer or "va-answered" not in one.answer:
            found.append(f"session {one.number}: no answer to its question")
        if one.picture not in one.answer:
            found.append(f"session {one.number}: its picture is not on its page")
        others = [other.number for other in visits if other.number != one.number and other.picture in one.answer]
        if others:
            found.append(f"session {one.number}: shows media of {others}")
    return found


def megabytes(pid: int, what: str = "VmRSS") -> float:
    """Resident memory of the app, which is one process, now or (`VmHWM`) at its most; Linux only."""
    (kilobytes,) = re.findall(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) / 1000


def measure(sessions: int, concurrency: int) -> dict[str, Any]:
    """One session alone, then all at once."""
    from visagent.core.config_files import home as known

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for kept in ("models", "prefixes"):
            if (known() / kept).is_dir():
                (home / kept).symlink_to(known() / kept)
        command = [str(Path(sys.executable).with_name("visagent")), "app", "--port", str(port)]
        command += ["--concurrency", str(concurrency)]
        log = (home / "app.log").open("w")
        app = subprocess.Popen(command, env={**os.environ, "VISAGENT_HOME": folder}, cwd=folder, stdout=log, stderr=log)
        try:
            while True:
                try:
                    httpx.get(url, timeout=5)
                    break
                except httpx.TransportError:
                    time.sleep(0.2)
            files = [picture(home, number) for number in range(sessions + 2)]
            # The first question loads the models; the second is one session's price.
            warm, alone = (visit(url, number, files[number]) for number in (0, 1))
            before = megabytes(app.pid)
            begun = time.perf_counter()
            with ThreadPoolExecutor(sessions) as pool:
                crowd = list(pool.map(lambda number: visit(url, number, files[number]), range(2, sessions + 2)))
            together = time.perf_counter() - begun
            after, most = megabytes(app.pid), megabytes(app.pid, "VmHWM")
            problems = faults([warm, alone, *crowd])
            if "Traceback" in (home / "app.log").read_text():
                problems.append("the app logged a traceback: " + (home / "app.log").read_text()[-2000:])
        finally:
            app.send_signal(signal.SIGINT)
            try:
                app.wait(10)
            except subprocess.TimeoutExpired:
                app.kill()
    return {
        "sessions": sessions,
        "concurrency": concurrency,
        "faults": problems,
        "memory_before_mb": round(before, 1),
        "memory_after_mb": round(after, 1),
        "memory_most_mb": round(most, 1),
        "memory_ratio": round(after / before, 3),
        "alone_seconds": round(alone.seconds, 2),
        "slowest_seconds": round(max(one.seconds for one in crowd), 2),
        "all_seconds": round(together, 2),
        "seconds_a_session": round(together / sessions, 2),
        "throughput_ratio": round(alone.seconds / (together / sessions), 2),
    }


def main() -> int:
    """Measure, print a table, and say by the exit code whether anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--concurrency", type=int, default=2, help="questions that the app answers at once")
    parser.add_argument("--json", type=Path, help="save the figures here")
    options = parser.parse_args()
    figures = measure(options.sessions, options.concurrency)
    for name, value in figures.items():
        print(f"{name:20} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return 1 if figures["faults"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
