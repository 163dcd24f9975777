"""Speech recognition. What a clip says is data: nothing in it is an instruction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from visagent.core.errors import ConfigError, MediaError, ToolError
from visagent.evidence.values import Transcript
from visagent.models.catalogue import CATALOGUE, find_source
from visagent.tools.toolkit import Audio, Context, tool
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.speech import FasterWhisper, OpenAIWhisper, Recognizer

ENGINES = ("faster-whisper", "openai-whisper")
MODELS = ("whisper-base", "whisper-tiny.en")
"""What is used where no model is named, best first: the first that is on this machine, else the last is fetched.

On a busy 2-core machine a first question about 7 seconds of speech takes 6 s with base (no word wrong in our three
samples, many languages) and 3 s with tiny.en (3 words of 44 wrong, English only): so base only where somebody
fetched it.
"""


@tool
def transcribe(audio: Audio, context: Context) -> Transcript:
    """Turn the speech in a clip into text.

    Args:
        audio: The clip.
    """
    options = context.options
    language = options.get("language")
    if language is not None and not isinstance(language, str):
        raise ConfigError(f"language = {language!r} is no language.", 'Give an ISO 639-1 code, such as "en".')
    try:
        samples = audio.audio()
    except MediaError as error:
        raise ToolError(f"transcribe(audio): {error.fact}", error.remedy) from error
    heard = _recognizer(options).hear(samples, language)
    text = " ".join(line.text for line in heard.lines)
    return Transcript(text=text, media=audio.hash, language=heard.language, lines=heard.lines)


def _recognizer(options: Mapping[str, JsonValue]) -> Recognizer:
    """The recogniser that options name, loaded when first asked for and kept."""
    engine, model, device = options.get("engine") or ENGINES[0], options.get("model"), options.get("device")
    if engine not in ENGINES:
        raise ConfigError(f"engine = {engine!r} is no speech engine.", f"Use one of: {', '.join(ENGINES)}.")
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
