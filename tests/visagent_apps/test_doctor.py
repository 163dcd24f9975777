"""`visagent doctor`: whether anything can be kept, and what would make answers better on this machine."""

from __future__ import annotations

import io
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from visagent.core.errors import ConfigError
from visagent.core.settings import load_profile
from visagent.models.gguf_choice import GIB
from visagent_apps import cli, doctor
from visagent_apps.engines import Gpu
from visagent_apps.ladder import next_rung

LARGE, SMALL = Gpu("NVIDIA H100", 80 * GIB), Gpu("NVIDIA T400", 4 * GIB)


@pytest.mark.parametrize(
    ("profile", "nvidia", "free", "words"),
    [
        ("embedded", [], 8, "visagent models prepare laptop, then --profile laptop"),
        ("embedded", [SMALL], 8, "visagent models prepare laptop, then --profile laptop"),
        ("embedded", [LARGE], 8, "visagent serve-model Qwen/Qwen3-VL-8B-Instruct"),
        ("embedded", [], 2, "3.5 GiB of free memory, and 2.0 are free here"),
        ("laptop", [], 8, "--profile endpoint"),
        ("laptop", [LARGE], 8, "visagent serve-model Qwen/Qwen3-VL-8B-Instruct"),
        ("endpoint", [LARGE], 8, "top rung"),
        ("local-gpu", [LARGE], 8, "top rung"),
    ],
)
def test_the_next_rung_is_one_line_with_its_command(profile: str, nvidia: list[Gpu], free: int, words: str) -> None:
    rung = next_rung(load_profile(profile), nvidia, [], free * GIB, False)
    assert words in rung and "visagent " in rung and "\n" not in rung


def test_the_download_of_the_next_rung_is_told_with_its_size() -> None:
    profile = load_profile("embedded")
    small, large = (next_rung(profile, [], [], free * GIB, False) for free in (4, 8))
    assert "(1.6 GB" in small and "GB from the Hugging Face hub" in large and small != large


def report(profile: str = "embedded") -> tuple[bool, str]:
    out = io.StringIO()
    ready = doctor.report(profile, Console(file=out, width=200))
    return ready, out.getvalue()


def test_doctor_ends_with_what_would_make_answers_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    ready, said = report()
    assert said.splitlines()[-1].startswith("What would make answers better here: ")
    assert f"Everything is kept in {tmp_path / 'home'}" in said and ready
    # Looking changes nothing.
    assert not (tmp_path / "home").exists()


def test_doctor_says_first_what_the_profile_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "xllamacpp":
            raise metadata.PackageNotFoundError(package)
        return metadata.version(package)

    monkeypatch.setattr(doctor, "version", version)
    ready, said = report()
    assert not ready and "[embedded]" in said.splitlines()[-1]


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_home_that_cannot_be_written_or_is_full_is_told_with_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="VISAGENT_HOME is .* which is a file"):
        report()
    for home in (tmp_path / "file" / "home", Path("/proc/home")):
        monkeypatch.setenv("VISAGENT_HOME", str(home))
        ready, said = report()
        assert not ready and f"Nothing can be kept in {home}" in said and "export VISAGENT_HOME=" in said
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 5_000_000))
    ready, said = report()
    assert not ready and "has 5 MB left" in said and "export VISAGENT_HOME=" in said


def test_an_error_of_the_disk_at_home_names_the_variable_whatever_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))

    def failing(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "logs" / "x.log"))

    monkeypatch.setattr(cli, "app", failing)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "export VISAGENT_HOME=" in said and len(said.strip().splitlines()) == 1
