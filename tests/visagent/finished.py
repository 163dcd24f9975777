"""A finished run, without running one: what is left of a question about dogs."""

from __future__ import annotations

from datetime import UTC, datetime

from visagent.agent.runs import RunRecord
from visagent.core.settings import load_profile
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.values import Box, Boxes, Evidence, Number
from visagent.media.media import Media
from visagent.planning.plan import Plan, compile_plan
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit.installed()
STEPS: list[dict[str, object]] = [{"tool": "detect", "label": "dog"}, {"tool": "count", "items": "$q1"}]


def finished_run(picture: Media, steps: list[dict[str, object]], **changes: object) -> RunRecord:
    """A run that counted dogs in a picture, with sub-questions numbered from q3."""
    tree = compile_plan("How many dogs?", Plan(steps=steps), TOOLS, {"image1": picture.info}, lambda call, _: str(call))
    boxes = Boxes(media=picture.hash, boxes=(Box(xyxy=(1, 2, 3, 4), label="dog"),))
    answer = Answer(
        run_id="20260101-000000-abcd",
        question="How many dogs?",
        text="There is 1 dog [q2].",
        status="answered",
        claims=(Claim(text="There is 1 dog [q2].", cites=("q2",), verdict="supported"),),
        tree=tree,
        evidence={
            "q1": Evidence(id="q1", tool="detect", value=boxes),
            "q2": Evidence(id="q2", tool="count", value=Number(value=1)),
        },
        media={"image1": picture.info},
    )
    record = RunRecord(
        id=answer.run_id,
        created=datetime.now(UTC),
        question=answer.question,
        media={"image1": picture.info},
        profile=load_profile("embedded"),
        status="finished",
        answer=answer,
    )
    return record.model_copy(update=changes)
