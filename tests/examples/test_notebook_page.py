"""What a person sees of an answer in Jupyter: a notebook is run in a real kernel, and the page made of it is read."""

import html
import re

import pytest

pytest.importorskip("ipykernel")
nbclient = pytest.importorskip("nbclient")
nbconvert = pytest.importorskip("nbconvert")
nbformat = pytest.importorskip("nbformat")
pytestmark = pytest.mark.slow

CELLS = [
    """
from PIL import Image
from visagent import Agent, Crop, tool
from visagent.testing import ScriptedModel

@tool(cache=False)
def material(image: Crop) -> str:
    "Tell the material."
    return "<b>felt</b>"

def agent(*steps):
    return Agent("embedded", models={"controller": ScriptedModel(steps)}, tools=[material], home=HOME)

answer = agent({"tool": "material"}).ask("What is <i>it</i> made of?", Image.new("RGB", (64, 48), "red"))
answer
""",
    "answer.show()",
    "agent({'tool': 'unanswerable', 'reason': 'no_tool'}).ask('What?', Image.new('RGB', (64, 48), 'red')).show()",
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The page's part of each cell's output."""
    home = f"HOME = {str(tmp_path_factory.mktemp('home'))!r}\n"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(home + CELLS[0]), *map(nbformat.v4.new_code_cell, CELLS[1:])]
    )
    nbclient.NotebookClient(notebook, timeout=120).execute()
    page, _ = nbconvert.HTMLExporter(exclude_input=True).from_notebook_node(notebook)
    outputs: list[str] = page.split('<div class="jp-Cell-outputWrapper">')[1:]
    assert len(outputs) == len(CELLS)
    return outputs


def test_an_answer_is_its_picture_its_text_and_its_tree_however_it_is_shown(shown: list[str]) -> None:
    for cell in shown[:2]:
        assert cell.count("<img") == 1 and "data:image/jpeg;base64," in cell
        (tree,) = re.findall(r"<pre>(.*?)</pre>", cell, re.DOTALL)
        assert html.unescape(tree).splitlines()[0] == "What is <i>it</i> made of?"
        assert "q1 What is the material" in html.unescape(tree) and "“<b>felt</b>”" in html.unescape(tree)
        assert re.search(r"<p[^>]*>The material .*felt.*\[q1\]\.</p>", html.unescape(cell))


def test_no_cell_shows_escape_sequences_or_an_empty_box(shown: list[str]) -> None:
    for cell in shown:
        assert "\x1b" not in cell and "[1m" not in cell and "ansi-" not in cell
        assert not re.search(r"<pre[^>]*>\s*</pre>", cell)
        assert "<i>it</i>" not in cell and "<b>felt</b>" not in cell


def test_an_answer_without_a_tree_is_its_sentence(shown: list[str]) -> None:
    assert "I cannot answer this" in shown[2] and "<details" not in shown[2]
