"""Loads models with transformers: from the hub or a folder, by size, quantised, adapted. Knows no chat.

Nothing that a repository brings along is run: `trust_remote_code` stays off.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visagent.core.errors import MissingDependency, ModelError
from visagent.core.install import install_line, requiring
from visagent.models.configs import TransformersModel

_log = logging.getLogger(__name__)

GIB = 2**30

_WAYS_OUT = (
    "Download it elsewhere with `hf download {model} --local-dir FOLDER` and name the folder as model; or set HF_HOME "
    "to a cache that holds it; or use a profile with an endpoint or llama.cpp."
)


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model.

    Attributes:
        name: Repository or folder.
        model: Model of transformers, in evaluation mode.
        processor: Its processor; the tokenizer for a text-only model.
        vision: Whether it can be shown pictures.
    """

    name: str
    model: Any
    processor: Any
    vision: bool


@dataclass(frozen=True)
class Choice:
    """A model that `auto` may mean.

    Attributes:
        repository: On the hub.
        billions: Parameters.
    """

    repository: str
    billions: float

    def memory_bytes(self, quantisation: str) -> int:
        """About what it takes to run: weights, and room for the caches of some prompts."""
        bytes_each = {"none": 2.0, "8bit": 1.1, "4bit": 0.7}[quantisation]
        return int(self.billions * 1e9 * bytes_each * 1.15) + 2 * GIB


CHOICES = (
    Choice("Qwen/Qwen3.5-9B", 9.7),
    Choice("Qwen/Qwen3.5-4B", 4.7),
    Choice("Qwen/Qwen3.5-2B", 2.3),
    Choice("Qwen/Qwen3.5-0.8B", 0.9),
)
"""What `auto` chooses from, the best first."""


def choose_model(free_bytes: int, quantisation: str = "none") -> Choice:
    """The best model that fits.

    Args:
        free_bytes: Memory of the GPU, or of the machine without one.
        quantisation: Quantisation as in `TransformersModel`.

    Raises:
        ModelError: none fits.
    """
    for choice in CHOICES:
        if choice.memory_bytes(quantisation) <= free_bytes:
            return choice
    least = CHOICES[-1]
    raise ModelError(
        f"{free_bytes / GIB:.1f} GiB of memory are free, and {least.repository} needs about "
        f"{least.memory_bytes(quantisation) / GIB:.1f}.",
        "Free some memory, set quantisation: 4bit, or use the embedded profile.",
    )


def free_memory() -> int:
    """Bytes that are free on all GPUs together, or on the machine where there is none."""
    import torch

    if torch.cuda.is_available():
        return sum(torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count()))
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def load_checkpoint(config: TransformersModel) -> Checkpoint:
    """Load a model and its processor; a download's size is logged before it starts.

    Raises:
        ModelError: it cannot be found, fetched or loaded, or visagent cannot generate with it.
        MissingDependency: a library that it needs is not installed.
    """
    with requiring("A model in this process needs transformers on torch", "local"):
        import torch  # noqa: F401  (what follows needs it, and says so less clearly)
        import transformers
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    name = config.model
    if name == "auto":
        name = choose_model(free_memory(), config.quantisation).repository
        _log.info("Chose %s for the free memory", name)
    if not Path(name).expanduser().is_dir():
        _announce_download(name, config.revision)
    where: dict[str, Any] = {"revision": config.revision or "main", "trust_remote_code": False}
    source = str(Path(name).expanduser()) if Path(name).expanduser().is_dir() else name
    try:
        settings = transformers.AutoConfig.from_pretrained(source, **where)
        vision = settings.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
        _refuse_encoder_decoder(name, settings)
        if vision:
            readers: Any = transformers.AutoProcessor
            loader: Any = transformers.AutoModelForImageTextToText
        else:
            readers, loader = transformers.AutoTokenizer, transformers.AutoModelForCausalLM
        processor = readers.from_pretrained(source, **where)
        model = loader.from_pretrained(source, **where, **_options(config))
        if config.adapter is not None:
            model.load_adapter(config.adapter)
    except ImportError as error:
        fact = f"{name} needs a library that is not installed: {error}."
        raise MissingDependency(fact, _install(str(error))) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _explained(name, error) from error
    return Checkpoint(name, model.eval(), processor, vision and hasattr(processor, "image_processor"))


