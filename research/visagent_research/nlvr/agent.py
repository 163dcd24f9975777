"""NLVR through the whole agent: each picture a question with yes or no, over pictures with the tools for drawings.

`nlvr-agent` asks the profile's own planner. `nlvr-plans` has the chart parser plan instead: it reads the sentence, its
program becomes a plan, and the agent's scheduler runs that on the picture and answers from the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from visagent.core.errors import PlanError
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, all_right, share
from visagent.evaluation.agent_items import YES_NO, AgentItem
from visagent.evaluation.benchmark import data_file
from visagent.evaluation.bootstrap import Estimate
from visagent.models.protocol import MLLM, Message
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Tool, Toolkit
from visagent_research.nlvr.benchmark import NlvrBenchmark
from visagent_research.nlvr.model import best_program, shipped_weights
from visagent_research.nlvr.plans import plan_of
from visagent_research.nlvr.tools import diagram_tools

ASKED = "Is it true that: "


class NlvrAgent(AgentBenchmark):
    """Sentences about pictures of shapes, asked of the agent as it is; the format is that of `NlvrBenchmark`."""

    name = "nlvr-agent"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        folder = data_file(path).parent
        items = []
        for item in NlvrBenchmark().load(path):
            asked = AgentItem(
                id=item.id,
                question=f"{ASKED}{item.sentence}",
                media=(),
                gold=("yes" if item.gold else "no",),
                form=YES_NO,
                group=item.group,
                unscored="" if item.images else "it has no pictures",
            )
            items += [
                asked.model_copy(update={"id": f"{item.id}/{number}", "media": (folder / image,)})
                for number, image in enumerate(item.images)
            ] or [asked]
        return items

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Accuracy over pictures and consistency over sentences, as `NlvrBenchmark` has them."""
        return {"accuracy": share(rows), "consistency": all_right(rows)}

    def tools(self) -> Iterable[Tool]:
        """Those for drawings."""
        return diagram_tools().values()


class NlvrPlans(NlvrAgent):
    """The same sentences, planned by the chart parser with the shipped weights."""

    name = "nlvr-plans"

    def tools(self) -> Iterable[Tool]:
        """Those for drawings, and the one for what is not in a set, which some profiles hide from their planner."""
        return [*super().tools(), Toolkit.installed()["without"]]

    def models(self) -> Mapping[str, MLLM]:
        """The parser, as a controller."""
        return {"controller": ScriptedModel(parsed_plan, name="nlvr-parser")}


def parsed_plan(messages: Sequence[Message], schema: object = None) -> list[dict[str, Any]]:
    """The plan that the chart parser makes of NLVR's sentence in a prompt, as `ScriptedModel` takes it.

    A sentence that nothing can be made of, or whose program is no plan, becomes the question whether there is any
    shape: nearly always true, and true is the commoner label.
    """
    found = re.search(rf"{re.escape(ASKED)}(.+)", messages[-1].text)
    program = best_program(found[1].strip(), shipped_weights()) if found else None
    if program is not None:
        with suppress(PlanError):
            return plan_of(program)
    return [{"tool": "segment_shapes"}, {"tool": "exists", "items": "$q1"}]
