"""Nobody reads a file of the server, or another visitor's, through the app: every attack that was tried.

The page is served as `visagent app` serves it, by uvicorn on this machine, and spoken to over HTTP.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from local_servers import Quiet, serving

pytest.importorskip("gradio")
import gradio
import uvicorn
from fastapi.routing import iter_route_contexts
from gradio import processing_utils, utils
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError
from starlette.routing import Mount
from starlette.websockets import WebSocketDisconnect

from visagent.core.errors import ConfigError, InputError
from visagent_apps.web import AppOptions, build, uploads
from visagent_apps.web.gate import READ
from visagent_apps.web.inputs import Event
from visagent_apps.web.sessions import COOKIE, SessionLimits
from visagent_apps.web.uploads import Uploads

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRET = "the code is 4711"
ALICE, MALLORY = "a" * 43, "m" * 43
META = {"_type": "gradio.FileData"}
DOORS = ("/gradio_api/queue/join", "/gradio_api/run/predict")


@dataclass
class Site:
    """The app as it runs."""

    url: str
    app: Any
    secret: Path

    def visitor(self, cookie: str | None) -> httpx.Client:
        return httpx.Client(base_url=self.url, cookies={COOKIE: cookie} if cookie else None, timeout=120)

    @property
    def gradio(self) -> Any:
        return next(route.app for route in self.app.routes if isinstance(route, Mount))

    @property
    def functions(self) -> dict[int, Any]:
        return dict(self.gradio.get_blocks().fns)

    def id_of(self, api_name: str) -> int:
        return next(id_ for id_, function in self.functions.items() if function.api_name == api_name)

    def upload(self, visitor: httpx.Client, name: str = "cat.png", content: bytes | None = None) -> str:
        sent = content if content is not None else (EXAMPLES / "cat.png").read_bytes()
        answer = visitor.post("/gradio_api/upload", files=[("files", (name, sent))])
        assert answer.status_code == 200, answer.text
        (reference,) = answer.json()
        return str(reference)


@contextmanager
def served(home: Path, **options: Any) -> Iterator[tuple[str, Any]]:
    """The app on a free port, in a thread."""
    app = build(AppOptions(home=home, **options))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", app
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    from visagent.core.config_files import home as known

    folder = tmp_path_factory.mktemp("site")
    home = folder / "home"
    home.mkdir()
    for kept in ("models", "prefixes"):
        if (known() / kept).is_dir():
            (home / kept).symlink_to(known() / kept)
    secret = folder / "secret.txt"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    limits = SessionLimits(media=3, media_bytes=1 << 20)
    with served(home, limits=limits, allow_code=True) as (url, app):
        yield Site(url, app, secret)


@pytest.fixture(scope="module")
def canary() -> Iterator[tuple[str, list[str]]]:
    """A server that nobody may fetch from; gives its address and what was asked of it."""
    asked: list[str] = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    with serving(Handler) as address:
        yield f"{address}/x.png", asked


def copies_of_the_secret() -> list[Path]:
    """Where Gradio would have copied it to, and where it would serve it from."""
    files = [path for path in uploads.folder().rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if SECRET.encode() in path.read_bytes()]


def is_refusal(answer: httpx.Response) -> bool:
    """A 4xx with one line that says what is wrong."""
    if not 400 <= answer.status_code < 500:
        return False
    said = answer.json()["detail"]
    return isinstance(said, str) and 0 < len(said) < 300 and "\n" not in said


@dataclass
class Tried:
    """What an attack is made of."""

    secret: Path
    own: str
    another: str
    fetched: str
    folder: Path


def named(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": META, **more}


def link(at: Path, to: Path) -> str:
    at.unlink(missing_ok=True)
    at.symlink_to(to)
    return str(at)


ATTACKS: dict[str, Callable[[Tried], Any]] = {
    "an absolute path": lambda tried: named(str(tried.secret)),
    "the password file": lambda tried: named("/etc/passwd"),
    "the environment": lambda tried: named("/proc/self/environ"),
    "an open file": lambda tried: named("/proc/self/fd/0"),
    "the root through /proc": lambda tried: named(f"/proc/self/root{tried.secret}"),
    "a relative path": lambda tried: named("pyproject.toml"),
    "a path that climbs": lambda tried: named("../" * 30 + str(tried.secret)[1:]),
    "a path that climbs out of an upload": lambda tried: named(f"{tried.own}/../../../../{tried.secret}"),
    "a path that climbs out of the cache": lambda tried: named(f"{tried.folder}/../../{tried.secret}"),
    "an encoded path": lambda tried: named("%2e%2e%2f" * 20 + str(tried.secret)[1:].replace("/", "%2f")),
    "a link to the file": lambda tried: named(link(tried.secret.parent / "link.txt", tried.secret)),
    "a link in the cache": lambda tried: named(link(tried.folder / "link.txt", tried.secret)),
    "a link beside an upload": lambda tried: named(
        link(tried.folder / tried.own.split("/")[0] / "link.txt", tried.secret).removeprefix(f"{tried.folder}/")
    ),
    "the place of one's own upload": lambda tried: named(str(tried.folder / tried.own)),
    "another's upload": lambda tried: named(tried.another),
    "the place of another's upload": lambda tried: named(str(tried.folder / tried.another)),
    "the cache itself": lambda tried: named(str(tried.folder)),
    "a home": lambda tried: named("~/.ssh/id_ed25519"),
    "a file URL": lambda tried: named(f"file://{tried.secret}"),
    "a URL as a path": lambda tried: named(tried.fetched),
    "a URL beside a path": lambda tried: named(str(tried.secret), url=tried.fetched),
    "a URL of the machine's neighbours": lambda tried: named("http://169.254.169.254/latest/meta-data/"),
    "Gradio's address of a file": lambda tried: named(f"/gradio_api/file={tried.secret}"),
    "a path of Windows": lambda tried: named("C:\\Windows\\win.ini"),
    "a share of Windows": lambda tried: named("\\\\evil.example\\share\\x"),
    "a path with a zero": lambda tried: named(f"{tried.own}\0{tried.secret}"),
    "an empty path": lambda tried: named(""),
    "a stream": lambda tried: named(str(tried.secret), is_stream=True),
    "a stream of one's own": lambda tried: named(tried.own, is_stream=True),
    "a file without its mark": lambda tried: {"path": str(tried.secret)},
    "a file with a mark of its own": lambda tried: {"path": str(tried.secret), "meta": {"_type": "x", **META}, "x": 1},
    "a file in a list": lambda tried: [named(str(tried.secret))],
    "a file in lists": lambda tried: [[[named(str(tried.secret))]]],
    "a file in a dictionary": lambda tried: {"value": named(str(tried.secret))},
    "a file of a message": lambda tried: {"text": "x", "files": [named(str(tried.secret))]},
    "a picture with layers": lambda tried: {
        "background": named(str(tried.secret)),
        "layers": [named(str(tried.secret))],
        "composite": None,
    },
    "a gallery": lambda tried: [{"image": named(str(tried.secret)), "caption": None}],
    "a file in an update": lambda tried: {"__type__": "update", "value": named(str(tried.secret))},
    "a path in a file": lambda tried: named(str(tried.secret), orig_name=named(str(tried.secret))),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_input_of_any_event_names_a_file_of_the_server(
    site: Site, canary: tuple[str, list[str]], attack: str
) -> None:
    address, asked = canary
    with site.visitor(MALLORY) as mallory, site.visitor(ALICE) as alice:
        own, another = site.upload(mallory), site.upload(alice)
        value = ATTACKS[attack](Tried(site.secret, own, another, address, uploads.folder()))
        sent = 0
        for id_, function in site.functions.items():
            for at in range(len(function.inputs)):
                data = [None] * len(function.inputs)
                data[at] = value
                for door in DOORS:
                    answer = mallory.post(door, json={"data": data, "fn_index": id_, "session_hash": "attack"})
                    assert is_refusal(answer), (attack, function.name, at, answer.text)
                    sent += 1
    assert sent > 150
    assert copies_of_the_secret() == []
    assert asked == []


def with_files(value: Any) -> dict[str, Any]:
    return {"data": [None, None], "event_data": value}


OTHER_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "event_data is a file": lambda path: with_files(named(path)),
    "event_data has a file": lambda path: with_files({"id": named(path)}),
    "event_data is a list of files": lambda path: with_files([named(path)]),
    "trigger_id is a file": lambda path: {"data": [None, None], "trigger_id": named(path)},
    "fn_index is a file": lambda path: {"data": [None, None], "fn_index": named(path)},
    "fn_index is no event": lambda path: {"data": [None, None], "fn_index": 10_000},
    "fn_index is a text": lambda path: {"data": [None, None], "fn_index": "0"},
    "session_hash is a file": lambda path: {"data": [None, None], "session_hash": named(path)},
    "session_hash is a path": lambda path: {"data": [None, None], "session_hash": "../../x"},
    "no session_hash": lambda path: {"data": [None, None], "session_hash": None},
    "data is a file": lambda path: {"data": named(path)},
    "data is a dictionary of inputs": lambda path: {"data": {"0": named(path)}},
    "data has one input too many": lambda path: {"data": [None, None, named(path)]},
    "data has one input too few": lambda path: {"data": [None]},
    "a batch": lambda path: {"data": [[None], [named(path)]], "batched": True},
    "a simple format": lambda path: {"data": [None, None], "simple_format": True},
    "an event's id": lambda path: {"data": [None, None], "event_id": "0" * 32},
    "a request of its own": lambda path: {"data": [None, None], "request": named(path)},
    "a token": lambda path: {"data": [None, None], "oauth_token": "x"},
}


def of_its_type(component: Any, text: str) -> list[Any]:
    """Values that a component's input may have by its type, offered or not."""
    match component:
        case gradio.State() | gradio.File() | gradio.Audio():
            return [None]
        case gradio.Radio() | gradio.Dropdown():
            return [text, None, *[value for _, value in component.choices][:1]]
        case gradio.Slider():
            return [None, -1e9, float(component.minimum)]
        case gradio.Checkbox():
            return [None, True]
    return [text, None]


