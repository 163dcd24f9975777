"""The command that takes the app's pictures finds what it needs from a checkout, wherever it is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "screenshots.py"


def test_the_command_loads_without_the_paths_of_the_tests(tmp_path: Path) -> None:
    code = f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='loaded')"
    kept = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if "tests" not in Path(path).parts]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(kept)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=120)
