"""Detection on real photographs with the packaged network, and how often that network runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import JsonValue

from visagent.core.errors import ConfigError, MissingDependency, MissingInput, UnknownLabel
from visagent.evidence.values import XYXY, Box, Boxes, Crop, Note
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.crop import crop, zoom
from visagent_tools.detect import detect
from visagent_tools.engines import detector as engine
from visagent_tools.engines.memo import Memo
from visagent_tools.geometry import left_of, locate, without
from visagent_tools.logic import count

pytest.importorskip("onnxruntime", reason="the detector needs onnxruntime: pip install 'visagent[embedded]'")


def find(image: Crop, label: str, **options: JsonValue) -> Boxes:
    found = detect([image], label, Context(options=options))
    assert isinstance(found, Boxes)
    return found


def overlap(a: XYXY, b: XYXY) -> float:
    both = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@pytest.fixture
def forget() -> Iterator[None]:
    """Nothing remembered from other tests, and nothing left behind for them."""
    engine.kept_detectors.clear()
    engine.kept_boxes.clear()
    yield
    engine.kept_detectors.clear()
    engine.kept_boxes.clear()


class Counting:
    """A detector that says how often it ran, and takes a while."""

    name = "the counting detector"

    def __init__(self, labels: tuple[str, ...] | None) -> None:
        self.labels = labels
        self.runs: list[tuple[str, ...] | None] = []
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str] | None) -> list[Box]:
        self.runs.append(None if labels is None else tuple(labels))
        self.started.set()
        assert self.go_on.wait(10)
        names = self.labels or labels or ()
        return [Box(xyxy=(0, 0, 4, 4), label=name, confidence=0.5 + 0.1 * i) for i, name in enumerate(names)]


@pytest.fixture
def counting(forget: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[str, ...] | None], Counting]:
    def install(labels: tuple[str, ...] | None) -> Counting:
        made = Counting(labels)
        monkeypatch.setattr(engine, "make_detector", lambda options: made)
        return made

    return install


@pytest.fixture
def grey() -> Media:
    return Media.load(Image.new("RGB", (20, 10), "grey"))


def test_the_bus_is_found_where_it_stands(bus: Media) -> None:
    found = find(Crop.whole(bus), "bus")
    assert found.media == bus.hash and found.seconds is None
    assert [box.label for box in found.boxes] == ["bus"]
    assert overlap(found.boxes[0].xyxy, (15, 230, 805, 740)) > 0.85


def test_the_people_in_the_street_are_found_the_surest_first(bus: Media) -> None:
    people = find(Crop.whole(bus), "people").boxes
    assert len(people) == 4 and {box.label for box in people} == {"person"}
    assert [box.confidence for box in people] == sorted((box.confidence for box in people), reverse=True)
    # One cut off by the left edge, the man in the beige coat, the one beside him, the one who walks off on the right.
    assert sorted(box.centre[0] // 100 for box in people) == [0, 1, 2, 7]


def test_tiles_find_people_who_are_small_in_the_picture(bus: Media) -> None:
    street = bus.image().resize((101, 135))
    wall = Image.new("RGB", (808, 1080), "grey")
    for x in range(0, 808, 101):
        for y in range(0, 1080, 135):
            wall.paste(street, (x, y))
    pictures = Media.load(wall)
    small = Crop.whole(pictures)
    assert len(find(small, "person", tiles=4).boxes) > 2 * len(find(small, "person").boxes)


def test_one_cat_and_no_car_is_an_answer_not_a_failure(photo: Callable[[str], Media]) -> None:
    cat = Crop.whole(photo("chelsea.png"))
    assert len(find(cat, "cat").boxes) == len(find(cat, "animals").boxes) == 1
    none = find(cat, "car")
    # The cat's picture is small: what a closer look would show is below the size that the note names.
    assert none.boxes == () and [(note.kind, note.words) for note in none.notes] == [("not_found", ("26",))]


REPORTS = Path(__file__).parents[1] / "data" / "reports"


@pytest.fixture(scope="module")
def scene() -> Media:
    return Media.load(REPORTS / "scene.png")


def test_where_the_whole_shows_none_its_parts_are_searched() -> None:
    media = Media.load(REPORTS / "cats30.png")
    assert 27 <= len(find(Crop.whole(media), "cat").boxes) <= 33


@pytest.mark.parametrize(
    ("label", "broader", "found"),
    [
        ("woman", "person", 1),
        ("女人", "person", 1),
        ("geese", "bird", 0),
        ("old man", "person", 1),
        ("big cat", "cat", 1),
    ],
)
def test_a_word_for_some_of_what_is_found_is_said_to_be_that(
    scene: Media, label: str, broader: str, found: int
) -> None:
    boxes = find(Crop.whole(scene), label)
    assert len(boxes.boxes) == found and boxes.notes[0] == Note(kind="broader", words=(label, broader))


def test_chinese_words_are_understood(scene: Media) -> None:
    assert [box.label for box in find(Crop.whole(scene), "动物").boxes] == ["cat"]
    assert [box.label for box in find(Crop.whole(scene), "一只小猫").boxes] == ["cat"]


def test_animals_other_than_cats_are_what_the_category_has_beside_them(scene: Media) -> None:
    animals, cats = find(Crop.whole(scene), "animal"), find(Crop.whole(scene), "cat")
    assert without(animals, cats).boxes == () and len(animals.boxes) == 1


def test_a_thing_that_only_the_classifier_knows_is_seen_but_neither_placed_nor_counted(
    photo: Callable[[str], Media],
) -> None:
    coffee = Crop.whole(photo("coffee.png"))
    seen = find(coffee, "espresso")
    assert [box.label for box in seen.boxes] == ["espresso"] and seen.notes[0].kind == "not_counted"
    for use in (lambda: count(seen), lambda: locate(seen), lambda: left_of(seen, find(coffee, "cup"))):
        with pytest.raises(MissingInput, match="recognised in the picture, but not where"):
            use()
    with pytest.raises(UnknownLabel):
        find(coffee, "castle")


def test_pictures_are_searched_together_and_their_boxes_know_where_they_stand(
    scene: Media, photo: Callable[[str], Media]
) -> None:
    cat = photo("chelsea.png")
    found = detect([Crop.whole(scene), Crop.whole(cat)], "cat", Context())
    assert [box.media for box in found.boxes] == [scene.hash, cat.hash] and found.pictures == (scene.hash, cat.hash)
    assert [crop.media for crop in found.crops()] == [scene.hash, cat.hash]
    assert [line.text[-12:] for line in locate(found).lines] == ["in picture 1", "in picture 2"]


def test_a_part_of_an_object_is_no_second_one_but_a_neighbour_is() -> None:
    whole, head = Box(xyxy=(0, 0, 40, 100), label="person"), Box(xyxy=(2, 0, 38, 45), label="person")
    neighbour, child = Box(xyxy=(30, 0, 70, 100), label="person"), Box(xyxy=(10, 75, 25, 100), label="person")
    assert engine.without_doubles([whole, head, neighbour, child]) == [whole, neighbour, child]
    assert engine.without_doubles([whole, head.model_copy(update={"label": "dog"})])[1].label == "dog"


def test_a_higher_threshold_keeps_the_surest_only(bus: Media) -> None:
    assert len(find(Crop.whole(bus), "person", threshold=0.6).boxes) == 1


def test_what_is_found_in_a_part_or_an_enlargement_lies_in_the_original(bus: Media) -> None:
    whole = max(find(Crop.whole(bus), "person").boxes, key=lambda box: box.xyxy[2])
    half = crop(Crop.whole(bus), "right")
    for part in (half, zoom(half, 2), crop(zoom(crop(Crop.whole(bus), "bottom"), 1.5), "right")):
        found = find(part, "person").boxes
        assert found, part
        assert overlap(max(found, key=lambda box: box.xyxy[2]).xyxy, whole.xyxy) > 0.6, part
        assert all(box.xyxy[0] >= part.xyxy[0] and box.xyxy[2] <= part.xyxy[2] for box in found)


def test_an_unknown_label_is_refused_before_the_network_runs(
    counting: Callable[[tuple[str, ...] | None], Counting], grey: Media
) -> None:
    network = counting(("cat",))
    with pytest.raises(UnknownLabel, match="the counting detector"):
        find(Crop.whole(grey), "dinosaur")
    assert network.runs == []


def test_a_second_label_costs_no_second_run(
    counting: Callable[[tuple[str, ...] | None], Counting], grey: Media
) -> None:
    network = counting(("cat", "dog"))
    whole = Crop.whole(grey)
    assert [box.label for box in find(whole, "cat").boxes] == ["cat"]
    assert [box.label for box in find(whole, "dog").boxes] == ["dog"]
    assert [box.label for box in find(whole, "animals").boxes] == ["dog", "cat"]
    assert network.runs == [None]
    find(zoom(whole), "cat")
    find(crop(whole, "left"), "cat")
    assert len(network.runs) == 3


def test_siblings_that_ask_at_the_same_time_share_one_run(
    counting: Callable[[tuple[str, ...] | None], Counting], grey: Media
) -> None:
    network = counting(("cat", "dog"))
    network.go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        cats = pool.submit(find, Crop.whole(grey), "cat")
        assert network.started.wait(10)
        dogs = pool.submit(find, Crop.whole(grey), "dog")
        network.go_on.set()
        assert [box.label for box in cats.result(10).boxes + dogs.result(10).boxes] == ["cat", "dog"]
    assert network.runs == [None]


def test_a_detector_is_loaded_once_by_threads_that_ask_at_the_same_time(
    forget: None, monkeypatch: pytest.MonkeyPatch, grey: Media
) -> None:
    made: list[Counting] = []
    all_here = threading.Barrier(4)

    def make(options: object) -> Counting:
        made.append(Counting(("cat",)))
        return made[-1]

    def ask() -> Boxes:
        all_here.wait(10)
        return find(Crop.whole(grey), "cat")

    monkeypatch.setattr(engine, "make_detector", make)
    with ThreadPoolExecutor(4) as pool:
        for asked in [pool.submit(ask) for _ in range(4)]:
            assert len(asked.result(10).boxes) == 1
    assert len(made) == 1 and len(made[0].runs) == 1


def test_an_open_vocabulary_is_asked_for_each_label_once(
    counting: Callable[[tuple[str, ...] | None], Counting], grey: Media
) -> None:
    network = counting(None)
    for label in ("zebra crossing", "red car", "Zebra crossing"):
        assert len(find(Crop.whole(grey), label).boxes) == 1
    assert network.runs == [("zebra crossing",), ("red car",)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"detector": "yolo"}, "detector = 'yolo' is no detector. Use one of: nanodet"),
        ({"threshold": 50}, "threshold = 50"),
        ({"threshold": True}, "threshold = True"),
        ({"tiles": 0.5}, "tiles = 0.5"),
        ({"tiles": 99}, "tiles = 99"),
        ({"device": 1}, "device = 1"),
        ({"detector": "ultralytics"}, "needs weights"),
        ({"detector": "transformers"}, "needs a model"),
    ],
)
def test_an_unusable_option_is_named(options: dict[str, JsonValue], says: str, grey: Media) -> None:
    with pytest.raises(ConfigError, match=says):
        find(Crop.whole(grey), "cat", **options)


@pytest.mark.parametrize(
    ("library", "options"),
    [
        ("ultralytics", {"detector": "ultralytics", "weights": "yolo11n.pt"}),
        ("transformers", {"detector": "grounding-dino"}),
        ("onnxruntime", {"detector": "nanodet"}),
    ],
)
def test_a_missing_library_is_named_with_the_line_that_installs_it(
    library: str, options: dict[str, JsonValue], forget: None, monkeypatch: pytest.MonkeyPatch, grey: Media
) -> None:
    if library == "transformers":
        monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependency, match=r'pip install (-e )?"(visagent|\.)\[(local|embedded)\]"') as caught:
        find(Crop.whole(grey), "cat", **options)
    assert library in caught.value.fact


def test_what_the_detector_takes_for_a_kin_kind_is_looked_at_by_the_classifier(
    photo: Callable[[str], Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The photograph and the classifier are real; the detector's error, as it makes it with kittens, is not.
    cat = photo("chelsea.png")
    whole = Crop.whole(cat)
    real = engine.boxes_in(whole, {})

    class Mistaken(engine.NanoDetDetector):
        def find(self, pixels: NDArray[np.uint8], labels: Sequence[str] | None) -> list[Box]:
            boxes = [box.model_copy(update={"label": "cow"}) for box in super().find(pixels, ["cat"])]
            return [box for box in boxes if labels is None or box.label in labels]

    assert [box.label for box in real] == ["cat"]
    monkeypatch.setattr(engine, "kept_boxes", Memo(limit=8))
    monkeypatch.setattr(engine, "kept_detectors", Memo(limit=2))
    monkeypatch.setattr(engine, "make_detector", lambda options: Mistaken())
    seen = find(whole, "cat")
    assert [box.label for box in seen.boxes] == ["cat"] and overlap(seen.boxes[0].xyxy, real[0].xyxy) > 0.99
    assert seen.notes == (Note(kind="doubted", words=("cat",)),)
    for label in ("dog", "bus"):
        assert find(whole, label).boxes == () and find(whole, label).notes[0].kind == "not_found"


def test_what_is_seen_faintly_is_not_said_to_be_missing(photo: Callable[[str], Media]) -> None:
    coffee = photo("coffee.png")
    spoon = find(Crop.whole(coffee), "spoon")
    assert spoon.boxes == ()
    assert [note.kind for note in spoon.notes] == ["faint", "not_found"]
    assert [note.kind for note in find(Crop.whole(coffee), "giraffe").notes] == ["not_found"]
