"""The app's server and sessions without a browser: nobody reaches what is not theirs, and nothing is fetched."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("gradio")
import documents
from fastapi.testclient import TestClient

from visagent.agent.agent import Agent
from visagent.agent.events import Event, Started
from visagent.agent.retention import forget_runs
from visagent.agent.runs import RunRecord
from visagent.core.errors import ConfigError, InputError, MediaError, StorageError
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Evidence
from visagent.media.media import Media
from visagent.media.regions import MediaRegion
from visagent_apps.web import AppOptions, build, uploads
from visagent_apps.web.kept_tabs import MOST_TABS
from visagent_apps.web.pictures import DETECTOR_SIDE
from visagent_apps.web.render import safe
from visagent_apps.web.server import make_server
from visagent_apps.web.sessions import COOKIE, Session, SessionLimits, Sessions
from visagent_apps.web.tab_state import TabState

# Cookies a request are what is tested here; Starlette's client would rather keep them.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
ALICE, BOB = {COOKIE: "a" * 43}, {COOKIE: "b" * 43}
RUN = "20260101-000000-abcdef01"


class Visit:
    """As much of a request as sessions look at."""

    def __init__(self, cookies: dict[str, str] | None = None, session_hash: str | None = None) -> None:
        self.cookies, self.session_hash = cookies or {}, session_hash


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    return Sessions(Agent("embedded", home=tmp_path / "home"), SessionLimits(media_bytes=1 << 20, hours=1))


@pytest.fixture
def client(sessions: Sessions) -> Iterator[TestClient]:
    with TestClient(make_server(sessions, "127.0.0.1"), base_url="http://127.0.0.1") as client:
        yield client


def photo(folder: Path, color: str = "teal") -> Path:
    file = folder / f"{color}.png"
    Image.new("RGB", (640, 480), color).save(file)
    return file


def finished_run(session: Session, medium: Media) -> str:
    """A run of this visitor, as an agent would have kept it."""
    found = Boxes(media=medium.hash, boxes=(Box(xyxy=(10, 10, 90, 90), label="dog", confidence=0.9),))
    call = ToolCall(tool="detect", arguments={"image": "image1", "label": "dog"})
    answer = Answer(
        run_id=RUN,
        question="Where is the dog?",
        text="There is a dog [q1].",
        status="answered",
        claims=(Claim(text="There is a dog [q1].", cites=("q1",), verdict="supported"),),
        tree=build_tree("Where is the dog?", [SubQuestion(id="q1", question="Where?", solver=call)]),
        evidence={"q1": Evidence(id="q1", tool="detect", value=found)},
        media={"image1": medium.info},
    )
    session.agent.runs.save(
        RunRecord(
            id=RUN,
            created=datetime.now(UTC),
            question=answer.question,
            media=answer.media,
            profile=session.agent.profile,
            status="finished",
            answer=answer,
        )
    )
    return RUN


def test_a_visitors_media_and_runs_are_theirs_alone(sessions: Sessions, client: TestClient, tmp_path: Path) -> None:
    alice = sessions.of(Visit(ALICE))
    (medium,) = alice.take([photo(tmp_path)])[0]
    run = finished_run(alice, medium)
    exports = [f"/session/runs/{run}/{form}" for form in ("json", "html", "mermaid", "png")]
    paths = [f"/session/media/{medium.hash}", *exports]
    for path in paths:
        assert client.get(path, cookies=ALICE).status_code == 200, path
        assert client.get(path, cookies=BOB).status_code == 404, path
        assert client.get(path).status_code == 403, path
    assert list(sessions.of(Visit(BOB)).agent.runs.list()) == []


def test_programs_without_cookies_have_sessions_of_their_own(sessions: Sessions, tmp_path: Path) -> None:
    first, second = sessions.of(Visit(session_hash="one")), sessions.of(Visit(session_hash="two"))
    (medium,) = first.take([photo(tmp_path)])[0]
    with pytest.raises(MediaError):
        second.medium(medium.hash)
    assert sessions.of(Visit(session_hash="one")) is first
    with pytest.raises(InputError):
        sessions.of(Visit())


def test_a_folder_on_disk_does_not_tell_its_cookie(sessions: Sessions) -> None:
    session = sessions.of(Visit(ALICE))
    assert ALICE[COOKIE] not in str(session.home)


@pytest.mark.parametrize("digest", ["..%2f..%2fetc%2fpasswd", "0" * 64, "x", "a" * 64 + "%00"])
def test_an_address_leads_to_no_other_file(sessions: Sessions, client: TestClient, digest: str) -> None:
    sessions.of(Visit(ALICE))
    assert client.get(f"/session/media/{digest}", cookies=ALICE).status_code in (403, 404)


def test_run_ids_lead_out_of_no_folder(sessions: Sessions, client: TestClient) -> None:
    assert client.get("/session/runs/..%2f..%2fx/json", cookies=ALICE).status_code in (403, 404)
    assert client.get(f"/session/runs/{RUN}/exe", cookies=ALICE).status_code == 422


def test_exports_are_downloads_that_can_run_nothing(sessions: Sessions, client: TestClient, tmp_path: Path) -> None:
    alice = sessions.of(Visit(ALICE))
    run = finished_run(alice, alice.take([photo(tmp_path)])[0][0])
    report = client.get(f"/session/runs/{run}/html", cookies=ALICE)
    assert report.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in report.headers["content-security-policy"]
    assert "There is a dog" in report.text and "data:image/jpeg" in report.text
    picture = Image.open(io.BytesIO(client.get(f"/session/runs/{run}/png", cookies=ALICE).content))
    assert picture.size == (640, 480)
    assert Answer.from_json(client.get(f"/session/runs/{run}/json", cookies=ALICE).text).run_id == run


def test_what_a_browser_gets_is_what_the_agent_loaded(sessions: Sessions, client: TestClient, tmp_path: Path) -> None:
    layered = tmp_path / "layered.png"
    Image.new("RGBA", (50, 40), (255, 0, 0, 0)).save(layered)
    (medium,) = sessions.of(Visit(ALICE)).take([layered])[0]
    shown = Image.open(io.BytesIO(client.get(f"/session/media/{medium.hash}", cookies=ALICE).content))
    assert shown.mode == "RGB" and shown.getpixel((5, 5)) == (255, 255, 255), "transparency is laid on white"


def test_the_picture_as_the_detector_sees_it_has_the_detectors_size(
    sessions: Sessions, client: TestClient, tmp_path: Path
) -> None:
    from visagent_tools.engines.nanodet import SIDE

    assert DETECTOR_SIDE["nanodet"] == SIDE
    (medium,) = sessions.of(Visit(ALICE)).take([photo(tmp_path)])[0]
    seen = client.get(f"/session/media/{medium.hash}?seen=true", cookies=ALICE)
    assert max(Image.open(io.BytesIO(seen.content)).size) == SIDE


def test_uploads_pass_the_media_guard_and_are_deleted(sessions: Sessions, tmp_path: Path) -> None:
    alice = sessions.of(Visit(ALICE))
    good, junk = photo(tmp_path), tmp_path / "junk.png"
    junk.write_text("I am no picture.")
    taken, (problem,) = alice.take([junk, good])
    assert [medium.info.name for medium in taken] == [good.name], "one bad file loses no other"
    assert isinstance(problem, MediaError) and "junk.png" in str(problem)
    assert not good.exists() and not junk.exists()
    huge = tmp_path / "huge.bmp"
    Image.new("RGB", (800, 800)).save(huge)
    taken, (problem,) = alice.take([huge])
    assert not taken and "huge.bmp" in str(problem)
    assert not huge.exists()


def test_a_document_is_one_file_however_many_pages_it_has(sessions: Sessions, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2", reason="documents need pypdfium2: pip install 'visagent[embedded]'")
    alice, tab = sessions.of(Visit(ALICE)), TabState()
    (tmp_path / "manual.pdf").write_bytes(documents.manual(120))
    pages, problems = alice.take([tmp_path / "manual.pdf"])
    assert not problems and tab.put_within(pages, 2) == []
    assert tab.put_within(alice.take([photo(tmp_path)])[0], 2) == []
    (late,) = tab.put_within([*pages, *alice.take([photo(tmp_path, "red")])[0]], 2)
    assert late.info.document is None and len(tab.media) == 121


def test_one_question_at_a_time_and_so_much_on_disk(sessions: Sessions, tmp_path: Path) -> None:
    alice = sessions.of(Visit(ALICE))
    with alice.turn(), pytest.raises(InputError, match="being answered"), alice.turn():
        pass
    with alice.turn():
        pass
    small = Session(tmp_path / "small", sessions.agent, SessionLimits(stored_bytes=10), tmp_path / "tabs")
    small.take([photo(tmp_path)])
    with pytest.raises(InputError, match="MB"), small.turn():
        pass
    with pytest.raises(InputError, match="MB"):
        small.take([photo(tmp_path, "red")])
    assert not (tmp_path / "red.png").exists()


def test_too_much_on_disk_is_told_in_numbers_and_deleting_makes_room(sessions: Sessions, tmp_path: Path) -> None:
    visitor = Session(tmp_path / "small", sessions.agent, SessionLimits(stored_bytes=2 << 20), tmp_path / "tabs")
    noise = Image.effect_noise((900, 900), 90)
    media = []
    for place in range(3):
        noise.rotate(place).save(tmp_path / "noise.png")
        media += visitor.take([tmp_path / "noise.png"])[0]
    finished_run(visitor, media[0])
    visitor.tab("t" * 32).put([media[1]])
    with pytest.raises(InputError, match=r"take up 3 MB of the 2 MB that you have\. Delete runs on the page Runs"):
        visitor.take([photo(tmp_path)])
    # An upload that lies on no desk and in no run goes by itself, once it is sure that nobody asks about it.
    for file in (visitor.home / "media").rglob("*.*"):
        os.utime(file, (1, 1))
    visitor.take([photo(tmp_path)])
    assert visitor.medium(media[0].hash) and visitor.medium(media[1].hash)
    with pytest.raises(MediaError):
        visitor.medium(media[2].hash)
    assert 1 << 20 < visitor.stored() < 2 << 20
    forget_runs(visitor.home, [RUN])
    assert visitor.stored() < 1 << 20


def test_what_nobody_visits_is_deleted_in_time(sessions: Sessions, tmp_path: Path) -> None:
    alice, bob = sessions.of(Visit(ALICE)), sessions.of(Visit(BOB))
    alice.take([photo(tmp_path)])
    old = time.time() - 3700
    os.utime(alice.home, (old, old))
    assert sessions.sweep() == 1
    assert not alice.home.exists() and bob.home.exists()
    assert sessions.of(Visit(ALICE)) is not alice, "who comes back begins anew"


def test_a_visitor_comes_back_to_their_runs_after_a_restart(sessions: Sessions, tmp_path: Path) -> None:
    alice = sessions.of(Visit(ALICE))
    (medium,) = alice.take([photo(tmp_path)])[0]
    finished_run(alice, medium)
    again = Sessions(Agent("embedded", home=sessions.agent.home), sessions.limits).of(Visit(ALICE))
    assert [record.id for record in again.agent.runs.list()] == [RUN]
    assert again.medium(medium.hash).hash == medium.hash


def test_a_tool_that_one_visitor_loads_is_nobody_elses(sessions: Sessions) -> None:
    from visagent_apps.web.code_check import load, template

    (tool,), problems = load(template())
    assert not problems
    sessions.of(Visit(ALICE)).agent.tools.add(tool)
    assert tool.spec.name not in sessions.of(Visit(BOB)).agent.tools
    assert tool.spec.name not in sessions.agent.tools


def test_requests_under_another_name_are_refused_on_the_own_machine(client: TestClient) -> None:
    assert client.get("/session/media/x", headers={"host": "evil.example"}).status_code == 400


def test_strangers_cannot_be_let_run_code() -> None:
    with pytest.raises(ConfigError, match="allow-code"):
        build(AppOptions(host="0.0.0.0", allow_code=True))


def test_gradios_templates_find_nothing_in_what_was_said() -> None:
    assert not set("${}`\\") & set(safe("<p>${alert(1)} {{7*7}} `x` \\u0041</p>"))


def test_the_whole_app_reads_no_file_and_fetches_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the code is 4711")
    home = tmp_path / "home"
    with TestClient(build(AppOptions(home=home)), base_url="http://127.0.0.1") as client:
        page = client.get("/")
        assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
        cookie = page.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        for path in (
            secret,
            home / "sessions",
            "/etc/passwd",
            Path(__file__),
            "http://127.0.0.1:1/x",
            "https://a.example",
        ):
            answer = client.get(f"/gradio_api/file={path}")
            assert answer.status_code in (400, 403, 404) and "4711" not in answer.text, path
        assert client.get("/config").json()["analytics_enabled"] is False


async def test_a_file_named_by_address_is_not_downloaded(tmp_path: Path) -> None:
    from gradio import processing_utils

    build(AppOptions(home=tmp_path))
    with pytest.raises(MediaError, match="fetches nothing"):
        await processing_utils.async_ssrf_protected_download("https://93.184.215.14/a.png", str(tmp_path))


def test_a_shared_history_shows_everybody_the_machines_runs(tmp_path: Path) -> None:
    shared = Sessions(Agent("embedded", home=tmp_path / "home"), SessionLimits(stored_bytes=1), shared=True)
    alice = shared.of(Visit(ALICE))
    (medium,) = alice.take([photo(tmp_path)])[0]
    finished_run(alice, medium)
    bob = shared.of(Visit(BOB))
    assert [record.id for record in bob.agent.runs.list()] == [RUN]
    with bob.turn():
        assert shared.sweep() == 0


def test_a_conversation_is_there_again_after_the_app_was_started_anew(sessions: Sessions, tmp_path: Path) -> None:
    alice = sessions.of(Visit(ALICE))
    (dog,) = alice.take([photo(tmp_path)])[0]
    finished_run(alice, dog)
    answer = alice.agent.runs.load(RUN).answer
    assert answer is not None
    tab = alice.tab("one tab")
    tab.answered(answer)
    tab.put(alice.take([photo(tmp_path, "red")])[0])
    tab.question, tab.phase, tab.run_id, tab.note = "And now?", "waiting", "20260102-000000-abcdef01", "Approve it?"
    tab.point(MediaRegion(dog, "r1", (1, 2, 9, 8)).info)
    alice.keep_tab(tab)

    anew = Sessions(Agent("embedded", home=sessions.agent.home), sessions.limits)
    again = anew.of(Visit(ALICE)).tab("one tab")
    assert again == tab and again.earlier == [answer]
    assert [anew.of(Visit(ALICE)).medium(info.hash).name for info in again.media.values()] == ["teal.png", "red.png"]
    # Nobody else's browser has it, whatever it says that its tab is called; nor has another tab.
    assert anew.of(Visit(BOB)).tab("one tab") == TabState(key="one tab")
    assert anew.of(Visit(ALICE)).tab("../one tab") == TabState(key="../one tab")


def test_regions_go_with_their_picture_and_their_names_are_taken_once(sessions: Sessions, tmp_path: Path) -> None:
    alice = sessions.of(Visit(ALICE))
    one, other = (alice.take([photo(tmp_path, color)])[0][0] for color in ("teal", "red"))
    tab = TabState()
    tab.put([one, other])
    tab.point(MediaRegion(one, "r1", (0, 0, 5, 5)).info)
    tab.point(MediaRegion(other, "r2", (1, 2, 9, 8)).info)
    assert tab.boxes == {"image1#r1": (0, 0, 5, 5), "image2#r2": (1, 2, 9, 8)}
    with pytest.raises(InputError, match="region r2 already"):
        tab.point(MediaRegion(one, "r2", (0, 0, 5, 5)).info)
    tab.drop("image1")
    assert tab.boxes == {"image1#r2": (1, 2, 9, 8)}
    tab.drop("image1#r2")
    assert (list(tab.media), tab.regions) == (["image1"], [])


def test_what_was_deleted_is_not_brought_back_with_a_conversation(sessions: Sessions, tmp_path: Path) -> None:
    alice = sessions.of(Visit(ALICE))
    (dog,) = alice.take([photo(tmp_path)])[0]
    answer = alice.agent.runs.load(finished_run(alice, dog)).answer
    assert answer is not None
    tab = alice.tab("t")
    tab.answered(answer)
    alice.keep_tab(tab)
    alice.agent.runs.delete(RUN)
    alice.media.delete(dog.hash)
    again = Sessions(Agent("embedded", home=sessions.agent.home), sessions.limits).of(Visit(ALICE)).tab("t")
    assert (again.answer, again.media, again.phase) == (None, {}, "idle")
    (kept,) = (alice.home / "tabs").iterdir()
    kept.write_text("{")
    broken = Sessions(Agent("embedded", home=sessions.agent.home), sessions.limits).of(Visit(ALICE)).tab("t")
    assert broken == TabState(key="t")


def test_a_browser_keeps_its_newest_tabs_and_shared_history_keeps_them_apart(tmp_path: Path) -> None:
    shared = Sessions(Agent("embedded", home=tmp_path / "home"), SessionLimits(hours=1), shared=True)
    alice = shared.of(Visit(ALICE))
    for number in range(MOST_TABS + 3):
        tab = alice.tab(str(number))
        tab.question = f"question {number}"
        alice.keep_tab(tab)
    anew = Sessions(Agent("embedded", home=tmp_path / "home"), SessionLimits(hours=1), shared=True)
    last = str(MOST_TABS + 2)
    assert anew.of(Visit(ALICE)).tab(last).question == f"question {last}"
    assert len(list((tmp_path / "home/sessions").rglob("*.json"))) == MOST_TABS
    assert anew.of(Visit(BOB)).tab(last).question == ""


async def test_a_run_that_is_stopped_twice_closes_its_files_first(sessions: Sessions) -> None:
    closed: list[str] = []

    async def events() -> AsyncIterator[Event]:
        try:
            yield Started(id="q1")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            closed.append("closed")

    session = sessions.of(Visit(ALICE))
    coming = session.follow(events())
    assert (await anext(coming)).type == "started"
    await asyncio.gather(session.stop(), session.stop(), coming.aclose())  # type: ignore[attr-defined]
    assert closed == ["closed"]


async def test_what_ends_a_run_reaches_who_follows_it(sessions: Sessions) -> None:
    async def events() -> AsyncIterator[Event]:
        yield Started(id="q1")
        raise InputError("It cannot be used.", "")

    with pytest.raises(InputError, match="cannot be used"):
        async for _ in sessions.of(Visit(ALICE)).follow(events()):
            pass


def test_a_sweep_that_fails_is_done_again(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    own = threading.get_ident()

    def note(what: str) -> None:
        # Servers of other tests may sweep the same folder of uploads meanwhile.
        if threading.get_ident() == own:
            done.append(what)

    def fails() -> int:
        note("sessions")
        raise PermissionError(13, "Permission denied")

    def ends() -> None:
        note("uploads")
        if len(done) >= 4 and threading.get_ident() == own:
            raise SystemExit

    monkeypatch.setattr(sessions, "sweep", fails)
    monkeypatch.setattr(sessions.uploads, "sweep", ends)
    monkeypatch.setattr("visagent_apps.web.sessions.SWEEP_SECONDS", 0)
    with pytest.raises(SystemExit):
        sessions.sweep_for_ever()
    assert done == ["sessions", "uploads"] * 2


def test_the_folder_of_uploads_is_made_again_where_the_system_has_deleted_it(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions.uploads, "_folder", tmp_path / "uploads")
    reference = sessions.uploads.put("a", "a.txt", io.BytesIO(b"text"))
    assert sessions.uploads.path("a", reference).read_bytes() == b"text"
    assert (tmp_path / "uploads").stat().st_mode & 0o77 == 0
    shutil.rmtree(tmp_path / "uploads")
    sessions.uploads.sweep()
    assert (tmp_path / "uploads").is_dir()


def test_a_folder_of_uploads_that_another_user_has_made_is_not_used(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "theirs"
    foreign.mkdir()
    (tmp_path / "uploads").symlink_to(foreign)
    monkeypatch.setattr(sessions.uploads, "_folder", tmp_path / "uploads")
    with pytest.raises(StorageError, match="cannot be kept"):
        sessions.uploads.put("a", "a.txt", io.BytesIO(b"text"))
    assert not list(foreign.iterdir())


def test_a_full_disk_is_said_to_whoever_uploads_and_whoever_asks(
    sessions: Sessions, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = set(uploads.folder().iterdir())
    with monkeypatch.context() as patched:
        patched.setattr("visagent_apps.web.uploads._copy", full)
        reply = client.post("/gradio_api/upload", files={"files": ("a.txt", b"text")}, cookies=ALICE)
    assert reply.status_code == 507 and "No space left" in reply.text
    assert set(uploads.folder().iterdir()) == before
    monkeypatch.setattr("visagent_apps.web.sessions.private_folder", full)
    reply = client.get(f"/session/runs/{RUN}/json", cookies=ALICE)
    assert reply.status_code == 507 and "No space left" in reply.text
