"""The transformers backend on tiny models of the real architectures: chat, pictures, prefixes, batches, limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import tiny
import torch
from conformance import LONG, YES_NO, MLLMConformance
from huggingface_hub import errors
from PIL import Image

from visagent.core.errors import ContextOverflow, MissingDependency, ModelError
from visagent.media.media import Media
from visagent.models.configs import TransformersModel
from visagent.models.hf import checkpoints
from visagent.models.hf.decoding import noise_pixels
from visagent.models.hf.model import TransformersMLLM
from visagent.models.hf.prompting import Prompt, PromptBuilder
from visagent.models.hf.rows import Row
from visagent.models.protocol import MLLM, Message

SYSTEM = Message("system", "You are a careful assistant who looks before it answers.")
# What transformers renames is asked of its signatures: no argument that it is about to drop.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("error:.*past_key_values.*")]

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}
"""For float32 logits whose spread is about 1."""


@pytest.fixture(scope="module")
def load(folder: Callable[[str], Path]) -> Iterator[Callable[[str], TransformersMLLM]]:
    """The loaded model of a family, without any kept prefix."""
    loaded: dict[str, TransformersMLLM] = {}

    def get(family: str) -> TransformersMLLM:
        if family not in loaded:
            loaded[family] = open_model(folder(family))
            loaded[family].load()
        loaded[family].prefixes.clear()
        return loaded[family]

    yield get
    for model in loaded.values():
        model.close()


def open_model(folder: Path, **options: Any) -> TransformersMLLM:
    return TransformersMLLM(TransformersModel(backend="transformers", model=str(folder), **options))


def noise(seed: int = 0, width: int = 56, height: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def show(model: TransformersMLLM, question: str, pixels: np.ndarray | None = None) -> list[Message]:
    """A system prompt, a picture where the model takes one, and a question behind it."""
    picture = [Media.load(noise() if pixels is None else pixels)] if model.capabilities.media else []
    return [SYSTEM, Message("user", (*picture, question))]


def build(model: TransformersMLLM, messages: Sequence[Message]) -> Prompt:
    return model.loaded.prompts.build(messages, 16)


def first_logits(model: TransformersMLLM, prompt: Prompt) -> tuple[torch.Tensor, Row]:
    """Logits of the first token of the reply, and the row with what it cost."""
    row, logits = Row(prompt, 1), []

    def keep(network: Any, given: Any, output: Any) -> None:
        if hasattr(output, "logits"):
            logits.append(output.logits[0, -1])

    network = model.loaded.checkpoint.model
    # Inside a BLIP model, the language model reads what follows the picture.
    parts = {id(part): part for part in (network, getattr(network, "language_model", network))}.values()
    hooks = [part.register_forward_hook(keep) for part in parts]
    model.loaded.generator.run([row])
    for hook in hooks:
        hook.remove()
    return logits[-1], row


def reference(model: TransformersMLLM, prompt: Prompt, reply: Sequence[int] = ()) -> torch.Tensor:
    """Logits after a prompt and a reply, by transformers alone: one pass over the whole, without any cache."""
    network = model.loaded.checkpoint.model
    tokens = torch.tensor([[*prompt.tokens, *reply]])
    types = {name: torch.nn.functional.pad(value, (0, len(reply))) for name, value in prompt.types.items()}
    with torch.inference_mode():
        output = network(input_ids=tokens, attention_mask=torch.ones_like(tokens), **prompt.media, **types)
    logits: torch.Tensor = output.logits[0, -1]
    return logits


class TestVisionModelConformance(MLLMConformance):
    @pytest.fixture
    def model(self, load: Callable[[str], TransformersMLLM]) -> MLLM:
        return load("qwen3_vl")


class TestHybridModelConformance(MLLMConformance):
    @pytest.fixture
    def model(self, load: Callable[[str], TransformersMLLM]) -> MLLM:
        return load("qwen3_5")


class TestTextModelConformance(MLLMConformance):
    @pytest.fixture
    def model(self, load: Callable[[str], TransformersMLLM]) -> MLLM:
        return load("llama")


# Every family.


@pytest.mark.parametrize("family", tiny.VISION_FAMILIES)
def test_a_changed_region_of_a_picture_changes_what_the_model_thinks(
    load: Callable[[str], TransformersMLLM], family: str
) -> None:
    model = load(family)
    changed = noise()
    changed[8:30, 8:30] = (255, 0, 0)
    before, _ = first_logits(model, build(model, show(model, "What is it?")))
    after, _ = first_logits(model, build(model, show(model, "What is it?", changed)))
    assert (before - after).abs().max() > 0.05 * before.std()
    again, _ = first_logits(model, build(model, show(model, "What is it?")))
    torch.testing.assert_close(again, before, **TOLERANCE)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_prompt_that_continues_a_kept_prefix_gives_the_logits_of_the_whole_prompt(
    load: Callable[[str], TransformersMLLM], family: str
) -> None:
    model = load(family)
    first, second = (build(model, show(model, question)) for question in ("What is it?", "Where is the red car now?"))
    _, row = first_logits(model, first)
    assert row.cached == 0
    logits, row = first_logits(model, second)
    torch.testing.assert_close(logits, reference(model, second), **TOLERANCE)
    if family == "instructblip":
        # Its picture is encoded anew for each question, so only the same question may share it.
        assert row.cached == 0
        logits, row = first_logits(model, second)
        torch.testing.assert_close(logits, reference(model, second), **TOLERANCE)
    assert row.cached >= 12
    assert row.cached + row.prefilled == len(second.tokens)
    if second.media_span is not None:
        assert row.cached >= second.media_span[1]


@pytest.mark.parametrize("family", tiny.FAMILIES)
async def test_a_greedy_reply_is_the_one_that_transformers_itself_generates(
    load: Callable[[str], TransformersMLLM], family: str
) -> None:
    model = load(family)
    messages = show(model, "How many people are left of the bus?")
    reply = await model.chat(messages, max_tokens=20)
    prompt = build(model, messages)
    inputs = {"input_ids": torch.tensor([prompt.tokens]), **prompt.media, **prompt.types}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    network = model.loaded.checkpoint.model
    output = network.generate(**inputs, do_sample=False, max_new_tokens=20, eos_token_id=list(model.loaded.eos_tokens))[
        0
    ].tolist()
    # BLIP models return the reply alone.
    tokens = output[len(prompt.tokens) :] if output[: len(prompt.tokens)] == prompt.tokens else output
    assert reply.text == model.loaded.tokenizer.decode(tokens, skip_special_tokens=True)


@pytest.mark.parametrize("family", tiny.FAMILIES)
async def test_replies_of_a_batch_are_those_of_one_by_one(load: Callable[[str], TransformersMLLM], family: str) -> None:
    model = load(family)
    questions = [show(model, "Is it red?" + " Look again." * count) for count in (0, 1, 1, 4)]
    # One without a picture, and one with another.
    questions += [[SYSTEM, Message("user", "Say hello.")], show(model, "And this?", noise(3, 40, 64))]
    if family in ("instructblip", "blip_2"):
        del questions[4]
    one_by_one = [(await model.chat(question, max_tokens=10)).text for question in questions]
    model.prefixes.clear()
    batch = await asyncio.gather(*(model.chat(question, max_tokens=10) for question in questions))
    assert [reply.text for reply in batch] == one_by_one
    assert len(set(one_by_one)) > 1


@pytest.mark.parametrize("family", tiny.FAMILIES)
async def test_a_constrained_batch_writes_valid_json_with_any_weights(
    load: Callable[[str], TransformersMLLM], family: str
) -> None:
    model = load(family)
    replies = await asyncio.gather(
        *(
            model.chat(show(model, "Is it?" * count), schema=YES_NO, max_tokens=24, temperature=count / 2)
            for count in range(1, 4)
        )
    )
    assert {reply.text for reply in replies} <= {'{"a":"yes"}', '{"a":"no"}'}


# Prompts.


def text_of(model: TransformersMLLM, messages: Sequence[Message]) -> str:
    text: str = model.loaded.tokenizer.decode(build(model, messages).tokens)
    return text


def test_text_and_pictures_stand_in_their_order_after_the_system_prompt(
    load: Callable[[str], TransformersMLLM],
) -> None:
    model = load("qwen3_vl")
    first, second = Media.load(noise(1)), Media.load(noise(2))
    text = text_of(model, [SYSTEM, Message("user", ("before ", first, " between ", second, " after"))])
    pieces = ["looks before", "before ", "<|vision_start|>", " between ", "<|vision_start|>", " after", "assistant"]
    places = [text.index(piece) for piece in pieces[:3]]
    places += [text.index(pieces[3]), text.rindex(pieces[4]), text.index(pieces[5]), text.rindex(pieces[6])]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "template",
    [
        tiny.NO_SYSTEM,
        "{% for message in messages if message.role == 'user' %}<|im_start|>{{ message.content }}{% endfor %}",
    ],
    ids=["refuses", "drops"],
)
async def test_a_system_prompt_that_a_template_refuses_or_drops_goes_into_the_first_question(
    tmp_path: Path, template: str
) -> None:
    model = open_model(tiny.text_model(tmp_path, template))
    model.load()
    text = text_of(model, [SYSTEM, Message("user", "What is it?")])
    assert SYSTEM.text in text
    assert text.index(SYSTEM.text) < text.index("What is it?")
    assert (await model.chat([SYSTEM, Message("user", "What is it?")], max_tokens=4)).usage.generated == 4
    model.close()


async def test_a_conversation_that_a_template_refuses_is_one_clear_error(
    load: Callable[[str], TransformersMLLM],
) -> None:
    with pytest.raises(ModelError, match="alternate"):
        await load("gemma3").chat([Message("user", "a"), Message("user", "b")], max_tokens=4)


async def test_two_pictures_for_a_model_that_takes_one_are_one_clear_error(
    load: Callable[[str], TransformersMLLM],
) -> None:
    model = load("instructblip")
    with pytest.raises(ModelError, match="one picture, and 2 were given"):
        await model.chat([Message("user", (Media.load(noise(1)), Media.load(noise(2)), "Same?"))], max_tokens=4)


async def test_a_template_that_drops_pictures_is_an_error(tmp_path: Path) -> None:
    import json

    folder = tiny.build("qwen3_vl", tmp_path)
    for file in folder.glob("*"):
        if file.name == "chat_template.jinja":
            file.write_text("{% for message in messages %}{{ message.role }}\n{% endfor %}")
        elif file.name in ("tokenizer_config.json", "processor_config.json"):
            content = json.loads(file.read_text())
            content.pop("chat_template", None)
            file.write_text(json.dumps(content))
    model = open_model(folder)
    with pytest.raises(ModelError, match="picture"):
        await model.chat([Message("user", (Media.load(noise()), "What is it?"))], max_tokens=4)
    model.close()


async def test_tiny_regions_are_enlarged_until_the_model_can_see_them(load: Callable[[str], TransformersMLLM]) -> None:
    for family in ("qwen3_vl", "smolvlm"):
        reply = await load(family).chat([Message("user", (Media.load(noise(0, 3, 2)), "What is it?"))], max_tokens=3)
        assert reply.usage.generated == 3


# Too long.


def builder(model: TransformersMLLM, context_tokens: int) -> PromptBuilder:
    loaded = model.loaded.checkpoint
    return PromptBuilder("tiny", loaded.model, loaded.processor, vision=loaded.vision, context_tokens=context_tokens)


def pictures_in(model: TransformersMLLM, prompt: Prompt) -> int:
    return prompt.tokens.count(model.loaded.checkpoint.model.config.image_token_id)


def test_pictures_are_shrunk_before_turns_are_left_out_and_the_oldest_turns_before_newer_ones(
    load: Callable[[str], TransformersMLLM],
) -> None:
    model = load("qwen3_vl")
    turns = [
        SYSTEM,
        Message("user", "demonstration question"),
        Message("assistant", "demonstration reply"),
        Message("user", "history question"),
        Message("assistant", "history reply"),
        Message("user", (Media.load(noise(0, 64, 64)), "What is it?")),
    ]
    whole = build(model, turns)
    full = pictures_in(model, whole)

    def fit(tokens: int) -> tuple[str, int]:
        # 4 tokens are kept free for the reply.
        prompt = builder(model, tokens + 4).build(turns, 4)
        assert len(prompt.tokens) <= tokens
        return model.loaded.tokenizer.decode(prompt.tokens), pictures_in(model, prompt)

    assert fit(len(whole.tokens))[1] == full
    text, pictures = fit(len(whole.tokens) - 2)
    assert 0 < pictures < full
    assert "demonstration" in text
    text, pictures = fit(len(whole.tokens) - full - 4)
    assert 0 < pictures < full
    assert "demonstration" not in text
    assert "history question" in text
    assert SYSTEM.text in text
    with pytest.raises(ContextOverflow, match=r"system \d+ tokens") as caught:
        fit(20)
    assert f"media {full} tokens" in caught.value.fact


# Batches.


@contextmanager
def before_each_pass(model: TransformersMLLM, watch: Callable[[int, int], None]) -> Iterator[None]:
    """Tells how many rows and tokens go into each pass through the network; what is raised fails the pass."""

    def tell(network: Any, args: Any, kwargs: Any) -> None:
        watch(*kwargs["input_ids"].shape)

    hook = model.loaded.checkpoint.model.register_forward_pre_hook(tell, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


async def test_calls_that_arrive_together_are_one_batch_and_share_a_prefix_computed_once(
    load: Callable[[str], TransformersMLLM],
) -> None:
    model = load("qwen3_5")
    shapes: list[tuple[int, int]] = []
    questions = [show(model, f"Is it {name}?") for name in ("red", "new", "big")]
    with before_each_pass(model, lambda rows, tokens: shapes.append((rows, tokens))):
        replies = await asyncio.gather(*(model.chat(question, max_tokens=6) for question in questions))
    prompt = build(model, questions[0])
    assert prompt.media_span is not None
    read = sum(rows * tokens for rows, tokens in shapes[:-5])
    shared = max(prompt.boundaries)
    assert read == shared + sum(reply.usage.prompt - shared for reply in replies)
    assert shapes[-5:] == [(3, 1)] * 5
    assert sorted(reply.usage.cached for reply in replies) == [0, shared, shared]


async def test_running_out_of_memory_halves_the_batch_and_changes_no_reply(
    load: Callable[[str], TransformersMLLM], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = load("qwen3_vl")
    generator = model.loaded.generator
    questions = [show(model, f"Is it {'very ' * count}red?") for count in range(4)]
    expected = [(await model.chat(question, max_tokens=8)).text for question in questions]
    steps = iter(range(1000))

    def small(rows: int, tokens: int) -> None:
        # In the middle of the replies, so that those begun have to go on.
        if rows > 2 and next(steps) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(generator, "max_batch", 16)
    heard: list[str] = []
    with caplog.at_level(logging.WARNING), before_each_pass(model, small):
        replies = await asyncio.gather(
            *(model.chat(question, max_tokens=8, on_text=heard.append) for question in questions)
        )
    assert [reply.text for reply in replies] == expected
    assert sum(map(len, heard)) == sum(map(len, expected))
    assert generator.max_batch == 2
    assert "out of memory" in caplog.text


async def test_one_reply_that_does_not_fit_into_memory_is_one_clear_error(
    load: Callable[[str], TransformersMLLM],
) -> None:
    model = load("llama")

    def full(rows: int, tokens: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with (
        before_each_pass(model, full),
        pytest.raises(ModelError, match=r"out of memory with a prompt of \d+ tokens") as caught,
    ):
        await model.chat([Message("user", "Say hello.")], max_tokens=4)
    assert "4-bit" in caught.value.remedy
    assert (await model.chat([Message("user", "Say hello.")], max_tokens=4)).text


async def test_a_model_that_fails_fails_its_callers_and_serves_the_next(
    load: Callable[[str], TransformersMLLM],
) -> None:
    model = load("llama")

    def broken(rows: int, tokens: int) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with before_each_pass(model, broken), pytest.raises(ModelError, match="cannot be multiplied"):
        await model.chat([Message("user", "Say hello.")], max_tokens=4)
    assert (await model.chat([Message("user", "Say hello.")], max_tokens=4)).text


async def test_a_reply_given_up_leaves_the_batch_and_the_others_go_on(load: Callable[[str], TransformersMLLM]) -> None:
    model = load("llama")
    alone = (await model.chat([Message("user", "Say hello.")], schema=LONG, max_tokens=60)).text
    begun = asyncio.Event()
    given_up = asyncio.create_task(
        model.chat([Message("user", "Write.")], schema=LONG, max_tokens=900, on_text=lambda _: begun.set())
    )
    stays = asyncio.create_task(model.chat([Message("user", "Say hello.")], schema=LONG, max_tokens=60))
    await asyncio.wait_for(begun.wait(), 60)
    given_up.cancel()
    assert (await stays).text == alone


# Contrastive decoding.


@pytest.mark.parametrize("family", ["qwen3_vl", "qwen3_5"])
async def test_contrastive_replies_follow_the_published_formula_alone_and_in_a_batch(
    folder: Callable[[str], Path], family: str
) -> None:
    alpha, beta, steps = 1.0, 0.1, 600
    model = open_model(folder(family), contrastive_alpha=alpha, contrastive_beta=beta, contrastive_noise=steps)
    model.load()
    questions = [show(model, "Is it" + " very" * count + " red?") for count in range(3)]
    # Without a picture there is nothing to contrast with.
    questions.append([SYSTEM, Message("user", "Say hello.")])
    expected, plain = [], []
    for question in questions:
        prompt = build(model, question)
        media = {k: noise_pixels(v, steps) if k == "pixel_values" else v for k, v in prompt.media.items()}
        noised = Prompt(**{**vars(prompt), "media": media})
        tokens: list[int] = []
        greedy: list[int] = []
        for _ in range(6):
            scores = reference(model, prompt, tokens)
            if prompt.media:
                contrasted = (1 + alpha) * scores - alpha * reference(model, noised, tokens)
                implausible = scores < scores.max() + torch.tensor(beta).log()
                scores = contrasted.masked_fill(implausible, -torch.inf)
            tokens.append(int(scores.argmax()))
            greedy.append(int(reference(model, prompt, greedy).argmax()))
        decode = model.loaded.tokenizer.decode
        expected.append(decode(tokens, skip_special_tokens=True))
        plain.append(decode(greedy, skip_special_tokens=True))
    alone = [(await model.chat(question, max_tokens=6)).text for question in questions]
    batch = await asyncio.gather(*(model.chat(question, max_tokens=6) for question in questions))
    assert alone == expected
    assert [reply.text for reply in batch] == expected
    assert expected[:3] != plain[:3]
    assert expected[3] == plain[3]
    model.close()


# Loading.


def test_auto_chooses_the_best_model_that_fits_the_free_memory() -> None:
    chosen = [checkpoints.choose_model(gib * 2**30).repository for gib in (80, 16, 8, 5)]
    assert chosen == ["Qwen/Qwen3.5-9B", "Qwen/Qwen3.5-4B", "Qwen/Qwen3.5-2B", "Qwen/Qwen3.5-0.8B"]
    assert checkpoints.choose_model(16 * 2**30, "4bit").repository == "Qwen/Qwen3.5-9B"
    with pytest.raises(ModelError, match="GiB of memory are free"):
        checkpoints.choose_model(2**30)


def answer_of_hub(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[dict[str, Any]]:
    """Let the hub answer, or fail, without asking it; gives what it is asked."""
    asked: list[dict[str, Any]] = []

    def model_info(self: Any, name: str, **options: Any) -> Any:
        asked.append({"name": name, **options})
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *args, **kwargs: None)
    return asked


class _Response:
    status_code, headers, request, text = 404, {}, None, ""


@pytest.mark.parametrize(
    ("error", "fact", "remedy"),
    [
        (ConnectionError("Name or service not known"), "hub cannot be reached", "--local-dir"),
        (errors.OfflineModeIsEnabled("offline mode is enabled"), "hub cannot be reached", "HF_HOME"),
        (errors.RepositoryNotFoundError("404", response=_Response()), "neither a folder nor a repository", "spelling"),  # type: ignore[arg-type]
        (errors.GatedRepoError("403", response=_Response()), "gated", "HF_TOKEN"),  # type: ignore[arg-type]
    ],
)
async def test_a_model_that_cannot_be_fetched_is_one_error_that_names_the_ways_out(
    monkeypatch: pytest.MonkeyPatch, error: Exception, fact: str, remedy: str
) -> None:
    asked = answer_of_hub(monkeypatch, error)
    model = TransformersMLLM(TransformersModel(backend="transformers", model="owner/name", revision="abc123"))
    with pytest.raises(ModelError, match=fact) as caught:
        await model.chat([Message("user", "Say hello.")])
    assert "owner/name" in caught.value.fact
    assert remedy in caught.value.remedy
    assert asked[0]["revision"] == "abc123"


def test_the_size_of_a_download_is_said_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = [("model-1.safetensors", 3_000_000_000), ("model-2.safetensors", 1_600_000_000), ("picture.png", 10**12)]
    siblings = [type("File", (), {"rfilename": name, "size": size})() for name, size in files]
    answer_of_hub(monkeypatch, type("Info", (), {"siblings": siblings})())
    import transformers

    def stop(*args: Any, **kwargs: Any) -> None:
        assert "4.6 GB" in caplog.text
        assert kwargs["trust_remote_code"] is False
        raise OSError("stopped here")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", stop)
    with caplog.at_level(logging.WARNING), pytest.raises(ModelError, match="stopped here"):
        TransformersMLLM(TransformersModel(backend="transformers", model="owner/name")).load()


def test_a_folder_without_weights_is_one_clear_error(tmp_path: Path, folder: Callable[[str], Path]) -> None:
    for file in folder("llama").glob("*"):
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match="cannot be loaded"):
        open_model(tmp_path).load()


def test_an_encoder_decoder_model_is_refused_with_one_that_would_do(tmp_path: Path) -> None:
    import transformers

    transformers.Blip2Config(text_config=transformers.T5Config().to_dict()).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="encoder-decoder") as caught:
        open_model(tmp_path).load()
    assert "vicuna" in caught.value.remedy


def test_quantisation_without_its_library_says_what_to_install(
    folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="bitsandbytes") as caught:
        open_model(folder("llama"), quantisation="4bit").load()
    assert caught.value.remedy == "pip install bitsandbytes"


def test_an_adapter_changes_what_the_model_thinks(folder: Callable[[str], Path], tmp_path: Path) -> None:
    import peft
    import transformers

    base = transformers.AutoModelForCausalLM.from_pretrained(folder("llama"))
    settings = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(base, settings).save_pretrained(tmp_path / "lora")
    plain, adapted = open_model(folder("llama")), open_model(folder("llama"), adapter=str(tmp_path / "lora"))
    plain.load()
    adapted.load()
    messages = [Message("user", "Say hello.")]
    before, _ = first_logits(plain, build(plain, messages))
    after, _ = first_logits(adapted, build(adapted, messages))
    assert (before - after).abs().max() > 0.05 * before.std()
    assert adapted.name.endswith("+lora")
    plain.close()
    adapted.close()


def test_options_reach_transformers(folder: Callable[[str], Path]) -> None:
    model = open_model(folder("llama"), dtype="bfloat16", attention="eager", device_map="cpu")
    model.load()
    network = model.loaded.checkpoint.model
    assert network.dtype == torch.bfloat16
    # transformers says it nowhere else.
    assert network.config._attn_implementation == "eager"  # noqa: SLF001
    model.close()


def test_a_picture_is_given_to_the_processor_once_for_each_prompt_and_never_changed(
    load: Callable[[str], TransformersMLLM],
) -> None:
    media = Media.load(Image.fromarray(noise()))
    before = np.array(media.image())
    build(load("qwen3_vl"), [Message("user", (media, "What is it?"))])
    assert np.array_equal(np.array(media.image()), before)
