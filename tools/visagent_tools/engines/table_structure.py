"""The structure of a table in a picture, by SLANet-plus on onnxruntime: RGB arrays in, places of cells out.

SLANet (PaddleOCR, 2022, arXiv:2210.05391) writes a table's HTML tags one after the other and gives each cell's corners.
It always writes a table, of a chart or a cat as well: whether there is one is for its caller to judge.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visagent.core.errors import ModelError
from visagent.evidence.values import XYXY
from visagent.models.catalogue import find_source
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.onnx import onnx_session

WEIGHTS = "slanet-plus"
SIDE = 488
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the channels in the network's order, blue first
SPANS = 50
"""Rows or columns that one cell may reach over; beyond it the network has lost its way."""


class Place(NamedTuple):
    """Where a cell stands in the table and in the picture; its row and column are counted from 0."""

    row: int
    column: int
    row_span: int
    column_span: int
    xyxy: XYXY


class TableStructure:
    """One loaded network; safe to call from several threads at once.

    Args:
        path: The ``.onnx`` file.

    Raises:
        MissingDependency: onnxruntime is not installed.
        ModelError: the file is missing or is not that network.
    """

    def __init__(self, path: Path) -> None:
        remedy = f"Fetch it again: {WEIGHTS}."
        self._session = onnx_session(path, "table reader SLANet-plus", remedy)
        if (tokens := self._session.get_modelmeta().custom_metadata_map.get("character")) is None:
            raise ModelError(f"{path}: this network does not say which tags of a table it writes.", remedy)
        # The network was trained with cells that span nothing as one token.
        kept = [token for token in tokens.splitlines() if token != "<td>"]
        self._tokens = ["sos", *kept, *([] if "<td></td>" in kept else ["<td></td>"]), "eos"]
        self._input = self._session.get_inputs()[0].name

    def places(self, pixels: NDArray[np.uint8]) -> list[Place]:
        """The cells of the table that fills a picture, row by row.

        Args:
            pixels: Height x width x 3, uint8, RGB.
        """
        height, width = pixels.shape[:2]
        ratio = SIDE / max(height, width)
        size = (max(1, int(width * ratio)), max(1, int(height * ratio)))
        small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR), np.float32)[..., ::-1]
        padded = np.zeros((SIDE, SIDE, 3), np.float32)
        padded[: size[1], : size[0]] = (small / 255 - np.array(MEAN)) / np.array(STD)
        corners, scores = self._session.run(None, {self._input: padded.transpose(2, 0, 1)[None]})
        # Corners are shares of the padded square.
        scale = np.tile([SIDE / ratio], 8)
        return _placed([self._tokens[index] for index in scores[0].argmax(axis=1)], corners[0] * scale, (width, height))


def _placed(tokens: list[str], corners: NDArray[np.float32], size: tuple[int, int]) -> list[Place]:
    """The cells that the tags describe, up to the tag that ends the table."""
    places: list[Place] = []
    taken: set[tuple[int, int]] = set()
    row, column, spans, start = -1, 0, {"rowspan": 1, "colspan": 1}, 0

    def close() -> None:
        nonlocal column
        while (row, column) in taken:
            column += 1
        down, across = spans["rowspan"], spans["colspan"]
        taken.update((row + y, column + x) for y in range(down) for x in range(across))
        xs, ys = (np.clip(corners[start][axis::2], 0, size[axis]) for axis in (0, 1))
        xyxy = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
        places.append(Place(row, column, down, across, xyxy))
        column += across
        spans.update(rowspan=1, colspan=1)

    for index, token in enumerate(tokens):
        if token == "eos" and index:
            break
        if token == "<tr>":
            row, column = row + 1, 0
        elif token == "<td></td>":
            start = index
            close()
        elif token == "<td":
            start = index
        elif token == "</td>":
            close()
        elif found := re.fullmatch(r' (rowspan|colspan)="(\d+)"', token):
            spans[found[1]] = min(SPANS, max(1, int(found[2])))
    return [place for place in places if place.row >= 0]


_loaded: Memo[str, TableStructure] = Memo(limit=1)


def structure_of(pixels: NDArray[np.uint8]) -> list[Place]:
    """As `TableStructure.places`, with the network loaded once; its weights are fetched where they are missing.

    Raises:
        SourceError: the weights cannot be fetched.
        MissingDependency: onnxruntime is not installed.
        ModelError: the network cannot be loaded.
    """
    return _loaded.get(WEIGHTS, lambda: TableStructure(find_source(WEIGHTS).resolve())).places(pixels)
