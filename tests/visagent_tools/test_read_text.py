"""Reading text: rendered pages, a real bus, and the order in which lines are read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from visagent import load_media
from visagent.core.errors import MissingInput
from visagent.evidence.values import XYXY, Crop, Text
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.crop import zoom
from visagent_tools.engines import ocr
from visagent_tools.engines.page import Reading, read_page
from visagent_tools.engines.reading_order import reading_order
from visagent_tools.read_text import read_text
from visagent_tools.text import contains, extract


@pytest.fixture
def engine() -> None:
    pytest.importorskip("rapidocr", reason="reading needs rapidocr: pip install 'visagent[embedded]'")


def page(*lines: tuple[int, int, str], size: tuple[int, int] = (480, 200), height: int = 20) -> Media:
    """Black text on white: left, top, words."""
    picture = Image.new("RGB", size, "white")
    for x, y, words in lines:
        ImageDraw.Draw(picture).text((x, y), words, fill="black", font=ImageFont.load_default(height))
    return Media.load(picture)


def read(*crops: Crop) -> Text:
    found = read_text(list(crops), Context())
    assert isinstance(found, Text)
    return found


@pytest.mark.usefixtures("engine")
def test_a_rendered_receipt_is_read_exactly_in_reading_order() -> None:
    receipt = page((20, 20, "Coffee"), (300, 22, "3.50"), (20, 60, "Cake"), (300, 62, "4.25"), (20, 120, "Total 7.75"))
    found = read(Crop.whole(receipt))
    assert found.text == "Coffee\n3.50\nCake\n4.25\nTotal 7.75"
    assert found.media == receipt.hash and (found.confidence or 0) > 0.8


@pytest.mark.usefixtures("engine")
def test_a_line_knows_where_it_stands_in_the_original() -> None:
    sign = page((260, 130, "EXIT"))
    for crop in (Crop.whole(sign), zoom(Crop(media=sign.hash, xyxy=(200, 100, 400, 180)), 3)):
        (line,) = read(crop).lines
        assert line.text == "EXIT" and line.xyxy == pytest.approx((260, 134, 308, 150), abs=8)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("height", [7, 10, 16])
def test_one_small_line_in_a_strip_is_enlarged_and_read(height: int) -> None:
    words = "Total amount 1,249.50 EUR"
    width = int(ImageFont.load_default(height).getlength(words)) + 12
    strip = page((6, 4, words), size=(width, height * 2 + 4), height=height)
    assert read(Crop.whole(strip)).text.replace(" ", "") == words.replace(" ", "")


@pytest.mark.usefixtures("engine")
def test_the_bus_says_cero_emisiones(bus: Media) -> None:
    side = read(Crop(media=bus.hash, xyxy=(30, 217, 796, 735)))
    assert "cero\nemisiones" in side.text
    line = next(line for line in side.lines if line.text == "emisiones")
    assert line.xyxy is not None and line.xyxy == pytest.approx((549, 565, 685, 623), abs=12)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", ["chelsea.png", "astronaut.png", "rocket.jpg", "coins.png", "china.jpg"])
def test_a_picture_without_text_gives_empty_text(name: str, photo: Callable[[str], Media]) -> None:
    # The cat's eye looks like a 0, the coins like an O, the pagoda like a Chinese character.
    assert read(Crop.whole(photo(name))).text == ""


@pytest.mark.usefixtures("engine")
def test_words_that_two_objects_share_are_given_once(bus: Media) -> None:
    whole = Crop(media=bus.hash, xyxy=(500, 530, 720, 640))
    assert read(whole, whole) == read(whole)


@pytest.mark.usefixtures("engine")
def test_a_region_is_read_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting:
        runs = 0

        def read(self, pixels: np.ndarray) -> tuple[list[ocr.Reading], list[ocr.Reading]]:
            self.runs += 1
            return [ocr.Reading("hello", 0.9, (0, 0, 10, 10))], []

    counting = Counting()
    monkeypatch.setattr(ocr.kept_reader, "get", lambda key, make: counting)
    asked = page((0, 0, "asked by many"))
    whole = Crop.whole(asked)
    with ThreadPoolExecutor(4) as pool:
        assert {found.text for found in pool.map(read, [whole] * 8)} == {"hello"}
    assert counting.runs == 1


@pytest.mark.usefixtures("engine")
def test_the_library_keeps_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    empty = page(size=(90, 70))
    read(Crop.whole(empty))
    assert logging.getLogger("RapidOCR").level >= logging.ERROR
    assert capfd.readouterr() == ("", "")


REPORTS = Path(__file__).parents[1] / "data" / "reports"


def report(name: str) -> Text:
    media = Media.load(REPORTS / name)
    return read(Crop.whole(media))


@pytest.mark.usefixtures("engine")
def test_a_turned_line_is_read_in_its_own_direction() -> None:
    found = report("rot90.png")
    assert found.text == "EXIT GATE 27" and [note.kind for note in found.notes] == ["turned"]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_is_read_in_its_order_and_its_lines_keep_their_place(degrees: int) -> None:
    upright = page((20, 20, "Platform three"), (20, 60, "Departure at noon"), (20, 100, "Seats in coach five"))
    turned = Media.load(upright.image().rotate(-degrees, expand=True))
    found = read(Crop.whole(turned))
    assert found.text == "Platform three\nDeparture at noon\nSeats in coach five"
    assert found.notes[0].words == (str(degrees),)
    x1, y1, x2, y2 = found.lines[0].xyxy or (0, 0, 0, 0)
    width, height = turned.size
    assert (x1 > width / 2, y1 > height / 2, y2 - y1 > x2 - x1) == {
        90: (True, False, True),
        180: (True, True, False),
        270: (False, True, True),
    }[degrees]


@pytest.mark.usefixtures("engine")
def test_white_letters_on_nothing_are_read() -> None:
    assert report("white_on_transparent.png").text == "WHITE LOGO 4711"


@pytest.mark.usefixtures("engine")
def test_grey_letters_on_nearly_the_same_grey_are_read() -> None:
    picture = Image.new("RGB", (480, 120), (128, 128, 128))
    font = ImageFont.load_default(28)
    ImageDraw.Draw(picture).text((30, 40), "Locker 52 left", fill=(134, 134, 134), font=font)
    faint = Media.load(picture)
    assert read(Crop.whole(faint)).text == "Locker 52 left"


@pytest.mark.usefixtures("engine")
def test_the_last_line_of_a_very_long_picture_is_read() -> None:
    tall = page((20, 30, "Begin 11"), (20, 2000, "Middle 22"), (20, 4750, "End 33"), size=(300, 4800))
    found = read(Crop.whole(tall))
    assert found.text == "Begin 11\nMiddle 22\nEnd 33"
    assert found.lines[-1].xyxy is not None and found.lines[-1].xyxy[1] == pytest.approx(4755, abs=12)


@pytest.mark.usefixtures("engine")
def test_a_line_on_the_edge_of_two_slices_is_given_once() -> None:
    lines = tuple((20, 20 + 60 * number, f"Line number {number}") for number in range(60))
    tall = page(*lines, size=(300, 3640))
    assert read(Crop.whole(tall)).text.splitlines() == [words for _, _, words in lines]


@pytest.mark.usefixtures("engine")
def test_a_script_that_the_reader_does_not_know_is_noticed() -> None:
    found = report("ru.png")
    assert found.text == "450" and [note.kind for note in found.notes] == ["unknown_script"]


@pytest.mark.usefixtures("engine")
def test_a_script_of_which_no_letter_is_known_is_noticed_and_round_things_are_none(
    photo: Callable[[str], Media],
) -> None:
    found = report("ar.png")
    assert found.text == "" and [note.kind for note in found.notes] == ["unknown_script"]
    assert read(Crop.whole(photo("coins.png"))).notes == ()


def test_letters_that_are_imagined_upside_down_do_not_turn_a_page() -> None:
    place = (0.0, 0.0, 300.0, 30.0)

    def misread(pixels: np.ndarray) -> tuple[list[Reading], list[Reading]]:
        # The black point shows which way up it is.
        upright = pixels[0, 0, 0] == 0
        return ([], [Reading("nn Iyv", 0.64, place)]) if upright else ([Reading("UCTAU UIGAIU", 0.75, place)], [])

    pixels = np.full((60, 300, 3), 255, np.uint8)
    pixels[0, 0] = 0
    assert read_page(pixels, misread).lines == []


def test_empty_slices_of_a_long_picture_are_not_read() -> None:
    pixels = np.full((9000, 300, 3), 255, np.uint8)
    pixels[8900:8910, 20:200] = 0
    seen = []

    def counting(part: np.ndarray) -> tuple[list[Reading], list[Reading]]:
        seen.append(part.shape[0])
        return [Reading("END", 0.99, (20.0, 100.0, 200.0, 110.0))], []

    assert [line.text for line in read_page(pixels, counting).lines] == ["END"] and len(seen) == 1


@pytest.mark.usefixtures("engine")
def test_all_pages_are_read_and_lines_know_their_page() -> None:
    document = load_media(REPORTS / "three.pdf")
    found = read(*map(Crop.whole, document))
    ghent = contains(found, "Ghent")
    assert ghent.value and [found.pictures.index(line.media or "") for line in ghent.lines] == [2]
    assert "1 May 2026" in [label.name for label in extract(found, "date").labels]


@pytest.mark.usefixtures("engine")
def test_text_of_a_video_is_given_once_with_the_time_it_appears(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="videos need PyAV: pip install 'visagent[embedded]'")
    with av.open(str(tmp_path / "signs.mp4"), "w") as target:
        stream = target.add_stream("mpeg4", rate=2)
        stream.width, stream.height, stream.pix_fmt = 320, 96, "yuv420p"
        for words in ["Gate 4"] * 6 + ["Now boarding"] * 6:
            view = page((20, 30, words), size=(320, 96), height=28).array()
            target.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        target.mux(stream.encode(None))
    (video,) = load_media(tmp_path / "signs.mp4")
    found = read_text(video, Context())
    assert [(line.text, line.start) for line in found.lines] == [("Gate 4", 0.0), ("Now boarding", 3.0)]


def test_nothing_to_look_at_is_missing_input() -> None:
    with pytest.raises(MissingInput):
        read_text([], Context())


def ordered(*boxes: tuple[str, XYXY]) -> str:
    return " ".join(boxes[index][0] for index in reading_order([xyxy for _, xyxy in boxes]))


def test_words_on_one_line_are_read_from_the_left_though_not_quite_level() -> None:
    assert ordered(("c", (200, 4, 250, 24)), ("a", (0, 3, 50, 23)), ("b", (90, 0, 140, 20))) == "a b c"


def test_two_columns_are_read_one_after_the_other() -> None:
    left = [(f"l{i}", (0.0, i * 22.0, 180.0, i * 22.0 + 20)) for i in range(3)]
    right = [(f"r{i}", (260.0, i * 22.0 + 8, 440.0, i * 22.0 + 28)) for i in range(3)]
    assert ordered(*right, *left) == "l0 l1 l2 r0 r1 r2"


def test_a_title_stands_before_the_columns_below_it() -> None:
    left = [(f"l{i}", (0.0, 60 + i * 22.0, 150.0, 80 + i * 22.0)) for i in range(2)]
    right = [(f"r{i}", (260.0, 60 + i * 22.0, 410.0, 80 + i * 22.0)) for i in range(2)]
    assert ordered(*right, *left, ("title", (60, 0, 380, 22))) == "title l0 l1 r0 r1"


def test_the_prices_of_a_list_stay_with_their_items() -> None:
    assert (
        ordered(("1", (300, 0, 330, 20)), ("tea", (0, 0, 60, 20)), ("2", (300, 60, 330, 80)), ("cake", (0, 60, 60, 80)))
        == "tea 1 cake 2"
    )


def test_nothing_and_one_line_are_in_order() -> None:
    assert reading_order([]) == [] and reading_order([(0, 0, 1, 1)]) == [0]
