"""Texts taken apart into atomic claims: rules for English and Chinese, and a model held to the claims' schema."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visagent.core.errors import ModelError
from visagent.core.words import singular
from visagent.testing import ScriptedModel
from visagent.verification.claims import AtomicClaim
from visagent.verification.extract import ModelExtractor, RuleExtractor, claims_schema

PIECES = ["a", "the", "two", "no", "dog", "dogs", "is", "on", "left of", "red", "not", "and", ",", "."]
PIECES += ["狗", "有", "两", "只", "[q1]", "“", "”", '"', "\n"]


def short(claim: AtomicClaim) -> str:
    """A claim in one line: kind, noun, and what is said of it."""
    said = [claim.kind, claim.noun, claim.color, claim.relation, claim.other, claim.part, claim.quote]
    if claim.number is not None:
        said.append(f"{claim.comparison}{claim.number}")
    if claim.kind == "other":
        said.append(claim.words)
    return ("not " if claim.negated else "") + " ".join(part for part in said if part)


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("There is a cup.", ["existence cup"]),
        ("There are no dogs.", ["not existence dog"]),
        ("There isn't a cat in the picture.", ["not existence cat"]),
        ("This is a cat.", ["existence cat"]),
        ("Two dogs and three traffic lights.", ["count dog =2", "count traffic light =3"]),
        ("At least two people and exactly one bus.", ["count person >=2", "count bus =1"]),
        ("Several people wait.", ["count person >=2", "other Several people wait"]),
        ("A couple of cats.", ["count cat =2"]),
        ("The number of people is four.", ["count person =4"]),
        ("One of the people has a tie.", ["existence person", "existence tie"]),
        ("The cup is brown and white.", ["existence cup", "attribute cup brown", "attribute cup white"]),
        ("The cup is not red.", ["existence cup", "not attribute cup red"]),
        ("It is not red, but blue.", []),
        ("The bus is not red, but blue.", ["existence bus", "not attribute bus red", "attribute bus blue"]),
        ("A man without a hat.", ["existence man", "not existence hat"]),
        ("A dark blue bus.", ["existence bus", "attribute bus blue"]),
        ("Two red cups.", ["count cup red =2"]),
        ("An orange and an orange cat.", ["existence orange", "existence cat", "attribute cat orange"]),
        ("A cat sits here. It is gray.", ["existence cat", "other cat sits", "attribute cat gray"]),
        ("A cup on a table.", ["existence cup", "existence table", "relation cup overlaps table"]),
        (
            "A cup on a table and a spoon.",
            ["existence cup", "existence table", "relation cup overlaps table", "existence spoon"],
        ),
        ("Three people are left of the bus.", ["count person left_of bus =3", "existence bus"]),
        ("No cup is on the table.", ["not relation cup overlaps table", "existence table"]),
        ("The person is not wearing a tie.", ["existence person", "not relation person overlaps tie"]),
        ("A dog is on the right side of the picture.", ["existence dog", "relation dog right"]),
        ("On the left there is a dog.", ["existence dog", "relation dog left"]),
        ("A man next to a car.", ["existence man", "existence car", "other man next to car"]),
        ("A wooden chair.", ["existence chair", "other wooden chair"]),
        ("A cat in the background.", ["existence cat", "other cat in the background"]),
        ('The sign says "Stop. Now!".', ["existence sign", "text Stop. Now!"]),
        ("There is no text.", ["not text"]),
        ('The speaker says "hello there".', ["speech hello there"]),
        (
            "The cup is red and the table is brown.",
            ["existence cup", "attribute cup red", "existence table", "attribute table brown"],
        ),
        ("图片里有三只狗。", ["count dog =3"]),
        ("没有猫。", ["not existence cat"]),
        ("有一只黑色的猫。", ["existence cat", "attribute cat black"]),
        ("至少有两个人。", ["count person >=2"]),
        ("杯子不是绿色的。", ["existence cup", "not attribute cup green"]),
        ("有一只猫，是灰色的。", ["existence cat", "attribute cat gray"]),
        ("桌子上有一个杯子。", ["existence cup", "existence table", "relation cup overlaps table"]),
        ("公交车左边有三个人。", ["existence bus", "count person left_of bus =3"]),
        ("狗不在车里。", ["existence car", "not relation dog overlaps car"]),
        ("猫在图片的左边。", ["existence cat", "relation cat left"]),
        ("牌子上写着“出口”。", ["text 出口", "existence sign"]),
        ("他说“你好”。", ["speech 你好"]),
        ("猫在桌子旁边。", ["existence cat", "existence table", "other 猫在桌子旁边"]),
        ("天气很好。", ["other 天气很好"]),
        ("", []),
    ],
)  # fmt: skip
async def test_a_text_s_claims(text: str, claims: list[str]) -> None:
    language = "zh" if any("\u4e00" <= char <= "\u9fff" for char in text) else "en"
    assert [short(claim) for claim in await RuleExtractor().extract(text, language)] == claims


@pytest.mark.parametrize(
    ("text", "language", "places"),
    [
        ("There are three dogs [q1]. The cup is red.", "en", ["three", "red"]),
        ('It reads "Stop" [q2].', "en", ["Stop"]),
        ("有两只狗，杯子是红色的。", "zh", ["两", "红色"]),
    ],
)
async def test_a_claim_knows_which_characters_a_correction_replaces(
    text: str, language: str, places: list[str]
) -> None:
    claims = await RuleExtractor().extract(text, language)
    assert [text[claim.place[0] : claim.place[1]] for claim in claims if claim.place] == places


async def test_what_is_quoted_about_sound_was_spoken() -> None:
    (claim,) = await RuleExtractor().extract('It says "hello".', "en", heard=True)
    assert claim.kind == "speech"


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "the",
                "two",
                "no",
                "dog",
                "dogs",
                "is",
                "on",
                "left",
                "of",
                "red",
                "not",
                "and",
                ",",
                ".",
                "“",
                "”",
                '"',
                "狗",
                "有",
                "两",
                "只",
                "[q1]",
                "\n",
            ]
        )
    )
)
async def test_every_text_can_be_taken_apart(words: list[str]) -> None:
    text = " ".join(words)
    for language in ("en", "zh"):
        for claim in await RuleExtractor().extract(text, language):
            assert 0 <= claim.sentence[0] < claim.sentence[1] <= len(text)
            assert claim.place is None or claim.sentence[0] <= claim.place[0] <= claim.place[1] <= claim.sentence[1]


@pytest.mark.parametrize(
    ("many", "one"),
    [("people", "person"), ("buses", "bus"), ("glass", "glass"), ("wine glasses", "wine glass"), ("cat", "cat"),
     ("women", "woman"), ("sheep", "sheep"), ("cherries", "cherry"), ("benches", "bench"), ("horses", "horse")],
)  # fmt: skip
def test_singulars(many: str, one: str) -> None:
    assert singular(many) == one


async def test_a_model_s_claims_are_placed_in_the_text() -> None:
    text = "It is a scene. A duo of cats naps."
    told = {"kind": "count", "words": "duo of cats", "noun": "cat", "number": 2}
    (claim,) = await ModelExtractor(ScriptedModel(json.dumps({"claims": [told]}))).extract(text, "en")
    assert (claim.kind, claim.noun, claim.number) == ("count", "cat", 2)
    assert text[slice(*claim.sentence)] == "A duo of cats naps."


@pytest.mark.parametrize(
    "reply", [ModelError("The model is gone."), "no JSON", '{"claims": [{"kind": "order"}]}', '{"claims": 3}', "[]"]
)
async def test_rules_take_the_place_of_a_model_that_fails(reply: str | ModelError) -> None:
    claims = await ModelExtractor(ScriptedModel(reply)).extract("Two cats.", "en")
    assert [short(claim) for claim in claims] == ["count cat =2"]


async def test_a_model_is_held_to_a_schema_that_its_claims_satisfy() -> None:
    model = ScriptedModel('{"claims": []}')
    assert await ModelExtractor(model).extract("Two cats.", "zh") == []
    assert model.schemas == [claims_schema()]
    assert "place" not in json.dumps(model.schemas)
