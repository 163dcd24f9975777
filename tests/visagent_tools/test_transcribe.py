"""Speech recognition on a LibriVox reading, with both libraries, and on what is no speech."""

from __future__ import annotations

import io
import json
import re
import sys
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import JsonValue

from visagent.core.errors import ConfigError, MissingDependency, ModelError, SourceError, ToolError
from visagent.evidence.values import Transcript
from visagent.media.media import Media
from visagent.models.catalogue import find_source
from visagent.tools.toolkit import Context
from visagent_tools.transcribe import transcribe

pytestmark = pytest.mark.slow

MOST_WORDS_WRONG = 0.07
"""Measured with tiny.en, 2026-11-22: 3 of 44 words wrong with faster-whisper, 0.068."""


class Sample(NamedTuple):
    media: Media
    words: list[str]


@pytest.fixture(scope="module")
def readings(samples: Path) -> list[Sample]:
    rows = [json.loads(line) for line in (samples / "audio.jsonl").read_text().splitlines()]
    return [Sample(Media.load(samples / row["file"]), normal(row["transcript"])) for row in rows]


@pytest.fixture(scope="module")
def tiny() -> str:
    """The small English model, fetched once."""
    pytest.importorskip("faster_whisper", reason="needs faster-whisper: pip install 'visagent[embedded]'")
    try:
        find_source("whisper-tiny.en").resolve()
    except SourceError as error:
        pytest.skip(f"the weights cannot be fetched: {error}")
    return "whisper-tiny.en"


def hear(media: Media, **options: JsonValue) -> Transcript:
    heard = transcribe(media, Context(options=options))
    assert isinstance(heard, Transcript)
    return heard


def normal(text: str) -> list[str]:
    """Words in lower case, without punctuation, titles written out."""
    text = re.sub(r"\bmr\b\.?", "mister", text.lower()).replace("-", " ")
    return re.sub(r"[^a-z' ]", " ", text).split()


def wrong(reference: list[str], words: list[str]) -> int:
    """Substitutions, deletions and insertions between two word lists (Levenshtein, 1966)."""
    row = list(range(len(words) + 1))
    for i, expected in enumerate(reference, 1):
        before, row = row, [i]
        for j, word in enumerate(words, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != expected)))
    return row[-1]


def sound(samples: NDArray[np.float32]) -> Media:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes((samples * 32767).astype(np.int16).tobytes())
    return Media.load(file.getvalue())


def test_few_words_of_a_reading_are_wrong(readings: list[Sample], tiny: str) -> None:
    errors = sum(wrong(sample.words, normal(hear(sample.media, model=tiny).text)) for sample in readings)
    assert errors / sum(len(sample.words) for sample in readings) <= MOST_WORDS_WRONG


def test_segments_lie_in_the_clip_and_make_up_the_text(readings: list[Sample], tiny: str) -> None:
    heard = hear(readings[0].media, model=tiny)
    assert heard.language == "en" and heard.media == readings[0].media.hash
    assert " ".join(line.text for line in heard.lines) == heard.text
    for line in heard.lines:
        assert line.start is not None and line.end is not None and 0 <= line.start < line.end <= 7.2
        assert 0.3 < line.confidence <= 1


@pytest.mark.parametrize("kind", ["silence", "noise", "tone"])
def test_what_is_no_speech_gives_an_empty_transcript(kind: str, tiny: str) -> None:
    time = np.arange(48_000, dtype=np.float32)
    samples = {
        "silence": np.zeros(48_000, np.float32),
        "noise": np.random.default_rng(0).normal(0, 0.01, 48_000).astype(np.float32),
        "tone": (0.3 * np.sin(time * 0.1)).astype(np.float32),
    }[kind]
    heard = hear(sound(samples), model=tiny)
    assert (heard.text, heard.lines, heard.language, heard.confidence) == ("", (), None, None)


def test_both_libraries_write_the_same_words_from_the_same_weights(readings: list[Sample], tiny: str) -> None:
    pytest.importorskip("whisper", reason="needs openai-whisper: pip install 'visagent[local]'")
    sample = readings[2]
    ours = hear(sample.media, model=tiny)
    theirs = hear(sample.media, model=tiny, engine="openai-whisper")
    assert normal(theirs.text) == normal(ours.text) and len(normal(ours.text)) == 14
    assert theirs.language == ours.language == "en"


