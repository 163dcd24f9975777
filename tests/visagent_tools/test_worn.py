from pathlib import Path

import numpy as np
import pytest

from visagent.core.errors import UnknownLabel
from visagent.evidence.values import Box, Boxes, Crop, Mask
from visagent.media.media import load_media
from visagent.tools.toolkit import Context
from visagent_tools import worn
from visagent_tools.detect import detect
from visagent_tools.dominant_colors import color_shares, dominant_colors, filter_color
from visagent_tools.geometry import inside, nearest, overlaps

ASTRONAUT = Path(__file__).parents[1] / "data" / "samples" / "images" / "astronaut.png"
LEFT, RIGHT = (0.0, 0.0, 40.0, 90.0), (30.0, 0.0, 90.0, 90.0)
PEOPLE = Boxes(media="m", boxes=(Box(xyxy=LEFT, label="person"), Box(xyxy=RIGHT, label="person")))
SHIRTS = Boxes(
    media="m",
    boxes=(
        Box(xyxy=(5, 20, 35, 60), label="shirt", whole=LEFT),
        Box(xyxy=(38, 20, 80, 60), label="shirt", whole=RIGHT),
    ),
)


@pytest.mark.parametrize(
    ("label", "part"),
    [
        ("shirt", "torso"), ("tank top", "torso"), ("leather jackets", "torso"), ("T-shirt", "torso"),
        ("wedding dress", "body"), ("skirt", "lap"), ("jeans", "legs"), ("hand", "hands"), ("衣服", "torso"),
        ("裙子", "lap"), ("T恤", "torso"), ("白色的袍", None), ("table top", None), ("red shirt", None), ("tie", None),
        ("hat", None), ("glasses", None), ("person", None), ("shoe", None), ("", None),
    ],
)  # fmt: skip
def test_words_have_a_place_on_the_body(label: str, part: str | None) -> None:
    assert worn.part_of_body(label) == part


@pytest.mark.parametrize(("label", "person"), [("person", True), ("madam", True), ("cat", False), ("", False)])
def test_people_are_known_by_their_labels(label: str, person: bool) -> None:
    assert worn.is_person(label) is person


def test_a_shirt_belongs_to_its_wearer_alone() -> None:
    right = PEOPLE.replace(PEOPLE.boxes[1:])
    for relation in (overlaps, inside, nearest):
        assert relation(a=SHIRTS, b=right).boxes == SHIRTS.boxes[1:]
    assert overlaps(a=PEOPLE, b=SHIRTS.replace(SHIRTS.boxes[:1])).boxes == PEOPLE.boxes[:1]


def test_a_wearer_whose_shirt_is_not_seen_has_no_neighbours() -> None:
    assert not overlaps(a=SHIRTS.replace(SHIRTS.boxes[:1]), b=PEOPLE.replace(PEOPLE.boxes[1:])).boxes


def test_a_thing_that_touches_a_shirt_is_told_by_place() -> None:
    bag = Boxes(media="m", boxes=(Box(xyxy=(36, 50, 50, 70), label="handbag"),))
    assert overlaps(a=bag, b=SHIRTS).boxes == bag.boxes


def test_an_outline_alone_gives_the_color(tmp_path: Path) -> None:
    from PIL import Image

    picture = np.full((60, 60, 3), (20, 60, 200), np.uint8)
    picture[20:40, 25:35] = (220, 20, 20)
    Image.fromarray(picture).save(tmp_path / "dot.png")
    (media,) = load_media(tmp_path / "dot.png")
    own = np.zeros((60, 60), bool)
    own[20:40, 25:35] = True
    box = Box(xyxy=(0, 0, 60, 60), label="shirt", mask=Mask.from_array(own))
    boxes = Boxes(media=media.hash, boxes=(box,))
    assert [label.name for label in dominant_colors(image=boxes.crops()).labels] == ["red"]
    assert filter_color(boxes=boxes, color="red").boxes and not filter_color(boxes=boxes, color="blue").boxes


def test_a_person_is_of_the_color_of_what_is_worn() -> None:
    (media,) = load_media(ASTRONAUT)
    whole = Crop(media=media.hash, xyxy=(12, 12, 346, 490))
    worn_shares = color_shares(whole.model_copy(update={"label": "person"}))
    by_box = color_shares(whole.model_copy(update={"label": "thing"}))
    suit = ("orange", "red")
    assert sum(worn_shares[color] for color in suit) > 0.4 > sum(by_box[color] for color in suit)


def test_a_suit_is_looked_for_on_the_body_and_noted_as_assumed() -> None:
    (media,) = load_media(ASTRONAUT)
    found = detect(image=[Crop.whole(media)], label="suit", context=Context())
    assert len(found.boxes) == 1 and found.boxes[0].whole is not None and found.boxes[0].mask is not None
    assert found.notes[0].kind == "assumed" and found.notes[0].words[:2] == ("suit", "0")


def test_where_nobody_is_there_is_no_shirt(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (200, 200), "white").save(tmp_path / "blank.png")
    (media,) = load_media(tmp_path / "blank.png")
    with pytest.raises(UnknownLabel):
        detect(image=[Crop.whole(media)], label="sweater", context=Context())


def test_a_pose_that_two_people_share_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    from visagent_tools.engines import body_parts, people

    (media,) = load_media(ASTRONAUT)
    one = Mask.from_array(np.ones(media.size[::-1], bool))
    monkeypatch.setattr(people, "people_in", lambda crop, boxes: list(boxes))
    monkeypatch.setattr(body_parts, "outlines", lambda person, part, size: [one])
    assert worn.parts_of(Crop.whole(media), PEOPLE.boxes, "torso") == [[], []]
    assert worn.parts_of(Crop.whole(media), PEOPLE.boxes[:1], "torso") == [[one]]
