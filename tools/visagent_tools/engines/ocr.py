"""Text in pixels, read by RapidOCR (PP-OCR on onnxruntime; its wheel holds the models), or as a PDF page holds it.

Knows no tool.
"""

from __future__ import annotations

import importlib
import logging
import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from visagent.core.install import requiring
from visagent.evidence.values import Crop, Line, Note, Text
from visagent.media.media import Media
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.page import Reading, is_long, read_page
from visagent_tools.engines.reading_order import reading_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PILImage

LEAST_SIDE = 48
MOST_ENLARGED = 4.0
LONGEST_SIDE = 1280
"""Longest side of what the text detector sees, in pixels; the recogniser reads from the full resolution."""
MOST_PIXELS = 24_000_000
"""Pixels that are read at most: a larger picture is reduced, a smaller one enlarged no further."""
LEAST_SURE = 0.7
"""Confidence that a line needs. On 30 views of photographs without text, what is imagined comes up to 0.62, and the 39
words of two letters or more that are read rightly all have 0.9 or more: `python scripts/choose_thresholds.py`."""
SURE_OF_ONE = 0.95
"""Confidence that a lone character needs. The same script imagines characters up to 0.64 and keeps all six true ones at
0.95; round things in other photographs (a coin, an eye, a roof) came up to 0.92, which is why it is higher."""


SURE_OF_LINE = 0.7
"""Confidence of the detector from which on something is a line, though no letter of it is known. In Arabic and Korean
it has 0.81 to 0.90; in 57 photographs two such things were seen, at 0.52 and 0.54."""


class TextReader:
    """A loaded text detector and recogniser; safe to call from several threads at once.

    Args:
        threads: CPU threads for one picture; None leaves the choice to onnxruntime, which is soonest done. One takes a
            third less of the processor's time, which counts where other work runs beside it.

    Raises:
        MissingDependency: rapidocr or onnxruntime is not installed.
    """

    def __init__(self, threads: int | None = None) -> None:
        with requiring("Reading text needs rapidocr on onnxruntime", "embedded"):
            library = importlib.import_module("rapidocr")
            importlib.import_module("onnxruntime")
        # By default the detector enlarges until the *shorter* side has 736 pixels: a strip with one line of text would
        # grow to thousands of pixels and take seconds.
        self._engine: Any = library.RapidOCR(
            params={
                "Global.log_level": "error",
                # What it is not sure of is seen all the same: it tells that there is something it cannot read.
                "Global.text_score": 0.0,
                # Turned lines one by one would be read in the order of a page that stands on its head.
                "Global.use_cls": False,
                "Det.limit_type": "max",
                "Det.limit_side_len": LONGEST_SIDE,
                "EngineConfig.onnxruntime.intra_op_num_threads": -1 if threads is None else threads,
            }
        )
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        self._lock = threading.Lock()
        self._wordless: list[Reading] = []
        """Lines of the last picture of which the recogniser knew no letter; RapidOCR drops them."""
        finish: Any = getattr(self._engine, "build_final_output", None)

        def keeping(image: Any, detected: Any, turned: Any, recognised: Any, *rest: Any) -> Any:
            self._wordless = _wordless(detected, recognised)
            return finish(image, detected, turned, recognised, *rest)

        if finish is not None:
            self._engine.build_final_output = keeping

    def read(self, pixels: NDArray[np.uint8]) -> tuple[list[Reading], list[Reading]]:
        """The lines in one picture as it is, in no particular order: those that are sure enough, and the others.

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
            self._wordless = []
            # RapidOCR takes arrays as OpenCV has them: blue first.
            result = self._engine(np.ascontiguousarray(pixels[..., ::-1]))
            unsure = list(self._wordless)
        if not getattr(result, "txts", None):
            return [], unsure
        sure: list[Reading] = []
        for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            stripped = " ".join(text.split())
            enough = score >= (SURE_OF_ONE if len(stripped) == 1 else LEAST_SURE)
            xs, ys = (np.clip(corners[:, axis] / factor, 0, (width, height)[axis]) for axis in (0, 1))
            xyxy = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
            reading = Reading(stripped, min(1.0, float(score)), xyxy)
            (sure if stripped and enough else unsure).append(reading)
        return sure, unsure


def _wordless(detected: Any, recognised: Any) -> list[Reading]:
    """Lines that the detector is sure of and the recogniser finds no letter in, in pixels of what they were seen in."""
    boxes, scores, texts = detected.boxes, detected.scores, recognised.txts
    if boxes is None or scores is None or texts is None or not len(boxes) == len(scores) == len(texts):
        return []
    found = []
    for corners, score, text in zip(boxes, scores, texts, strict=True):
        if not text.strip() and score >= SURE_OF_LINE:
            (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
            found.append(Reading("", float(score), (float(left), float(top), float(right), float(bottom))))
    return found


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


class ReadPicture(NamedTuple):
    """The lines of a picture, and what is to be said of them."""

    lines: tuple[Line, ...]
    notes: tuple[Note, ...] = ()


kept_reader: Memo[str, TextReader] = Memo(limit=2)
_read: Memo[tuple[object, ...], ReadPicture] = Memo(limit=1024)


def read_picture(crop: Crop) -> ReadPicture:
    """The text in a region, in reading order and pixels of the original; each region is read once.

    A page of a PDF says itself what stands on it; one without a text layer is read as a picture.

    Raises:
        MissingInput: the region has no pixel.
        MissingDependency: rapidocr or onnxruntime is not installed.
        MediaError: the page cannot be rendered.
    """

    import numpy as np

    def read() -> ReadPicture:
        if (written := _text_layer(crop)) is not None:
            return written
        picture = crop.image()
        shown = _within(picture)
        # Of a long picture the processor's time counts: threads wait for each other actively, a third of it.
        one = is_long(*shown.size)
        reader = kept_reader.get("rapidocr 1" if one else "rapidocr", lambda: TextReader(1 if one else None))
        page = read_page(np.asarray(shown), reader.read)
        x, y = picture.width / shown.width, picture.height / shown.height
        lines = []
        for text, confidence, (x1, y1, x2, y2) in page.lines:
            placed = crop.to_original((x1 * x, y1 * y, x2 * x, y2 * y))
            lines.append(Line(text=text, confidence=confidence, xyxy=placed))
        return ReadPicture(tuple(lines), page.notes)

    return _read.get((crop.media, crop.xyxy, crop.scale, crop.seconds), read)


def _text_layer(crop: Crop) -> ReadPicture | None:
    """The lines of a page's text layer whose middle stands in a region; None where there is no such layer."""
    media = Media.loaded(crop.media)
    layer = None if media is None else media.text_layer()
    if layer is None:
        return None
    left, top, right, bottom = crop.xyxy
    inside = [
        line
        for line in layer
        if left <= (line.xyxy[0] + line.xyxy[2]) / 2 <= right and top <= (line.xyxy[1] + line.xyxy[3]) / 2 <= bottom
    ]
    ordered = [inside[index] for index in reading_order([line.xyxy for line in inside])]
    return ReadPicture(tuple(Line(text=line.text, xyxy=line.xyxy) for line in ordered))


