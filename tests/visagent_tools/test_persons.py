"""Words for people, and which of them look so by their faces; on photographs that packages ship."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue

from visagent.evidence.values import Box, Boxes, Crop, Note
from visagent.media.media import Media, load_media
from visagent.tools.toolkit import Context
from visagent_tools import persons
from visagent_tools.detect import detect
from visagent_tools.engines import people
from visagent_tools.engines.faceres import Look
from visagent_tools.engines.movenet import Pose
from visagent_tools.engines.people import Face, Person
from visagent_tools.persons import Kind, kind_of, looks_so

pytest.importorskip("onnxruntime", reason="the detector needs onnxruntime: pip install 'visagent[embedded]'")

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "images"


def find(media: Media, label: str, **options: JsonValue) -> Boxes:
    found = detect([Crop.whole(media)], label, Context(options=options))
    assert isinstance(found, Boxes)
    return found


@pytest.fixture(scope="module")
def zidane() -> Media:
    """Two men who face the camera, from ultralytics."""
    spec = importlib.util.find_spec("ultralytics")
    path = Path(spec.origin).parent / "assets" / "zidane.jpg" if spec and spec.origin else None
    if path is None or not path.is_file():
        pytest.skip("zidane.jpg is absent: it comes with ultralytics (pip install 'visagent[local]')")
    return load_media(path)[0]


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("women", Kind(False, None)),
        ("the guys", Kind(True, None)),
        ("an elderly lady", Kind(False, "old")),
        ("kids", Kind(None, "child")),
        ("boy", Kind(True, "child")),
        ("girl", Kind(False, "young")),
        ("little girls", Kind(False, "child")),
        ("she", Kind(False, None)),
        ("grandma", Kind(False, "old", more=True)),
        ("blonde woman", Kind(False, None, more=True)),
        ("女士", Kind(False, None)),
        ("老奶奶", Kind(False, "old")),
        ("小孩", Kind(None, "child")),
        ("people", None),
        ("old car", None),
        ("policeman", None),
    ],
)
def test_words_for_people_say_gender_and_age(label: str, kind: Kind | None) -> None:
    assert kind_of(label) == kind


@pytest.mark.parametrize(
    ("male", "years", "kind", "so"),
    [
        (0.9, 40, Kind(True, None), True),
        (0.9, 40, Kind(False, None), False),
        (0.5, 40, Kind(False, None), None),
        (0.1, 60, Kind(False, "old"), True),
        (0.1, 45, Kind(False, "old"), None),
        (0.9, 60, Kind(False, "old"), False),
        (0.5, 60, Kind(None, "old"), None),
        (0.9, 45, Kind(None, "child"), False),
        (0.5, 45, Kind(None, "child"), None),
        (0.9, 40, Kind(True, None, more=True), None),
        (0.1, 40, Kind(True, None, more=True), False),
    ],
)
def test_a_face_that_does_not_appear_clearly_so_is_neither(
    male: float, years: float, kind: Kind, so: bool | None
) -> None:
    assert looks_so(Face((0, 0, 9, 9), 0.9, Look(male, years)), kind) is so


def test_who_shows_no_face_is_neither() -> None:
    assert looks_so(None, Kind(True, None)) is None


def test_two_men_who_face_the_camera_are_men_and_no_women(zidane: Media) -> None:
    men, women, people = find(zidane, "men"), find(zidane, "woman"), find(zidane, "person").boxes
    clear = {box.xyxy for box in men.boxes if not box.unclear}
    assert len(clear) == 2 and {box.xyxy for box in men.boxes} <= {box.xyxy for box in people}
    assert all(box.unclear for box in women.boxes) and not {box.xyxy for box in women.boxes} & clear


def test_a_setting_keeps_people_together(zidane: Media) -> None:
    women = find(zidane, "woman", looks=False)
    assert women.boxes == find(zidane, "person").boxes
    assert women.notes == (Note(kind="broader", words=("woman", "person")),)


def test_faces_are_found_and_each_once(zidane: Media) -> None:
    assert len(find(zidane, "faces").boxes) == 2
    camera = load_media(SAMPLES / "camera.png")[0]
    (face,) = find(camera, "人脸").boxes
    assert face.label == "face" and face.area < 0.05 * 512 * 512


def test_those_who_look_so_come_first_and_the_others_are_left_out(monkeypatch: pytest.MonkeyPatch, bus: Media) -> None:
    def people_in(crop: Crop, boxes: Sequence[Box]) -> list[Person]:
        looks = [None, Look(0.95, 40), Look(0.05, 40), Look(0.5, 40)]
        pose = Pose(np.zeros((17, 2), np.float32), np.zeros(17, np.float32))
        return [
            Person(box, pose, look and Face((0, 0, 9, 9), 0.9, look)) for box, look in zip(boxes, looks, strict=False)
        ]

    monkeypatch.setattr(people, "people_in", people_in)
    everybody = find(bus, "person").boxes
    assert len(everybody) == 4
    women = find(bus, "woman")
    assert [box.xyxy for box in women.boxes] == [everybody[at].xyxy for at in (2, 0, 3)]
    assert [box.unclear for box in women.boxes] == [False, True, True]
    assert women.notes == (Note(kind="by_looks", words=("woman", "person", "1")),)
    monkeypatch.setattr(persons, "LOOKED_AT", 1)
    assert find(bus, "woman").boxes == everybody


def test_where_no_face_tells_anything_all_people_are_given(monkeypatch: pytest.MonkeyPatch, bus: Media) -> None:
    monkeypatch.setattr(people, "people_in", lambda crop, boxes: [])
    found = find(bus, "woman")
    assert len(found.boxes) == 4 and found.notes == (Note(kind="broader", words=("woman", "person")),)
