"""Media: what is loaded is known by its content; what cannot be used is refused in words before it costs anything."""

from __future__ import annotations

import gc
import io
import struct
import subprocess
import sys
import tempfile
import threading
import wave
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageOps
from pydantic import ValidationError

from visagent.core.errors import MediaError, MissingDependency, StorageError
from visagent.core.install import install_line
from visagent.media import clips
from visagent.media.clip_files import ClipFile
from visagent.media.decoding import decode_picture
from visagent.media.media import Media, MediaInfo, MediaLimits, load_media
from visagent.media.store import MediaStore

LIGHT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def gif_cut_off_in_its_second_frame() -> bytes:
    data = saved(Image.new("L", (8, 8)), "GIF", save_all=True, append_images=[Image.new("L", (8, 8), 255)])
    return data[: data.rindex(b"\x2c\0\0\0\0") + 10]


def song(seconds: float = 1.0, rate: int = 16_000, channels: int = 1, level: int = 8192) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack("<h", level) * (channels * int(seconds * rate)))
    return file.getvalue()


def mp3(seconds: float = 1.0) -> bytes:
    return encoded_sound("mp3", "mp3", seconds)


def encoded_sound(container: str, codec: str, seconds: float) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        rate = 48_000 if codec == "libopus" else 44_100
        stream = out.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, int(seconds * 44_100)), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
        resampler = av.AudioResampler(stream.codec_context.format, stream.codec_context.layout, rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode())
    return file.getvalue()


def film(
    count: int = 10,
    *,
    rate: int = 5,
    size: tuple[int, int] = (64, 48),
    container: str = "matroska",
    codec: str = "mpeg4",
    sound: float = 0.0,
    sink: Any = None,
) -> bytes:
    """A clip whose frame i has the brightness 20 * i (mod 256)."""
    file = sink or io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        track = out.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for index in range(count):
            pixels = np.full((size[1], size[0], 3), 20 * index % 256, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())
        if track is not None:
            samples = np.full((1, int(sound * 16_000)), 0.25, np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = 16_000
            out.mux(track.encode(frame))
            out.mux(track.encode())
    return file.getvalue()


def live_film() -> bytes:
    """A WebM as a browser records it: nobody goes back to write how long it became."""

    class Pipe:
        def __init__(self) -> None:
            self.data = bytearray()

        def write(self, part: bytes) -> int:
            self.data += part
            return len(part)

        def getvalue(self) -> bytes:
            return bytes(self.data)

    return film(container="webm", codec="libvpx", sink=Pipe())


def pdf(pages: int = 1, size: tuple[int, int] = (72, 36)) -> bytes:
    """Pages of `size` points, each of another colour."""
    images = [Image.new("RGB", size, (50 * index, 100, 150)) for index in range(pages)]
    return saved(images[0], "PDF", save_all=True, append_images=images[1:], resolution=72)


def locked_pdf() -> bytes:
    """A PDF whose keys no empty password opens."""
    key = "<" + "ab" * 32 + ">"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>",
        f"<</Filter/Standard/V 1/R 2/O{key}/U{key}/P -4>>",
    ]
    text, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(text))
        text += f"{number} 0 obj{content}endobj\n"
    start = len(text)
    text += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(
        f"{place:010} 00000 n \n" for place in places
    )
    text += f"trailer<</Size {len(objects) + 1}/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>\nstartxref\n{start}\n%%EOF"
    return text.encode()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("secret.txt", "words")
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is and then holds no pixels: decoding it would fail."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def brightness(image: Image.Image) -> float:
    return float(np.asarray(image).mean())


# Images


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_a_picture_of_any_usual_format_is_an_rgb_image(kind: str) -> None:
    media = Media.load(saved(noise(), kind))
    assert (media.kind, media.size, media.image().mode, media.image().size) == ("image", (40, 30), "RGB", (40, 30))
    assert media.array().shape == (30, 40, 3)
    assert media.array().dtype == np.uint8
    assert media.info == MediaInfo(hash=media.hash, kind="image", name="bytes", width=40, height=30)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_picture_is_turned_upright_by_its_exif_orientation(orientation: int, kind: str) -> None:
    flat = noise(48, 32)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(flat, kind, exif=exif)
    plain = Image.open(io.BytesIO(data))
    expected = ImageOps.exif_transpose(plain).convert("RGB")
    media = Media.load(data)
    assert media.size == ((32, 48) if orientation >= 5 else (48, 32))
    np.testing.assert_array_equal(media.array(), np.asarray(expected))