def lines_in(crop: Crop) -> tuple[Line, ...]:
    """The lines of `read_picture` alone.

    Raises:
        MissingInput: the region has no pixel.
        MissingDependency: rapidocr or onnxruntime is not installed.
    """
    return read_picture(crop).lines


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
    return each_once(video, _read_frames(video))


def each_once(video: Media, read: Iterable[tuple[float, Sequence[Line]]]) -> Text:
    """Each line of several frames once, with the time at which it is first seen.

    Args:
        video: The clip.
        read: Seconds of each frame, and the lines in it.
    """
    lines: dict[str, Line] = {}
    for seconds, found in read:
        for line in found:
            key = "".join(char for char in line.text.casefold() if char.isalnum())
            lines.setdefault(key, line.model_copy(update={"start": seconds}))
    kept = tuple(lines.values())
    return Text(text="\n".join(line.text for line in kept), media=video.hash, lines=kept)


def _read_frames(video: Media) -> Iterator[tuple[float, Sequence[Line]]]:
    import numpy as np

    every = max(EVERY_SECONDS, (video.info.seconds or 0) / MOST_FRAMES)
    before: NDArray[np.int16] | None = None
    for seconds, picture in video.frames(every, MOST_FRAMES):
        small = np.asarray(picture.convert("L").resize((64, 64)), np.int16)
        if before is not None and float(np.abs(small - before).mean()) < SAME_FRAME:
            continue
        before = small
        yield seconds, lines_in(Crop.whole(video).model_copy(update={"seconds": seconds}))


SAME_FRAME = 1.0
"""Mean difference of grey levels, of 255, below which a frame of 64 by 64 pixels shows nothing new."""
