"""Which pages of a document a question is about."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from visagent import load_media
from visagent.core.errors import MissingDependency
from visagent.media.indexes import forget_indexes
from visagent.media.media import Media
from visagent.models.catalogue import find_source
from visagent.planning.embedding import Matrix, text_embedder, unit
from visagent.planning.page_search import pages_about
from visagent_tools.engines.text_embedder import TOKENIZER, WEIGHTS, minilm

sys.path.insert(0, str(Path(__file__).parents[2] / "end_to_end"))
from documents import pdf

PAGES = ("The guarantee of the pump ends after two years.", "The kettle boils water.", "Our cat sleeps all day.")
SENSES = (("guarantee", "warranty", "expire"), ("kettle", "boils", "tea"), ("cat", "sleeps", "pet"))


class Senses:
    """A stand-in that knows which words mean much the same."""

    name = "senses"

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str], /) -> Matrix:
        """See `TextEmbedder.embed`."""
        self.embedded += texts
        rows = [[sum(word in text.lower() for word in sense) for sense in SENSES] for text in texts]
        return unit(np.array(rows, np.float32))


class Broken:
    """One whose library is missing."""

    name = "broken"

    def embed(self, texts: Sequence[str], /) -> Matrix:
        """See `TextEmbedder.embed`."""
        raise MissingDependency("Embedding texts needs tokenizers.", "Install it.")


@pytest.fixture(scope="module")
def pages() -> dict[str, Media]:
    pytest.importorskip("bm25s", reason="Searching a document by words needs bm25s")
    media = load_media(pdf([([(50.0, 80.0, 12.0, text)], None) for text in PAGES]))
    return {f"image{place}": one for place, one in enumerate(media, start=1)}


def test_a_page_is_found_by_what_it_means_where_texts_can_be_embedded(pages: dict[str, Media], tmp_path: Path) -> None:
    infos = {name: page.info for name, page in pages.items()}
    assert pages_about("When does the warranty expire?", infos, 3) == ()
    assert pages_about("When does the warranty expire?", infos, 3, Senses(), tmp_path) == ("image1",)
    # Of what the words and the meaning find, both are given, and what both find comes first.
    assert pages_about("Does the pet sleep near the kettle?", infos, 3, Senses(), tmp_path) == ("image2", "image3")


def test_pages_are_embedded_once_also_for_another_process_and_go_with_their_document(
    pages: dict[str, Media], tmp_path: Path
) -> None:
    from visagent.planning import page_search

    infos = {name: page.info for name, page in pages.items()}
    senses = Senses()
    for question in ("When does the warranty expire?", "Who drinks tea?"):
        page_search.vector_file.cache_clear()  # what this process remembers
        pages_about(question, infos, 3, senses, tmp_path)
    assert len(senses.embedded) == len(PAGES) + 2
    document = infos["image1"].document
    assert document is not None and len(list((tmp_path / "pages").iterdir())) == 1
    forget_indexes(tmp_path, document)
    assert not list((tmp_path / "pages").iterdir())


def test_where_texts_cannot_be_embedded_words_do(pages: dict[str, Media], tmp_path: Path) -> None:
    infos = {name: page.info for name, page in pages.items()}
    assert pages_about("Where is the kettle?", infos, 3, Broken(), tmp_path) == ("image2",)


def test_the_packaged_network_knows_what_is_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In a home of its own: with the weights in the usual one, other tests would search by meaning as well.
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))
    assert minilm() is None and text_embedder() is None
    for name in (WEIGHTS, TOKENIZER):
        find_source(name).resolve()
    embedder = minilm()
    assert embedder is not None
    rows = embedder.embed(["How long is the warranty?", "The guarantee lasts two years.", "A cat sleeps.", "猫在睡觉"])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2
    assert not rows[3].any()  # it knows no Chinese
