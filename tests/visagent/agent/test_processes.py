"""Agents, answers and media in other processes: pickled, spawned, forked, and in joblib's and Ray's workers."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from shared_tools import answer, make_agent, material

from visagent.core.errors import ToolDefinitionError
from visagent.media.media import Media
from visagent.tools.threads import DaemonThreads
from visagent.tools.toolkit import Toolkit

SAID = 'The material (the picture) reads "felt 64 wide" [q1].'


@pytest.fixture
def picture(tmp_path: Path) -> str:
    file = tmp_path / "red.png"
    Image.new("RGB", (64, 48), "red").save(file)
    return str(file)


def test_an_answer_is_pickled_with_its_pictures(tmp_path: Path, picture: str) -> None:
    given = make_agent(tmp_path).ask("What is it made of?", picture)
    again = pickle.loads(pickle.dumps(given))
    assert again == given and again.annotate().size == (64, 48)


def test_media_are_pickled_by_their_content(picture: str) -> None:
    for medium in (Media.load(picture), Media.load(Image.new("RGB", (5, 4), "blue"))):
        again = pickle.loads(pickle.dumps(medium))
        assert again.info == medium.info and again.encoded() == medium.encoded()
        assert again.image().tobytes() == medium.image().tobytes()


def test_a_tool_is_pickled_by_its_name_and_one_that_is_not_there_is_named() -> None:
    assert pickle.loads(pickle.dumps(material)) is material
    assert all(pickle.loads(pickle.dumps(tool)) is tool for tool in Toolkit.installed().values())
    gone = pickle.dumps(material).replace(b"material", b"materiel")
    with pytest.raises(ToolDefinitionError, match="materiel of shared_tools is not known in this process"):
        pickle.loads(gone)


def test_an_agent_is_pickled_without_what_it_has_loaded(tmp_path: Path, picture: str) -> None:
    agent = make_agent(tmp_path)
    agent.ask("What is it made of?", picture)
    assert answer(pickle.loads(pickle.dumps(agent)), picture)[0] == SAID


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_agent_answers_in_another_process_after_it_answered_in_this_one(
    tmp_path: Path, picture: str, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    agent = make_agent(tmp_path / "home")
    assert answer(agent, picture)[0] == SAID
    with multiprocessing.get_context(method).Pool(1) as pool:
        text, process = pool.apply_async(answer, (agent, picture)).get(timeout=100)
    assert text == SAID and process != os.getpid()


def test_after_a_fork_locks_are_free_and_threads_are_new(picture: str) -> None:
    medium, pool = Media.load(picture), DaemonThreads()
    held = threading.Event()

    def hold() -> None:
        with medium._lock:  # noqa: SLF001 - as a thread that decodes does
            held.set()
            release.wait(30)

    release = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        import asyncio

        medium.image()
        os._exit(0 if asyncio.run(pool.run(lambda: 7)) == 7 else 1)
    try:
        ended = threading.Thread(target=lambda: codes.append(os.waitpid(child, 0)[1]))
        codes: list[int] = []
        ended.start()
        ended.join(20)
        assert codes == [0]
    finally:
        if not codes:
            os.kill(child, 9)
        release.set()
        thread.join()


FORKED = """
import multiprocessing, sys
from visagent import Agent
agent = Agent("embedded", home=sys.argv[1], cache=False)
print(agent.ask("How many cats are there?", sys.argv[2]).text, flush=True)
def ask():
    print(agent.ask("How many cats are there?", sys.argv[2]).text, flush=True)
child = multiprocessing.get_context("fork").Process(target=ask)
child.start()
child.join(120)
sys.exit(child.exitcode if child.exitcode is not None else child.kill() or 9)
"""


@pytest.mark.slow
def test_models_that_were_loaded_before_a_fork_are_loaded_anew_after_it(tmp_path: Path) -> None:
    cat = Path(__file__).parents[3] / "examples" / "cat.png"
    command = [sys.executable, "-c", FORKED, str(tmp_path), str(cat)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert ran.returncode == 0, ran.stderr
    before, after = ran.stdout.splitlines()
    assert before == after and "1 cat" in after


IN_MAIN = """
import sys
from visagent import Agent, Crop, tool
from visagent.testing import ScriptedModel

@tool(cache=False)
def hue(image: Crop) -> str:
    "Tell the hue."
    return "red"

def ask(agent, picture):
    return agent.ask("Which hue is it?", picture).text

if __name__ == "__main__":
    agent = Agent("embedded", tools=[hue], models={"controller": ScriptedModel([{"tool": "hue"}])}, home=sys.argv[1])
    import WAY
"""
JOBLIB = """joblib
    print(*joblib.Parallel(n_jobs=2)(joblib.delayed(ask)(agent, sys.argv[2]) for _ in range(2)), sep="\\n")
"""
RAY = """os, ray
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error")
    print(ray.get(ray.remote(ask).remote(agent, sys.argv[2])))
    ray.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("package", "way", "answers"), [("joblib", JOBLIB, 2), ("ray", RAY, 1)])
def test_an_agent_with_a_tool_of_the_main_program_answers_in_workers(
    tmp_path: Path, picture: str, package: str, way: str, answers: int
) -> None:
    pytest.importorskip(package)
    program = tmp_path / "program.py"
    program.write_text(IN_MAIN.replace("WAY", way))
    command = [sys.executable, str(program), str(tmp_path / "home"), picture]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert ran.stdout.splitlines()[-answers:] == ['The hue (the picture) reads "red" [q1].'] * answers, ran.stderr
