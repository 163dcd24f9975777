"""The example of a backend in a package of its own: found by its metadata, chosen by a profile, refused in words."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from visagent.agent.agent import Agent
from visagent.core.backends import backend_names
from visagent.core.errors import ConfigError
from visagent.core.settings import Settings, load_profile

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party_backend"
COFFEE = EXAMPLE.parent / "coffee.png"


def install(folder: Path, source: Path = EXAMPLE) -> None:
    """Install a package without touching the environment."""
    build = folder.parent / f"{folder.name}-source"
    shutil.copytree(source, build)
    line = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*line, "--target", str(folder), str(build)], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("echo") / "site"
    install(folder)
    return folder


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))


def test_the_whole_backend_is_at_most_forty_lines() -> None:
    lines = (EXAMPLE / "visagent_echo" / "__init__.py").read_text().splitlines()
    assert len(lines) <= 40


@pytest.mark.usefixtures("installed")
def test_a_profile_names_the_backend_and_its_model_answers(tmp_path: Path) -> None:
    assert "echo" in backend_names()
    answer = Agent(EXAMPLE / "echo.yaml", home=tmp_path).ask("What is on the table?", COFFEE, mode="direct")
    assert "WHAT IS ON THE TABLE" in answer.text


@pytest.mark.usefixtures("installed")
def test_an_option_that_the_backend_lacks_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"models\.main\.lood is no setting\. Did you mean 'loud'\?"):
        load_profile("embedded", Settings(models={"main": {"backend": "echo", "lood": True}}))


def test_an_unknown_backend_is_answered_with_the_nearest_name_and_all_others() -> None:
    with pytest.raises(ConfigError) as caught:
        load_profile("embedded", Settings(models={"main": {"backend": "endpiont"}}))
    said = str(caught.value)
    assert "argument: models.main is unusable: there is no backend 'endpiont'. Did you mean 'endpoint'?" in said
    assert all(name in said for name in ("llamacpp", "transformers"))


@pytest.mark.parametrize(
    ("source", "says"),
    [("raise OSError('no card')\n", "cannot be loaded: OSError: no card"), ("echo = 3\n", "derives from ModelConfig")],
)
def test_a_package_that_is_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    metadata = tmp_path / "bad_backend-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-backend\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[visagent.backends]\nbad = bad_backend:echo\n")
    (tmp_path / "bad_backend.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "bad_backend", raising=False)
    with pytest.raises(ConfigError, match=says) as caught:
        load_profile("embedded", Settings(models={"main": {"backend": "bad"}}))
    assert "bad-backend" in str(caught.value)
