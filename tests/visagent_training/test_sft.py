"""Training with a shared prefix: the same loss as without, and runs that survive being killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

from visagent_training.sft import (  # noqa: E402
    IGNORED,
    SftConfig,
    SharedPrefix,
    Turn,
    learning_rate,
    load_model,
    pack,
    read_rows,
    shared_prefix_loss,
    tokenize_turns,
    train,
)

pytestmark = pytest.mark.slow


def tiny_llama() -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.5,
        tie_word_embeddings=True,
    )
    return transformers.LlamaForCausalLM(config)


def some_batch(seed: int = 0) -> SharedPrefix:
    generator = torch.Generator().manual_seed(seed)

    def tokens(count: int) -> list[int]:
        found: list[int] = torch.randint(1, 97, (count,), generator=generator).tolist()
        return found

    turns = [Turn(tokens(prompt), tokens(reply)) for prompt, reply in ((3, 5), (7, 2), (4, 9), (1, 1), (6, 4))]
    return SharedPrefix(tokens(11), turns)


def separate_loss(model: Any, batch: SharedPrefix) -> Any:
    losses = []
    for turn in batch.turns:
        ids = torch.tensor([[*batch.prefix, *turn.prompt, *turn.completion]])
        logits = model(ids).logits[0, -len(turn.completion) - 1 : -1]
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(turn.completion), reduction="none"))
    return torch.cat(losses).mean()


@pytest.mark.parametrize("row_tokens", [16, 24, 100])
def test_a_shared_prefix_gives_the_loss_and_gradients_of_separate_sequences(row_tokens: int) -> None:
    model, batch = tiny_llama(), some_batch()
    found = []
    for loss in (shared_prefix_loss(model, batch, row_tokens), separate_loss(model, batch)):
        model.zero_grad()
        loss.backward()
        found.append((loss.detach(), {name: value.grad.clone() for name, value in model.named_parameters()}))
    (packed, packed_gradients), (plain, plain_gradients) = found
    assert torch.allclose(packed, plain, atol=1e-5)
    for name, gradient in plain_gradients.items():
        assert torch.allclose(packed_gradients[name], gradient, atol=1e-4), name


def test_turns_are_packed_without_meeting_each_other() -> None:
    packed = pack([Turn([1, 2], [3]), Turn([4], [5, 6]), Turn([7], [8])], prefix=2, row_tokens=6)
    assert packed.ids.tolist() == [[1, 2, 3, 4, 5, 6], [7, 8, 0, 0, 0, 0]]
    assert packed.positions[0].tolist() == [2, 3, 4, 2, 3, 4]
    assert packed.labels[0].tolist() == [IGNORED, 3, IGNORED, 5, 6, IGNORED]
    assert (packed.mask[0, 0, 4] == 0).tolist() == [True, True, False, False, False, True, True, False]


def test_the_learning_rate_warms_up_and_falls_to_a_tenth() -> None:
    config = SftConfig(steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[10] == pytest.approx(1.0) and rates[100] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def batches(limit: int | None = None) -> Iterator[list[SharedPrefix]]:
    for seed in range(100):
        if seed == limit:
            raise KeyboardInterrupt
        yield [some_batch(seed)]


def test_a_killed_run_goes_on_from_its_checkpoint_to_the_same_adapter(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    tiny_llama().save_pretrained(tmp_path / "base")
    config = SftConfig(steps=4, warmup_steps=1, rank=2, alpha=4, save_every=2, learning_rate=0.01)

    def run(folder: str, limit: int | None = None) -> list[float]:
        return train(load_model(tmp_path / "base", config), batches(limit), config, tmp_path / folder)

    losses = run("whole")
    assert len(losses) == 4
    with pytest.raises(KeyboardInterrupt):
        run("killed", limit=3)
    assert run("killed") == pytest.approx(losses[2:], abs=1e-5)
    whole, killed = (load_file(tmp_path / run / "adapter" / "adapter_model.safetensors") for run in ("whole", "killed"))
    assert all(torch.allclose(whole[name], killed[name], atol=1e-5) for name in whole)
    assert [row["step"] for row in read_rows(tmp_path / "killed" / "metrics.jsonl")] == [1, 2, 3, 4]
    assert run("whole") == []


def test_a_run_of_an_earlier_release_whose_weights_lie_in_the_adapter_alone_goes_on(tmp_path: Path) -> None:
    tiny_llama().save_pretrained(tmp_path / "base")
    config = SftConfig(steps=4, warmup_steps=1, rank=2, alpha=4, save_every=2, learning_rate=0.01)
    losses = train(load_model(tmp_path / "base", config), batches(), config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(load_model(tmp_path / "base", config), batches(limit=2), config, tmp_path / "old")
    state = torch.load(tmp_path / "old" / "optimizer.pt", weights_only=True)
    del state["weights"]
    torch.save(state, tmp_path / "old" / "optimizer.pt")
    resumed = train(load_model(tmp_path / "base", config), batches(), config, tmp_path / "old")
    assert resumed == pytest.approx(losses[2:], abs=1e-5)


def test_a_checkpoint_that_a_kill_cut_off_does_not_replace_the_whole_one(tmp_path: Path) -> None:
    tiny_llama().save_pretrained(tmp_path / "base")
    config = SftConfig(steps=3, warmup_steps=1, rank=2, alpha=4, save_every=1, learning_rate=0.01)
    with pytest.raises(KeyboardInterrupt):
        train(load_model(tmp_path / "base", config), batches(limit=2), config, tmp_path / "run")
    (tmp_path / "run" / "optimizer.pt.4711").write_bytes(b"half a state")
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    assert len(train(load_model(tmp_path / "base", config), batches(), config, tmp_path / "run")) == 1
    assert [row["step"] for row in read_rows(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3]


def test_prefixes_that_share_a_step_weigh_as_their_replies_do(tmp_path: Path) -> None:
    tiny_llama().save_pretrained(tmp_path / "base")
    config = SftConfig(steps=1, warmup_steps=1, rank=2, alpha=4, learning_rate=0.01)
    parts = [some_batch(1), some_batch(2)]
    (loss,) = train(load_model(tmp_path / "base", config), iter([parts]), config, tmp_path / "run")
    plain = load_model(tmp_path / "base", config).get_base_model()
    tokens = [sum(len(turn.completion) for turn in part.turns) for part in parts]
    wanted = sum(
        float(shared_prefix_loss(plain, part)) * count for part, count in zip(parts, tokens, strict=True)
    ) / sum(tokens)
    assert loss == pytest.approx(wanted, abs=1e-4)


def test_a_run_can_start_from_another_runs_adapter(tmp_path: Path) -> None:
    tiny_llama().save_pretrained(tmp_path / "base")
    config = SftConfig(steps=3, warmup_steps=1, rank=2, alpha=4, learning_rate=0.05)
    same = [[some_batch()]] * 3
    first = train(load_model(tmp_path / "base", config), iter(same), config, tmp_path / "first")
    start_from = tmp_path / "first" / "adapter"
    second = train(load_model(tmp_path / "base", config, start_from), iter(same), config, tmp_path / "second")
    assert second[0] < first[0]


def test_an_adapter_that_is_widened_computes_the_same_and_learns_with_all_its_rank(tmp_path: Path) -> None:
    tiny_llama().save_pretrained(tmp_path / "base")
    narrow = SftConfig(steps=2, warmup_steps=1, rank=2, alpha=4, learning_rate=0.05)
    train(load_model(tmp_path / "base", narrow), iter([[some_batch()]] * 2), narrow, tmp_path / "first")
    start_from, tokens = tmp_path / "first" / "adapter", torch.arange(1, 9)[None]
    before = load_model(tmp_path / "base", narrow, start_from).eval()(tokens).logits
    wide = SftConfig(steps=1, warmup_steps=1, rank=5, alpha=4, learning_rate=0.05)
    model = load_model(tmp_path / "base", wide, start_from)
    factors = {name: weight.clone() for name, weight in model.named_parameters() if "lora_B" in name}
    assert {weight.shape[1] for weight in factors.values()} == {5}
    assert torch.allclose(model.eval()(tokens).logits, before, atol=1e-5)
    train(model, iter([[some_batch()]]), wide, tmp_path / "second")
    after = dict(model.named_parameters())
    assert all((after[name][:, 2:] != 0).any() for name in factors), "the added part learns as well"


class FakeTokenizer:
    """One token a character; messages as `<role:content>`."""

    eos_token_id = 0

    def __call__(self, text: str, *, add_special_tokens: bool) -> Any:
        assert not add_special_tokens
        return type("Encoding", (), {"input_ids": [ord(letter) for letter in text]})

    def apply_chat_template(
        self, messages: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool = False
    ) -> str:
        assert not tokenize
        text = "".join(f"<{message['role']}:{message['content']}>" for message in messages)
        return text + ("<assistant:" if add_generation_prompt else "")


def test_only_the_reply_is_learned() -> None:
    batch = tokenize_turns(FakeTokenizer(), "S", [("ask", "plan")])
    assert "".join(map(chr, batch.prefix)) == "<system:S>"
    assert "".join(map(chr, batch.turns[0].prompt)) == "<user:ask><assistant:"
    assert batch.turns[0].completion == [*map(ord, "plan"), 0]
