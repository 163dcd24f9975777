"""From a program to a plan over general image tools: what an agent runs, and what a planner can be taught.

The tools are `segment_shapes` and `panels` for perception, `labelled`, `both`, `without`, `merge`, `holding`,
`at_edge`, `nth_from`, `stacked`, `inside` for sets, and `count`, `compare`, `exists`, `all_true` for truth. None of
them knows NLVR.
"""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from visagent.core.errors import PlanError
from visagent_research.nlvr.programs import Program, is_about_panels

Step = dict[str, JsonValue]


def plan_of(program: Program) -> list[Step]:
    """The steps of the plan that says what a program says; steps that two places need stand once.

    Raises:
        PlanError: the program counts colours or asks for sizes or stacks, which no general tool here does.
    """
    writer = _Writer()
    writer.truth(program)
    return writer.steps


class _Writer:
    """Writes steps in the order of first need."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def step(self, tool: str, **arguments: JsonValue) -> str:
        """Add a step, or find the same one, and give its reference."""
        made: Step = {"tool": tool, **arguments}
        if made not in self.steps:
            self.steps.append(made)
        return f"$q{self.steps.index(made) + 1}"

    def truth(self, program: Program) -> str:
        head = program[0]
        if head == "both":
            first, second = self.truth(program[1]), self.truth(program[2])
            return self.step("all_true", values=[first, second])
        if head == "count":
            members = self.members(program[3])
            if (program[1], program[2]) == (">=", 1):
                return self.step("exists", items=members)
            return self.step("compare", a=self.step("count", items=members), op=program[1], b=program[2])
        subject = self.members(program[1])
        rest = self.step("without", a=subject, b=self.members(program[2]))
        none_left = self.step("compare", a=self.step("count", items=rest), op="=", b=0)
        return self.step("all_true", values=[self.step("exists", items=subject), none_left])

    def members(self, program: Program) -> str:
        """The reference of a set of panels or shapes."""
        return self.panels(program) if is_about_panels(program) else self.shapes(program)

    def panels(self, program: Program, among: str | None = None) -> str:
        """The panels of a set, among some panels."""
        among = among or self.step("panels")
        match program[0]:
            case "panels":
                return among
            case "and":
                for part in program[1:]:
                    among = self.panels(part, among)
                return among
            case "or":
                return self._merged([self.panels(part, among) for part in program[1:]])
            case "holding":
                return self.step("holding", a=among, b=self.shapes(program[3]), op=program[1], number=program[2])
            case "only":
                chosen = self.shapes(program[1])
                others = self.step("without", a=self.step("segment_shapes"), b=chosen)
                some = self.step("holding", a=among, b=chosen, op=">=", number=1)
                return self.step("holding", a=some, b=others, op="=", number=0)
        raise _beyond(program)

    def shapes(self, program: Program, among: str | None = None) -> str:
        """The shapes of a set, among some shapes."""
        everything = self.step("segment_shapes")
        among = among or everything
        match program[0]:
            case "shapes":
                return among
            case "is" if program[1] not in ("small", "medium", "large"):
                return self.step("labelled", boxes=among, word=program[1])
            case "and":
                # What is easy to tell comes first: colours and kinds, then places.
                for part in sorted(program[1:], key=lambda part: part[0] != "is"):
                    among = self.shapes(part, among)
                return among
            case "or":
                return self._merged([self.shapes(part, among) for part in program[1:]])
            case "not":
                return self.step("without", a=among, b=self.shapes(program[1], among))
            case "edge":
                return self.step("at_edge", a=among, b=self.step("panels"), side=program[1])
            case "at":
                placed = self.step(
                    "nth_from", a=everything, b=self.step("panels"), side=program[1], position=program[2]
                )
                return placed if among == everything else self.step("both", a=among, b=placed)
            case "over" | "under" | "on":
                return self.step("stacked", a=among, b=self.shapes(program[1]), how=program[0])
            case "in":
                return self.step("inside", a=among, b=self.panels(program[1]))
        raise _beyond(program)

    def _merged(self, parts: list[str]) -> str:
        result = parts[0]
        for part in parts[1:]:
            result = self.step("merge", a=result, b=part)
        return result


def _beyond(program: Program) -> PlanError:
    described: Any = program[1] if program[0] == "is" else program[0]
    return PlanError(f"No general tool tells {described!r}.", "Run the program itself.")
