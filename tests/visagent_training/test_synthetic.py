"""The grammar of training questions: sound plans, honest splits."""

from __future__ import annotations

import re
from itertools import islice
from random import Random

import pytest

from visagent.core.words import plural, singular, with_article
from visagent.planning.plan import UNANSWERABLE, Plan, compile_plan
from visagent.tools.toolkit import Toolkit, ToolSpec, as_tool
from visagent_training.expressions import Call, at, compact, parse, to_steps
from visagent_training.invented import invented_tools, parse_signature
from visagent_training.lexicon import SPLITS, Split, choose, grammar, intents, nouns
from visagent_training.plan_scores import media_named
from visagent_training.synthetic import examples, groups, named_again
from visagent_training.writer import Example, Writer

Specs = dict[str, ToolSpec]


@pytest.fixture(scope="module")
def specs() -> Specs:
    return {name: tool.spec for name, tool in Toolkit.installed().items()}


def compiles(example: Example, tools: list[ToolSpec]) -> None:
    known = {spec.name: as_tool(spec) for spec in tools}
    plan = Plan(steps=example.steps)
    compile_plan(example.question, plan, known, media_named(example.media), lambda call, _: str(call))


@pytest.mark.parametrize("split", SPLITS)
def test_every_gold_plan_compiles_with_the_tools_that_its_prompt_shows(specs: Specs, split: Split) -> None:
    for group in islice(groups(specs, split, seed=3), 20):
        for example in group.examples:
            compiles(example, [*specs.values(), *group.tools])
            assert example.question.strip() == example.question
            assert not re.search(r"[{}|~]", example.question), example.question


def test_the_same_seed_writes_the_same_questions(specs: Specs) -> None:
    first = list(islice(examples(specs, "train", 5), 50))
    assert first == list(islice(examples(specs, "train", 5), 50))
    assert first != list(islice(examples(specs, "train", 6), 50))


def spelt_out(wording: str) -> set[str]:
    """A wording with each of its choices made, in every way."""
    if match := re.search(r"\(([^()]*\|[^()]*)\)", wording):
        before, after = wording[: match.start()], wording[match.end() :]
        return {one for choice in match[1].split("|") for one in spelt_out(before + choice + after)}
    return {" ".join(wording.replace("~", "").removeprefix("!").lower().split())}


def test_a_second_part_may_name_again_what_the_first_one_found(specs: Specs) -> None:
    found = parse("overlaps(detect('cup'), detect('table'))", {}, specs)
    assert named_again("what color is it", found, many=False) == "what color is the cup"
    assert named_again("where are they", found, many=True) == "where are the cups"


@pytest.mark.parametrize("held_out", ["validation", "test"])
def test_training_has_no_wording_that_is_held_out(held_out: Split) -> None:
    def wordings(split: Split) -> set[str]:
        entries = [*grammar("followups")["it"], *grammar("followups")["they"], grammar("unanswerable")["no_tool"]]
        entries += grammar("invented")["questions"].values()
        lines = [line for entry in entries for line in entry[split]]
        return {
            one for line in (*lines, *(line for intent in intents() for line in intent.wordings[split]))
            for one in spelt_out(line)
        }  # fmt: skip

    assert wordings("train") & wordings(held_out) == set()


def test_the_splits_share_no_noun_no_word_and_no_invented_tool() -> None:
    def things(split: Split) -> set[str]:
        tools = invented_tools(split)
        of_tools = {noun for tool in tools for noun in tool.nouns} | {tool.tells for tool in tools if tool.is_finder}
        return {str(noun) for noun in {*nouns(split), *of_tools}}

    def names(split: Split) -> set[str]:
        return {tool.spec.name for tool in invented_tools(split)} | {
            tool.spec.purpose for tool in invented_tools(split)
        }

    for other in ("validation", "test"):
        assert not things("train") & things(other)
        assert not names("train") & names(other)
        assert not set(grammar("words")["words"]["train"]) & set(grammar("words")["words"][other])
    assert not things("validation") & things("test")


