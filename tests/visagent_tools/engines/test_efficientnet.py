"""The packaged EfficientNet-Lite0 on real photographs."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visagent.core.errors import ModelError
from visagent_tools.engines.efficientnet import BATCH, LABELS, EfficientNetLite

pytest.importorskip("onnxruntime", reason="the classifier needs onnxruntime: pip install 'visagent[embedded]'")

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples" / "images"
WEIGHTS = Path(str(files("visagent_tools"))) / "weights" / "efficientnet-lite0.onnx"


def photo(name: str) -> NDArray[np.uint8]:
    """One sample photograph as uint8 (height, width, 3)."""
    return np.asarray(Image.open(SAMPLES / name).convert("RGB"))


@pytest.fixture(scope="module")
def classifier() -> EfficientNetLite:
    return EfficientNetLite(WEIGHTS, threads=2)


@pytest.mark.parametrize(
    ("name", "labels", "at_least"),
    [
        ("coffee.png", {"espresso"}, 0.9),
        ("camera.png", {"tripod"}, 0.9),
        ("chelsea.png", {"tiger cat", "Egyptian cat", "tabby"}, 0.85),
        ("rocket.jpg", {"missile", "projectile"}, 0.4),
    ],
)
def test_the_most_probable_words_name_the_picture(
    classifier: EfficientNetLite, name: str, labels: set[str], at_least: float
) -> None:
    probabilities = classifier.classify([photo(name)])[0]
    assert LABELS[int(probabilities.argmax())] in labels
    assert sum(float(probabilities[LABELS.index(label)]) for label in labels) > at_least


def test_a_picture_of_nothing_in_imagenet_gets_no_high_probability(classifier: EfficientNetLite) -> None:
    assert classifier.classify([photo("coins.png")]).max() < 0.3


def test_a_batch_gives_what_its_pictures_give_alone(classifier: EfficientNetLite) -> None:
    images = [photo("coffee.png"), photo("chelsea.png"), photo("rocket.jpg")]
    together = classifier.classify(images)
    assert together.shape == (3, 1000)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together, np.concatenate([classifier.classify([i]) for i in images]), atol=1e-5)


def test_a_list_longer_than_one_batch_keeps_its_order(classifier: EfficientNetLite) -> None:
    coffee, cat = photo("coffee.png"), photo("chelsea.png")
    probabilities = classifier.classify([coffee] * BATCH + [cat])
    assert probabilities.shape == (BATCH + 1, 1000)
    assert LABELS[int(probabilities[BATCH - 1].argmax())] == "espresso"
    assert LABELS[int(probabilities[BATCH].argmax())] != "espresso"


def test_no_pictures_give_no_rows(classifier: EfficientNetLite) -> None:
    assert classifier.classify([]).shape == (0, 1000)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3)])
def test_a_sliver_of_an_image_is_classified_without_complaint(
    classifier: EfficientNetLite, shape: tuple[int, int, int]
) -> None:
    assert classifier.classify([np.full(shape, 200, np.uint8)]).shape == (1, 1000)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_an_array_that_is_no_rgb_image_is_refused_by_shape(
    classifier: EfficientNetLite, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"expected a uint8 array \(height, width, 3\)"):
        classifier.classify([np.zeros(shape, np.uint8)])


def test_a_file_that_is_no_network_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.onnx"):
        EfficientNetLite(tmp_path / "missing.onnx")


def test_the_label_list_is_imagenets_in_imagenets_order() -> None:
    assert len(set(LABELS)) == 1000
    assert [LABELS[i] for i in (0, 291, 293, 967, 999)] == ["tench", "lion", "cheetah", "espresso", "toilet tissue"]
