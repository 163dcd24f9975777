"""An oracle behind a real OpenAI-compatible server on loopback: it knows the right answers, and errs at a stated rate.

It answers by what a request asks for, told from the words of visagent's prompts, and by the question that stands in it:

* a look at whole pictures gives the wrong answer with the stated rate, a look at an enlarged region with half of it;
* a first look that is right is sure of it in 85 % of cases, one that is wrong in half of them;
* a judge takes a wrong sentence for right, and a right one for wrong, with the stated rate;
* what it is not sure of is looked at closer in its region; numbers are planned to be read by the real OCR as well, and
  what is there or not to be looked for by the real detector, as bad as they are.

Errors are drawn from the seed, the request's role, its question and its pictures alone: a run can be repeated.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

FACTS = Path(__file__).with_name("facts.yaml")


@dataclass(frozen=True)
class Fact:
    """One question about one picture.

    Attributes:
        picture: Its file, below the shared data folder.
        question: As a person puts it.
        right: The right answer, the word that tells it between asterisks.
        wrong: What eyes that err say.
        box: Where it is to be seen: left, top, right, bottom as parts of width and height.
    """

    picture: str
    question: str
    right: str
    wrong: str
    box: tuple[float, float, float, float]

    def says(self, text: str) -> bool | None:
        """Whether a text gives the right answer (True), the wrong one (False), or both or neither (None)."""
        right, wrong = (_key(answer) in f" {_plain(text)} " for answer in (self.right, self.wrong))
        return None if right == wrong else right


def facts() -> list[Fact]:
    """All that the oracle knows."""
    table = yaml.safe_load(FACTS.read_text("utf-8"))
    return [
        Fact(picture, question, right, wrong, tuple(box))
        for picture, rows in table.items()
        for question, right, wrong, box in rows
    ]


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w.%-]+", " ", text.replace("*", "").casefold()).replace(". ", " ").strip(" .").split())


def _key(answer: str) -> str:
    found = re.search(r"\*(.+?)\*", answer)
    assert found is not None, answer
    return f" {_plain(found[1])} "


class Oracle:
    """The replies.

    Args:
        rate: Part of the looks at whole pictures that are wrong.
        seed: Decides which.
    """

    def __init__(self, rate: float, seed: int) -> None:
        self.rate, self.seed = rate, seed
        self.known = {fact.question: fact for fact in facts()}
        self.calls: dict[str, list[int]] = {}
        """Calls of each question: the characters of each one's prompt."""

    def reply(self, body: dict[str, Any]) -> str:
        """What the model says to a request."""
        texts, pictures = _parts(body["messages"])
        text = texts[-1]
        # The longest first: one question may be a part of another.
        fact = next(self.known[q] for q in sorted(self.known, key=len, reverse=True) if q in text)
        self.calls.setdefault(fact.question, []).append(sum(map(len, texts)))
        schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema", {})
        asks = set(schema.get("properties", {}))
        if not schema:
            return self._answer(fact, "bare", pictures, self.rate)
        if "checks" in asks:
            return self._first(fact, pictures)
        if "verdicts" in asks:
            return self._judge(fact, text, pictures)
        if "other" in asks:
            rate = self.rate / 2 if "enlarged region 1" in "\n".join(texts) else self.rate
            answer = self._answer(fact, "closer", pictures, rate)
            found = {"rests_on": []} if "rests_on" in asks else {}
            return json.dumps({"reasoning": "", "answer": answer, "sure": "certain", **found, "other": ""})
        if "steps" in asks:
            return self._plan(fact, text)
        if schema.get("type") == "array":
            return json.dumps([{"bbox_2d": _thousandths(fact), "label": "it"}])
        answer = self._answer(fact, "look", pictures, self.rate / 2)
        return json.dumps({"reasoning": "", "answer": answer, "sure": "certain"})

    def _chance(self, *what: str) -> float:
        """A number from 0 to 1 that depends on what is named alone."""
        digest = hashlib.sha256("\n".join([str(self.seed), *what]).encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    def _answer(self, fact: Fact, role: str, pictures: str, rate: float) -> str:
        errs = self._chance("err", role, fact.question, pictures) < rate
        return (fact.wrong if errs else fact.right).replace("*", "")

    def _first(self, fact: Fact, pictures: str) -> str:
        answer = self._answer(fact, "first", pictures, self.rate)
        right = fact.says(answer) is True
        sure = self._chance("sure", fact.question, pictures) < (0.85 if right else 0.5)
        region = {"picture": "image1", "bbox_2d": _thousandths(fact), "label": "here"}
        # A wish in words goes to the planner of checks, one in a form of the prompt does without.
        wish = "look closer at that place" if _for_tools(fact) else "zoom: that place"
        return json.dumps(
            {
                "reasoning": "",
                "answer": answer,
                "sure": "certain" if sure else "unsure",
                "regions": [region],
                "checks": [] if sure else [wish],
            }
        )

    def _judge(self, fact: Fact, text: str, pictures: str) -> str:
        said = re.findall(r"(?m)^(\d+)\. (.+)$", text)
        verdicts = []
        for number, statement in said:
            right = fact.says(statement) is not False
            errs = self._chance("judge", fact.question, number, pictures) < self.rate
            holds = right != errs
            one: dict[str, Any] = {"number": int(number), "see": "", "verdict": "yes" if holds else "no"}
            if not holds:
                other = fact.wrong if right else fact.right
                region = {"picture": "image1", "bbox_2d": _thousandths(fact), "label": "here"}
                one |= {"see": other.replace("*", ""), "regions": [region]}
            verdicts.append(one)
        return json.dumps({"verdicts": verdicts})

    def _plan(self, fact: Fact, text: str) -> str:
        region = re.search(r"Region: (\S+) \[(\d+), (\d+), (\d+), (\d+)\]", text)
        assert region is not None, text
        box = [float(region[place]) for place in range(2, 6)]
        steps: list[dict[str, Any]] = [
            {"tool": "crop_box", "image": region[1], "box": box},
            {"tool": "look", "image": "$q1", "question": fact.question},
        ]
        if re.search(r"\d", fact.right):
            steps.append({"tool": "read_text", "image": "$q1"})
        elif fact.right.startswith("*Yes"):
            noun = _plain(fact.question).split()[-1]
            steps.append({"tool": "detect", "image": region[1], "label": noun})
        return json.dumps({"steps": steps})


def _for_tools(fact: Fact) -> bool:
    """Whether a text reader or a detector has something to say about it."""
    return bool(re.search(r"\d", fact.right)) or fact.right.startswith("*Yes")


def _thousandths(fact: Fact) -> list[int]:
    return [round(1000 * edge) for edge in fact.box]


def _parts(messages: list[dict[str, Any]]) -> tuple[list[str], str]:
    """The texts of a conversation in order, and a digest of its pictures."""
    texts: list[str] = []
    pictures = hashlib.sha256()
    for message in messages:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                pictures.update(json.dumps(part).encode())
    return texts, pictures.hexdigest()


@contextmanager
def served(oracle: Oracle) -> Iterator[str]:
    """The oracle's address while it is served, up to and with its version."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            self._send({"object": "list", "data": [{"id": "oracle", "object": "model", "max_model_len": 32768}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = oracle.reply(body)
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            chunk = {"id": "1", "created": 1, "model": "oracle", "object": "chat.completion.chunk"}
            lines = [
                {**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
                {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                {**chunk, "choices": [], "usage": usage},
            ]
            data = "".join(f"data: {json.dumps(line)}\n\n" for line in lines) + "data: [DONE]\n\n"
            self._respond(data.encode(), "text/event-stream")

        def _send(self, answer: dict[str, Any]) -> None:
            self._respond(json.dumps(answer).encode(), "application/json")

        def _respond(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
