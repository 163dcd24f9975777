"""Questions for tools of which only schema and docstring are known: a person's own tools get training data too.

A tool's first docstring line says what it is for in a handful of ways ("Measure how bright a picture is.", "Find
potholes in a road.", "Tell whether a door is open."). Each way has its ways to ask; what fits none is asked for in the
line's own words. The tool then stands beside the invented ones of `visagent_training.invented`, so that its calls are
composed with those of the other tools. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random

from visagent.core.words import singular, with_article
from visagent.tools.toolkit import Parameter, ToolSpec
from visagent_training.examples import TrainingExample, plan_example
from visagent_training.expressions import Call, Specs, to_steps
from visagent_training.invented import InventedTool, inline_choices
from visagent_training.invented_questions import invented_example
from visagent_training.lexicon import grammar, nouns
from visagent_training.writer import Example

_ANY = (
    "picture|image|photo|photograph|shot|snapshot|frame|object|thing|scene|region|area|part|item|box|crop|it|something|"
    "somebody|everything|clip|sound|recording|audio|video|film|file|text|document"
)
_GENERIC = frozenset(_ANY.split("|"))
"""What a docstring calls the input where it means anything."""
_TELLS = (
    r"(?:tell|say|measure|estimate|guess|rate|judge|find out|determine|work out|compute|show|decide|check|see|detect)"
)
_NAMES = rf"(?:name|read|give|identify|recogni[sz]e|get|return|{_TELLS[3:-1]})"
_OF = r"(?:,[^,]*)?(?: (?:of|on|in|from|for|at|between) (?:an? |the |each )?(?P<of>[a-z -]+?)(?: or [a-z ]+)?)?(?:,.*)?"
_HOW = re.compile(rf"{_TELLS} how (?P<how>[a-z]+)\b.*")
_COUNT = re.compile(rf"count (?:the |all )?(?P<many>[a-z -]+?){_OF}")
_FIND = re.compile(rf"(?:find|locate|detect|spot) (?:an? |the |all |every )?(?P<many>[a-z -]+?){_OF}")
_KEEP = re.compile(r"keep (?:the |only )?.*?(?:that|which|who) (?:are|is) (?P<trait>[a-z -]+)")
_WHETHER = re.compile(
    rf"{_TELLS} (?:whether|if) (?:an? |the )?(?P<of>[a-z]+) (?:is|are) (?P<trait>[a-z -]+?)(?: or .*)?"
)
_NAME = re.compile(rf"{_NAMES} (?:the |an? )?(?P<what>[a-z][a-z -]*?){_OF}")


def described_tools(spec: ToolSpec, rng: Random) -> list[InventedTool]:
    """The tool with ways to ask for it: about the whole medium, and about objects where it takes regions of a picture.

    Args:
        spec: What is known of it.
        rng: Chooses the things that questions are about, where the docstring names none.
    """
    line = re.sub(r"\s*\([^)]*\)", "", spec.purpose).rstrip(".").strip().lower()
    asked = spec.model_copy(update={"parameters": tuple(p for p in spec.parameters if p.required)})
    choices = "".join(_choice(parameter, rng) for parameter in asked.parameters)
    regions = any("crop" in parameter.accepts for parameter in asked.parameters)
    boxes = sum(parameter.accepts == ("boxes",) for parameter in asked.parameters)
    if (match := _KEEP.fullmatch(line)) and boxes:
        return [InventedTool(asked, _nouns(None, rng), match["trait"].strip(), ())]
    if spec.result == ("boxes",) and regions and not choices and (match := _FIND.fullmatch(line)):
        return [InventedTool(asked, (), singular(match["many"].strip()), ())]
    tells, of, asks = _ways(line)
    medium = next((kind for parameter in asked.parameters for kind in parameter.media[:1]), None)
    said = _GENERIC_PHRASE.sub(f"the {_MEDIUM[medium]}", line) if medium else line
    if any(parameter.name == "text" for parameter in asked.parameters):
        said = f"{_GENERIC_PHRASE.sub('the text', line)} {{T.on}}"
    found = []
    if not boxes:
        plain = [f"!{said}", f"can you {said}", f"please {said}"]
        ways = [way.replace("{on}", f" the {_MEDIUM[medium]}" if medium else " it") for way in asks if "{A" not in way]
        whole = tuple((f"{way}{choices}", None) for way in [*ways, *plain])
        # "What is the open?" is no question: what is true or false is asked for in the docstring's words.
        told = tells if not choices and spec.result != ("boolean",) and "{T" not in said else None
        found.append(InventedTool(asked, (), told, whole))
    if boxes == 2:
        asks = [f"!{_BETWEEN.sub('', line)} between {{A}} and {{B}}"]
        asks += [f"what is the {tells} between {{A}} and {{B}}"] if tells else []
        return [InventedTool(asked, _nouns(None, rng), None, tuple((f"{way}{choices}", None) for way in asks))]
    if regions or boxes == 1:
        ways = [way.replace("{on}", " {A}") for way in asks if "{on}" in way or "{A" in way]
        ways = ways or [f"!{_OBJECT.sub('', line)} of {{A}}"]
        about = tuple((f"{way}{choices}", None) for way in ways)
        found.append(InventedTool(asked, _nouns(of, rng), tells if not choices else None, about))
    return found


_GENERIC_PHRASE = re.compile(
    rf"\b(?:an? |the )(?:{'|'.join(sorted(_GENERIC))})(?: or (?:{'|'.join(sorted(_GENERIC))}))*\b"
)
_BETWEEN = re.compile(r" (?:of|between|from) .*$|,.*$")
_OBJECT = re.compile(r" (?:of|on|in|from|for|at) [^,]*$|,.*$")
_MEDIUM = {"image": "picture", "audio": "recording", "video": "video"}


def _ways(line: str) -> tuple[str | None, str | None, list[str]]:
    """What a docstring's line tells, of what, and how else to ask for it; {on} stands for what it is asked of."""
    if match := _HOW.fullmatch(line):
        how = match["how"]
        of = re.search(r"(?:an?|the) ([a-z]+)", line)
        return (
            None,
            of[1] if of else None,
            [f"how {how} is{{on}}", f"!tell me how {how}{{on}} is", f"how {how} would you say{{on}} is"],
        )
    if match := _COUNT.fullmatch(line):
        many = match["many"].strip()
        return f"number of {many}", match["of"], [f"how many {many} are there", f"how many {many} does {{A}} have"]
    if match := _WHETHER.fullmatch(line):
        trait, thing = match["trait"].strip(), match["of"]
        generic = thing in _GENERIC
        whole = f"is the {thing} {trait}" if generic else f"is there {with_article(thing)} that is {trait}"
        return trait, thing, [whole, f"!tell me whether {{A}} is {trait}"]
    if match := _NAME.fullmatch(line):
        return match["what"].strip(), match["of"], []
    return None, None, []


