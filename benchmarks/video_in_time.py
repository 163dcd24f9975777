"""How well and how fast videos are indexed: time error of `when`, IDF1 of tracks, seconds and memory by length.

    python benchmarks/video_in_time.py --photos FOLDER times
    python benchmarks/video_in_time.py --photos FOLDER tracks
    python benchmarks/video_in_time.py --photos FOLDER length 60 600 3600

The photographs (chelsea.png, astronaut.png, coffee.png) are those of scikit-image's data; the package ships them.
Intervals are 95 %, by bootstrap over edges, and of IDF1 over sequences, each the things of one kind in one clip (1,000
resamples, seed 0). A run with --folder, --home and --out that is stopped goes on when it is given again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from video_clips import CLIPS, RATE, Clip, Truth, labels, make, repeated

from visagent.evidence.spans import united
from visagent.evidence.values import Span, Spans, Tracks
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.engines.video_indexing import indexed
from visagent_tools.following import MARGIN, follow
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
    parser.add_argument("--seconds", type=float, default=1e9, help="of each kind of thing, tracks of so long at most")
    parser.add_argument("--out", type=Path, default=None, help="a file to which rows of `length` are added")
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
        tracks(chosen, folder, given.photos, home, given.seconds)
    elif given.what == "one":
        one(Path(given.lengths[0]), Path(given.lengths[1]))
    else:
        by_length(folder, given.photos, [float(seconds) for seconds in given.lengths], home, given.out)


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


def tracks(clips: Sequence[Clip], folder: Path, photos: Path, home: Path, seconds: float) -> None:
    """Print IDF1 of each tracker; with the same --home, frames that were searched are not searched again.

    Where less than all is followed, it is the middle of the time at which there are such things.
    """
    import motmetrics

    quiet: dict[str, Any] = {"speech": False, "text": False}
    trackers: dict[str, list[Any]] = {"`track`": [], "`follow`, sort": [], "`follow`, bytetrack": []}
    names: list[str] = []
    started = time.process_time()
    for clip in clips:
        path, truth = make(clip, folder, photos)
        media = Media.load(path)
        for label in truth.seen:
            names.append(f"{clip.name}, {label}")
            there = [at for at, _, name, _ in truth.boxes if name == label]
            middle = there[len(there) // 2]
            window = (max(0.0, middle - seconds / 2), min(clip.seconds, middle + seconds / 2))
            during = None if seconds > clip.seconds else Spans(media=media.hash, spans=(span_of(*window),))
            for name in ("sort", "bytetrack"):
                followed = follow(media, label, Context(options={**quiet, "tracker": name}, home=home), during)
                trackers[f"`follow`, {name}"].append(accumulated(truth, label, followed, window, full=True))
            looked = track(media, label, Context(options=quiet, home=home))
            trackers["`track`"].append(accumulated(truth, label, looked, (0.0, clip.seconds), full=False))
        print(f"{clip.name}: {time.process_time() - started:.0f} s computed so far", file=sys.stderr, flush=True)
    columns = ["idf1", "idtp", "idfp", "idfn", "num_switches", "num_unique_objects", "num_frames"]
    print("| tracker | IDF1 (95 %) | switches | objects | frames |\n|---|---|---:|---:|---:|")
    apart = []
    for tracker, accumulators in trackers.items():
        summary = motmetrics.metrics.create().compute_many(
            accumulators, metrics=columns, names=names, generate_overall=True
        )
        total = summary.loc["OVERALL"]
        each = summary.loc[names]
        low, high = resampled([tuple(row) for row in each[["idtp", "idfp", "idfn"]].itertuples(index=False)])
        print(
            f"| {tracker} | {total.idf1:.3f} ({low:.3f} to {high:.3f}) | {total.num_switches:.0f} "
            f"| {total.num_unique_objects:.0f} | {total.num_frames:.0f} |"
        )
        apart += [
            f"{tracker}, {name}: {row.idf1:.3f}, {row.idfn:.0f} missed, {row.idfp:.0f} wrong, "
            f"{row.num_switches:.0f} switches, {row.num_unique_objects:.0f} objects"
            for name, row in each.iterrows()
        ]
    print("", *apart, sep="\n")


def resampled(counts: Sequence[tuple[float, ...]]) -> tuple[float, float]:
    """95 % of IDF1 when sequences are drawn anew: of each, pairs that are right, boxes that are wrong, and missed."""
    random = np.random.default_rng(0)
    drawn = np.array(counts)[random.integers(0, len(counts), (1000, len(counts)))].sum(axis=1)
    values = 2 * drawn[:, 0] / np.maximum(2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2], 1)
    return float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))


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


def span_of(start: float, end: float) -> Span:
    """A stretch without the margin that is followed before and after it."""
    return Span(start=min(start + MARGIN, end), end=max(end - MARGIN, start))


def accumulated(truth: Truth, label: str, tracks: Tracks, window: tuple[float, float], *, full: bool) -> Any:
    """motmetrics' account of tracks against the truth in a stretch: in every frame, or in those of each half second."""
    import motmetrics

    account = motmetrics.MOTAccumulator(auto_id=True)
    sampled = {round(step / 2 * RATE) for step in range(2 * round(truth.boxes[-1][0] + 1))}
    wanted: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
    for at, number, name, box in truth.boxes:
        frame = round(at * RATE)
        if name == label and window[0] <= at < window[1] and (full or frame in sampled):
            wanted.setdefault(frame, []).append((number, box))
    guessed: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
    for path in tracks.tracks:
        for at, xyxy in zip(path.seconds, path.xyxy, strict=True):
            if window[0] <= at < window[1]:
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


