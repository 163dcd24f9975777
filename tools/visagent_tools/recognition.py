"""Words beyond a detector's labels that the image classifier knows: whether such a thing is in a picture, never where.

The classifier knows 1000 words (ImageNet-1k), most of them narrower than those people use; the table gives people's
words their kinds, along WordNet's hypernyms (seashore and sandbar are kinds of beach), as far as these can be seen.
A picture of none of the kinds still gives each some probability, so nothing follows from a low one: this says yes or
nothing. Knows no detector.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from visagent.core.words import singular
from visagent_tools.wordnet import classes_of

if TYPE_CHECKING:
    from visagent.evidence.values import Crop
    from visagent_tools.crop import Part

SURE = 0.6
"""Probability that all kinds of a word have together from which on it is said to be there. On 24 pictures that come
with scikit-image, gradio and ultralytics, of all words written here 9 reach it, all rightly; from 0.5 on a bus is a
tram too. Of WordNet's words 28 kinds reach it in 17 pictures, 25 of them rightly: a precision of 0.73 or more."""
LARGE = 640
"""Longer side in pixels from which on the quarters and the middle of a picture are looked at as well."""

_RANGES: dict[str, tuple[range, ...]] = {
    "animal": (range(398),),
    "fish": (range(7), range(389, 398)), "shark": (range(2, 5),),
    "bird": (range(7, 25), range(80, 101), range(127, 147)), "owl": (range(24, 25),), "lizard": (range(38, 49),),
    "turtle": (range(33, 38),), "tortoise": (range(33, 38),), "frog": (range(30, 33),), "snake": (range(52, 69),),
    "spider": (range(72, 78),), "crab": (range(118, 122), range(125, 126)), "lobster": (range(122, 124),),
    "crocodile": (range(49, 51),), "alligator": (range(50, 51),), "dinosaur": (range(51, 52),),
    "reptile": (range(33, 69),), "amphibian": (range(25, 33),), "insect": (range(300, 327),),
    "beetle": (range(300, 308),), "butterfly": (range(321, 327),), "monkey": (range(370, 383),),
    "ape": (range(365, 370),), "wolf": (range(269, 272),), "fox": (range(277, 281),), "rabbit": (range(330, 333),),
    "bunny": (range(330, 333),), "whale": (range(147, 149),), "stork": (range(127, 129),),
    "swan": (range(100, 101),), "duck": (range(97, 99),), "parrot": (range(87, 91),), "heron": (range(131, 134),),
    "antelope": (range(351, 354),), "goat": (range(350, 351),), "camel": (range(354, 355),),
    "pig": (range(341, 344),), "panda": (range(387, 389),), "squirrel": (range(335, 336), range(382, 383)),
    "leopard": (range(288, 291),), "big cat": (range(286, 294),), "wild cat": (range(286, 294),),
    "ferret": (range(356, 360),), "coral": (range(109, 110),), "sea creature": (range(107, 112), range(118, 126)),
    "hedgehog": (range(334, 335),), "kangaroo": (range(104, 105),), "penguin": (range(145, 146),),
}  # fmt: skip
"""Indices of ImageNet's classes, whose first 398 are animals in the order of WordNet."""

