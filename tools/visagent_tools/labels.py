"""What people call things, turned into the labels that a detector knows. Knows no detector and no picture.

A word resolves where people mean by it what the detector means by its label: bike is bicycle, and so is puppy dog, in
everyday speech. "Woman" does not resolve to person, although each woman is one: a detector that cannot tell women from
men would answer "how many women?" with the number of people. Such a word is refused, with person as the way out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from visagent.core.errors import MissingInput, UnknownLabel
from visagent.core.install import install_line
from visagent.core.words import singulars, with_article
from visagent_tools.labels_zh import english

OPEN_VOCABULARY = f'an open-vocabulary detector ({install_line("local")}, then the option detector = "grounding-dino")'
COLORS = frozenset(
    ("black", "blue", "brown", "gray", "grey", "green", "orange", "pink", "purple", "red", "white", "yellow")
)

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "person": (
        "human", "human being", "people", "ppl", "folk", "individual", "pedestrian", "passer by", "passers by",
        "passerby", "someone", "somebody", "anyone", "anybody",
    ),
    "bicycle": ("bike", "cycle", "pushbike", "push bike", "pedal bike"),
    "car": ("auto", "automobile", "motorcar", "motor car"),
    "motorcycle": ("motorbike", "motor bike", "motor cycle"),
    "airplane": ("plane", "aeroplane", "aircraft", "airliner", "jet", "jetliner", "jet plane"),
    "bus": ("autobus", "omnibus", "motorbus"),
    "train": ("railway train", "railroad train"),
    "truck": ("lorry",),
    "boat": ("ship", "vessel", "watercraft"),
    "traffic light": ("traffic signal", "stoplight", "stop light", "traffic lamp", "semaphore"),
    "fire hydrant": ("hydrant", "fireplug", "fire plug"),
    "bench": ("park bench",),
    "cat": ("kitten", "kitty", "pussycat", "house cat", "housecat", "feline"),
    "dog": ("puppy", "pup", "doggo", "doggy", "doggie", "pooch", "hound"),
    "cow": ("cattle",),
    "backpack": ("rucksack", "knapsack", "back pack"),
    "umbrella": ("parasol", "brolly"),
    "handbag": ("purse", "hand bag", "pocketbook"),
    "tie": ("necktie", "neck tie"),
    "suitcase": ("suit case",),
    "frisbee": ("flying disc", "flying disk"),
    "skis": ("ski",),
    "sports ball": (
        "ball", "football", "soccer ball", "basketball", "volleyball", "baseball", "tennis ball", "rugby ball",
        "beach ball",
    ),
    "baseball glove": ("baseball mitt", "catcher's mitt"),
    "tennis racket": ("racket", "racquet", "tennis racquet"),
    "wine glass": ("wineglass", "goblet"),
    "cup": ("mug", "teacup", "tea cup", "coffee cup", "coffee mug", "beaker"),
    "donut": ("doughnut",),
    "hot dog": ("hotdog", "frankfurter"),
    "couch": ("sofa", "settee"),
    "potted plant": ("plant", "houseplant", "house plant", "pot plant"),
    "dining table": ("table", "dinner table", "kitchen table"),
    "toilet": ("lavatory", "toilet bowl"),
    "tv": ("television", "television set", "tv set", "telly", "monitor", "screen", "tv monitor", "computer monitor"),
    "laptop": ("notebook computer", "laptop computer"),
    "mouse": ("computer mouse",),
    "remote": ("remote control", "tv remote", "clicker"),
    "keyboard": ("computer keyboard",),
    "cell phone": (
        "phone", "mobile", "mobile phone", "smartphone", "smart phone", "cellphone", "iphone",
    ),
    "microwave": ("microwave oven",),
    "oven": ("stove", "cooker"),
    "sink": ("washbasin", "wash basin", "basin"),
    "refrigerator": ("fridge",),
    "clock": ("wall clock",),
    "scissors": ("scissor", "pair of scissors"),
    "teddy bear": ("teddy", "stuffed bear"),
    "hair drier": ("hair dryer", "hairdryer", "hairdrier", "blow dryer"),
    "toothbrush": ("tooth brush",),
    "skateboard": ("skate board",),
    "surfboard": ("surf board",),
}  # fmt: skip

_CATEGORIES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("animal", "creature", "beast"): (
        "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe",
    ),
    ("pet",): ("cat", "dog"),
    ("vehicle", "means of transport"): (
        "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    ),
    ("motor vehicle",): ("car", "motorcycle", "bus", "truck"),
    ("fruit",): ("banana", "apple", "orange"),
    ("vegetable",): ("broccoli", "carrot"),
    ("food", "something to eat"): (
        "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake",
    ),
    ("furniture", "piece of furniture"): ("chair", "couch", "bed", "dining table", "bench"),
    ("seat",): ("chair", "couch", "bench"),
    ("bag",): ("backpack", "handbag", "suitcase"),
    ("luggage", "baggage"): ("backpack", "suitcase"),
    ("cutlery", "silverware"): ("fork", "knife", "spoon"),
    ("tableware", "dishes"): ("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl"),
    ("appliance", "kitchen appliance"): ("microwave", "oven", "toaster", "refrigerator"),
    ("computer",): ("laptop",),
    ("electronics", "electronic device", "device", "gadget"): (
        "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    ),
    ("sports equipment", "sports gear"): (
        "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard",
        "surfboard", "tennis racket",
    ),
}  # fmt: skip

_EVERYTHING = frozenset({"object", "thing", "item", "anything", "everything", "something"})

_NARROWER: dict[str, tuple[str, ...]] = {
    "person": (
        "man", "woman", "boy", "girl", "child", "kid", "baby", "infant", "toddler", "teenager", "adult", "guy",
        "lady", "gentleman", "male", "female", "bloke", "lad", "dude", "fellow", "chap", "gal", "youth", "senior",
        "elder", "old person", "elderly person", "mother", "father", "mom", "mum", "dad", "parent", "grandmother",
        "grandma", "granny", "grandfather", "grandpa", "grandad", "granddad", "son", "daughter", "sister",
        "brother", "aunt", "uncle", "boyfriend", "girlfriend", "couple", "bride", "groom", "husband", "wife",
        "friend", "family",
        "worker", "player", "football player", "soccer player", "athlete", "runner", "swimmer", "skier", "surfer",
        "skateboarder", "cyclist", "biker", "motorcyclist", "rider", "driver", "passenger", "tourist", "customer",
        "shopper", "student", "pupil", "teacher", "doctor", "nurse", "police officer", "policeman", "policewoman",
        "cop", "officer", "soldier", "guard", "firefighter", "fireman", "chef", "cook", "waiter", "waitress",
        "photographer", "cameraman", "astronaut", "musician", "singer", "dancer", "actor", "actress", "coach",
        "referee", "judge", "farmer", "spectator", "fan", "commuter", "speaker", "artist", "engineer", "scientist",
    ),
    "car": ("taxi", "cab", "van", "minivan", "suv", "jeep", "sedan", "convertible", "limousine", "police car",
            "sports car", "race car", "hatchback", "station wagon"),
    "truck": ("pickup", "pickup truck", "fire truck", "fire engine", "garbage truck", "tow truck", "ambulance"),
    "bus": ("school bus", "double decker", "minibus", "trolleybus"),
    "train": ("tram", "streetcar", "locomotive", "subway", "metro"),
    "motorcycle": ("scooter", "moped", "vespa"),
    "airplane": ("fighter jet", "biplane", "glider", "seaplane"),
    "boat": ("sailboat", "ferry", "canoe", "kayak", "yacht", "speedboat", "rowboat", "cruise ship", "gondola",
             "fishing boat", "motorboat"),
    "bird": ("pigeon", "dove", "duck", "goose", "swan", "seagull", "gull", "chicken", "rooster", "hen", "parrot",
             "eagle", "owl", "crow", "sparrow", "penguin", "flamingo", "ostrich", "peacock", "turkey", "robin"),
    "dog": ("poodle", "labrador", "retriever", "beagle", "bulldog", "dachshund", "terrier", "husky", "chihuahua",
            "german shepherd", "dalmatian"),
    "cat": ("siamese", "tabby"),
    "horse": ("pony", "foal", "stallion", "mare"),
    "sheep": ("lamb", "ram", "ewe"),
    "cow": ("bull", "calf", "ox"),
    "bear": ("polar bear", "grizzly", "brown bear", "panda"),
    "chair": ("armchair", "stool", "office chair", "wheelchair", "rocking chair"),
    "couch": ("loveseat",),
    "book": ("notebook", "magazine", "textbook", "novel"),
    "potted plant": ("flower", "cactus", "fern"),
    "bottle": ("wine bottle", "water bottle", "beer bottle"),
    "clock": ("alarm clock", "clock tower"),
    "dining table": ("desk", "coffee table"),
    "cup": ("tumbler", "drinking glass"),
}  # fmt: skip

SYNONYM_OF = {word: label for label, words in _SYNONYMS.items() for word in words}
CATEGORY_OF = {word: labels for words, labels in _CATEGORIES.items() for word in words}
BROADER_OF = {word: label for label, words in _NARROWER.items() for word in words}


def words_for_labels(labels: Sequence[str]) -> dict[str, str]:
    """Everyday words for a detector's labels, each with its label: the labels, their synonyms, and narrower words.

    >>> words = words_for_labels(["person", "couch"])
    >>> words["woman"], words["sofa"], "taxi" in words
    ('person', 'couch', False)
    """
    everyday = BROADER_OF | SYNONYM_OF | {label: label for label in labels}
    return {word: label for word, label in everyday.items() if label in labels}


def resolve(label: str, known: Sequence[str] | None, *, detector: str, tool: str = "detect") -> tuple[str, ...]:
    """The detector's labels that a word or phrase stands for; several for a category such as animal.

    Args:
        label: What was asked for, in any case, singular or plural, with or without an article.
        known: The labels of a closed vocabulary; None for a detector that takes any.
        detector: How the detector is called in a message, for example "the packaged NanoDet".
        tool: Which tool was asked, for a message.

    Raises:
        MissingInput: the label is empty.
        UnknownLabel: no label of the closed vocabulary means the same; the remedy names the way out.
    """
    phrase = _normal(label)
    asked = f"{tool}(label={label!r})".replace("'", '"')
    if not phrase:
        raise MissingInput(f"{asked}: there is no label to look for.", "Say what to look for, such as person or car.")
    if known is None:
        return (phrase,)
    names = {_normal(name): name for name in known}
    found = _lookup(phrase, names)
    if found:
        return found

    for form in _forms(phrase):
        if (broader := names.get(BROADER_OF.get(form, ""))) is not None:
            raise UnknownLabel(
                f"{asked}: {detector} finds {broader}, but cannot tell whether one is {with_article(form)}.",
                f"Ask for {broader}, or use {OPEN_VOCABULARY}.",
            )
    words = phrase.split()
    for start in range(1, len(words)):
        head = " ".join(words[start:])
        if kinds := _lookup(head, names):
            colored = COLORS.intersection(words[:start])
            way = "then keep those of the color" if colored else "then look closer at what was found"
            shown = kinds[0] if len(kinds) == 1 else head
            raise UnknownLabel(
                f"{asked}: {detector} finds {shown}, but cannot tell which are {phrase}.",
                f"Ask for {shown}, {way}; or use {OPEN_VOCABULARY}.",
            )
    raise UnknownLabel(
        f"{asked}: {detector} knows {_known(names)} only.",
        f"Use {OPEN_VOCABULARY} or one of: {', '.join(_nearest(phrase, names))}, ….",
    )


class Meaning(NamedTuple):
    """What a word stands for.

    Attributes:
        labels: The detector's labels.
        broader: The word for what these find, where that is more than was asked for; None where they mean the same.
    """

    labels: tuple[str, ...]
    broader: str | None = None


def understand(label: str, known: Sequence[str] | None, *, detector: str, tool: str = "detect") -> Meaning:
    """As `resolve`, but a word for some of what a detector finds, such as woman or goose, stands for all of it.

    Its finder has to say so. Chinese words are taken for the English ones that mean the same.

    Raises:
        MissingInput: the label is empty.
        UnknownLabel: the detector finds nothing of which the word names a part.
    """
    phrase = _normal(english(label))
    try:
        return Meaning(resolve(phrase or label, known, detector=detector, tool=tool))
    except UnknownLabel:
        names = {_normal(name): name for name in known or ()}
        words = phrase.split()
        heads = [" ".join(words[start:]) for start in range(len(words))]
        for head in heads:
            for form in _forms(head):
                if (broader := names.get(BROADER_OF.get(form, ""))) is not None:
                    return Meaning((broader,), broader)
            if kinds := _lookup(head, names) if head != phrase else ():
                return Meaning(kinds, kinds[0] if len(kinds) == 1 else head)
        raise


def _lookup(phrase: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that mean the phrase; none where it is unknown. A label of its own goes before any other reading."""
    squeezed = {name.replace(" ", ""): label for name, label in names.items()}
    for form in _forms(phrase):
        label = names.get(form) or squeezed.get(form.replace(" ", "")) or names.get(SYNONYM_OF.get(form, ""))
        if label is not None:
            return (label,)
    for form in _forms(phrase):
        if form in _EVERYTHING:
            return tuple(names.values())
        if kinds := tuple(names[kind] for kind in CATEGORY_OF.get(form, ()) if kind in names):
            return kinds
    return ()


