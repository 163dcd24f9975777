"""GGUF models in this process through llama.cpp (xllamacpp). Knows no prompt and no tool.

The key-value cache of a system prompt is kept on disk: a new process restores it in milliseconds where computing it
would take seconds on a CPU.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from visagent.core.errors import ContextOverflow, ModelError
from visagent.core.install import requiring
from visagent.models.chat_format import MediaEncoder, StreamedReply, describe_parts
from visagent.models.checks import context_overflow, require_media, require_satisfiable
from visagent.models.configs import Grounding
from visagent.models.grounding import chosen_convention
from visagent.models.hf.decoding import GRAMMAR
from visagent.models.protocol import Capabilities, Message, Reply
from visagent.models.text_stream import Relay

KEPT_PREFIXES = 8
"""Saved prefixes on disk; the ones unused for longest go first."""

BATCH_TOKENS = 512
"""Prompt tokens that are read between two looks at whether the caller still waits; what llama.cpp computes at once."""


class LlamaCpp:
    """A GGUF model, loaded on first use; as many conversations at once as it has slots.

    Args:
        path: The model, a GGUF file.
        adapter: A LoRA adapter for it, a GGUF file.
        mmproj: The projector through which it sees or hears, a GGUF file; None for text alone.
        context_tokens: Size of each conversation's context.
        threads: CPU threads; None for one a core.
        slots: Conversations at once; each has a context of its own in memory.
        prefixes: Folder for the caches of system prompts; None keeps none.
        grounding: How it writes boxes; `auto` for the way of the family that the file's name tells.
        gpu_layers: Layers on the GPU, where llama.cpp was built for one; None for as many as fit.
        image_tokens: Tokens that a picture is read as; None for what the model chooses.

    Raises:
        ModelError: a file is missing.
    """

    def __init__(
        self,
        path: Path,
        *,
        adapter: Path | None = None,
        mmproj: Path | None = None,
        context_tokens: int = 4096,
        threads: int | None = None,
        slots: int = 1,
        prefixes: Path | None = None,
        grounding: Grounding = "auto",
        gpu_layers: int | None = None,
        image_tokens: int | None = None,
    ) -> None:
        for what, file in {"model": path, "adapter": adapter, "mmproj": mmproj}.items():
            if file is not None and not file.is_file():
                raise ModelError(f"The {what} file {file} does not exist.", "Run `visagent models prepare`.")
        self._path, self._adapter, self._mmproj, self._context_tokens = path, adapter, mmproj, context_tokens
        self._threads = threads or os.cpu_count() or 1
        self._prefixes = prefixes
        self._gpu_layers, self._image_tokens = gpu_layers, image_tokens
        self._key = secrets.token_hex(16)
        self._media = MediaEncoder()
        self._capabilities = Capabilities(
            media=frozenset() if mmproj is None else _media_of(mmproj),
            context_tokens=context_tokens,
            parallel=slots,
            grounding=None if mmproj is None else chosen_convention(grounding, path.stem),
        )
        self._workers = ThreadPoolExecutor(slots, thread_name_prefix="visagent-llamacpp")
        self._changed = threading.Condition()
        self._server: Any = None
        # Slots at rest, the one unused for longest first, and the saved prefix that each holds.
        self._resting = list(range(slots))
        self._held: dict[int, str] = {}

    @property
    def name(self) -> str:
        """The model file's stem, with the adapter's."""
        return self._path.stem + (f"+{self._adapter.stem}" if self._adapter else "")

    @property
    def capabilities(self) -> Capabilities:
        """See `MLLM.capabilities`."""
        return self._capabilities

    def load(self) -> None:
        """See `MLLM.load`.

        Raises:
            ModelError: llama.cpp cannot load a file.
            MissingDependency: xllamacpp is not installed.
        """
        with self._changed:
            self._load()

    def close(self) -> None:
        """See `MLLM.close`; calls that are running are waited for."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._resting) == self._capabilities.parallel)
            self._server = None
            self._held.clear()

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """See `MLLM.chat`."""
        require_media(self.name, self.capabilities, messages)
        options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
        if schema is not None and GRAMMAR in schema:
            options["grammar"] = schema[GRAMMAR]
        elif schema is not None:
            require_satisfiable(self.name, schema)
            options["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
        relay, stop = Relay(), threading.Event()
        # As many workers as slots: calls beyond that wait in the pool's queue, and one that is cancelled there never
        # starts.
        work = asyncio.get_running_loop().run_in_executor(
            self._workers, self._complete, messages, options, stop, relay.push
        )
        try:
            return await relay.follow(work, on_text)
        finally:
            stop.set()

    def _complete(
        self, messages: Sequence[Message], options: dict[str, Any], stop: threading.Event, push: Callable[[str], None]
    ) -> Reply:
        started = time.perf_counter()
        body = options | {
            "messages": self._media.encode(messages),
            "cache_prompt": True,
            "stream": True,
            "stream_options": {"include_usage": True},
            # A chunk for each batch of the prompt, so that cancelling need not wait for the first token.
            "return_progress": True,
        }
        system = messages[0].text if messages[0].role == "system" else None
        file = self._prefix_file(system) if system else None
        slot = self._take(file)
        try:
            fresh = file is not None and self._held.get(slot) != file.name
            restored = fresh and file is not None and self._slot(slot, "restore", file)
            # Until the reply is there, nobody knows how much of the prompt the slot holds.
            self._held.pop(slot, None)
            streamed = self._generate(body | {"id_slot": slot}, messages, stop, push)
            if file is not None:
                self._held[slot] = file.name
                if fresh and not restored:
                    self._save(slot, file)
        finally:
            with self._changed:
                self._resting.append(slot)
                self._changed.notify_all()
        return streamed.reply(time.perf_counter() - started)

    def _generate(
        self,
        body: dict[str, Any],
        messages: Sequence[Message],
        stop: threading.Event,
        push: Callable[[str], None],
    ) -> StreamedReply:
        streamed = StreamedReply(self.name)
        problems: list[ModelError] = []

        def hear(chunk: Any) -> bool:
            """Take in a chunk; true ends the generation. llama.cpp swallows what is raised here."""
            try:
                if not stop.is_set():
                    if isinstance(chunk, Mapping) and "error" in chunk:
                        raise self._error(chunk["error"], messages)
                    if piece := streamed.add(chunk):
                        push(piece)
            except ModelError as error:
                problems.append(error)
            return stop.is_set() or bool(problems)

        try:
            self._server.handle_chat_completions(body, hear)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self.name} refuses the request: {error}.", "Change what the message names.") from error
        if problems:
            raise problems[0]
        if not streamed.finished:
            raise ModelError(f"{self.name} stopped before its reply was complete.", "Ask again.")
        return streamed

    def _take(self, file: Path | None) -> int:
        """A slot at rest, the one that holds the prefix if there is one; there are no more workers than slots."""
        with self._changed:
            self._load()
            name = file.name if file else None
            slot = next((slot for slot in self._resting if name and self._held.get(slot) == name), self._resting[0])
            self._resting.remove(slot)
            return slot

    def _load(self) -> None:
        if self._server is not None:
            return
        with requiring("The llama.cpp backend needs xllamacpp", "embedded"):
            import xllamacpp
        params = xllamacpp.CommonParams()
        params.model.path = str(self._path)
        params.n_parallel = self._capabilities.parallel
        params.n_ctx = self._context_tokens * params.n_parallel
        params.kv_unified = False
        params.n_batch = BATCH_TOKENS
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.verbosity = -1
        params.warmup = False
        # Prompts are short and their prefixes are on disk: no need for gigabytes of prompt cache in memory.
        params.cache_ram_mib = 0
        # xllamacpp always listens on a loopback port; nobody without this key may use it.
        params.api_keys = [self._key]
        params.ui = False
        if self._prefixes is not None:
            # Where the folder cannot be made, nothing is saved or restored, which costs time and nothing else.
            with suppress(OSError):
                self._prefixes.mkdir(parents=True, exist_ok=True)
            params.slot_save_path = f"{self._prefixes}{os.sep}"
            params.endpoint_slots = True
        if self._gpu_layers is not None:
            params.n_gpu_layers, params.mmproj_use_gpu = self._gpu_layers, self._gpu_layers > 0
        if self._mmproj is not None:
            params.mmproj.path = str(self._mmproj)
            if self._image_tokens is not None:
                params.image_min_tokens = params.image_max_tokens = self._image_tokens
        if self._adapter is not None:
            adapter = xllamacpp.CommonAdapterLoraInfo()
            adapter.path, adapter.scale = str(self._adapter), 1.0
            params.lora_adapters = [adapter]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            files = " with ".join(file.name for file in (self._path, self._adapter, self._mmproj) if file)
            raise ModelError(f"llama.cpp cannot load {files}: {error}.", "Fetch the file again.") from error

    def _error(self, error: Any, messages: Sequence[Message]) -> ModelError:
        details = error if isinstance(error, Mapping) else {"message": error}
        message = str(details.get("message", details))
        if details.get("type") == "exceed_context_size_error":
            return self._overflow(details, messages)
        return ModelError(f"{self.name} failed: {message}.", "Ask again; if it fails again, ask something else.")

    def _overflow(self, details: Mapping[str, Any], messages: Sequence[Message]) -> ContextOverflow:
        total = int(details["n_prompt_tokens"])
        parts = describe_parts(messages)
        left = total
        for role in dict.fromkeys(message.role for message in messages):
            text = "".join(message.text for message in messages if message.role == role)
            reply = self._post("/tokenize", {"content": text})
            if reply is not None:
                tokens = len(reply.json()["tokens"])
                parts[role] = f"{tokens:,} tokens"
                left -= tokens
        return context_overflow(
            self.name, self._context_tokens, total, parts | {"all else": f"{max(0, left):,} tokens"}
        )

    def _post(self, path: str, content: dict[str, Any], **query: str) -> Any:
        """What the model's own server replies; None where it cannot be asked, as without a free file, or refuses."""
        import httpx

        try:
            reply = httpx.post(
                f"{self._server.listening_address}{path}",
                params=query,
                json=content,
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=60,
                trust_env=False,
                # It is plain http: reading the machine's certificates would take longer than the call.
                verify=False,
            )
        except httpx.HTTPError:
            return None
        return reply if reply.is_success else None

    # The system prompt's key-value cache.

    def _prefix_file(self, system: str) -> Path | None:
        """Where the cache of this system prompt lies: its name says what it was computed from."""
        if self._prefixes is None:
            return None
        from importlib.metadata import version

        parts = [version("xllamacpp"), str(self._context_tokens), system]
        for file in (self._path, self._adapter, *([self._mmproj] if self._mmproj else [])):
            stat = file.stat() if file else None
            parts.append(f"{file}:{stat.st_size}:{stat.st_mtime_ns}" if stat else "")
        if (slots := self._capabilities.parallel) > 1:
            # The format of a saved slot depends on how many there are.
            parts.append(f"{slots} slots")
        return self._prefixes / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.kv"

    def _save(self, slot: int, file: Path) -> None:
        # Saved under another name first: a process that dies half-way leaves no broken cache behind.
        partial = file.with_suffix(f".{os.getpid()}-{slot}")
        # What cannot be kept is computed again: the reply is there.
        with suppress(OSError):
            if self._slot(slot, "save", partial):
                partial.replace(file)
        with suppress(OSError):
            partial.unlink(missing_ok=True)  # what a full disk left of it
        kept = []
        for path in file.parent.glob("*.kv"):
            # Another process may have removed it since.
            with suppress(OSError):
                kept.append((path.stat().st_mtime, path))
        for _, old in sorted(kept, reverse=True)[KEPT_PREFIXES:]:
            with suppress(OSError):
                old.unlink(missing_ok=True)

    def _slot(self, slot: int, action: str, file: Path) -> bool:
        """Save or restore a slot's cache; False where that is not possible, which costs time and nothing else."""
        if action == "restore":
            if not file.is_file():
                return False
            # A cache that may only be read cannot be marked as used, and serves all the same.
            with suppress(OSError):
                os.utime(file)
        return self._post(f"/slots/{slot}", {"filename": file.name}, action=action) is not None


def _media_of(mmproj: Path) -> frozenset[Any]:
    """What a projector is for, from the metadata at its beginning; a video is shown as frames."""
    with mmproj.open("rb") as file:
        header = file.read(1 << 20)

    def has(key: bytes) -> bool:
        # In GGUF a key is followed by the type of its value (7: a truth value) and the value.
        return key + (7).to_bytes(4, "little") + b"\x01" in header

    media: set[str] = set()
    if has(b"clip.has_vision_encoder"):
        media |= {"image", "video"}
    if has(b"clip.has_audio_encoder"):
        media.add("audio")
    if not media:
        raise ModelError(
            f"{mmproj.name} says of no encoder for pictures or sound that it has one.",
            "Give the mmproj GGUF that belongs to the model.",
        )
    return frozenset(media)
