"""What reaches a person who asked in Chinese is Chinese: reasons, descriptions, files that could not be used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from visagent.answering.composed import in_own_language
from visagent.answering.phrasing import phrasebook
from visagent.answering.refiner import refine
from visagent.answering.remarks import failure_in, refusal, unused_media
from visagent.evidence.answer import text_of
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Evidence, Failure, Note, Text, Value
from visagent.planning.language import not_understood
from visagent.verification.citations import verify

ZH = phrasebook("zh")


def told(call: ToolCall, value: Value) -> str:
    tree = build_tree("问题？", [SubQuestion(id="q1", question="?", solver=call)])
    found = {"q1": Evidence(id="q1", tool=call.tool, arguments=dict(call.arguments), value=value)}
    claims = verify(refine(tree, found, "zh"), found)
    assert {claim.verdict for claim in claims} == {"supported"}, claims
    return text_of(claims)


def sentences_without_quotations(text: str) -> str:
    return re.sub(r"“[^”]*”|\[[^\]]*\]|visagent doctor|image\d", "", text)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("UnknownLabel", 'detect(label="tiger"): the packaged NanoDet knows the 80 COCO labels only.'),
        ("AmbiguousInput", "Several columns of the table hold numbers."),
        ("MissingInput", "pick: there is no line at position 9, as there are 2 lines."),
        ("ToolError", "a sentence; that no table of phrases knows."),
        ("ToolError", "Another sentence that no table of phrases knows."),
    ],
)
def test_why_a_tool_has_no_result_is_said_in_chinese(error: str, message: str) -> None:
    call = ToolCall(tool="detect", arguments={"image": "image1", "label": "老虎"})
    answer = told(call, Failure(error=error, message=message))
    assert not re.search("[A-Za-z]{2}", sentences_without_quotations(answer)), answer


def test_a_number_of_lines_stays_in_the_reason() -> None:
    assert failure_in(ZH, "there is no line at position 9, as there are 2 lines") == "没有第 9 个，一共只有 2 个"


def test_an_english_reason_is_left_as_it_is_in_english() -> None:
    assert failure_in(phrasebook("en"), "the moon is full") == "the moon is full"


def test_a_description_composed_in_english_is_said_in_chinese() -> None:
    text = (
        "It shows 4 people and 1 bus, looks like minibus (58%), is mainly gray, red and black and reads “EXIT and 3”."
    )
    call = ToolCall(tool="caption", arguments={"image": "image1"})
    answer = told(call, Text(text=text, notes=(Note(kind="composed"),)))
    assert "有 4 个人和1 辆公交车，看起来像小型客车（58 %），主要是灰色、红色和黑色，写着“EXIT and 3”" in answer


@pytest.mark.parametrize(
    "text",
    [
        "It shows no object that the detector knows and has no readable text.",
        "It shows 2 wine glasses, 1 tie and 3 knives and has no readable text.",
        "1. It shows 1 cat, is mainly brown and has no readable text.\n2. It shows 1 tv and reads “a\nb”.",
    ],
)
def test_every_form_of_a_composed_description_is_read(text: str) -> None:
    said = in_own_language(ZH, text)
    assert said is not None and not re.search("[A-Za-z]{2}", sentences_without_quotations(said)), said
    assert in_own_language(phrasebook("en"), text) is None


def test_a_refused_language_and_files_that_could_not_be_used_are_named_in_chinese() -> None:
    step = not_understood("Wie viele Leute siehst du denn hier?")
    assert step is not None and "德语" in (said := refusal(str(step["reason"]), "zh"))
    assert not re.search("[A-Za-z]{2}", said)
    tree = build_tree("有几个人？", [])
    skipped = (
        "a.png: the content is not of a type that can be loaded.",
        "b.jpg: the picture is damaged or cut short (x).",
    )
    (claim,) = unused_media(tree, {}, skipped, "zh")
    assert claim.text == "有 2 个文件无法使用：“a.png”的内容不是能打开的类型、“b.jpg”已损坏或不完整。"
    (claim,) = unused_media(tree, {}, ("c.png: something new.",), "zh")
    assert claim.text == "有 1 个文件无法使用：“c.png”打不开。"


def test_each_class_of_the_classifier_has_a_chinese_name() -> None:
    efficientnet = pytest.importorskip("visagent_tools.engines.efficientnet")
    names = set(efficientnet.LABELS)
    assert {name for name in names if name not in ZH["names"]} == set()


EXPERTS = (
    *("asked_cells", "caption", "classify", "dominant_colors", "geometry", "given", "logic", "next_to"),
    *("read_text", "tables", "text", "transcribe"),
)
RAISED = ("ToolError", "MissingInput", "AmbiguousInput")


def messages() -> Iterator[str]:
    """What these experts say of why they have no result, with `x` for each value."""
    for expert in EXPERTS:
        spec = find_spec(f"visagent_tools.{expert}")
        assert spec is not None and spec.origin is not None
        for node in ast.walk(ast.parse(Path(spec.origin).read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISED:
                match node.args[0]:
                    case ast.Constant(value=str(text)):
                        yield text
                    case ast.JoinedStr(values=parts):
                        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)


@pytest.mark.parametrize("message", sorted(set(messages())))
def test_every_reason_of_an_everyday_expert_has_a_chinese_sentence(message: str) -> None:
    said = re.sub(r"^(?:[a-z_]+(?:\(\w+\))?|x): ", "", message.rstrip("."))
    # What the loader says comes through in its own words.
    assert said == "x" or "工具给出的原因" not in failure_in(ZH, said), said
