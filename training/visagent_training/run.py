"""A training run's folder: what went in, how it goes, what came out; and when to stop. Knows no method.

=================== ===================================================================================================
`config.yaml`       the method and its configuration; a run can be resumed with the same one alone
`data.json`         SHA-256 of each split's file
`environment.json`  versions of the libraries, and the machine
`metrics.jsonl`     figures of each step: loss, learning rate, held-out accuracy
`curves.png`        the same as a picture
`adapter/`          the adapter (PEFT): the best one on held-out plans, or the last
`report.json`       plans of the test split before and after, and the gain question by question
`test_before.json`  the plans before training, as text
`card.md`           the model card
=================== ===================================================================================================
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from visagent.core.errors import ConfigError, InputError
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.evaluation.paired import Difference, paired_difference
from visagent_training.build import data_digests
from visagent_training.configs import TrainConfig
from visagent_training.examples import TrainingExample
from visagent_training.sft import add_row, read_rows, save_adapter
from visagent_training.trainer import Trainer
from visagent_training.verify import Verdict, judge

_PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "llguidance", "tokenizers", "numpy")
_MAY_DIFFER = frozenset({"threads", "device_rows"})
"""Settings that a run may be resumed with other values of: they change its speed alone."""


class RunFolder:
    """The folder of one run; made, or opened to resume.

    Args:
        path: Where.
        method: Name of the method, for example `sft`.
        config: Config of the run.

    Raises:
        ConfigError: the folder holds a run with another configuration.
        InputError: the folder holds a run on other data.
    """

    def __init__(self, path: Path, method: str, config: TrainConfig) -> None:
        self.path, self.method, self.config = path, method, config
        path.mkdir(parents=True, exist_ok=True)
        self.metrics = path / "metrics.jsonl"
        self.adapter = path / "adapter"
        settings = {"method": method, **config.model_dump(mode="json")}
        file = path / "config.yaml"
        if file.is_file():
            kept = yaml.safe_load(file.read_text("utf-8"))
            changed = [key for key in settings if key not in _MAY_DIFFER and kept.get(key) != settings[key]]
            if changed:
                raise ConfigError(
                    f"{path} holds a run with another {', '.join(changed)}.",
                    "Give another --folder, or the same configuration.",
                )
        else:
            file.write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
        digests = data_digests(config.data)
        data = path / "data.json"
        if data.is_file() and json.loads(data.read_text("utf-8")) != digests:
            raise InputError(f"{config.data} has changed since the run in {path} began.", "Give another --folder.")
        data.write_text(json.dumps(digests, indent=1) + "\n", "utf-8")
        environment = path / "environment.json"
        if not environment.is_file():
            environment.write_text(json.dumps(describe_machine(), indent=1) + "\n", "utf-8")

    def rows(self) -> list[dict[str, Any]]:
        """The figures of all steps; those of rounds in their order, with steps counted on."""
        found = read_rows(self.metrics)
        done = 0
        for folder in sorted(self.path.glob("round*/"), key=lambda folder: int(folder.name[5:])):
            rows = read_rows(folder / "metrics.jsonl")
            found += [{**row, "step": row["step"] + done} for row in rows]
            done = max([done, *(row["step"] for row in found)])
        return found

    def read(self, name: str) -> Any:
        """A JSON file of the run; None if it is not there yet."""
        file = self.path / name
        return json.loads(file.read_text("utf-8")) if file.is_file() else None

    def write(self, name: str, content: Any) -> None:
        """Write a JSON file of the run, whole or not at all."""
        partial = self.path / f"{name}.{os.getpid()}"
        partial.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        partial.replace(self.path / name)

    def draw(self) -> None:
        """Draw `curves.png`: a panel for each figure that a person looks at."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        rows = self.rows()
        shown = [key for key in ("loss", "accuracy", "margin", "reward", "valid") if any(key in row for row in rows)]
        figure = Figure(figsize=(4.6 * max(1, len(shown)), 3.2), layout="constrained")
        FigureCanvasAgg(figure)
        for place, key in enumerate(shown, start=1):
            axes = figure.add_subplot(1, len(shown), place)
            points = [(row["step"], row[key]) for row in rows if key in row]
            axes.plot(*zip(*points, strict=True), marker="o" if len(points) < 40 else None, markersize=3, linewidth=1)
            axes.set(title=_TITLES[key], xlabel="step")
            axes.grid(alpha=0.3)
            if key in ("accuracy", "valid"):
                axes.set_ylim(0, 1)
        figure.savefig(self.path / "curves.png", dpi=110)

    def write_card(self) -> None:
        """Write `card.md` from what the folder holds."""
        template = (files("visagent_training") / "run_card.md").read_text("utf-8")
        report = self.read("report.json") or {}
        environment = self.read("environment.json")
        table = ["| plans of held-out test questions | before | after |", "|---|---|---|"]
        for name in report.get("after", {}):
            cells = (percent(report.get(when, {}).get(name)) for when in ("before", "after"))
            table.append(f"| {name} | {' | '.join(cells)} |")
        if len(table) == 2:
            table = ["It was not asked held-out test questions (`test_rows: 0`)."]
        for name in ("gain", "gain of choosing"):
            if name in report:
                table += ["", f"Right plans, {name}: {Difference.model_validate(report[name])}."]
        losses = [row["loss"] for row in self.rows() if "loss" in row]
        settings = yaml.safe_load((self.path / "config.yaml").read_text("utf-8"))
        text = template.format(
            adapter=self.config.adapter,
            base=self.config.base,
            method=self.method,
            config=yaml.safe_dump(settings, sort_keys=False).rstrip(),
            data="\n".join(f"- {name}: {digest}" for name, digest in (self.read("data.json") or {}).items()),
            table="\n".join(table),
            loss=f"{sum(losses[-10:]) / len(losses[-10:]):.3f}" if losses else "not recorded",
            steps=max((row["step"] for row in self.rows()), default=0),
            seconds=round(report.get("seconds", 0)),
            machine=f"{environment['system']}, {environment['processor']}",
            versions=", ".join(f"{name} {found}" for name, found in environment["versions"].items()),
        )
        (self.path / "card.md").write_text(text, "utf-8")


