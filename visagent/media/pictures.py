"""Decodes pictures within limits, with Pillow, in this process. Knows nothing of where their bytes come from.

Every function takes a name, for messages only, and gives pictures in RGB. Pillow is imported when first needed.
What may take too much is left to `visagent.media.decoding`.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from visagent.core.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = [
    "check_size",
    "damaged",
    "decode_here",
    "decode_pixels",
    "encode_picture",
    "is_picture",
    "knows_heif",
    "megapixels",
    "most_pixels",
    "open_picture",
    "pixel_strips",
    "pixels_of",
    "pixels_to_picture",
    "shared_view",
    "upright_rgb",
]

LIGHT = 200
"""Level of grey, of 255, from which on a pixel can hardly be told from white."""
# Pillow also opens formats that start other programs (EPS) or nest pictures in pictures (ICO): name those we mean.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000", "HEIF")
_COSTLY = {"WEBP": 2, "AVIF": 2, "HEIF": 2, "JPEG2000": 4}
"""Formats whose decoders hold so many times what others do; as many times fewer pixels are let in."""
# EXIF orientation, and the member of PIL.Image.Transpose that undoes it.
_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_SIDEWAYS = ("TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
# Of upright pixels, what lies where the stored ones are.
_VIEWS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "": lambda pixels: pixels,
    "FLIP_LEFT_RIGHT": lambda pixels: pixels[:, ::-1],
    "ROTATE_180": lambda pixels: pixels[::-1, ::-1],
    "FLIP_TOP_BOTTOM": lambda pixels: pixels[::-1],
    "TRANSPOSE": lambda pixels: pixels.swapaxes(0, 1),
    "ROTATE_270": lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
    "TRANSVERSE": lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    "ROTATE_90": lambda pixels: pixels[::-1].swapaxes(0, 1),
}
_STRIP = 512


def is_picture(data: bytes) -> bool:
    """Tell whether these bytes begin like a picture that Pillow knows; what follows may be damaged."""
    from PIL import UnidentifiedImageError

    try:
        open_picture(data).close()
    except UnidentifiedImageError:
        return False
    except Exception:  # it is one, but damaged or huge: decoding it says which
        return True
    return True


def check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture or frame that is empty or over the limit, in pixels.

    Raises:
        MediaError: It is.
    """
    if width < 1 or height < 1:
        raise MediaError(f"{name}: the picture has no pixels ({width} x {height}).", "Pass one that is not empty.")
    if width * height > max_pixels:
        raise MediaError(
            f"{name}: {megapixels((width, height))}; the limit is {max_pixels / 1e6:.4g}.",
            "Scale it down, or raise MediaLimits(pixels=...).",
        )


