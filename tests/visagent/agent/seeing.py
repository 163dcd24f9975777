"""A model that sees, scripted by the role that a prompt gives it: for tests of the loop of look and check alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from visagent.models.grounding import Convention
from visagent.models.protocol import Capabilities, Message, Reply, TokenUsage

TOKENS = 10
"""Tokens that each reply counts for."""

ROLES = {
    "Decide whether": "decide",
    "Answer the question from the evidence": "write",
    "Answer the question from what you are given": "look",
    "Reply with JSON, in this order:\nreasoning: what you see that matters": "first",
    "Look again, at the enlarged regions": "closer",
    "Judge each statement by itself": "judge",
    "A model that sees has looked": "checks",
    "This did not do": "replan",
    "Locate every instance of": "locate",
}
"""Roles by words that stand in their prompts; anything else is a plan, and a lone question mode `direct`."""


class SeeingModel:
    """Replies by the role that a prompt gives it; keeps every prompt."""

    name = "seeing"
    capabilities = Capabilities(media=frozenset({"image"}), grounding=Convention.RELATIVE_1000)

    def __init__(self, **replies: Any) -> None:
        self._replies = {role: reply if isinstance(reply, list) else [reply] for role, reply in replies.items()}
        self.prompts: list[tuple[str, Sequence[Message]]] = []

    def load(self) -> None: ...

    def close(self) -> None: ...

    async def chat(self, messages: Sequence[Message], **_: Any) -> Reply:
        text = messages[-1].text
        role = next((role for words, role in ROLES.items() if words in text), "plan")
        role = "bare" if len(messages) == 1 else role
        self.prompts.append((role, messages))
        number = sum(played == role for played, _ in self.prompts)
        replies = self._replies[role]
        reply = replies[min(number, len(replies)) - 1]
        if isinstance(reply, Reply):
            return reply
        text = reply if isinstance(reply, str) else json.dumps(reply)
        return Reply(text=text, usage=TokenUsage(generated=TOKENS))

    def asked(self, role: str) -> list[str]:
        return [messages[-1].text for played, messages in self.prompts if played == role]
