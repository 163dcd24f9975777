"""The options that a profile gives a model of each of visagent's backends. Imports no runtime."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator

from visagent.core.backends import ModelConfig

Grounding = Literal["auto", "none", "relative-1000", "relative-1000-yx", "relative-1", "resized-pixels", "pixels"]
"""How a model writes boxes: a `visagent.models.grounding.Convention`, `auto` for its family's, `none` if it cannot."""


class LlamaCppModel(ModelConfig):
    """A GGUF model in this process, through llama.cpp.

    Attributes:
        backend: `llamacpp`.
        source: A key of the catalogue or a model source, for example `path:/models/qwen.gguf`; `auto` for the best
            Qwen3-VL that fits the free memory, with its projector.
        adapter: A packaged LoRA adapter's name or a model source; None for none.
        mmproj: A model source of the projector through which the model sees or hears; None for text alone.
        context_tokens: Size of each conversation's context.
        threads: CPU threads; None for one a core.
        slots: Conversations at once, so that sibling sub-questions need not wait; each takes a context of memory.
        gpu_layers: Layers on the GPU, where the installed build of llama.cpp has one; None for as many as fit.
        image_tokens: Tokens that a picture is read as, whatever its size; None for what the model chooses.
        grounding: How it writes boxes; `auto` for the way of its family.
    """

    backend: Literal["llamacpp"]
    source: str
    adapter: str | None = None
    mmproj: str | None = None
    context_tokens: Annotated[int, Field(ge=512)] = 4096
    threads: Annotated[int, Field(ge=1)] | None = None
    slots: Annotated[int, Field(ge=1, le=64)] = 1
    gpu_layers: Annotated[int, Field(ge=0)] | None = None
    image_tokens: Annotated[int, Field(ge=16, le=16_384)] | None = None
    grounding: Grounding = "auto"


class EndpointModel(ModelConfig):
    """A model behind an OpenAI-compatible server; see `visagent.models.endpoint.Endpoint`.

    Attributes:
        backend: `endpoint`.
        base_url: The server's address, for example `http://localhost:8000/v1`.
        model: Model as the server calls it; None for the first that it names.
        api_key_env: Name of the environment variable that holds the key, never the key; None where none is wanted.
        media: What the model can be shown; a video goes as frames.
        context_tokens: Size of its context; None to ask the server.
        timeout: Seconds without a byte after which the server counts as gone.
        connect_timeout: Seconds for opening a connection.
        concurrency: Calls at once.
        retries: How often a call that failed for a passing reason is repeated.
        video_frames: Frames that stand for a video.
        media_ids: Whether media carry vLLM's `uuid`; other servers may refuse it.
        extra: Further fields of every request; one that the server refuses is left out from then on.
        max_images: Pictures that a prompt may hold; None to learn it from the server, should it refuse some.
        grounding: How it writes boxes; `auto` for the way of its family.
    """

    backend: Literal["endpoint"]
    base_url: str
    model: str | None = None
    api_key_env: str | None = None
    media: tuple[Literal["image", "audio", "video"], ...] = ("image", "video")
    context_tokens: Annotated[int, Field(ge=512)] | None = None
    timeout: Annotated[float, Field(gt=0)] = 120.0
    connect_timeout: Annotated[float, Field(gt=0)] = 10.0
    concurrency: Annotated[int, Field(ge=1)] = 8
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    video_frames: Annotated[int, Field(ge=1, le=256)] = 8
    media_ids: bool = False
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    max_images: Annotated[int, Field(ge=1)] | None = None
    grounding: Grounding = "auto"

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address begins with http:// or https:// and names a server")
        if parts.username is not None or parts.query:
            # Profiles are kept with every run: a key in one would be kept too.
            raise ValueError("a key does not belong into an address; name its environment variable in api_key_env")
        return url

    @field_validator("extra")
    @classmethod
    def _no_overrides(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        own = {"messages", "model", "stream", "stream_options", "response_format", "max_tokens", "temperature"}
        if taken := own & extra.keys():
            raise ValueError(f"visagent sets {', '.join(sorted(taken))} itself")
        return extra


class TransformersModel(ModelConfig):
    """A model in this process, through transformers and torch.

    Attributes:
        backend: `transformers`.
        model: Owner and name on the Hugging Face hub, or a folder; `auto` for the best that fits the free memory.
        revision: Commit, tag or branch on the hub; None for the newest.
        dtype: Dtype of the weights; `auto` for what they were published in.
        device_map: Where the weights go: `auto`, or a device such as `cuda:0` or `cpu`.
        attention: Implementation of attention; `auto` for the best that is there.
        quantisation: Whether the weights are rounded to 4 or 8 bit on loading (needs bitsandbytes).
        adapter: A PEFT adapter: a folder or a hub name; None for none.
        contrastive_alpha: Strength of contrastive decoding against hallucination (VCD); None for off.
        contrastive_beta: Least share of the best token's probability that a token needs to be considered by it, 0 to 1.
        contrastive_noise: Diffusion steps of noise, 0 to 999, in the picture that it contrasts with.
        max_prefix_bytes: Memory for key-value caches of shared prefixes.
        max_batch: Calls that are generated together at most.
        decoding: How tokens are written: as CUDA graphs over caches of fixed shape (`graphs`), the same steps without
            capturing them (`static`), with caches that grow (`dynamic`), or as graphs where there is CUDA (`auto`).
        max_decode_bytes: Memory for caches of fixed shape; None for half of what is free.
        grounding: How it writes boxes; `auto` for the way of its family.
    """

    backend: Literal["transformers"]
    model: str = "auto"
    revision: str | None = None
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    device_map: str = "auto"
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "flash_attention_3"] = "auto"
    quantisation: Literal["none", "4bit", "8bit"] = "none"
    adapter: str | None = None
    contrastive_alpha: Annotated[float, Field(gt=0)] | None = None
    contrastive_beta: Annotated[float, Field(ge=0, le=1)] = 0.1
    contrastive_noise: Annotated[int, Field(ge=0, le=999)] = 500
    max_prefix_bytes: Annotated[int, Field(ge=0)] = 2 << 30
    max_batch: Annotated[int, Field(ge=1)] = 16
    decoding: Literal["auto", "graphs", "static", "dynamic"] = "auto"
    max_decode_bytes: Annotated[int, Field(ge=0)] | None = None
    grounding: Grounding = "auto"
