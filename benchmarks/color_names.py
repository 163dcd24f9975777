"""How often a patch gets the basic colour term that people give it, in plain and in muted shades, under several lights.

    python benchmarks/color_names.py [--held-out]

Truth is by construction: names of the xkcd colour survey (CC0, as matplotlib ships them) whose last word is a basic
term and that hold no other one ("dark olive green" is green), and names of muted shades with the terms that may stand
for them. Shades that are prototypes of the colour namer are left out. Each patch is a square of the shade with noise,
saved as JPEG, under seven lights: as it is, dim, bright, and warm and cold ones, a little and more: what a camera
leaves of a lamp, or of shade, after its white balance. Prints a row a group, with 95 % intervals over the names.

With --held-out: what eight more prototypes, chosen one after the other on half of the names, add on the other half,
three times both ways. So the last prototypes of the colour namer were chosen, on all names: the table is no held-out
figure.
"""

from __future__ import annotations

import io
import re
import sys
from collections import defaultdict

import numpy as np
from matplotlib.colors import XKCD_COLORS
from numpy.typing import NDArray
from PIL import Image

from visagent_tools.dominant_colors import LEAST_CHROMA, PROTOTYPES, cielab, name_pixels

TERMS = {term: term for term in PROTOTYPES} | {"grey": "gray"}
STEMS = re.compile(r"black|blue|brown|gr[ae]y|green|orange|pink|purpl|red|white|yellow|violet")
MUTED = {
    "olive": "green brown yellow", "khaki": "green brown yellow", "moss": "green", "sage": "green gray",
    "army green": "green", "forest": "green", "avocado": "green", "pea": "green yellow", "tan": "brown",
    "beige": "brown white yellow", "sand": "brown yellow", "taupe": "brown gray", "camel": "brown",
    "chocolate": "brown", "coffee": "brown", "mocha": "brown", "caramel": "brown orange", "mud": "brown",
    "bronze": "brown", "umber": "brown", "sienna": "brown orange red", "rust": "brown orange red",
    "terracotta": "brown orange red", "ochre": "brown orange yellow", "mustard": "yellow brown",
    "navy": "blue", "midnight": "blue black purple", "slate": "gray blue", "steel": "gray blue",
    "charcoal": "gray black", "teal": "green blue", "turquoise": "green blue", "maroon": "red brown purple",
    "burgundy": "red purple brown", "wine": "red purple",
    "mauve": "purple pink", "lilac": "purple", "lavender": "purple", "plum": "purple",
    "cream": "white yellow", "ivory": "white yellow", "salmon": "pink orange", "peach": "orange pink",
    "rose": "pink red",
    "coral": "orange pink red", "gold": "yellow orange brown", "indigo": "blue purple", "cyan": "blue green",
}  # fmt: skip
"""Names of shades that are no basic terms, and the basic terms that may stand for them."""
LIGHTS = {
    "as it is": (1, 1, 1), "dim": (0.45, 0.45, 0.45), "bright": (1.3, 1.3, 1.3), "warm": (1.08, 1, 0.9),
    "warmer": (1.15, 1, 0.78), "cold": (0.93, 1, 1.08), "colder": (0.86, 1, 1.16),
}  # fmt: skip
"""Gains of red, green and blue in linear light."""
NOISE = 6
CHOSEN = 8


def truths() -> dict[str, tuple[tuple[int, int, int], frozenset[str], str]]:
    """Every name with its shade, the terms that may stand for it, and its group."""
    known = {shade for shades in PROTOTYPES.values() for shade in shades}
    found = {}
    for full, value in XKCD_COLORS.items():
        name, shade = full.removeprefix("xkcd:"), value[1:].lower()
        rgb = (int(shade[:2], 16), int(shade[2:4], 16), int(shade[4:], 16))
        last = name.replace("/", " ").split()[-1]
        muted = next((word for word in MUTED if re.search(rf"\b{word}\b", name)), None)
        if shade in known:
            continue
        if last in TERMS and len(STEMS.findall(name)) == 1:
            found[name] = rgb, frozenset((TERMS[last],)), "muted term" if muted else "term"
        elif muted is not None and not STEMS.search(name):
            found[name] = rgb, frozenset(MUTED[muted].split()), "muted"
    return found


def patch(rgb: tuple[int, int, int], light: tuple[float, float, float], seed: int) -> NDArray[np.uint8]:
    """A square of a shade under a light, with noise, as JPEG keeps it."""
    value = np.array(rgb) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) * np.array(light)
    linear = linear.clip(0, 1)
    seen = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    noisy = seen + np.random.default_rng(seed).normal(0, NOISE, (32, 32, 3))
    kept = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(kept, "JPEG", quality=85)
    return np.asarray(Image.open(kept).convert("RGB").resize((8, 8), Image.Resampling.BOX))


