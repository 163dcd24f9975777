"""An evaluation as a log that inspect_ai reads and its viewer opens. Needs no inspect_ai.

The form is `EvalLog` version 2 of `inspect_ai.log` as JSON (read at 0.3.285). Each attempt is a sample; its tree stands
in the sample's metadata.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import Any

from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AGENT
from visagent.evaluation.agent_items import Attempt
from visagent.evaluation.agent_scores import AgentScores
from visagent.evaluation.run_folder import RunFolder, RunInfo
from visagent.evidence.tree import QuestionTree

SCORER = "grade"


def inspect_log(folder: RunFolder, scores: AgentScores, variant: str = AGENT) -> str:
    """One variant of an evaluation as the JSON text of an inspect_ai log.

    Args:
        folder: The evaluation's record.
        scores: What it came to.
        variant: See `Attempt.variant`.

    Raises:
        InputError: the evaluation has no such variant.
    """
    info, attempts = folder.info, list(folder.of(variant).values())
    if not attempts:
        raise InputError(f"{folder.path} has no variant {variant!r}.", f"Use one of: {', '.join(folder.variants)}.")
    model = f"visagent/{info.profile}"
    found = next(one for one in scores.variants if one.variant == variant)
    metrics = {}
    for name, score in found.scores.items():
        metrics[name] = {"name": name, "value": score.value, "metadata": {"low": score.low, "high": score.high}}
    ended = info.created + timedelta(seconds=sum(one.usage.seconds for one in attempts))
    usage = {model: _usage(sum(one.usage.prompt_tokens for one in attempts), _written(attempts))}
    log = {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": _log_id(info, variant),
            "run_id": _log_id(info, variant),
            "created": info.created.isoformat(),
            "task": info.benchmark,
            "task_id": _log_id(info, variant),
            "dataset": {
                "name": info.benchmark,
                "location": info.data,
                "samples": info.items,
                "sample_ids": [one.id for one in attempts],
                "shuffled": False,
            },
            "model": model,
            "config": {},
            "packages": {"visagent": info.release},
            "metadata": {"mode": info.mode, "variant": variant, "profile_digest": info.profile_digest},
            "scorers": [{"name": SCORER}],
        },
        "plan": {"name": "plan", "steps": [{"solver": "visagent", "params": {"mode": info.mode}}]},
        "results": {
            "total_samples": len(attempts),
            "completed_samples": sum(not one.error for one in attempts),
            "scores": [{"name": SCORER, "scorer": SCORER, "metrics": metrics}],
        },
        "stats": {
            "started_at": info.created.isoformat(),
            "completed_at": ended.isoformat(),
            "model_usage": usage,
        },
        "samples": [_sample(one, model) for one in attempts],
    }
    return json.dumps(log, ensure_ascii=False)


def log_name(info: RunInfo, variant: str = AGENT) -> str:
    """The name that a log has to have for inspect_ai to list it: time, task and id."""
    task = re.sub(r"[^\w.]+", "-", info.benchmark).replace("_", "-")
    return f"{info.created.strftime('%Y-%m-%dT%H-%M-%S')}+00-00_{task}_{_log_id(info, variant)}.json"


def _log_id(info: RunInfo, variant: str) -> str:
    return hashlib.sha256(f"{info.model_dump_json()}{variant}".encode()).hexdigest()[:22]


def _sample(attempt: Attempt, model: str) -> dict[str, Any]:
    reply = {"role": "assistant", "content": attempt.text, "model": model, "source": "generate"}
    sample: dict[str, Any] = {
        "id": attempt.id,
        "epoch": 1,
        "input": attempt.question,
        "target": list(attempt.gold),
        "messages": [{"role": "user", "content": attempt.question}, reply],
        "output": {
            "model": model,
            "choices": [{"message": reply, "stop_reason": "stop"}],
            "error": attempt.error or None,
        },
        "scores": {SCORER: {"value": attempt.score, "answer": attempt.reply}},
        "metadata": {
            "category": attempt.category,
            "group": attempt.group,
            "media": list(attempt.media),
            "calls": attempt.calls,
            "tree": _tree(attempt),
        },
        "model_usage": {model: _usage(attempt.usage.prompt_tokens, attempt.usage.generated_tokens)},
        "total_time": attempt.usage.seconds,
    }
    if attempt.error:
        sample["error"] = {"message": attempt.error, "traceback": "", "traceback_ansi": ""}
    return sample


def _tree(attempt: Attempt) -> str:
    if attempt.answer is None:
        return ""
    return QuestionTree.model_validate(attempt.answer["tree"]).to_text()


def _usage(read: int, written: int) -> dict[str, int]:
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


def _written(attempts: list[Attempt]) -> int:
    return sum(one.usage.generated_tokens for one in attempts)
