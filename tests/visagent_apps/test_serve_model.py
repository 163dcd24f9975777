"""visagent serve-model: a stub of vLLM's command line, the real server of llama.cpp, what goes wrong with either."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from local_servers import free_port
from PIL import Image

from visagent.core.errors import ConfigError, StorageError
from visagent.core.settings import Settings, load_profile
from visagent.media.media import load_media
from visagent.models.endpoint import Endpoint
from visagent.models.protocol import Message
from visagent_apps import model_server
from visagent_apps.engines import Gpu, ServingOptions, best_engine, engine_for, find_engine

pytestmark = pytest.mark.slow

GIB = 1 << 30
Serve = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def vllm_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The python of an environment that has the stub for vLLM."""
    package = tmp_path / "site" / "vllm" / "entrypoints" / "cli"
    package.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("vllm_stub.py"), package / "main.py")
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(tmp_path / "site"))} exec {shlex.quote(sys.executable)} "$@"\n'
    )
    python.chmod(0o755)
    monkeypatch.setenv("VLLM_STUB_FILE", str(tmp_path / "called.json"))
    return python


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    started: list[subprocess.Popen[str]] = []

    def serve(*arguments: object) -> subprocess.Popen[str]:
        code = "from visagent_apps.cli import main; main()"
        command = [sys.executable, "-c", code, "serve-model", *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield serve
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def printed(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says when it is ready, read as visagent.toml."""
    assert process.stdout is not None
    return tomllib.loads(process.stdout.readline() + process.stdout.readline())


def called(tmp_path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((tmp_path / "called.json").read_text())
    return told


# vLLM.


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_vllm_is_started_with_what_prompts_need_and_ended_with_its_workers(
    end: signal.Signals, serve: Serve, vllm_python: Path, tmp_path: Path
) -> None:
    port = free_port()
    process = serve(
        *("Qwen/Qwen3-VL-8B-Instruct", "--python", vllm_python, "--port", port, "--images", 4, "--context", 32768),
        *("--data-parallel", 2, "--adapter", "planner=/a/planner", "--flag=--gpu-memory-utilization=0.8"),
    )
    main = printed(process)["models"]["main"]
    assert main == {"base_url": f"http://127.0.0.1:{port}/v1", "media_ids": True}
    told = called(tmp_path)
    line = " ".join(told["argv"])
    for part in (
        "serve Qwen/Qwen3-VL-8B-Instruct --host 127.0.0.1",
        "--enable-prefix-caching",
        '--structured-outputs-config {"backend": "guidance"}',
        '--limit-mm-per-prompt {"image": 4, "video": 0, "audio": 0}',
        "--max-model-len 32768",
        "--data-parallel-size 2",
        "--enable-lora --lora-modules planner=/a/planner",
        "--gpu-memory-utilization=0.8",
    ):
        assert part in line
    assert all(map(psutil.pid_exists, told["pids"]))
    process.send_signal(end)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "vllm is ended" in said
    deadline = time.monotonic() + 10
    while any(map(running, told["pids"])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(running, told["pids"]))


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("mode", "wait", "words"),
    [
        ("ends", 300, "ended by itself with 3 before it was healthy; it said: “ValueError: No available memory"),
        # Long enough for a busy machine to start it and hear its first line.
        ("loads for ever", 12, "was not healthy after 12 seconds; it said: “INFO loading weights”"),
    ],
)
def test_a_server_that_never_gets_healthy_is_one_clear_line_and_leaves_nothing_behind(
    mode: str, wait: int, words: str, serve: Serve, vllm_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_STUB", mode)
    port = free_port()
    process = serve("m", "--python", vllm_python, "--port", port, "--wait", wait)
    out, said = process.communicate(timeout=300)
    assert (process.returncode, out) == (1, "")
    assert words in said
    assert "Traceback" not in said
    assert f"serve-model-{port}.log" in said
    assert not any(map(running, called(tmp_path)["pids"]))


def test_the_key_reaches_the_server_and_no_process_list(
    serve: Serve, vllm_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret-7")
    process = serve("m", "--python", vllm_python, "--port", free_port(), "--api-key-env", "MY_KEY")
    assert printed(process)["models"]["main"]["api_key_env"] == "MY_KEY"
    told = called(tmp_path)
    assert told["key"] == "sk-secret-7"
    assert "sk-secret-7" not in " ".join(told["argv"])


# llama-server.


def test_llama_server_serves_a_model_that_sees(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="gguf writes the model")
    from tiny_gguf import write_qwen3vl

    model, mmproj = write_qwen3vl(tmp_path)
    port = free_port()
    process = serve(
        *(model, "--mmproj", mmproj, "--python", sys.executable, "--port", port, "--context", 2048, "--parallel", 1),
        "--flag=--threads=1",
    )
    main = printed(process)["models"]["main"]
    assert main == {"base_url": f"http://127.0.0.1:{port}/v1"}
    # What was printed is what visagent.toml takes.
    profile = load_profile("endpoint", Settings(models={"main": main}))
    assert profile.models["main"].base_url == main["base_url"]  # type: ignore[attr-defined]
    asked = Endpoint(main["base_url"])
    asked.load()
    assert asked.capabilities.context_tokens == 2048
    replies = []
    for colour in ("red", "blue", "red"):
        (picture,) = load_media(Image.new("RGB", (96, 64), colour))
        replies.append(_ask(asked, picture))
    asked.close()
    assert replies[0] == replies[2] != replies[1]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def _ask(model: Endpoint, picture: Any) -> str:
    import asyncio

    return asyncio.run(model.chat([Message("user", (picture, "What is it?"))], max_tokens=12)).text


# What cannot be started.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Qwen/Qwen3-VL-8B-Instruct", "--python", sys.executable], "vLLM is not installed in"),
        (["m", "--python", "/no/such/python"], "there is no such program"),
        (["no.gguf", "--python", sys.executable], "there is no such GGUF file"),
        (["m", "--host", "0.0.0.0"], "anybody who reaches this machine could use the server"),
        (["m", "--api-key-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
        (["m", "--python", "VLLM", "--adapter", "planner"], "that is not NAME=PATH"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_is_started(
    arguments: list[str], words: str, serve: Serve, vllm_python: Path, tmp_path: Path
) -> None:
    process = serve(*[str(vllm_python) if item == "VLLM" else item for item in arguments], "--port", free_port())
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "called.json").exists()


def test_a_port_that_is_taken_is_said_before_anything_is_started(
    serve: Serve, vllm_python: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = serve("m", "--python", vllm_python, "--port", port)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"Port {port} of 127.0.0.1 cannot be listened at" in said
    assert not (tmp_path / "called.json").exists()


def test_llama_server_knows_no_data_parallelism(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    engine = find_engine("llama-server", sys.executable)
    with pytest.raises(ConfigError, match="no data parallelism"):
        engine.command_line(ServingOptions(model=str(model), data_parallel=2))
    assert "--lora /a/x.gguf" in " ".join(engine.command_line(ServingOptions(str(model), adapters={"x": "/a/x.gguf"})))


def test_a_gguf_file_is_served_by_llama_server_and_all_else_by_vllm() -> None:
    assert engine_for("/models/A.GGUF") == "llama-server"
    assert engine_for("Qwen/Qwen3-VL-4B-Instruct") == "vllm"


def test_a_llama_server_beside_the_given_python_goes_before_its_xllamacpp(tmp_path: Path) -> None:
    python, program = tmp_path / "python", tmp_path / "llama-server"
    for file in (python, program):
        file.write_text("#!/bin/sh\nexit 1\n")
        file.chmod(0o755)
    assert find_engine("llama-server", str(python)).command == (str(program),)


# What would serve a machine best.


@pytest.mark.parametrize(
    ("nvidia", "others", "free", "here", "words"),
    [
        (
            [Gpu("H100", 80 * GIB)] * 2,
            [],
            64,
            False,
            "Qwen/Qwen3-VL-8B-Instruct --data-parallel 2 --python",
        ),
        (
            [Gpu("RTX 4090", 24 * GIB)],
            [],
            64,
            True,
            "for RTX 4090: visagent serve-model Qwen/Qwen3-VL-8B-Instruct",
        ),
        ([Gpu("T4", 15360 << 20)], [], 64, True, "Qwen/Qwen3-VL-4B-Instruct"),
        ([Gpu("GTX 1060", 6 * GIB)], [], 16, False, "wheel for CUDA"),
        ([], [Gpu("Apple M3", 12 * GIB)], 12, False, "on Apple M3: --profile laptop"),
        ([], [], 8, False, "on the CPU: --profile laptop"),
        ([], [], 2, False, "--profile embedded"),
    ],
)
def test_doctor_names_the_engine_that_would_serve_the_machine_best(
    nvidia: list[Gpu], others: list[Gpu], free: int, here: bool, words: str
) -> None:
    assert words in best_engine(nvidia, others, free * GIB, here)


def test_nvidias_cards_are_read_from_its_own_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from visagent_apps.engines import nvidia_gpus

    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559'\necho 'NVIDIA A10, [N/A]'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert nvidia_gpus() == [Gpu("NVIDIA H100 80GB HBM3", 81559 << 20)]
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert nvidia_gpus() == []


# What else may happen to a server's process.


def test_a_second_ctrl_c_ends_a_server_that_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None and process.stdout.readline() == b"1\n"
    wait, asked = process.wait, list[float | None]()

    def impatient(timeout: float | None = None) -> int:
        asked.append(timeout)
        if len(asked) == 1:
            raise KeyboardInterrupt
        return wait(timeout)

    monkeypatch.setattr(process, "wait", impatient)
    with pytest.raises(KeyboardInterrupt):
        model_server.end_server(process)
    assert process.returncode == -signal.SIGKILL
    process.stdout.close()


def test_where_nothing_can_be_written_the_server_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]
    with (
        pytest.raises(StorageError, match="cannot be written"),
        model_server.running_server(command, "http://127.0.0.1:9", tmp_path / "home" / "log", wait=1),
    ):
        pass
    assert not mark.exists()
