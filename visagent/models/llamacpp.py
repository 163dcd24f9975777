"""GGUF models in this process through llama.cpp (xllamacpp). Knows no prompt and no tool.

The key-value cache of a system prompt is kept on disk: a new process restores it in milliseconds where computing it
would take seconds on a CPU.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from visagent.errors import ContextOverflow, MissingDependency, ModelError
from visagent.models.protocol import Capabilities, Message, Reply, TokenUsage

KEPT_PREFIXES = 8
"""Saved prefixes on disk; the ones unused for longest go first."""


class LlamaCpp:
    """A GGUF model, loaded on first use, one conversation at a time.

    Args:
        path: The model, a GGUF file.
        adapter: A LoRA adapter for it, a GGUF file.
        context_tokens: Size of the context.
        threads: CPU threads; None for one a core.
        prefixes: Folder for the caches of system prompts; None keeps none.

    Raises:
        ModelError: a file is missing.
        MissingDependency: xllamacpp is not installed.
    """

    def __init__(
        self,
        path: Path,
        *,
        adapter: Path | None = None,
        context_tokens: int = 4096,
        threads: int | None = None,
        prefixes: Path | None = None,
    ) -> None:
        for file in (path, *([adapter] if adapter else [])):
            if not file.is_file():
                raise ModelError(f"The model file {file} does not exist.", "Run `visagent models prepare`.")
        self._path, self._adapter, self._context_tokens = path, adapter, context_tokens
        self._threads = threads or os.cpu_count() or 1
        self._prefixes = prefixes
        self._key = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._server: Any = None
        self._prefix: str | None = None

    @property
    def name(self) -> str:
        """The model file's stem, with the adapter's."""
        return self._path.stem + (f"+{self._adapter.stem}" if self._adapter else "")

    def load(self) -> None:
        """Load the model now, rather than on first use; safe to call from another thread."""
        with self._lock:
            self._load()

    @property
    def capabilities(self) -> Capabilities:
        """See `MLLM.capabilities`."""
        return Capabilities(context_tokens=self._context_tokens)

    def close(self) -> None:
        """See `MLLM.close`."""
        with self._lock:
            self._server = self._prefix = None

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
        reply = await asyncio.to_thread(self._complete, messages, schema, max_tokens, temperature)
        if on_text is not None:
            on_text(reply.text)
        return reply

    def _complete(
        self, messages: Sequence[Message], schema: dict[str, Any] | None, max_tokens: int, temperature: float
    ) -> Reply:
        started = time.perf_counter()
        body: dict[str, Any] = {
            "messages": [{"role": message.role, "content": message.text} for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "cache_prompt": True,
            "id_slot": 0,
        }
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
        with self._lock:
            self._load()
            system = messages[0].text if messages[0].role == "system" else None
            file = self._prefix_file(system) if system else None
            restored = file is not None and self._prefix != file.name and self._slot("restore", file)
            reply = self._server.handle_chat_completions(body)
            reply = json.loads(reply) if isinstance(reply, str | bytes) else reply
            if "error" in reply:
                raise self._error(reply["error"])
            if file is not None and self._prefix != file.name:
                self._prefix = file.name
                if not restored:
                    self._save(file)
        choice, timings = reply["choices"][0], reply["timings"]
        return Reply(
            text=choice["message"]["content"] or "",
            usage=TokenUsage(
                prompt=timings["cache_n"] + timings["prompt_n"],
                cached=timings["cache_n"],
                generated=timings["predicted_n"],
                seconds=time.perf_counter() - started,
            ),
            truncated=choice["finish_reason"] == "length",
        )

    def _load(self) -> None:
        if self._server is not None:
            return
        try:
            import xllamacpp
        except ImportError as error:
            raise MissingDependency(
                "The llama.cpp backend needs xllamacpp, which is not installed.", 'pip install "visagent[embedded]"'
            ) from error
        params = xllamacpp.CommonParams()
        params.model.path = str(self._path)
        params.n_ctx = self._context_tokens
        params.n_parallel = 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.verbosity = -1
        params.warmup = False
        # Prompts are short and their prefixes are on disk: no need for gigabytes of prompt cache in memory.
        params.cache_ram_mib = 0
        # xllamacpp always listens on a loopback port; nobody without this key may use it.
        params.api_keys = [self._key]
        params.ui = False
        if self._prefixes is not None:
            self._prefixes.mkdir(parents=True, exist_ok=True)
            params.slot_save_path = f"{self._prefixes}{os.sep}"
            params.endpoint_slots = True
        if self._adapter is not None:
            adapter = xllamacpp.CommonAdapterLoraInfo()
            adapter.path, adapter.scale = str(self._adapter), 1.0
            params.lora_adapters = [adapter]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(f"llama.cpp cannot load {self._path.name}: {error}.", "Fetch the file again.") from error

    def _error(self, error: dict[str, Any]) -> ModelError:
        message = str(error.get("message", error))
        if error.get("type") == "exceed_context_size_error" or "context" in message:
            return ContextOverflow(
                f"{self.name}: the prompt does not fit into {self._context_tokens} tokens: {message}",
                "Register fewer tools, ask a shorter question, or raise context_tokens in the profile.",
            )
        return ModelError(f"{self.name} failed: {message}", "")

    # The system prompt's key-value cache.

    def _prefix_file(self, system: str) -> Path | None:
        """Where the cache of this system prompt lies: its name says what it was computed from."""
        if self._prefixes is None:
            return None
        from importlib.metadata import version

        parts = [version("xllamacpp"), str(self._context_tokens), system]
        for file in (self._path, self._adapter):
            stat = file.stat() if file else None
            parts.append(f"{file}:{stat.st_size}:{stat.st_mtime_ns}" if stat else "")
        return self._prefixes / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.kv"

    def _save(self, file: Path) -> None:
        # Saved under another name first: a process that dies half-way leaves no broken cache behind.
        partial = file.with_suffix(f".{os.getpid()}")
        if self._slot("save", partial):
            partial.replace(file)
        kept = sorted(file.parent.glob("*.kv"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[KEPT_PREFIXES:]:
            old.unlink(missing_ok=True)

    def _slot(self, action: str, file: Path) -> bool:
        """Save or restore the slot's cache; False where that is not possible, which costs time and nothing else."""
        import httpx

        if action == "restore":
            if not file.is_file():
                return False
            os.utime(file)
        reply = httpx.post(
            f"{self._server.listening_address}/slots/0",
            params={"action": action},
            json={"filename": file.name},
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=60,
            trust_env=False,
        )
        return reply.is_success
