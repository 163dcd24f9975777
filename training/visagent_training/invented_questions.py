"""Questions that need a tool which exists in prompts alone, so that a planner learns to read its tool list."""

from __future__ import annotations

from random import Random

from visagent.planning.plan import MAX_STEPS, UNANSWERABLE
from visagent_training.expressions import Call, Specs, at, to_steps
from visagent_training.invented import InventedTool, inline_choices
from visagent_training.lexicon import Split, grammar, intents
from visagent_training.single_questions import single_question
from visagent_training.writer import Example, Writer


def needed_tools(example: Example) -> set[str]:
    """Names of the tools that the gold plan calls."""
    return {str(step["tool"]) for step in example.steps} - {UNANSWERABLE}


def invented_example(specs: Specs, split: Split, rng: Random, tool: InventedTool) -> Example:
    """A question that needs an invented tool, alone or together with others.

    Args:
        specs: All tools, the invented one among them.
        split: The split whose wordings and nouns to use.
        rng: Where every choice comes from.
        tool: Which one.
    """
    while len((example := _asking_for(tool, specs, split, rng)).steps) >= MAX_STEPS:
        pass
    return example


def _asking_for(tool: InventedTool, specs: Specs, split: Split, rng: Random) -> Example:
    name = tool.spec.name
    writer = Writer(specs, split, rng, lower=rng.random() < 0.12, head_nouns=tool.nouns)
    if tool.is_finder or tool.is_filter:
        assert tool.tells is not None
        if tool.is_finder:
            writer.finders = {tool.tells: Call.of(tool.spec)}
            writer.head_nouns = (tool.tells,)
        else:
            writer.adjectives = {tool.tells: name}
        by_name = {intent.name: intent for intent in intents()}
        pool = [by_name[key] for key in _OBJECT_INTENTS]
        while True:
            writer.used.clear()
            example = single_question(writer, rng.choices(pool, [intent.weight for intent in pool])[0])
            if name in needed_tools(example):
                return example
    wordings = [(wording, plan or tool.call(wording)) for wording, plan in tool.asks]
    templates: list[str] = []
    if tool.tells is not None:
        on = "whole" if not tool.nouns else tool.spec.result[0]
        templates = [on if on in ("whole", "number", "boolean") else "other"]
        if tool.spec.result == ("number",):
            templates += ["whole_compare"] if not tool.nouns else ["number_compare", "number_difference", "number_more"]
        if tool.nouns and tool.spec.result == ("boolean",):
            templates += ["boolean", "boolean_not"]
    if templates and (not wordings or rng.random() < 0.6):
        template = rng.choice([templates[0], *templates])
        wording = str(rng.choice(grammar("invented")["questions"][template][split])).replace("{attr}", str(tool.tells))
        argument = "" if not tool.nouns else "image=A"
        plan = {
            "number_compare": f"compare(TOOL({argument}), Q, NUM)",
            "whole_compare": f"compare(TOOL({argument}), Q, NUM)",
            "number_difference": "calculate('a - b', TOOL(image=A), TOOL(image=B))",
            "number_more": "compare(TOOL(image=A), '>', TOOL(image=B))",
            "boolean_not": "negate(TOOL(image=A))",
        }.get(template, f"TOOL({argument})")
    else:
        wording, plan = rng.choice(wordings)
    chosen, given = inline_choices(wording, rng)
    text, roots, _ = writer.clause(chosen, plan, {**given, "TOOL": name})
    media: tuple[str, ...] = (f"{tool.medium}1",)
    if "{H" in wording:
        media = ("audio1",)
    elif tool.medium == "image" and writer.chance(0.1):
        media = ("image1", "audio1")
    if tool.medium == "image" and media == ("image1",) and "picture" not in text and writer.chance(0.05):
        number = rng.choice([1, 2])
        phrase = writer.word("pictures").format(i=number, o=("first", "second")[number - 1])
        roots = list(at(f"image{number}", roots, specs))
        text, media = writer.medium(text, phrase), ("image1", "image2")
    if writer.chance(0.12) and media == ("image1",):
        extra = rng.choice([intent for intent in intents() if intent.name in ("count", "color", "locate", "exists")])
        more = Writer(specs, split, rng, used=writer.used, lower=writer.lower)
        other, found, _ = more.clause(rng.choice(extra.wordings[split]), extra.plan)
        text = text.replace("~", "") + ", and " + other.removeprefix("!").replace("~", "")
        roots = [*roots, *found]
    return Example(
        writer.finish(text.replace("~", "")), media, to_steps(roots), f"tool:{name}", (wording,), tuple(writer.used)
    )


_OBJECT_INTENTS = (
    "count", "count_relation", "exists", "exists_relation", "locate", "color", "count_color", "compare_number", "more",
    "sum", "several", "caption_object", "which_largest", "exists_part", "count_part", "two_more", "not_exists",
)  # fmt: skip