def test_no_held_out_question_nor_its_wording_or_noun_occurs_in_training(specs: Specs) -> None:
    trained = [example for group in islice(groups(specs, "train", seed=1), 100) for example in group.examples]
    questions = {example.question.lower() for example in trained}
    wordings = {wording for example in trained for wording in example.wordings}
    things = {noun for example in trained for noun in example.nouns}
    held_out = list(islice(examples(specs, "test", 7), 300))
    assert not {example.question.lower() for example in held_out} & questions
    assert not {wording for example in held_out for wording in example.wordings} & wordings
    assert not {noun for example in held_out for noun in example.nouns} & things


def test_a_question_whose_tool_is_not_installed_is_unanswerable(specs: Specs) -> None:
    found = [
        (group, example)
        for group in islice(groups(specs, "train", seed=2), 60)
        for example in group.examples
        if example.intent == "missing"
    ]
    assert found
    assert all(example.steps == [{"tool": UNANSWERABLE, "reason": "no_tool"}] for _, example in found)


def test_a_wording_is_filled_in_together_with_its_plan(specs: Specs) -> None:
    writer = Writer(specs, "train", Random(0), head_nouns=("person", "bus"))
    while True:
        writer.used.clear()
        text, roots, _ = writer.clause("how many {A.p} are {R} {B}", "count(R(A,B))")
        steps = to_steps(roots)
        if len(steps) == 4 and steps[2]["tool"] == "left_of" and steps[0]["label"] == "person":
            break
    assert text.startswith("how many people are ") and text.endswith(" bus") and "left" in text
    assert compact(steps) == (
        '{"steps":[{"tool":"detect","label":"person"},{"tool":"detect","label":"bus"},'
        '{"tool":"left_of","a":"$q1","b":"$q2"},{"tool":"count","items":"$q3"}]}'
    )


def test_a_call_that_two_places_need_is_one_step(specs: Specs) -> None:
    dog = Call.of(specs["detect"], label="dog")
    red = parse("compare(count(filter_color(A, 'red')), '=', count(A))", {"A": dog}, specs)
    assert [step["tool"] for step in to_steps([red])] == ["detect", "filter_color", "count", "count", "compare"]


def test_a_left_out_image_is_filled_in_and_a_given_one_is_not(specs: Specs) -> None:
    expression = parse("read_text(nearest(detect(label='a'), detect(label='b')))", {}, specs)
    steps = to_steps([at("image2", expression, specs)])
    assert [step.get("image") for step in steps] == ["image2", "image2", None, "$q3"]


@pytest.mark.parametrize("plan", ["1 + 2", "unknown(A)", "count(A, A, A)"])
def test_a_plan_outside_the_notation_is_refused(specs: Specs, plan: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse(plan, {"A": 1}, specs)


def test_a_signature_is_read_back_as_it_is_shown() -> None:
    for split in SPLITS:
        for line in grammar("invented")[split]:
            signature = line.split(" #")[0]
            assert parse_signature(signature).signature() == signature
    with pytest.raises(ValueError, match="no signature"):
        parse_signature("age of a person")


def test_there_are_many_invented_tools() -> None:
    assert len(invented_tools("train")) >= 150
    assert len(invented_tools("test")) >= 40


@pytest.mark.parametrize(
    "noun", ["person", "traffic light", "bus", "wine glass", "box", "berry", "knife", "horse", "goose"]
)
def test_plural_and_singular_undo_each_other(noun: str) -> None:
    assert singular(plural(noun)) == noun
    assert singular(noun) == noun


def test_choices_and_articles() -> None:
    assert {choose("(a|b) (really |)nice", Random(seed)) for seed in range(40)} == {
        "a really nice", "a nice", "b really nice", "b nice",
    }  # fmt: skip
    assert (with_article("orange cup"), with_article("uniform")) == ("an orange cup", "a uniform")