_KINDS: dict[str, tuple[str, ...]] = {
    "beach": ("seashore", "lakeside", "sandbar"), "coast": ("seashore", "promontory", "cliff"),
    "shore": ("seashore", "lakeside"), "lake": ("lakeside",), "mountain": ("alp", "volcano"),
    "sea": ("seashore", "sandbar", "promontory", "coral reef"), "ocean": ("seashore", "sandbar", "promontory"),
    "reef": ("coral reef",), "bridge": ("suspension bridge", "steel arch bridge", "viaduct"), "dam": ("dam",),
    "harbor": ("dock", "pier"), "harbour": ("dock", "pier"), "jetty": ("pier", "breakwater"),
    "tower": ("water tower", "beacon", "bell cote", "obelisk"), "lighthouse": ("beacon",),
    "church": ("church", "bell cote", "altar"), "temple": ("stupa", "monastery", "palace"),
    "castle": ("castle", "palace"),
    "shop": (
        "bookshop", "butcher shop", "barbershop", "shoe shop", "tobacco shop", "toyshop", "grocery store", "bakery",
        "confectionery",
    ),
    "store": (
        "bookshop", "butcher shop", "shoe shop", "tobacco shop", "toyshop", "grocery store", "bakery",
        "confectionery",
    ),
    "fence": ("chainlink fence", "picket fence", "worm fence"), "wall": ("stone wall",),
    "roof": ("tile roof", "thatch", "dome"), "rocket": ("missile", "projectile", "space shuttle"),
    "spaceship": ("space shuttle",), "ship": ("container ship", "liner", "aircraft carrier", "schooner", "pirate"),
    "sailboat": ("yawl", "schooner", "catamaran", "trimaran"), "taxi": ("cab",), "ambulance": ("ambulance",),
    "tram": ("streetcar",), "tent": ("mountain tent", "yurt"), "guitar": ("acoustic guitar", "electric guitar"),
    "piano": ("grand piano", "upright"), "trumpet": ("cornet",), "saxophone": ("sax",), "flute": ("flute",),
    "violin": ("violin",),
    "musical instrument": (
        "accordion", "acoustic guitar", "banjo", "bassoon", "cello", "cornet", "drum", "electric guitar", "flute",
        "French horn", "grand piano", "harmonica", "harp", "marimba", "oboe", "ocarina", "organ", "sax", "trombone",
        "upright", "violin",
    ),
    "shirt": ("jersey", "sweatshirt"), "sweater": ("cardigan", "sweatshirt", "wool"), "jeans": ("jean",),
    "dress": ("gown", "hoopskirt", "overskirt"), "skirt": ("miniskirt", "hoopskirt", "overskirt"),
    "coat": ("fur coat", "trench coat", "lab coat"),
    "swimsuit": ("bikini", "maillot", "maillot tank suit", "swimming trunks"),
    "shoe": ("running shoe", "Loafer", "sandal", "clog", "cowboy boot"), "boot": ("cowboy boot",),
    "hat": ("cowboy hat", "sombrero", "bonnet", "bearskin", "mortarboard"),
    "helmet": ("crash helmet", "football helmet", "pickelhaube"), "glasses": ("sunglass", "sunglasses"),
    "uniform": ("military uniform",), "necklace": ("necklace",), "watch": ("digital watch",),
    "camera": ("Polaroid camera", "reflex camera"),
    "telephone": ("cellular telephone", "dial telephone", "pay-phone"),
    "computer": ("desktop computer", "laptop", "notebook", "hand-held computer"),
    "printer": ("printer", "photocopier"), "screen": ("screen", "monitor", "television"),
    "lamp": ("table lamp", "lampshade", "spotlight"), "bookshelf": ("bookcase",),
    "cupboard": ("china cabinet", "wardrobe", "chiffonier", "medicine chest"),
    "basket": ("shopping basket", "hamper"), "bucket": ("bucket",), "barrel": ("barrel", "rain barrel"),
    "box": ("carton", "crate"), "teapot": ("teapot",), "kettle": ("teapot", "coffeepot"),
    "jug": ("pitcher", "water jug", "whiskey jug"), "pan": ("frying pan", "wok"), "coffee": ("espresso",),
    "drink": ("espresso", "red wine", "eggnog", "beer glass"),
    "bread": ("French loaf", "bagel", "pretzel"), "burger": ("cheeseburger",), "hamburger": ("cheeseburger",),
    "ice cream": ("ice cream", "ice lolly"),
    "pumpkin": ("jack-o'-lantern", "spaghetti squash", "acorn squash", "butternut squash"),
    "mushroom": ("mushroom", "agaric", "bolete", "hen-of-the-woods", "gyromitra", "coral fungus"),
    "apple": ("Granny Smith",), "flower": ("daisy", "yellow lady's slipper"), "corn": ("corn", "ear"),
    "cabbage": ("head cabbage",), "wine": ("red wine",), "soldier": ("military uniform",),
    "diver": ("scuba diver",), "gun": ("revolver", "rifle", "assault rifle"),
    "weapon": ("revolver", "rifle", "assault rifle", "cannon"), "tractor": ("tractor", "harvester", "thresher"),
    "swing": ("swing",), "fountain": ("fountain",), "statue": ("pedestal", "totem pole", "megalith"),
    "valley": ("valley",), "cliff": ("cliff", "promontory"), "volcano": ("volcano",), "balloon": ("balloon",),
    "parachute": ("parachute",), "sunglasses": ("sunglass", "sunglasses"), "mailbox": ("mailbox",),
    "candle": ("candle",), "drum": ("drum", "steel drum"), "wheel": ("car wheel", "paddlewheel"),
}  # fmt: skip


class Recognised(NamedTuple):
    """How probable a thing is, and the part of the picture in which it is most so."""

    probability: float
    region: Crop


@cache
def classes_of_word(word: str) -> frozenset[int]:
    """Indices of the classifier's classes that are of the kind a word names; empty where it knows none."""
    from visagent_tools.engines.efficientnet import LABELS

    plain = " ".join(word.lower().split())
    for form in dict.fromkeys((plain, singular(plain))):
        named = {name for kind in (_KINDS.get(form, ()), (form,)) for name in kind}
        found = {index for index, label in enumerate(LABELS) if label in named or label.lower() == form}
        found |= {index for part in _RANGES.get(form, ()) for index in part}
        if found:
            return frozenset(found)
    return classes_of(plain)


def recognise(crop: Crop, word: str) -> Recognised | None:
    """Whether a thing seems to be in a picture; None where the classifier does not know the word.

    Raises:
        MissingInput: the region has no pixel.
        MissingDependency: onnxruntime is not installed.
        ModelError: the network cannot be loaded.
    """
    from visagent_tools.engines.classifier import network

    classes = sorted(classes_of_word(word))
    if not classes:
        return None
    regions = [crop, *_parts(crop)]
    rows = network().classify([region.array() for region in regions])
    sums = rows[:, classes].sum(axis=1)
    best = int(sums.argmax())
    return Recognised(min(1.0, float(sums[best])), regions[best])


def _parts(crop: Crop) -> list[Crop]:
    """The quarters and the middle of a large region."""
    from visagent_tools.crop import region

    x1, y1, x2, y2 = crop.xyxy
    if max(x2 - x1, y2 - y1) * crop.scale <= LARGE:
        return []
    names: tuple[Part, ...] = ("top_left", "top_right", "bottom_left", "bottom_right", "center")
    return [crop.model_copy(update={"xyxy": region(crop.xyxy, name)}) for name in names]
