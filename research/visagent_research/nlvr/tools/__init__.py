"""Tools for drawings: flat shapes, the panels they stand on, and how they are arranged. Knows no benchmark's words."""

from __future__ import annotations

from visagent.tools.toolkit import Toolkit

__all__ = ["diagram_tools"]


def diagram_tools() -> Toolkit:
    """The eight tools for drawings; no profile offers them, so whoever wants them adds them to an agent's own."""
    return Toolkit(["visagent_research.nlvr.tools.segment_shapes", "visagent_research.nlvr.tools.arrangement"])
