"""Linear models of bags of words."""

import math

import pytest

from visagent_research.tool_graphs.linear import LinearClassifier, LinearTagger

COLOURS = [{"question": ["red", "bus"]}, {"question": ["blue", "bus"]}, {"question": ["red", "car"]}]


def test_the_word_that_tells_classes_apart_decides() -> None:
    learned = LinearClassifier([*COLOURS, {"question": ["blue", "car"]}], ["r", "b", "r", "b"])
    found = learned.probabilities({"question": ["blue", "lorry"]})
    assert found["b"] > found["r"]
    assert sum(found.values()) == pytest.approx(1)


def test_what_has_only_ever_had_one_class_has_it_for_sure() -> None:
    assert LinearClassifier(COLOURS, ["any"] * 3).probabilities({"question": ["green"]}) == {"any": 1}


def test_labels_are_learned_each_by_itself_and_one_that_all_have_is_sure() -> None:
    learned = LinearTagger(COLOURS, [{"red", "bus", "any"}, {"bus", "any"}, {"red", "any"}])
    found = learned.probabilities({"question": ["red", "bus"]})
    assert min(found["red"], found["bus"]) > 0.5
    assert learned.probabilities({"question": ["blue", "car"]})["red"] < 0.5
    assert found["any"] == 1


def test_the_fit_is_the_maximum_of_the_penalised_likelihood() -> None:
    # One measure x = 1 or -1 and its label: by symmetry no bias, and the slope w of 2 log(1 + exp(-w)) + 0.1 w^2 is 0.
    tagger = LinearTagger([{"size": {"x": 1.0}}, {"size": {"x": -1.0}}], [{"big"}, set()])
    probability = tagger.probabilities({"size": {"x": 1.0}})["big"]
    weight = math.log(probability / (1 - probability))
    assert 2 * (1 - probability) == pytest.approx(0.2 * weight, abs=1e-3)


def test_a_group_of_many_words_weighs_as_much_as_a_short_one() -> None:
    long = [f"w{number}" for number in range(50)]
    bags = [{"short": ["a"], "long": long}, {"short": ["b"], "long": [word + "x" for word in long]}]
    tagger = LinearTagger(bags, [{"one"}, set()])
    short, longer = (tagger.probabilities(bag)["one"] for bag in ({"short": ["a"]}, {"long": long}))
    assert short == pytest.approx(longer, abs=1e-3)
