"""How long an album of many pictures takes to be asked about, and how much memory: python benchmarks/album.py PHOTOS.

PHOTOS is a folder of photographs. The album is made of them, mirrored, cut and scaled by chance of a fixed seed, so
that a picture shows a cat where its photograph does: --cat names that one. The embedded experts look; the plan is
given, so that no planner is measured. Seconds are on the clock and of the processor, in this process and its workers.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "end_to_end"))

from documents import album

from visagent import Agent, Answer
from visagent.core.config import Budget
from visagent.core.settings import load_profile
from visagent.evidence.values import Boxes
from visagent.testing import ScriptedModel

QUESTIONS = (("first", "cat"), ("same again", "cat"), ("another thing", "cup"), ("that again", "cup"))


def processor() -> float:
    """Seconds that this process and its workers have computed."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def asked(agent: Agent, folder: Path, label: str, seconds: float) -> tuple[Answer, float, float]:
    """The answer to which pictures show a thing; its seconds on the clock and of the processor."""
    began, computed = time.perf_counter(), processor()
    answer = agent.ask(
        f"In which of these pictures is a {label}?",
        folder,
        budget=Budget(seconds=seconds),
    )
    return answer, time.perf_counter() - began, processor() - computed


def main() -> None:
    """Make the album, ask about it four times, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--cat", default="chelsea.png", help="The photograph that shows a cat.")
    parser.add_argument("--seconds", type=float, default=3600.0, help="Of one question, at most.")
    given = parser.parse_args()
    photos = sorted(file for file in given.photos.iterdir() if file.suffix in (".jpg", ".png"))
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as home:
        plans = [[{"tool": "detect", "label": label}] for _, label in QUESTIONS]
        shown = album(Path(made), given.count, photos)
        agent = Agent(load_profile("embedded"), home=Path(home), models={"controller": ScriptedModel(*plans)})
        print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, n={given.count}")
        for name, label in QUESTIONS:
            answer, clock, computed = asked(agent, Path(made), label, given.seconds)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            print(f"{name} ({label}): {clock:.1f} s on the clock, {computed:.1f} s computed, {memory} MB at most")
            value = answer.evidence["q1"].value
            if name == "first" and isinstance(value, Boxes):
                digests = [info.hash for info in answer.media.values()]
                found = {box.media for box in value.boxes}
                true = {digest for digest, photo in zip(digests, shown, strict=True) if photo == given.cat}
                print(f"  cats: {len(found & true)} found of {len(true)}, {len(found - true)} wrong ones")
                print(f"  {answer.text[:160]}")


if __name__ == "__main__":
    main()
