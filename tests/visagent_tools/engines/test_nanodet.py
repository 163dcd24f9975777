"""The packaged NanoDet on real photographs, and its post-processing on made-up boxes."""

from __future__ import annotations

import threading
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visagent.core.errors import ModelError
from visagent_tools.engines.nanodet import COCO_LABELS, Detections, NanoDet, non_maximum_suppression

pytest.importorskip("onnxruntime", reason="the detector needs onnxruntime: pip install 'visagent[embedded]'")

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples" / "images"
WEIGHTS = Path(str(files("visagent_tools"))) / "weights" / "nanodet-g-416.onnx"


def photo(name: str) -> NDArray[np.uint8]:
    """One sample photograph as uint8 (height, width, 3)."""
    return np.asarray(Image.open(SAMPLES / name).convert("RGB"))


@pytest.fixture(scope="module")
def detector() -> NanoDet:
    return NanoDet(WEIGHTS, threads=2)


def best(found: Detections, label: str) -> NDArray[np.float32]:
    """The most certain box of that label."""
    boxes = found.boxes[found.class_ids == COCO_LABELS.index(label)]
    assert len(boxes), f"no {label} among {[COCO_LABELS[i] for i in found.class_ids]}"
    return np.asarray(boxes[0])


def overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes."""
    corner = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = float(corner.clip(min=0).prod())
    return shared / float((first[2:] - first[:2]).prod() + (second[2:] - second[:2]).prod() - shared)


@pytest.mark.parametrize(
    ("name", "label", "where"),
    [
        # The boxes were drawn by eye.
        ("astronaut.png", "person", (18, 8, 360, 512)),
        ("camera.png", "person", (0, 65, 320, 512)),
        ("chelsea.png", "cat", (0, 0, 400, 300)),
        ("coffee.png", "cup", (170, 18, 415, 250)),
        ("coffee.png", "dining table", (0, 0, 600, 400)),
    ],
)
def test_a_photograph_shows_what_it_shows_and_where(
    detector: NanoDet, name: str, label: str, where: tuple[float, float, float, float]
) -> None:
    found = detector.detect(photo(name))
    assert overlap(best(found, label), np.array(where, np.float32)) > 0.75


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png"])
def test_a_portrait_holds_one_object_and_no_imagined_ones(detector: NanoDet, name: str) -> None:
    assert len(detector.detect(photo(name)).scores) == 1


@pytest.mark.parametrize("name", ["rocket.jpg", "china.jpg", "text.png"])
def test_a_photograph_of_nothing_in_coco_gives_empty_arrays(detector: NanoDet, name: str) -> None:
    found = detector.detect(photo(name))
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == found.class_ids.shape == (0,)


@pytest.mark.parametrize("tiles", [1, 2])
def test_boxes_lie_in_the_image_and_come_most_certain_first(detector: NanoDet, tiles: int) -> None:
    image = photo("astronaut.png")
    found = detector.detect(image, threshold=0.05, tiles=tiles)
    height, width = image.shape[:2]
    assert len(found.boxes) > 10
    assert found.boxes.dtype == np.float32
    assert found.boxes.min() >= 0
    assert found.boxes[:, 2].max() <= width
    assert found.boxes[:, 3].max() <= height
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores.min() >= 0.05


def test_the_colour_order_is_rgb(detector: NanoDet) -> None:
    image = photo("coffee.png")
    as_given, swapped = (detector.detect(pixels, threshold=0.1).scores for pixels in (image, image[:, :, ::-1]))
    assert as_given[0] > swapped[0]


@pytest.mark.parametrize("name", ["chelsea.png", "astronaut.png"])  # as wide as the network's input, or wider
def test_a_mirrored_photograph_gives_mirrored_boxes(detector: NanoDet, name: str) -> None:
    image = photo(name)
    found, mirrored = detector.detect(image), detector.detect(image[:, ::-1])
    expected = found.boxes[:, [2, 1, 0, 3]]
    expected[:, [0, 2]] = image.shape[1] - expected[:, [0, 2]]
    np.testing.assert_allclose(mirrored.boxes, expected, atol=0.01)


def test_averaging_with_the_mirror_image_removes_a_chair_that_is_not_there(detector: NanoDet) -> None:
    image = photo("astronaut.png")
    chair = COCO_LABELS.index("chair")
    assert chair in detector.detect(image, threshold=0.3, mirror=False).class_ids
    assert chair not in detector.detect(image, threshold=0.3).class_ids


def test_tiles_find_an_object_that_is_too_small_for_one_pass(detector: NanoDet) -> None:
    cat = Image.fromarray(photo("chelsea.png")).resize((226, 150))
    scene = Image.new("RGB", (2400, 1600), (120, 150, 110))
    scene.paste(cat, (1900, 1200))
    pixels = np.asarray(scene)
    label = COCO_LABELS.index("cat")
    assert label not in detector.detect(pixels).class_ids
    found = detector.detect(pixels, tiles=4)
    assert overlap(best(found, "cat"), np.array([1900, 1200, 2126, 1350], np.float32)) > 0.6


def test_tiles_do_not_count_a_part_of_an_object_again(detector: NanoDet) -> None:
    image = photo("camera.png")
    person = COCO_LABELS.index("person")
    assert list(detector.detect(image, tiles=2).class_ids).count(person) == 1


def test_a_tiny_image_is_searched_without_complaint(detector: NanoDet) -> None:
    assert detector.detect(np.zeros((1, 1, 3), np.uint8), tiles=5).boxes.shape == (0, 4)
    assert detector.detect(np.zeros((1, 2000, 3), np.uint8)).boxes.shape == (0, 4)


def test_threads_share_one_detector(detector: NanoDet) -> None:
    image = photo("astronaut.png")
    alone = detector.detect(image)
    results: list[Detections] = []
    threads = [threading.Thread(target=lambda: results.append(detector.detect(image))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for found in results:
        np.testing.assert_allclose(found.boxes, alone.boxes, rtol=1e-4)


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((4, 4), np.uint8), {}, r"got uint8 \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), {}, r"got uint8 \(4, 4, 4\)"),
        (np.zeros((4, 4, 3), np.float32), {}, "got float32"),
        (np.zeros((0, 4, 3), np.uint8), {}, r"got uint8 \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.uint8), {"threshold": 1.5}, "threshold must be between 0 and 1"),
        (np.zeros((4, 4, 3), np.uint8), {"tiles": 0}, "tiles must be at least 1"),
    ],
)
def test_a_wrong_array_or_option_is_refused_by_name(
    detector: NanoDet, image: NDArray[np.uint8], options: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        detector.detect(image, **options)  # type: ignore[arg-type]


def test_a_file_that_is_no_network_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"weights\.onnx"):
        NanoDet(path)


def test_suppression_works_within_a_class_only() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9], [20, 20, 30, 30]], np.float32)
    scores = np.array([0.5, 0.9, 0.4, 0.6], np.float32)
    class_ids = np.array([1, 1, 2, 1])
    assert non_maximum_suppression(boxes, scores, class_ids, 0.6).tolist() == [1, 3, 2]
    assert non_maximum_suppression(boxes, scores, class_ids, 0.95).tolist() == [1, 3, 0, 2]


def test_suppression_of_nothing_keeps_nothing() -> None:
    empty = np.zeros(0, np.float32)
    assert non_maximum_suppression(empty.reshape(0, 4), empty, empty.astype(np.int64), 0.5).tolist() == []


def test_the_label_list_is_cocos_in_cocos_order() -> None:
    assert len(set(COCO_LABELS)) == 80
    assert [COCO_LABELS[i] for i in (0, 5, 15, 41, 79)] == ["person", "bus", "cat", "cup", "toothbrush"]