def test_no_value_of_its_type_is_a_fault_of_the_servers(site: Site) -> None:
    """Every event, with every input in turn as nobody offered it, and clicks on buttons that there are not."""
    text = "no such thing"
    regions = (text, "image1#r1=0,0,9,9", "image1#../../x=0,0,nan,inf", "=,,,", "image1=1,2,3,4")
    clicks: list[Any] = [None, text, {}, {"id": 1, "name": 1, "number": 1, "region": 1}]
    clicks += [{"id": text, "name": text, "number": text, "region": region} for region in regions]
    with site.visitor(MALLORY) as mallory:
        for id_, function in site.functions.items():
            values = [of_its_type(component, text) for component in function.inputs]
            for at in range(max(1, len(values))):
                for value in values[at] if values else [None]:
                    data = [value if other == at else known[-1] for other, known in enumerate(values)]
                    for click in clicks if len(values) < 4 else clicks[:1]:
                        body = {"data": data, "fn_index": id_, "session_hash": "typed", "event_data": click}
                        answer = mallory.post(DOORS[1], json=body)
                        assert answer.status_code == 200 or is_refusal(answer), (function.name, data, click, answer)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("field", OTHER_FIELDS)
def test_no_other_field_of_an_event_carries_anything_unexpected(site: Site, field: str, door: str) -> None:
    edit = next(id_ for id_, function in site.functions.items() if function.name == "edit")
    with site.visitor(MALLORY) as mallory:
        body = {"fn_index": edit, "session_hash": "attack", **OTHER_FIELDS[field](str(site.secret))}
        assert is_refusal(mallory.post(door, json=body))


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ('{"data": [], "fn_index": 0, "session_hash": "x"}', "text/plain", 415),
        ('{"data": [], "fn_index": 0, "session_hash": "x"}', "application/x-www-form-urlencoded", 415),
        ("{", "application/json", 422),
        ("[]", "application/json", 422),
        ('{"data": ' + "[" * 100_000 + "]" * 100_000 + "}", "application/json", 422),
        ('{"data": ["' + "x" * (1 << 20) + '"]}', "application/json", 413),
        ('{"data": [NaN], "fn_index": 0, "session_hash": "x"}', "application/json", 422),
    ],
)
def test_what_is_no_event_is_refused_in_one_line(site: Site, content: str, kind: str, status: int) -> None:
    with site.visitor(MALLORY) as mallory:
        answer = mallory.post(DOORS[0], content=content, headers={"content-type": kind})
        assert answer.status_code == status and is_refusal(answer)


