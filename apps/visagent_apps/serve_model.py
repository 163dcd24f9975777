"""`visagent serve-model`: an inference server with the flags that visagent's prompts need, until it is ended."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import Annotated, Literal

import typer

from visagent.core.errors import ConfigError
from visagent_apps.terminal import say

START_SECONDS = 900.0
"""Seconds that a server may take to fetch and load its weights."""


def serve_model(
    model: Annotated[str, typer.Argument(help="Hub name or folder for vLLM; GGUF file, or `laptop`, for llama.cpp.")],
    engine: Annotated[Literal["auto", "vllm", "llama-server"], typer.Option(help="auto goes by the model.")] = "auto",
    python: Annotated[str | None, typer.Option(help="Python of the environment that has the engine.")] = None,
    mmproj: Annotated[str | None, typer.Option(help="The projector of a GGUF model that sees.")] = None,
    host: Annotated[str, typer.Option(help="Another than this machine's own needs --api-key-env.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    context: Annotated[int | None, typer.Option(min=512, help="Tokens of a conversation.")] = None,
    images: Annotated[int, typer.Option(min=1, help="Pictures that a prompt may hold (vLLM).")] = 16,
    parallel: Annotated[int, typer.Option(min=1, help="Conversations at once (llama-server).")] = 4,
    data_parallel: Annotated[int, typer.Option(min=1, help="Copies of the model, one a GPU (vLLM).")] = 1,
    adapter: Annotated[list[str] | None, typer.Option(help="A LoRA adapter as NAME=PATH; repeatable.")] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Name of the environment variable with the key.")] = None,
    wait: Annotated[float, typer.Option(min=1, help="Seconds until it must be healthy.")] = START_SECONDS,
    flag: Annotated[list[str] | None, typer.Option(help="A further flag of the engine, whole; repeatable.")] = None,
) -> None:
    """Start vLLM or llama-server, wait until it is healthy, print the profile's line; Ctrl-C ends it."""
    from visagent.core.config_files import home
    from visagent_apps.engines import ServingOptions, engine_for, find_engine
    from visagent_apps.model_server import require_free_port, running_server

    key = _key(host, api_key_env)
    if model == "laptop":
        model, mmproj = _laptop()
    chosen = find_engine(engine_for(model) if engine == "auto" else engine, python)
    options = ServingOptions(
        model=model,
        host=host,
        port=port,
        mmproj=mmproj,
        context_tokens=context,
        images=images,
        parallel=parallel,
        data_parallel=data_parallel,
        adapters=_adapters(adapter or []),
        extra=tuple(flag or ()),
    )
    command = chosen.command_line(options)
    require_free_port(host, port)
    address = f"http://{_reached(host)}:{port}"
    log = home() / "logs" / f"serve-model-{port}.log"
    # A supervisor ends programs with SIGTERM, a terminal that is closed with SIGHUP: the server must not outlive that.
    stop = threading.Event()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # `nohup` has it ignored, which is to stay so.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())
    say(f"Starting {chosen.name}; it says more in {log}", dim=True, err=True)
    environment = {chosen.key_variable: key} if key else {}
    try:
        with running_server(command, address, log, wait=wait, environment=environment, key=key, stop=stop) as process:
            if not stop.is_set():
                say(profile_lines(f"{address}/v1", chosen.name, api_key_env, seeing=_sees(chosen.name, mmproj)))
            while not stop.wait(0.5):
                if process.poll() is not None:
                    raise ConfigError(f"{chosen.name} ended by itself with {process.returncode}.", f"See {log}.")
    except KeyboardInterrupt:
        pass
    say(f"{chosen.name} is ended.", dim=True, err=True)


def profile_lines(base_url: str, engine: str, api_key_env: str | None, *, seeing: bool) -> str:
    """What goes into visagent.toml to ask this server, and the command that asks it.

    Args:
        base_url: Base URL with its version.
        engine: Its name.
        api_key_env: The variable with the key, if it wants one.
        seeing: Whether the model can be shown pictures.
    """
    main: dict[str, object] = {"base_url": base_url}
    if api_key_env:
        main["api_key_env"] = api_key_env
    if engine == "vllm":
        main["media_ids"] = True
    if not seeing:
        main["media"] = []
    values = ", ".join(f"{key} = {json.dumps(value)}" for key, value in main.items())
    return f'profile = "endpoint"\nmodels.main = {{{values}}}'


def _sees(engine: str, mmproj: str | None) -> bool:
    return engine == "vllm" or mmproj is not None


def _laptop() -> tuple[str, str | None]:
    """The files of the profile laptop, fetched where they are not here."""
    from visagent.core.settings import load_profile
    from visagent.models.backends import model_sources
    from visagent.models.catalogue import find_source

    model, *mmproj = [str(find_source(key).resolve()) for key in model_sources(load_profile("laptop").models["main"])]
    return model, mmproj[0] if mmproj else None


def _adapters(given: list[str]) -> dict[str, str]:
    adapters = {}
    for item in given:
        name, equals, path = item.partition("=")
        if not equals or not name or not path:
            raise ConfigError(f"--adapter {item}: that is not NAME=PATH.", "For example: --adapter planner=./planner")
        adapters[name] = path
    return adapters


def _key(host: str, variable: str | None) -> str | None:
    """The key that the server is to want; one is needed where others can reach it."""
    from visagent_apps.guard import is_loopback

    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise ConfigError(f"The environment variable {variable} is not set.", "Set it to the key that callers show.")
    if not key and not is_loopback(host):
        raise ConfigError(
            f"At {host} anybody who reaches this machine could use the server.",
            "Name a variable with a key, --api-key-env VISAGENT_SERVER_KEY, or listen at 127.0.0.1.",
        )
    return key or None


def _reached(host: str) -> str:
    """The address at which this machine reaches what listens at a host."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
