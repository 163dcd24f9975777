"""A model that is being trained: base, adapter, and its own plans under a grammar. Knows no method.

Loading, prompts and constrained generation are those of the transformers backend (`visagent.models`), so that a planner
is judged while it trains exactly as it will be asked afterwards.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from visagent.core.errors import ConfigError, ModelError
from visagent.core.install import requiring
from visagent.media.media import Media, MediaInfo
from visagent.media.store import MediaStore
from visagent.models.protocol import Message
from visagent_training.configs import TrainConfig
from visagent_training.examples import TrainingExample, TurnRecord
from visagent_training.sft import SftConfig, SharedPrefix, add_lora, tokenize_turns

PREFIX_BYTES = 1 << 30
"""Memory for the key-value caches of system prompts while plans are made."""
PLACE = re.compile(r"<(image\d+)>")
"""Where a turn of an example is to show a picture."""
SHARED_PREFIX = frozenset({"llama", "qwen2", "qwen3", "mistral", "smollm3"})
"""Model types whose layers the shared-prefix trainer can drive."""


def base_folder(base: str) -> str:
    """A base model as what transformers can load: a folder, or a name on the hub.

    Raises:
        SourceError: a source cannot be fetched.
    """
    from visagent.core.config_files import home
    from visagent.core.errors import SourceError
    from visagent.models.catalogue import find_source
    from visagent_training.gguf import base_from_gguf

    folder = Path(base).expanduser()
    if (folder / "config.json").is_file():
        return str(folder)
    try:
        source = find_source(base)
    except SourceError:
        if base.count("/") == 1:
            return base
        raise
    file = source.resolve()
    return str(file) if file.is_dir() else str(base_from_gguf(file, home() / "bases" / file.stem))


def adapter_folder(start_from: str, base: str) -> Path:
    """An adapter to continue from, as a PEFT folder.

    Raises:
        ConfigError: there is no such adapter.
    """
    from visagent.core.config_files import home
    from visagent.models.loading import adapter_file
    from visagent_training.gguf import adapter_from_gguf

    path = Path(start_from).expanduser()
    for folder in (path, path / "adapter"):
        if (folder / "adapter_config.json").is_file():
            return folder
    if (file := adapter_file(start_from)) is not None:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        folder = home() / "bases" / f"{start_from}-{digest}"
        if not (folder / "adapter_config.json").is_file():
            adapter_from_gguf(file, Path(base), folder)
        return folder
    raise ConfigError(
        f"start_from: {start_from!r} is no adapter.", "Give a packaged adapter's name, a run's folder or a PEFT folder."
    )


def computes_bfloat16() -> bool:
    """Whether this machine's GPU, or its CPU where there is none, computes in bfloat16 by itself."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public name for it.
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


