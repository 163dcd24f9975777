"""Grammars and contrastive decoding, without a model: random choices stand for the worst one."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Annotated, Any, Literal

import jsonschema
import numpy as np
import pytest
import tiny
import torch
from pydantic import BaseModel, Field, TypeAdapter

from visagent.core.errors import ModelError
from visagent.evidence.values import Boolean, Failure, Labels, Text, Transcript
from visagent.media.media import MediaInfo
from visagent.models.hf.decoding import Grammar, Grammars, contrast, noise_pixels
from visagent.planning.plan_schema import plan_schema
from visagent.tools.toolkit import Toolkit

SPARE_LOGITS = 37
"""More logits than tokens, as in real models whose vocabulary is padded."""


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny.tokenizer(None, {"eos_token": "<eos>", "pad_token": "<pad>"})


@pytest.fixture(scope="module")
def grammars(tokenizer: Any) -> Grammars:
    return Grammars(tokenizer, len(tokenizer) + SPARE_LOGITS, [tokenizer.eos_token_id])


def allowed(grammar: Grammar) -> list[int]:
    return np.flatnonzero(np.unpackbits(grammar.allowed().view(np.uint8), bitorder="little")).tolist()


def babble(grammar: Grammar, max_tokens: int, rng: np.random.Generator) -> tuple[list[int], int, bool]:
    """The reply of a model that takes any allowed token: tokens, choices made, whether it was ended for it."""
    accepted = grammar.start(max_tokens)
    tokens, choices = list(accepted.tokens), 0
    while not accepted.finished and len(tokens) < max_tokens:
        choices += 1
        accepted = grammar.accept(int(rng.choice(allowed(grammar))), max_tokens - len(tokens))
        tokens += accepted.tokens
    return tokens, choices, accepted.truncated


def every_tool() -> Toolkit:
    modules = ["detect", "read_text", "caption", "classify", "dominant_colors", "crop", "geometry", "logic", "text"]
    return Toolkit([f"visagent_tools.{module}" for module in [*modules, "video", "transcribe"]])


MEDIA = {
    "image1": MediaInfo(hash="0" * 64, kind="image", name="a.png", width=8, height=8),
    "video1": MediaInfo(hash="1" * 64, kind="video", name="b.mp4", width=8, height=8, seconds=3.0, has_audio=True),
}


@pytest.mark.parametrize("questions", [False, True], ids=["terse", "in words"])
def test_500_plans_of_random_choices_are_all_valid_and_all_end_within_their_budget(
    grammars: Grammars, tokenizer: Any, questions: bool
) -> None:
    tools = every_tool()
    schema = plan_schema({name: tools[name] for name in tools}, MEDIA, questions=questions)
    validator = jsonschema.Draft202012Validator(schema)
    rng = np.random.default_rng(0)
    ended_early = 0
    for _ in range(250):
        max_tokens = int(rng.choice([64, 100, 200, 768]))
        tokens, _, truncated = babble(grammars.compile(schema), max_tokens, rng)
        assert len(tokens) <= max_tokens
        validator.validate(json.loads(tokenizer.decode(tokens)))
        ended_early += truncated
    # Otherwise the budgets above would never have been put to the test.
    assert ended_early > 0


class Size(StrEnum):
    small = "small"
    large = "large"


class Leaf(BaseModel):
    kind: Literal["leaf"]
    size: Size


class Branch(BaseModel):
    kind: Literal["branch"]
    children: Annotated[list[Branch | Leaf], Field(max_length=2)]


class Verdict(BaseModel):
    verdict: Literal["supported", "contradicted", "unverifiable"]
    why: Annotated[str, Field(min_length=3, max_length=40)]
    share: Annotated[float, Field(ge=0, le=1)]
    count: Annotated[int, Field(ge=1, le=5)]
    sure: bool | None = None
    cites: Annotated[list[Annotated[str, Field(pattern=r"^q[1-9]$")]], Field(min_length=1, max_length=3)]
    tree: Branch | Leaf | None
    point: tuple[int, int]
    scores: dict[str, Annotated[int, Field(ge=0, le=9)]] = {}


def test_what_pydantic_makes_of_our_kinds_of_models_always_parses_back(grammars: Grammars, tokenizer: Any) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        tokens, _, _ = babble(grammars.compile(Verdict.model_json_schema()), 300, rng)
        Verdict.model_validate_json(tokenizer.decode(tokens))


def test_a_string_without_a_limit_ends_when_the_budget_does(grammars: Grammars, tokenizer: Any) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    rng = np.random.default_rng(2)
    letters = {token for token in range(len(tokenizer)) if tokenizer.decode([token]).isalpha()}
    grammar = grammars.compile(schema)
    accepted = grammar.start(50)
    tokens = list(accepted.tokens)
    while not accepted.finished:
        options = allowed(grammar)
        accepted = grammar.accept(int(rng.choice(sorted(letters & set(options)) or options)), 50 - len(tokens))
        tokens += accepted.tokens
    assert accepted.truncated
    assert 45 <= len(tokens) <= 50
    assert sum(character.isalpha() for character in json.loads(tokenizer.decode(tokens))["text"]) > 40


def test_a_reply_that_ends_by_itself_is_not_called_truncated(grammars: Grammars) -> None:
    grammar = grammars.compile({"enum": ["yes", "no"]})
    accepted = grammar.start(16)
    while not accepted.finished:
        accepted = grammar.accept(allowed(grammar)[0], 16)
    assert not accepted.truncated


def test_a_choice_that_forces_more_than_the_budget_is_not_taken(grammars: Grammars, tokenizer: Any) -> None:
    grammar = grammars.compile({"enum": ["a", "b, a rather long constant that ends the reply"]})
    tokens = list(grammar.start(8).tokens)
    b = next(token for token in allowed(grammar) if tokenizer.decode([*tokens, token]) in ("b", '"b'))
    accepted = grammar.accept(b, 8 - len(tokens))
    assert accepted.truncated and len(tokens) + len(accepted.tokens) <= 8
    assert json.loads(tokenizer.decode([*tokens, *accepted.tokens])) == "a"


def test_a_budget_that_no_reply_fits_cuts_the_reply_off(grammars: Grammars) -> None:
    schema = {"type": "string", "minLength": 900}
    tokens, _, truncated = babble(grammars.compile(schema), 5, np.random.default_rng(3))
    assert len(tokens) == 5
    assert not truncated


def test_forced_tokens_cost_no_choice_and_change_no_reply(grammars: Grammars, tokenizer: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"explanation": {"const": "a rather long constant"}, "sure": {"type": "boolean"}},
        "required": ["explanation", "sure"],
    }
    results = {}
    for fast_forward in (False, True):
        grammar = grammars.compile(schema, fast_forward=fast_forward)
        accepted, tokens, choices = grammar.start(200), [], 0
        tokens += accepted.tokens
        while not accepted.finished:
            choices += 1
            # The longest token is what a tokenizer would write.
            options = allowed(grammar)
            token = max(options, key=lambda token: (len(tokenizer.decode([token])), -token))
            accepted = grammar.accept(token, 200 - len(tokens))
            tokens += accepted.tokens
        results[fast_forward] = (tokenizer.decode(tokens), choices)
    assert json.loads(results[True][0]).keys() == json.loads(results[False][0]).keys()
    assert json.loads(results[True][0])["explanation"] == "a rather long constant"
    assert results[True][1] * 3 < results[False][1]


def test_logits_without_a_token_are_never_allowed(grammars: Grammars, tokenizer: Any) -> None:
    grammar = grammars.compile({"type": "string"})
    grammar.start(10)
    assert max(allowed(grammar)) < len(tokenizer)


def test_a_vocabulary_may_have_any_size(tokenizer: Any) -> None:
    for spare in range(33):
        grammars = Grammars(tokenizer, len(tokenizer) + spare, [tokenizer.eos_token_id])
        tokens, _, _ = babble(grammars.compile({"enum": ["yes", "no"]}), 12, np.random.default_rng(0))
        assert json.loads(tokenizer.decode(tokens)) in ("yes", "no")


def test_properties_that_a_schema_does_not_name_are_not_written(grammars: Grammars, tokenizer: Any) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    for seed in range(20):
        tokens, _, _ = babble(grammars.compile(schema), 60, np.random.default_rng(seed))
        assert json.loads(tokenizer.decode(tokens)).keys() == {"a"}


def test_evidence_values_of_a_discriminated_union_always_parse_back(grammars: Grammars, tokenizer: Any) -> None:
    values: TypeAdapter[Any] = TypeAdapter(Transcript | Boolean | Labels | Text | Failure)
    schema = TypeAdapter(
        Annotated[Transcript | Boolean | Labels | Text | Failure, Field(discriminator="type")]
    ).json_schema()
    rng = np.random.default_rng(4)
    kinds = set()
    for _ in range(40):
        tokens, _, _ = babble(grammars.compile(schema), 120, rng)
        kinds.add(values.validate_json(tokenizer.decode(tokens)).type)
    assert len(kinds) == 5


def test_parts_of_an_all_of_may_each_name_some_of_the_properties(grammars: Grammars, tokenizer: Any) -> None:
    parts = [
        {"type": "object", "properties": {name: {"type": "boolean"}}, "required": [name]} for name in ("left", "right")
    ]
    grammar = grammars.compile({"allOf": parts})
    tokens, _, _ = babble(grammar, 300, np.random.default_rng(0))
    assert {"left", "right"} <= json.loads(tokenizer.decode(tokens)).keys()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "enum": []},
        {"type": "integer", "minimum": 5, "maximum": 2},
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"$ref": "#/$defs/missing"},
    ],
)
def test_a_schema_that_no_text_satisfies_is_an_error(grammars: Grammars, schema: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="schema"):
        grammars.compile(schema)


def test_a_token_that_is_not_allowed_is_an_error(grammars: Grammars, tokenizer: Any) -> None:
    grammar = grammars.compile({"enum": ["yes", "no"]})
    grammar.start(10)
    with pytest.raises(ModelError, match="schema"):
        grammar.accept(tokenizer.convert_tokens_to_ids("x"), 10)


# Contrastive decoding.


def test_contrastive_logits_are_those_of_the_paper() -> None:
    logits, noised = torch.tensor([[2.0, 1.0, -4.0]]), torch.tensor([[1.0, 1.5, -9.0]])
    result = contrast(logits, noised, alpha=1.0, beta=0.1)
    assert result[0, 0] == pytest.approx(2 * 2.0 - 1.0)
    assert result[0, 1] == pytest.approx(2 * 1.0 - 1.5)
    # Its probability is exp(-6) of the largest, less than a tenth, whatever the contrast says.
    assert result[0, 2] == -math.inf


def test_a_token_exactly_as_plausible_as_beta_asks_for_is_kept() -> None:
    logits = torch.tensor([[0.0, math.log(0.5) + 1e-6, math.log(0.5) - 1e-3]])
    result = contrast(logits, torch.zeros(1, 3), alpha=0.5, beta=0.5)
    assert torch.isfinite(result[0]).tolist() == [True, True, False]


def test_without_strength_and_plausibility_contrast_changes_nothing() -> None:
    logits = torch.randn(3, 7)
    assert torch.equal(contrast(logits, torch.randn(3, 7), alpha=0.0, beta=0.0), logits)


def test_tokens_that_a_grammar_forbids_stay_forbidden() -> None:
    logits = torch.tensor([[0.0, -math.inf]])
    assert contrast(logits, torch.tensor([[0.0, 5.0]]), alpha=1.0, beta=0.0)[0, 1] == -math.inf


def test_noise_follows_the_diffusion_schedule_and_is_the_same_each_time() -> None:
    pixels = torch.full((200_000,), 3.0)
    betas = torch.sigmoid(torch.linspace(-6, 6, 1000)) * (0.5e-2 - 1e-5) + 1e-5
    kept = torch.cumprod(1 - betas, 0)
    for step in (0, 500, 999):
        noised = noise_pixels(pixels, step)
        assert noised.mean() == pytest.approx(3.0 * math.sqrt(kept[step]), abs=0.02)
        assert noised.std() == pytest.approx(math.sqrt(1 - kept[step]), abs=0.02)
        assert torch.equal(noised, noise_pixels(pixels, step))
