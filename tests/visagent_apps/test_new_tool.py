"""`visagent tools new` writes tools that work, for a person's own use and for others to install."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from visagent.core.errors import InputError, ToolDefinitionError
from visagent_apps.new_tool import new_tool

pytestmark = pytest.mark.slow

CAT = Path(__file__).parents[2] / "examples" / "cat.png"
THIRD_PARTY = Path(__file__).parents[2] / "examples" / "third_party_tool"
VISAGENT = str(Path(sys.executable).with_name("visagent"))


def run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def install(package: Path, target: Path) -> None:
    """Install a package beside the environment's own, without a network."""
    # pip builds inside the source folder: a copy keeps the checkout clean.
    done = run(
        sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet",
        "--target", target, package, cwd=target.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_new_tool_works_as_it_is_written(tmp_path: Path) -> None:
    written = run(VISAGENT, "tools", "new", "glare", "--folder", "mine", cwd=tmp_path)
    assert written.returncode == 0 and written.stdout.split() == ["mine/glare.py"], written.stderr
    tried = run(VISAGENT, "tools", "try", "glare", f"image={CAT}", "--tool", "mine/glare.py", cwd=tmp_path)
    value = json.loads(tried.stdout)
    assert value["type"] == "number" and value["unit"] == "%" and 0 < value["value"] < 100


def test_a_new_package_installs_is_found_and_passes_its_own_tests(tmp_path: Path) -> None:
    _, pyproject, test, readme = new_tool("glare", tmp_path, package=True)
    assert pyproject == tmp_path / "visagent-glare" / "pyproject.toml" and readme.is_file()
    site = tmp_path / "site"
    install(pyproject.parent, site)
    listed = run(VISAGENT, "tools", "list", "--json", cwd=tmp_path, PYTHONPATH=str(site))
    names = [json.loads(line)["name"] for line in listed.stdout.splitlines()]
    assert names.count("glare") == 1 and "detect" in names, listed.stderr
    tested = run(sys.executable, "-m", "pytest", "-q", test, cwd=tmp_path, PYTHONPATH=str(site))
    assert tested.returncode == 0, tested.stdout


def test_the_third_party_example_installs_and_its_tool_is_used(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(THIRD_PARTY, source)
    install(source, site)
    listed = run(VISAGENT, "tools", "list", "--json", cwd=tmp_path, PYTHONPATH=str(site))
    specs = {spec["name"]: spec for spec in map(json.loads, listed.stdout.splitlines())}
    assert specs["sharpness"]["purpose"] == "Measure how sharp a picture or object is.", listed.stderr
    tried = run(VISAGENT, "tools", "try", "sharpness", f"image={CAT}", cwd=tmp_path, PYTHONPATH=str(site))
    value = json.loads(tried.stdout)
    assert value["type"] == "number" and value["value"] > 0
    tested = run(sys.executable, "-m", "pytest", "-q", source / "tests", cwd=tmp_path, PYTHONPATH=str(site))
    assert tested.returncode == 0, tested.stdout


def test_a_package_whose_tools_cannot_be_loaded_is_named_with_the_way_out(tmp_path: Path) -> None:
    _, pyproject, *_ = new_tool("glare", tmp_path, package=True)
    site = tmp_path / "site"
    install(pyproject.parent, site)
    (site / "visagent_glare" / "__init__.py").write_text("import no_such_module\n")
    listed = run(VISAGENT, "tools", "list", cwd=tmp_path, PYTHONPATH=str(site))
    assert listed.returncode == 2 and "Traceback" not in listed.stderr
    assert "visagent-glare" in listed.stderr and "pip uninstall visagent-glare" in listed.stderr


@pytest.mark.parametrize(
    "name",
    ["", "Glare", "two words", "glare__x", "_glare", "1st", "../glare", "glare/x", "for", "json", "unanswerable",
     "detect", "x" * 41, "glare\n", "größe"],
)  # fmt: skip
def test_a_name_that_cannot_be_a_tools_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ToolDefinitionError):
        new_tool(name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", [False, True])
def test_nothing_is_overwritten(package: bool, tmp_path: Path) -> None:
    first, *_ = new_tool("glare", tmp_path, package=package)
    first.write_text("mine")
    with pytest.raises(InputError, match="there already"):
        new_tool("glare", tmp_path, package=package)
    assert first.read_text() == "mine"


def test_a_link_that_leads_elsewhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "glare.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(InputError, match="there already"):
        new_tool("glare", tmp_path)
    assert not (tmp_path / "elsewhere.py").exists()