class Trainer:
    """A base model with the adapter that is trained.

    Args:
        config: Which model, and how to train it.
        media: Where pictures are, for models that are shown them; None for the agent's own store.

    Attributes:
        base: What transformers loaded.
        model: Model with the adapter inside.
        processor: The processor; for text alone, the tokenizer.
        vision: Whether it can be shown pictures.
        bfloat16: Whether to compute in bfloat16.

    Raises:
        ConfigError: the adapter to start from is unknown.
        MissingDependency: a library that training needs is not installed.
        ModelError: the model cannot be loaded.
    """

    def __init__(self, config: TrainConfig, media: Path | None = None) -> None:
        with requiring("Training needs PEFT on torch", "train"):
            import peft
            import torch
        from visagent.core.config_files import home
        from visagent.models.configs import TransformersModel
        from visagent.models.hf.checkpoints import load_checkpoint

        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.base = base_folder(config.base)
        self.bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and computes_bfloat16())
        half = self.bfloat16 and torch.cuda.is_available()
        loaded = load_checkpoint(
            TransformersModel(
                backend="transformers",
                model=self.base,
                dtype="bfloat16" if half else "float32",
                device_map="auto" if torch.cuda.is_available() else "cpu",
                quantisation=config.quantisation,
            )
        )
        self.processor, self.vision = loaded.processor, loaded.vision
        self.tokenizer = getattr(self.processor, "tokenizer", self.processor)
        plain = loaded.model
        if config.quantisation != "none":
            import peft

            prepare: Any = peft.prepare_model_for_kbit_training
            plain = prepare(plain, config.gradient_checkpointing)
        start_from = adapter_folder(config.start_from, self.base) if config.start_from else None
        # Drawn anew from the seed, so that a fresh adapter does not depend on what loading drew.
        torch.manual_seed(config.seed)
        self.model: Any = add_lora(plain, config, start_from)
        self._store = MediaStore(media or home() / "media")
        self._parts: Any = None

    @property
    def shares_prefixes(self) -> bool:
        """Whether the shared-prefix trainer is the one to use."""
        if self.config.trainer != "auto":
            return self.config.trainer == "shared-prefix"
        return not self.vision and self.model.config.model_type in SHARED_PREFIX

    @property
    def shows_pictures(self) -> bool:
        """Whether the model is shown the pictures of a row."""
        return self.vision and self.config.pictures

    def messages(self, example: TrainingExample) -> list[Message]:
        """An example's prompt, with its pictures where the model is shown them: where a turn names them, `<image2>`.

        Those that no turn names come before the last message's words.
        """
        if not self.shows_pictures:
            return [Message(turn.role, PLACE.sub("", turn.content)) for turn in example.messages]
        names = [name for name in example.media if name.startswith("image") and example.media[name] is not None]
        shown = dict(zip(names, self.pictures(example), strict=True))
        turns = [_interleaved(turn, shown) for turn in example.messages]
        named = {name for turn in example.messages for name in PLACE.findall(turn.content)}
        if rest := [picture for name, picture in shown.items() if name not in named]:
            last = turns[-1].content
            turns[-1] = Message(turns[-1].role, (*rest, *((last,) if isinstance(last, str) else last)))
        return turns

    def pictures(self, example: TrainingExample) -> list[Any]:
        """The pictures that an example is about.

        Raises:
            MediaError: the bytes of one are not in the store.
        """
        kinds = ((name, digest) for name, digest in example.media.items() if name.startswith("image"))
        infos = [MediaInfo(hash=digest, kind="image", name=name) for name, digest in kinds if digest is not None]
        return [self._store.get(info) for info in infos]

    def plans(self, examples: Sequence[TrainingExample], *, temperature: float = 0.0) -> list[str]:
        """A reply to each example's prompt, held to what the example admits.

        Raises:
            ModelError: the model failed.
        """
        return [self.text(tokens) for tokens in self.replies(examples, temperature=temperature)]

    def replies(
        self, examples: Sequence[TrainingExample], *, temperature: float = 0.0, most_tokens: int | None = None
    ) -> list[list[int]]:
        """Replies as token ids, without the one that ends them; see `plans`."""
        from visagent.models.hf.generation import Generator
        from visagent.models.hf.prefix import PrefixStore
        from visagent.models.hf.rows import Row

        prompts, grammars, ends = self._machinery()
        inner = self.model.get_base_model()
        # The weights have changed since last time, so no key-value cache of then is right.
        generator = Generator(self.config.adapter, inner, ends, PrefixStore(PREFIX_BYTES))
        rows = []
        for example in examples:
            budget = most_tokens or (288 if example.known else 768)
            grammar = grammars.compile(example.constraint, fast_forward=False)
            prompt = prompts.build(self.messages(example), budget)
            rows.append(Row(prompt, budget, temperature=temperature, grammar=grammar))
        training = self.model.training
        self.model.eval()
        try:
            generator.run(rows)
        finally:
            self.model.train(training)
        if failed := next((row.error for row in rows if row.error is not None), None):
            raise failed
        return [row.tokens for row in rows]

    def text(self, tokens: Sequence[int]) -> str:
        """Tokens as text."""
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def prompt_tokens(self, example: TrainingExample) -> list[int]:
        """The token ids of an example's prompt, as the model reads it at run time."""
        prompts, _, _ = self._machinery()
        tokens: list[int] = prompts.build(self.messages(example), 1).tokens
        return tokens

    @property
    def end_token(self) -> int:
        """The token that ends a reply in this model's chat template."""
        prompts, _, ends = self._machinery()
        turn: int | None = prompts.turn_end()
        return turn if turn is not None else min(ends)

    def _machinery(self) -> Any:
        """Prompts, grammars and the tokens that end a reply."""
        if self._parts is None:
            from visagent.models.hf.decoding import Grammars
            from visagent.models.hf.prompting import PromptBuilder

            inner = self.model.get_base_model()
            context = getattr(inner.config.get_text_config(), "max_position_embeddings", None) or 4096
            prompts = PromptBuilder(
                self.config.adapter, inner, self.processor, vision=self.vision, context_tokens=context
            )
            given = inner.generation_config.eos_token_id
            known = {*(given if isinstance(given, list) else [given]), self.tokenizer.eos_token_id, prompts.turn_end()}
            ends = tuple(sorted(token for token in known if token is not None))
            if not ends:
                raise ModelError(f"{self.base} does not say which token ends a reply.", "Use a model made for chat.")
            size = inner.get_output_embeddings().weight.shape[0]
            self._parts = prompts, Grammars(self.tokenizer, size, ends), ends
        return self._parts


