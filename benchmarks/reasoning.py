"""What modes and roles are worth: right answers, and what they cost.

    python benchmarks/reasoning.py [--profile NAME] [--set questions|mmvet|claims] [--only NAME,NAME] [--json FILE]

`questions` are the project's own (tests/end_to_end/questions.yaml), `mmvet` the questions of MM-Vet with short answers
(match of strings, not comparable with its published scores, which GPT-4 gave), `claims` right and wrong sentences for
the verifier. Every answer is one line in the file of `--json`, from which a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import track
from rich.table import Table

from visagent import Agent
from visagent.core.config import RULES, Demonstrations, Profile, RoleName
from visagent.core.errors import VisagentError
from visagent.core.settings import load_profile
from visagent.evaluation.bootstrap import mean
from visagent.evaluation.questions import load_medium, load_questions
from visagent.evidence.answer import Answer
from visagent.media.media import Media
from visagent.models.configs import LlamaCppModel
from visagent_research.metrics import mmvet_match

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
FOLDER = ROOT / "tests" / "end_to_end"
Check = Callable[[Answer], bool]
VERDICTS = ("contradicted", "unverifiable", "supported")
"""Of a sentence: the first that one of its claims has."""


def variants(usual: Profile) -> dict[str, tuple[Profile, str]]:
    """The profile and the mode of each row of the table; the first one is what the others are compared with.

    A role that rules play in the profile is given to the small model, and the other way round.
    """
    small = LlamaCppModel(backend="llamacpp", source="smollm2-135m-instruct-q4_1")
    by_rules = usual.roles["decider"] == RULES

    def changed(*roles: RoleName) -> Profile:
        player = "small" if by_rules else RULES
        models = {**usual.models, "small": small} if by_rules else usual.models
        return usual.model_copy(update={"models": models, "roles": {**usual.roles, **dict.fromkeys(roles, player)}})

    def shown(**settings: Any) -> Profile:
        return usual.model_copy(update={"demonstrations": Demonstrations(**settings)})

    hasty = usual.model_copy(update={"budget": usual.budget.model_copy(update={"waves": 0})})
    who = "model" if by_rules else "rules"
    return {
        "tree": (usual, "tree"),
        "chain": (usual, "chain"),
        "auto": (usual, "auto"),
        "direct": (usual, "direct"),
        "no decision-maker": (hasty, "tree"),
        f"{who} decides": (changed("decider"), "tree"),
        f"{who} writes": (changed("refiner"), "tree"),
        f"{who} writes and verifies": (changed("refiner", "verifier"), "tree"),
        "no demonstrations": (shown(k=0), "tree"),
        "4 demonstrations": (shown(k=4), "tree"),
        "4 random demonstrations": (shown(k=4, choice="random"), "tree"),
    }


def asked(which: str) -> Iterator[tuple[str, str, list[Media], Check]]:
    """Id, question, media and check of each question of a set."""
    if which == "questions":
        for item in load_questions(FOLDER / "questions.yaml"):
            media = [load_medium(source, FOLDER, {"sample": SHARED / "samples"}) for source in item.media]
            yield item.id, item.question, media, item.expect.holds
    else:
        for line in (SHARED / "mmvet" / "dev.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["short_answer"]:
                media = [Media.load(SHARED / "mmvet" / row["image"])]
                yield row["id"], row["question"], media, partial(_matches, row["answer"])


def _matches(gold: str, answer: Answer) -> bool:
    return mmvet_match(answer.text, gold)


def measure(
    profile_name: str, which: str, only: list[str], limit: int | None, file: Path | None
) -> dict[str, list[dict[str, Any]]]:
    """One row a question for each variant, the questions in the same order."""
    known = {(row["variant"], row["id"]): row for row in _kept(file)}
    questions = list(asked(which))[:limit]
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, (profile, mode) in variants(load_profile(profile_name)).items():
        if only and name not in only:
            continue
        agent = Agent(profile, cache=False)
        rows[name] = []
        for key, question, media, right in track(questions, name, console=Console(stderr=True), transient=True):
            row = known.get((name, key))
            if row is None:
                row = {"variant": name, "id": key, **_ask(agent, question, media, mode, right)}
                _keep(file, row)
            rows[name].append(row)
    return rows


def _ask(agent: Agent, question: str, media: list[Media], mode: str, right: Check) -> dict[str, Any]:
    try:
        answer = agent.ask(question, *media, mode=mode)  # type: ignore[typeddict-item]
    except VisagentError as error:
        return {"right": False, "answered": False, "answer": str(error), "seconds": 0.0, "calls": 0, "tokens": 0}
    return {
        "right": right(answer),
        "answered": answer.status == "answered",
        "answer": answer.text,
        "seconds": answer.usage.seconds,
        "calls": answer.usage.tool_calls,
        "tokens": answer.usage.generated_tokens,
    }


def table(rows: dict[str, list[dict[str, Any]]]) -> Table:
    """Right answers in percent with 95 % intervals, the difference to the first variant, and cost a question."""
    found = Table("variant", "right", "less that of the first", "answered", "s", "tool calls", "tokens", box=MARKDOWN)
    first = next(iter(rows.values()))
    for name, answers in rows.items():
        gain = mean([float(one["right"]) - float(other["right"]) for one, other in zip(answers, first, strict=True)])
        costs = [sum(float(row[cost]) for row in answers) / len(answers) for cost in ("seconds", "calls", "tokens")]
        found.add_row(
            name,
            str(mean([float(row["right"]) for row in answers])),
            str(gain),
            str(mean([float(row["answered"]) for row in answers])),
            *(f"{cost:.1f}" for cost in costs),
        )
    return found


def check_claims(profile: str, limit: int | None, file: Path | None) -> Table:
    """How often the verifier's verdict on a right and on a wrong sentence is right, wrong, or none."""
    agent = Agent(profile, cache=False)
    known = {row["text"] + row["media"]: row for row in _kept(file)}
    verdicts: dict[str, list[str]] = {"right": [], "wrong": []}
    seconds = []
    items = yaml.safe_load((FOLDER / "claims.yaml").read_text("utf-8"))[:limit]
    for item in track(items, "claims", console=Console(stderr=True), transient=True):
        medium = load_medium(item["media"], FOLDER, {"sample": SHARED / "samples"})
        for kind in verdicts:
            row = known.get(item[kind] + item["media"])
            if row is None:
                found = agent.verify(item[kind], medium)
                worst = {claim.verdict for claim in found.claims} or {"unverifiable"}
                verdict = next(verdict for verdict in VERDICTS if verdict in worst)
                row = {"media": item["media"], "text": item[kind], "kind": kind, "verdict": verdict}
                row["seconds"] = found.usage.seconds
                _keep(file, row)
            verdicts[kind].append(row["verdict"])
            seconds.append(row["seconds"])
    rows = Table("sentences", *VERDICTS, "s", box=MARKDOWN)
    for name, given in verdicts.items():
        shares = (str(mean([float(one == verdict) for one in given])) for verdict in VERDICTS)
        rows.add_row(name, *shares, f"{sum(seconds) / len(seconds):.1f}")
    return rows


def _kept(file: Path | None) -> list[dict[str, Any]]:
    lines = file.read_text("utf-8").splitlines() if file is not None and file.exists() else []
    return [json.loads(line) for line in lines]


def _keep(file: Path | None, row: dict[str, Any]) -> None:
    if file is not None:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=["questions", "mmvet", "claims"], default="questions", dest="which")
    parser.add_argument("--profile", default="embedded", help="a built-in profile's name, or a YAML file")
    parser.add_argument("--only", default="", help="variants, by name, separated by commas")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.which == "claims":
        Console(width=160).print(check_claims(options.profile, options.limit, options.json))
    else:
        only = [name for name in options.only.split(",") if name]
        Console(width=160).print(table(measure(options.profile, options.which, only, options.limit, options.json)))


if __name__ == "__main__":
    main()
