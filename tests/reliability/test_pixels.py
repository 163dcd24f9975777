"""What media may cost together, and what a tool may make of them."""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from spent import processor_seconds

from visagent.core.errors import MediaError, ToolError
from visagent.evidence.values import ENLARGED_PIXELS, Crop
from visagent.media.clips import FRAME_COPIES
from visagent.media.decoded import DECODED, DecodedCache
from visagent.media.limits import MediaLimits
from visagent.media.media import Media, load_media
from visagent_tools.crop import zoom
from visagent_tools.engines import ocr


def png(width: int, height: int, color: str = "white") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), color).save(file, "PNG")
    return file.getvalue()


MEASURE = """
import io, sys
from memory import most_resident
from PIL import Image
from visagent.core.errors import MediaError
from visagent.media.media import load_media
side, count = int(sys.argv[1]), int(sys.argv[2])
pictures = []
for shade in range(count):
    file = io.BytesIO()
    Image.new("L", (side, side), shade).save(file, "PNG", compress_level=1)
    pictures.append(file.getvalue())
print(most_resident() // 2**20)
kept = []
for data in pictures:
    try:
        kept += load_media(data)
    except MediaError as error:
        assert "megapixels" in str(error)
print(most_resident() // 2**20, len(kept))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
@pytest.mark.parametrize(("side", "loaded"), [(10_000, 0), (6_000, 4)])
def test_large_blank_pictures_take_no_more_memory_than_a_few(side: int, loaded: int) -> None:
    run = [sys.executable, "-c", MEASURE, str(side), "4"]
    lines = subprocess.run(run, check=True, capture_output=True, text=True, cwd=Path(__file__).parent).stdout
    before, after, kept = map(int, lines.split())
    assert kept == loaded
    assert after - before < 512


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (MediaLimits(total_pixels=150), "total_pixels"),
        (MediaLimits(media=1), "media"),
    ],
)
def test_media_that_are_too_much_together_are_refused_by_name_of_the_limit(limits: MediaLimits, named: str) -> None:
    infos = [load_media(png(10, 10, color))[0].info for color in ("red", "blue")]
    limits.check_request(infos[:1])
    with pytest.raises(MediaError) as refused:
        limits.check_request(infos)
    assert f"MediaLimits({named}=...)" in refused.value.remedy


def test_clips_that_are_too_long_together_are_refused() -> None:
    info = load_media(png(1, 1))[0].info.model_copy(update={"kind": "audio", "seconds": 8.0})
    with pytest.raises(MediaError, match="16 s long"):
        MediaLimits(total_seconds=10).check_request([info, info])


def test_the_least_recently_used_pixels_go_first_and_held_ones_are_never_decoded_twice() -> None:
    cache, decoded = DecodedCache(limit=20), list[str]()

    def decode(key: str) -> Callable[[], Image.Image]:
        def work() -> Image.Image:
            decoded.append(key)
            return Image.new("L", (1, 1))

        return work

    held = cache.get("a", decode("a"), lambda _: 10)
    cache.get("b", decode("b"), lambda _: 10)
    cache.get("c", decode("c"), lambda _: 10)  # a goes, and is held
    assert cache.get("a", decode("a"), lambda _: 10) is held
    cache.get("c", decode("c"), lambda _: 10)
    assert decoded == ["a", "b", "c"]
    cache.get("d", decode("d"), lambda _: 10)
    cache.get("b", decode("b"), lambda _: 10)
    assert decoded == ["a", "b", "c", "d", "b"]


def test_a_picture_that_was_let_go_is_decoded_again_to_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    medium = Media.load(png(20, 10, "red"))
    before = medium.array().copy()
    monkeypatch.setattr(DECODED, "limit", 0)
    for color in ("green", "blue"):
        Media.load(png(20, 10, color))
    assert np.array_equal(medium.array(), before)


def test_a_zoom_stops_where_the_enlarged_picture_would_be_too_large() -> None:
    whole = Crop(media="0" * 64, xyxy=(0, 0, 2000, 1000))
    assert zoom(whole, 16).scale == pytest.approx((ENLARGED_PIXELS / 2e6) ** 0.5)
    assert zoom(Crop(media="0" * 64, xyxy=(0, 0, 8000, 8000)), 16).scale == 1
    assert zoom(zoom(whole, 16), 0.5).scale == pytest.approx((ENLARGED_PIXELS / 2e6) ** 0.5 / 2)
    medium = Media.load(png(200, 100))
    assert zoom(Crop.whole(medium), 16).image().size == (3200, 1600)


def test_a_crop_that_was_made_by_hand_is_not_enlarged_without_limit() -> None:
    medium = Media.load(png(2000, 1000))
    with pytest.raises(ToolError, match="megapixels"):
        Crop(media=medium.hash, xyxy=(0, 0, 2000, 1000), scale=16).image()


def test_text_is_read_at_a_bounded_size_and_placed_in_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    class Reader:
        def read(self, pixels: np.ndarray) -> tuple[list[ocr.Reading], list[ocr.Reading]]:
            seen.append(pixels.shape)
            # As many letters as so long a line has.
            return [ocr.Reading("words", 1.0, (0, 0, pixels.shape[1], pixels.shape[0]))], []

    monkeypatch.setattr(ocr.kept_reader, "get", lambda *_: Reader())
    medium = Media.load(png(8000, 6000))
    (line,) = ocr.lines_in(Crop.whole(medium))
    assert seen[0][0] * seen[0][1] <= ocr.MOST_PIXELS
    assert line.xyxy == pytest.approx((0, 0, 8000, 6000))
    assert ocr.enlargement(2_000_000, 12) == 1.0


@pytest.mark.parametrize(("kind", "most"), [("WEBP", 2), ("JPEG2000", 4)])
def test_formats_that_take_more_memory_may_have_fewer_pixels(kind: str, most: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (101, 100)).save(file, kind)
    with pytest.raises(MediaError, match="--shrink"):
        load_media(file.getvalue(), limits=MediaLimits(pixels=most * 10_000))
    load_media(file.getvalue(), limits=MediaLimits(pixels=most * 10_100))
    # And where they are to be scaled down, that is from the same size on.
    (small,) = load_media(file.getvalue(), limits=MediaLimits(pixels=most * 10_000, shrink=True))
    assert small.size == (101, 100)


def test_a_moving_picture_may_have_fewer_pixels_than_a_still_one() -> None:
    file = io.BytesIO()
    white = Image.new("L", (101, 100), "white")
    Image.new("L", (101, 100)).save(file, "GIF", save_all=True, append_images=[white])
    with pytest.raises(MediaError, match="megapixels"):
        load_media(file.getvalue(), limits=MediaLimits(pixels=40_000))
    assert load_media(file.getvalue(), limits=MediaLimits(pixels=40_400))[0].kind == "video"


def test_frames_of_a_clip_may_have_fewer_pixels_than_a_still_picture(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("ffv1", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        clip.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        clip.mux(stream.encode())
    load_media(path, limits=MediaLimits(pixels=FRAME_COPIES * 64 * 48))
    with pytest.raises(MediaError, match="megapixels"):
        load_media(path, limits=MediaLimits(pixels=FRAME_COPIES * 64 * 48 - FRAME_COPIES))


def test_a_sound_at_a_rate_of_no_recorder_is_refused_before_it_is_resampled() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(2**31 - 1)
        out.writeframes(b"\0\0" * 500)
    began = processor_seconds()
    with pytest.raises(MediaError):
        load_media(file.getvalue())
    assert processor_seconds() - began < 5