def _interleaved(turn: TurnRecord, shown: Mapping[str, Media]) -> Message:
    """A turn with the pictures that it names where it names them; a name without a picture stays as it is."""
    parts: list[str | Media] = []
    for place, piece in enumerate(PLACE.split(turn.content)):
        # Every second piece is a name.
        part = shown.get(piece, f"<{piece}>") if place % 2 else piece
        if part:
            parts.append(part)
    if all(isinstance(part, str) for part in parts):
        return Message(turn.role, turn.content)
    return Message(turn.role, tuple(parts))


def epoch(examples: Sequence[TrainingExample], rng: random.Random) -> list[TrainingExample]:
    """Each example as often as its weight says, a part of one by chance, in random order."""
    found = []
    for example in examples:
        times = int(example.weight) + (rng.random() < example.weight % 1)
        found += [example] * times
    rng.shuffle(found)
    return found


def batches(examples: Sequence[TrainingExample], tokenizer: Any, config: SftConfig) -> Iterator[Sequence[SharedPrefix]]:
    """The groups of each step without end, the same for the same seed; questions that share a system prompt together.

    Args:
        examples: What is learned from.
        tokenizer: Tokenizer of the model.
        config: Seed and rows a step.
    """
    number = 0
    while True:
        rng = random.Random(f"epoch-{config.seed}-{number}")
        number += 1
        by_system: dict[str, list[TrainingExample]] = {}
        for example in epoch(examples, rng):
            by_system.setdefault(example.messages[0].content, []).append(example)
        # Questions of one system prompt in pieces of a step's size; small pieces share a step.
        pieces = [
            rows[start : start + config.group_size]
            for rows in by_system.values()
            for start in range(0, len(rows), config.group_size)
        ]
        rng.shuffle(pieces)
        step: list[list[TrainingExample]] = []
        for piece in pieces:
            if step and sum(map(len, step)) + len(piece) > config.group_size:
                yield [_tokenised(rows, tokenizer) for rows in step]
                step = []
            step.append(piece)
        if step:
            yield [_tokenised(rows, tokenizer) for rows in step]


def _tokenised(rows: Sequence[TrainingExample], tokenizer: Any) -> SharedPrefix:
    turns = [(row.messages[-1].content, row.target) for row in rows]
    return tokenize_turns(tokenizer, rows[0].messages[0].content, turns)
