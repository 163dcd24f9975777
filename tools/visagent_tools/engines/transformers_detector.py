"""Detectors from transformers behind the detector protocol: RF-DETR, RT-DETRv2 and D-FINE know a closed set of labels,
Grounding DINO and OWLv2 take any words. Their published weights are permissively licensed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from visagent.evidence.values import Box
from visagent_tools.engines.pretrained import load_libraries, model_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TransformersDetector:
    """One loaded network; which family it is, its configuration tells.

    Args:
        model: A folder, or another model source that `visagent.models.weights` describes.
        threshold: The least confidence, 0 to 1; 0.5 for closed vocabularies and 0.3 for open ones if None.
        device: Device of torch, for example "cpu" or "cuda"; CUDA where there is one if None.

    Raises:
        MissingDependency: torch or transformers is not installed.
        ModelError: the model cannot be fetched or loaded, or is no detector.
    """

    def __init__(self, model: str, *, threshold: float | None = None, device: str | None = None) -> None:
        self._torch, library = load_libraries('detector = "transformers"')
        with model_folder(
            model,
            "a detector",
            "Name a model for object detection, such as D-FINE, RT-DETRv2, RF-DETR, Grounding DINO or OWLv2.",
        ) as path:
            config = library.AutoConfig.from_pretrained(path, local_files_only=True)
            # transformers has no public question for it.
            open_vocabulary = library.AutoModelForZeroShotObjectDetection._model_mapping  # noqa: SLF001
            self._open = type(config) in open_vocabulary
            factory = library.AutoModelForZeroShotObjectDetection if self._open else library.AutoModelForObjectDetection
            self._network: Any = factory.from_pretrained(path, local_files_only=True).eval()
            reader = library.AutoProcessor if self._open else library.AutoImageProcessor
            self._processor: Any = reader.from_pretrained(path, local_files_only=True)
        self._device = device or ("cuda" if self._torch.cuda.is_available() else "cpu")
        self._network.to(self._device)
        self._threshold = (0.3 if self._open else 0.5) if threshold is None else threshold
        self.name = f"the detector {model}"
        self.labels: tuple[str, ...] | None = None
        if not self._open:
            self.labels = tuple(config.id2label[index] for index in sorted(config.id2label))
        self._lock = threading.Lock()

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str] | None) -> list[Box]:
        """The objects in one picture; see `Detector.find`."""
        asked = list(labels or ())
        if self._open and not asked:
            return []
        inputs = {"images": pixels, "return_tensors": "pt", "input_data_format": "channels_last"}
        if self._open:
            # One list of labels for the one picture; the processor writes them as its network was trained to read them.
            inputs["text"] = [asked]
        height, width = pixels.shape[:2]
        with self._lock, self._torch.inference_mode():
            batch = self._processor(**inputs).to(self._device)
            outputs = self._network(**batch)
        sizes = [(height, width)]
        if not self._open:
            result = self._processor.post_process_object_detection(
                outputs, threshold=self._threshold, target_sizes=sizes
            )[0]
            names = [self._network.config.id2label[index] for index in result["labels"].tolist()]
        else:
            more = {"input_ids": batch["input_ids"]} if "grounding" in self._network.config.model_type else {}
            result = self._processor.post_process_grounded_object_detection(
                outputs, threshold=self._threshold, target_sizes=sizes, text_labels=[asked], **more
            )[0]
            names = [str(name) for name in result["text_labels"]]
        boxes = []
        for (x1, y1, x2, y2), score, name in zip(
            result["boxes"].tolist(), result["scores"].tolist(), names, strict=True
        ):
            left, right = sorted((min(max(x1, 0.0), width), min(max(x2, 0.0), width)))
            top, bottom = sorted((min(max(y1, 0.0), height), min(max(y2, 0.0), height)))
            # With one label asked for, every box is of it; Grounding DINO may name only the words it matched.
            label = asked[0] if len(asked) == 1 else name
            boxes.append(Box(xyxy=(left, top, right, bottom), label=label, confidence=min(max(score, 0.0), 1.0)))
        return sorted((box for box in boxes if labels is None or box.label in labels), key=lambda box: -box.confidence)
