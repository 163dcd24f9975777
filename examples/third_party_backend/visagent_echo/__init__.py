"""A backend of one's own: its model looks at a picture and answers with the question that it was asked."""

import json
from typing import Any, Literal

from visagent.core.backends import ModelConfig
from visagent.models.backends import Backend
from visagent.models.protocol import Capabilities, Message, Reply


class EchoConfig(ModelConfig):
    """What a profile may say of the model: `{backend: echo, loud: true}`."""

    backend: Literal["echo"] = "echo"
    loud: bool = False


class Echo:
    """Satisfies `visagent.models.protocol.MLLM`."""

    name, capabilities = "echo", Capabilities(media=frozenset({"image"}))

    def __init__(self, config: EchoConfig) -> None:
        self._loud = config.loud

    def load(self) -> None: ...

    def close(self) -> None: ...

    async def chat(self, messages: list[Message], **options: Any) -> Reply:
        question = messages[-1].text.strip().splitlines()[-1]
        answer = question.upper() if self._loud else question
        return Reply(text=json.dumps({"answer": answer, "sure": "likely"}) if options.get("schema") else answer)


echo = Backend(EchoConfig, load=lambda config, home: Echo(config))