def decode_here(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """Decode a picture, the first frame of an animated one, to upright RGB.

    Raises:
        MediaError: It is damaged, cut short or over the limit.
    """
    return upright_rgb(_opened(data, name, max_pixels), name, max_pixels, copy=False)


def decode_pixels(data: bytes, name: str, max_pixels: int, *, frame: int, shrink_to: int) -> NDArray[np.uint8]:
    """Decode a picture to upright pixels: height x width x 3, uint8, RGB.

    Args:
        data: The file.
        name: Its name, for messages.
        max_pixels: Most pixels.
        frame: Which frame of the file, the first being 0.
        shrink_to: Most pixels of it as it is given, which is scaled down while it is read: its size in the file is no
            matter then. 0 for as it is in the file.

    Raises:
        MediaError: It is damaged, cut short or over the limit.
    """
    picture = _shrunk(data, name, shrink_to) if shrink_to else _opened(data, name, max_pixels, frame)
    turn = _prepared(picture, name, max_pixels)
    try:
        return pixels_of(picture, turn)
    except Exception as error:  # as in _prepared
        raise damaged(name, error) from error


def pixels_of(picture: Image.Image, turn: str = "") -> NDArray[np.uint8]:
    """A decoded picture as an array of its own, height x width x 3, uint8, RGB; made strip by strip.

    Args:
        picture: It.
        turn: Member of PIL.Image.Transpose by which it is turned, or nothing.
    """
    import numpy as np

    width, height = picture.size
    upright = np.empty((width, height, 3) if turn in _SIDEWAYS else (height, width, 3), np.uint8)
    as_stored = _VIEWS[turn](upright)
    for top, strip in pixel_strips(picture):
        as_stored[top : top + strip.height] = np.asarray(strip)
    return upright


def _opened(data: bytes, name: str, max_pixels: int, frame: int = 0) -> Image.Image:
    """A picture of which the header is read, and the size found right."""
    from PIL import Image, UnidentifiedImageError

    try:
        picture = open_picture(data)
        picture.seek(frame)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        most = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
        raise MediaError(
            f"{name}: the picture is larger than {most / 1e6:.4g} megapixels.", "Scale it down."
        ) from error
    except UnidentifiedImageError as error:
        raise damaged(name, "its header cannot be read") from error
    except Exception as error:  # as in upright_rgb
        raise damaged(name, error) from error
    most = most_pixels(picture, max_pixels)
    if picture.width * picture.height > most:
        raise MediaError(
            f"{name}: {megapixels(picture.size)}; the limit is {most / 1e6:.4g}.",
            "Have it read scaled down: --shrink on the command line, MediaLimits(shrink=True) in Python.",
        )
    return picture


def _shrunk(data: bytes, name: str, most: int) -> Image.Image:
    """A picture scaled down to so many pixels; a JPEG is never decoded at full size."""
    try:
        picture = open_picture(data)
        scale = (most / (picture.width * picture.height)) ** 0.5
        picture.thumbnail((max(1, int(picture.width * scale)), max(1, int(picture.height * scale))), reducing_gap=2.0)
    except Exception as error:  # as in upright_rgb
        raise damaged(name, error) from error
    return picture


def most_pixels(picture: Image.Image, max_pixels: int) -> int:
    """The limit on a picture's pixels, which is lower for formats whose decoders hold several copies of them."""
    return max_pixels // _COSTLY.get(picture.format or "", 1)


def megapixels(size: tuple[int, int]) -> str:
    """A size in words."""
    return f"{size[0]} x {size[1]} is {size[0] * size[1] / 1e6:.4g} megapixels"


def upright_rgb(picture: Image.Image, name: str, max_pixels: int, *, copy: bool = True) -> Image.Image:
    """A picture as RGB: EXIF orientation undone, transparency laid on white (a white drawing: on black), 16-bit grey
    reduced to 8.

    Args:
        picture: What somebody else may go on to change, unless `copy` is false.
        name: Its name, for messages.
        max_pixels: Most pixels.
        copy: Whether a picture that is right already is copied.

    Raises:
        MediaError: It is damaged, cut short, over the limit, or of a mode without an agreed range of values.
    """
    from PIL import Image

    turn = _prepared(picture, name, max_pixels)
    try:
        if picture.mode == "RGB" and not picture.has_transparency_data:
            rgb = picture.copy() if copy else picture
        else:
            rgb = Image.new("RGB", picture.size)
            for top, strip in pixel_strips(picture):
                rgb.paste(strip, (0, top))
    except Exception as error:  # as in _prepared
        raise damaged(name, error) from error
    return rgb.transpose(Image.Transpose[turn]) if turn else rgb


def _prepared(picture: Image.Image, name: str, max_pixels: int) -> str:
    """Decode a picture, and give the member of PIL.Image.Transpose that sets it upright, or nothing."""
    check_size(name, *picture.size, max_pixels)
    if picture.mode in ("I", "F"):
        raise MediaError(
            f"{name}: pixels of mode {picture.mode} have no agreed range of values.",
            "Scale them to 0..255 and pass an 8-bit picture.",
        )
    try:
        picture.load()
        # After load(), because TIFF is turned by it and then says so.
        return _UPRIGHT.get(_orientation(picture), "")
    except Exception as error:
        # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more on bytes that are damaged.
        raise damaged(name, error) from error


def pixel_strips(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """A decoded picture in RGB, strip by strip, each with its first row: a copy of the whole would double the memory.

    One that can be seen through lies on white, or on black where white would hide all of it.
    """
    from PIL import Image

    width, height = picture.size
    clear = picture.has_transparency_data
    ground = "black" if clear and _is_white(picture) else "white"
    for top in range(0, height, _STRIP):
        strip = picture.crop((0, top, width, min(top + _STRIP, height)))
        if strip.mode.startswith("I;16"):
            strip = Image.fromarray(_high_byte(strip))
        elif clear:
            strip = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, ground), strip)
        yield top, strip.convert("RGB")