_TITLES = {
    "loss": "loss",
    "accuracy": "right plans, held out",
    "margin": "preference margin",
    "reward": "mean reward",
    "valid": "valid plans",
}


def percent(estimate: Mapping[str, float] | None) -> str:
    """An estimate for people: per cent with its interval."""
    if estimate is None:
        return "not measured"
    value, low, high = (100 * estimate[key] for key in ("value", "low", "high"))
    return f"{value:.0f} % ({low:.0f} to {high:.0f}, n={estimate['count']})"


def describe_machine() -> dict[str, Any]:
    """What a run's figures depend on besides configuration and data."""
    import torch

    versions = {"python": platform.python_version()}
    for package in ("visagent", *_PACKAGES):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    processor = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    )
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{processor}, {os.cpu_count()} CPU cores, {torch.get_num_threads()} threads",
        "versions": versions,
    }


# Plans of held-out questions.


def measure(replies: Sequence[str], examples: Sequence[TrainingExample]) -> dict[str, Estimate]:
    """How good plans are, each figure with its interval; right plans also by source, where there are several."""
    verdicts = [judge(reply, example) for reply, example in zip(replies, examples, strict=True)]
    right = [float(verdict.right) for verdict in verdicts]
    sources = list(dict.fromkeys(example.source for example in examples))
    by_source = {
        source: mean([value for value, example in zip(right, examples, strict=True) if example.source == source])
        for source in (sources if len(sources) > 1 else ())
    }
    return {
        "right plan": mean(right),
        **{f"right plan, {source}": found for source, found in by_source.items()},
        "valid": mean([float(verdict.valid) for verdict in verdicts]),
        "right tools": mean([float(_tools(reply, example)) for reply, example in zip(replies, examples, strict=True)]),
    }


def gain(before: Sequence[str], after: Sequence[str], examples: Sequence[TrainingExample]) -> Difference:
    """How many more questions are planned rightly by the later plans than by the earlier ones, question by question."""
    first, second = (
        {str(place): float(judge(reply, examples[place]).right) for place, reply in enumerate(replies)}
        for replies in (before, after)
    )
    found = paired_difference(first, second)
    if found is None:
        raise InputError("There are no questions to compare plans on.", "Give test questions.")
    return found


