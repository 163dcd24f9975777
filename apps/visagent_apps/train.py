"""`visagent train`: a planner learns from examples; its adapter goes to llama.cpp or into the base model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visagent_apps.terminal import say

if TYPE_CHECKING:
    from visagent_training.methods import Method

app = typer.Typer(help="Train a planner: supervised, by rejection sampling, preferences or rewards; export it.")

ConfigOption = Annotated[Path, typer.Option("--config", help="YAML; see docs/training.md.")]
FolderOption = Annotated[
    Path | None, typer.Option(help="The run's folder, by default runs/NAME of the configuration; resumed if it exists.")
]


@app.command()
def sft(config: ConfigOption, folder: FolderOption = None) -> None:
    """Supervised fine-tuning on right plans."""
    _run("sft", config, folder)


@app.command()
def reject(config: ConfigOption, folder: FolderOption = None) -> None:
    """Sample plans, keep those that verify, fine-tune on them."""
    _run("reject", config, folder)


@app.command()
def dpo(config: ConfigOption, folder: FolderOption = None) -> None:
    """Prefer right plans to failing ones and to hard negatives."""
    _run("dpo", config, folder)


@app.command()
def reward(config: ConfigOption, folder: FolderOption = None) -> None:
    """Train a reward model on preferences, and choose the best of several sampled plans with it."""
    _run("reward", config, folder)


@app.command()
def grpo(config: ConfigOption, folder: FolderOption = None) -> None:
    """Reinforce plans by a verifiable reward: valid, executes, right, short."""
    _run("grpo", config, folder)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path | None, typer.Option(help="Where the files go; by default RUN/export.")] = None,
    merged: Annotated[bool, typer.Option("--merged", help="The base model with the adapter added in.")] = False,
    gguf: Annotated[Path | None, typer.Option(help="The base as GGUF, if not the run's own base.")] = None,
    install: Annotated[bool, typer.Option("--install", help="Keep the adapter by name for profiles.")] = False,
    checks: Annotated[int, typer.Option(min=0, help="Questions on which both runtimes must plan the same.")] = 20,
) -> None:
    """Write the adapter for llama.cpp, or merge it; checks that both runtimes give the same plans."""
    from visagent_training.deploy_adapter import deliver

    done = deliver(folder, out or folder / "export", merged=merged, base_gguf=gguf, install=install, checks=checks)
    for line in done.lines:
        say(line)
    if not done.same:
        raise SystemExit(1)


def _run(method: Method, config_file: Path, folder: Path | None) -> None:
    from rich.table import Table

    from visagent.core.config_files import home
    from visagent.core.terminal import terminal
    from visagent.evaluation.paired import Difference
    from visagent_apps.data import toolkit_of
    from visagent_training.build import read_config
    from visagent_training.configs import SamplingConfig
    from visagent_training.methods import CONFIGS, run_method
    from visagent_training.run import percent
    from visagent_training.verify import Runner

    config = read_config(config_file, CONFIGS[method])
    near = {"data": config_file.parent / config.data}
    for name in ("base", "start_from", "reward_model"):
        if (given := getattr(config, name, None)) and (config_file.parent / given).is_dir():
            near[name] = str((config_file.parent / given).resolve())
    config = config.model_copy(update=near)
    runner = None
    if isinstance(config, SamplingConfig):
        tools, _ = toolkit_of(config.profile, config.tools, config_file.parent)
        runner = Runner(tools, home() / "media", config.seconds)
    run = run_method(method, config, folder or Path("runs") / config_file.stem, runner)
    report = run.read("report.json") or {}
    table = Table("plans of held-out test questions", "before", "after", title=str(run.path))
    for name in report.get("after", {}):
        table.add_row(name, *(percent(report.get(when, {}).get(name)) for when in ("before", "after")))
    if table.rows:
        terminal().print(table)
    for name in ("gain", "gain of choosing"):
        if name in report:
            say(f"right plans, {name}: {Difference.model_validate(report[name])}")
    for name, found in report.get("best of n", {}).items():
        say(f"{name.replace('_', ' ')}: {percent(found)}")
    following = "give it to GRPO as reward_model" if method == "reward" else f"visagent train export {run.path}"
    say(f"Adapter: {run.adapter}. Card: {run.path / 'card.md'}. Next: {following}")
