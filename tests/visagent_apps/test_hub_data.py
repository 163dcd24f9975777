"""Data sets of the hub: fetched from a server on loopback that speaks as it does, and what is said if there is none."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_servers import Quiet, serving

from visagent.core.errors import InputError, MissingDependency, SourceError
from visagent_apps.hub_data import data_folder

constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
COMMIT = "c" * 40
FILES = {"pope/coco_pope_random.json": b'{"question_id": 1}\n', "README.md": b"# POPE\n"}


class Hub(Quiet):
    """The part of the hub's interface that a download of a data set asks for."""

    def do_GET(self) -> None:
        self.answer(body=True)

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/datasets/owner/pope/"):
            names = [{"rfilename": name} for name in FILES]
            content = json.dumps({"id": "owner/pope", "sha": COMMIT, "siblings": names}).encode()
            if "/tree/" in path:
                rows = [{"type": "file", "path": name, "size": len(data), "oid": "0"} for name, data in FILES.items()]
                content = json.dumps(rows).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
        elif (name := path.removeprefix(f"/datasets/owner/pope/resolve/{COMMIT}/")) in FILES:
            content = FILES[name]
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
        else:
            content = b"{}"
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serving(Hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address.rstrip("/"))
        yield address


def test_a_data_set_of_the_hub_becomes_a_folder_here(server: str) -> None:
    folder = data_folder("hub:owner/pope!pope")
    assert (folder / "coco_pope_random.json").read_bytes() == FILES["pope/coco_pope_random.json"]
    assert not (folder.parent / "README.md").exists()
    assert (data_folder("hub:owner/pope@main") / "README.md").is_file()


def test_a_path_is_what_it_is(tmp_path: Path) -> None:
    assert data_folder(tmp_path) == tmp_path and data_folder("some/where") == Path("some/where")


def test_what_cannot_be_fetched_names_the_way_out(server: str) -> None:
    with pytest.raises(SourceError, match="owner/gone at v1 cannot be fetched") as caught:
        data_folder("hub:owner/gone@v1")
    assert "hf download owner/gone --repo-type dataset --revision v1 --local-dir FOLDER" in caught.value.remedy
    with pytest.raises(InputError, match="names no data set"):
        data_folder("hub:pope")


def test_without_the_hubs_library_the_remedy_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependency, match="pip install huggingface_hub"):
        data_folder("hub:owner/pope")
