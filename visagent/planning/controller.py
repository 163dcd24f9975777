"""The controller: splits a question into a tree of sub-questions. Reads no evidence and no untrusted text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from cachetools import LRUCache, cached

from visagent.answering.quoting import outlined
from visagent.core.errors import ReplyMismatch
from visagent.core.text import cleaned, detect_language
from visagent.evidence.tree import QuestionTree, SubQuestion
from visagent.evidence.values import Evidence, Look
from visagent.media.media import MediaInfo
from visagent.models.protocol import MLLM, Message, Reply, TokenUsage
from visagent.planning.check_examples import most_similar
from visagent.planning.plan import FINISH, REASONS, Outline
from visagent.planning.plan_language import plan_grammar
from visagent.planning.plan_schema import offered, plan_schema
from visagent.planning.prompts import render
from visagent.planning.regions import renamed_media, without_regions
from visagent.planning.second_tries import most_complete_plan
from visagent.tools.toolkit import Tool, ToolSpec

if TYPE_CHECKING:
    from visagent.planning.retrieval import Retriever

DEMONSTRATIONS = 4
"""Solved questions that a model without a packaged adapter is shown, where the profile does not say how many."""


class Turn(TypedDict):
    """One message in the form that chat templates take."""

    role: Literal["system", "user", "assistant"]
    content: str


def planning_messages(
    specs: Sequence[ToolSpec],
    media_names: Iterable[str],
    question: str,
    language: str = "en",
    known: Collection[str] = (),
) -> list[Turn]:
    """The controller's prompt: training and runtime share it, byte for byte.

    The system message depends on the tools alone, so its key-value cache serves every question.

    Args:
        specs: What a plan may call, in the order shown.
        media_names: Names of the media, for example `["image1", "audio1"]`.
        question: Question as the person put it.
        language: Language of the prompt, ISO 639-1.
        known: Names of tools that a fine-tuned model has memorised: they are not shown, so that its prompt is short.
    """
    if known:
        system = render("controller_tuned", language, tools=[spec for spec in specs if spec.name not in known])
    else:
        system = system_prompt(specs, language)
    user = render("controller_question", language, media=list(media_names), question=question)
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def _fingerprints(specs: Sequence[ToolSpec], language: str = "en") -> tuple[Any, ...]:
    return tuple(spec.fingerprint for spec in specs), language


@cached(LRUCache(64), key=_fingerprints, lock=Lock())
def system_prompt(specs: Sequence[ToolSpec], language: str = "en") -> str:
    """The system message that all roles of a model share: a key-value cache of it serves each of them.

    Args:
        specs: What plans may call, in the order shown.
        language: Language of the prompt, ISO 639-1.
    """
    return render("controller", language, tools=list(specs), reasons=list(REASONS))


def known_tools(model_name: str) -> frozenset[str]:
    """Tools that an adapter has memorised, as the file beside it lists them; none for other models.

    Args:
        model_name: Model name as `LlamaCpp.name` gives it, base and adapter joined by "+".
    """
    from visagent.models.loading import adapter_file

    adapter = adapter_file(model_name.rpartition("+")[2]) if "+" in model_name else None
    file = adapter.with_suffix(".json") if adapter is not None else None
    return frozenset(_listed(file, file.stat().st_mtime_ns)) if file is not None and file.is_file() else frozenset()


@cache
def _listed(file: Path, _changed: int) -> tuple[str, ...]:
    return tuple(json.loads(file.read_text("utf-8"))["known_tools"])


def read_only_tools(tools: Mapping[str, Tool]) -> dict[str, Tool]:
    """The tools that may be planned after something was read: they change nothing, and nothing leaves this machine.

    Args:
        tools: Tools by name.
    """
    return {name: tool for name, tool in tools.items() if tool.spec.read_only and not tool.spec.remote}


class Controller:
    """Plans with a model that is held to the plan's schema.

    A packaged adapter writes nested calls instead (`visagent.planning.plan_language`), which become the same JSON.

    Args:
        model: What plays the role.
        tools: What a plan may call.
        language: Language of the prompt.
        questions: Whether the model puts each sub-question in words; a fine-tuned planner is spared that.
        demonstrations: Chooses solved questions to show before the question; None for none.
    """

    def __init__(
        self,
        model: MLLM,
        tools: Mapping[str, Tool],
        *,
        language: str = "en",
        questions: bool = False,
        demonstrations: Retriever | None = None,
    ) -> None:
        self._model, self._tools, self._language, self._questions = model, tools, language, questions
        self._demonstrations = demonstrations

    @property
    def stepwise(self) -> bool:
        """Whether it can plan one step at a time, seeing what was found; a packaged adapter has learnt whole plans."""
        return not self._known()

    @property
    def quotes(self) -> bool:
        """Whether its plans can only quote the question, so that what they do not say was not asked."""
        return bool(self._known())

    def _known(self) -> frozenset[str]:
        return known_tools(self._model.name)

    async def next_step(
        self,
        question: str,
        media: Mapping[str, MediaInfo],
        tree: QuestionTree,
        evidence: Mapping[str, Evidence],
        problems: Sequence[str] = (),
    ) -> Reply:
        """The next step of a chain as a plan of one step, or `FINISH` where nothing more is needed.

        The controller sees of what kind and how much each step found, never a word that was read: text from media
        must not choose tools.

        Args:
            question: Question as the person put it.
            media: Media by the names that the step may use.
            tree: The steps so far.
            evidence: What they found.
            problems: Why the last replies were refused, oldest first.

        Raises:
            ContextOverflow: the tools and the question do not fit into the model's context.
            ModelError: the model failed.
        """
        specs = [tool.spec for tool in self._tools.values()]
        messages = [Message(**turn) for turn in planning_messages(specs, media, question, self._language)]
        found = [(node.id, str(node.solver), outlined(evidence[node.id])) for node in tree.nodes if node.id in evidence]
        step = render("controller_step", self._language, found=found, problems=problems)
        messages[-1] = Message(role="user", content=f"{messages[-1].text}\n{step}")
        schema = plan_schema(self._tools, media, questions=self._questions, max_steps=len(tree) + 2)
        steps = schema["properties"]["steps"]
        finish = {"type": "object", "properties": {"tool": {"const": FINISH}}, "required": ["tool"]}
        steps["items"]["anyOf"].append({**finish, "additionalProperties": False})
        steps["maxItems"] = 1
        return await self._planned(messages, schema, 128)

    async def plan(
        self,
        question: str,
        media: Mapping[str, MediaInfo],
        problems: Sequence[str] = (),
        *,
        max_steps: int = 12,
        outline: Outline = (),
        together: bool = False,
    ) -> Reply:
        """A plan as JSON text, for `visagent.planning.plan.compile_plan` to check.

        Args:
            question: Question as the person put it.
            media: Media by the names that the plan may use.
            problems: Why earlier plans were refused, oldest first.
            max_steps: Steps at most.
            outline: Steps that are given, with None for each gap to fill in (mode `infill`).
            together: Whether no picture is named where several can be taken: all of them are meant.

        Raises:
            ContextOverflow: the tools and the question do not fit into the model's context.
            ModelError: the model failed.
        """
        specs = [tool.spec for tool in self._tools.values()]
        known = self._known()
        # The packaged planner has never seen a region: it plans as if they were pictures.
        question, media, names = without_regions(question, media) if known else (question, media, {})
        # The adapters' prompt is English, whatever the question's language is.
        language = "en" if known else self._language
        turns = planning_messages(specs, media, question, language, known)
        messages = [Message(**turn) for turn in turns]
        # Between the system message, whose key-value cache serves every question, and the question.
        messages[1:1] = self._demonstration_turns(question, media, nested=bool(known))
        if outline:
            given = render(
                "controller_outline", self._language, outline=[step and json.dumps(step) for step in outline]
            )
            messages[-1] = Message(role="user", content=f"{messages[-1].text}\n{given}")
        if problems:
            hint = render("controller_repair", language, problems=problems)
            messages[-1] = Message(role="user", content=f"{messages[-1].text}\n{hint}")
        if known:
            by_name = {spec.name: spec for spec in specs}
            grammar = {"gbnf": plan_grammar(by_name, media, question, together=together)}
            reply = await most_complete_plan(self._model, messages, grammar, 24 * max_steps, question, by_name)
            return reply.model_copy(update={"text": _with_names(reply.text, names)})
        schema = plan_schema(self._tools, media, questions=self._questions, max_steps=max_steps, together=together)
        return await self._planned(messages, schema, 64 * max_steps)

    async def plan_checks(
        self,
        question: str,
        look: Look,
        media: Mapping[str, MediaInfo],
        problems: Sequence[str] = (),
        *,
        max_steps: int = 12,
    ) -> Reply:
        """Steps that check a first look, as a plan's JSON text; of the tools, `read_only_tools` ones alone.

        Args:
            question: Question as the person put it.
            look: The first look: its answer, what it wants checked, and where things are. It is data, since it may
                repeat what stands in a picture.
            media: Media by the names that the plan may use.
            problems: Why earlier plans were refused, oldest first.
            max_steps: Steps at most.

        Raises:
            ContextOverflow: the tools and the question do not fit into the model's context.
            ModelError: the model failed.
        """
        names = {info.hash: name for name, info in media.items() if info.region is None}
        regions = [
            (names[region.media], [round(edge) for edge in region.xyxy], cleaned(region.label, 60))
            for region in look.regions
            if region.media in names
        ]
        tools = {name: tool for name, tool in read_only_tools(self._tools).items() if not tool.spec.by_sight}
        wanted = _checks_prompt(self._language, list(media), question, cleaned(look.text, 600), look.checks, regions)
        shown: list[Message] = []
        if self._demonstrations is not None and self._demonstrations.settings.k != 0:
            for one in most_similar(question, media, tools, self._language):
                asked = _checks_prompt(self._language, one.media, one.question, one.answer, one.checks, one.regions)
                plan = json.dumps({"steps": list(one.plan)}, ensure_ascii=False)
                shown += [Message(role="user", content=asked), Message(role="assistant", content=plan)]
        return await self._plan_of(wanted, question, tools, media, problems, max_steps, shown)

    async def replan(
        self,
        question: str,
        node: SubQuestion,
        found: Evidence | None,
        tools: Mapping[str, Tool],
        media: Mapping[str, MediaInfo],
        max_steps: int = 12,
    ) -> Reply:
        """Another way to answer a sub-question, as a plan's JSON text.

        Args:
            question: The person's, of which it is a part.
            node: The sub-question, with the call that did not do.
            found: What that call gave, or why it failed.
            tools: What the new plan may call.
            media: Media by the names that the plan may use.
            max_steps: Steps at most.

        Raises:
            ContextOverflow: the tools and the question do not fit into the model's context.
            ModelError: the model failed.
        """
        wanted = render(
            "controller_replan",
            self._language,
            media=list(media),
            question=question,
            part=node.question,
            call=str(node.solver),
            found="" if found is None else outlined(found),
            kinds=list(self._tools[node.solver.tool].spec.result),
        )
        return await self._plan_of(wanted, node.question, tools, media, (), max_steps)

    async def _plan_of(
        self,
        wanted: str,
        question: str,
        tools: Mapping[str, Tool],
        media: Mapping[str, MediaInfo],
        problems: Sequence[str],
        max_steps: int,
        shown: Sequence[Message] = (),
    ) -> Reply:
        """A plan in JSON for a prompt, after examples; a packaged adapter, which knows questions alone, plans those."""
        if self._known():
            return await self.plan(question, media, problems, max_steps=max_steps)
        if problems:
            wanted = f"{wanted}\n{render('controller_repair', self._language, problems=problems)}"
        tools = offered(tools, media)
        system = system_prompt([tool.spec for tool in tools.values()], self._language)
        messages = [Message(role="system", content=system), *shown, Message(role="user", content=wanted)]
        schema = plan_schema(tools, media, questions=self._questions, max_steps=max_steps)
        return await self._planned(messages, schema, 64 * max_steps)

    async def _planned(self, messages: Sequence[Message], schema: dict[str, Any], max_tokens: int) -> Reply:
        """The model's plan, whatever it looks like: what is wrong with it is said in words that help to repair it."""
        try:
            return await self._model.chat(messages, schema=schema, max_tokens=max_tokens)
        except ReplyMismatch as error:
            if not error.reply:
                raise
            return Reply(text=error.reply, usage=error.usage or TokenUsage())

    def _demonstration_turns(self, question: str, media: Mapping[str, MediaInfo], *, nested: bool) -> list[Message]:
        """Demonstrations as turns of the chat; none by default for a packaged adapter, whose prompt is frozen."""
        retriever = self._demonstrations
        if retriever is None:
            return []
        k = retriever.settings.k
        if k is None:
            k = 0 if nested else DEMONSTRATIONS
        if k == 0:
            return []
        capable = self._model.capabilities
        # A limit on pictures is for those of the question.
        wanted = retriever.settings.pictures and "image" in capable.media
        pictures = wanted and capable.max_images is None
        language = detect_language(question)
        chosen = retriever.choose(question, media, self._tools, language, pictures=pictures, k=k)
        return retriever.messages(chosen, self._tools, pictures=pictures, nested=nested)


def _with_names(plan: str, names: Mapping[str, str]) -> str:
    """A plan's JSON text with the names of media led to others."""
    if not names:
        return plan
    try:
        steps = json.loads(plan)["steps"]
    except (ValueError, KeyError, TypeError):
        return plan
    renamed = [{key: renamed_media(value, names) for key, value in step.items()} for step in steps]
    return json.dumps({"steps": renamed}, ensure_ascii=False)


def _checks_prompt(
    language: str,
    media: Sequence[str],
    question: str,
    answer: str,
    checks: Sequence[str],
    regions: Sequence[tuple[str, Sequence[int], str]],
) -> str:
    return render(
        "controller_checks",
        language,
        media=media,
        question=question,
        answer=answer,
        checks=checks,
        regions=[(name, list(box), label) for name, box, label in regions],
    )
