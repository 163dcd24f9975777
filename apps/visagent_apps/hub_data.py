"""Data sets that stand on the Hugging Face hub, as folders on this machine. Knows no benchmark."""

from __future__ import annotations

import importlib
import os
import re
import shlex
from pathlib import Path

from visagent.core.errors import InputError, MissingDependency, SourceError

HUB = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?:!(?P<inside>.+))?")


def data_folder(data: str | Path) -> Path:
    """Where data lie: a path as it is, and `hub:OWNER/NAME@REVISION!INSIDE` as the folder it was fetched to.

    Without a revision it is `main`; `INSIDE` is a file or folder of the repository; without it, all of it is fetched.
    What is here already is not fetched again; the hub's own cache keeps it.

    Args:
        data: Data as a person names it.

    Raises:
        InputError: the notation is wrong.
        MissingDependency: the hub's library is not installed.
        SourceError: the hub cannot be reached or does not hold it.
    """
    text = str(data)
    if not text.startswith("hub:"):
        return Path(data)
    found = HUB.fullmatch(text)
    if found is None or ".." in Path(found["revision"] or "").parts or _leads_out(found["inside"] or ""):
        raise InputError(f"{text[:200]!r} names no data set of the hub.", "Write hub:OWNER/NAME@REVISION!INSIDE.")
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise MissingDependency(f"Fetching {text} needs huggingface_hub.", "pip install huggingface_hub") from error
    repo, revision, inside = found["repo"], found["revision"] or "main", found["inside"] or ""
    try:
        root = hub.snapshot_download(
            repo,
            repo_type="dataset",
            revision=revision,
            allow_patterns=[inside, f"{inside.rstrip('/')}/*"] if inside else None,
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
        path = Path(root) / inside
        path.stat()
    # The library raises errors of its own and lets through those of its HTTP client and of the system.
    except Exception as error:
        command = ["hf", "download", repo, "--repo-type", "dataset", "--revision", revision, "--local-dir", "FOLDER"]
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise SourceError(
            f"{repo} at {revision} cannot be fetched from the hub: {type(error).__name__}: {reason}.",
            f"On a machine that reaches the hub run `{shlex.join(command)}`, copy FOLDER here and give --data FOLDER; "
            "or set HF_ENDPOINT to a mirror within reach.",
        ) from error
    return path


def _leads_out(inside: str) -> bool:
    """Whether a path is not one below the repository: what was fetched must not name other files of this machine."""
    return "\0" in inside or Path(inside).is_absolute() or ".." in Path(inside).parts
