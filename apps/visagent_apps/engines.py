"""The inference servers that `visagent serve-model` can start: where they are installed, and their command lines.

vLLM cannot share an environment with visagent's other libraries, so a server is a program of some other Python; nothing
of it is imported here. Starts nothing but the question whether it is there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from visagent.core.errors import ConfigError
from visagent.core.install import install_line

EngineName = Literal["vllm", "llama-server"]

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""Keeps what lies in the working folder, or beside a script, from being imported in place of a package."""

LLAMA_PROCESS = Path(__file__).with_name("llama_process.py")
"""llama.cpp's server out of xllamacpp, for a Python that has that and no llama-server beside it."""


@dataclass(frozen=True)
class ServingOptions:
    """What is to be served, and how.

    Attributes:
        model: The model: for vLLM a name on the hub or a folder; for llama-server a GGUF file.
        host: Address to listen at.
        port: Port to listen at.
        mmproj: The projector, for llama-server, through which the model sees.
        context_tokens: Size of a conversation's context; None for the engine's choice.
        images: Pictures that a prompt may hold.
        parallel: Conversations at once (llama-server); vLLM takes what fits.
        data_parallel: Copies of the model, one a GPU (vLLM).
        adapters: LoRA adapters by the name under which they are served: folders for vLLM, GGUF files for llama-server.
        extra: Further flags, as the engine knows them.
    """

    model: str
    host: str = "127.0.0.1"
    port: int = 8000
    mmproj: str | None = None
    context_tokens: int | None = None
    images: int = 16
    parallel: int = 4
    data_parallel: int = 1
    adapters: dict[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Engine:
    """An engine that is installed.

    Attributes:
        name: Which.
        command: What starts it, before its flags.
        key_variable: The environment variable from which it reads its key, so that no process list shows it.
    """

    name: EngineName
    command: tuple[str, ...]
    key_variable: str

    def command_line(self, options: ServingOptions) -> list[str]:
        """The whole command, with the flags that visagent's prompts need.

        Raises:
            ConfigError: the engine has no such option.
        """
        flags = _vllm_flags(options) if self.name == "vllm" else _llama_flags(options)
        return [*self.command, *flags, *options.extra]


def find_engine(name: EngineName, python: str | None = None) -> Engine:
    """An engine, where it is installed.

    Args:
        name: Which.
        python: The interpreter of the environment that has it; None to look in this one and on the PATH.

    Raises:
        ConfigError: it is not there; says how to install it.
    """
    if python is not None and shutil.which(python) is None:
        raise ConfigError(f"--python {python}: there is no such program.", "Give the path of an environment's python.")
    if name == "vllm":
        interpreter = python or (sys.executable if importlib.util.find_spec("vllm") else None)
        if interpreter and (python is None or _has(python, "vllm")):
            return Engine("vllm", (interpreter, "-m", "vllm.entrypoints.cli.main", "serve"), "VLLM_API_KEY")
        if python is None and (program := shutil.which("vllm")):
            return Engine("vllm", (program, "serve"), "VLLM_API_KEY")
        raise ConfigError(
            f"vLLM is not installed in {python or 'this environment, nor is it on the PATH'}.",
            "Give it an environment of its own, python -m venv ~/vllm && ~/vllm/bin/pip install vllm, and name it: "
            "--python ~/vllm/bin/python.",
        )
    if python is None and (program := shutil.which("llama-server")):
        return Engine("llama-server", (program,), "LLAMA_API_KEY")
    beside = shutil.which("llama-server", path=str(Path(shutil.which(python) or python).parent)) if python else None
    if beside:
        return Engine("llama-server", (beside,), "LLAMA_API_KEY")
    interpreter = python or sys.executable
    if _has(interpreter, "xllamacpp") if python else importlib.util.find_spec("xllamacpp"):
        return Engine("llama-server", (interpreter, str(LLAMA_PROCESS)), "LLAMA_API_KEY")
    raise ConfigError(
        f"Neither llama-server nor xllamacpp is installed in {python or 'this environment or on the PATH'}.",
        f"{install_line('embedded')}, or install llama.cpp (brew install llama.cpp).",
    )


def engine_for(model: str) -> EngineName:
    """The engine that serves such a model: llama-server for GGUF files, vLLM for all else."""
    return "llama-server" if model.lower().endswith(".gguf") else "vllm"


def _vllm_flags(options: ServingOptions) -> list[str]:
    flags = [options.model, "--host", options.host, "--port", str(options.port)]
    # What a run's prompts share is computed once, and usage tells how much that was.
    flags += ["--enable-prefix-caching", "--enable-prompt-tokens-details"]
    # A schema of visagent's compiles in a millisecond with llguidance, in seconds with others.
    flags += ["--structured-outputs-config", json.dumps({"backend": "guidance"})]
    # Videos go as frames: room for other media would be taken from the key-value cache.
    flags += ["--limit-mm-per-prompt", json.dumps({"image": options.images, "video": 0, "audio": 0})]
    if options.context_tokens is not None:
        flags += ["--max-model-len", str(options.context_tokens)]
    if options.data_parallel > 1:
        flags += ["--data-parallel-size", str(options.data_parallel)]
    if options.adapters:
        flags += ["--enable-lora", "--lora-modules", *(f"{name}={path}" for name, path in options.adapters.items())]
    return flags


def _llama_flags(options: ServingOptions) -> list[str]:
    if options.data_parallel > 1:
        raise ConfigError(
            "llama-server has no data parallelism.", "Start one a GPU, each with a port of its own, or use vLLM."
        )
    if not Path(options.model).is_file():
        raise ConfigError(
            f"{options.model}: there is no such GGUF file.",
            "Fetch one, for example: visagent models prepare laptop, then visagent models list says where it is.",
        )
    context = options.context_tokens or 8192
    flags = ["--model", options.model, "--host", options.host, "--port", str(options.port)]
    flags += ["--ctx-size", str(context * options.parallel), "--parallel", str(options.parallel), "--no-kv-unified"]
    flags += ["--jinja", "--no-webui"]
    if options.mmproj is not None:
        # Below 1,024 tokens a picture Qwen-VL places boxes badly (ggml-org/llama.cpp#16842).
        flags += ["--mmproj", options.mmproj, "--image-min-tokens", "1024"]
    for path in options.adapters.values():
        flags += ["--lora", path]
    return flags


def _has(python: str, module: str) -> bool:
    """Whether another interpreter has a module; it is looked for and not imported."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    try:
        asked = subprocess.run([python, "-c", code], capture_output=True, timeout=60, env={**os.environ, **SAFE_PATH})
        return asked.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True)
class Gpu:
    """A card of this machine.

    Attributes:
        name: Its maker's name for it.
        memory_bytes: All of its memory, or for one that llama.cpp found what is free of it.
    """

    name: str
    memory_bytes: int


def nvidia_gpus() -> list[Gpu]:
    """NVIDIA's cards, as its driver lists them; none where there is no driver."""
    if (program := shutil.which("nvidia-smi")) is None:
        return []
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.rpartition(",") for line in listed.splitlines() if line.strip()]
    return [Gpu(name.strip(), int(memory) << 20) for name, _, memory in rows if memory.strip().isdigit()]


