"""Role templates and word lists, read from the package `visagent_prompts`. Holds no prompt text of its own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Environment

LANGUAGES = ("en", "zh")


@cache
def environment(package: str, folder: str) -> Environment:
    """The templates in a folder of a package, for prompts: plain text, and every variable must be given.

    Args:
        package: Import name of the package that holds the templates.
        folder: Path of their folder inside the package.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Plain text for models, never HTML: nothing to escape.
    return Environment(
        loader=PackageLoader(package, folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


@cache
def word_lists(language: str) -> dict[str, Any]:
    """The words by which the verifier takes a language's sentences apart, from `claims.yaml` in its folder."""
    from importlib.resources import files

    import yaml

    lists: dict[str, Any] = yaml.safe_load((files("visagent_prompts") / language / "claims.yaml").read_text("utf-8"))
    return lists


def render(template: str, language: str = "en", **variables: Any) -> str:
    """A template filled in, for example `render("controller", tools=[...], reasons=[...])`.

    Args:
        template: File name without `.j2`, in the language's folder.
        language: ISO 639-1 code.
        **variables: What the template names.

    Raises:
        ConfigError: there are no prompts in that language.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"There are no prompts in {language!r}.", f"Use one of: {', '.join(LANGUAGES)}.")
    return environment("visagent_prompts", language).get_template(f"{template}.j2").render(**variables).strip()
