"""Naming what photographs show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from visagent.core.errors import MissingInput
from visagent.evidence.values import Crop, Labels
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.classify import classify


def names(*crops: Crop) -> list[str]:
    pytest.importorskip("onnxruntime", reason="the classifier needs onnxruntime: pip install 'visagent[embedded]'")
    found = classify(list(crops), Context())
    assert isinstance(found, Labels)
    return [label.name for label in found.labels]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("chelsea.png", {"tabby", "tiger cat", "Egyptian cat"}), ("coffee.png", {"espresso"}), ("camera.png", {"tripod"})],
)
def test_the_main_thing_in_the_picture_comes_first(name: str, shown: set[str], photo: Callable[[str], Media]) -> None:
    found = names(Crop.whole(photo(name)))
    assert len(found) == 5 and found[0] in shown


def test_confidences_are_probabilities_best_first(photo: Callable[[str], Media]) -> None:
    pytest.importorskip("onnxruntime", reason="the classifier needs onnxruntime: pip install 'visagent[embedded]'")
    found = [label.confidence for label in classify([Crop.whole(photo("chelsea.png"))], Context()).labels]
    assert found == sorted(found, reverse=True) and sum(found) <= 1


def test_several_objects_get_one_name_each_in_their_order(photo: Callable[[str], Media]) -> None:
    coffee, camera = (Crop.whole(photo(name)) for name in ("coffee.png", "camera.png"))
    assert names(coffee, camera, coffee) == ["espresso", "tripod", "espresso"]


def test_nothing_to_look_at_is_missing_input() -> None:
    with pytest.raises(MissingInput):
        classify([], Context())


def test_an_object_is_of_its_own_kind_whatever_stands_around_it(photo: Callable[[str], Media]) -> None:
    whole = Crop.whole(photo("coffee.png"))
    assert names(whole)[0] == "espresso"
    assert not {"espresso", "tripod"} & set(names(whole.model_copy(update={"label": "dog"})))
    assert "cup" in names(whole.model_copy(update={"label": "cup"}))


def test_what_is_of_a_kind_is_named_by_that_kind_alone(photo: Callable[[str], Media]) -> None:
    pytest.importorskip("onnxruntime", reason="the classifier needs onnxruntime: pip install 'visagent[embedded]'")
    whole = [Crop.whole(photo("camera.png"))]
    free, vehicle, unknown = (classify(whole, Context(), kind=kind).labels for kind in (None, "vehicle", "honesty"))
    # The probabilities stay those among all classes, so that a picture of no vehicle is no certain one.
    assert free[0].name == "tripod" and vehicle[0].name != "tripod" and vehicle[0].confidence < 0.2
    assert unknown == free
    cat = classify([Crop.whole(photo("chelsea.png"))], Context(), kind="evening 动物").labels[0]
    assert cat.name in ("tabby", "tiger cat", "Egyptian cat") and cat.confidence > 0.2


@pytest.mark.parametrize("word", ["cake", "desserts", "soup"])
def test_food_of_an_unknown_kind_is_food(word: str, photo: Callable[[str], Media]) -> None:
    pytest.importorskip("onnxruntime", reason="the classifier needs onnxruntime: pip install 'visagent[embedded]'")
    whole = Crop.whole(photo("camera.png"))
    asked = classify([whole], Context(), kind=word).labels[0]
    detected = classify([whole.model_copy(update={"label": word})], Context()).labels[0]
    assert asked == detected == classify([whole], Context(), kind="food").labels[0]
    assert asked.name != "tripod" and asked.confidence < 0.2
