"""Text in pixels, read by RapidOCR (PP-OCR on onnxruntime; the models come inside its wheel). Knows no tool."""

from __future__ import annotations

import importlib
import logging
import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from visagent.core.errors import MissingDependency
from visagent.evidence.values import XYXY, Crop, Line, Note, Text
from visagent_tools.engines.memo import Memo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PILImage

    from visagent.media.media import Media

LEAST_SIDE = 48
MOST_ENLARGED = 4.0
LONGEST_SIDE = 1280
"""Of what the text detector sees, in pixels; the recogniser reads from the full resolution."""
MOST_PIXELS = 24_000_000
"""Of what is read: a larger picture is reduced, a smaller one enlarged no further."""
LEAST_SURE = 0.7
"""Confidence that a line needs: below it, photographs give what is no text (a lattice as "C000" with 0.66)."""
SURE_OF_ONE = 0.95
"""Confidence that a lone character needs: a cat's eye reads as "0" with 0.73, a coin as "O" with 0.89, a pagoda as the
character 鑫 with 0.92."""

PROSE = 5.0
"""Width over height from which a line may be one of a text column."""


class Reading(NamedTuple):
    """One line in pixels of the picture that was read."""

    text: str
    confidence: float
    xyxy: XYXY


class TextReader:
    """A loaded text detector and recogniser; safe to call from several threads at once.

    Raises:
        MissingDependency: rapidocr or onnxruntime is not installed.
    """

    def __init__(self) -> None:
        try:
            library = importlib.import_module("rapidocr")
            importlib.import_module("onnxruntime")
        except ImportError as error:
            raise MissingDependency(
                "Reading text needs rapidocr and onnxruntime, which are not both installed.",
                'Install them with: pip install "visagent[embedded]"',
            ) from error
        # By default the detector enlarges until the *shorter* side has 736 pixels: a strip with one line of text would
        # grow to thousands of pixels and take seconds.
        self._engine: Any = library.RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.text_score": LEAST_SURE,
                "Det.limit_type": "max",
                "Det.limit_side_len": LONGEST_SIDE,
            }
        )
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        self._lock = threading.Lock()

    def read(self, pixels: NDArray[np.uint8]) -> list[Reading]:
        """The lines in one picture, in no particular order.

        Args:
            pixels: Height x width x 3, uint8, RGB.
        """
        import numpy as np
        from PIL import Image

        height, width = pixels.shape[:2]
        factor = enlargement(width, height)
        if factor > 1:
            size = (round(width * factor), round(height * factor))
            pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
        with self._lock:
            # RapidOCR takes arrays as OpenCV has them: blue first.
            result = self._engine(np.ascontiguousarray(pixels[..., ::-1]))
        if not result.txts:
            return []
        readings = []
        for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            stripped = " ".join(text.split())
            if not stripped or (len(stripped) == 1 and score < SURE_OF_ONE):
                continue
            xs, ys = (np.clip(corners[:, axis] / factor, 0, (width, height)[axis]) for axis in (0, 1))
            xyxy = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
            readings.append(Reading(stripped, min(1.0, float(score)), xyxy))
        return readings


def enlargement(width: int, height: int) -> float:
    """How many times larger a picture is read: on a small one the detector misses small text."""
    # The recogniser was trained on lines 48 pixels high: a strip that holds one line should be no lower.
    for_one_line = min(MOST_ENLARGED, LEAST_SIDE / min(height, width))
    # Enlarging by less than a half finds no more and blurs: a picture of nearly full size is left as it is.
    to_full_size = LONGEST_SIDE / max(height, width)
    factor = max(1.0, for_one_line, min(2.0, to_full_size) if to_full_size >= 1.5 else 1.0)
    # A strip of one line may be very long.
    return min(factor, max(1.0, math.sqrt(MOST_PIXELS / (width * height))))


