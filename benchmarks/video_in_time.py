"""How well and how fast videos are indexed: time error of `when`, IDF1 of tracks, seconds and memory by length.

    python benchmarks/video_in_time.py --photos FOLDER times
    python benchmarks/video_in_time.py --photos FOLDER tracks
    python benchmarks/video_in_time.py --photos FOLDER length 60 600 3600

The photographs (chelsea.png, astronaut.png, coffee.png) are those of scikit-image's data; the package ships them.
Intervals are 95 %, by bootstrap over edges (1,000 resamples, seed 0).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from video_clips import CLIPS, RATE, Clip, Truth, labels, make, repeated

from visagent.evidence.spans import united
from visagent.evidence.values import Spans, Tracks
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.following import follow
from visagent_tools.moments import shots, when
from visagent_tools.video import track

MATCH = 0.3
"""Of two spans, the part of their union that they share from which on one is the other."""


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of the photographs")
    parser.add_argument("--folder", type=Path, default=None, help="where the clips are kept")
    parser.add_argument("--home", type=Path, default=None, help="where indexes are kept; a new folder if left out")
    parser.add_argument("--only", nargs="*", default=(), help="names of clips; all if left out")
    parser.add_argument("what", choices=["times", "tracks", "length", "one"])
    parser.add_argument("lengths", nargs="*", help="seconds of the long clips; of `one`, its file and a home")
    given = parser.parse_args()
    folder = given.folder or Path(mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    home = given.home or Path(mkdtemp())
    chosen = [clip for clip in CLIPS if not given.only or clip.name in given.only]
    if given.what == "times":
        times(chosen, folder, given.photos, home)
    elif given.what == "tracks":
        tracks(chosen, folder, given.photos, home)
    elif given.what == "one":
        one(Path(given.lengths[0]), Path(given.lengths[1]))
    else:
        by_length(folder, given.photos, [float(seconds) for seconds in given.lengths])


def times(clips: Sequence[Clip], folder: Path, photos: Path, home: Path) -> None:
    """Print how far the edges of spans are off."""
    context = Context(home=home)
    errors: dict[str, list[float]] = {"seen": [], "heard": [], "written": [], "cuts": []}
    found, missed, wrong = dict.fromkeys(errors, 0), dict.fromkeys(errors, 0), dict.fromkeys(errors, 0)
    started = time.perf_counter()
    for clip in clips:
        path, truth = make(clip, folder, photos)
        media = Media.load(path)
        for kind, events in (("seen", truth.seen), ("heard", truth.heard), ("written", truth.written)):
            for event in dict.fromkeys([*events, *(labels(CLIPS) if kind == "seen" else [])]):
                got = when(media, event, context, by=kind)  # type: ignore[arg-type]
                expected = united(events.get(event, []))
                hits = matched(expected, got)
                errors[kind] += [error for pair in hits for error in pair]
                found[kind] += len(hits)
                missed[kind] += len(expected) - len(hits)
                wrong[kind] += len(got.spans) - len(hits)
                if len(hits) != len(expected) or len(hits) != len(got.spans):
                    print(
                        f"{clip.name}, {event}: {expected} against {[(s.start, s.end) for s in got.spans]}", flush=True
                    )
        cuts = [span.start for span in shots(media, context).spans[1:]]
        near = [min((abs(cut - one) for one in cuts), default=99.0) for cut in truth.cuts]
        errors["cuts"] += [error for error in near if error < 1]
        found["cuts"] += sum(error < 1 for error in near)
        missed["cuts"] += sum(error >= 1 for error in near)
        wrong["cuts"] += max(0, len(cuts) - sum(error < 1 for error in near))
        print(f"{clip.name}: {time.perf_counter() - started:.0f} s so far", file=sys.stderr, flush=True)
    print(f"{len(clips)} clips, {sum(clip.seconds for clip in clips):.0f} s; {time.perf_counter() - started:.0f} s\n")
    print("| `when` | found | missed | wrong | edges | median error, s (95 %) | 90th percentile, s |")
    print("|---|---:|---:|---:|---:|---|---:|")
    together = ("seen", "heard", "written")
    for name, kinds in [*((kind, (kind,)) for kind in errors), ("seen, heard and written", together)]:
        values = [error for kind in kinds for error in errors[kind]]
        if not values:
            continue
        low, high = interval(values)
        counts = " | ".join(str(sum(one[kind] for kind in kinds)) for one in (found, missed, wrong))
        print(
            f"| {name} | {counts} | {len(values)} | {np.median(values):.2f} ({low:.2f} to {high:.2f}) "
            f"| {np.percentile(values, 90):.2f} |"
        )


def tracks(clips: Sequence[Clip], folder: Path, photos: Path, home: Path) -> None:
    """Print IDF1 of each tracker."""
    import motmetrics

    trackers: dict[str, list[Any]] = {"`track`": [], "`follow`, sort": [], "`follow`, bytetrack": []}
    for clip in clips:
        path, truth = make(clip, folder, photos)
        media = Media.load(path)
        for label in truth.seen:
            trackers["`track`"].append(accumulated(truth, label, track(media, label, Context()), full=False))
            for name in ("sort", "bytetrack"):
                followed = follow(media, label, Context(options={"tracker": name}, home=home))
                trackers[f"`follow`, {name}"].append(accumulated(truth, label, followed, full=True))
        print(clip.name, file=sys.stderr, flush=True)
    print("| tracker | IDF1 | switches | objects | frames |\n|---|---:|---:|---:|---:|")
    for name, accumulators in trackers.items():
        summary = motmetrics.metrics.create().compute_many(
            accumulators,
            metrics=["idf1", "num_switches", "num_unique_objects", "num_frames"],
            names=[str(place) for place in range(len(accumulators))],
            generate_overall=True,
        )
        total = summary.loc["OVERALL"]
        print(
            f"| {name} | {total.idf1:.3f} | {total.num_switches:.0f} | {total.num_unique_objects:.0f} "
            f"| {total.num_frames:.0f} |"
        )


def matched(expected: Sequence[tuple[float, float]], got: Spans) -> list[tuple[float, float]]:
    """Errors of start and end, seconds, of each span that was found; each found one counts once."""
    left = list(got.spans)
    errors = []
    for start, end in expected:
        best = max(left, key=lambda span: shared((start, end), (span.start, span.end)), default=None)
        if best is None or shared((start, end), (best.start, best.end)) < MATCH:
            continue
        left.remove(best)
        errors.append((abs(best.start - start), abs(best.end - end)))
    return errors


def shared(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union of two stretches."""
    both = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, both) / max(max(one[1], other[1]) - min(one[0], other[0]), 1e-9)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % of the medians of resamples."""
    random = np.random.default_rng(0)
    medians = [np.median(random.choice(values, len(values))) for _ in range(1000)]
    return float(np.percentile(medians, 2.5)), float(np.percentile(medians, 97.5))


def accumulated(truth: Truth, label: str, tracks: Tracks, *, full: bool) -> Any:
    """motmetrics' account of tracks against the truth, in every frame, or in those of each half second."""
    import motmetrics

    account = motmetrics.MOTAccumulator(auto_id=True)
    sampled = {round(step / 2 * RATE) for step in range(2 * round(truth.boxes[-1][0] + 1))}
    wanted: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
    for at, number, name, box in truth.boxes:
        frame = round(at * RATE)
        if name == label and (full or frame in sampled):
            wanted.setdefault(frame, []).append((number, box))
    guessed: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
    for path in tracks.tracks:
        for at, xyxy in zip(path.seconds, path.xyxy, strict=True):
            guessed.setdefault(round(at * RATE), []).append((path.id, xyxy))
    for frame in sorted({*wanted, *guessed}):
        objects, hypotheses = wanted.get(frame, []), guessed.get(frame, [])
        distances = np.full((len(objects), len(hypotheses)), np.nan)
        for row, (_, box) in enumerate(objects):
            for column, (_, xyxy) in enumerate(hypotheses):
                overlap = iou(box, xyxy)
                if overlap >= 0.5:
                    distances[row, column] = 1 - overlap
        account.update([number for number, _ in objects], [id_ for id_, _ in hypotheses], distances)
    return account


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, across) * max(0.0, down)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def by_length(folder: Path, photos: Path, lengths: Sequence[float]) -> None:
    """Print seconds and memory of the index, and of a second question, for clips of some lengths."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| length, s | computed, s | of its length | on the clock, s | second question, s | MB at most | index, MB |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    source = make(next(clip for clip in CLIPS if clip.name == "scenes"), folder, photos)[0]
    for seconds in lengths:
        path = repeated(source, folder / f"scenes-{seconds:.0f}.mp4", seconds)
        done = subprocess.run(
            [sys.executable, __file__, "--photos", str(photos), "one", str(path), mkdtemp()],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        computed, clock, second, memory, size, length = map(float, done.stdout.split()[-6:])
        print(
            f"| {length:.0f} | {computed:.0f} | {computed / length:.2f} | {clock:.0f} | {second:.2f} | {memory:.0f} "
            f"| {size:.1f} |",
            flush=True,
        )


def one(path: Path, home: Path) -> None:
    """Ask two questions of one clip, and print what they took: seconds of the processor, and on the clock."""
    import resource

    media = Media.load(path)
    context = Context(home=home)
    clock, computed = time.perf_counter(), time.process_time()
    when(media, "cat", context)
    first = (time.process_time() - computed, time.perf_counter() - clock)
    computed = time.process_time()
    when(media, "person", context)
    second = time.process_time() - computed
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(file.stat().st_size for file in home.rglob("*")) / 1e6
    print(*first, second, memory, size, media.info.seconds)


if __name__ == "__main__":
    main()
