"""Descriptions: composed ones say that they are."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from visagent.core.errors import ConfigError, MissingDependency, MissingInput, ToolError
from visagent.core.install import install_line
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.caption import caption, counted, listed


@pytest.fixture
def experts() -> None:
    for library in ("onnxruntime", "rapidocr"):
        pytest.importorskip(library, reason=f"describing needs {library}: pip install 'visagent[embedded]'")


@pytest.mark.usefixtures("experts")
def test_a_street_is_described_by_what_the_experts_find(bus: Media) -> None:
    said = caption([Crop.whole(bus)], Context())
    assert said.text.startswith("It shows 4 people and 1 bus, ") and "emis" in said.text
    assert [note.kind for note in said.notes] == ["composed"]


@pytest.mark.usefixtures("experts")
def test_only_a_confident_classifier_is_quoted(photo: Callable[[str], Media]) -> None:
    def said_of(name: str, focus: str | None = None) -> str:
        return caption([Crop.whole(photo(name))], Context(options={"focus": focus})).text

    coffee, cat = said_of("coffee.png"), said_of("chelsea.png")
    assert "looks like espresso" in coffee and "1 cup" in coffee
    assert "looks like" not in cat and "shows 1 cat, is mainly brown" in cat and "has no readable text" in cat
    assert said_of("chelsea.png", focus="the ears").endswith("It cannot be asked about the ears alone.")


@pytest.mark.usefixtures("experts")
def test_the_detectors_options_apply(bus: Media) -> None:
    assert "It shows 1 bus and 1 person, " in caption([Crop.whole(bus)], Context(options={"threshold": 0.6})).text


@pytest.mark.usefixtures("experts")
def test_several_objects_are_numbered(photo: Callable[[str], Media]) -> None:
    crops = [Crop.whole(photo(name)) for name in ("rocket.jpg", "camera.png")]
    first, second = caption(crops, Context()).text.splitlines()
    assert first.startswith("1. It shows") and "mainly blue" in first
    assert second.startswith("2. It shows 1 person")


def test_lists_and_counts_read_as_english() -> None:
    assert listed(["a"]) == "a" and listed(["a", "b"]) == "a and b" and listed(["a", "b", "c"]) == "a, b and c"
    assert counted("person", 4) == "4 people" and counted("wine glass", 2) == "2 wine glasses"
    assert counted("sheep", 2) == "2 sheep" and counted("cat", 1) == "1 cat" and counted("bench", 2) == "2 benches"


def test_nothing_to_look_at_is_missing_input() -> None:
    with pytest.raises(MissingInput):
        caption([], Context())


def test_a_captioning_model_needs_its_library(bus: Media, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependency, match=re.escape(install_line("local"))):
        caption([Crop.whole(bus)], Context(options={"model": "some/model"}))
    with pytest.raises(ConfigError, match="model = 3"):
        caption([Crop.whole(bus)], Context(options={"model": 3}))


def test_a_vision_language_model_says_its_own_words(tmp_path: Path, photo: Callable[[str], Media]) -> None:
    pytest.importorskip("torch", reason="a captioning model needs torch: pip install 'visagent[local]'")
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install 'visagent[local]'")
    from tokenizers import Tokenizer, models, pre_tokenizers

    # A vision-encoder-decoder of toy size with random weights: what it says means nothing, but it says it by itself.
    words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *(f"word{index}" for index in range(28))]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", bos_token="[CLS]", eos_token="[SEP]", unk_token="[UNK]"
    )
    git = transformers.GitConfig(
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 32, "patch_size": 16,
        },
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        pad_token_id=0, bos_token_id=1,
        # A token that it never writes: it goes on as long as it may.
        eos_token_id=10**6,
    )  # fmt: skip
    transformers.GitForCausalLM(git).save_pretrained(tmp_path)
    images = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    transformers.GitProcessor(images, fast).save_pretrained(tmp_path)
    cat, context = Crop.whole(photo("chelsea.png")), Context(options={"model": str(tmp_path)})
    said = caption([cat], context).text
    assert said and "composed" not in said and all(word in words for word in said.split())
    assert len(caption([cat], Context(options={**context.options, "length": "long"})).text.split()) > len(said.split())
    with pytest.raises(ToolError, match="describes whole pictures"):
        caption([cat], Context(options={**context.options, "focus": "the ears"}))
