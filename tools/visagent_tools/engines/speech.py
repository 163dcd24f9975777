"""Speech in samples, written down by Whisper (Radford et al., 2022, arXiv:2212.04356), through one of two libraries.

faster-whisper runs it on CTranslate2, without torch; openai-whisper is the authors' own and needs torch. Knows no tool.
"""

from __future__ import annotations

import importlib
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from visagent.core.errors import ConfigError, ModelError, ToolError
from visagent.core.install import requiring
from visagent.evidence.values import Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 16_000
SILENT = 1e-4
"""Largest sample of a clip that is taken to be empty: -80 dB, below what a microphone's own noise gives."""
LEAST_SPEECH = 1.0
"""Seconds of speech of which some word is understood where it is in a language that the model knows."""
NO_SPEECH = 0.6
NO_SENSE = -1.0
"""A segment that Whisper thinks is no speech, and is not sure of either, is dropped: the authors' own thresholds."""


ENGLISH = 0.45
"""Mean confidence below which words of a model of English are made up: Spanish gives 0.36, seven clips of English
speech 0.60 to 0.80."""


class Heard(NamedTuple):
    """What was said.

    Attributes:
        lines: Segments with start and end in seconds; empty where there is no speech.
        language: ISO 639-1 code; None where nothing was said.
        words: The words one by one, each with its start and end; empty where they were not asked for.
    """

    lines: tuple[Line, ...]
    language: str | None
    words: tuple[Line, ...] = ()


class Recognizer(Protocol):
    """What turns sound into text; safe to call from several threads at once."""

    def hear(self, samples: NDArray[np.float32], language: str | None = None, *, words: bool = False) -> Heard:
        """The speech in a clip.

        Args:
            samples: Mono, 16 kHz, -1 to 1.
            language: ISO 639-1 code; None to detect it.
            words: Whether to tell when each word is said, which takes longer.

        Raises:
            ConfigError: the model does not know the language.
        """
        ...


class _Part(NamedTuple):
    """A segment as a library gives it: text, seconds, logarithm of its probability, how likely it is no speech."""

    text: str
    start: float
    end: float
    logprob: float
    no_speech: float
    words: Sequence[tuple[str, float, float, float]]
    """Text, start, end and probability of each."""

    @property
    def is_noise(self) -> bool:
        return self.no_speech > NO_SPEECH and self.logprob < NO_SENSE


