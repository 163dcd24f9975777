"""Profiles and settings: what is read from where, what wins, and what a wrong value is answered with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from visagent.core.config import RULES, Profile, profile_names
from visagent.core.config_files import home, read_settings_file
from visagent.core.errors import ConfigError, SourceError
from visagent.core.settings import Settings, load_profile
from visagent.models.catalogue import find_source
from visagent.models.configs import EndpointModel, LlamaCppModel, TransformersModel
from visagent.models.endpoint import Endpoint
from visagent.models.llamacpp import LlamaCpp
from visagent.models.loading import load_model
from visagent_apps.config_show import Setting, config_show, describe_settings


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without settings: a folder with `user/visagent/config.toml` and `project/visagent.toml` to be."""
    for name in ("PROFILE", "LANGUAGE", "BUDGET__SECONDS", "ROLES__CONTROLLER"):
        monkeypatch.delenv(f"VISAGENT_{name}", raising=False)
    (tmp_path / "user" / "visagent").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    monkeypatch.setattr("platformdirs.user_config_path", lambda name, appauthor: tmp_path / "user" / name)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def write_user(machine: Path, text: str) -> Path:
    file = machine / "user" / "visagent" / "config.toml"
    file.write_text(text)
    return file


def write_project(machine: Path, text: str) -> Path:
    file = machine / "project" / "visagent.toml"
    file.write_text(text)
    return file


def found(key: str, settings: list[Setting]) -> Setting:
    return next(item for item in settings if item.key == key)


# Profiles.


def test_the_built_in_profiles_load_and_each_role_names_a_model_or_rules() -> None:
    assert profile_names() == ["embedded", "endpoint", "laptop", "local-gpu"]
    for name in profile_names():
        profile = load_profile(name)
        assert set(profile.roles) - {"observer"} == {"controller", "decider", "refiner", "verifier"}
        assert all(player == RULES or player in profile.models for player in profile.roles.values())
        assert profile.model_for("controller") is not None


def test_the_weights_that_a_profile_needs_are_known() -> None:
    for name in profile_names():
        for weights in load_profile(name).weights:
            find_source(weights)


def test_the_embedded_planner_is_what_its_cached_prompts_were_computed_with() -> None:
    config = load_profile("embedded").model_for("controller")
    assert config == LlamaCppModel(
        backend="llamacpp",
        source="smollm2-135m-instruct-q4_1",
        adapter="planner-smollm2-135m",
        context_tokens=4096,
        slots=1,
        threads=1,
    )


def test_a_models_backend_decides_which_keys_it_has() -> None:
    kinds = {name: type(load_profile(name).model_for("controller")) for name in profile_names()}
    assert kinds == {
        "embedded": LlamaCppModel,
        "endpoint": EndpointModel,
        "laptop": LlamaCppModel,
        "local-gpu": TransformersModel,
    }


def test_a_profile_survives_being_kept_with_a_run() -> None:
    for name in profile_names():
        profile = load_profile(name)
        assert Profile.model_validate_json(profile.model_dump_json()) == profile


def test_models_can_be_told_apart_by_their_configuration() -> None:
    first, second = (
        EndpointModel(backend="endpoint", base_url="http://localhost:1/v1", extra={"top_k": top_k}) for top_k in (1, 2)
    )
    assert len({first, second, first.model_copy()}) == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("context: 4096", "models.main.context is no setting"),
        ("slots: 0", "models.main.slots is unusable"),
        ("backend: tensorrt", "tensorrt"),
    ],
)
def test_a_wrong_value_in_a_profile_is_named_with_its_key(tmp_path: Path, line: str, says: str) -> None:
    values = {"backend": "llamacpp", "source": "x"} | dict([line.split(": ")])
    text = "".join(f"    {key}: {value}\n" for key, value in values.items())
    file = tmp_path / "mine.yaml"
    file.write_text(f"models:\n  main:\n{text}roles: {{controller: main}}\n")
    with pytest.raises(ConfigError) as caught:
        load_profile(file)
    assert says in str(caught.value)
    assert "the profile mine" in str(caught.value)


def test_a_role_that_names_no_model_is_refused_when_the_profile_is_loaded() -> None:
    with pytest.raises(ConfigError, match="the refiner is 'big', which is no model of it"):
        load_profile("embedded", Settings(roles={"refiner": "big"}))


@pytest.mark.parametrize("url", ["http://user:secret@host/v1", "https://host/v1?key=secret", "ftp://host", "host:80"])
def test_an_address_that_holds_a_key_or_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"models.main.base_url") as caught:
        load_profile("endpoint", Settings(models={"main": {"base_url": url}}))
    assert "secret" not in str(caught.value)


