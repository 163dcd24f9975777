"""What one look and the boxes of one look both miss is found part by part."""

import pytest
from count_small import count

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_small_things_that_one_look_and_its_boxes_miss_are_counted_by_parts(seed: int) -> None:
    there, first, said, calls = count(seed)
    assert first < there, "one look does not settle it"
    assert said == there and calls <= 12