class _Whisper(ABC):
    """What both libraries share: which languages there are, one call at a time, and what is made of segments."""

    _speech_seconds = 0.0
    """Seconds of the last clip that a detector of speech, where one comes before the model, took for it."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = languages
        self._lock = threading.Lock()

    def hear(self, samples: NDArray[np.float32], language: str | None = None, *, words: bool = False) -> Heard:
        """The speech in a clip; see `Recognizer.hear`."""
        _check_language(language, self._languages)
        if _is_silent(samples):
            return Heard((), None)
        with self._lock:
            heard, found = self._transcribe(samples, language, words)
            spoken = self._speech_seconds
        parts = [part for part in found if not part.is_noise]
        if not parts and spoken > LEAST_SPEECH and len(self._languages) == 1:
            # What a detector of speech took for it is speech, though no word of it was understood.
            raise _no_english()
        seconds = len(samples) / RATE
        lines = tuple(_line(part.text, part.start, part.end, math.exp(part.logprob), seconds) for part in parts)
        lines = tuple(line for line in lines if line.text)
        _check_sense(lines, self._languages)
        said = (_line(*word, seconds) for part in parts for word in part.words)
        return Heard(lines, heard if lines else None, tuple(word for word in said if word.text))

    @abstractmethod
    def _transcribe(self, samples: NDArray[np.float32], language: str | None, words: bool) -> tuple[str, list[_Part]]:
        """The language that was heard, and the segments."""


class FasterWhisper(_Whisper):
    """Whisper on CTranslate2.

    Args:
        folder: A CTranslate2 Whisper model, with its `tokenizer.json`.
        device: "cpu", "cuda" or "auto".

    Raises:
        MissingDependency: faster-whisper is not installed.
        ModelError: the folder holds no such model.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        with requiring("Transcribing needs faster-whisper", "embedded"):
            library = importlib.import_module("faster_whisper")
        # Without its tokenizer, faster-whisper would fetch one from the hub.
        if not (folder / "model.bin").is_file() or not (folder / "tokenizer.json").is_file():
            raise ModelError(
                f"{folder}: this is no CTranslate2 Whisper model: it needs model.bin and tokenizer.json.",
                "Name such a folder, or a key of the catalogue such as whisper-tiny.en.",
            )
        try:
            self._model: Any = library.WhisperModel(
                str(folder), device=device, compute_type="int8", local_files_only=True
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{folder}: faster-whisper cannot load this: {error}.", "Name another model.") from error
        super().__init__(self._model.supported_languages)

    def _transcribe(self, samples: NDArray[np.float32], language: str | None, words: bool) -> tuple[str, list[_Part]]:
        # Without the text before it, an error does not repeat itself from one half minute to the next.
        segments, info = self._model.transcribe(
            samples, language=language, vad_filter=True, condition_on_previous_text=False, word_timestamps=words
        )
        self._speech_seconds = float(getattr(info, "duration_after_vad", 0.0))
        parts = [
            _Part(
                part.text,
                part.start,
                part.end,
                part.avg_logprob,
                part.no_speech_prob,
                [(word.word, word.start, word.end, word.probability) for word in part.words or ()],
            )
            for part in segments  # transcribes as it goes
        ]
        return info.language, parts


class OpenAIWhisper(_Whisper):
    """Whisper as its authors run it, on torch.

    Args:
        model: A CTranslate2 folder, whose weights are converted, a `.pt` checkpoint, or one of the library's own names
            such as "base", which it fetches from OpenAI if need be.
        device: Device of torch, for example "cpu" or "cuda"; CUDA where there is one if None.

    Raises:
        MissingDependency: openai-whisper is not installed.
        ModelError: the model cannot be loaded.
    """

    def __init__(self, model: Path | str, device: str | None = None) -> None:
        with requiring('engine = "openai-whisper" needs openai-whisper on torch', "local"):
            library: Any = importlib.import_module("whisper")
            torch: Any = importlib.import_module("torch")
        where = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            if Path(model).is_dir():
                from visagent_tools.engines.whisper_convert import to_openai

                self._model: Any = to_openai(Path(model)).to(where)
            else:
                self._model = library.load_model(str(model), device=where)
        except (RuntimeError, OSError, KeyError) as error:
            raise ModelError(f"{model}: openai-whisper cannot load this: {error}.", "Name another model.") from error
        self._half = where != "cpu"
        super().__init__(list(library.tokenizer.LANGUAGES) if self._model.is_multilingual else ["en"])

    def _transcribe(self, samples: NDArray[np.float32], language: str | None, words: bool) -> tuple[str, list[_Part]]:
        import numpy as np

        result = self._model.transcribe(
            np.array(samples),  # torch warns of arrays that it may not write to
            language=language,
            fp16=self._half,
            beam_size=5,
            condition_on_previous_text=False,
            verbose=None,
            word_timestamps=words,
        )
        parts = [
            _Part(
                part["text"],
                part["start"],
                part["end"],
                part["avg_logprob"],
                part["no_speech_prob"],
                [(word["word"], word["start"], word["end"], word["probability"]) for word in part.get("words", ())],
            )
            for part in result["segments"]
        ]
        return result["language"], parts


def _line(text: str, start: float, end: float, confidence: float, seconds: float) -> Line:
    """A segment or a word whose times lie inside the clip."""
    return Line(
        text=text.strip(),
        start=round(min(max(start, 0.0), seconds), 3),
        end=round(min(max(end, start, 0.0), seconds), 3),
        confidence=min(1.0, max(0.0, confidence)),
    )


def _check_sense(lines: Sequence[Line], languages: Sequence[str]) -> None:
    """Refuse what a model of English alone made of sound that is no English.

    Raises:
        ToolError: the words are so unsure that they are invented.
    """
    seconds = [(line.end or 0.0) - (line.start or 0.0) for line in lines]
    if len(languages) > 1 or not sum(seconds):
        return
    sure = sum(line.confidence * length for line, length in zip(lines, seconds, strict=True)) / sum(seconds)
    if sure < ENGLISH:
        raise _no_english()


def _no_english() -> ToolError:
    return ToolError(
        "what is said fits no English words, and the speech model in use hears English only.",
        'Use one that hears many languages: model = "whisper-base" under [tools.transcribe] in visagent.toml.',
    )


def _is_silent(samples: NDArray[np.float32]) -> bool:
    return samples.size == 0 or float(abs(samples).max()) < SILENT


def _check_language(language: str | None, known: Sequence[str]) -> None:
    if language is not None and language not in known:
        shown = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
        raise ConfigError(f"language = {language!r}: the model does not know it.", f"Leave it out, or use: {shown}.")
