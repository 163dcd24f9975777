"""What became of answers whose cited places were changed, as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from PIL import Image, ImageDraw

from visagent.core.encoding import data_uri
from visagent.core.errors import VisagentError
from visagent.media.media import Media
from visagent.media.pictures import encode_picture
from visagent.reporting.markup import stylesheet
from visagent_apps.evidence_probes import Asked, CounterfactualReport, Probe, changed_media
from visagent_apps.reports.page import page_environment

SHOWN = 60
"""Questions that a page shows with their pictures, so that it stays a file that can be mailed."""
LONGEST_SIDE = 360
_CITED, _CONTROL = (220, 50, 47), (38, 139, 210)


def counterfactual_page(
    report: CounterfactualReport,
    probes: Sequence[Probe],
    items: Sequence[Asked],
    others: Mapping[str, Media | None],
    *,
    profile: str,
    mode: str,
) -> str:
    """The page: rates, and each question with the picture as it is and as it was changed.

    Args:
        report: What was found.
        probes: The probes to show.
        items: The questions of the probes.
        others: Pictures that replaced places, by question.
        profile: Name of the agent's profile.
        mode: Mode as it was asked for.
    """
    from markupsafe import Markup

    by_id = {item.id: item for item in items}
    # What was not seen comes first: that is what a reader looks for.
    kept = sorted((one for one in probes if not one.left_out), key=lambda one: one.changed_cited)
    shown = [{"probe": one, "pictures": _pictures(one, by_id[one.id], others.get(one.id))} for one in kept[:SHOWN]]
    template = page_environment().get_template("counterfactual.html.j2")
    return template.render(
        report=report, shown=shown, kept=len(kept), profile=profile, mode=mode, css=Markup(stylesheet())
    )


def _pictures(probe: Probe, item: Asked, other: Media | None) -> list[dict[str, Any]]:
    """The first picture that is cited: as it is with both kinds of places drawn in, and changed in both ways."""
    found: list[dict[str, Any]] = []
    for place in probe.cited:
        number = int("".join(c for c in place.media if c.isdigit()) or 1)
        pictures = [medium for medium in item.media if medium.kind == "image"]
        if place.xyxy is None or number > len(pictures):
            continue
        medium = pictures[number - 1]
        with suppress(VisagentError):
            marked = medium.image().copy()
            for places, color in ((probe.cited, _CITED), (probe.control, _CONTROL)):
                for one in places:
                    if one.media == place.media and one.xyxy is not None:
                        ImageDraw.Draw(marked).rectangle(one.xyxy, outline=color, width=max(2, marked.width // 200))
            found.append({"title": "as it is", "url": _small(marked)})
            for title, places in (("cited places changed", probe.cited), ("others changed", probe.control)):
                changed = changed_media(item, {place.media: medium}, places, probe.edit, other)
                found.append({"title": title, "url": _small(changed[item.media.index(medium)].image())})
        break
    return found


def _small(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return data_uri("image/jpeg", encode_picture(small, "JPEG", quality=85))
