"""How many media, how long, and whether pictures are copies."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from visagent.core.errors import MissingInput
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent_tools.given import duration, pages, same_picture

Photo = Callable[[str], Media]
REPORTS = Path(__file__).parents[1] / "data" / "reports"


def copy(media: Media, **how: object) -> Media:
    """The picture as another file."""
    picture = media.image().copy()
    if size := how.get("side"):
        picture.thumbnail((size, size))  # type: ignore[arg-type]
    if how.get("grey"):
        picture = picture.convert("L").convert("RGB")
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=how.get("quality", 75))
    return Media.load(Image.open(data))


NAMES = ("astronaut.png", "camera.png", "chelsea.png", "china.jpg", "coffee.png", "coins.png", "rocket.jpg", "text.png")


@pytest.mark.parametrize("name", NAMES)
def test_a_smaller_or_worse_copy_is_the_same_picture(photo: Photo, name: str) -> None:
    media = photo(name)
    for other in (copy(media, quality=30), copy(media, side=200), copy(media, grey=True)):
        assert same_picture([Crop.whole(media), Crop.whole(other)])


def test_different_pictures_are_not_the_same(photo: Photo) -> None:
    crops = [Crop.whole(photo(name)) for name in NAMES]
    for at, one in enumerate(crops):
        assert not any(same_picture([one, other]) for other in crops[at + 1 :])


def test_one_picture_has_nothing_to_be_compared_with(photo: Photo) -> None:
    with pytest.raises(MissingInput, match="only one"):
        same_picture([Crop.whole(photo("coins.png"))])


def test_pages_are_counted_and_seconds_are_told() -> None:
    from visagent import load_media

    document = load_media(REPORTS / "three.pdf")
    assert pages([Crop.whole(page) for page in document]).value == 3
    (speech,) = load_media(REPORTS / "es.wav")
    assert str(duration(speech)).endswith(" s") and 1 < duration(speech).value < 60