def by_length(folder: Path, photos: Path, lengths: Sequence[float], home: Path, out: Path | None) -> None:
    """Print seconds and memory of the index, and of a second question, for clips of some lengths.

    With the same --folder and --home, a length that was stopped goes on, and its seconds are added to those before.
    """
    head = (
        "| length, s | computed, s | of its length | on the clock, s | of its length | second question, s | MB at most "
        "| index, MB | frames | cores, load |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    )
    written(head, out)
    source = make(next(clip for clip in CLIPS if clip.name == "scenes"), folder, photos)[0]
    for seconds in lengths:
        path = repeated(source, folder / f"scenes-{seconds:.0f}.mp4", seconds)
        done = subprocess.run(
            [sys.executable, __file__, "--photos", str(photos), "one", str(path), str(home / f"{seconds:.0f}")],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        took = json.loads(done.stdout.splitlines()[-1])
        length, load = took["length"], ", ".join(f"{load:.1f}" for load in took["loads"])
        written(
            f"| {length:.0f} | {took['computed']:.0f} | {took['computed'] / length:.2f} | {took['clock']:.0f} "
            f"| {took['clock'] / length:.2f} | {took['second']:.2f} | {took['memory']:.0f} | {took['size']:.1f} "
            f"| {took['frames']} | {os.cpu_count()}, {load} |",
            out,
        )


def written(line: str, out: Path | None) -> None:
    """Print a line, and add it to a file."""
    print(line, flush=True)
    if out is not None:
        with out.open("a") as file:
            file.write(line + "\n")


def one(path: Path, home: Path) -> None:
    """Index one clip and ask two questions of it; prints what that took, decoding processes included.

    What it took by then is written down every few seconds, and a run that goes on adds to it.
    """
    import psutil

    home.mkdir(parents=True, exist_ok=True)
    notes = home / "took.json"
    before = {"computed": 0.0, "clock": 0.0, "memory": 0.0, "loads": []}
    if notes.exists():
        before = json.loads(notes.read_text())
    process = psutil.Process()
    began, noted = time.perf_counter(), 0.0
    # Of decoders that have ended meanwhile, what they took when they were last seen.
    decoders: dict[int, float] = {}

    def took() -> dict[str, Any]:
        memory = process.memory_info().rss
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                decoders[child.pid] = sum(child.cpu_times()[:2])
                memory += child.memory_info().rss
        return {
            "computed": before["computed"] + time.process_time() + sum(decoders.values()),
            "clock": before["clock"] + time.perf_counter() - began,
            "memory": max(before["memory"], memory / 2**20),
            "loads": [*before["loads"], os.getloadavg()[0]],
        }

    def progress(done: float) -> None:
        nonlocal noted
        if time.perf_counter() - noted >= 2:
            noted = time.perf_counter()
            now = took()
            before["memory"] = now["memory"]
            notes.write_text(json.dumps(now))
            print(f"{path.name}: {done:.1%}, {now['computed']:.0f} s computed", end="\r", file=sys.stderr, flush=True)

    media = Media.load(path)
    context = Context(home=home, progress=progress)
    when(media, "cat", context)
    first = took()
    notes.write_text(json.dumps(first))
    computed = time.process_time()
    when(media, "person", context)
    second = time.process_time() - computed
    frames = len(indexed(media, {}, home).frames)
    size = sum(file.stat().st_size for file in home.rglob("*")) / 1e6
    print(json.dumps({**first, "second": second, "size": size, "frames": frames, "length": media.info.seconds}))


if __name__ == "__main__":
    main()