def forms_of(label: str) -> Iterator[str]:
    """A word or phrase without article and capitals, and what it may be the plural of, likeliest first.

    >>> list(forms_of("The old ladies"))
    ['old ladies', 'old lady', 'old ladie']
    """
    yield from _forms(_normal(label))


def _forms(phrase: str) -> Iterator[str]:
    """The phrase and what it may be the plural of, likeliest first."""
    yield phrase
    before, _, last = phrase.rpartition(" ")
    for single in singulars(last):
        yield f"{before} {single}".strip()


def _normal(label: str) -> str:
    """Lower case, words parted by one space, without article, quotes and punctuation at the ends."""
    words = re.sub(r"[\s_\-]+", " ", label.lower()).strip(" \t.,;:!?\"'“”‘’")
    return re.sub(r"^(?:(?:an?|the|any|some|every|all) )+(?=\S)", "", words)


def _known(names: Mapping[str, str]) -> str:
    coco = len(names) == 80 and {"person", "toothbrush", "traffic light"} <= names.keys()
    return "the 80 COCO labels" if coco else f"{len(names)} label{'' if len(names) == 1 else 's'}"


def _nearest(phrase: str, names: Mapping[str, str]) -> list[str]:
    """A few labels to try: those that share a word, those spelt alike, then the first of the vocabulary."""
    words = set(phrase.split())
    sharing = [name for name in names if words.intersection(name.split())]
    alike = difflib.get_close_matches(phrase, list(names), n=3)
    return [names[name] for name in dict.fromkeys([*sharing, *alike, *names])][:4]
