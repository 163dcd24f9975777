"""What would make answers better on a machine: the next rung of the ladder of profiles, with its command.

The ladder: `embedded`, whose models know what they were made for; `laptop`, a small model that sees; `local-gpu` or a
server behind `endpoint`, a large one.
"""

from __future__ import annotations

from collections.abc import Sequence

from visagent.core.config import Profile
from visagent.core.errors import ModelError
from visagent.models.catalogue import CATALOGUE
from visagent.models.gguf_choice import CHOICES, GIB, choose_gguf
from visagent_apps.engines import Gpu, best_engine

SERVER_GPU = 16 * GIB
"""Memory of a card from which on a server of its own is worth it."""


def next_rung(profile: Profile, nvidia: Sequence[Gpu], others: Sequence[Gpu], free_bytes: int, vllm: bool) -> str:
    """One sentence with the command that leads a step up from a profile.

    Args:
        profile: Which runs now.
        nvidia: NVIDIA's cards.
        others: Cards that the installed llama.cpp can use.
        free_bytes: Memory that is free.
        vllm: Whether vLLM is installed where `serve-model` finds it.
    """
    eyes = profile.model_for("observer")
    if eyes is not None and eyes.backend != "llamacpp":
        return (
            "This is the top rung. What is left is a larger model behind it: change models.main, and compare both on "
            "questions of your own with visagent credit questions.yaml"
        )
    if any(gpu.memory_bytes >= SERVER_GPU for gpu in nvidia):
        return f"A large model that sees. {best_engine(nvidia, others, free_bytes, vllm)}, then --profile endpoint"
    if eyes is not None:
        return (
            "A larger model that sees, on a machine with a GPU: there visagent serve-model Qwen/Qwen3-VL-8B-Instruct, "
            "here VISAGENT_MODELS__MAIN__BASE_URL=http://THERE:8000/v1 and --profile endpoint"
        )
    try:
        choice = choose_gguf(free_bytes, lambda key: False, fetch=True)
    except ModelError:
        return (
            f"A model that sees takes {CHOICES[-1].memory_bytes / GIB:.1f} GiB of free memory, and "
            f"{free_bytes / GIB:.1f} are free here. Free some and run visagent models prepare laptop, or ask a server: "
            "VISAGENT_MODELS__MAIN__BASE_URL=http://THERE:8000/v1 and --profile endpoint"
        )
    size = sum(CATALOGUE[key].bytes for key in (choice.model, choice.mmproj)) / 1e9
    return (
        f"A model that sees ({size:.1f} GB from the Hugging Face hub): visagent models prepare laptop, "
        "then --profile laptop"
    )
