"""Describing a picture."""

from visagent.evidence import Crop, Text
from visagent.toolkit import Context, tool


@tool
def caption(image: list[Crop], context: Context) -> Text:
    """Describe what a picture or object looks like.

    Args:
        image: What to describe.
    """
    raise RuntimeError