def _nouns(of: str | None, rng: Random) -> tuple[str, ...]:
    """Things to ask about: the one that the docstring names, or any."""
    named = singular(of.split()[-1]) if of and of.split()[-1] not in _GENERIC else None
    return (named,) if named and named not in _GENERIC else tuple(rng.sample(nouns("train"), 24))


def _choice(parameter: Parameter, rng: Random) -> str:
    """How a question gives a parameter that is a literal."""
    if parameter.media or parameter.literal is None or parameter.name == "text" or parameter.accepts == ("boxes",):
        return ""
    said = parameter.name.replace("_", " ")
    if parameter.choices:
        return f" with {said} {{{parameter.name}:{'/'.join(parameter.choices)}}}"
    if parameter.literal["type"] == "string":
        words = rng.sample(list(grammar("words")["words"]["train"]), 6)
        return f" with {said} {{{parameter.name}:{'/'.join(word for word in words if '/' not in word)}}}"
    return f" with {said} {{{parameter.name}:{'/'.join(map(str, rng.sample(range(2, 60), 6)))}}}"


def described_examples(
    specs: Specs, own: Sequence[str], seed: int, count: int, *, known: Sequence[str] = ()
) -> Iterator[TrainingExample]:
    """Questions that need a person's own tools, alone and composed with the others, the same for the same seed.

    Args:
        specs: All tools, in the order shown.
        own: Names of those to ask for.
        seed: Decides everything.
        count: How many.
        known: Names of tools that the planner has memorised.
    """
    rng = Random(f"described-{seed}")
    ways = {name: described_tools(specs[name], rng) for name in own}
    asked = [name for name in own if ways[name]]
    made = attempt = 0
    while asked and made < count and attempt < 40 * count:
        name = asked[attempt % len(asked)]
        attempt += 1
        example = _question(rng.choice(ways[name]), specs, rng)
        if example is None:
            continue
        made += 1
        yield plan_example(
            f"described/{name}/{seed}/{attempt}",
            "described",
            example.question,
            example.steps,
            list(specs.values()),
            dict.fromkeys(example.media),
            known=known,
        )


_COMPOSED = ("detect", "count", "exists", "compare", "read_text", "transcribe", "calculate", "negate")


def _question(tool: InventedTool, specs: Specs, rng: Random) -> Example | None:
    """One question for a tool; None where there was none to make."""
    if all(name in specs for name in _COMPOSED):
        return invented_example(specs, "train", rng, tool)
    # Without the first-party tools there is nothing to compose with: the tool alone, about the whole medium.
    wordings = [wording for wording, _ in tool.asks if "{A" not in wording]
    if not wordings or any(not parameter.media and parameter.literal is None for parameter in tool.spec.parameters):
        return None
    text, values = inline_choices(rng.choice(wordings), rng)
    steps = to_steps([Call.of(tool.spec, **values)])
    question = text.removeprefix("!").strip().capitalize() + ("." if text.startswith("!") else "?")
    return Example(question, (f"{tool.medium}1",), steps, f"tool:{tool.spec.name}")
