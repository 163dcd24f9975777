import pytest
from PIL import Image, ImageFilter
from visagent_sharpness import sharpness

from visagent import Crop, load_media
from visagent.core.errors import MissingInput


def test_blur_lowers_it() -> None:
    sharp = Image.effect_noise((64, 64), 80).convert("RGB")
    ((one,), (other,)) = load_media(sharp), load_media(sharp.filter(ImageFilter.GaussianBlur(2)))
    assert sharpness(Crop.whole(one)).value > 10 * sharpness(Crop.whole(other)).value


def test_a_picture_that_is_too_small_is_refused() -> None:
    (tiny,) = load_media(Image.new("RGB", (2, 9)))
    with pytest.raises(MissingInput):
        sharpness(Crop.whole(tiny))