def _within(picture: PILImage) -> PILImage:
    """A picture that is read at a size for which there is room: RapidOCR makes several copies of it."""
    from PIL import Image

    factor = math.sqrt(MOST_PIXELS / (picture.width * picture.height))
    if factor >= 1:
        return picture
    size = (max(1, int(picture.width * factor)), max(1, int(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


kept_reader: Memo[str, TextReader] = Memo(limit=1)
_read: Memo[tuple[object, ...], tuple[Line, ...]] = Memo(limit=256)


def lines_in(crop: Crop) -> tuple[Line, ...]:
    """The lines of text in a region, in reading order, in pixels of the original; each region is read once.

    Raises:
        MissingInput: the region has no pixel.
        MissingDependency: rapidocr or onnxruntime is not installed.
    """

    import numpy as np

    def read() -> tuple[Line, ...]:
        picture = crop.image()
        shown = _within(picture)
        readings = kept_reader.get("rapidocr", TextReader).read(np.asarray(shown))
        if shown.size != picture.size:
            x, y = picture.width / shown.width, picture.height / shown.height
            readings = [
                reading._replace(
                    xyxy=(reading.xyxy[0] * x, reading.xyxy[1] * y, reading.xyxy[2] * x, reading.xyxy[3] * y)
                )
                for reading in readings
            ]
        ordered = [readings[index] for index in reading_order([reading.xyxy for reading in readings])]
        return tuple(
            Line(text=reading.text, confidence=reading.confidence, xyxy=crop.to_original(reading.xyxy))
            for reading in ordered
        )

    return _read.get((crop.media, crop.xyxy, crop.scale, crop.seconds), read)


class ReadPicture(NamedTuple):
    """The lines of a picture, and what is to be said of them."""

    lines: tuple[Line, ...]
    notes: tuple[Note, ...] = ()


def read_picture(crop: Crop) -> ReadPicture:
    """The text in a region, as `lines_in` gives it, with what the reader has to say of it.

    Raises:
        MissingInput: the region has no pixel.
        MissingDependency: rapidocr or onnxruntime is not installed.
    """
    return ReadPicture(lines_in(crop))


EVERY_SECONDS = 1.0
MOST_FRAMES = 24
"""Frames of a video that are read at most, spread over all of it: 0.6 s of processor time each."""


def read_video(video: Media) -> Text:
    """The text that a video shows, each line once, with the time at which it is first seen.

    Frames that hardly differ from the one before are passed over.

    Raises:
        MediaError: a frame cannot be decoded.
        MissingDependency: rapidocr, onnxruntime or PyAV is not installed.
    """
    import numpy as np

    every = max(EVERY_SECONDS, (video.info.seconds or 0) / MOST_FRAMES)
    before: NDArray[np.int16] | None = None
    lines: dict[str, Line] = {}
    for seconds, picture in video.frames(every, MOST_FRAMES):
        small = np.asarray(picture.convert("L").resize((64, 64)), np.int16)
        if before is not None and float(np.abs(small - before).mean()) < SAME_FRAME:
            continue
        before = small
        whole = Crop(media=video.hash, xyxy=(0, 0, *picture.size), seconds=seconds)
        for line in lines_in(whole):
            key = "".join(char for char in line.text.casefold() if char.isalnum())
            lines.setdefault(key, line.model_copy(update={"start": seconds}))
    kept = tuple(lines.values())
    return Text(text="\n".join(line.text for line in kept), media=video.hash, lines=kept)


SAME_FRAME = 1.0
"""Mean difference of grey levels, of 255, below which a frame of 64 by 64 pixels shows nothing new."""


def reading_order(boxes: Sequence[XYXY]) -> list[int]:
    """Indices in the order in which a page is read: columns from the left, in each rows from the top, then words.

    This is the recursive X-Y cut (Nagy and Seth, 1984): a region is cut into columns of prose, else into blocks, along
    gaps that are clearly wider than a line is high, and so on with each; what no gap parts is put in rows.

    >>> reading_order([(60, 0, 90, 10), (0, 1, 40, 11), (0, 20, 50, 30)])
    [1, 0, 2]
    """
    return _ordered(list(range(len(boxes))), boxes)


def line_rows(boxes: Sequence[XYXY]) -> list[list[int]]:
    """Indices of boxes in rows from the top, each from the left."""
    return _rows(list(range(len(boxes))), boxes)


def _ordered(indices: list[int], boxes: Sequence[XYXY]) -> list[int]:
    if len(indices) < 2:
        return indices
    heights = sorted(boxes[index][3] - boxes[index][1] for index in indices)
    line = heights[len(heights) // 2]
    columns = _parts(indices, boxes, axis=0, least=1.5 * line)
    if len(columns) > 1 and all(_is_prose(column, boxes) for column in columns):
        return [index for column in columns for index in _ordered(column, boxes)]
    blocks = _parts(indices, boxes, axis=1, least=1.5 * line)
    if len(blocks) > 1:
        return [index for block in blocks for index in _ordered(block, boxes)]
    return [index for row in _rows(indices, boxes) for index in row]


def _is_prose(indices: Sequence[int], boxes: Sequence[XYXY]) -> bool:
    """Whether boxes are lines of a text column: several, and long. A list's items and prices are neither: rows."""
    long = sum(boxes[i][2] - boxes[i][0] >= PROSE * (boxes[i][3] - boxes[i][1]) for i in indices)
    return len(indices) > 1 and 2 * long > len(indices)


def _parts(indices: Sequence[int], boxes: Sequence[XYXY], axis: int, least: float) -> list[list[int]]:
    """The boxes in groups that gaps of more than `least` pixels part, along x (0) or y (1)."""
    groups: list[list[int]] = []
    end = 0.0
    for index in sorted(indices, key=lambda index: boxes[index][axis]):
        if not groups or boxes[index][axis] - end > least:
            groups.append([])
            end = boxes[index][axis + 2]
        groups[-1].append(index)
        end = max(end, boxes[index][axis + 2])
    return groups


def _rows(indices: Sequence[int], boxes: Sequence[XYXY]) -> list[list[int]]:
    """The boxes in rows from the top: a box joins a row whose first box it overlaps in height by half of the lesser."""
    rows: list[list[int]] = []
    for index in sorted(indices, key=lambda index: boxes[index][1] + boxes[index][3]):
        _, top, _, bottom = boxes[index]
        for row in rows:
            _, row_top, _, row_bottom = boxes[row[0]]
            shared = min(bottom, row_bottom) - max(top, row_top)
            if shared >= 0.5 * min(bottom - top, row_bottom - row_top):
                row.append(index)
                break
        else:
            rows.append([index])
    return [sorted(row, key=lambda index: boxes[index][0]) for row in rows]
