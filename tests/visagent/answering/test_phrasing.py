"""Tool calls in words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from strategies import EVERY_TOOL

from visagent.answering.phrasing import phrase, phrasebook, phraser
from visagent.core.errors import ConfigError
from visagent.core.text import cleaned
from visagent.evidence.tree import SubQuestion, ToolCall
from visagent.planning.prompts import LANGUAGES
from visagent.tools.toolkit import Toolkit


def questions(language: str) -> dict[str, str]:
    earlier: dict[str, SubQuestion] = {}
    for number, (tool, arguments, _) in enumerate(EVERY_TOOL, 1):
        call = ToolCall(tool=tool, arguments=arguments)
        words = phrase(call, earlier, language)
        earlier[f"q{number}"] = SubQuestion(id=f"q{number}", question=words, solver=call)
    return {id_: node.question for id_, node in earlier.items()}


def test_english_questions() -> None:
    asked = questions("en")
    assert asked["q1"] == "Where are the people?"
    assert asked["q3"] == "Which people are to the left of the bus?"
    assert asked["q9"] == "Which person is nearest to the bus?"
    assert asked["q12"] == "What is the order of the people and buses from left to right?"
    assert asked["q18"] == "What does the text on the enlarged bus say?"
    assert asked["q25"] == "How many people to the left of the bus are there?"
    assert asked["q28"] == "Is there text on the enlarged bus?"
    assert asked["q31"] == "Are there more people to the left of the bus than dogs in the video?"
    assert asked["q39"] == 'Does the text on the enlarged bus mention "no entry"?'
    assert asked["q42"] == "What is the tyre pressure (the bus, True, 2.5)?"


def test_chinese_questions() -> None:
    asked = questions("zh")
    assert asked["q1"] == "人在哪里？"
    assert asked["q3"] == "哪些人在公交车的左边？"
    assert asked["q25"] == "公交车左边有多少个人？"
    assert asked["q39"] == "放大后的公交车上的文字提到“no entry”了吗？"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_call_becomes_a_question(language: str) -> None:
    for question in questions(language).values():
        assert question.endswith(("?", "？")) and not re.search(r"\$q|\bNone\b|Noun\(|  |[{}]", question), question


@pytest.mark.parametrize(
    ("language", "asked"),
    [("en", "What does the text in the picture at the start of"), ("zh", "开始的画面")],
)
def test_a_moment_that_a_step_found_is_named_and_no_number_of_seconds(language: str, asked: str) -> None:
    calls = [
        ToolCall(tool="when", arguments={"video": "video1", "event": "cat"}),
        ToolCall(tool="moment_of", arguments={"spans": "$q1"}),
        ToolCall(tool="frame", arguments={"video": "video1", "seconds": "$q2"}),
        ToolCall(tool="read_text", arguments={"image": "$q3"}),
        ToolCall(tool="find_text", arguments={"text": "$q4", "query": "sale"}),
    ]
    earlier: dict[str, SubQuestion] = {}
    for number, call in enumerate(calls, 1):
        words = phrase(call, earlier, language)
        earlier[f"q{number}"] = SubQuestion(id=f"q{number}", question=words, solver=call)
    for id_ in ("q3", "q4"):
        assert " s?" not in earlier[id_].question and " s " not in earlier[id_].question
    assert asked in earlier["q4"].question


def test_both_languages_know_the_same_phrases_for_the_installed_tools() -> None:
    en, zh = (phrasebook(language) for language in LANGUAGES)
    assert set(en["tools"]) == set(zh["tools"])
    for tool in en["tools"]:
        assert set(en["tools"][tool]) == set(zh["tools"][tool]), tool
        for flag in ("looks_at", "counts", "compares", "joins", "formula", "names_numbers", "says_where"):
            assert en["tools"][tool].get(flag) == zh["tools"][tool].get(flag), (tool, flag)
        assert set(en["tools"][tool].get("answers", {})) == set(zh["tools"][tool].get("answers", {})), tool
    for table in ("parts", "orders", "relations", "kinds", "positions", "media", "list", "answers"):
        assert set(en[table]) == set(zh[table]), table
    modules = ["caption", "classify", "crop", "detect", "dominant_colors", "geometry", "logic"]
    modules += ["read_text", "text", "transcribe", "video", "tables", "given", "segment", "moments", "following"]
    modules += ["activities"]
    tools = Toolkit([f"visagent_tools.{name}" for name in modules])
    assert set(tools) == set(en["tools"])


def test_the_picture_is_named_where_there_are_several() -> None:
    first = SubQuestion(
        id="q1", question="?", solver=ToolCall(tool="detect", arguments={"image": "image1", "label": "cat"})
    )
    second = ToolCall(tool="detect", arguments={"image": "image2", "label": "cat"})
    assert phrase(second, {"q1": first}) == "Where are the cats in image2?"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="xx"):
        phrase(ToolCall(tool="detect", arguments={"label": "cat", "image": "image1"}), {}, "xx")


def test_untrusted_text_is_made_plain_and_short() -> None:
    assert cleaned('a\x1b[31m\n"b"\u202e <i>[q1]</i>') == "a 31m 'b' i q1 /i"
    assert len(cleaned("long " * 99)) <= 200


def test_a_plan_is_worded_in_time_that_grows_with_its_length_alone() -> None:
    words, nodes = phraser("en", ["image1"]), dict[str, SubQuestion]()
    rendered = 0
    book = phrasebook("en")
    original = type(book).render

    def counted(self: Any, template: str, **names: Any) -> str:
        nonlocal rendered
        rendered += 1
        return original(self, template, **names)

    per_step = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(book), "render", counted)
        for number in range(1, 21):
            given = {"image": "image1", "label": "dog"} if number == 1 else {"boxes": f"$q{number - 1}", "by": "size"}
            call = ToolCall(tool="detect" if number == 1 else "sort", arguments=given)
            rendered = 0
            question = words(call, nodes)
            per_step.append(rendered)
            assert question == phrase(call, nodes, "en", ["image1"])
            nodes[f"q{number}"] = SubQuestion(id=f"q{number}", question=question, solver=call)
    assert max(per_step[2:]) == min(per_step[2:])
