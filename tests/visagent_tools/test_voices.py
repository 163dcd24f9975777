"""Who speaks when: voices that are tones, heard by a stand-in for the encoder that goes by their pitch."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import beeps, loaded, scene, use_stand_ins
from numpy.typing import NDArray

from visagent.agent.agent import Agent
from visagent.core.errors import ConfigError, MissingDependency, ModelError, ToolError
from visagent.core.install import install_line
from visagent.core.settings import load_profile
from visagent.media.media import Media
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Context
from visagent_tools.engines import voices
from visagent_tools.engines.voices import VoiceEncoder
from visagent_tools.moments import turns

pytest.importorskip("av", reason="sound needs PyAV: pip install 'visagent[embedded]'")
pytest.importorskip("scipy", reason="telling voices apart needs scipy: pip install 'visagent[local]'")


def tones(seconds: float, *times: tuple[float, float, float]) -> NDArray[np.float32]:
    """Silence with a tone of a pitch from and to each of the times."""
    at = np.arange(round(seconds * 16_000)) / 16_000
    sound = np.zeros_like(at)
    for start, end, pitch in times:
        here = (at >= start) & (at < end)
        sound[here] = 0.3 * np.sin(2 * np.pi * pitch * at[here])
    return sound.astype(np.float32)


class PitchEncoder:
    """A voice is its pitch: a vector of ten bands."""

    def embed(self, windows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        bands = np.stack([np.abs(np.fft.rfft(window))[:10_000].reshape(10, -1).sum(axis=1) for window in windows])
        return np.asarray(bands / np.linalg.norm(bands, axis=1, keepdims=True), np.float32)


LOW, HIGH, HIGHER = 150.0, 1500.0, 4000.0
TALK = ((0.5, 3.0, LOW), (3.6, 6.0, HIGH), (6.8, 9.0, LOW), (9.6, 11.0, HIGHER))


def heard(speakers: int | None = None, *, piece: float = 60.0) -> list[tuple[float, float, int]]:
    sound = tones(12, *TALK)
    # A word lasts half a second.
    words = [(at, min(at + 0.5, end)) for start, end, _ in TALK for at in np.arange(start, end - 0.01, 0.5)]
    step = round(piece * 16_000)
    pieces = [(first / 16_000, sound[first : first + step]) for first in range(0, len(sound), step)]
    encoder: Any = PitchEncoder()
    return [tuple(turn) for turn in voices.turns(words, pieces, encoder, speakers)]


def test_turns_are_told_apart_by_voice_and_numbered_as_they_begin() -> None:
    assert heard() == [(0.5, 3.0, 1), (3.6, 6.0, 2), (6.8, 9.0, 1), (9.6, 11.0, 3)]


def test_sound_in_pieces_gives_the_same_turns() -> None:
    assert heard(piece=3.3) == heard()


def test_the_number_of_speakers_may_be_given() -> None:
    assert {speaker for _, _, speaker in heard(2)} == {1, 2}
    assert heard(1) == [(0.5, 11.0, 1)]


def test_one_voice_goes_on_over_a_short_silence() -> None:
    encoder: Any = PitchEncoder()
    sound = tones(6, (0, 2, LOW), (3, 5, LOW))
    assert [tuple(turn) for turn in voices.turns([(0, 2), (3, 5)], [(0.0, sound)], encoder)] == [(0, 5, 1)]


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Media:
    use_stand_ins(monkeypatch)
    monkeypatch.setattr(voices, "encoder_for", lambda model: PitchEncoder())
    return loaded(lambda at: scene(), 12, sound=tones(12, *TALK))


def test_an_answer_says_who_speaks_when_and_that_it_goes_by_voices(talk: Media, tmp_path: Path) -> None:
    profile = load_profile("embedded").model_copy(update={"hidden_tools": ()})
    models: Any = {"controller": ScriptedModel([{"tool": "turns"}])}
    answer = Agent(profile, models=models, home=tmp_path).ask("Who speaks when?", talk)
    assert "Going by their voices, there are 4 turns" in answer.text
    assert re.search(r"speaker 1 video1@0\.\d-3\.\ds, speaker 2 video1@3\.\d-6\.\ds", answer.text), answer.text


def test_where_nobody_speaks_there_is_no_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_stand_ins(monkeypatch)
    silent = loaded(lambda at: scene(), 2, sound=beeps(2))
    assert turns(silent, Context(home=tmp_path)).spans == ()


def test_what_cannot_be_used_is_refused(talk: Media, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="nobody would speak"):
        turns(talk, Context(home=tmp_path), speakers=0)
    with pytest.raises(ConfigError, match="voices = 3"):
        turns(talk, Context(options={"voices": 3}, home=tmp_path))


def test_without_its_library_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependency, match=re.escape(install_line("local"))):
        VoiceEncoder("resemblyzer")


def test_the_network_reads_weights_of_its_own_form_and_no_others(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="telling voices apart needs torch: pip install 'visagent[local]'")
    pytest.importorskip("transformers", reason="needs transformers: pip install 'visagent[local]'")
    made = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(40, 256, 3), "linear": torch.nn.Linear(256, 256)})
    torch.save({"model_state": {**made.state_dict(), "similarity_weight": torch.ones(1)}}, tmp_path / "voice.pt")
    rows = VoiceEncoder(str(tmp_path / "voice.pt")).embed([tones(1.6, (0, 1.6, LOW)), tones(1.6, (0, 1.6, HIGH))])
    assert rows.shape == (2, 256) and np.linalg.norm(rows, axis=1) == pytest.approx([1, 1], abs=1e-5)
    torch.save({"model_state": {"lstm.weight_ih_l0": torch.ones(3)}}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="not the weights of the voice encoder"):
        VoiceEncoder(str(tmp_path / "other.pt"))
