"""The command line with a planner that names one cheap tool, so that a test of the command waits for no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image
from typer.testing import CliRunner, Result

from visagent_apps import cli

PLAN = {"steps": [{"tool": "dominant_colors"}]}


def write_profile(folder: Path, *plans: dict[str, Any]) -> Path:
    """A profile file whose planner replies with these plans, one a question; by default with one about colours."""
    roles = dict.fromkeys(("decider", "refiner", "verifier", "observer"), "rules")
    profile = {
        "description": "For tests",
        "models": {"main": {"backend": "scripted", "replies": [json.dumps(plan) for plan in plans or (PLAN,)]}},
        "roles": {"controller": "main", **roles},
    }
    file = folder / "scripted.yaml"
    file.write_text(json.dumps(profile))
    return file


def write_picture(folder: Path, color: str = "teal") -> Path:
    """A small picture of one colour."""
    file = folder / f"{color}.png"
    Image.new("RGB", (20, 20), color).save(file)
    return file


def run(*words: object, piped: bytes | None = None) -> Result:
    """A command as it ends in this process; its error, if it is visagent's own, stands in `exception`."""
    return CliRunner().invoke(cli.app, [str(word) for word in words], input=piped)
