"""What people do is named by what is with them, and by nothing else."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from visagent.answering.phrasing import Phrasebook
from visagent.core.errors import MissingInput, ToolError
from visagent.evidence.values import XYXY, Box, Crop
from visagent.media.media import Media, load_media
from visagent.tools.toolkit import Context
from visagent_tools import activities
from visagent_tools.detect import detect
from visagent_tools.engines.efficientnet import LABELS
from visagent_tools.engines.nanodet import COCO_LABELS

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "images"
PERSON: XYXY = (100, 50, 200, 350)
BY_DETECTOR = {**activities._TOUCHED, **activities._RIDDEN, **activities._AT_MOUTH}  # noqa: SLF001
BY_CLASSIFIER = activities._AROUND  # noqa: SLF001


@cache
def medium(name: str) -> Media:
    return load_media(SAMPLES / name)[0]


def photo(name: str) -> Crop:
    return Crop.whole(medium(name))


def doing(image: list[Crop]) -> list[str]:
    return [label.name for label in activities.doing(image, Context()).labels]


def test_a_man_at_a_tripod_takes_pictures() -> None:
    picture = photo("camera.png")
    people = detect([picture], "person", Context()).boxes
    crops = [Crop(media=picture.media, xyxy=box.xyxy, label=box.label) for box in people]
    assert doing(crops) == doing([picture]) == ["taking photos"]


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png"])
def test_where_nothing_shows_what_people_do_nothing_follows(name: str) -> None:
    with pytest.raises(ToolError, match="shows what they do"):
        doing([photo(name)])


def test_nobody_is_an_error() -> None:
    with pytest.raises(MissingInput):
        doing([])


@pytest.mark.parametrize(
    ("thing", "xyxy", "confidence", "expected"),
    [
        ("surfboard", (90, 330, 260, 370), 0.6, ["surfing"]),
        ("surfboard", (90, 330, 260, 370), 0.4, []),
        ("surfboard", (220, 330, 260, 370), 0.9, []),
        ("motorcycle", (80, 200, 240, 400), 0.7, ["riding a motorcycle"]),
        # Beside it, before it, and with it far away.
        ("motorcycle", (190, 200, 400, 400), 0.7, []),
        ("motorcycle", (80, 200, 240, 340), 0.7, []),
        ("motorcycle", (120, 20, 180, 60), 0.7, []),
        # No face is seen, so nothing is at a mouth.
        ("cup", (140, 60, 160, 80), 0.9, []),
    ],
)
def test_a_thing_is_used_where_it_is_as_when_one_uses_it(
    thing: str, xyxy: XYXY, confidence: float, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def boxes(crop: Crop, options: object, labels: Sequence[str]) -> list[Box]:
        return [Box(xyxy=xyxy, label=thing, confidence=confidence)] if thing in labels else []

    monkeypatch.setattr("visagent_tools.engines.detector.boxes_in", boxes)
    person = Crop(media=photo("coins.png").media, xyxy=PERSON, label="person")
    if expected:
        assert doing([person]) == expected
    else:
        with pytest.raises(ToolError):
            doing([person])


def test_every_thing_is_one_that_an_expert_knows_and_every_activity_has_a_chinese_name() -> None:
    assert BY_DETECTOR.keys() <= set(COCO_LABELS)
    assert BY_CLASSIFIER.keys() <= set(LABELS)
    assert {*BY_DETECTOR.values(), *BY_CLASSIFIER.values()} <= Phrasebook("zh")["names"].keys()