def test_of_two_fields_with_one_name_the_one_that_was_checked_counts(site: Site) -> None:
    ask = site.id_of("ask")
    good, bad = '[null, null, "x", false, "tree"]', json.dumps([None, None, named(str(site.secret)), False, "tree"])
    with site.visitor(MALLORY) as mallory:
        for first, second in ((good, bad), (bad, good)):
            content = f'{{"data": {first}, "data": {second}, "fn_index": {ask}, "session_hash": "twice"}}'
            mallory.post(DOORS[0], content=content, headers={"content-type": "application/json"})
    assert copies_of_the_secret() == []


def test_gradios_other_addresses_are_closed_whichever_it_has(site: Site) -> None:
    """Asks each route that the installed Gradio has, so that one which an upgrade adds is closed too, or noticed."""
    let_in = READ | {"/assets/{path:path}", "/static/{path:path}", "/gradio_api/cancel", "/gradio_api/queue/data"}
    let_in |= {"/gradio_api/queue/join", "/gradio_api/heartbeat/{session_hash}"}
    # The server's own, which come before Gradio's.
    let_in |= {"/gradio_api/upload", "/gradio_api/upload_progress", "/gradio_api/file={path_or_url:path}"}
    routes = [(context.path, context.methods) for context in iter_route_contexts(site.gradio.routes)]
    assert len(routes) > 50 and let_in <= {path for path, _ in routes}
    with site.visitor(MALLORY) as mallory:
        for path, methods in routes:
            if path in let_in:
                continue
            address = re.sub(r"\{[^}]*\}", "x", path)
            for method in methods or ("GET",):
                answer = mallory.request(method, address, json={} if method == "POST" else None)
                assert answer.status_code == 404, (method, path, answer.text)
                if method != "HEAD":
                    assert "no such address" in answer.text, (method, path, answer.text)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file={secret}"),
        ("GET", "/gradio_api/file=file://{secret}"),
        ("GET", "/gradio_api/file={canary}"),
        ("GET", "/gradio_api/file=..%2f..%2f..%2f{secret}"),
        ("GET", "/gradio_api/file={own}/..%2f..%2f{secret}"),
        ("GET", "/gradio_api/file={folder}/{another}"),
        ("GET", "/gradio_api/file={folder}/{own}"),
        ("GET", "/gradio_api/file={another}"),
        ("GET", "/gradio_api/file=/proc/self/environ"),
        ("GET", "/gradio_api/file=C:%5CWindows%5Cwin.ini"),
        ("HEAD", "/gradio_api/file={secret}"),
        ("GET", "/gradio_api/file/{secret}"),
        ("GET", "/gradio_api/file/{canary}"),
        ("GET", "//gradio_api/file/{secret}"),
        ("GET", "/gradio_api//file={secret}"),
        ("GET", "/GRADIO_API/file={secret}"),
        ("GET", "/%67radio_api/file={secret}"),
        ("GET", "/gradio_api/proxy={canary}"),
        ("GET", "/gradio_api/stream/x/y/1/playlist-file"),
        ("GET", "/gradio_api/stream/{secret}"),
        ("POST", "/gradio_api/stream/x"),
        ("GET", "/gradio_api/deep_link?session_hash=x"),
        ("GET", "/gradio_api/custom_component/x/client/..%2f..%2f/x"),
        ("GET", "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f{secret}"),
        ("GET", "/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f{secret}"),
        ("GET", "/static//{secret}"),
        ("GET", "/svelte/..%2f..%2f{secret}"),
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/startup-events"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/call/ask"),
        ("GET", "/gradio_api/call/ask/x"),
        ("POST", "/gradio_api/call/v2/ask"),
        ("POST", "/gradio_api/run/ask"),
        ("POST", "/gradio_api/api/predict"),
        ("POST", "/gradio_api/queue/join/"),
        ("PUT", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/mcp/"),
        ("GET", "/session/media/{secret}"),
        ("GET", "/session/runs/..%2f..%2f{secret}/json"),
    ],
)
def test_no_address_gives_a_file_of_the_server_or_fetches_one(
    site: Site, canary: tuple[str, list[str]], method: str, path: str
) -> None:
    address, asked = canary
    with site.visitor(MALLORY) as mallory, site.visitor(ALICE) as alice:
        where = {"secret": site.secret, "canary": address, "folder": uploads.folder()}
        path = path.format(own=site.upload(mallory), another=site.upload(alice), **where)
        answer = mallory.request(method, path, json={} if method == "POST" else None)
        assert 400 <= answer.status_code < 500 and SECRET not in answer.text, answer.text
        assert asked == []


