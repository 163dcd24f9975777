"""Documents and albums for the tests, with what is in them: written here, so that every answer is known.

python tests/end_to_end/documents.py FOLDER writes all of them.
"""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

WIDTH, HEIGHT = 595, 842
"""A4 in points."""
DPI = 150
WORDS = (
    "valve", "pressure", "filter", "engine", "cable", "socket", "bracket", "housing", "washer", "spring", "lever",
    "pump", "hose", "gauge", "motor", "relay", "sensor", "panel", "screw", "clamp", "gasket", "rotor", "shaft",
    "bearing", "seal", "piston", "nozzle", "coupling", "flange", "inlet", "outlet", "check", "turn", "close", "open",
    "clean", "replace", "inspect", "tighten", "loosen", "remove", "insert", "the", "a", "of", "with", "and", "before",
    "after", "under", "over", "between",
)  # fmt: skip
FACTS = {
    12: "The warranty of the turbine lasts 36 months.",
    57: "The Ghent depot opened on 4 March 1987.",
    141: "Spare filters are ordered under number 884-21.",
    212: "The Ghent depot stores 1,250 gaskets.",
    299: "Technical editor: Marguerite Oyelaran.",
}
"""Sentences of the manual by page: each stands on that page alone, apart from the word Ghent."""
SALES = (
    ("Region", "Units", "Revenue"),
    ("North", "120", "2400"),
    ("South", "75", "1650"),
    ("East", "210", "4100"),
    ("West", "95", "1900"),
)
"""The table on page 7 of the report: the third column adds up to 10,050."""
STAFF = (("Office", "Staff", "Desks"), ("Lyon", "12", "15"), ("Turin", "31", "28"), ("Bremen", "18", "20"))
"""The table on page 3 of the report."""
ITEMS = (("Item", "Pieces", "Price"), ("Drill", "2", "149"), ("Vice", "3", "40"))
"""The table on page 2 of the photocopied invoice: five pieces."""

Piece = tuple[float, float, float, str]
"""Left edge and baseline from the top in points, size in points, words."""


def pdf(pages: Sequence[tuple[Sequence[Piece], bytes | None]]) -> bytes:
    """A PDF of pages that hold words in Helvetica, over a JPEG that fills the page where there is one."""
    objects: list[bytes] = [b"", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"]
    kids = []
    for pieces, jpeg in pages:
        drawn, resources = b"", b"/Font<</F 3 0 R>>"
        if jpeg is not None:
            size = Image.open(io.BytesIO(jpeg)).size
            objects.append(
                b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8"
                b"/Filter/DCTDecode/Length %d>>stream\n%b\nendstream" % (*size, len(jpeg), jpeg)
            )
            drawn += b"q %d 0 0 %d 0 0 cm /I Do Q\n" % (WIDTH, HEIGHT)
            resources += b"/XObject<</I %d 0 R>>" % len(objects)
        for left, top, points, words in pieces:
            written = words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252")
            drawn += b"BT /F %.1f Tf %.1f %.1f Td (%b) Tj ET\n" % (points, left, HEIGHT - top, written)
        objects.append(b"<</Length %d>>stream\n%b\nendstream" % (len(drawn), drawn))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Resources<<%b>>/Contents %d 0 R>>"
            % (WIDTH, HEIGHT, resources, len(objects))
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    objects[1] = b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(kids), b" ".join(kids))
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (size, table, trailer)


def prose(page: int, lines: int = 34, fact: str = "") -> list[Piece]:
    """A page of words without a meaning; the fact stands on the twentieth line."""
    chance = random.Random(page)
    pieces: list[Piece] = [(60, 60, 16, f"Section {page}")]
    for line in range(lines):
        words = " ".join(chance.choices(WORDS, k=11)).capitalize() + "."
        pieces.append((60, 100 + 20 * line, 11, fact if fact and line == 19 else words))
    return pieces


def table(rows: Iterable[Sequence[str]], top: float = 120) -> list[Piece]:
    """Rows of a table without lines."""
    return [
        (80 + 150 * column, top + 28 * number, 12, words)
        for number, row in enumerate(rows)
        for column, words in enumerate(row)
    ]


def scan(
    pieces: Sequence[Piece], turn: float = 0.0, photo: tuple[Path, tuple[int, int, int, int]] | None = None
) -> bytes:
    """Words as the pixels of a page, a JPEG.

    Args:
        pieces: The words.
        turn: Degrees by which the page lies crooked; such a page is grey and noisy too.
        photo: A photograph that is stretched over a box of the page, in pixels.
    """
    scale = DPI / 72
    page = Image.new("RGB", (round(WIDTH * scale), round(HEIGHT * scale)), (250, 249, 245))
    draw = ImageDraw.Draw(page)
    for left, top, points, words in pieces:
        font = ImageFont.load_default(points * scale)
        draw.text((left * scale, top * scale), words, (25, 25, 30), font, anchor="ls")
    if photo is not None:
        path, (x1, y1, x2, y2) = photo
        with Image.open(path) as opened:
            page.paste(opened.convert("RGB").resize((x2 - x1, y2 - y1)), (x1, y1))
    if turn:
        page = page.convert("L").rotate(turn, Image.Resampling.BICUBIC, fillcolor=248)
        noise = np.random.default_rng(round(10 * abs(turn))).normal(0, 9, (page.height, page.width))
        page = Image.fromarray(np.clip(np.asarray(page, float) + noise, 0, 255).astype(np.uint8)).convert("RGB")
    file = io.BytesIO()
    page.save(file, "JPEG", quality=60 if turn else 85)
    return file.getvalue()