def test_a_phone_photo_stored_on_its_side_stands_up() -> None:
    photo = Image.new("RGB", (4, 2), "black")
    photo.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Media.load(saved(photo, exif=exif)).image()
    assert upright.size == (2, 4)
    assert upright.getpixel((1, 0)) == (255, 255, 255)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_spoil_a_picture() -> None:
    assert Media.load(saved(noise(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7fjunk")).size == (40, 30)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGBA", (2, 2), (255, 0, 0, 0)),
        Image.new("LA", (2, 2), (0, 0)),
    ],
    ids=lambda image: image.mode,
)
def test_transparency_is_laid_on_white(image: Image.Image) -> None:
    for source in (image, saved(image)):
        assert Media.load(source).image().getpixel((0, 0)) == (255, 255, 255)


def test_a_transparent_palette_colour_is_laid_on_white() -> None:
    image = Image.new("P", (2, 2), 3)
    image.putpalette([9] * 768)
    assert Media.load(saved(image, transparency=3)).image().getpixel((0, 0)) == (255, 255, 255)


def test_a_white_drawing_on_nothing_is_laid_on_black_and_a_light_photo_with_a_hole_is_not() -> None:
    drawing = Image.new("RGBA", (40, 20), (255, 255, 255, 0))
    drawing.paste((255, 255, 255, 255), (5, 5, 15, 15))
    assert Media.load(saved(drawing)).image().getpixel((0, 0)) == (0, 0, 0)
    photo = Image.new("RGBA", (40, 20), (250, 250, 250, 255))
    photo.paste((0, 0, 0, 0), (0, 0, 5, 5))
    assert Media.load(saved(photo)).image().getpixel((0, 0)) == (255, 255, 255)


def test_half_transparent_red_on_white_is_pink() -> None:
    assert Media.load(Image.new("RGBA", (1, 1), (255, 0, 0, 128))).image().getpixel((0, 0)) == (255, 127, 127)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV"])
def test_every_mode_with_an_agreed_range_becomes_rgb(mode: str) -> None:
    assert Media.load(noise().convert(mode)).image().mode == "RGB"


def test_sixteen_bit_grey_keeps_its_tones() -> None:
    grey = np.array([[0, 0x8000, 0xFFFF]], np.uint16)
    assert Media.load(saved(Image.fromarray(grey))).array()[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_an_agreed_range_are_refused(mode: str) -> None:
    with pytest.raises(MediaError, match="no agreed range"):
        Media.load(Image.new(mode, (2, 2)))


def test_a_picture_is_decoded_once_and_shared() -> None:
    media = Media.load(saved(noise()))
    assert media.image().im is media.image().im
    assert media.array() is media.array()


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture.paste("red", (0, 0, 3, 3)),
        lambda picture: picture.putpixel((0, 0), (1, 2, 3)),
        lambda picture: picture.putalpha(7),
        lambda picture: picture.thumbnail((2, 2)),
        lambda picture: picture.putdata([(1, 2, 3)] * (picture.width * picture.height)),
        lambda picture: ImageDraw.Draw(picture).rectangle((0, 0, 4, 4), fill="red"),
    ],
    ids=["paste", "putpixel", "putalpha", "thumbnail", "putdata", "draw"],
)
def test_whoever_changes_a_picture_in_place_changes_it_for_nobody_else(change: Callable[[Image.Image], object]) -> None:
    for media in (Media.load(saved(noise())), Media.load(noise())):
        before = media.image()
        pixels, size = before.tobytes(), before.size
        change(media.image())
        assert before.tobytes() == media.image().tobytes() == pixels and media.image().size == before.size == size


def test_an_array_cannot_be_written_by_mistake() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Media.load(saved(noise())).array()[0, 0, 0] = 1


def test_a_picture_in_memory_is_copied_so_that_later_drawing_does_not_change_it() -> None:
    image = noise()
    before = np.array(image)
    media = Media.load(image)
    image.paste((0, 0, 0), (0, 0, 40, 30))
    np.testing.assert_array_equal(media.array(), before)


def test_an_image_has_one_frame_at_any_time_and_no_sound() -> None:
    media = Media.load(noise())
    assert media.frames(0.5, 10) == [(0.0, media.image())]
    assert media.frame(3.0) == media.image()
    with pytest.raises(MediaError, match="an image has no sound"):
        media.audio()