def pixels_to_picture(pixels: NDArray[Any], name: str, max_pixels: int) -> Image.Image:
    """Copy a uint8 array of height x width, height x width x 3 (RGB) or x 4 (RGBA) as an RGB picture.

    Raises:
        MediaError: Another shape or type, or over the limit.
    """
    import numpy as np
    from PIL import Image

    if pixels.dtype != np.uint8:
        raise MediaError(
            f"{name}: its values are {pixels.dtype}, not uint8.",
            "For floats in 0..1 pass (255 * array).round().astype(numpy.uint8).",
        )
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        raise MediaError(
            f"{name}: its shape is {pixels.shape}, not (height, width), (height, width, 3) or (height, width, 4).",
            "For channels first pass array.transpose(1, 2, 0); pass the images of a batch one by one.",
        )
    check_size(name, pixels.shape[1], pixels.shape[0], max_pixels)
    return upright_rgb(Image.fromarray(np.ascontiguousarray(pixels)), name, max_pixels)


def knows_heif() -> bool:
    """Whether HEIC and HEIF can be read here: Pillow has no decoder of its own for them."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()  # changes nothing the second time
    return True


def open_picture(data: bytes) -> Image.Image:
    """Read a picture's header with Pillow, whose errors are passed on."""
    from PIL import Image

    if data[4:8] == b"ftyp":
        knows_heif()
    Image.init()  # so that OPEN tells which formats this build of Pillow has
    return Image.open(io.BytesIO(data), formats=[name for name in _FORMATS if name in Image.OPEN])


def damaged(name: str, cause: Exception | str) -> MediaError:
    """The error that says that a picture cannot be decoded.

    Args:
        name: Name of the picture.
        cause: Why.
    """
    if isinstance(cause, MemoryError):
        return MediaError(f"{name}: the picture takes too much memory to decode.", "Scale it down.")
    reason = str(cause) or type(cause).__name__
    return MediaError(f"{name}: the picture is damaged or cut short ({reason}).", "Save or download it again.")


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(0x0112, 1))
    except (OSError, SyntaxError, TypeError, ValueError, struct.error):
        return 1  # EXIF that cannot be read does not turn a picture in any viewer


def _is_white(picture: Image.Image) -> bool:
    """Whether nearly all that can be seen of a transparent picture is so light that white ground would hide it."""
    import numpy as np
    from PIL import Image

    # A sample of its pixels tells.
    size = (min(512, picture.width), min(512, picture.height))
    layer = np.asarray(picture.resize(size, Image.Resampling.NEAREST).convert("RGBA"))
    seen = layer[..., 3] > 127
    light = layer[..., :3].mean(axis=-1) > LIGHT
    # A light photograph with a hole in it, or with round corners, is no white drawing.
    return bool(0 < seen.mean() < 0.5 and (seen & light).sum() > 0.9 * seen.sum())


def _high_byte(picture: Image.Image) -> NDArray[np.uint8]:
    import numpy as np

    return (np.asarray(picture) >> 8).astype(np.uint8)


def shared_view(picture: Image.Image) -> Image.Image:
    """A picture of the same pixels, which are copied when it is changed in place: the one given stays as it is."""
    view = picture._new(picture.im)  # noqa: SLF001  # there is no public way to share pixels
    view.readonly = 1
    view.shared = picture  # type: ignore[attr-defined]  # it is kept for as long as somebody looks at it
    return view


def encode_picture(picture: Image.Image, format: Literal["PNG", "JPEG"], **options: Any) -> bytes:
    """A picture's pixels as a file, without the tags of the file that it came from.

    Args:
        picture: RGB.
        format: Format of the file.
        **options: Pillow's options of that format, such as `quality=90`.
    """
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()