def _options(config: TransformersModel) -> dict[str, Any]:
    import torch

    options: dict[str, Any] = {"dtype": config.dtype}
    if config.attention != "auto":
        options["attn_implementation"] = config.attention
    if config.device_map not in ("auto", "cpu") or (config.device_map == "auto" and torch.cuda.is_available()):
        options["device_map"] = config.device_map
    if config.quantisation != "none":
        from importlib.util import find_spec

        if find_spec("bitsandbytes") is None:
            raise MissingDependency(
                f"quantisation: {config.quantisation} needs bitsandbytes, which is not installed.",
                "pip install bitsandbytes",
            )
        import transformers

        # Its constructor has no types.
        settings: Any = transformers.BitsAndBytesConfig
        four = config.quantisation == "4bit"
        options["quantization_config"] = settings(
            load_in_4bit=four, load_in_8bit=not four, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
    return options


def _announce_download(name: str, revision: str | None) -> None:
    """Log what a download will cost; fails at once where the hub cannot be reached, which else takes a minute.

    Raises:
        ModelError: the repository does not exist, is gated, or the hub cannot be reached.
    """
    import huggingface_hub
    from huggingface_hub import errors

    try:
        if isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json", revision=revision), str):
            return
        info = huggingface_hub.HfApi().model_info(name, revision=revision, files_metadata=True, timeout=15)
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{name} is gated: its owner wants you to accept a licence first.",
            f"Accept it on https://huggingface.co/{name}, then log in with `hf auth login` or set HF_TOKEN.",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        at = f" at revision {revision}" if revision else ""
        raise ModelError(
            f"{name}{at} is neither a folder nor a repository on the hub that you may read.",
            "Check the spelling in the profile; for a private repository log in with `hf auth login`.",
        ) from error
    except Exception as error:
        # The hub's client raises errors of its own, of its HTTP library and of the operating system.
        fact = f"The hub cannot be reached to fetch {name}: {error}."
        raise ModelError(fact, _WAYS_OUT.format(model=name)) from error
    size = sum(item.size or 0 for item in info.siblings or () if item.rfilename.endswith((".safetensors", ".json")))
    folder = huggingface_hub.constants.HF_HUB_CACHE
    _log.warning("Downloading %s: %.1f GB to %s", name, size / 1e9, folder)


def _refuse_encoder_decoder(name: str, settings: Any) -> None:
    text = settings.get_text_config()
    if settings.is_encoder_decoder or text.is_encoder_decoder:
        raise ModelError(
            f"{name} is an encoder-decoder model, which cannot continue a shared prefix.",
            "Use a decoder-only one, for example Salesforce/instructblip-vicuna-7b or Salesforce/blip2-opt-2.7b.",
        )


def _explained(name: str, error: Exception) -> ModelError:
    message = str(error).strip().split("\n")[0].rstrip(".")
    if "trust_remote_code" in str(error):
        return ModelError(
            f"{name} wants to run code from its repository, which visagent never does.",
            "Use a model that transformers has built in, or serve this one yourself and use an endpoint profile.",
        )
    if "connect to" in message or "offline mode" in message:
        return ModelError(f"The hub cannot be reached to fetch {name}: {message}.", _WAYS_OUT.format(model=name))
    return ModelError(f"{name} cannot be loaded: {message}.", _WAYS_OUT.format(model=name))


def _install(message: str) -> str:
    for package in ("bitsandbytes", "accelerate", "peft", "num2words", "torchvision", "flash_attn"):
        if package in message.lower():
            return f"pip install {package.replace('_', '-')}"
    return install_line("local")