# Arrays


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3), (3, 5, 4)])
def test_an_array_of_grey_rgb_or_rgba_bytes_is_an_image(shape: tuple[int, ...]) -> None:
    media = Media.load(np.full(shape, 255, np.uint8))
    assert (media.name, media.size) == ("array", (5, 3))
    assert (media.array() == 255).all()


@pytest.mark.parametrize(
    ("array", "fact"),
    [
        (np.zeros((3, 5, 3), np.float32), "float32, not uint8"),
        (np.zeros((3, 5), bool), "bool, not uint8"),
        (np.zeros((3, 480, 640), np.uint8), r"shape is \(3, 480, 640\)"),
        (np.zeros((2, 3, 5, 3), np.uint8), "shape is"),
        (np.zeros((5,), np.uint8), "shape is"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.broadcast_to(np.uint8(0), (20_000, 10_000)), "200 megapixels; the limit is 64"),
    ],
)
def test_an_array_of_another_kind_is_refused_in_words(array: Any, fact: str) -> None:
    with pytest.raises(MediaError, match=fact) as refused:
        Media.load(array)
    assert refused.value.remedy


@pytest.mark.parametrize("source", [None, 7, ["a.jpg"], {"path": "a.jpg"}, object()])
def test_a_source_of_an_unknown_type_is_refused_by_its_name(source: Any) -> None:
    with pytest.raises(MediaError, match=f"cannot be loaded from {type(source).__name__}"):
        load_media(source)


# What is told by the content


def test_the_content_and_not_the_name_tells_the_kind(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(mp3())
    assert (Media.load(path).kind, Media.load(path).name) == ("audio", "photo.jpg")
    path.write_bytes(film())
    assert Media.load(str(path)).kind == "video"
    (tmp_path / "song.mp3").write_bytes(saved(noise()))
    assert Media.load(tmp_path / "song.mp3").kind == "image"


def test_a_clip_that_holds_only_sound_is_audio_whatever_its_container() -> None:
    for data in (encoded_sound("matroska", "flac", 0.5), encoded_sound("mp4", "aac", 0.5)):
        assert Media.load(data).kind == "audio"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path,
        lambda path: str(path),
        lambda path: path.read_bytes(),
        lambda path: bytearray(path.read_bytes()),
        lambda path: memoryview(path.read_bytes()),
        lambda path: io.BytesIO(path.read_bytes()),
        lambda path: path.open("rb"),
    ],
)
def test_the_same_bytes_have_the_same_hash_however_they_come(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(saved(noise()))
    source = make(path)
    assert Media.load(source).hash == Media.load(path).hash
    getattr(source, "close", lambda: None)()


def test_pixels_have_the_same_hash_as_image_and_as_array_but_other_pixels_another() -> None:
    image = noise()
    assert Media.load(image).hash == Media.load(np.asarray(image)).hash
    turned = np.asarray(image).reshape(40, 30, 3)
    assert Media.load(turned).hash != Media.load(image).hash


def test_a_medium_is_returned_as_it_is() -> None:
    media = Media.load(noise())
    assert load_media(media) == [media]


def test_a_medium_is_found_by_its_hash_for_as_long_as_somebody_holds_it() -> None:
    first, second = Media.load(noise()), Media.load(noise())
    digest = first.hash
    assert Media.loaded(digest) in (first, second)
    del first
    gc.collect()
    assert Media.loaded(digest) is second
    del second
    gc.collect()
    assert Media.loaded(digest) is None


def test_a_representation_is_one_short_line() -> None:
    assert repr(Media.load(np.zeros((2, 3), np.uint8))).startswith("<Media image 'array' 3x2 ")
    assert repr(Media.load(song())).startswith("<Media audio 'bytes' 1.0s ")
    assert len(repr(load_media(pdf(2))[1])) < 80


# What is refused


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        (b"", "the file is empty"),
        (b"hello world, I am only text\n" * 20, "not of a type that can be loaded"),
        (np.random.default_rng(1).bytes(5000), "not of a type that can be loaded"),
        (bytes(5000), "not of a type that can be loaded"),
        (archive(), "application/zip is not a type"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200), "damaged or cut short|pillow-heif"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF", "application/postscript is not a type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not of a type that can be loaded"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "not of a type"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "not of a type"),
        (saved(noise())[:-1000], "damaged or cut short"),
        (saved(noise(), "JPEG")[:-300], "damaged or cut short"),
        (saved(noise(), "WEBP", lossless=True)[:-300], "damaged or cut short"),
        (saved(noise(), "GIF")[:-300], "damaged or cut short"),
        (gif_cut_off_in_its_second_frame(), "damaged or cut short"),
        (saved(noise(), "BMP")[:-300], "damaged or cut short"),
        (saved(noise(), "TIFF")[:-300], "damaged or cut short"),
        (saved(noise())[:40], "damaged or cut short"),
        (png_header(20_000, 10_000), "larger than 64 megapixels"),
        (png_header(11_000, 10_000), "110 megapixels; the limit is 64"),
        (song(0), "holds no sound"),
        (song()[:30], "cannot be decoded"),
        (film()[:300], "cannot be decoded"),
        (film(container="mp4")[:300], "cannot be decoded"),
        (b"ID3\x04" + bytes(300), "cannot be decoded"),
        (pdf()[:60], "PDF is damaged"),
        (locked_pdf(), "needs a password"),
        (pdf(501, (9, 9)), "has 501 pages; the limit is 500"),
        (pdf(1, (5000, 5000)), "108.5 megapixels; the limit is 64"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bad_file_is_refused_with_the_fact_the_name_and_the_way_out(tmp_path: Path, data: bytes, fact: str) -> None:
    path = tmp_path / "upload.jpg"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=fact) as refused:
        load_media(path)
    assert refused.value.fact.startswith("upload.jpg: ")
    assert refused.value.fact.count("\n") == 0
    assert refused.value.remedy.endswith(".")


def test_a_truncated_image_is_refused_at_load() -> None:
    data = saved(noise(200, 200))
    for share in (0.2, 0.5, 0.9):
        with pytest.raises(MediaError, match="cut short"):
            Media.load(data[: int(len(data) * share)])


def test_a_truncated_picture_in_memory_is_refused_at_load() -> None:
    lazy = Image.open(io.BytesIO(saved(noise())[:-1000]))
    with pytest.raises(MediaError, match="cut short"):
        Media.load(lazy)


def test_a_picture_of_200_megapixels_is_refused_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    data = saved(Image.new("1", (20_000, 10_000)))
    assert len(data) < 100_000

    def decode(self: Any) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decode)
    with pytest.raises(MediaError, match="20000 x 10000 is 200 megapixels; the limit is 64"):
        Media.load(data)


