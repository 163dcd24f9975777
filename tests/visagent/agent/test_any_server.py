"""Questions asked through servers of every dialect and with every fault, from `Agent.ask` to the answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from faulty_server import FaultyServer, faulty_server, pictures
from PIL import Image

from visagent.agent.agent import Agent
from visagent.core.config import Mode, Profile
from visagent.core.errors import ModelError, VisagentError
from visagent.evidence.values import Box, Boxes, Crop, Look, Number
from visagent.media.media import Media, load_media
from visagent.models.endpoint import Endpoint
from visagent.models.protocol import Message
from visagent.tools.toolkit import tool

pytestmark = pytest.mark.slow

PICTURE = Image.new("RGB", (64, 64), "white")
QUESTION = "How many cats are there?"


@tool(cache=False)
def find(image: Crop, label: str) -> Boxes:
    """Find objects."""
    return Boxes(media=image.media, boxes=(Box(xyxy=(0, 0, 9, 9), label=label),))


@tool(cache=False)
def how_many(boxes: Boxes) -> Number:
    """Count objects."""
    return Number(value=len(boxes.boxes))


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as server:
        yield server


@pytest.fixture
def agent_for(server: FaultyServer, tmp_path: Path) -> Callable[..., Agent]:
    def make(kind: str, roles: Sequence[str] = ("controller", "observer"), **options: Any) -> Agent:
        extra = {"chat_template_kwargs": {"enable_thinking": False}}
        main = {"backend": "endpoint", "base_url": server.url(kind), "retries": 1, "extra": extra} | options
        profile = Profile.model_validate(
            {
                "name": "any",
                "models": {"main": main},
                "roles": dict.fromkeys(roles, "main"),
                "budget": {"seconds": 30},
                # Their pictures are what a server that takes one or none must not meet.
                "demonstrations": {"k": 4 if "picture" in kind else 0},
            }
        )
        return Agent(profile, tools=[find, how_many], only=["find", "how_many"], home=tmp_path / "home")

    return make


ADAPTED = [
    "sound",
    "no response_format",
    "response_format 422",
    "max_completion_tokens",
    "no temperature",
    "no stream_options",
    "no system role",
    "system role 500",
    "unknown field",
    "nothing at all",
    "one picture",
    "no pictures",
    "no pictures 500",
    "think",
    "open think",
    "reasoning",
    "reasoning field",
    "only reasoning",
    "fences",
    "prose around",
    "prose until asked",
    "tool call",
    "list content",
    "no stream",
    "no finish",
    "no done",
    "null content",
    "null usage",
    "comment",
    "cut once",
    "flaky",
    "busy",
    "loading once",
    "unknown tool",
    "stubborn tool",
]


@pytest.mark.parametrize("kind", ADAPTED)
def test_a_question_is_planned_and_answered_whatever_the_servers_dialect(
    kind: str, server: FaultyServer, agent_for: Callable[..., Agent]
) -> None:
    agent = agent_for(kind)
    for _ in range(2):
        answer = agent.ask(QUESTION, PICTURE, mode="tree")
        assert [str(item.value) for item in answer.evidence.values() if isinstance(item.value, Number)] == ["1"]
        assert "1" in answer.text
        learned = server.refused[kind]
    # What a server does not take it is sent once: the second question met no refusal.
    agent.ask(QUESTION, PICTURE, mode="tree")
    assert server.refused[kind] == learned
    assert learned <= (4 if kind == "nothing at all" else 1)


LOOKS = [kind for kind in ADAPTED if ("pictures" not in kind and "tool" not in kind) or kind == "tool call"]


@pytest.mark.parametrize("mode", ["direct", "auto"])
@pytest.mark.parametrize("kind", LOOKS)
def test_the_model_looks_itself_whatever_the_servers_dialect(
    kind: str, mode: Mode, server: FaultyServer, agent_for: Callable[..., Agent]
) -> None:
    answer = agent_for(kind).ask(QUESTION, PICTURE, mode=mode)
    assert any(
        isinstance(item.value, Look) and "one cat" in item.value.text.lower() for item in answer.evidence.values()
    )
    assert "one cat" in answer.text.lower()
    assert any(pictures(body) == 1 for body in server.bodies)


def test_a_model_that_answers_in_words_alone_is_taken_at_its_word_and_not_thrown_away(
    agent_for: Callable[..., Agent],
) -> None:
    answer = agent_for("prose").ask(QUESTION, PICTURE, mode="auto")
    assert "I see one cat in the picture" in answer.text


REFUSED = {
    "context": "3,512 tokens and the context holds 32,768",
    "too large": "413 Request Entity Too Large",
    "bad gateway": "502 Bad Gateway",
    "quota": "exceeded your current quota",
    "key": "Incorrect API key provided",
    "error in stream": "CUDA out of memory",
    "error in 200": "the adapter is broken",
    "loading": "model is loading",
    "cut always": "broke off its reply 3 times",
    "silent": "silent for 0.5 seconds",
    "empty": "ignored the JSON schema it was sent: it is empty",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_adapted_ends_in_one_line_with_the_servers_own_words(
    kind: str, server: FaultyServer, agent_for: Callable[..., Agent]
) -> None:
    started = time.monotonic()
    with pytest.raises(VisagentError) as caught:
        # A busy machine may be silent for half a second with any of the others.
        agent_for(kind, timeout=0.5 if kind == "silent" else 60.0).ask(QUESTION, PICTURE, mode="tree")
    assert REFUSED[kind] in caught.value.fact
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert "<" not in caught.value.fact
    assert time.monotonic() - started < 60


def test_a_planner_that_never_replies_with_a_plan_ends_in_an_answer_that_says_so(
    server: FaultyServer, agent_for: Callable[..., Agent]
) -> None:
    answer = agent_for("prose").ask(QUESTION, PICTURE, mode="tree")
    assert not answer.evidence
    assert answer.text
    assert len(server.bodies) <= 12


@pytest.mark.parametrize("mode", ["tree", "auto"])
def test_roles_whose_model_keeps_to_no_form_cost_the_answer_nothing(
    mode: Mode, server: FaultyServer, agent_for: Callable[..., Agent]
) -> None:
    agent = agent_for("prose but plans", ("controller", "decider", "refiner", "verifier", "observer"))
    answer = agent.ask(QUESTION, PICTURE, mode=mode)
    assert "1" in answer.text or "one cat" in answer.text


def test_a_quota_that_is_used_up_is_not_asked_again(server: FaultyServer, agent_for: Callable[..., Agent]) -> None:
    with pytest.raises(ModelError):
        agent_for("quota", retries=5).ask(QUESTION, PICTURE, mode="tree")
    assert len(server.bodies) == 1


def test_silence_is_waited_for_once_and_not_once_more_for_each_retry(
    server: FaultyServer, agent_for: Callable[..., Agent]
) -> None:
    with pytest.raises(ModelError, match="silent"):
        agent_for("silent", retries=5, timeout=0.4).ask(QUESTION, PICTURE, mode="tree")
    assert len(server.bodies) == 1


def test_a_model_without_eyes_is_found_out_once_and_then_neither_looks_nor_is_shown_anything(
    server: FaultyServer, agent_for: Callable[..., Agent]
) -> None:
    agent = agent_for("no pictures")
    with pytest.raises(VisagentError) as caught:
        answer = agent.ask(QUESTION, PICTURE, mode="direct")
        # Where the look is evidence, its failure says so.
        raise VisagentError(" ".join(item.value.message for item in answer.evidence.values() if item.failed))  # type: ignore[union-attr]
    assert "not a multimodal model" in str(caught.value)
    server.bodies.clear()
    assert "1" in agent.ask(QUESTION, PICTURE, mode="tree").text
    assert not any(map(pictures, server.bodies))


def test_two_pictures_are_looked_at_one_by_one_where_a_server_takes_one(
    server: FaultyServer, agent_for: Callable[..., Agent]
) -> None:
    agent = agent_for("one picture")
    for _ in range(2):
        answer = agent.ask("What do both show?", PICTURE, Image.new("RGB", (32, 32), "black"), mode="auto")
        looks = [item for item in answer.evidence.values() if isinstance(item.value, Look)]
        assert len(looks) >= 2
        assert "one cat" in answer.text.lower()
    assert server.refused["one picture"] == 1


# The backend alone, where the agent's questions do not reach.


def shown(count: int) -> list[Media]:
    return [load_media(Image.new("RGB", (8, 8), (index, 0, 0)))[0] for index in range(count)]


async def test_examples_give_way_to_the_questions_picture_where_a_server_takes_one(server: FaultyServer) -> None:
    model = Endpoint(server.url("one picture"))
    example, picture = shown(2)
    messages = [
        Message("system", "Answer."),
        Message("user", (example, "What is it?")),
        Message("assistant", "A cat."),
        Message("user", (picture, "What is it?")),
    ]
    assert (await model.chat(messages)).text == "There is one cat."
    sent = server.bodies[-1]["messages"]
    assert [pictures({"messages": [message]}) for message in sent] == [0, 0, 0, 1]
    assert "a picture that this server cannot be shown" in json.dumps(sent[1])
    assert model.capabilities.max_images == 1
    assert "image" in model.capabilities.media
    model.close()


async def test_two_pictures_of_the_question_are_never_cut_to_one_in_silence(server: FaultyServer) -> None:
    model = Endpoint(server.url("one picture"))
    for _ in range(2):
        with pytest.raises(ModelError, match=r"takes 1 picture a prompt and was to be shown 2.*At most 1 image"):
            await model.chat([Message("user", (*shown(2), "Compare."))])
    assert len(server.bodies) == 1
    model.close()


async def test_a_limit_in_the_profile_is_known_before_the_server_refuses(server: FaultyServer) -> None:
    model = Endpoint(server.url("one picture"), max_images=1)
    assert model.capabilities.max_images == 1
    with pytest.raises(ModelError, match="takes 1 picture a prompt"):
        await model.chat([Message("user", (*shown(2), "Compare."))])
    assert not server.bodies
    model.close()


async def test_a_repair_tells_the_model_what_was_wrong(server: FaultyServer) -> None:
    schema = {"type": "object", "properties": {"steps": {"const": 3}}, "required": ["steps"]}
    model = Endpoint(server.url("no response_format"))
    with pytest.raises(ModelError, match="3 was expected"):
        await model.chat([Message("user", "Plan.")], schema=schema)
    roles = [message["role"] for message in server.bodies[-1]["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert "3 was expected" in json.dumps(server.bodies[-1]["messages"][-1])
    assert '"const": 3' in server.bodies[-1]["messages"][-1]["content"]
    model.close()


async def test_what_a_listener_hears_joins_to_the_reply_without_thoughts_and_fences(server: FaultyServer) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    for kind in ("sound", "think", "fences", "prose around", "no response_format", "no stream"):
        model, heard = Endpoint(server.url(kind)), list[str]()
        reply = await model.chat([Message("user", "Hi.")], schema=schema, on_text=heard.append)
        assert "".join(heard) == reply.text == '{"a": "One cat."}'
        model.close()
