"""Whether the oldest versions that pyproject.toml allows do: `python tests/lower_bounds.py [EXTRA ...]`.

Resolves every direct dependency to its lowest version with uv, installs these and the wheel into a fresh environment,
imports every module that the extras serve, and answers a question. Needs a registry; takes minutes. With `--audit`,
pip-audit is asked about the newest versions instead, which is what a person who installs visagent today gets; it fails
where the registry has nothing to say of a package, since that is no clean bill.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = "3.11"
"""The oldest that the wheel allows."""
USE = """
import importlib, pkgutil, sys, traceback
from PIL import Image
import visagent, visagent_apps
from visagent import Agent
from visagent.core.errors import MissingDependency
from visagent.testing import ScriptedModel

left_out, wrong = [], []
for package in (visagent, visagent_apps):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda name: None):
        try:
            importlib.import_module(module.name)
        except (ModuleNotFoundError, MissingDependency) as error:
            left_out.append(f"{module.name} ({error})")
        except Exception:
            wrong.append(f"{module.name}: {traceback.format_exc(limit=-2)}")
print(f"left out, for want of an extra: {len(left_out)}", *left_out, sep="\\n  ")
assert not wrong, "\\n".join(wrong)
agent = Agent("embedded", models={"controller": ScriptedModel([{"tool": "dominant_colors"}])}, home=sys.argv[1])
answer = agent.ask("Which color is it?", Image.new("RGB", (8, 8), "red"), mode="tree")
assert "red" in answer.text and agent.resume(answer.run_id) == answer, answer.text
print(answer.text)
"""


def main(*arguments: str) -> None:
    """Resolve, install and use; says what was chosen, and fails where anything does."""
    extras = [word for word in arguments if word != "--audit"]
    audit = "--audit" in arguments
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen, python = folder / "requirements.txt", folder / "venv" / "bin" / "python"
        wanted = [part for extra in extras for part in ("--extra", extra)]
        resolution = "highest" if audit else "lowest-direct"
        uv("pip", "compile", "--quiet", "--resolution", resolution, "--python-version", PYTHON, *wanted,
           "--no-annotate", "--no-header", ROOT / "pyproject.toml", "--output-file", chosen)  # fmt: skip
        print(chosen.read_text("utf-8"))
        if audit:
            run(sys.executable, "-m", "pip_audit", "--strict", "--disable-pip", "--no-deps", "--requirement", chosen)
            return
        uv("venv", "--quiet", "--python", PYTHON, folder / "venv")
        uv("pip", "install", "--quiet", "--python", python, "--requirement", chosen)
        uv("pip", "install", "--quiet", "--python", python, "--no-deps", ROOT)
        run(python, "-c", USE, folder / "home", cwd=folder)


def uv(*words: object) -> None:
    """Run uv, of the extra `dev`."""
    run(sys.executable, "-m", "uv", *words)


def run(*words: object, cwd: Path | None = None) -> None:
    """Run a command; where it fails, so does this one."""
    if code := subprocess.run([str(word) for word in words], cwd=cwd).returncode:
        raise SystemExit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
