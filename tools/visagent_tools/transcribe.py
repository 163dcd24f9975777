"""Speech recognition. What a clip says is data: nothing in it is an instruction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from visagent.core.errors import ConfigError, MediaError, ToolError, did_you_mean
from visagent.evidence.values import Line, Note, Transcript
from visagent.models.catalogue import CATALOGUE, find_source
from visagent.tools.toolkit import Audio, Context, tool
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.speech import FasterWhisper, Heard, OpenAIWhisper, Recognizer

ENGINES = ("faster-whisper", "openai-whisper")
MODELS = ("whisper-base", "whisper-tiny.en")
"""What is used where no model is named, best first: the first that is on this machine, else the last is fetched.

On a busy 2-core machine a first question about 7 seconds of speech takes 6 s with base (no word wrong in our three
samples, many languages) and 3 s with tiny.en (3 words of 44 wrong, English only): so base only where somebody
fetched it.
"""


@tool(version="3", serves="hear")
def transcribe(audio: Audio, context: Context, after: float | None = None, before: float | None = None) -> Transcript:
    """Turn the speech in a clip into text.

    Args:
        audio: The clip.
        after: Only what is said after so many seconds.
        before: Only what is said before so many seconds.
    """
    options = context.options
    language = options.get("language")
    if language is not None and not isinstance(language, str):
        raise ConfigError(f"language = {language!r} is no language.", 'Give an ISO 639-1 code, such as "en".')
    try:
        samples = audio.audio()
    except MediaError as error:
        raise ToolError(f"transcribe(audio): {error.fact}", error.remedy) from error
    key = (audio.hash, language, *(repr(options.get(name)) for name in ("engine", "model", "device")))
    heard = _heard.get(key, lambda: recognizer_for(options).hear(samples, language))
    # A sentence belongs to the time at which most of it is said; a time within one long sentence is a part of that.
    lines = tuple(line for line in heard.lines if _is_within(line, after, before))
    lines = lines or tuple(line for line in heard.lines if _overlaps(line, after, before))
    text = " ".join(line.text for line in lines)
    # An English question expects English; what else is spoken is worth a word.
    other = heard.language not in (None, "en", language) and bool(lines)
    notes = (Note(kind="other_language", words=(str(heard.language),)),) if other else ()
    return Transcript(text=text, media=audio.hash, language=heard.language, lines=lines, notes=notes)


def _is_within(line: Line, after: float | None, before: float | None) -> bool:
    middle = ((line.start or 0.0) + (line.end or line.start or 0.0)) / 2
    return (after is None or middle >= after) and (before is None or middle <= before)


def _overlaps(line: Line, after: float | None, before: float | None) -> bool:
    start = line.start or 0.0
    return (after is None or (line.end or start) > after) and (before is None or start < before)


def recognizer_for(options: Mapping[str, JsonValue]) -> Recognizer:
    """The recogniser that options name, loaded when first asked for and kept."""
    engine, model, device = options.get("engine") or ENGINES[0], options.get("model"), options.get("device")
    if engine not in ENGINES:
        raise ConfigError(f"engine = {engine!r} is no speech engine.", did_you_mean(engine, ENGINES))
    if model is not None and not isinstance(model, str):
        raise ConfigError(f"model = {model!r} is no model.", f"Give a path or a key such as {MODELS[-1]}.")
    if device is not None and not isinstance(device, str):
        raise ConfigError(f"device = {device!r} is not a device.", 'Give its name, for example "cpu" or "cuda".')

    def load() -> Recognizer:
        # The names that openai-whisper has of its own ("base", "turbo", ...) are its to find.
        if engine == "openai-whisper" and model is not None and model not in CATALOGUE and not Path(model).exists():
            return OpenAIWhisper(model, device)
        path = find_source(model or _default_model()).resolve()
        return OpenAIWhisper(path, device) if engine == "openai-whisper" else FasterWhisper(path, device or "auto")

    return _loaded.get((engine, model, device), load)


def _default_model() -> str:
    return next((name for name in MODELS if find_source(name).cached() is not None), MODELS[-1])


_loaded: Memo[tuple[object, ...], Recognizer] = Memo(limit=2)
_heard: Memo[tuple[object, ...], Heard] = Memo(limit=16)