def manual(pages: int = 300) -> bytes:
    """Pages of text, with the facts where `FACTS` says."""
    return pdf([(prose(page, fact=FACTS.get(page, "")), None) for page in range(1, pages + 1)])


def report() -> bytes:
    """Twelve pages of text, with tables on pages 3 and 7."""
    pages = {3: [(60, 60, 16, "Offices"), *table(STAFF)], 7: [(60, 60, 16, "Sales by region"), *table(SALES)]}
    return pdf([(pages.get(page) or prose(page), None) for page in range(1, 13)])


def scanned() -> bytes:
    """Three pages without a text layer; the second one says where the Utrecht lease ends."""
    letters = [
        [(60, 100, 18, "Lease agreement"), (60, 150, 14, "between Brown and Okafor")],
        [
            (60, 100, 18, "Duration"),
            (60, 150, 14, "The Utrecht lease ends on 30 June 2031."),
            (60, 190, 14, "No pets."),
        ],
        [(60, 100, 18, "Signatures"), (60, 150, 14, "Signed in Antwerp")],
    ]
    return pdf([([], scan(page)) for page in letters])


def photocopied() -> bytes:
    """Four pages of pixels as a copier gives them: each turned by a degree or so, grey, noisy and compressed."""
    letters: list[list[Piece]] = [
        [(60, 100, 18, "Invoice 2207-A"), (60, 150, 14, "Harlow Tools, 12 Mill Lane, York")],
        [(60, 60, 16, "Items"), *table(ITEMS)],
        [(60, 100, 18, "Payment"), (60, 150, 14, "Total due: 418 euros by 30 September 2031."),
         (60, 190, 14, "Write to billing@harlow.example.")],
        [(60, 100, 18, "Warranty"), (60, 150, 14, "The drill press is guaranteed for 24 months.")],
    ]  # fmt: skip
    return pdf([([], scan(letter, turn)) for letter, turn in zip(letters, (0.8, -0.6, 1.1, -1.2), strict=True)])


CAT = (300, 420, 800, 860)
"""Where the photograph stands on page 2 of the magazine, pixels of the rendered page."""


def magazine(cat: Path) -> bytes:
    """Three pages: text, a photograph of a cat with a caption in pixels, and text that speaks of a dog.

    Args:
        cat: The photograph.
    """
    pages: list[tuple[list[Piece], bytes | None]] = [
        (prose(3, fact="The editor writes from Tallinn."), None),
        ([], scan([(150, 480, 14, "Chelsea at home, May 2019")], photo=(cat, CAT))),
        (prose(5, fact="A dog guards the printing works."), None),
    ]
    return pdf(pages)


def mixed() -> bytes:
    """Text, a scanned page with a printed number, a picture without words, and a table: pages 1 to 4."""
    letter: list[Piece] = [(60, 120, 16, "Minutes"), (60, 180, 14, "The Utrecht budget is 4,200 euros.")]
    picture = Image.linear_gradient("L").resize((600, 850)).convert("RGB")
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return pdf(
        [
            (prose(1, fact="The Utrecht budget was approved in May."), None),
            ([(290, 820, 9, "2")], scan(letter)),
            ([], file.getvalue()),
            ([(60, 60, 16, "Staff"), *table(STAFF)], None),
        ]
    )


def album(folder: Path, count: int, photos: Sequence[Path]) -> list[str]:
    """Pictures made of photographs, mirrored, cut and scaled by chance; for each, the name of its photograph."""
    chance = random.Random(7)
    made = []
    for number in range(count):
        path = photos[chance.randrange(len(photos))]
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        width, height = picture.size
        cut = tuple(round(chance.uniform(0, 0.04) * side) for side in (width, height))
        picture = picture.crop((cut[0], cut[1], width - cut[0], height - cut[1]))
        if chance.random() < 0.5:
            picture = ImageOps.mirror(picture)
        picture.thumbnail((900, 900))
        picture.save(folder / f"IMG_{number + 1:04}.jpg", quality=88)
        made.append(path.name)
    return made


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for name, make in {"manual": manual, "report": report, "scanned": scanned, "mixed": mixed}.items():
        (target / f"{name}.pdf").write_bytes(make())
