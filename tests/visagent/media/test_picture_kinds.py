"""Pictures of phones, scanners and the web: animations by frames, TIFFs by pages, HEIC, more pixels than the limit."""

from __future__ import annotations

import hashlib
import io
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visagent.core.errors import MediaError
from visagent.media.media import Media, MediaInfo, MediaLimits, load_media
from visagent.media.store import MediaStore

COLORS = ("red", "lime", "blue")
RED, LIME, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
SMALL = MediaLimits(pixels=10_000)


def animation(kind: str, durations: list[int], size: tuple[int, int] = (8, 6)) -> bytes:
    """A picture that is red, then lime, then blue, for so many milliseconds each."""
    frames = [Image.new("RGB", size, color) for color in COLORS[: len(durations)]]
    file = io.BytesIO()
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=durations, **options)
    return file.getvalue()


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def pixel(picture: Image.Image) -> object:
    return picture.getpixel((0, 0))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animated_picture_is_a_video_of_its_frames(kind: str) -> None:
    media = Media.load(animation(kind, [1000, 500, 500]))
    assert (media.kind, media.size, media.info.seconds, media.info.animated) == ("video", (8, 6), 2.0, True)
    assert [(time, pixel(frame)) for time, frame in media.iter_frames(0.6, 9)] == [
        (0.0, RED),
        (0.6, RED),
        (1.2, LIME),
        (pytest.approx(1.8), BLUE),
    ]
    assert pixel(media.frame(1.1)) == LIME and pixel(media.frame(2.0)) == BLUE
    with pytest.raises(MediaError, match=r"no frame at 2.5 s; the clip is 2.000 s long"):
        media.frame(2.5)
    with pytest.raises(MediaError, match="this is a video, not an image"):
        media.image()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_picture_of_one_frame_is_an_image(kind: str) -> None:
    assert Media.load(saved(Image.new("RGB", (8, 6), "red"), kind)).kind == "image"


def scan(*sizes: tuple[int, int], **options: Any) -> bytes:
    """A TIFF of pages that are red, then lime, then blue."""
    pages = [Image.new("RGB", size, color) for size, color in zip(sizes, COLORS, strict=False)]
    return saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], **options)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}], ids=["plain", "lzw", "big"])
def test_a_tiff_gives_each_of_its_pages(options: dict[str, Any], tmp_path: Path) -> None:
    media = load_media(scan((8, 6), (6, 8), (8, 6), **options))
    assert [(one.kind, one.size, one.info.page, pixel(one.image())) for one in media] == [
        ("image", (8, 6), 1, RED),
        ("image", (6, 8), 2, LIME),
        ("image", (8, 6), 3, BLUE),
    ]
    assert len({one.hash for one in media}) == 3 and all(one.text_layer() is None for one in media)
    store = MediaStore(tmp_path)
    for one in media:
        store.put(one)
    assert len(list(tmp_path.rglob("*.raw"))) == 1, "the file is kept once"
    del one
    kept = [one.info for one in media]
    media.clear()
    assert [pixel(store.get(info).image()) for info in kept] == [RED, LIME, BLUE]
    with pytest.raises(MediaError, match="3 pages where one is meant"):
        Media.load(scan((8, 6), (6, 8), (8, 6), **options))


def test_a_smaller_copy_in_a_tiff_is_no_page() -> None:
    whole, small = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (4, 3), "red")
    small.encoderinfo = {"tiffinfo": {254: 1}}
    media = Media.load(saved(whole, "TIFF", save_all=True, append_images=[small]))
    assert (media.size, media.info.page) == ((8, 6), None)


def test_a_page_of_a_tiff_stands_upright() -> None:
    sideways = [Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "lime")]
    media = load_media(saved(sideways[0], "TIFF", save_all=True, append_images=sideways[1:], tiffinfo={274: 6}))
    assert media[0].size == media[0].image().size == (6, 8)


def test_a_run_that_was_given_the_first_page_of_a_tiff_goes_on_with_it(tmp_path: Path) -> None:
    data = scan((8, 6), (8, 6))
    digest = hashlib.sha256(data).hexdigest()
    file = tmp_path / digest[:2] / f"{digest}.raw"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    before = MediaInfo(hash=digest, kind="image", name="scan.tif", width=8, height=6)
    assert pixel(MediaStore(tmp_path).get(before).image()) == RED


def test_a_tiff_with_too_many_pages_or_a_page_that_is_damaged_or_too_large_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "scan.tif"
    file.write_bytes(scan((8, 6), (8, 6), (8, 6)))
    with pytest.raises(MediaError, match=r"scan\.tif: the TIFF has more pages than the limit of 2"):
        load_media(file, limits=MediaLimits(pages=2))
    file.write_bytes(scan((8, 6), (200, 100)))
    with pytest.raises(MediaError, match=r"scan\.tif, page 2: 200 x 100 is 0\.02 megapixels; the limit is 0\.01"):
        load_media(file, limits=SMALL)
    noise = [Image.effect_noise((60, 80), 90) for _ in range(3)]
    whole = saved(noise[0], "TIFF", save_all=True, append_images=noise[1:])
    file.write_bytes(whole[:-2000])
    with pytest.raises(MediaError, match=r"scan\.tif.*damaged or cut short"):
        for media in load_media(file):
            media.image()