def test_speech_of_which_no_word_is_understood_is_not_said_to_be_silence(
    tiny: str, readings: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = pytest.importorskip("faster_whisper")
    transcribes = library.WhisperModel.transcribe

    def without_segments(*given: object, **options: object) -> tuple[list[object], object]:
        return [], transcribes(*given, **options)[1]

    monkeypatch.setattr(library.WhisperModel, "transcribe", without_segments)
    louder = sound(np.clip(readings[0].media.audio() * 0.9, -1, 1))
    with pytest.raises(ToolError, match="fits no English words"):
        hear(louder, model=tiny)


def test_openai_whisper_hears_nothing_in_silence(tiny: str) -> None:
    pytest.importorskip("whisper", reason="needs openai-whisper: pip install 'visagent[local]'")
    silence = sound(np.zeros(16_000, np.float32))
    assert hear(silence, model=tiny, engine="openai-whisper").text == ""


def test_a_language_that_the_model_does_not_know_is_refused(readings: list[Sample], tiny: str) -> None:
    assert hear(readings[1].media, model=tiny, language="en").language == "en"
    with pytest.raises(ConfigError, match="language = 'fr': the model does not know it"):
        hear(readings[1].media, model=tiny, language="fr")


REPORTS = Path(__file__).parents[1] / "data" / "reports"


def test_channels_that_cancel_each_other_out_are_heard_one_by_one(tiny: str) -> None:
    media = Media.load(REPORTS / "antiphase.wav")
    assert normal(hear(media, model=tiny).text)[-2:] == ["young", "man"]


def test_speech_that_is_not_english_is_not_made_into_english_words(tiny: str) -> None:
    media = Media.load(REPORTS / "es.wav")
    with pytest.raises(ToolError, match="hears English only") as caught:
        hear(media, model=tiny)
    assert "whisper-base" in caught.value.remedy


def test_only_what_is_said_before_or_after_a_moment_is_given(readings: list[Sample], tiny: str) -> None:
    clip, options = readings[0].media, Context(options={"model": tiny})
    whole, first, rest = (transcribe(clip, options, **part) for part in ({}, {"before": 5.0}, {"after": 5.0}))
    assert first.text and rest.text and f"{first.text} {rest.text}" == whole.text
    assert all((line.start + line.end) / 2 > 5 for line in rest.lines)
    assert transcribe(clip, options, after=99).text == ""
    # A second within one long sentence is a part of that, and no silence.
    (line,) = transcribe(clip, options, before=0.1).lines
    assert line == transcribe(clip, options).lines[0]


def test_an_image_has_no_speech_and_that_is_a_tool_error() -> None:
    with pytest.raises(ToolError, match="an image has no sound"):
        hear(Media.load(Image.new("RGB", (8, 8))))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"engine": "deepspeech"}, "engine = 'deepspeech'"),
        ({"model": 1}, "model = 1"),
        ({"language": 1}, "language = 1"),
        ({"device": 1}, "device = 1"),
    ],
)
def test_an_unusable_option_is_named(options: dict[str, JsonValue], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        hear(sound(np.zeros(160, np.float32)), **options)


def test_a_folder_without_a_model_is_refused_without_a_look_at_the_hub(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper", reason="needs faster-whisper: pip install 'visagent[embedded]'")
    with pytest.raises(ModelError, match=r"it needs model\.bin and tokenizer\.json"):
        hear(sound(np.zeros(160, np.float32)), model=str(tmp_path))


@pytest.mark.parametrize(("engine", "library"), [("faster-whisper", "faster_whisper"), ("openai-whisper", "whisper")])
def test_a_missing_library_is_named_with_the_line_that_installs_it(
    engine: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependency, match=r'pip install (-e )?"(visagent|\.)\[(embedded|local)\]"'):
        hear(sound(np.zeros(160, np.float32)), engine=engine, model=str(tmp_path))
