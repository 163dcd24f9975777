"""What users install: the built wheel holds what it should, and nothing of any benchmark."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BENCHMARKS = re.compile(
    r"nlvr|(?<![a-z])gta(?![a-z])|ultra.?tool|rest.?bench|task[-_ ]?bench|"
    r"easy.?vqa|mm.?vet|gnn4taskplan|segment_shapes|nth_from",
    re.IGNORECASE,
)
"""Names of the benchmarks that this project was measured on, of where their data come from, and of their tools."""
TEXT = (".py", ".yaml", ".j2", ".md", ".json", ".html", ".js", ".txt", "METADATA", "NOTICE")
LARGEST = 26_290_000
"""Bytes of the wheel at most, 9 MB less than it once had; its weights come to 23 MB, another adapter would be 5 MB."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution `visagent`, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_neither_a_file_of_the_wheel_nor_a_text_in_it_names_a_benchmark(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        texts = {name: archive.read(name).decode() for name in names if name.endswith(TEXT)}
    assert len(texts) > 150
    assert [name for name in names if BENCHMARKS.search(name)] == []
    found = {name: sorted(set(BENCHMARKS.findall(text))) for name, text in texts.items() if BENCHMARKS.search(text)}
    assert found == {}


def test_no_module_of_the_wheel_imports_the_research_package(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        modules = [name for name in archive.namelist() if name.endswith(".py")]
        importing = [name for name in modules if re.search(rb"(import|from) visagent_research", archive.read(name))]
    assert importing == []


def test_the_wheel_holds_every_package_with_its_data_and_the_research_package_not(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.partition("/")[0] for name in names if not name.partition("/")[0].endswith(".dist-info")} == {
        "visagent",
        "visagent_apps",
        "visagent_prompts",
        "visagent_tools",
        "visagent_training",
    }
    assert {
        "visagent/py.typed",
        "visagent/models/adapters/planner-smollm2-135m.gguf",
        "visagent_prompts/en/controller_tuned.j2",
        "visagent_apps/web/examples/coffee.webp",
        "visagent_training/build.py",
        "visagent_training/grammar/intents.yaml",
        "visagent_training/run_card.md",
    } <= names


def test_the_wheel_is_small_enough_for_a_first_minute(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST


@pytest.mark.parametrize("name", ["cat", "coffee"])
def test_the_apps_examples_are_the_example_pictures_in_fewer_bytes(name: str) -> None:
    smaller, picture = ROOT / "examples" / f"{name}.webp", ROOT / "examples" / f"{name}.png"
    assert smaller.stat().st_size < 0.8 * picture.stat().st_size
    with Image.open(smaller) as one, Image.open(picture) as other:
        assert (np.asarray(one.convert("RGB")) == np.asarray(other.convert("RGB"))).all()
