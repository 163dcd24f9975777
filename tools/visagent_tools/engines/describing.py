"""What frames of a video show, in words and as vectors, by models that options name. Knows no tool and no index."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ConfigError
from visagent.evidence.values import Crop
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.pretrained import load_libraries, model_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from pydantic import JsonValue

OWN_MODEL = "profile"
"""What the option `captioner` says for the profile's own model that sees."""
LONGEST_QUESTION = 64
"""Tokens of a text at most: what the text half of CLIP and SigLIP takes."""

Describe = Callable[[Crop], str]
"""Says in a sentence or two what a picture shows."""


class Embedder:
    """One loaded network that puts pictures and words into one space, such as CLIP or SigLIP; safe between threads.

    Args:
        model: A folder, or another model source that `visagent.models.weights` describes.

    Raises:
        MissingDependency: torch or transformers is not installed.
        ModelError: the model cannot be fetched or loaded, or embeds no pictures and words.
    """

    def __init__(self, model: str) -> None:
        self._torch, library = load_libraries("An embedding model")
        where = "cuda" if self._torch.cuda.is_available() else "cpu"
        with model_folder(model, "an embedding model", "Name one of CLIP's or SigLIP's kind.") as path:
            self._processor: Any = library.AutoProcessor.from_pretrained(path, local_files_only=True)
            self._network: Any = library.AutoModel.from_pretrained(path, local_files_only=True)
            if not (hasattr(self._network, "get_image_features") and hasattr(self._network, "get_text_features")):
                raise ValueError(f"a {type(self._network).__name__} does not embed pictures and words alike")
        self._network.eval().to(where)
        self._lock = threading.Lock()

    def pictures(self, pictures: Sequence[Image]) -> NDArray[np.float32]:
        """One row of length 1 for each picture."""
        return self._rows("get_image_features", self._processor(images=list(pictures), return_tensors="pt"))

    def words(self, text: str) -> NDArray[np.float32]:
        """The row of a text; what goes beyond what the network takes is cut."""
        batch = self._processor(
            text=[text], padding="max_length", max_length=LONGEST_QUESTION, truncation=True, return_tensors="pt"
        )
        row: NDArray[np.float32] = self._rows("get_text_features", batch)[0]
        return row

    def _rows(self, method: str, batch: Any) -> NDArray[np.float32]:
        with self._lock, self._torch.inference_mode():
            found = getattr(self._network, method)(**batch.to(self._network.device))
            # transformers 5 gives an output object, earlier versions the tensor itself.
            rows = getattr(found, "pooler_output", found)
            normal: NDArray[np.float32] = self._torch.nn.functional.normalize(rows.float(), dim=-1).cpu().numpy()
        return normal


_embedders: Memo[str, Embedder] = Memo(limit=1)


def embedder_for(options: Mapping[str, JsonValue]) -> Embedder | None:
    """The embedding model that the option `embedder` names; None where it names none.

    Raises:
        ConfigError: the option is no model source.
        VisagentError: as `Embedder`.
    """
    model = _named(options, "embedder")
    return None if model is None else _embedders.get(model, lambda: Embedder(model))


@dataclass(frozen=True)
class Describer:
    """What frames are described by.

    Attributes:
        caption: Caption in words; None for nothing.
        embed: Gives a picture as one row of length 1; None for nothing.
    """

    caption: Describe | None
    embed: Callable[[Image], NDArray[np.float32]] | None


def describer_for(options: Mapping[str, JsonValue], describe: Describe | None) -> Describer | None:
    """What frames are described by, as the options `captioner` and `embedder` say; None for nothing, or nothing yet.

    Args:
        options: `captioner`: a model source, or `profile` for the profile's own model; `embedder`: a model source.
        describe: The profile's own model; None where it is not at hand: then an index waits until it is.

    Raises:
        ConfigError: an option is no model source.
        VisagentError: as `Embedder`.
    """
    captioner = _named(options, "captioner")
    if captioner == OWN_MODEL and describe is None:
        return None
    embedder = embedder_for(options)
    if captioner is None and embedder is None:
        return None
    caption = describe if captioner == OWN_MODEL else None if captioner is None else _by_model(captioner)
    return Describer(caption, None if embedder is None else lambda picture: embedder.pictures([picture])[0])


def _by_model(model: str) -> Describe:
    from visagent_tools.engines.captioner import captions_of

    return lambda crop: captions_of([crop], model)[0]


def _named(options: Mapping[str, JsonValue], name: str) -> str | None:
    model = options.get(name)
    if model is not None and (not isinstance(model, str) or not model):
        raise ConfigError(f"{name} = {model!r} is no model.", "Give a folder or a model source.")
    return model
