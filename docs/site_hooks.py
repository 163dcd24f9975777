"""MkDocs hook: a link from a page to a file of the repository leads to a copy of that file in the site.

A link to a file that is not there stops the build, as MkDocs itself does for links between pages.
"""

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = re.compile(r"(?<=\]\()((?:\.\./)+[^)#\s]+)")
log = logging.getLogger("mkdocs.hooks.site")


def _target(page: str, link: str) -> str | None:
    """The file in the repository that a page's link leads to, if it is none of the pages."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if path.startswith("docs/") else path


def _copy(path: str) -> str:
    """Where the copy lies; with a suffix that browsers show as text."""
    return f"source/{path}" + ("" if Path(path).suffix in {".png", ".jpg", ".wav"} else ".txt")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a copy of each file that is linked to."""
    for page in files.documentation_pages():
        for link in OUTSIDE.findall(page.content_string):
            path = _target(page.src_uri, link)
            if path is None or files.get_file_from_path(_copy(path)):
                continue
            if (ROOT / path).is_file() and not path.startswith(".."):
                files.append(File.generated(config, _copy(path), abs_src_path=str(ROOT / path)))
            else:
                log.warning("%s links to %s, which is no file of the repository", page.src_uri, link)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let the links lead to the copies."""

    def moved(match: re.Match[str]) -> str:
        path = _target(page.file.src_uri, match[1])
        return match[1] if path is None else posixpath.relpath(_copy(path), posixpath.dirname(page.file.src_uri) or ".")

    return OUTSIDE.sub(moved, markdown)
