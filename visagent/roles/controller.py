"""The controller: splits a question into a tree of sub-questions. Reads no evidence and no untrusted text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, TypedDict

from visagent.media import MediaInfo
from visagent.models.protocol import MLLM, Message, Reply
from visagent.plan import REASONS, plan_schema
from visagent.plan_language import plan_grammar, plan_json
from visagent.prompts import render
from visagent.toolkit import Tool, ToolSpec


class Turn(TypedDict):
    """One message in the form that chat templates take."""

    role: Literal["system", "user", "assistant"]
    content: str


def planning_messages(
    specs: Iterable[ToolSpec],
    media_names: Iterable[str],
    question: str,
    language: str = "en",
    known: Collection[str] = (),
) -> list[Turn]:
    """The controller's prompt: training and runtime share it, byte for byte.

    The system message depends on the tools alone, so its key-value cache serves every question.

    Args:
        specs: What a plan may call, in the order shown.
        media_names: For example `["image1", "audio1"]`.
        question: As the person put it.
        language: Of the prompt, ISO 639-1.
        known: Names of tools that a fine-tuned model knows by heart: they are not shown, so that its prompt is short.
    """
    if known:
        system = render("controller_tuned", language, tools=[spec for spec in specs if spec.name not in known])
    else:
        system = render("controller", language, tools=list(specs), reasons=list(REASONS))
    user = render("controller_question", language, media=list(media_names), question=question)
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


@cache
def known_tools(model_name: str) -> frozenset[str]:
    """Tools that a packaged adapter knows by heart, as the file beside it lists them; none for other models.

    Args:
        model_name: As `LlamaCpp.name` gives it, base and adapter joined by "+".
    """
    adapter = model_name.rpartition("+")[2] if "+" in model_name else None
    file = files("visagent.models") / "adapters" / f"{adapter}.json"
    return frozenset(json.loads(file.read_text("utf-8"))["known_tools"]) if file.is_file() else frozenset()


class Controller:
    """Plans with a model that is held to the plan's schema.

    A packaged adapter writes nested calls instead (`visagent.plan_language`), which are turned into the same JSON.

    Args:
        model: What plays the role.
        tools: What a plan may call.
        language: Of the prompt.
        questions: Whether the model puts each sub-question in words; a fine-tuned planner is spared that.
    """

    def __init__(
        self, model: MLLM, tools: Mapping[str, Tool], *, language: str = "en", questions: bool = False
    ) -> None:
        self._model, self._tools, self._language, self._questions = model, tools, language, questions

    async def plan(
        self, question: str, media: Mapping[str, MediaInfo], problems: Sequence[str] = (), *, max_steps: int = 12
    ) -> Reply:
        """A plan as JSON text, for `visagent.plan.compile_plan` to check.

        Args:
            question: As the person put it.
            media: By the names that the plan may use.
            problems: Why earlier plans were refused, oldest first.
            max_steps: Steps at most.

        Raises:
            ContextOverflow: the tools and the question do not fit into the model's context.
            ModelError: the model failed.
        """
        specs = [tool.spec for tool in self._tools.values()]
        # The adapters' prompt is English; in another language the tools are shown to any model.
        known = known_tools(self._model.name) if self._language == "en" else frozenset()
        turns = planning_messages(specs, media, question, self._language, known)
        messages = [Message(**turn) for turn in turns]
        if problems:
            hint = render("controller_repair", self._language, problems=problems)
            messages[-1] = Message(role="user", content=f"{messages[-1].text}\n{hint}")
        if known:
            by_name = {spec.name: spec for spec in specs}
            grammar = {"gbnf": plan_grammar(by_name, media, question)}
            reply = await self._model.chat(messages, schema=grammar, max_tokens=24 * max_steps)
            return reply.model_copy(update={"text": plan_json(reply.text, by_name)})
        schema = plan_schema(self._tools, media, questions=self._questions, max_steps=max_steps)
        return await self._model.chat(messages, schema=schema, max_tokens=64 * max_steps)
