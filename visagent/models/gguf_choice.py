"""Which packaged choice of a GGUF model that sees fits a machine's free memory. Loads and fetches nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from visagent.core.errors import ModelError
from visagent.core.install import requiring

GIB = 1 << 30


@dataclass(frozen=True)
class GgufChoice:
    """A model and its projector.

    Attributes:
        model: Its key in the catalogue.
        mmproj: That of the projector through which it sees.
        memory_bytes: What both take to run, with a context of 8,192 tokens.
    """

    model: str
    mmproj: str
    memory_bytes: int


CHOICES = (
    GgufChoice("qwen3-vl-4b-instruct-q4_k_m", "qwen3-vl-4b-mmproj-q8_0", 7 * GIB),
    GgufChoice("qwen3-vl-2b-instruct-q4_k_m", "qwen3-vl-2b-mmproj-q8_0", int(3.5 * GIB)),
)
"""What `source: auto` chooses from, the best first."""


def choose_gguf(free_bytes: int, is_here: Callable[[str], bool], *, fetch: bool = False) -> GgufChoice:
    """The best model that fits, and rather a smaller one that is here already than a larger one that is not.

    Args:
        free_bytes: Memory that is free.
        is_here: Whether the weights with a key are on this machine.
        fetch: Whether a download is what is wanted: then the best that fits, here or not.

    Raises:
        ModelError: none fits.
    """
    fitting = [choice for choice in CHOICES if choice.memory_bytes <= free_bytes]
    if not fitting:
        least = CHOICES[-1]
        raise ModelError(
            f"{free_bytes / GIB:.1f} GiB of memory are free, and {least.model} needs about "
            f"{least.memory_bytes / GIB:.1f}.",
            "Free some memory, name a smaller model as source in the profile, or use the profile embedded.",
        )
    here = [choice for choice in fitting if is_here(choice.model) and is_here(choice.mmproj)]
    return here[0] if here and not fetch else fitting[0]


def free_memory() -> int:
    """Bytes that a model may take: of the GPUs that llama.cpp was built for, or of the machine, whichever is more.

    Raises:
        MissingDependency: psutil is not installed.
    """
    with requiring("Seeing how much memory is free needs psutil", "embedded"):
        import psutil
    available: int = psutil.virtual_memory().available
    return max(available, sum(device.memory_free for device in gpu_devices()))


@dataclass(frozen=True)
class GpuDevice:
    """A GPU that this build of llama.cpp can use.

    Attributes:
        name: Name as llama.cpp calls it, for example `Metal` or `CUDA0`.
        description: The card.
        memory_free: Bytes.
    """

    name: str
    description: str
    memory_free: int


def gpu_devices() -> Sequence[GpuDevice]:
    """The GPUs that the installed llama.cpp can use: none for a build for CPUs, or where it is not installed."""
    try:
        import xllamacpp
    except ImportError:
        return ()
    return [
        GpuDevice(device["name"], device["description"], device["memory_free"])
        for device in xllamacpp.get_device_info()
        if "GPU" in device["type"].name
    ]
