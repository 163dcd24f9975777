"""Descriptions from a vision-language model in transformers. Knows no tool."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ToolError
from visagent.core.text import cleaned
from visagent.evidence.values import Crop
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.pretrained import load_libraries, model_folder

if TYPE_CHECKING:
    from PIL.Image import Image

REQUESTS = {
    "short": "Describe this picture in one or two sentences.",
    "long": "Describe this picture in detail: what is in it, where, how it looks and what happens.",
}
"""What a model that chats is asked, by length."""
MOST_TOKENS = {"short": 96, "long": 400}


class Captioner:
    """One loaded model; safe to call from several threads at once.

    Args:
        model: A folder, or another model source that `visagent.models.weights` describes.

    Raises:
        MissingDependency: torch or transformers is not installed.
        ModelError: the model cannot be fetched or loaded, or does not turn pictures into text.
    """

    def __init__(self, model: str) -> None:
        self._torch, library = load_libraries("A captioning model")
        where = "cuda" if self._torch.cuda.is_available() else "cpu"
        with model_folder(model, "a captioning model", "Name a model that turns an image into text.") as path:
            self._processor: Any = library.AutoProcessor.from_pretrained(path, local_files_only=True)
            self._network: Any = library.AutoModelForImageTextToText.from_pretrained(path, local_files_only=True)
        self._network.eval().to(where)
        self._lock = threading.Lock()

    def describe(self, picture: Image, length: str = "short", focus: str = "") -> str:
        """Sentences about a picture, decoded greedily.

        Args:
            picture: RGB.
            length: `short` or `long`.
            focus: What to describe above all; empty for the whole picture.

        Raises:
            ToolError: the model does not chat, so that it cannot be told a focus.
        """
        chats = bool(getattr(self._processor, "chat_template", None))
        if chats:
            # Text in quotation marks is data, whoever wrote it.
            request = REQUESTS[length] + (f" Above all describe “{cleaned(focus, 120)}”." if focus else "")
            content = [{"type": "image", "image": picture}, {"type": "text", "text": request}]
            batch = self._processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
            )  # fmt: skip
        elif focus:
            raise ToolError("This captioning model describes whole pictures.", "Leave out focus, or cut out a region.")
        else:
            batch = self._processor(images=picture, return_tensors="pt")
        batch = batch.to(self._network.device)
        with self._lock, self._torch.inference_mode():
            tokens = self._network.generate(**batch, max_new_tokens=MOST_TOKENS[length], do_sample=False)
        # A model that chats returns its prompt too.
        said = tokens[:, batch["input_ids"].shape[1] :] if chats else tokens
        return " ".join(str(self._processor.batch_decode(said, skip_special_tokens=True)[0]).split())


_loaded: Memo[str, Captioner] = Memo(limit=1)
_said: Memo[tuple[object, ...], str] = Memo(limit=256)


def captions_of(crops: Sequence[Crop], model: str, length: str = "short", focus: str = "") -> list[str]:
    """A description of each region; each region is described once.

    Args:
        crops: What to describe.
        model: Model as for `Captioner`.
        length: Length as for `Captioner.describe`, and so is the focus.
        focus: What to describe above all.

    Raises:
        MissingInput: a region has no pixel.
        VisagentError: as `Captioner`.
    """
    captioner = _loaded.get(model, lambda: Captioner(model))
    return [
        _said.get(
            (model, length, focus, crop.media, crop.xyxy, crop.scale, crop.seconds),
            lambda crop=crop: captioner.describe(crop.image(), length, focus),  # type: ignore[misc]
        )
        for crop in crops
    ]
