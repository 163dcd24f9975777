"""What people do, as far as the things that are with them show it. Knows no planner and no sentence.

A detector finds a surfboard at somebody's feet, and the classifier sees a tripod where somebody stands: then they most
likely surf, or take pictures. The movement itself nobody sees, so an answer says what it goes by, and where nothing
shows what people do, nothing follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from visagent.core.errors import MissingInput, ToolError
from visagent.evidence.overlap import shared_area
from visagent.evidence.values import XYXY, Box, Crop, Label, Labels
from visagent.tools.toolkit import Context, tool
from visagent_tools.recognition import SURE

if TYPE_CHECKING:
    from pydantic import JsonValue

AROUND = 0.2
"""Part of a person's box around it in which the classifier looks for things that they use."""
MOUTH = 0.5
"""Part of a face's width around it in which what is eaten or drunk is at the mouth."""
CLEAR = 0.5
"""The detector's least confidence in a thing from which an activity follows."""
MOST_PEOPLE = 6
"""People, largest first, who are looked at: in a crowd nobody is meant."""

_TOUCHED = {
    "surfboard": "surfing", "skis": "skiing", "snowboard": "snowboarding", "skateboard": "skateboarding",
    "tennis racket": "playing tennis", "baseball bat": "playing baseball", "baseball glove": "playing baseball",
    "frisbee": "playing frisbee", "kite": "flying a kite",
}  # fmt: skip
"""What people do whom a thing of the detector's touches."""
_RIDDEN = {
    "bicycle": "riding a bicycle", "motorcycle": "riding a motorcycle", "horse": "riding a horse",
    "elephant": "riding an elephant",
}  # fmt: skip
"""What people do who are astride a thing of the detector's."""
_AT_MOUTH = {
    "wine glass": "drinking", "cup": "drinking", "bottle": "drinking", "toothbrush": "brushing their teeth",
    "banana": "eating", "apple": "eating", "sandwich": "eating", "orange": "eating", "carrot": "eating",
    "hot dog": "eating", "pizza": "eating", "donut": "eating", "cake": "eating", "fork": "eating", "spoon": "eating",
}  # fmt: skip
"""What people do before whose mouth a thing of the detector's is."""
_AROUND = {
    "tripod": "taking photos", "reflex camera": "taking photos",
    "Polaroid camera": "taking photos", "barbell": "lifting weights", "dumbbell": "lifting weights",
    "horizontal bar": "doing gymnastics", "parallel bars": "doing gymnastics", "balance beam": "doing gymnastics",
    "scuba diver": "diving", "snorkel": "snorkelling", "ski": "skiing", "basketball": "playing basketball",
    "volleyball": "playing volleyball",
    "ballplayer": "playing baseball", "baseball": "playing baseball", "football helmet": "playing football",
    "ping-pong ball": "playing table tennis", "puck": "playing ice hockey",
    "pool table": "playing billiards", "punching bag": "boxing",
    "racket": "playing tennis", "tennis ball": "playing tennis", "canoe": "paddling",
    "paddle": "paddling", "bobsled": "bobsledding", "dogsled": "dog sledding", "parachute": "parachuting",
    "swing": "swinging", "unicycle": "riding a unicycle", "tricycle": "riding a tricycle",
    "moped": "riding a scooter", "motor scooter": "riding a scooter", "mountain bike": "riding a bicycle",
    "bicycle-built-for-two": "riding a bicycle", "snowmobile": "riding a snowmobile", "go-kart": "driving a go-kart",
    "lawn mower": "mowing the lawn", "vacuum": "vacuuming", "broom": "sweeping", "swab": "mopping", "iron": "ironing",
    "sewing machine": "sewing", "shovel": "shovelling", "frying pan": "cooking", "wok": "cooking",
    "spatula": "cooking", "potter's wheel": "making pottery", "paintbrush": "painting",
    "acoustic guitar": "playing the guitar", "electric guitar": "playing the guitar", "violin": "playing the violin",
    "cello": "playing the cello", "flute": "playing the flute", "sax": "playing the saxophone",
    "trombone": "playing the trombone", "cornet": "playing the trumpet", "French horn": "playing the horn",
    "accordion": "playing the accordion", "banjo": "playing the banjo", "harmonica": "playing the harmonica",
    "harp": "playing the harp", "oboe": "playing the oboe", "drum": "playing the drums",
    "grand piano": "playing the piano", "upright": "playing the piano",
    "microphone": "using a microphone", "binoculars": "looking through binoculars",
    "cellular telephone": "phoning", "dial telephone": "phoning", "pay-phone": "phoning",
    "laptop": "working on a computer", "notebook": "working on a computer",
    "desktop computer": "working on a computer",
}  # fmt: skip
"""What people do around whom the classifier sees one of its things. Balls on a lawn are left out: whoever is on one, it
takes for a player of something."""