def test_a_link_brings_back_no_other_state(site: Site) -> None:
    with site.visitor(MALLORY) as mallory:
        plain = mallory.get("/config").json()
        assert mallory.get("/config", params={"deep_link": "x" * 43}).json() == plain
        assert "deep_link" not in mallory.get("/", params={"deep_link": "x" * 43}).text.replace("deep_link_state", "")


def news(visitor: httpx.Client, session_hash: str) -> str:
    """What a session is told, until the server has no more to say; of one that it does not know it breaks off."""
    told, query = "", {"session_hash": session_hash}
    with (
        contextlib.suppress(httpx.TransportError),
        visitor.stream("GET", "/gradio_api/queue/data", params=query, headers={"connection": "close"}) as stream,
    ):
        for text in stream.iter_text():
            told += text
    return told


def add(site: Site, visitor: httpx.Client, reference: str, session_hash: str) -> httpx.Response:
    body = {"data": [None, None, [named(reference)]], "fn_index": site.id_of("add_media"), "session_hash": session_hash}
    return visitor.post(DOORS[0], json=body)


def retold(site: Site, visitor: httpx.Client, session_hash: str) -> str:
    """What lies on the desk of a session."""
    retell = next(id_ for id_, function in site.functions.items() if function.name == "retell")
    body = {"data": [None, None], "fn_index": retell, "session_hash": session_hash}
    return visitor.post(DOORS[1], json=body).text


