"""Reading text: rendered pages, a real bus, and the order in which lines are read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from visagent.core.errors import MissingInput
from visagent.evidence.values import XYXY, Crop, Text
from visagent.media.media import Media
from visagent_tools.crop import zoom
from visagent_tools.engines import ocr
from visagent_tools.engines.ocr import reading_order
from visagent_tools.read_text import read_text


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
    found = read_text(list(crops))
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

        def read(self, pixels: np.ndarray) -> list[ocr.Reading]:
            self.runs += 1
            return [ocr.Reading("hello", 0.9, (0, 0, 10, 10))]

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


def test_nothing_to_look_at_is_missing_input() -> None:
    with pytest.raises(MissingInput):
        read_text([])


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