def test_a_clip_of_three_hours_is_refused_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*args: Any) -> None:
        raise AssertionError("it was decoded")

    data = song(3 * 3600, rate=100)
    with pytest.raises(MediaError, match="10800 s long; the limit is 3600 s"):
        Media.load(data)
    # What its process does with it.
    monkeypatch.setattr(clips, "decoded_frames", decode)
    with pytest.raises(MediaError, match="10800 s long; the limit is 3600 s"):
        clips.read_clip_header(data, "song.wav", 1000, 3600)


def test_frames_over_the_limit_are_refused_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*args: Any) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(clips, "decoded_frames", decode)
    for container in ("matroska", "mp4", "avi"):
        data = film(container=container)
        with pytest.raises(MediaError, match="megapixels"):
            Media.load(data, limits=MediaLimits(pixels=1000))
        with pytest.raises(MediaError, match="megapixels"):
            clips.read_clip_header(data, "film", 1000, 3600)


def test_sound_that_outlasts_its_header_is_stopped_while_it_is_decoded() -> None:
    with pytest.raises(MediaError, match="longer than the limit of 1 s"):
        clips.decode_sound(song(5), "song.wav", 1000, 1.0)


@pytest.mark.parametrize(
    ("data", "limits", "allowed"),
    [
        (saved(noise()), MediaLimits(pixels=1199), MediaLimits(pixels=1200)),
        (saved(noise()), MediaLimits(bytes=1000), MediaLimits(bytes=10_000)),
        (song(2), MediaLimits(seconds=1.9), MediaLimits(seconds=2)),
        (film(), MediaLimits(seconds=1.9), MediaLimits(seconds=2)),
        (film(), MediaLimits(pixels=4 * 64 * 48 - 4), MediaLimits(pixels=4 * 64 * 48)),
        (pdf(3), MediaLimits(pages=2), MediaLimits(pages=3)),
    ],
)
def test_a_limit_refuses_what_is_over_it_and_allows_what_is_not(
    data: bytes, limits: MediaLimits, allowed: MediaLimits
) -> None:
    with pytest.raises(MediaError, match=r"limit|larger") as refused:
        load_media(data, limits=limits)
    assert "MediaLimits(" in refused.value.remedy
    assert load_media(data, limits=allowed)


