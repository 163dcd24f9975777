"""Libraries' warnings are for programmers: a person's terminal shows visagent's own lines alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

NOISY = """
import logging, warnings
from visagent import Number, Crop, tool
warnings.warn("raw warning")
warnings.warn("raw deprecation", FutureWarning)
logging.getLogger("some.library").warning("raw line")
logging.getLogger("visagent.mine").warning("a line for the person")

@tool
def look(image: Crop) -> Number:
    \"\"\"Look.\"\"\"
    return Number(value=1)
"""


def test_a_photo_of_108_megapixels_and_a_noisy_tool_bring_no_raw_warning(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    Image.new("1", (12_000, 9_000)).save(tmp_path / "big.png")
    program = "from visagent_apps.cli import main; main()"
    words = ["ask", "big.png", "What is it?", "--tool", "noisy.py:look"]
    ended = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )
    said, refused = ended.stderr.strip().splitlines()
    assert ended.returncode == 2 and said == "a line for the person"
    assert refused.startswith("MediaError: big.png: 12000 x 9000 is 108 megapixels") and "--shrink" in refused
