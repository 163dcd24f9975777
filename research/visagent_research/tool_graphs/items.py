"""Requests, tools and links of TaskBench's graph format as its files have them. Knows no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from visagent.core.errors import InputError
from visagent.evaluation.benchmark import Source, beside, data_file, read_lines
from visagent.evidence.values import Frozen
from visagent_research.metrics import Graph, Link


class ForeignTool(Frozen):
    """A tool of which there is only text.

    Attributes:
        name: Unique in its list.
        description: One line.
    """

    name: str
    description: str = ""


class _Named(BaseModel):
    task: str


class _Linked(BaseModel):
    source: str
    target: str


class GraphItem(BaseModel):
    """A request with its gold graph, as a line of the file has it; other fields are ignored."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)
    id: str
    user_request: str
    task_nodes: tuple[_Named, ...]
    task_links: tuple[_Linked, ...] = ()

    @property
    def gold(self) -> Graph:
        """The gold plan."""
        links = tuple((link.source, link.target) for link in self.task_links)
        return Graph(nodes=tuple(node.task for node in self.task_nodes), links=links)


def load_items(path: Path) -> list[GraphItem]:
    """The requests of a file, or of `dev.jsonl` in a folder.

    Raises:
        InputError: the file is missing, or a line of it is not in the format; names the line.
    """
    return read_lines(data_file(path), GraphItem)


def load_train(source: Source) -> list[GraphItem]:
    """What may be learned from: the file given, or the one beside the items; nothing where there is neither.

    Raises:
        InputError: the file that was given is missing, or a line is not in the format.
    """
    if source.train is not None:
        return load_items(source.train)
    train = data_file(source.path).parent / "train.jsonl"
    return load_items(train) if train.is_file() and train != data_file(source.path) else []


def load_tools(path: Path) -> list[ForeignTool]:
    """The tools that belong to a file of requests.

    Raises:
        InputError: `tool_desc.json` is missing or not in the format.
    """
    nodes = _read(beside(path, "tool_desc.json"), "nodes")
    return [ForeignTool(name=str(node["id"]), description=str(node.get("desc", ""))) for node in nodes]


def load_links(path: Path) -> set[Link]:
    """Which tool may follow which.

    Raises:
        InputError: `graph_desc.json` is missing or not in the format.
    """
    return {(str(link["source"]), str(link["target"])) for link in _read(beside(path, "graph_desc.json"), "links")}


def _read(path: Path, key: str) -> list[dict[str, Any]]:
    required = {"nodes": ("id",), "links": ("source", "target")}[key]
    try:
        found = json.loads(path.read_text("utf-8"))[key]
        if all(name in entry for entry in found for name in required):
            return list(found)
    except (json.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            f"{path.name} has no list of {key}: {error!r}.", "See docs/evaluation.md for the format."
        ) from error
    raise InputError(
        f"{path.name}: one of the {key} lacks {' or '.join(required)}.", "See docs/evaluation.md for the format."
    )
