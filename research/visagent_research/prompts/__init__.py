"""Prompts of the planners that are measured on benchmarks, as templates in this folder. Holds no prompt text itself."""

from __future__ import annotations

from typing import Any

from visagent.planning.prompts import environment


def render(template: str, **variables: Any) -> str:
    """A template filled in, in English, which is the language of all benchmarks here.

    Args:
        template: File name without `.j2`, in the folder `en`.
        **variables: Values of the variables that the template names.
    """
    return environment("visagent_research", "prompts/en").get_template(f"{template}.j2").render(**variables).strip()
