"""Frames, and objects followed over time, in clips made here."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from visagent.core.errors import ConfigError, ToolError, UnknownLabel
from visagent.evidence.values import Box, Crop, Tracks
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.video import follow, frame, track

av = pytest.importorskip("av", reason="video needs PyAV: pip install 'visagent[embedded]'")


def clip(pictures: Sequence[Image.Image], per_second: int = 4) -> Media:
    """A video of the pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=per_second)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt, stream.bit_rate = "yuv420p", 8_000_000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return Media.load(file.getvalue())


@pytest.fixture(scope="module")
def shades() -> Media:
    """Two seconds: one black, one white."""
    return clip([Image.new("RGB", (64, 48), "black")] * 4 + [Image.new("RGB", (64, 48), "white")] * 4)


def test_a_frame_is_the_picture_at_that_moment(shades: Media) -> None:
    early, late = frame(shades, 0.5), frame(shades, 1.5)
    assert isinstance(early, Crop) and early.seconds == 0.5 and early.xyxy == (0, 0, 64, 48)
    assert np.mean(early.array()) < 20 and np.mean(late.array()) > 235


@pytest.mark.parametrize("seconds", [-1, 60, float("nan")])
def test_a_moment_outside_the_clip_is_a_tool_error_that_says_how_long_it_is(seconds: float, shades: Media) -> None:
    with pytest.raises(ToolError, match=r"2\.000 s long"):
        frame(shades, seconds)


def test_the_only_frame_of_an_image_is_the_image() -> None:
    picture = Media.load(Image.new("RGB", (8, 6)))
    assert frame(picture, 3) == Crop.whole(picture)


def test_a_cat_that_moves_is_one_track(photo: Callable[[str], Media]) -> None:
    pytest.importorskip("onnxruntime", reason="the detector needs onnxruntime: pip install 'visagent[embedded]'")
    cat = photo("chelsea.png").image()
    pictures = []
    for step in range(8):
        picture = Image.new("RGB", (640, 320), "grey")
        picture.paste(cat, (step * 24, 10))
        pictures.append(picture)
    video = clip(pictures)
    found = track(video, "cats", Context(options={"every_seconds": 0.5}))
    assert isinstance(found, Tracks) and found.media == video.hash
    (path,) = found.tracks
    assert path.label == "cat" and path.seconds == (0.0, 0.5, 1.0, 1.5)
    lefts = [xyxy[0] for xyxy in path.xyxy]
    assert lefts == sorted(lefts) and lefts[-1] - lefts[0] > 100  # it moved by 144 pixels


def test_a_clip_too_long_for_the_frames_is_sampled_over_its_whole_length(
    shades: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, int]] = []

    def frames(self: Media, every_seconds: float, limit: int) -> list[tuple[float, Image.Image]]:
        asked.append((every_seconds, limit))
        return []

    monkeypatch.setattr(Media, "iter_frames", frames)
    track(shades, "person", Context(options={"every_seconds": 0.1, "max_frames": 4}))
    ((every, limit),) = asked
    assert every == pytest.approx(0.5) and limit == 4


@pytest.mark.parametrize("options", [{"every_seconds": 0}, {"every_seconds": "often"}, {"max_frames": 0}])
def test_an_unusable_option_is_named(options: dict[str, object], shades: Media) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        track(shades, "person", Context(options=options))  # type: ignore[arg-type]


def test_an_unknown_label_names_the_tool_that_was_asked(shades: Media) -> None:
    with pytest.raises(UnknownLabel, match=r'^track\(label="dragon"\)'):
        track(shades, "dragon", Context())


def at(x: float, label: str = "car", confidence: float = 0.5) -> Box:
    return Box(xyxy=(x, 0, x + 20, 20), label=label, confidence=confidence)


def frames(*boxes: Sequence[Box]) -> list[tuple[float, Sequence[Box]]]:
    return [(index * 0.5, found) for index, found in enumerate(boxes)]


def test_two_cars_side_by_side_keep_their_tracks() -> None:
    found = follow(frames([at(0), at(100)], [at(105), at(5)], [at(10), at(110)]))
    assert [path.id for path in found] == [1, 2]
    assert [[xyxy[0] for xyxy in path.xyxy] for path in found] == [[0, 5, 10], [100, 105, 110]]
    assert found[0].confidence == pytest.approx(0.5)


def test_each_box_goes_on_one_track_the_best_pair_first() -> None:
    found = follow(frames([at(0), at(8)], [at(9)], [at(10)]))
    assert [[xyxy[0] for xyxy in path.xyxy] for path in found] == [[8, 9, 10]]


def test_another_label_is_another_object() -> None:
    found = follow(frames([at(0)], [at(0, "truck")], [at(0)], [at(0, "truck")]))
    assert [(path.label, len(path.xyxy)) for path in found] == [("car", 2), ("truck", 2)]


def test_an_object_hidden_for_two_frames_is_the_same_and_for_three_a_new_one() -> None:
    assert len(follow(frames([at(0)], [at(0)], [], [], [at(0)], [at(0)]))) == 1
    assert len(follow(frames([at(0)], [at(0)], [], [], [], [at(0)], [at(0)]))) == 2


def test_a_single_sighting_counts_only_where_there_are_hardly_more_frames() -> None:
    assert follow(frames([at(0)], [], [])) == []
    assert len(follow(frames([at(0)]))) == 1
    assert follow([]) == []
