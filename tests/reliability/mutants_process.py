"""A process that loads changed media and uses them; test_media_fuzz watches it.

Usage: mutants_process.py FIRST END. On standard output stands a line of JSON for each number, before and after it.
"""

from __future__ import annotations

import json
import random
import sys
import time
import traceback

from memory import most_resident
from mutants import mutant, originals

from visagent.core.errors import VisagentError
from visagent.media.decoded import DECODED
from visagent.media.limits import MediaLimits
from visagent.media.media import Media, load_media

KINDS = ("png", "jpeg", "gif", "webp", "tiff", "wav", "mp3", "mp4")
LIMITS = MediaLimits(seconds=600)


def use(medium: Media) -> None:
    """Ask a medium for everything that tools ask."""
    if medium.kind == "image":
        medium.array()
        medium.text_layer()
    if medium.kind == "video":
        medium.frames(0.2, 5)
    if medium.info.has_audio:
        medium.audio()


def tried(number: int, files: dict[str, list[bytes]]) -> tuple[str, str]:
    """The kind of a mutant, and how loading and using it ended."""
    rng = random.Random(number)
    # Each document starts a process or two; the other kinds are as many as they are.
    kind = "pdf" if number % 12 == 0 else KINDS[number % len(KINDS)]
    data = mutant(rng, kind, files)
    try:
        media = load_media(data, limits=LIMITS)
    except VisagentError as error:
        return kind, f"refused {type(error).__name__}"
    except Exception:
        return kind, f"FAILED {traceback.format_exc()}"
    for medium in media[:5]:
        try:
            use(medium)
        except VisagentError as error:
            return kind, f"refused later {type(error).__name__}"
        except Exception:
            return kind, f"FAILED {traceback.format_exc()}"
    return kind, f"loaded {media[0].kind}"


def main() -> None:
    # So that the memory of each file can be told: what is kept of earlier ones is the matter of test_pixels.
    DECODED.limit = 0
    files = originals()
    for of in files.values():
        for file in of:
            for medium in load_media(file):
                use(medium)
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps({"begun": number}), flush=True)
        began = time.monotonic()
        kind, outcome = tried(number, files)
        peak = most_resident()
        told = {"number": number, "kind": kind, "outcome": outcome, "seconds": time.monotonic() - began, "peak": peak}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
