"""How sharp a picture is: a tool for visagent from a package of its own."""

from __future__ import annotations

from visagent import Crop, Number, tool
from visagent.core.errors import MissingInput


@tool
def sharpness(image: Crop) -> Number:
    """Measure how sharp a picture or object is.

    The variance of the Laplacian of the grey values (Pech-Pacheco et al., ICPR 2000): blur lowers it. It depends on
    the motif, so compare pictures of the same thing only.

    Args:
        image: What to measure; at least 3 pixels wide and high.

    Raises:
        MissingInput: it is smaller.
    """
    import numpy as np

    grey = np.asarray(image.image().convert("L"), dtype=np.float64)
    if min(grey.shape) < 3:
        raise MissingInput("The picture is too small to measure its sharpness.", "Give one of 3 by 3 pixels or more.")
    centre = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * centre
    return Number(value=round(float(laplacian.var()), 2))
