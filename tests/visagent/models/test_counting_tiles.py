"""Many or tiny things are looked for part by part, and each is found once."""

import random

import pytest

from visagent.evidence.values import XYXY, Box, Crop
from visagent.models.counting_tiles import MOST_PARTS, SEEN_SIDE, deserves_parts, each_once, parts

LARGE = Crop(media="m", xyxy=(0, 0, 4000, 3000))
SMALL = Crop(media="m", xyxy=(0, 0, 1200, 900))


def things(count: int, side: float, crop: Crop, seed: int = 1) -> list[Box]:
    """So many squares, none nearer to another than its own side."""
    draw = random.Random(seed)
    left, top, right, bottom = crop.xyxy
    found: list[Box] = []
    while len(found) < count:
        x, y = draw.uniform(left, right - side), draw.uniform(top, bottom - side)
        if all(max(abs(x - one.xyxy[0]), abs(y - one.xyxy[1])) > 1.5 * side for one in found):
            found.append(Box(xyxy=(x, y, x + side, y + side), label="thing", confidence=0.8))
    return found


def seen(part: Crop, boxes: list[Box]) -> list[Box]:
    """What a model draws of them that is shown a part: those that are cut are cut there."""
    shown = []
    for box in boxes:
        x1, y1 = max(box.xyxy[0], part.xyxy[0]), max(box.xyxy[1], part.xyxy[1])
        x2, y2 = min(box.xyxy[2], part.xyxy[2]), min(box.xyxy[3], part.xyxy[3])
        if x2 - x1 > 1 and y2 - y1 > 1:
            shown.append(box.model_copy(update={"xyxy": (x1, y1, x2, y2)}))
    return shown


@pytest.mark.parametrize(
    ("count", "side", "crop", "wanted"),
    [
        (12, 60, LARGE, True),
        (7, 90, LARGE, False),
        (7, 40, LARGE, True),
        (12, 500, LARGE, False),
        (12, 60, SMALL, False),
        (12, 20, SMALL, True),
        (0, 0, LARGE, True),
        (0, 0, SMALL, False),
    ],
    ids=["many, shrunk", "few", "tiny when shrunk", "large", "seen as they are", "tiny", "none, shrunk", "none"],
)
def test_parts_are_for_many_or_tiny_things(count: int, side: float, crop: Crop, wanted: bool) -> None:
    spread = [Box(xyxy=(at, 9, at + side, 9 + side), label="thing", confidence=0.8) for at in map(float, range(count))]
    assert deserves_parts(spread, crop) is wanted


@pytest.mark.parametrize("size", [(4000, 3000), (1200, 900), (9000, 900), (900, 5000), (50, 40)])
def test_parts_cover_the_picture_are_few_and_overlap_by_more_than_a_thing(size: tuple[int, int]) -> None:
    crop = Crop(media="m", xyxy=(0, 0, *size))
    boxes = [Box(xyxy=(0, 0, 4, 4), label="thing", confidence=0.8)]
    found = parts(boxes, crop)
    assert 4 <= len(found) <= MOST_PARTS
    assert found[0].xyxy[:2] == (0, 0) and found[-1].xyxy[2:] == pytest.approx(size)
    assert found[0].xyxy[2] - found[1].xyxy[0] >= 4
    assert all(max(one.xyxy[2] - one.xyxy[0], one.xyxy[3] - one.xyxy[1]) * one.scale < SEEN_SIDE * 3 for one in found)


@pytest.mark.parametrize("seed", range(20))
def test_each_thing_is_found_once_though_parts_overlap_and_cut(seed: int) -> None:
    boxes = things(60, 45, LARGE, seed)
    shown = [(part, seen(part, boxes)) for part in parts(boxes, LARGE)]
    assert sum(len(found) for _, found in shown) > 60
    assert {box.xyxy for box in each_once(shown, [], LARGE)} == {box.xyxy for box in boxes}


def test_what_is_larger_than_parts_show_is_taken_from_the_look_at_the_whole() -> None:
    tower: XYXY = (1500, 200, 2600, 2800)
    large = Box(xyxy=tower, label="thing", confidence=0.8)
    boxes = [*things(20, 45, Crop(media="m", xyxy=(0, 0, 1400, 3000))), large]
    shown = [(part, seen(part, boxes)) for part in parts(boxes, LARGE)]
    assert sum(box.xyxy == tower for box in each_once(shown, [large], LARGE)) == 1
    assert len(each_once(shown, [large], LARGE)) == 21