def term_of(pixels: NDArray[np.uint8]) -> str:
    """The term of most of a patch."""
    return list(PROTOTYPES)[int(np.bincount(name_pixels(pixels).ravel(), minlength=len(PROTOTYPES)).argmax())]


def interval(values: list[float]) -> str:
    """Mean in percent with its 95 % interval, by bootstrap over the names."""
    drawn = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return f"{100 * np.mean(values):.1f} ({100 * low:.1f} to {100 * high:.1f})"


def held_out(seed: int) -> list[float]:
    """For each name, what prototypes that were chosen on the half without it add to the share of right lights."""
    every = truths()
    names = np.random.default_rng(seed).permutation(sorted(every))
    seen = {
        name: np.array([patch(every[name][0], gains, at).reshape(-1, 3).mean(0) for gains in LIGHTS.values()])
        for at, name in enumerate(sorted(every))
    }
    shades = [(term, shade) for term, listed in PROTOTYPES.items() for shade in listed]
    known = cielab(np.array([[int(shade[at : at + 2], 16) for at in (0, 2, 4)] for _, shade in shades], np.uint8))
    terms = np.array([term for term, _ in shades])

    def distances(
        points: NDArray[np.float64], to: NDArray[np.float64], called: NDArray[np.str_]
    ) -> NDArray[np.float64]:
        found = ((points[:, None] - to[None]) ** 2).sum(axis=2)
        neutral = np.hypot(points[:, 1], points[:, 2]) < LEAST_CHROMA
        found[np.ix_(neutral, ~np.isin(called, ("black", "gray", "white")))] = np.inf
        return np.asarray(found)

    gained: list[float] = []
    for half in (0, 1):
        clear = [name for name in names[half::2] if len(every[name][1]) == 1]
        points = cielab(np.concatenate([seen[name] for name in clear]))
        own = np.array([next(iter(every[name][1])) for name in clear for _ in LIGHTS])
        offered = cielab(np.array([every[name][0] for name in clear], np.uint8))
        called = np.array([next(iter(every[name][1])) for name in clear])
        to_offered, to_known = distances(points, offered, called), distances(points, known, terms)
        nearest, told = to_known.min(axis=1), terms[to_known.argmin(axis=1)]
        chosen: list[int] = []
        for _ in range(CHOSEN):
            right = [
                (np.where(one < nearest, term, told) == own).sum()
                for one, term in zip(to_offered.T, called, strict=True)
            ]
            chosen.append(int(np.argmax(right)))
            told = np.where(to_offered[:, chosen[-1]] < nearest, called[chosen[-1]], told)
            nearest = np.minimum(nearest, to_offered[:, chosen[-1]])
        more, all_terms = np.vstack([known, offered[chosen]]), np.append(terms, called[chosen])
        for name in names[1 - half :: 2]:
            lab, allowed = cielab(seen[name]), list(every[name][1])
            before = np.isin(terms[distances(lab, known, terms).argmin(axis=1)], allowed).mean()
            after = np.isin(all_terms[distances(lab, more, all_terms).argmin(axis=1)], allowed).mean()
            gained.append(float(after - before))
    return gained


def main() -> None:
    if "--held-out" in sys.argv[1:]:
        for seed in range(3):
            print(f"split {seed}: {interval(held_out(seed))} points more")
        return
    rows: dict[str, list[float]] = defaultdict(list)
    wrong: dict[tuple[str, str], int] = defaultdict(int)
    for number, (rgb, terms, group) in enumerate(truths().values()):
        right = {light: term_of(patch(rgb, gains, number)) for light, gains in LIGHTS.items()}
        for light, term in right.items():
            rows[f"light: {light}"].append(term in terms)
            if term not in terms:
                wrong["/".join(sorted(terms)), term] += 1
        share = float(np.mean([term in terms for term in right.values()]))
        rows[f"group: {group}"].append(share)
        if len(terms) == 1:
            rows[f"term: {next(iter(terms))}"].append(share)
        rows["all"].append(share)
    print("| | n | right |\n|---|---|---|")
    for row in sorted(rows):
        print(f"| {row} | {len(rows[row])} | {interval(rows[row])} |")
    for (terms, term), times in sorted(wrong.items(), key=lambda item: -item[1])[:15]:
        print(f"{times:4} {terms} called {term}")


if __name__ == "__main__":
    main()
