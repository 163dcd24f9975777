"""What is asked instead where a plan failed for a word that the detector does not know. Knows no model and no picture.

- The text on such a thing, or on one that was not found, is read from the whole picture.
- Of what something is beside, on or in such a thing, there may be one alone in the picture: then that is meant.
- Where there is nobody at all, there is nobody behind such a thing.
- Of what kind something is that the detector missed, and the classifier sees, the picture as a whole shows.
- Which is more is looked up in a table's column, where no number stands beside the column's name; and one number where
  its row and column meet, as in a chart.
- Of a table that was read, the row and the column are those whose own names the question says.
- What a table says to the whole question, by the rows and columns that it names.
- How much more one row has than another, and whether it has more, is worked out from the cells of the column that is
  meant.
- Whether there is a "start button" is whether the text says "start".
- Where nothing shows what people do, they are described.
- What stands beside a word that no detector knows, as in a diagram, may stand beside it in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from visagent.evidence.contents import items_of, notes_of
from visagent.evidence.tree import QuestionTree, ToolCall, references, renamed
from visagent.evidence.values import Boxes, Evidence, Failure, Table, Text
from visagent.planning.choices import extreme_asked
from visagent.planning.step_lists import Step, referred
from visagent.planning.table_questions import of_a_table, price_of_many
from visagent.planning.table_words import table_steps
from visagent.planning.written_things import name_in

_OF_ONE = frozenset(("dominant_colors", "classify", "locate", "read_text"))
"""Tools whose result for the one thing of a kind is that for the one that is meant."""
_OF_NONE = frozenset(("exists",))
"""Tools whose result for no thing of a kind at all is that for those that stand somewhere as well; how many there are
takes for granted that there are some."""
_RELATIONS = frozenset(("overlaps", "inside", "nearest", "above", "below", "left_of", "right_of"))
_BESIDE_WORD = re.compile(
    r"(?i)\bwhat(?:['’]?s| is| are)?\b.*\b(?P<side>left of|right of|above|below|under|next to|beside)"
    r" (?:the |an? )?(?P<word>[\w-]+(?: [\w-]+)?)\W*$"
)
_NAME = re.compile(r"(?<!^)\b(?:[A-Z][\w'-]+(?: [A-Z][\w'-]+)*|(?:19|20)\d\d)\b")
"""A name, or a year."""
_MORE_THAN = (
    re.compile(
        r"(?i)\bhow (?:much|many)\b.*\bmore\b.*? (?:does|do|did) (?:the )?(?P<a>[\w'-]+) \w+ (?:on|for|in|at) "
        r"(?P<by>\w[\w -]*?),? th[ae]n (?:the |does )?(?P<b>[\w'-]+)\W*$"
    ),
    re.compile(
        r"(?i)\bdifference between (?:the )?(?P<a>[\w'-]+) and (?:the )?(?P<b>[\w'-]+) "
        r"(?:in|for|on|at|by)(?: terms of)? (?:the )?(?P<by>\w[\w -]*?)\W*$"
    ),
)
_HAS_MORE = re.compile(
    r"(?i)^\W*(?:does|do|did) (?:the )?(?P<a>[\w'-]+) \w+ (?P<more>more|less|fewer) (?:\w+ )?(?:on|for|in|at) "
    r"(?P<by>\w[\w -]*?) than (?:the )?(?P<b>[\w'-]+)\W*$"
)
_READERS = frozenset(("read_text", "read_table"))
_READING = _READERS | {"find_number", "find_text", "cell", "best_row", "aggregate", "calculate", "compare", "contains"}
"""Tools that look for what a page says, one of whose tries failed."""
LEAST_NUMBERS = 4
"""In a text that may be a table or a chart."""
_SIDES = {"left of": "left_of", "right of": "right_of", "above": "above", "below": "below", "under": "below"}


class SecondPlan(NamedTuple):
    """Another way to answer a sub-question.

    Attributes:
        steps: Steps as in `visagent.planning.plan.Plan`; the last one takes the sub-question's place.
        without: Words of the question that it leaves out.
    """

    steps: list[Step]
    without: tuple[str, ...] = ()


def second_plan(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> SecondPlan | None:
    """What to ask instead of a sub-question that failed since the detector does not know a word; None for nothing.

    Args:
        tree: Question tree of the plan.
        evidence: Evidence by sub-question id.
        id_: Id of a sink of the tree.
    """
    below = [one for one in tree.order if one in tree.with_needs([id_])]
    unknown = [one for one in below if _is_unknown(evidence.get(one))]
    if id_ not in evidence or not evidence[id_].failed:
        return None
    if tree[id_].solver.tool == "look_up" and len(below) == 2 and evidence[below[0]].failed:
        return SecondPlan([{"tool": "caption", **tree[below[0]].solver.arguments}])
    if tree[id_].solver.tool == "doing":
        return SecondPlan(_steps(tree, below[:-1], {}, {"tool": "caption", **tree[id_].solver.arguments}))
    if (kind := _kind_in_picture(tree, evidence, below, unknown)) is not None:
        return kind
    if (by_names := _by_names(tree, evidence, below)) is not None:
        return by_names
    if not unknown:
        missed = [one for one in below if _is_missed(tree, evidence, one)]
        looked_up = _best_row(tree, below) or _difference(tree, below) or _cell(tree, below)
        looked_up = looked_up or _of_table(tree, evidence, below)
        # Of a book that somebody holds the rest of the picture's text says nothing.
        alone = len(below) == 2 and len(missed) == 1
        return looked_up or (_read_whole(tree, below, missed) if alone else None)
    return (
        _without_relations(tree, evidence, below, unknown)
        or _by_its_name(tree, below, unknown)
        or _read_whole(tree, below, unknown)
        or _beside_the_word(tree, unknown)
    )


def _is_unknown(found: Evidence | None) -> bool:
    return found is not None and isinstance(found.value, Failure) and found.value.error == "UnknownLabel"


def _is_missed(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    found = evidence[id_].value if id_ in evidence else None
    return tree[id_].solver.tool == "detect" and isinstance(found, Boxes) and not found.boxes


def _kind_in_picture(
    tree: QuestionTree, evidence: Mapping[str, Evidence], below: Sequence[str], unknown: Sequence[str]
) -> SecondPlan | None:
    """The kind that the whole picture shows, of a thing that no box was found for and the classifier sees in it."""
    if tree[below[-1]].solver.tool != "classify":
        return None
    seen = [one for one in below if one in evidence and _is_doubted(evidence[one])]
    if len(seen) != 1 or tree[seen[0]].solver.tool != "detect":
        return None
    looked = tree[seen[0]].solver.arguments
    if any(references(looked.get("image"))):
        return None
    image = {"image": looked["image"]} if "image" in looked else {}
    return SecondPlan([{"tool": "classify", **image, "kind": looked["label"]}], _labels(tree, unknown))


def _is_doubted(found: Evidence) -> bool:
    return any(note.kind == "doubted" for note in notes_of(found.value)) and not items_of(found.value)


def _read_whole(tree: QuestionTree, below: Sequence[str], unknown: Sequence[str]) -> SecondPlan | None:
    """The text of the picture in which the thing was looked for."""
    readers = [one for one in below if tree[one].solver.tool == "read_text"]
    if len(readers) != 1 or not tree.with_needs(readers) & set(unknown):
        return None
    looked = tree[unknown[0]].solver.arguments.get("image")
    if any(references(looked)):
        return None
    above = [one for one in below if readers[0] in tree.with_needs([one]) and one != readers[0]]
    if any(set(tree[one].needs) - {readers[0], *above} for one in above):
        return None
    reading: Step = {"tool": "read_text", **({"image": looked} if looked is not None else {})}
    return SecondPlan(_steps(tree, [*above], {readers[0]: reading}), _labels(tree, unknown))


def _without_relations(
    tree: QuestionTree, evidence: Mapping[str, Evidence], below: Sequence[str], unknown: Sequence[str]
) -> SecondPlan | None:
    """The plan without relations to what the detector does not know, where one thing alone can be meant, or none."""
    last = tree[below[-1]].solver
    if last.tool not in _OF_ONE | _OF_NONE:
        return None
    number = 1 if last.tool in _OF_ONE else 0
    instead: dict[str, str] = {}
    for one in below:
        a, b = (referred(tree[one].solver.arguments.get(name)) for name in ("a", "b"))
        if tree[one].solver.tool in _RELATIONS and a is not None and b is not None and _rests_on(tree, b, unknown):
            meant = instead.get(a, a)
            found = evidence[meant].value if meant in evidence else None
            if not isinstance(found, Boxes) or not found.placed or len(found.boxes) != number:
                return None
            instead[one] = meant
    if not instead:
        return None
    top = renamed(next(iter(last.arguments.values())), instead)
    kept = [one for one in below if one in tree.with_needs(references(top))]
    if any(_is_unknown(evidence.get(one)) or items_of(evidence[one].value) is None for one in kept):
        return None
    first = next(iter(last.arguments))
    return SecondPlan(_steps(tree, kept, {}, {"tool": last.tool, **last.arguments, first: top}), _labels(tree, unknown))


def _by_its_name(tree: QuestionTree, below: Sequence[str], unknown: Sequence[str]) -> SecondPlan | None:
    """Whether the text mentions the name of a button, a node or the like, where the plan asks whether there is one."""
    call = tree[unknown[0]].solver
    name = name_in(str(call.arguments.get("label")))
    tools = {tree[one].solver.tool for one in below}
    if name is None or not tools <= _RELATIONS | {"detect", "exists"} or any(references(_image(call))):
        return None
    reading: Step = {"tool": "read_text", **({"image": _image(call)} if "image" in call.arguments else {})}
    return SecondPlan([reading, {"tool": "contains", "text": "$q1", "query": name}])


def _image(call: ToolCall) -> JsonValue:
    return call.arguments.get("image")


def _best_row(tree: QuestionTree, below: Sequence[str]) -> SecondPlan | None:
    """Which row has more, where a number was looked for beside the name of what is compared."""
    calls = [tree[one].solver for one in below]
    near = [str(call.arguments["near"]) for call in calls if call.tool == "find_number" and "near" in call.arguments]
    read = [call for call in calls if call.tool == "read_text"]
    which = extreme_asked(tree.question)
    # "Tea or coffee?" has two names, and neither is a column's.
    if which is None or not near or len(read) != 1 or any(call.tool == "compare" for call in calls):
        return None
    if isinstance(read[0].arguments.get("image"), list) or re.search(r"(?i)\bor\b|还是", tree.question):
        return None
    by = max(near, key=len)
    if not all(one in by for one in near):
        return None
    table: Step = {"tool": "read_table", **read[0].arguments}
    return SecondPlan([table, {"tool": "best_row", "table": "$q1", "which": which, "by": by}])


def _difference(tree: QuestionTree, below: Sequence[str]) -> SecondPlan | None:
    """How much more one row of a table has than another in a column, or whether, where numbers were looked for beside
    names."""
    calls = [tree[one].solver for one in below]
    read = [call for call in calls if call.tool == "read_text"]
    tools = {call.tool for call in calls}
    last = calls[-1].tool
    patterns = {"calculate": _MORE_THAN, "compare": (_HAS_MORE,)}.get(last, ())
    found = next((found for pattern in patterns if (found := pattern.search(tree.question))), None)
    if found is None or tools != {"read_text", "find_number", last}:
        return None
    if isinstance(read[0].arguments.get("image"), list) or any(call != read[0] for call in read):
        return None
    result: Step = {"tool": "calculate", "expression": "a - b", "a": "$q3", "b": "$q5"}
    if last == "compare":
        op = ">" if found["more"].lower() == "more" else "<"
        result = {"tool": "compare", "a": "$q3", "op": op, "b": "$q5"}
    return SecondPlan(
        [
            {"tool": "read_table", **read[0].arguments},
            {"tool": "cell", "table": "$q1", "row": found["a"], "column": found["by"]},
            {"tool": "find_number", "text": "$q2"},
            {"tool": "cell", "table": "$q1", "row": found["b"], "column": found["by"]},
            {"tool": "find_number", "text": "$q4"},
            result,
        ]
    )


def _cell(tree: QuestionTree, below: Sequence[str]) -> SecondPlan | None:
    """What stands where a row and a column meet, where a number was looked for beside the name of one of them.

    The other one is the one name or year that the question has besides.
    """
    calls = [tree[one].solver for one in below]
    if [call.tool for call in calls] != ["read_text", "find_number"] or "near" not in calls[1].arguments:
        return None
    near = str(calls[1].arguments["near"])
    others = [one for one in _NAME.findall(tree.question) if one.lower() not in near.lower()]
    if len(others) != 1 or isinstance(calls[0].arguments.get("image"), list):
        return None
    table: Step = {"tool": "read_table", **calls[0].arguments}
    return SecondPlan([table, {"tool": "cell", "table": "$q1", "row": near, "column": others[0]}])


def _by_names(tree: QuestionTree, evidence: Mapping[str, Evidence], below: Sequence[str]) -> SecondPlan | None:
    """What is asked of a table that was read, by those of its own names that the question says."""
    if [tree[one].solver.tool for one in below[:-1]] != ["read_table"] or below[0] not in evidence:
        return None
    table = evidence[below[0]].value
    if not isinstance(table, Table):
        return None
    steps = table_steps(table, tree.question, tree[below[0]].solver, tree[below[-1]].solver)
    return None if steps is None else SecondPlan(steps)


def _of_table(tree: QuestionTree, evidence: Mapping[str, Evidence], below: Sequence[str]) -> SecondPlan | None:
    """What a table says to the whole question, where it was looked for by words beside numbers, or by a wrong name."""
    calls = [tree[one].solver for one in below]
    if len(tree.sinks) > 1 or not {call.tool for call in calls} <= _READING:
        return None
    read = [call.arguments for call in calls if call.tool in _READERS]
    if not read or isinstance(read[0].get("image"), list) or any(one != read[0] for one in read):
        return None
    texts = [evidence[one].value for one in below if one in evidence]
    if any(isinstance(text, Text) and len(re.findall(r"\d+", text.text)) < LEAST_NUMBERS for text in texts[:1]):
        # Why nothing was found in a text without a table says more than that there is none.
        return None
    steps = price_of_many(tree.question) or of_a_table(tree.question)
    return SecondPlan([{**steps[0], **read[0]}, *steps[1:]]) if steps else None


def _beside_the_word(tree: QuestionTree, unknown: Sequence[str]) -> SecondPlan | None:
    found = _BESIDE_WORD.search(tree.question)
    looked = tree[unknown[0]].solver.arguments.get("image")
    if found is None or any(references(looked)):
        return None
    where = _SIDES.get(found["side"].lower(), "nearest")
    reading: Step = {"tool": "read_text", **({"image": looked} if looked is not None else {})}
    return SecondPlan([reading, {"tool": "find_text", "text": "$q1", "query": found["word"], "where": where}])


def _steps(tree: QuestionTree, kept: Sequence[str], given: Mapping[str, Step], last: Step | None = None) -> list[Step]:
    """Steps given, then those of the tree that are kept, then a last one, with references counted from `$q1`."""
    steps = dict(given) | {one: {"tool": tree[one].solver.tool, **tree[one].solver.arguments} for one in kept}
    if last is not None:
        steps["last"] = last
    names = {old: f"q{number}" for number, old in enumerate(steps, start=1)}
    return [{name: renamed(value, names) for name, value in step.items()} for step in steps.values()]


def _rests_on(tree: QuestionTree, id_: str, unknown: Sequence[str]) -> bool:
    return bool(tree.with_needs([id_]) & set(unknown))


def _labels(tree: QuestionTree, unknown: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(tree[one].solver.arguments.get("label")) for one in unknown))
