"""What importing the tools costs, and what the embedded ones never import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "ultralytics", "whisper", "faster_whisper", "rapidocr", "onnxruntime", "cv2", "av")
TOOLS = ("detect", "read_text", "transcribe", "caption", "classify", "dominant_colors", "crop", "video", "labels")
ENGINES = (
    "captioner", "classifier", "detector", "memo", "ocr", "search", "speech", "supervision", "transformers_detector",
    "whisper_convert", "yolo",
)  # fmt: skip


def loaded_by(code: str) -> list[str]:
    """The heavy libraries that a fresh Python has loaded after running the code."""
    path = [str(ROOT), str(ROOT / "tools")]
    script = f"import sys; sys.path[:0] = {path}\n{code}\nimport json\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    return [name for name in json.loads(done.stdout.splitlines()[-1]) if name in HEAVY]


def test_importing_tools_and_engines_loads_no_heavy_library() -> None:
    names = [f"visagent_tools.{name}" for name in TOOLS] + [f"visagent_tools.engines.{name}" for name in ENGINES]
    assert loaded_by(f"import {', '.join(names)}") == []


def test_the_embedded_experts_import_no_torch() -> None:
    for library in ("onnxruntime", "rapidocr"):
        pytest.importorskip(library, reason=f"the embedded experts need {library}: pip install 'visagent[embedded]'")
    used = loaded_by(
        "from PIL import Image\n"
        "from visagent.evidence.values import Crop\n"
        "from visagent.media.media import Media\n"
        "from visagent.tools.toolkit import Context\n"
        "from visagent_tools.caption import caption\n"
        "media = Media.load(Image.new('RGB', (64, 64), 'red'))\n"
        "caption([Crop.whole(media)], Context())"
    )
    assert "onnxruntime" in used and not {"torch", "transformers", "ultralytics"} & set(used)
