"""A small typed language for statements about panels of shapes, and its interpreter. Knows no words and no weights.

A program is a nested tuple. Sets of shapes:

=================================  ==========================================================================
`("shapes",)`                      all shapes
`("is", word)`                     those of a colour, kind or size
`("and" | "or", S, S, ...)`        those in every, in any
`("not", S)`                       all others
`("edge", side)`                   those that touch a side of their panel: left, top, right, bottom, any, corner
`("at", side, k)`                  the k-th from the top or the bottom of each panel
`("over" | "under" | "on", S)`     those above, below, resting on one of S
`("touching", S)`                  those that touch another one of S
`("stacked", S)`                   those of S that rest on, or carry, another one of S
`("in", P)`                        those that lie in one of the panels P
=================================  ==========================================================================

Sets of panels: `("panels",)`, `("and" | "or", P, ...)`, `("holding", op, k, S)` (with so many of S), `("only", S)`
(not empty, and nothing but S), `("hues", op, k, S)` (with so many different colours among S). Truths:
`("count", op, k, X)`, `("all", X, Y)` (every one of X, of which there is one, is in Y), `("both", T, T)`. `op` is one
of =, >=, <=.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from visagent_research.nlvr.scene import SIDES, Scene, bits

Program: TypeAlias = tuple[Any, ...]

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "=": lambda a, b: a == b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


class Interpreter:
    """Runs programs on one scene, and remembers every part that it has run.

    Args:
        scene: What the programs are about.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._shapes: dict[Program, int] = {}
        self._panels: dict[Program, int] = {}

    def truth(self, program: Program) -> bool:
        """Whether a statement is true of the scene."""
        head = program[0]
        if head == "both":
            return self.truth(program[1]) and self.truth(program[2])
        sets = self.panels if is_about_panels(program[-1]) else self.shapes
        if head == "count":
            return COMPARE[program[1]](sets(program[3]).bit_count(), program[2])
        subject, predicate = sets(program[1]), sets(program[2])
        return subject != 0 and subject & ~predicate == 0

    def shapes(self, program: Program) -> int:
        """The mask of a set of shapes."""
        if (known := self._shapes.get(program)) is None:
            known = self._shapes[program] = self._find_shapes(program)
        return known

    def panels(self, program: Program) -> int:
        """The mask of a set of panels."""
        if (known := self._panels.get(program)) is None:
            known = self._panels[program] = self._find_panels(program)
        return known

    def _find_shapes(self, program: Program) -> int:
        scene, head = self._scene, program[0]
        match head:
            case "shapes":
                return scene.everything
            case "is":
                return scene.where(lambda shape: program[1] in (shape.color, shape.kind, shape.size))
            case "and" | "or":
                return _joined(head, [self.shapes(part) for part in program[1:]])
            case "not":
                return scene.everything & ~self.shapes(program[1])
            case "edge":
                return self._at_edge(program[1])
            case "at":
                ranked = [order if program[1] == "top" else order[::-1] for order in scene.heights]
                return sum(1 << order[program[2] - 1] for order in ranked if len(order) >= program[2])
            case "in":
                return sum(scene.members[panel] for panel in bits(self.panels(program[1])))
            case "stacked":
                chosen = self.shapes(program[1])
                upper = self._relating(scene.on, chosen) & chosen
                lower = sum({1 << index for one in bits(upper) for index in bits(scene.on[one] & chosen)})
                return upper | lower
            case "under":
                carried = self.shapes(program[1])
                return sum({1 << index for one in bits(carried) for index in bits(scene.above[one])})
        relation = {"over": scene.above, "on": scene.on, "touching": scene.near}[head]
        return self._relating(relation, self.shapes(program[1]))

    def _relating(self, relation: tuple[int, ...], chosen: int) -> int:
        return sum(1 << index for index, others in enumerate(relation) if others & chosen)

    def _at_edge(self, side: str) -> int:
        sides = self._scene.at_side
        if side == "any":
            return _joined("or", [sides[name] for name in SIDES])
        if side == "corner":
            return (sides["left"] | sides["right"]) & (sides["top"] | sides["bottom"])
        return next(mask for name, mask in sides.items() if name == side)

    def _find_panels(self, program: Program) -> int:
        scene, head = self._scene, program[0]
        match head:
            case "panels":
                return scene.every_panel
            case "and" | "or":
                return _joined(head, [self.panels(part) for part in program[1:]])
            case "only":
                chosen = self.shapes(program[1])
                return _mask(members and not members & ~chosen for members in scene.members)
        compare, number, chosen = COMPARE[program[1]], program[2], self.shapes(program[3])
        if head == "holding":
            return _mask(compare((members & chosen).bit_count(), number) for members in scene.members)
        colors = ({scene.shapes[index].color for index in bits(members & chosen)} for members in scene.members)
        return _mask(compare(len(found), number) for found in colors)


def is_about_panels(program: Program) -> bool:
    """Whether a set is one of panels, and not of shapes."""
    if program[0] in ("and", "or"):
        return is_about_panels(program[1])
    return program[0] in ("panels", "holding", "only", "hues")


def conjoin(*parts: Program) -> Program:
    """What is in every part, in one canonical form, so that equal programs are equal tuples."""
    flat: set[Program] = set()
    for part in parts:
        flat |= set(part[1:]) if part[0] == "and" else {part}
    whole = {("shapes",), ("panels",)}
    kept = sorted(flat - whole, key=repr)
    if not kept:
        return next(iter(flat))
    return kept[0] if len(kept) == 1 else ("and", *kept)


def unite(*parts: Program) -> Program:
    """What is in any part, in one canonical form."""
    flat: set[Program] = set()
    for part in parts:
        flat |= set(part[1:]) if part[0] == "or" else {part}
    kept = sorted(flat, key=repr)
    return kept[0] if len(kept) == 1 else ("or", *kept)


def _joined(head: str, masks: list[int]) -> int:
    result = masks[0]
    for mask in masks[1:]:
        result = result & mask if head == "and" else result | mask
    return result


def _mask(truths: Any) -> int:
    return sum(1 << index for index, truth in enumerate(truths) if truth)
