"""The known tools by name, and what else the other packages need of tools. Knows no concrete tool.

`definition` makes a tool of a function, `spec` is what plans are checked against, `binding` runs the function.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

from visagent.core.errors import ToolDefinitionError, did_you_mean
from visagent.core.plugins import naming_the_package
from visagent.tools.binding import Context, Tool, as_tool, plain
from visagent.tools.definition import define, tool
from visagent.tools.phrases import ToolPhrases
from visagent.tools.spec import Audio, Clip, Formula, MediaKind, Parameter, ToolSpec, TypeName, Video

__all__ = [
    "ENTRY_POINTS", "Audio", "Clip", "Context", "Formula", "MediaKind", "Parameter", "Tool", "ToolPhrases", "ToolSpec",
    "Toolkit", "TypeName", "Video", "as_tool", "plain", "tool",
]  # fmt: skip

ENTRY_POINTS = "visagent.tools"


class Toolkit(Mapping[str, Tool]):
    """Tools by name, in the order in which they were added; a planner is shown them in that order."""

    def __init__(self, tools: Iterable[Tool | Callable[..., Any] | str | types.ModuleType] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for item in tools:
            self.add(item)

    @classmethod
    def installed(cls) -> Toolkit:
        """The tools that installed packages offer in the entry-point group `visagent.tools`, by package, then name.

        Raises:
            ToolDefinitionError: a package cannot be loaded, or offers what is no tool.
        """
        toolkit = cls()
        found = entry_points(group=ENTRY_POINTS)
        for entry in sorted(found, key=lambda entry: (entry.value.split(".")[0], entry.name)):
            with naming_the_package(entry, f"tools {entry.name!r}", ToolDefinitionError):
                loaded = entry.load()
            toolkit.add(loaded)
        return toolkit

    def add(self, item: Tool | Callable[..., Any] | str | types.ModuleType) -> None:
        """Add a tool, a function, every tool of a module, or what an import path such as `package.module:name` names.

        Raises:
            ToolDefinitionError: the path leads nowhere, the function cannot become a tool, or the name is taken.
        """
        for tool_ in _tools_of(item):
            known = self._tools.get(tool_.spec.name)
            if known is not None and known.function is not tool_.function:
                raise ToolDefinitionError(f"Two tools are named {tool_.spec.name}.", "Rename one: @tool(name=...).")
            self._tools[tool_.spec.name] = tool_

    def only(self, names: Iterable[str]) -> Toolkit:
        """The toolkit with these tools alone, in this order.

        Raises:
            ToolDefinitionError: a name is unknown.
        """
        return Toolkit([self[name] for name in names])

    def without(self, names: Iterable[str]) -> Toolkit:
        """The toolkit less these tools; names that it lacks are no matter."""
        dropped = set(names)
        return Toolkit([tool for name, tool in self._tools.items() if name not in dropped])

    def __getitem__(self, name: str) -> Tool:
        try:
            return self._tools[name]
        except KeyError:
            raise ToolDefinitionError(
                f"There is no tool named {name!r}.", did_you_mean(name, sorted(self._tools))
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


def _tools_of(item: Tool | Callable[..., Any] | str | types.ModuleType) -> list[Tool]:
    if isinstance(item, Tool):
        return [item]
    if isinstance(item, str):
        module_name, _, name = item.partition(":")
        try:
            module = importlib.import_module(module_name)
            return _tools_of(getattr(module, name) if name else module)
        except ToolDefinitionError:
            raise
        except (Exception, SystemExit) as error:
            # Other people's code: whatever it raises when it is imported, it is that tool which cannot be used.
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise ToolDefinitionError(
                f"{item[:200]} cannot be imported ({why}).", "Give package.module or package.module:tool."
            ) from error
    if isinstance(item, types.ModuleType):
        found = [value for value in vars(item).values() if isinstance(value, Tool)]
        if not found:
            raise ToolDefinitionError(f"The module {item.__name__} holds no tool.", "Decorate a function with @tool.")
        return found
    return [define(item)]
