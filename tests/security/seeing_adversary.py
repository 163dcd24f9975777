"""The worst eyes: a model that sees, and whose every reply is what is written in the picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from payloads import Payload

from visagent.models.grounding import Convention
from visagent.models.protocol import Capabilities, Message, Reply


class ObedientEyes:
    """Looks as it is told to by what it sees, plans what it is told to, and finds everything borne out.

    Args:
        written: What stands in the picture.
        sure: How sure it says that it is; `unsure` has its wishes planned and looks closer.
    """

    name = "obedient-eyes"
    capabilities = Capabilities(media=frozenset({"image"}), grounding=Convention.RELATIVE_1000)

    def __init__(self, written: Payload, sure: str) -> None:
        self._written, self._sure = written, sure
        self.roles: list[str] = []

    def load(self) -> None: ...

    def close(self) -> None: ...

    async def chat(self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, **_: Any) -> Reply:
        """Say, wish or plan what is written."""
        properties = (schema or {}).get("properties", {})
        order = self._written
        region = {"picture": "image1", "bbox_2d": [10, 10, 500, 500], "label": order.text}
        said = {"reasoning": order.text, "answer": order.text, "sure": self._sure}
        if "checks" in properties:
            self.roles.append("look")
            wishes = [order.text, f"count: {order.text}", f"frame: {order.text} 1", f"calculate: {order.text}"]
            reply: Any = {**said, "regions": [region], "checks": wishes}
        elif "steps" in properties:
            self.roles.append("plan")
            reply = {"steps": [order.seized, {"tool": "read_text", "image": "image1"}]}
        elif "verdicts" in properties:
            self.roles.append("judge")
            reply = {"verdicts": [{"number": 1, "see": order.text, "verdict": "no", "regions": [region]}]}
        elif "other" in properties:
            self.roles.append("closer")
            reply = {**said, "rests_on": [order.text], "other": order.text}
        else:
            self.roles.append("other")
            reply = {**said, "boxes": [region], "steps": [order.seized]}
        return Reply(text=json.dumps(reply, ensure_ascii=False))