@pytest.mark.parametrize("field", [name for name in MediaLimits.model_fields if name != "shrink"])
def test_a_limit_that_allows_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        MediaLimits(**{field: 0})


@pytest.mark.parametrize(
    ("module", "data", "remedy"),
    [
        ("av", film(), install_line("embedded")),
        ("av", song(), install_line("embedded")),
        ("pypdfium2", pdf(), install_line("embedded")),
    ],
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, module: str, data: bytes, remedy: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency) as missing:
        load_media(data)
    assert remedy in missing.value.remedy


def test_images_and_refusals_need_no_package_for_video(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert Media.load(saved(noise())).kind == "image"
    with pytest.raises(MediaError, match="not of a type"):
        Media.load(b"only words")


def test_importing_media_imports_nothing_heavy() -> None:
    heavy = "{'PIL', 'numpy', 'av', 'pypdfium2', 'httpx', 'filetype'}"
    line = f"import sys, visagent.media.media; found = {heavy} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", line], check=True, cwd=Path(__file__).parents[3])


@LIGHT
@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF", b"%PDF-1.4"]), st.binary())
def test_any_bytes_are_loaded_or_refused_as_a_media_error(start: bytes, rest: bytes) -> None:
    with pytest.raises(MediaError):
        load_media(start + rest)


WHOLE = [
    saved(noise(8, 8)),
    saved(noise(8, 8), "JPEG"),
    saved(noise(8, 8), "GIF"),
    song(0.05),
    film(2),
    pdf(),
    mp3(0.1),
]