def _tools(reply: str, example: TrainingExample) -> bool:
    """Whether a reply calls the gold plan's tools, as a set."""
    from visagent.core.errors import PlanError

    if example.steps is None:
        return judge(reply, example).right
    try:
        called = {step.get("tool") for step in example.read(reply)}
    except PlanError:
        return False
    return called == {step["tool"] for step in example.steps}


def accuracy(trainer: Trainer, examples: Sequence[TrainingExample]) -> float:
    """The part of the questions that the model plans rightly now, greedily."""
    verdicts: list[Verdict] = [
        judge(reply, example) for reply, example in zip(trainer.plans(examples), examples, strict=True)
    ]
    return sum(verdict.right for verdict in verdicts) / len(verdicts)


class Watch:
    """Follows a run: shows each step, looks at held-out plans now and then, keeps the best adapter, says when to stop.

    What it knows of the past stands in the run's figures, so that a resumed run stops where it would have.

    Args:
        run: The run whose folder is meant.
        trainer: What is trained.
        validation: Held-out questions.
        metrics: Where figures go; None for the run's own file.
        show: Called with each step's figures.
    """

    def __init__(
        self,
        run: RunFolder,
        trainer: Trainer,
        validation: Sequence[TrainingExample],
        *,
        metrics: Path | None = None,
        show: Callable[[dict[str, float]], None] = lambda row: None,
    ) -> None:
        self._run, self._trainer, self._show = run, trainer, show
        self._metrics = metrics or run.metrics
        self._rows = list(validation[: run.config.eval_rows]) if run.config.eval_every else []

    @property
    def looks(self) -> bool:
        """Whether it looks at held-out plans, and so keeps the best adapter itself."""
        return bool(self._rows)

    def step(self, row: dict[str, float]) -> bool:
        """Take in a step's figures; true where training should stop."""
        self._show(row)
        step = int(row["step"])
        if not self._rows or (step % self._run.config.eval_every and step != row["steps"]):
            return False
        found = accuracy(self._trainer, self._rows)
        best = max((float(past["accuracy"]) for past in self._run.rows() if "accuracy" in past), default=-1.0)
        add_row(self._metrics, {"step": step, "accuracy": round(found, 4)})
        self._show({"step": step, "accuracy": found, "steps": row["steps"]})
        # Of equally good ones the later, which has learned more: few questions tell few degrees.
        if found >= best or not self._run.adapter.is_dir():
            save_adapter(self._trainer.model, self._run.adapter)
        looks = [float(past["accuracy"]) for past in read_rows(self._metrics) if "accuracy" in past]
        since_best = len(looks) - 1 - looks.index(max(looks))
        self._run.draw()
        return since_best >= self._run.config.patience or (max(looks) == 1.0 and since_best > 0)


class Progress:
    """Shows a run to a person: a bar with the time left on a terminal, a line a step elsewhere."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=None, figures="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, row: Mapping[str, float]) -> None:
        """Show a step's figures."""
        shown = "  ".join(f"{key} {row[key]:.4g}" for key in _TITLES if key in row)
        if self._console.is_terminal:
            self._bar.update(self._task, completed=row["step"], total=row["steps"], figures=shown)
            return
        left = f"  {row['seconds_left'] / 60:.1f} min left" if "seconds_left" in row else ""
        print(f"step {row['step']:g}/{row['steps']:g}  {shown}{left}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Say what happens now."""
        self._console.print(text, highlight=False)


class Clock:
    """Seconds of work: of this process, and of those before it up to where they last wrote the report."""

    def __init__(self, run: RunFolder) -> None:
        report = run.read("report.json") or {}
        self._before, self._started = float(report.get("seconds", 0)), time.monotonic()

    def seconds(self) -> float:
        """So far."""
        return round(self._before + time.monotonic() - self._started, 1)


def dump(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates as JSON values."""
    return {name: estimate.model_dump() for name, estimate in estimates.items()}
