"""How far a download is, where no terminal shows a bar."""

from __future__ import annotations

import pytest

from visagent.models import progress


def test_a_pipe_gets_a_line_at_the_start_and_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress.progress_bar(True) as bar:
        task = bar.add_task("Downloading model.gguf", total=None)
        bar.update(task, completed=1_000_000, total=9_000_000)
        assert capsys.readouterr().err == "Downloading model.gguf …\n"
        monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
        bar.update(task, completed=4_000_000, total=9_000_000)
        assert capsys.readouterr().err == "Downloading model.gguf: 4 of 9 MB\n"
        other = bar.add_task("Downloading wheel", total=None)
        bar.update(other, completed=2_000_000)
    assert capsys.readouterr().err == "Downloading wheel …\nDownloading wheel: 2 MB\n"


def test_where_no_progress_is_wanted_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar(False) as bar:
        bar.update(bar.add_task("Downloading", total=3), completed=3)
    assert capsys.readouterr().err == ""