@LIGHT
@given(st.sampled_from(WHOLE), st.data())
def test_a_file_with_flipped_bytes_is_loaded_or_refused_as_a_media_error(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        media = load_media(bytes(damaged), limits=MediaLimits(pixels=10_000_000, seconds=60))[0]
        if media.kind == "video":
            media.frames(0.1, 5)
        if media.info.has_audio:
            media.audio()
    except MediaError as refused:
        assert refused.remedy


# Video


@pytest.mark.parametrize(
    ("container", "codec"),
    [("matroska", "mpeg4"), ("mp4", "mpeg4"), ("avi", "mpeg4"), ("mpegts", "mpeg2video"), ("webm", "libvpx")],
)
def test_a_frame_is_the_one_on_screen_at_that_second(container: str, codec: str) -> None:
    media = Media.load(film(10, rate=5, container=container, codec=codec))
    assert (media.kind, media.size, media.info.has_audio) == ("video", (64, 48), False)
    assert media.info.seconds == pytest.approx(2.0, abs=0.25)
    for seconds, index in [(0.0, 0), (0.2, 1), (0.39, 1), (1.0, 5), (1.8, 9)]:
        frame = media.frame(seconds)
        assert (frame.mode, frame.size) == ("RGB", (64, 48))
        assert brightness(frame) == pytest.approx(20 * index, abs=8)


def test_frames_are_sampled_evenly_and_no_more_than_asked() -> None:
    media = Media.load(film(10, rate=5))
    sampled = media.frames(0.5, 100)
    assert [time for time, _ in sampled] == [0.0, 0.5, 1.0, 1.5]
    for time, frame in sampled:
        np.testing.assert_array_equal(np.asarray(frame), np.asarray(media.frame(time)))
    assert [time for time, _ in media.frames(0.5, 2)] == [0.0, 0.5]


def test_far_apart_frames_are_the_same_as_frames_asked_for_one_by_one() -> None:
    media = Media.load(film(120, rate=2))
    sampled = media.frames(13.0, 10)
    assert [time for time, _ in sampled] == [0.0, 13.0, 26.0, 39.0, 52.0]
    for time, frame in sampled:
        assert brightness(frame) == pytest.approx(20 * int(2 * time) % 256, abs=8)


@pytest.mark.parametrize("seconds", [-0.1, 2.5, float("nan"), float("inf")])
def test_a_time_outside_the_clip_is_refused_with_its_length(seconds: float) -> None:
    with pytest.raises(MediaError, match=r"there is no frame at .*; the clip is 2\.000 s long"):
        Media.load(film()).frame(seconds)


@pytest.mark.parametrize(("every", "limit"), [(0.0, 5), (-1.0, 5), (float("nan"), 5), (float("inf"), 5), (1.0, 0)])
def test_frames_that_cannot_be_counted_are_refused(every: float, limit: int) -> None:
    with pytest.raises(MediaError, match="cannot take"):
        Media.load(film()).frames(every, limit)


def test_a_clip_that_does_not_tell_its_length_is_measured() -> None:
    media = Media.load(live_film())
    assert media.info.seconds == pytest.approx(2.0, abs=0.05)
    assert len(media.frames(0.5, 100)) == 4


def test_a_clip_that_was_cut_short_ends_where_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(100):
            pixels = np.random.default_rng(index).integers(0, 256, (48, 64, 3), dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())
    whole = path.read_bytes()
    media = Media.load(whole[: len(whole) // 2])
    assert media.info.seconds is not None
    assert 3 < media.info.seconds < 6
    with pytest.raises(MediaError, match="there is no frame at 9"):
        media.frame(9.0)


@pytest.mark.parametrize(
    ("matrix", "corner", "size"),
    [
        ((0, 1, -1, 0), (-1, 0), (48, 64)),
        ((-1, 0, 0, -1), (-1, -1), (64, 48)),
        ((0, -1, 1, 0), (0, -1), (48, 64)),
    ],
)
def test_a_phone_video_stored_on_its_side_stands_up(
    matrix: tuple[int, ...], corner: tuple[int, int], size: tuple[int, int]
) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[:16, :16] = 255
        out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())
    data = file.getvalue()
    a, b, c, d = matrix
    flat = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    track = data.index(b"tkhd")
    media = Media.load(data[:track] + data[track:].replace(flat, turned, 1))
    frame = media.frame(0.0)
    assert media.size == frame.size == size
    light = np.asarray(frame)[corner[1], corner[0]]
    assert light.min() > 200


def test_a_video_is_not_an_image_and_says_how_to_get_one() -> None:
    media = Media.load(film())
    with pytest.raises(MediaError, match="a video, not an image") as refused:
        media.image()
    assert ".frame(seconds)" in refused.value.remedy


# Sound


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1), (48_000, 6)])
def test_sound_is_one_channel_of_float32_at_16_khz(rate: int, channels: int) -> None:
    media = Media.load(song(1.0, rate, channels))
    samples = media.audio()
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) == pytest.approx(16_000, abs=32)
    if channels < 3:
        assert float(np.median(samples)) == pytest.approx(0.25, abs=0.01)
    assert media.info.seconds == pytest.approx(1.0, abs=0.001)
    assert (media.info.width, media.info.has_audio) == (None, True)


@pytest.mark.parametrize(
    ("container", "codec"), [("mp3", "mp3"), ("flac", "flac"), ("ogg", "libopus"), ("adts", "aac")]
)
def test_compressed_sound_is_decoded_at_its_length(container: str, codec: str) -> None:
    data = encoded_sound(container, codec, 1.0)
    assert len(Media.load(data).audio()) == pytest.approx(16_000, abs=1600)


def test_the_sound_track_of_a_video_is_decoded() -> None:
    media = Media.load(film(10, sound=2.0))
    assert (media.kind, media.info.has_audio) == ("video", True)
    assert len(media.audio()) == pytest.approx(32_000, abs=2000)
    assert float(np.median(media.audio())) == pytest.approx(0.25, abs=0.02)


def test_a_silent_video_has_no_sound_and_sound_has_no_frames() -> None:
    with pytest.raises(MediaError, match="no sound track"):
        Media.load(film()).audio()
    sound = Media.load(song())
    for ask in (lambda: sound.frame(0.0), lambda: sound.frames(1.0, 3)):
        with pytest.raises(MediaError, match="sound has no frames"):
            ask()
    with pytest.raises(MediaError, match="audio, not an image"):
        sound.image()
    with pytest.raises(MediaError, match="no width and height"):
        _ = sound.size


def test_the_cover_of_a_song_does_not_make_it_a_video() -> None:
    cover = saved(noise(), "JPEG")
    picture = b"\x00image/jpeg\x00\x03\x00" + cover
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\x00\x00" + picture
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    assert Media.load(b"ID3\x03\x00\x00" + size + frame + mp3()).kind == "audio"


