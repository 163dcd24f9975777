"""What a profile can recognise and what it cannot, in one line that unfolds. Loads no model."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from visagent.core.config import RULES
from visagent_apps.web.render import piece
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.core.config import Profile


def knows_html(profile: Profile, tools: Container[str], language: str) -> str:
    """What can be asked about, as the page shows it.

    Args:
        profile: The profile whose models and detector look.
        tools: Names of those that it has.
        language: Language of the page.
    """
    from visagent_tools.engines.nanodet import COCO_LABELS

    said, options = texts(language), profile.tools
    eyes = profile.roles.get("observer", RULES)
    detector = str(options.get("detect", {}).get("detector", ""))
    closed = detector == "nanodet"
    languages = "heard_english" if not options.get("transcribe", {}).get("model") else "heard_many"
    can, cannot = [], []
    if eyes != RULES:
        can.append(said["knows_eyes"])
    if "detect" in tools:
        kinds = ", ".join(COCO_LABELS)
        can.append(
            said["knows_kinds"].format(n=len(COCO_LABELS), kinds=kinds)
            if closed
            else said["knows_named"].format(detector=detector)
        )
    if "classify" in tools:
        can.append(said["knows_whole"])
    if "read_text" in tools:
        can.append(said["knows_text"])
        cannot.append(said["knows_no_script"])
    if "transcribe" in tools:
        can.append(said[languages])
    can.append(said["knows_rest"])
    if eyes == RULES:
        cannot.append(said["knows_no_eyes"])
    line = said["knows_line_eyes" if eyes != RULES else "knows_line" if closed else "knows_line_named"]
    return piece("knows", language, line=line.format(n=len(COCO_LABELS)), can=can, cannot=[*cannot, said["knows_who"]])
