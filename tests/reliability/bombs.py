"""Small files that ask for much: what reliability tests give to a loader."""

from __future__ import annotations

import zlib


def pdf(*objects: bytes) -> bytes:
    """A PDF of these numbered objects, the first of which is its catalogue."""
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj" % number + body + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    tail = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF"
    return data + tail % (size, table, size, len(data))


def page(contents: bytes, *others: bytes, resources: bytes = b"<<>>", filters: bytes = b"") -> bytes:
    """A PDF of one page that draws these contents; other objects are numbered from 5."""
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources%s>>" % resources,
        b"<<%s/Length %d>>stream\n%s\nendstream " % (filters, len(contents), contents),
        *others,
    )


def nested_forms(depth: int) -> bytes:
    """A page whose form draws a form ten times, and so on: 10 to the power of `depth` rectangles."""
    forms = []
    for number in range(depth):
        last = number == depth - 1
        body = b"0 0 10 10 re f " * 10 if last else b"q 1 0 0 1 1 0 cm /F Do Q " * 10
        uses = b"" if last else b"/Resources<</XObject<</F %d 0 R>>>>" % (number + 6)
        head = b"<</Type/XObject/Subtype/Form/BBox[0 0 200 200]%s/Length %d>>stream\n" % (uses, len(body))
        forms.append(head + body + b"\nendstream ")
    return page(b"/F Do " * 10, *forms, resources=b"<</XObject<</F 5 0 R>>>>")


def endless_fills() -> bytes:
    """A page that fills itself a million times; no memory, but minutes."""
    contents = zlib.compress(b"0 0 m 200 0 l 200 200 l 0 200 l f " * 1_000_000)
    return page(contents, filters=b"/Filter/FlateDecode")
