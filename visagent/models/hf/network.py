"""Runs a network of transformers, whatever its family and version call their arguments. Knows no prompt."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from visagent.models.hf.caches import cache_argument

if TYPE_CHECKING:
    import torch


class Network:
    """A model of transformers.

    Args:
        model: Model in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        # BLIP models cannot read text without a picture; the language model inside them can.
        needs_pixels = inspect.signature(model.forward).parameters.get("pixel_values")
        required = needs_pixels is not None and needs_pixels.default is inspect.Parameter.empty
        self._text_model = model.language_model if required else model
        self._takes_positions = "position_ids" in inspect.signature(self._text_model.forward).parameters
        self._cache_argument = cache_argument(self._text_model)

    @property
    def scattered(self) -> bool:
        """Whether its layers lie on several devices."""
        return len(set(map(str, getattr(self.model, "hf_device_map", {}).values()))) > 1

    def read(self, ids: torch.Tensor, cache: Any, mask: Any, positions: torch.Tensor, **media: Any) -> torch.Tensor:
        """Logits after the last token of each row, rows x vocabulary; the cache grows in place.

        With `logits_to_keep` those after so many of the last tokens, rows x tokens x vocabulary.
        """
        several = media.pop("logits_to_keep", None)
        model = self.model if media else self._text_model
        if self._takes_positions:
            media["position_ids"] = positions
        media[self._cache_argument] = cache
        output = model(input_ids=ids, attention_mask=mask, use_cache=True, logits_to_keep=several or 1, **media)
        logits: torch.Tensor = output.logits if several else output.logits[:, -1]
        return logits

    def read_slots(self, ids: torch.Tensor, mask: Any, positions: torch.Tensor, cache: Any, last: int) -> torch.Tensor:
        """Logits after the last tokens of each slot, rows x last x vocabulary."""
        return self.read(ids, cache, mask, positions, logits_to_keep=last)