def test_fields_that_visagent_sets_itself_cannot_be_extra() -> None:
    with pytest.raises(ConfigError, match="visagent sets messages itself"):
        load_profile("endpoint", Settings(models={"main": {"extra": {"messages": []}}}))


def test_each_backend_is_made_from_its_configuration_without_contacting_or_importing_anything(tmp_path: Path) -> None:
    weights = tmp_path / "model.gguf"
    weights.write_bytes(b"GGUF")
    local = load_model(LlamaCppModel(backend="llamacpp", source=str(weights), slots=3), tmp_path)
    assert isinstance(local, LlamaCpp)
    assert local.capabilities.parallel == 3
    remote = load_model(
        EndpointModel(backend="endpoint", base_url="http://127.0.0.1:9/v1", model="m", media=("image",)), tmp_path
    )
    assert isinstance(remote, Endpoint)
    assert remote.capabilities.media == {"image"}
    assert remote.name == "m@127.0.0.1:9"


def test_weights_that_nobody_knows_are_answered_with_the_nearest_name() -> None:
    with pytest.raises(SourceError, match="Did you mean 'smollm2-135m-instruct-q4_1'"):
        find_source("smollm2-135m-instruct-q4_0")


def test_a_settings_file_from_before_the_packages_still_holds(machine: Path) -> None:
    write_user(
        machine,
        'profile = "embedded"\nlanguage = "zh"\n[budget]\nseconds = 9\n[tools.segment_shapes]\ntiles = 2\n'
        '[models.big]\nbackend = "endpoint"\nbase_url = "http://localhost:8000/v1"\nmodel = "m"\n',
    )
    profile = load_profile("embedded")
    assert profile.budget.seconds == 9 and isinstance(profile.models["big"], EndpointModel)


# Settings.


def test_each_source_wins_over_the_weaker_ones(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_profile("embedded").budget.seconds == 300
    write_user(machine, "[budget]\nseconds = 1\nsteps = 5\n")
    assert load_profile("embedded").budget.seconds == 1
    write_project(machine, "[budget]\nseconds = 2\n")
    assert load_profile("embedded").budget.seconds == 2
    monkeypatch.setenv("VISAGENT_BUDGET__SECONDS", "3")
    assert load_profile("embedded").budget.seconds == 3
    assert load_profile("embedded", Settings(budget={"seconds": 4})).budget.seconds == 4
    assert load_profile("embedded").budget.steps == 5


def test_a_role_can_be_given_a_model_that_a_file_adds(machine: Path) -> None:
    write_user(
        machine,
        '[roles]\nrefiner = "big"\n[models.big]\nbackend = "endpoint"\nbase_url = "http://localhost:8000/v1"\n',
    )
    profile = load_profile("embedded")
    assert isinstance(profile.model_for("refiner"), EndpointModel)
    assert isinstance(profile.model_for("controller"), LlamaCppModel)


def test_a_model_with_another_backend_keeps_nothing_of_the_old_one(machine: Path) -> None:
    write_project(machine, '[models.planner]\nbackend = "endpoint"\nbase_url = "http://localhost:8000/v1"\n')
    assert load_profile("embedded").model_for("controller") == EndpointModel(
        backend="endpoint", base_url="http://localhost:8000/v1"
    )


def test_environment_variables_reach_into_models_and_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAGENT_MODELS__PLANNER__THREADS", "3")
    monkeypatch.setenv("VISAGENT_TOOLS__DETECT__DETECTOR", "ultralytics")
    profile = load_profile("embedded")
    config = profile.model_for("controller")
    assert isinstance(config, LlamaCppModel)
    assert config.threads == 3
    assert profile.tools["detect"] == {"detector": "ultralytics"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("colour = 1\n", "colour"),
        ("[budget]\nsecnds = 3\n", "budget.secnds"),
        ("[budget]\nseconds = 'soon'\n", "budget.seconds"),
        ("[roles]\ncontroler = 'planner'\n", "roles.controler"),
        ("[models.planner]\ncontext_token = 3\n", "models.planner.context_token"),
        ("language = 'klingon'\n", "language"),
    ],
)
def test_a_wrong_key_or_value_in_a_file_is_named_with_the_file(machine: Path, text: str, key: str) -> None:
    write_user(machine, "language = 'en'\n")
    file = write_project(machine, text)
    with pytest.raises(ConfigError) as caught:
        load_profile("embedded")
    assert str(caught.value).startswith(f"{file}: {key} ")


