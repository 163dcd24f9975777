"""Segmenters from transformers behind the segmenter protocol: SAM and SAM 2 outline what is in a box or at a point,
CLIPSeg what a phrase names, Mask2Former and MaskFormer every object of the classes that they were trained on.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from visagent_tools.engines.outlining import Outline, Prompt, PromptKind
from visagent_tools.engines.pretrained import load_libraries, model_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TransformersSegmenter:
    """One loaded network; which family it is, its configuration tells.

    Args:
        model: A folder, or another model source that `visagent.models.weights` describes.
        threshold: The least score of an object, or of a pixel for CLIPSeg, where a phrase is given; 0.5 if None.
        device: Device of torch, for example "cpu" or "cuda"; CUDA where there is one if None.

    Raises:
        MissingDependency: torch or transformers is not installed.
        ModelError: the model cannot be fetched or loaded, or is no segmenter.
    """

    by_color = False

    def __init__(self, model: str, *, threshold: float | None = None, device: str | None = None) -> None:
        self._torch, library = load_libraries('segmenter = "transformers"')
        with model_folder(
            model, "a segmenter", "Name a model that outlines objects: SAM, SAM 2, CLIPSeg, Mask2Former or MaskFormer."
        ) as path:
            config = library.AutoConfig.from_pretrained(path, local_files_only=True)
            factory, self._family, self.takes = _family(library, config)
            self._network: Any = factory.from_pretrained(path, local_files_only=True).eval()
            reader = library.AutoImageProcessor if self._family == "classes" else library.AutoProcessor
            self._processor: Any = reader.from_pretrained(path, local_files_only=True)
        self._device = device or ("cuda" if self._torch.cuda.is_available() else "cpu")
        self._network.to(self._device)
        self._threshold = 0.5 if threshold is None else threshold
        self.name = f"the segmenter {model}"
        self._lock = threading.Lock()

    def outline(self, pixels: NDArray[np.uint8], prompt: Prompt) -> list[Outline]:
        """The outlines of what the prompt means; see `Segmenter.outline`.

        Raises:
            UnknownLabel: the network knows a closed set of classes, and the phrase is none of them.
        """
        from PIL import Image

        picture = Image.fromarray(pixels)
        with self._lock, self._torch.inference_mode():
            if self._family == "prompted":
                return self._prompted(picture, prompt)
            return (
                self._matching(picture, prompt.phrase) if self._family == "phrase" else self._classes(picture, prompt)
            )

    def _prompted(self, picture: Any, prompt: Prompt) -> list[Outline]:
        if prompt.kind == "boxes":
            wanted: dict[str, Any] = {"input_boxes": [[list(box) for box in prompt.boxes]]}
        else:
            points = [[list(point)] for point in prompt.points]
            wanted = {"input_points": [points], "input_labels": [[[1]] * len(points)]}
        batch = self._processor(images=picture, return_tensors="pt", **wanted).to(self._device)
        sizes = [batch.pop(name) for name in ("original_sizes", "reshaped_input_sizes") if name in batch]
        # A point may mean a button, the shirt or the person: of the three outlines the surest is taken.
        outputs = self._network(**batch, multimask_output=prompt.kind == "points")
        masks = self._processor.post_process_masks(outputs.pred_masks.cpu(), *(size.cpu() for size in sizes))[0]
        scores = outputs.iou_scores[0].float().cpu()
        found = []
        for object_masks, object_scores in zip(masks, scores, strict=True):
            best = int(object_scores.argmax())
            score = min(max(float(object_scores[best]), 0.0), 1.0)
            found.append(Outline(object_masks[best].numpy().astype(bool), score))
        return found

    def _matching(self, picture: Any, phrase: str) -> list[Outline]:
        batch = self._processor(text=[phrase], images=[picture], padding=True, return_tensors="pt").to(self._device)
        logits = self._network(**batch).logits.float()
        side = logits.shape[-2:]
        likely = self._torch.nn.functional.interpolate(
            logits.reshape(1, 1, *side).sigmoid(), size=picture.size[::-1], mode="bilinear"
        )[0, 0]
        inside = (likely > self._threshold).cpu().numpy()
        # All that the phrase names is one outline: the network does not tell objects apart.
        return [Outline(inside, float(likely[likely > self._threshold].mean()))] if inside.any() else []

    def _classes(self, picture: Any, prompt: Prompt) -> list[Outline]:
        from visagent_tools.labels import understand

        names = {int(index): str(name) for index, name in self._network.config.id2label.items()}
        wanted = understand(prompt.phrase, tuple(names.values()), detector=self.name).labels
        batch = self._processor(images=picture, return_tensors="pt").to(self._device)
        result = self._processor.post_process_instance_segmentation(
            self._network(**batch),
            threshold=self._threshold,
            target_sizes=[picture.size[::-1]],
            return_binary_maps=True,
        )[0]
        masks = result["segmentation"]
        if masks is None or not result["segments_info"]:
            return []
        return [
            Outline(mask.cpu().numpy().astype(bool), min(max(float(segment["score"]), 0.0), 1.0))
            for mask, segment in zip(masks, result["segments_info"], strict=True)
            if names[int(segment["label_id"])] in wanted
        ]


def _family(library: Any, config: Any) -> tuple[Any, str, frozenset[PromptKind]]:
    """Which class loads a configuration, how it is asked, and what it takes.

    Raises:
        ValueError: it is of no segmenter.
    """
    if config.model_type == "clipseg":
        return library.CLIPSegForImageSegmentation, "phrase", frozenset({"phrase"})
    # transformers has no public question for it.
    if type(config) in library.AutoModelForMaskGeneration._model_mapping:  # noqa: SLF001
        return library.AutoModelForMaskGeneration, "prompted", frozenset({"boxes", "points"})
    if config.model_type in ("mask2former", "maskformer"):
        return library.AutoModelForUniversalSegmentation, "classes", frozenset({"phrase"})
    raise ValueError(f"{config.model_type} is none of the families that are known here")
