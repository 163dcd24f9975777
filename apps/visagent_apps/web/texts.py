"""The app's words in each language, and which of them stand on which component."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import gradio as gr
import yaml

C = TypeVar("C")
LANGUAGES = {"English": "en", "中文": "zh"}
"""By the name that its readers know."""


@cache
def texts(language: str) -> Mapping[str, str]:
    """The words of a language; English for one that there is none of."""
    known: dict[str, Mapping[str, str]] = yaml.safe_load(
        files("visagent_apps").joinpath("web/words.yaml").read_text("utf-8")
    )
    return known.get(language, known["en"])


def preferred(request: gr.Request) -> str:
    """The language that a browser asks for first, if the app speaks it."""
    header = request.headers.get("accept-language", "")
    return "zh" if header.lower().startswith("zh") else "en"


class Labels:
    """Remembers which words stand where, so that a change of language reaches them all."""

    def __init__(self) -> None:
        self._bound: list[tuple[Any, dict[str, str]]] = []

    def on(self, component: C, **keys: str) -> C:
        """Put words on a component: `on(gr.Button(), value="ask")`; gives the component."""
        for attribute, key in keys.items():
            setattr(component, attribute, texts("en")[key])
        self._bound.append((component, keys))
        return component

    @property
    def components(self) -> list[Any]:
        """All of them, in the order of `updates`."""
        return [component for component, _ in self._bound]

    def updates(self, language: str) -> list[Any]:
        """An update a component."""
        said = texts(language)
        updates: list[dict[str, Any]] = [{name: said[key] for name, key in keys.items()} for _, keys in self._bound]
        return [gr.update(**update) for update in updates]