def test_threads_that_ask_at_once_share_one_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    decode = ClipFile.sound

    def counted(clip: ClipFile, max_seconds: float) -> Any:
        calls.append(clip.name)
        return decode(clip, max_seconds)

    monkeypatch.setattr(ClipFile, "sound", counted)
    media = Media.load(song(1.375))  # no other test has decoded it
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(media.audio())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len({id(samples) for samples in found}) == 1


# PDF


def test_a_pdf_gives_one_image_per_page_at_150_dpi() -> None:
    pages = load_media(pdf(3, (72, 36)))
    assert [page.info.page for page in pages] == [1, 2, 3]
    assert {page.size for page in pages} == {(150, 75)}
    assert [int(page.array()[40, 75, 0]) for page in pages] == pytest.approx([0, 50, 100], abs=6)
    assert len({page.hash for page in pages}) == 3


def test_a_pdf_has_the_same_hashes_each_time_it_is_loaded() -> None:
    data = pdf(2)
    assert [page.hash for page in load_media(data)] == [page.hash for page in load_media(data)]


def test_a_pdf_of_several_pages_is_not_one_medium() -> None:
    assert Media.load(pdf(1)).info.page == 1
    with pytest.raises(MediaError, match="has 2 pages where one is meant"):
        Media.load(pdf(2))


def test_pdfs_are_rendered_from_many_threads() -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(Media.load(pdf()).hash)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


# Store


@pytest.mark.parametrize(
    "source",
    [saved(noise(), "JPEG"), noise(), np.zeros((2, 3, 4), np.uint8), song(), film(sound=1.0), pdf(1)],
    ids=["file", "image", "array", "audio", "video", "page"],
)
def test_a_stored_medium_is_found_by_its_info_in_a_new_process(tmp_path: Path, source: Any) -> None:
    media = Media.load(source)
    MediaStore(tmp_path / "media").put(media)
    info = MediaInfo.model_validate_json(media.info.model_dump_json())
    again = MediaStore(tmp_path / "media").get(info)
    assert again.info == media.info
    if media.kind == "image":
        np.testing.assert_array_equal(again.array(), media.array())
    assert again.encoded() == media.encoded()


@LIGHT
@given(arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([3, 4]))))
def test_any_pixels_keep_their_hash_in_the_store(pixels: Any) -> None:
    media = Media.load(pixels)
    with tempfile.TemporaryDirectory() as folder:
        store = MediaStore(Path(folder))
        store.put(media)
        assert store.get(media.info).hash == media.hash


def test_a_medium_is_stored_once_and_leaves_no_drafts(tmp_path: Path) -> None:
    store, media = MediaStore(tmp_path), Media.load(saved(noise()))
    store.put(media)
    file = next(path for path in tmp_path.rglob("*") if path.is_file())
    before = file.stat().st_mtime_ns
    store.put(media)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
    assert file.stat().st_mtime_ns == before


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match=r"cannot be written .*No space left"):
        MediaStore(tmp_path).put(Media.load(noise()))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("source", [saved(noise()), noise()], ids=["file", "image"])
def test_a_stored_file_that_was_changed_is_refused(tmp_path: Path, source: Any) -> None:
    store, media = MediaStore(tmp_path), Media.load(source)
    store.put(media)
    file = next(path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(saved(Image.new("RGB", (40, 30))))
    with pytest.raises(MediaError, match="was changed"):
        store.get(media.info)


def test_a_medium_that_was_never_stored_is_refused_by_name(tmp_path: Path) -> None:
    info = MediaInfo(hash="0" * 64, kind="image", name="cat.jpg", width=1, height=1)
    with pytest.raises(MediaError, match=r"cat\.jpg: no medium 00000000"):
        MediaStore(tmp_path).get(info)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "0" * 63, "0" * 64 + "\n", "G" * 64])
def test_a_hash_that_is_not_one_never_becomes_a_path(digest: str) -> None:
    with pytest.raises(ValidationError):
        MediaInfo(hash=digest, kind="image", name="x")


def test_pictures_over_pillows_own_limit_are_refused_even_when_ours_is_higher() -> None:
    with pytest.raises(MediaError, match="larger than 179 megapixels"):
        decode_picture(png_header(20_000, 10_000), "huge.png", 10**9)