def test_whoever_knows_anothers_session_reaches_one_of_their_own(site: Site) -> None:
    with site.visitor(ALICE) as alice, site.visitor(MALLORY) as mallory, site.visitor(None) as program:
        joined = add(site, alice, site.upload(alice), "known")
        assert joined.status_code == 200
        for stranger in (mallory, program):
            assert "session/media" not in news(stranger, "known")
            cancel = {"fn_index": 0, "session_hash": "known", "event_id": joined.json()["event_id"]}
            assert stranger.post("/gradio_api/cancel", json=cancel).status_code == 200
            with stranger.stream("GET", "/gradio_api/heartbeat/known") as beats:
                next(beats.iter_text())
        assert "session/media" in news(alice, "known")
        assert "session/media" in retold(site, alice, "known")
        for stranger in (mallory, program):
            assert "session/media" not in retold(site, stranger, "known")


def test_an_upload_is_its_senders_alone_and_gone_once_taken_in(site: Site) -> None:
    with site.visitor(ALICE) as alice, site.visitor(MALLORY) as mallory, site.visitor(None) as program:
        reference = site.upload(alice)
        path = f"/gradio_api/file={reference}"
        shown = alice.get(path)
        assert (
            shown.content == (EXAMPLES / "cat.png").read_bytes()
            and "sandbox" in shown.headers["content-security-policy"]
        )
        for stranger in (mallory, program):
            assert stranger.get(path).status_code == 404
            assert is_refusal(add(site, stranger, reference, "stranger"))
        assert add(site, alice, reference, "own").status_code == 200
        assert "session/media" in news(alice, "own")
        assert alice.get(path).status_code == 404
        assert is_refusal(add(site, alice, reference, "own"))


