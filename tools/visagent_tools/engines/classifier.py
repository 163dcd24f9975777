"""The packaged ImageNet classifier, loaded once, run once per region. Knows no tool."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from visagent.evidence.values import Crop, Label
from visagent_tools.engines.efficientnet import LABELS, EfficientNetLite
from visagent_tools.engines.memo import Memo

_loaded: Memo[str, EfficientNetLite] = Memo(limit=1)
_named: Memo[tuple[object, ...], list[tuple[Label, ...]]] = Memo(limit=256)

BEST = 5


def classes_of(crops: Sequence[Crop], kinds: Sequence[frozenset[int]] = ()) -> list[tuple[Label, ...]]:
    """The five likeliest ImageNet classes of each region, best first.

    Regions that are asked for together go through the network as one batch.

    Args:
        crops: The regions.
        kinds: For each region the indices of the classes that it can be of, empty for all; nothing for all of each.

    Raises:
        MissingInput: a region has no pixel.
        MissingDependency: onnxruntime is not installed.
        ModelError: the network cannot be loaded.
    """
    key = tuple((crop.media, crop.xyxy, crop.scale, crop.seconds) for crop in crops)
    allowed = tuple(kinds) or (frozenset[int](),) * len(crops)
    return _named.get((key, allowed), lambda: _classes(crops, allowed))


def network() -> EfficientNetLite:
    """The packaged classifier.

    Raises:
        MissingDependency: onnxruntime is not installed.
        ModelError: the network cannot be loaded.
    """
    path = Path(str(files("visagent_tools") / "weights" / "efficientnet-lite0.onnx"))
    return _loaded.get(str(path), lambda: EfficientNetLite(path))


def _classes(crops: Sequence[Crop], kinds: Sequence[frozenset[int]]) -> list[tuple[Label, ...]]:
    named = []
    for kin, row in zip(kinds, network().classify([crop.array() for crop in crops]), strict=True):
        best = [index for index in (-row).argsort(kind="stable") if not kin or index in kin][:BEST]
        named.append(tuple(Label(name=LABELS[index], confidence=min(1.0, float(row[index]))) for index in best))
    return named
