"""When things happen in a video: clips made here, with stand-ins for the models, and every moment known."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from clips import Experts, beeps, clip, decodes, loaded, scene, use_stand_ins
from PIL import Image

from visagent.core.errors import ConfigError, MediaError, MissingInput, ToolError, UnknownLabel
from visagent.evidence.values import Span, Spans, Track, Tracks
from visagent.media.clip_files import ClipFile
from visagent.media.indexes import forget_indexes, index_files
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.engines.video_index import Sighting
from visagent_tools.engines.video_indexing import Indexing, indexed, search_frames
from visagent_tools.following import follow, tracks_of
from visagent_tools.moments import (
    after,
    at_once,
    before,
    between,
    during,
    first,
    happens,
    how_long,
    how_often,
    last,
    moment_of,
    on_screen,
    said,
    shots,
    when,
)
from visagent_tools.read_text import read_text
from visagent_tools.video import track
from visagent_tools.video_moments import choose

pytest.importorskip("av", reason="video needs PyAV: pip install 'visagent[embedded]'")
pytest.importorskip("scenedetect", reason="shots need PySceneDetect: pip install 'visagent[embedded]'")

QUIET = {"speech": False, "text": False}


@pytest.fixture
def experts(monkeypatch: pytest.MonkeyPatch) -> Experts:
    return use_stand_ins(monkeypatch)


@pytest.fixture
def here(tmp_path: Path) -> Context:
    return Context(home=tmp_path)


def day(at: float) -> Image.Image:
    """A cat from 2 to 5 s and from 8 to 9 s, a dog from 3 to 10 s, a sign from 6 to 7.5 s; another ground from 6 s."""
    things = []
    if 2 <= at < 5 or 8 <= at < 9:
        things.append(("cat", 20 + round(at * 10), 20))
    if 3 <= at < 10:
        things.append(("dog", 200, 20 + round(at * 8)))
    if 6 <= at < 7.5:
        things.append(("sign", 20, 120))
    return scene(*things, ground=(120, 120, 120) if at < 6 else (240, 230, 200))


@pytest.fixture(scope="module")
def a_day() -> Media:
    """Twelve seconds, with words at 1, 4 and 8.5 s."""
    return loaded(day, 12, sound=beeps(12, (1, 1.5), (4, 4.5), (8.5, 9)))


def times(spans: Spans) -> list[tuple[float, float]]:
    return [(span.start, span.end) for span in spans.spans]


def close(found: Spans, *expected: tuple[float, float], by: float = 0.3) -> bool:
    """Whether spans are those expected, give or take so many seconds at each edge."""
    got = times(found)
    return len(got) == len(expected) and bool(np.abs(np.array(got) - np.array(expected)).max(initial=0) <= by)


def test_when_tells_each_time_a_thing_is_seen(experts: Experts, a_day: Media, here: Context) -> None:
    cats = when(a_day, "cats", here)
    assert close(cats, (2, 5), (8, 9)) and {span.source for span in cats.spans} == {"seen"}
    assert close(when(a_day, "dog", here), (3, 10))


def test_when_says_how_far_it_has_looked(experts: Experts, a_day: Media, tmp_path: Path) -> None:
    told: list[float] = []
    when(a_day, "cat", Context(options=QUIET, home=tmp_path, progress=told.append))
    assert len(told) > 5 and told == sorted(told) and told[-1] == 1.0


def test_when_tells_words_that_are_said_and_shown(experts: Experts, a_day: Media, here: Context) -> None:
    assert close(when(a_day, "two", here, by="heard"), (4, 4.5), by=0.15)
    assert close(when(a_day, "sale", here, by="written"), (6, 7.5), by=0.6)
    # Nobody has to say which it is: what is no thing is looked for in speech and text.
    assert [span.source for span in when(a_day, "three", here).spans] == ["heard"]
    assert [span.source for span in when(a_day, "sale", here).spans] == ["written"]


def test_a_cut_is_an_edge_to_the_frame(experts: Experts, a_day: Media, here: Context) -> None:
    assert times(shots(a_day, here)) == [(0.0, 6.0), (6.0, 12.0)]


def test_what_comes_into_a_shot_at_once_is_no_cut(experts: Experts, here: Context) -> None:
    """A sign that covers a third of the picture from one frame to the next."""

    def titled(at: float) -> Image.Image:
        picture = scene(ground=(120, 120, 120) if at < 6 else (30, 40, 90))
        if 2 <= at < 4:
            picture.paste((250, 160, 20), (40, 40, 220, 150))
        return picture

    assert times(shots(loaded(titled, 8), here)) == [(0.0, 6.0), (6.0, 8.0)]


def test_a_second_question_decodes_nothing(
    experts: Experts, a_day: Media, here: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = decodes(monkeypatch)
    when(a_day, "cat", here)
    assert len(opened) == 2  # once for the picture, once for the sound
    looks = experts.detector.looks
    moments_of_dog = when(a_day, "dog", here)
    when(a_day, "one", here, by="heard")
    said(a_day, here)
    shots(a_day, here)
    assert close(during(moments_of_dog, when(a_day, "cat", here)), (3, 5), (8, 9))
    assert len(opened) == 2 and experts.detector.looks == looks


def test_track_and_read_text_take_what_is_indexed_already(
    experts: Experts, a_day: Media, here: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alone = track(a_day, "cat", Context(home=tmp_path / "empty"))
    when(a_day, "cat", here)
    opened, looks = decodes(monkeypatch), experts.detector.looks
    found = track(a_day, "cat", here)
    assert [one.seconds for one in found.tracks] == [one.seconds for one in alone.tracks]
    assert found.tracks[0].seconds[0] == 2.0
    assert [(line.text, line.start) for line in read_text(a_day, here).lines] == [("SALE 20 %", 6.0)]
    assert not opened and experts.detector.looks == looks


def test_following_decodes_its_stretch_once(
    experts: Experts, a_day: Media, here: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = follow(a_day, "cat", here)
    opened = decodes(monkeypatch)
    assert follow(a_day, "cat", here) == found and not opened
    assert [track.label for track in found.tracks] == ["cat", "cat"]
    assert close(on_screen(found), (2, 4.9), (8, 8.9), by=0.11)  # frame by frame: a tenth of a second
    assert follow(a_day, "cat", here, during=Spans(media=a_day.hash)).tracks == ()


def test_a_frame_that_shows_nothing_new_is_not_looked_at_again(experts: Experts, here: Context) -> None:
    still = loaded(lambda at: scene(("cat", 100, 60)), 20)
    assert close(when(still, "cat", Context(options=QUIET, home=here.home)), (0, 20))
    assert experts.detector.looks == 1


def test_a_killed_indexing_goes_on_where_it_was(experts: Experts, a_day: Media, here: Context) -> None:
    class Killed(BaseException):
        pass

    def kill(done: float) -> None:
        # Commits are made every few seconds of work; here after each step.
        if done > 0.25:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("visagent_tools.engines.video_indexing.COMMIT_SECONDS", 0.0)
        with pytest.raises(Killed):
            indexed(a_day, {}, here.home, progress=kill)
    part = Indexing({}, here.home).file(a_day).read()
    assert part.frames and not part.complete and 5 < part.shown_until < 8
    looks = experts.detector.looks
    whole = indexed(a_day, {}, here.home)
    assert whole.complete and close(when(a_day, "cat", here), (2, 5), (8, 9))
    assert close(when(a_day, "dog", here), (3, 10))
    again = experts.detector.looks - looks
    assert again < looks + 8  # and not from the beginning


def test_an_index_that_may_take_no_longer_is_as_far_as_it_came(experts: Experts, a_day: Media, here: Context) -> None:
    part = indexed(a_day, {}, here.home, seconds=0.0)
    assert not part.complete
    told: list[float] = []
    assert indexed(a_day, {}, here.home, progress=told.append).complete
    assert told == sorted(told) and told[-1] == 1.0


def test_who_has_little_time_does_not_wait_for_somebody_elses_indexing(
    experts: Experts, a_day: Media, here: Context
) -> None:
    from filelock import FileLock

    file = Indexing({}, here.home).file(a_day)
    indexed(a_day, {}, here.home, seconds=0.0)
    with FileLock(f"{file.path}.lock"):
        assert not indexed(a_day, {}, here.home, seconds=0.05).complete


def test_a_model_is_shown_all_of_a_video_while_it_is_being_indexed(
    experts: Experts, a_day: Media, here: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    from visagent_tools import video_moments

    assert here.home is not None
    monkeypatch.setattr(video_moments, "PATIENCE", 0.05)
    # Nobody has looked at anything yet, and then at the beginning alone.
    with FileLock(f"{Indexing({}, here.home).file(a_day).path}.lock"):
        spread = choose(a_day, "Who says three?", 4, options={}, home=here.home)
    assert len(spread) == 4 and spread[0] < 4 and spread[-1] > 8
    assert not indexed(a_day, {}, here.home, seconds=0.0).complete
    monkeypatch.setattr(video_moments, "PATIENCE", 0.0)
    spread = choose(a_day, "Was it any good?", 4, options={}, home=here.home)
    assert len(spread) == 4 and spread[-1] > 8


def test_long_sound_is_heard_in_pieces_of_bounded_length(experts: Experts, here: Context) -> None:
    import io
    import wave

    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes((beeps(290, (5, 5.5), (130, 130.5), (280, 280.5)) * 32767).astype("<i2").tobytes())
    speech = Media.load(file.getvalue())
    found = said(speech, here)
    assert len(experts.recognizer.heard) == 3 and max(experts.recognizer.heard) <= 120
    assert [line.start for line in found.lines] == pytest.approx([5, 130, 280], abs=0.15)


def test_what_is_said_during_spans_is_their_words_alone(experts: Experts, a_day: Media, here: Context) -> None:
    assert said(a_day, here).text == "one two three"
    assert said(a_day, here, during=when(a_day, "cat", here)).text == "two three"
    assert said(a_day, here, during=Spans(media=a_day.hash)).text == ""
    assert said(a_day, here, after=3).text == "two three" and said(a_day, here, after=3, before=6).text == "two"
    assert said(a_day, here, during=when(a_day, "cat", here), after=7).text == "three"


def test_a_model_is_shown_the_moments_that_the_question_is_about(experts: Experts, a_day: Media, here: Context) -> None:
    assert here.home is not None
    cats = choose(a_day, "What is the cat doing?", 8, options={}, home=here.home)
    assert cats == sorted(cats) and len(cats) == 8
    assert 4 <= sum(2 <= at < 5 or 8 <= at < 9 for at in cats) < 8
    assert 7.0 in choose(a_day, "What can be seen at 0:07?", 8, options={}, home=here.home)
    said_then = choose(a_day, "Who says three?", 8, options={}, home=here.home)
    assert any(8.5 <= at <= 9 for at in said_then)
    # Where the question names nothing, all of the video counts alike.
    spread = choose(a_day, "Was it any good?", 4, options={}, home=here.home)
    assert len(spread) == 4 and spread[0] < 4 and spread[-1] > 8


# Spans alone: nothing is decoded.


def at(*edges: tuple[float, float], media: str = "a" * 64) -> Spans:
    return Spans(media=media, spans=tuple(Span(start=start, end=end) for start, end in edges))


def test_before_after_between_first_and_last() -> None:
    dog, cat, bus = at((1, 2), (4, 5), (8, 9)), at((3, 3.5)), at((6, 7))
    assert times(before(dog, cat)) == [(1, 2)]
    assert times(after(dog, cat)) == [(4, 5), (8, 9)]
    assert times(between(dog, cat, bus)) == [(4, 5)]
    assert times(first(dog)) == [(1, 2)] and times(last(dog)) == [(8, 9)]
    assert first(at()).spans == () and last(at()).spans == ()


def test_how_long_and_how_often_and_where_to_look() -> None:
    twice = at((1, 3), (2, 4), (10, 10.5))
    assert how_long(twice).value == 3.5 and how_long(twice).unit == "s"
    assert how_often(twice).value == 3 and happens(twice) and not happens(at())
    assert moment_of(twice).value == 1 and moment_of(twice, "middle").value == 2 and moment_of(twice, "end").value == 3


def test_what_never_happens_has_no_before_and_after() -> None:
    for tool in (before, after):
        with pytest.raises(MissingInput, match="never happens"):
            tool(at((1, 2)), at())
    with pytest.raises(MissingInput, match="does not happen after"):
        between(at((1, 2)), at((5, 6)), at((0, 1)))
    with pytest.raises(ToolError, match="two clips"):
        during(at((1, 2)), at((1, 2), media="b" * 64))


def test_counts_over_tracks_tell_how_many_are_there_at_once() -> None:
    def track(id_: int, start: float, end: float) -> Track:
        return Track(id=id_, label="dog", seconds=(start, end), xyxy=((0, 0, 1, 1), (0, 0, 1, 1)))

    tracks = Tracks(media="a" * 64, tracks=(track(1, 0, 4), track(2, 3, 6), track(3, 7, 9)))
    assert at_once(tracks).value == 2 and at_once(Tracks(media="a" * 64)).value == 0
    assert times(on_screen(tracks)) == [(0, 4), (3, 6), (7, 9)]


# Bad input: one clear line, and what is indexed stays.


def test_frames_at_a_variable_rate_keep_their_times(experts: Experts, here: Context) -> None:
    frames = [0.0, 0.1, 0.2, 1.5, 1.6, 4.0, 4.05, 4.1, 7.3, 7.4, 9.0]
    video = loaded(lambda at: scene(*([("cat", 100, 60)] if 1.5 <= at < 7.3 else [])), 9, times=frames)
    assert close(when(video, "cat", Context(options=QUIET, home=here.home)), (1.5, 7.3), by=1.7)
    assert close(on_screen(follow(video, "cat", Context(options=QUIET, home=here.home))), (1.5, 4.1), by=0.11)


def test_a_clip_without_key_frames_is_indexed_and_goes_on_from_its_middle(experts: Experts, here: Context) -> None:
    video = loaded(day, 12, options={"g": "9999"})
    indexed(video, QUIET, here.home, seconds=0.0)
    assert close(when(video, "cat", Context(options=QUIET, home=here.home)), (2, 5), (8, 9))
    assert follow(video, "cat", Context(options=QUIET, home=here.home)).tracks


def test_a_rotated_video_is_seen_upright(experts: Experts, here: Context) -> None:
    data = bytearray(clip(lambda at: scene(("cat", 20, 30)), 2))
    # The display matrix of the track's header: a quarter turn clockwise, as phones write it.
    upright = bytes.fromhex("00010000" + "00" * 12 + "00010000" + "00" * 12 + "40000000")
    turned = bytes.fromhex("00000000" + "00010000" + "00" * 4 + "ffff0000" + "00" * 16 + "40000000")
    place = data.index(upright, data.index(b"tkhd"))
    data[place : place + len(upright)] = turned
    video = Media.load(bytes(data))
    assert video.size == (180, 320)
    (_, (box,), _), *_ = search_frames(video, QUIET, here.home, 0.0, 2.0)
    # 180 - 30 - 40 from the left, 20 from the top.
    assert box.xyxy == pytest.approx((110, 20, 150, 60), abs=4)
    assert close(when(video, "cat", Context(options=QUIET, home=here.home)), (0, 2))


def test_sound_that_is_longer_than_the_picture_is_heard_to_its_end(experts: Experts, here: Context) -> None:
    video = loaded(day, 4, sound=beeps(10, (1, 1.5), (8, 8.5)))
    assert close(when(video, "cat", here), (2, 4))  # not beyond the last frame
    assert close(when(video, "two", here, by="heard"), (8, 8.5), by=0.15)


def test_a_video_that_breaks_off_keeps_what_could_be_decoded_and_says_so(
    experts: Experts, here: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ClipFile.scan

    def stalls(*args: object, **options: object):  # type: ignore[no-untyped-def]
        for frame in real(*args, **options):  # type: ignore[arg-type]
            if frame.seconds > 6:
                raise MediaError("clip.mp4: the clip cannot be decoded (Connection timed out).", "Record it again.")
            yield frame

    monkeypatch.setattr(ClipFile, "scan", stalls)
    video = loaded(day, 12)
    found = when(video, "cat", Context(options=QUIET, home=here.home))
    assert close(found, (2, 5))
    (note,) = found.notes
    assert note.kind == "indexed_until" and note.words == ("6.1", "12.0")


def test_a_clip_of_which_nothing_can_be_decoded_is_refused(
    experts: Experts, here: Context, monkeypatch: pytest.MonkeyPatch, a_day: Media
) -> None:
    def broken(*args: object, **options: object):  # type: ignore[no-untyped-def]
        raise MediaError("clip.mp4: the clip cannot be decoded (broken).", "Record it again.")
        yield

    monkeypatch.setattr(ClipFile, "scan", broken)
    with pytest.raises(MediaError, match="cannot be decoded"):
        when(a_day, "cat", here)


def test_a_damaged_index_is_made_anew(experts: Experts, a_day: Media, here: Context) -> None:
    when(a_day, "cat", here)
    file = Indexing({}, here.home).file(a_day).path
    file.write_bytes(b"no database" * 100)
    assert close(when(a_day, "cat", here), (2, 5), (8, 9))


def test_an_index_goes_with_the_medium_it_is_about(experts: Experts, a_day: Media, here: Context) -> None:
    when(a_day, "cat", here)
    assert here.home is not None and list(index_files(here.home, a_day.hash))
    forget_indexes(here.home, a_day.hash)
    assert not list(index_files(here.home, a_day.hash))


def test_words_outside_the_vocabulary_are_refused_where_a_thing_is_meant(
    experts: Experts, a_day: Media, here: Context
) -> None:
    with pytest.raises(UnknownLabel, match="when"):
        when(a_day, "dragon", here, by="seen")
    # Before: no spans and no word of why, so that "is there ever a dragon?" was answered by no.
    with pytest.raises(UnknownLabel, match="knows .* only, and no such words are said or shown"):
        when(a_day, "dragon", here)
    with pytest.raises(UnknownLabel, match="neither speech nor text was searched"):
        when(a_day, "dragon", Context(options=QUIET, home=here.home))
    assert when(a_day, "dragon", here, by="heard").spans == ()


def test_a_word_that_is_only_said_is_told_to_be_no_sighting(experts: Experts, a_day: Media, here: Context) -> None:
    (note,) = when(a_day, "two", here).notes
    assert (note.kind, note.words) == ("words_alone", ("two",))
    assert not when(a_day, "two", here, by="heard").notes and not when(a_day, "cat", here).notes


def test_a_word_for_a_part_of_what_is_found_is_told_to_be_one(experts: Experts, a_day: Media, here: Context) -> None:
    for found in (when(a_day, "tabby cat", here), follow(a_day, "tabby cat", here)):
        assert [(note.kind, note.words) for note in found.notes] == [("broader", ("tabby cat", "cat"))]


def test_an_unusable_option_is_named(experts: Experts, a_day: Media, here: Context) -> None:
    with pytest.raises(ConfigError, match="every_seconds"):
        when(a_day, "cat", Context(options={"every_seconds": 0}, home=here.home))
    with pytest.raises(ConfigError, match="tracker"):
        follow(a_day, "cat", Context(options={"tracker": "magic"}, home=here.home))


def test_speech_that_cannot_be_written_down_leaves_the_picture(
    experts: Experts, a_day: Media, here: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(*args: object, **options: object) -> object:
        raise ToolError("what is said fits no English words.", "Use another model.")

    monkeypatch.setattr(experts.recognizer, "hear", deaf)
    assert close(when(a_day, "cat", here), (2, 5), (8, 9))
    with pytest.raises(ToolError, match="fits no English words"):
        when(a_day, "one", here, by="heard")


def test_tracks_keep_their_objects_with_either_tracker(experts: Experts) -> None:
    from visagent.evidence.values import Box

    def box(x: float) -> Box:
        return Box(xyxy=(x, 0, x + 40, 40), label="dog", confidence=0.9)

    frames = [Sighting(step / 10, (box(step * 3.0), box(200 - step * 3.0))) for step in range(20)]
    for tracker in ("sort", "bytetrack"):
        if tracker == "bytetrack":
            pytest.importorskip("trackers", reason="ByteTrack needs trackers: pip install 'visagent[local]'")
        found = tracks_of(frames, tracker)
        assert len(found) == 2, tracker
        assert all(len(path.seconds) >= 18 for path in found)
        for path in found:
            lefts = [xyxy[0] for xyxy in path.xyxy]
            assert lefts == sorted(lefts) or lefts == sorted(lefts, reverse=True), tracker


def test_a_track_of_what_is_seen_unsurely_begins_and_goes_on_while_it_is_half_recognised(experts: Experts) -> None:
    pytest.importorskip("trackers", reason="ByteTrack needs trackers: pip install 'visagent[local]'")
    from visagent.evidence.values import Box

    def box(step: int, confidence: float) -> Box:
        return Box(xyxy=(step * 2.0, 0, step * 2.0 + 40, 40), label="dog", confidence=confidence)

    frames = [
        Sighting(step / 25, (), (box(step, 0.2),)) if 20 <= step < 35 else Sighting(step / 25, (box(step, 0.35),))
        for step in range(60)
    ]
    (path,) = tracks_of(frames, "bytetrack")
    assert len(path.seconds) >= 58


def test_an_object_that_is_missed_for_half_a_second_is_the_same_one_afterwards(experts: Experts) -> None:
    from visagent.evidence.values import Box

    here = Box(xyxy=(10, 0, 50, 40), label="dog", confidence=0.9)
    frames = [Sighting(step / 25, () if 20 <= step < 32 else (here,)) for step in range(60)]
    assert len(tracks_of(frames, "sort")) == 1


def _index(data: bytes, home: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_stand_ins(patch)
        indexed(Media.load(data), QUIET, home)


def test_two_processes_index_a_video_once_at_a_time(experts: Experts, tmp_path: Path) -> None:
    data = clip(day, 4)
    workers = [multiprocessing.get_context("fork").Process(target=_index, args=(data, tmp_path)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert Indexing(QUIET, tmp_path).file(Media.load(data)).read().complete