def test_a_wrong_value_in_the_environment_is_named_with_its_variable(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_user(machine, "[budget]\nsteps = 5\n")
    monkeypatch.setenv("VISAGENT_BUDGET__STEPS", "many")
    with pytest.raises(ConfigError, match=r"environment VISAGENT_BUDGET__STEPS: budget\.steps is unusable"):
        load_profile("embedded")


def test_a_file_that_is_not_toml_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_project(machine, "profile = [\n")
    monkeypatch.delenv("VISAGENT_HOME", raising=False)
    for use in (Settings, home):
        with pytest.raises(ConfigError, match="cannot be read as TOML") as caught:
            use()
        assert str(file) in str(caught.value)


def test_variables_of_other_purposes_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAGENT_TESTS_SKIP_NOTHING", "1")
    assert Settings().profile == "embedded"


def test_the_home_folder_comes_from_the_environment_or_the_files(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISAGENT_HOME", raising=False)
    default = home()
    write_user(machine, f'home = "{machine}/a"\n')
    assert home() == machine / "a" != default
    write_project(machine, f'home = "{machine}/b"\n')
    assert home() == machine / "b"
    monkeypatch.setenv("VISAGENT_HOME", str(machine / "c"))
    assert home() == machine / "c"


def test_asking_for_the_home_folder_is_cheap(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISAGENT_HOME", raising=False)
    write_user(machine, f'home = "{machine}/a"\n[tools.detect]\n' + "".join(f"key{n} = {n}\n" for n in range(500)))
    home()
    started = time.process_time()
    for _ in range(200):
        home()
    assert time.process_time() - started < 0.2


# Where from.


def test_every_value_says_where_it_came_from(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = write_user(machine, "language = 'zh'\n[budget]\nseconds = 1\nsteps = 5\n")
    project = write_project(machine, "[budget]\nseconds = 2\n[tools.detect]\ntiles = 2\n")
    monkeypatch.setenv("VISAGENT_ROLES__REFINER", "planner")
    monkeypatch.setenv("VISAGENT_BUDGET", '{"depth": 3}')
    monkeypatch.setenv("VISAGENT_HOME", "/somewhere")
    settings = describe_settings(profile="embedded")
    assert found("home", settings) == Setting("home", Path("/somewhere"), "environment VISAGENT_HOME")
    assert {key: found(key, settings).origin for key in (
        "profile", "language", "budget.seconds", "budget.steps", "budget.depth", "budget.tokens", "roles.refiner",
        "roles.verifier", "models.planner.source", "models.planner.gpu_layers", "tools.detect.detector",
        "tools.detect.tiles",
    )} == {
        "profile": "argument",
        "language": str(user),
        "budget.seconds": str(project),
        "budget.steps": str(user),
        "budget.depth": "environment VISAGENT_BUDGET",
        "budget.tokens": "default",
        "roles.refiner": "environment VISAGENT_ROLES__REFINER",
        "roles.verifier": "profile embedded",
        "models.planner.source": "profile embedded",
        "models.planner.gpu_layers": "default",
        "tools.detect.detector": "profile embedded",
        "tools.detect.tiles": str(project),
    }  # fmt: skip
    assert found("budget.seconds", settings).value == 2
    assert found("budget.depth", settings).value == 3


def test_the_table_shows_values_and_origins_but_no_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("VISAGENT_MODELS__MAIN__API_KEY_ENV", "SOME_KEY")
    monkeypatch.setenv("SOME_KEY", "sk-secret")
    config_show("endpoint")
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if "api_key_env" in line)
    assert "SOME_KEY (set)" in row
    assert "environment VISAGENT_MODELS__MAIN__API_KEY_ENV" in row
    assert "sk-secret" not in shown
    config_show("endpoint", as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert {"key": "profile", "value": "endpoint", "origin": "argument"} in rows


def test_importing_visagent_imports_neither_pydantic_settings_nor_a_backend() -> None:
    check = (
        "import sys, visagent, visagent.core.config; print({'pydantic_settings', 'openai', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "brackets", "tables", "bytes"])
def test_a_settings_file_of_any_kind_is_read_or_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "visagent.toml"
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case "folder":
            file.mkdir()
        case "brackets":
            file.write_text("a = " + "[" * 100_000)
        case "tables":
            file.write_text("a = " + "{b = " * 50_000)
        case _:
            file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"visagent\.toml (cannot be read|is nested too deeply)") as caught:
        read_settings_file(file)
    assert "\n" not in str(caught.value)