def test_a_frame_that_names_no_time_is_shown_as_long_as_browsers_show_it() -> None:
    assert Media.load(animation("GIF", [0, 0, 0])).info.seconds == pytest.approx(0.3)


def test_an_animation_that_is_cut_short_or_too_long_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 60, 80, 3), np.uint8)
    frames = [Image.fromarray(pixels) for pixels in noise]
    whole = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(MediaError, match="damaged or cut short"):
        Media.load(whole[:-2000])
    with pytest.raises(MediaError, match="longer than the limit of 2 s"):
        Media.load(animation("GIF", [1000, 1000, 1000]), limits=MediaLimits(seconds=2))
    with pytest.raises(MediaError, match="megapixels"):
        Media.load(animation("GIF", [100, 100], size=(200, 100)), limits=SMALL)


def test_a_run_that_was_given_the_first_frame_as_an_image_goes_on_with_it(tmp_path: Path) -> None:
    store, media = MediaStore(tmp_path), Media.load(animation("GIF", [500, 500]))
    store.put(media)
    assert store.get(media.info).kind == "video"
    before = media.info.model_copy(update={"kind": "image", "seconds": None, "animated": False})
    assert pixel(store.get(before).image()) == RED


def test_a_heic_photo_is_read() -> None:
    heif = pytest.importorskip("pillow_heif", reason="HEIC is read with pillow-heif: pip install pillow-heif")
    heif.register_heif_opener()
    media = Media.load(saved(Image.new("RGB", (64, 48), "red"), "HEIF", quality=95))
    assert (media.kind, media.size) == ("image", (64, 48))
    red, green, blue = media.array()[24, 32].tolist()
    assert red > 230 and green < 25 and blue < 25
    with pytest.raises(MediaError, match="megapixels"):
        Media.load(saved(Image.new("RGB", (200, 100), "red"), "HEIF"), limits=SMALL)


def test_without_the_package_a_heic_photo_is_refused_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    photo = tmp_path / "IMG_0001.HEIC"
    photo.write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200))
    with pytest.raises(MediaError) as refused:
        load_media(photo)
    assert "IMG_0001.HEIC" in refused.value.fact and "pip install pillow-heif" in refused.value.remedy


@pytest.mark.parametrize(("kind", "size"), [("JPEG", (3000, 4000)), ("PNG", (400, 300))])
def test_a_picture_over_the_limit_is_refused_with_the_flag_that_reads_it_scaled_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str, size: tuple[int, int]
) -> None:
    monkeypatch.setattr("visagent.media.decoding.SHRUNK_PIXELS", 5_000)
    data = saved(Image.new("RGB", size, "red"), kind)
    with pytest.raises(MediaError, match="--shrink"):
        Media.load(data, limits=SMALL)
    with caplog.at_level(logging.WARNING):
        media = Media.load(data, limits=MediaLimits(pixels=10_000, shrink=True))
    width, height = media.size
    assert 4_000 < width * height <= 5_000 and width / height == pytest.approx(size[0] / size[1], rel=0.03)
    assert f"{size[0]} x {size[1]}" in caplog.text and f"read scaled down to {width} x {height}" in caplog.text


def test_a_picture_that_was_read_scaled_down_is_another_medium_and_turned_upright(tmp_path: Path) -> None:
    sideways = Image.new("RGB", (300, 200), "red")
    exif = sideways.getexif()
    exif[0x0112] = 6
    data = saved(sideways, "JPEG", exif=exif)
    limits = MediaLimits(pixels=50_000, shrink=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("visagent.media.decoding.SHRUNK_PIXELS", 15_000)
        small = Media.load(data, limits=limits)
    assert small.size[0] < small.size[1]
    # What was found in one is not taken for found in the other, whose coordinates differ.
    assert small.hash != Media.load(data).hash
    store = MediaStore(tmp_path)
    store.put(small)
    assert store.get(small.info).size == small.size


def test_within_the_limit_nothing_is_scaled() -> None:
    data = saved(Image.new("RGB", (90, 80), "red"), "JPEG")
    assert Media.load(data, limits=MediaLimits(shrink=True)).hash == Media.load(data).hash


def test_what_is_damaged_is_called_so_whatever_the_limit() -> None:
    data = saved(Image.effect_noise((300, 200), 90), "JPEG")[:3000]
    with pytest.raises(MediaError, match="damaged or cut short"):
        Media.load(data, limits=MediaLimits(pixels=10_000, shrink=True))
