"""The phrases of a language as the package `visagent_prompts` holds them, read once. Knows no tool and no template."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from visagent.core.errors import ConfigError
from visagent.planning.prompts import LANGUAGES


@cache
def phrases_of(language: str) -> dict[str, Any]:
    """All phrases of a language, with the names of the classifier's thousand classes among its `names`.

    Raises:
        ConfigError: there are no phrases in that language.
    """
    from importlib.resources import files

    import yaml

    if language not in LANGUAGES:
        raise ConfigError(f"There are no phrases in {language!r}.", f"Use one of: {', '.join(LANGUAGES)}.")
    folder = files("visagent_prompts") / language
    phrases: dict[str, Any] = yaml.safe_load((folder / "phrases.yaml").read_text(encoding="utf-8"))
    if phrases["class_names"]:
        # A word that the detector knows as well is called by the detector's name.
        classes: dict[str, str] = json.loads((folder / phrases["class_names"]).read_text(encoding="utf-8"))
        phrases["names"] = classes | phrases["names"]
    return phrases