@tool(version="1", by_sight=True)
def doing(image: list[Crop], context: Context) -> Labels:
    """Name what people are most likely doing, as far as the things that are with them show it.

    Args:
        image: The people, or a picture of some.
    """
    from visagent_tools.engines.detector import boxes_in

    if not image:
        raise MissingInput("doing(image): there is nobody to look at.", "Give people, or a picture of some.")
    people = []
    for crop in image:
        if crop.label:
            people.append(crop)
        else:
            people += [_at(crop, box.xyxy) for box in boxes_in(crop, context.options, ["person"])]
    people = sorted(people, key=_area, reverse=True)[:MOST_PEOPLE]
    # What the classifier makes of a person counts only where the detector sees nothing that anybody uses.
    shown = [_by_things(person, context.options) for person in people]
    shown = shown if any(shown) else [_by_look(person) for person in people]
    found: dict[str, float] = {}
    for label in shown:
        if label is not None:
            found[label.name] = max(label.confidence, found.get(label.name, 0.0))
    if not found:
        raise ToolError(
            "doing(image): nothing that is with these people shows what they do.",
            "Ask for what is in the picture, or where they are.",
        )
    surest = sorted(found.items(), key=lambda item: -item[1])
    return Labels(labels=tuple(Label(name=name, confidence=sure) for name, sure in surest))


def _by_things(person: Crop, options: Mapping[str, JsonValue]) -> Label | None:
    """What the detector's surest thing that is with a person shows; None where there is none."""
    from visagent_tools.engines.detector import boxes_in

    whole = _at(person, (0, 0, *person.picture().size))
    shown = []
    for thing in boxes_in(whole, options, [*_TOUCHED, *_RIDDEN, *_AT_MOUTH]):
        if thing.confidence < CLEAR:
            continue
        if thing.label in _TOUCHED and shared_area(person.xyxy, thing.xyxy):
            shown.append(Label(name=_TOUCHED[thing.label], confidence=thing.confidence))
        elif thing.label in _RIDDEN and _is_astride(person.xyxy, thing.xyxy):
            shown.append(Label(name=_RIDDEN[thing.label], confidence=thing.confidence))
        elif thing.label in _AT_MOUTH and _is_at_mouth(person, thing.xyxy):
            shown.append(Label(name=_AT_MOUTH[thing.label], confidence=thing.confidence))
    return max(shown, key=lambda label: label.confidence, default=None)


def _by_look(person: Crop) -> Label | None:
    """What the classifier's things around a person show; None where it is not sure of one."""
    from visagent_tools.engines.classifier import classes_of

    width, height = person.picture().size
    x1, y1, x2, y2 = person.xyxy
    wide, tall = AROUND * (x2 - x1), AROUND * (y2 - y1)
    around = _at(person, (max(0, x1 - wide), max(0, y1 - tall), min(width, x2 + wide), min(height, y2 + tall)))
    seen: dict[str, float] = {}
    for label in classes_of([around])[0]:
        if label.name in _AROUND:
            seen[_AROUND[label.name]] = seen.get(_AROUND[label.name], 0.0) + label.confidence
    shown = [Label(name=name, confidence=min(1, sure)) for name, sure in seen.items() if sure >= SURE]
    return max(shown, key=lambda label: label.confidence, default=None)


def _is_astride(person: XYXY, thing: XYXY) -> bool:
    """Whether somebody sits on a thing, as far as boxes say: over its middle, above its top, and ending on it."""
    over = person[0] <= (thing[0] + thing[2]) / 2 <= person[2]
    return over and person[1] < thing[1] < person[3] <= thing[3]


def _is_at_mouth(person: Crop, thing: XYXY) -> bool:
    from visagent_tools.engines.people import people_in

    (closer,) = people_in(person, [Box(xyxy=person.xyxy, label="person")])
    if closer.face is None:
        return False
    x1, y1, x2, y2 = closer.face.xyxy
    near = MOUTH * (x2 - x1)
    return shared_area((x1 - near, y1, x2 + near, y2 + near), thing) > 0


def _at(crop: Crop, xyxy: XYXY) -> Crop:
    return Crop(media=crop.media, xyxy=xyxy, label="person", seconds=crop.seconds)


def _area(crop: Crop) -> float:
    x1, y1, x2, y2 = crop.xyxy
    return (x2 - x1) * (y2 - y1)
