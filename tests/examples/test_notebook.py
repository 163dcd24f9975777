"""The example notebook runs in a real Jupyter kernel, and an answer shows itself there."""

import html
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = EXAMPLES / "notebook.ipynb"


@pytest.fixture(scope="module")
def outputs() -> list[list[Any]]:
    """What each cell of code put out."""
    pytest.importorskip("ipykernel")
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def test_an_answer_shows_its_picture_its_text_and_its_tree(outputs: list[list[Any]]) -> None:
    (shown,) = (output for output in outputs[0] if output.output_type == "execute_result")
    page = shown.data["text/html"]
    (picture,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    drawn = Image.open(BytesIO(b64decode(picture)))
    whole = Image.open(EXAMPLES / "coffee.png")
    assert drawn.width / drawn.height == pytest.approx(whole.width / whole.height, rel=0.01)
    said = html.unescape(page)
    assert "cup" in said and "[q" in said and "detect(image='image1', label='cup')" in said
    assert "detect(image='image1', label='cup')" in shown.data["text/markdown"]


def test_tools_and_events_work_in_a_kernel_that_runs_an_event_loop(outputs: list[list[Any]]) -> None:
    assert "brightness" in html.unescape(outputs[2][-1].data["text/html"]) and "%" in outputs[2][-1].data["text/html"]
    events = "".join(output.text for output in outputs[3]).split()
    assert events[0] == "planned" and events[-1] == "answered" and "found" in events


def test_the_notebook_is_kept_without_outputs() -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and not any(cell.outputs or cell.execution_count for cell in code)