def best_engine(nvidia: Sequence[Gpu], others: Sequence[Gpu], free_bytes: int, vllm_is_here: bool) -> str:
    """Which engine would serve a machine best, in one sentence with its command.

    Args:
        nvidia: NVIDIA's cards.
        others: Cards that the installed llama.cpp can use.
        free_bytes: Memory of the machine that is free.
        vllm_is_here: Whether vLLM is installed where `serve-model` finds it.
    """
    gib = 1 << 30
    # A card that is sold with 16 GB reports a little less.
    if nvidia and (largest := max(nvidia, key=lambda gpu: gpu.memory_bytes)).memory_bytes >= 15 * gib:
        model = "Qwen/Qwen3-VL-8B-Instruct" if largest.memory_bytes >= 22 * gib else "Qwen/Qwen3-VL-4B-Instruct"
        many = f" --data-parallel {len(nvidia)}" if len(nvidia) > 1 else ""
        where = "" if vllm_is_here else " --python ~/vllm/bin/python (pip install vllm in an environment of its own)"
        cards = f"{len(nvidia)} x {largest.name}" if len(nvidia) > 1 else largest.name
        return f"vLLM, for {cards}: visagent serve-model {model}{many}{where}"
    if others:
        return f"llama.cpp in this process, on {others[0].name}: --profile laptop"
    if nvidia:
        return (
            f"llama.cpp in this process, for {nvidia[0].name}: --profile laptop, with xllamacpp's wheel for CUDA "
            "(https://github.com/xorbitsai/xllamacpp); this one is for the CPU"
        )
    if free_bytes >= 3.5 * gib:
        return "llama.cpp in this process, on the CPU: --profile laptop"
    return f"none: {free_bytes / gib:.1f} GiB of memory are free. Use --profile embedded, or a server elsewhere"