def test_two_who_send_the_same_file_do_not_share_it(site: Site) -> None:
    with site.visitor(ALICE) as alice, site.visitor(MALLORY) as mallory:
        first, second = site.upload(alice), site.upload(mallory)
        assert first != second
        assert add(site, mallory, second, "same").status_code == 200 and "session/media" in news(mallory, "same")
        assert alice.get(f"/gradio_api/file={first}").status_code == 200


def test_a_url_that_comes_with_an_upload_is_not_fetched(site: Site, canary: tuple[str, list[str]]) -> None:
    address, asked = canary
    with site.visitor(ALICE) as alice:
        upload = named(site.upload(alice), url=address, orig_name="../../x.png", mime_type="text/html", size=-1)
        body = {"data": [None, None, [upload]], "fn_index": site.id_of("add_media"), "session_hash": "url"}
        assert alice.post(DOORS[0], json=body).status_code == 200
        told = news(alice, "url")
        assert "session/media" in told and "cat.png" in told and "x.png" not in told
    assert asked == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("cat.png", "cat.png"),
        ("../../../etc/cron.d/x", "x"),
        ("..\\..\\windows\\x.png", "x.png"),
        ("/etc/passwd", "passwd"),
        ("..", "file"),
        ("....", "file"),
        (".bashrc", "bashrc"),
        ("a\0b\n<img>.png", "abimg.png"),
        ("猫.png", "猫.png"),
        ("x" * 500 + ".png", "x" * 56 + ".png"),
    ],
)
def test_of_a_files_name_nothing_is_a_path(name: str, kept: str) -> None:
    import io

    store = Uploads(100)
    reference = store.put("alice", name, io.BytesIO(b"x"))
    path = store.path("alice", reference)
    assert path.name == kept and path.parent.parent == uploads.folder()
    with pytest.raises(InputError):
        store.path("bob", reference)
    store.sweep(older_than=-1)
    assert not path.exists() and not path.parent.exists()
    with pytest.raises(InputError):
        store.path("alice", reference)


def test_an_upload_that_has_become_a_link_is_not_followed(site: Site) -> None:
    with site.visitor(ALICE) as alice:
        reference = site.upload(alice)
        link(uploads.folder() / reference, site.secret)
        assert alice.get(f"/gradio_api/file={reference}").status_code == 404
        assert is_refusal(add(site, alice, reference, "link"))
        (uploads.folder() / reference).unlink()


def test_uploads_have_their_limits(site: Site) -> None:
    before = set(uploads.folder().iterdir())
    with site.visitor(ALICE) as alice:
        large = alice.post("/gradio_api/upload", files=[("files", ("x.png", b"x" * ((1 << 20) + 1)))])
        assert large.status_code == 413 and is_refusal(large)
        huge = alice.post("/gradio_api/upload", files=[("files", ("x.png", b"x" * (4 << 20)))])
        assert huge.status_code == 413 and is_refusal(huge)
        many = alice.post("/gradio_api/upload", files=[("files", ("x.png", b"x"))] * 4)
        assert is_refusal(many)
        assert is_refusal(alice.post("/gradio_api/upload", data={"files": "/etc/passwd"}, files={"x": b"x"}))
        assert is_refusal(add(site, alice, "x", "limits"))
        references = [named(site.upload(alice)) for _ in range(4)]
        body = {"data": [None, None, references], "fn_index": site.id_of("add_media"), "session_hash": "limits"}
        assert is_refusal(alice.post(DOORS[0], json=body))
    assert len(set(uploads.folder().iterdir()) - before) == 4


def test_uploads_lie_where_nobody_else_of_the_machine_looks() -> None:
    assert uploads.folder().stat().st_mode & 0o077 == 0


# What of Gradio is relied on, and fails here if an upgrade changes it: see docs/security.md.


def test_gradio_takes_a_marked_dictionary_for_a_file_whichever_component_it_is_for() -> None:
    """Why inputs are checked before Gradio sees them."""
    from gradio_client.utils import is_file_obj_with_meta

    assert is_file_obj_with_meta(named("/etc/passwd"))


