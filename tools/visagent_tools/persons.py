"""Words for people by gender and age, and which people look so by their faces. Knows no detector.

A detector finds people, and FaceRes says how a face appears: nobody is recognised. Only faces that appear clearly so
count; a face that is turned away, hidden, small or between says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from visagent.evidence.values import Box, Crop, Note
from visagent_tools.labels import forms_of
from visagent_tools.labels_zh import english

if TYPE_CHECKING:
    from visagent_tools.engines.people import Face

MALE, FEMALE = 0.8, 0.25
"""From which and up to which look a face appears clearly to be a man's or a woman's; see docs/perception.md."""
CHILD, GROWN = 10, 40
"""Years up to which a face appears to be a child's, and from which it is none. A face of which FaceRes sees little gets
about 35 years, whoever's it is."""
OLD, NOT_OLD = 55, 30
"""Years from which a face appears old, and up to which it does not. FaceRes takes few faces for more than sixty."""
LOOKED_AT = 40
"""People of a crowd, largest first, whose faces are looked at; the others stay open."""

_MEN = """man guy gentleman male bloke lad dude fellow chap he him his mister|boy
    dad daddy father husband groom boyfriend grandfather grandpa granddad grandad son brother uncle"""
_WOMEN = """woman lady female gal she her hers madam|girl
    mum mummy mom mommy mother wife bride girlfriend grandmother grandma granny daughter sister aunt"""
_CHILDREN = frozenset(("child", "kid", "baby", "infant", "toddler", "boy", "son", "daughter"))
_OLDER = frozenset("grandfather grandpa granddad grandad grandmother grandma granny senior elder".split())  # noqa: SIM905
_KIN = frozenset((_MEN.partition("|")[2] + _WOMEN.partition("|")[2]).split()) - {"boy", "girl"}
_GENDERS = {word: male for words, male in ((_MEN, True), (_WOMEN, False)) for word in words.replace("|", " ").split()}
_AGES = {"old": "old", "elderly": "old", "aged": "old", "older": "old", "young": "young", "younger": "young"}
_AGES |= {"adult": "adult", "grown": "adult", "little": "child", "small": "child"}
_NEUTRAL = frozenset(("person", "people", "adult", "child", "kid", "baby", "infant", "toddler", "senior", "elder"))


class Kind(NamedTuple):
    """What a word says of a person.

    Attributes:
        male: Whether the word says a man or boy; False for a woman or girl, None for either.
        age: The age that the word says: child, young, adult or old; None for any.
        more: Whether it says more than a face shows, such as whose father a man is.
    """

    male: bool | None
    age: str | None
    more: bool = False


def kind_of(label: str) -> Kind | None:
    """What a word for people says of their gender and age; None for any other word.

    >>> kind_of("ladies"), kind_of("老人"), kind_of("person"), kind_of("cat")
    (Kind(male=False, age=None, more=False), Kind(male=None, age='old', more=False), None, None)
    """
    for form in forms_of(english(label)):
        *before, word = form.split()
        if word not in _GENDERS and word not in _NEUTRAL:
            continue
        said = {one: _AGES[one] for one in before if one in _AGES}
        age = next(iter(said.values()), None)
        if word in _OLDER:
            age = "old"
        elif word == "adult":
            age = "adult"
        elif word in _CHILDREN or (word == "girl" and age == "child"):
            age = "child"
        elif word == "girl":
            # Women are called girls as well, but hardly old ones.
            age = age or "young"
        elif age == "child":
            # A small man is no child.
            age = None
        more = word in _KIN or len(said) < len(before)
        if word not in _GENDERS and age is None:
            return None
        return Kind(_GENDERS.get(word), age, more)
    return None


def looks_so(face: Face | None, kind: Kind, *, male: float = MALE, female: float = FEMALE) -> bool | None:
    """Whether a face appears to be of a kind; None where that is not clear, or there is no face.

    Args:
        face: The face; None for one that is not seen.
        kind: What is asked.
        male: Least look of a man's face.
        female: Greatest look of a woman's face.
    """
    if face is None:
        return None
    appears = True if face.look.male >= male else False if face.look.male <= female else None
    seen: list[bool | None] = [None] if kind.more else []
    if kind.male is not None:
        seen.append(None if appears is None else appears is kind.male)
    if kind.age is not None:
        # What shows too little of a face for a gender shows too little for an age.
        seen.append(None if appears is None else _of_age(face.look.years, kind.age))
    if False in seen:
        return False
    return None if None in seen else True


def _of_age(years: float, age: str) -> bool | None:
    child = True if years <= CHILD else False if years >= GROWN else None
    old = True if years >= OLD else False if years <= NOT_OLD else None
    match age:
        case "child":
            return child
        case "adult":
            return None if child is None else not child
        case "old":
            return old
    return None if old is None else not old


def told_apart(
    image: Sequence[Crop], people: Sequence[Sequence[Box]], label: str, kind: Kind
) -> tuple[list[list[Box]], Note] | None:
    """Of some people those who look to be of a kind, then those who may be; None where no face tells anything.

    With them goes a note of how many look otherwise.

    Args:
        image: Where was looked.
        people: The people found in each.
        label: The word that was asked for.
        kind: What it says.
    """
    from visagent_tools.engines.people import people_in

    largest = sorted((box.area for boxes in people for box in boxes), reverse=True)[:LOOKED_AT]
    kept, told, others = [], 0, 0
    for crop, boxes in zip(image, people, strict=True):
        near = [box for box in boxes if box.area >= largest[-1]]
        seen = {one.box: looks_so(one.face, kind) for one in people_in(crop, near)}
        clear = [box for box in boxes if seen.get(box) is True]
        unclear = [box.model_copy(update={"unclear": True}) for box in boxes if seen.get(box) is None]
        kept.append([*clear, *unclear])
        told += len(boxes) - len(unclear)
        others += len(boxes) - len(kept[-1])
    return (kept, Note(kind="by_looks", words=(label, "person", str(others)))) if told else None


def is_face(label: str) -> bool:
    """Whether a word means faces.

    >>> is_face("faces"), is_face("脸"), is_face("clock face")
    (True, True, False)
    """
    return any(form in ("face", "human face") for form in forms_of(english(label)))


def faces(crop: Crop, people: Sequence[Box]) -> list[Face]:
    """The faces in a region: those that the whole shows, and those that a closer look at each person shows.

    Args:
        crop: Where to look.
        people: The people in it.
    """
    from visagent.evidence.overlap import shared_area
    from visagent_tools.engines.people import faces_in, people_in

    seen = [*faces_in(crop), *(one.face for one in people_in(crop, people) if one.face is not None)]
    found: list[Face] = []
    for face in sorted(seen, key=lambda one: -one.score):
        # A part of a large face may be taken for a face of its own.
        if all(shared_area(face.xyxy, one.xyxy) < 0.5 * min(_area(face), _area(one)) for one in found):
            found.append(face)
    return found


def _area(face: Face) -> float:
    x1, y1, x2, y2 = face.xyxy
    return (x2 - x1) * (y2 - y1)


def face_boxes(crop: Crop, people: Sequence[Box]) -> list[Box]:
    """The boxes of faces; see `faces`."""
    return [Box(xyxy=face.xyxy, label="face", confidence=face.score) for face in faces(crop, people)]