def test_gradio_checks_paths_only_for_a_page_that_has_launched(site: Site) -> None:
    """Why `has_launched` is set: with it, whatever passed the gate would still not be copied."""
    blocks = site.gradio.get_blocks()
    assert blocks.has_launched is True and blocks.allowed_paths == []
    # Gradio's own check, which has no public name.
    check_allowed = processing_utils._check_allowed  # noqa: SLF001
    token = LocalContext.blocks.set(blocks)
    try:
        for path in ("/etc/passwd", "/proc/self/environ", str(site.secret), "pyproject.toml"):
            with pytest.raises(InvalidPathError):
                check_allowed(path, check_in_upload_folder=True)
        blocks.has_launched = False
        check_allowed("/etc/passwd", check_in_upload_folder=True)
    finally:
        blocks.has_launched = True
        LocalContext.blocks.reset(token)


async def test_without_the_gate_gradio_itself_still_copies_no_file(site: Site) -> None:
    blocks = site.gradio.get_blocks()
    ask = site.functions[site.id_of("ask")]
    token = LocalContext.blocks.set(blocks)
    try:
        with pytest.raises(InvalidPathError):
            await blocks.preprocess_data(ask, [None, None, named(str(site.secret)), False, "tree"], None)
    finally:
        LocalContext.blocks.reset(token)
    assert copies_of_the_secret() == []


def test_gradio_takes_files_in_from_the_folder_of_uploads_alone(site: Site) -> None:
    assert Path(utils.get_upload_folder()) == uploads.folder() == Path(site.gradio.uploaded_file_dir)
    components = site.gradio.get_blocks().blocks.values()
    assert {Path(component.GRADIO_CACHE) for component in components} == {uploads.folder()}


def test_the_gate_is_part_of_gradios_own_application(site: Site) -> None:
    """So that it stands before Gradio's routes wherever that application is mounted."""
    from starlette.testclient import TestClient

    alone = TestClient(site.gradio, base_url="http://127.0.0.1")
    assert "no such address" in alone.get(f"/gradio_api/file={site.secret}").text
    body = {"data": [None, None, named(str(site.secret)), False, "tree"], "fn_index": site.id_of("ask")}
    assert alone.post(DOORS[0], json={**body, "session_hash": "x"}).status_code == 422
    with pytest.raises(WebSocketDisconnect) as closed, alone.websocket_connect("/gradio_api/queue/join"):
        pass
    assert closed.value.code == 1008


def test_a_component_whose_values_are_not_described_keeps_the_page_from_starting() -> None:
    with gradio.Blocks() as blocks:
        anything = gradio.JSON()
        gradio.Button().click(print, anything, None)
    (function,) = blocks.fns.values()
    with pytest.raises(ConfigError, match="JSON"):
        Event(function, 3)


def test_a_program_asks_about_a_picture_and_only_it_gets_the_report(site: Site, tmp_path: Path) -> None:
    """The app still does what it is for, for a client of Gradio's and by the addresses of its answer."""
    from gradio_client import Client, handle_file

    client = Client(site.url, headers={"cookie": f"{COOKIE}={ALICE}"}, verbose=False, download_files=str(tmp_path))
    try:
        client.predict([handle_file(str(EXAMPLES / "coffee.png"))], api_name="/add_media")
        shown = str(client.predict("How many cups are there?", False, "tree", api_name="/ask"))
    finally:
        client.close()
    assert "cup" in shown
    run = re.search(r'data-run="([^"]+)"', shown)
    digest = re.search(r"session/media/([0-9a-f]{64})", shown)
    assert run is not None and digest is not None
    own = [f"/session/runs/{run[1]}/html", f"/session/runs/{run[1]}/png", f"/session/media/{digest[1]}"]
    with site.visitor(ALICE) as alice, site.visitor(MALLORY) as mallory:
        for path in own:
            assert alice.get(path).status_code == 200, path
            assert mallory.get(path).status_code == 404, path
        assert "How many cups are there?" in alice.get(own[0]).text
        assert alice.get(own[1]).content.startswith(b"\x89PNG")
