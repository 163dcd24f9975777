"""Fetching: nothing private is reached, whatever a URL, a name server or a redirect says."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_dns import resolving

from visagent.core.errors import MediaError
from visagent.media import fetch
from visagent.media.fetch import display_name, fetch_url, is_public, read_path, read_source
from visagent.media.media import Media

MIB = 2**20


class Site(ThreadingHTTPServer):
    """A server on the loopback device whose answers a test writes down by path."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.hosts: list[str] = []
        super().__init__(("127.0.0.1", 0), Visit)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


class Visit(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.hosts.append(self.headers["Host"])
        self.server.answers[self.path.partition("?")[0]](self)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def body(data: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(visit: BaseHTTPRequestHandler) -> None:
        visit.send_response(200)
        for name, value in headers.items():
            visit.send_header(name.replace("_", "-"), value)
        visit.end_headers()
        visit.wfile.write(data)

    return answer


def redirect(target: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(visit: BaseHTTPRequestHandler) -> None:
        visit.send_response(302)
        visit.send_header("Location", target)
        visit.send_header("Content-Length", "0")
        visit.end_headers()

    return answer


def only_loopback(address: str) -> bool:
    return address == "127.0.0.1"


local_fetch = functools.partial(fetch_url, _is_allowed=only_loopback)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff0e::1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2001:0:7f00:1::",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_not_on_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]
)
def test_an_address_on_the_public_internet_is_allowed(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_hidden_in_ipv6_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    expected = is_public(str(address))
    assert is_public(f"::ffff:{address}") == expected
    assert is_public(str(ipaddress.IPv6Address((0x64_FF9B << 96) | int(address)))) == expected
    assert is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80)))) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "0"])
def test_a_server_on_this_machine_is_refused_however_its_host_is_spelt(site: Site, host: str) -> None:
    with pytest.raises(MediaError, match=r"not a public address|cannot be resolved"):
        fetch_url(f"http://{host}:{site.server_port}/", MIB)
    assert site.hosts == []


def test_the_body_of_an_allowed_address_is_fetched(site: Site) -> None:
    site.answers["/a.bin"] = body(b"x" * 100_000)
    assert local_fetch(f"{site.url}/a.bin", MIB) == b"x" * 100_000


def test_fetching_works_inside_a_running_event_loop(site: Site) -> None:
    site.answers["/a"] = body(b"here")

    async def main() -> bytes:
        return local_fetch(f"{site.url}/a", MIB)

    assert asyncio.run(main()) == b"here"


def test_a_host_is_resolved_once_and_the_connection_goes_to_the_checked_address(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/a"] = body(b"here")
    asked: list[str] = []

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert local_fetch(f"http://pictures.example:{site.server_port}/a", MIB) == b"here"
    assert asked == ["pictures.example"]
    assert site.hosts == [f"pictures.example:{site.server_port}"]


def test_a_name_servers_second_answer_is_never_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.answers["/a"] = body(b"here")
    with resolving(lambda name, before: ["127.0.0.1"] if before == 0 else ["10.0.0.1"], monkeypatch) as server:
        assert local_fetch(f"http://pictures.example:{site.server_port}/a", MIB) == b"here"
        assert server.asked.count("pictures.example") == 1
        # It would have given another one.
        assert socket.getaddrinfo("pictures.example", 80)[0][4][0] == "10.0.0.1"


def test_a_redirect_to_the_same_host_is_looked_up_and_checked_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.answers["/a"] = redirect("/b")
    site.answers["/b"] = body(b"here")
    url = f"http://pictures.example:{site.server_port}/a"
    with resolving(lambda name, before: ["127.0.0.1"] if before != 1 else ["169.254.169.254"], monkeypatch) as server:
        with pytest.raises(MediaError, match=r"169\.254\.169\.254, which is not a public address"):
            local_fetch(url, MIB)
        assert server.asked.count("pictures.example") == 2 and len(site.hosts) == 1
        assert local_fetch(url, MIB) == b"here"


def test_a_redirect_to_a_name_of_a_private_address_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.answers["/a"] = redirect("http://inside.example/secret")
    with (
        resolving(lambda name, _: ["10.0.0.1"] if name == "inside.example" else ["127.0.0.1"], monkeypatch),
        pytest.raises(MediaError, match=r"10\.0\.0\.1, which is not a public address"),
    ):
        local_fetch(f"http://pictures.example:{site.server_port}/a", MIB)
    assert len(site.hosts) == 1


@pytest.mark.parametrize("addresses", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
def test_a_name_with_a_private_address_among_others_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    with (
        resolving(lambda *_: addresses, monkeypatch),
        pytest.raises(MediaError, match=r"10\.0\.0\.1, which is not a public address"),
    ):
        local_fetch(f"http://pictures.example:{site.server_port}/a", MIB)
    assert site.hosts == []


def test_a_host_with_one_private_address_among_public_ones_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in ("127.0.0.1", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", mixed)
    with pytest.raises(MediaError, match=r"10\.0\.0\.1, which is not a public address"):
        local_fetch(f"http://pictures.example:{site.server_port}/a", MIB)
    assert site.hosts == []


def test_the_next_address_is_tried_when_the_first_does_not_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.answers["/a"] = body(b"here")

    def two(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    allowed = {"127.0.0.1", "127.0.0.2"}.__contains__
    assert fetch_url(f"http://pictures.example:{site.server_port}/a", MIB, _is_allowed=allowed) == b"here"


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.2:1/",
        "http://[::1]/",
        "//10.0.0.1/x",
    ],
)
def test_a_redirect_to_a_private_address_is_refused(site: Site, target: str) -> None:
    site.answers["/a"] = redirect(target)
    with pytest.raises(MediaError, match="not a public address"):
        local_fetch(f"{site.url}/a", MIB)


@pytest.mark.parametrize(
    ("target", "fact"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://127.0.0.1/x", "only http and https"),
        ("http://user:secret@127.0.0.1/x", "user name or password"),
        ("http://127.0.0.1:notaport/", "Invalid URL|malformed"),
    ],
)
def test_a_redirect_that_is_not_plain_http_is_refused(site: Site, target: str, fact: str) -> None:
    site.answers["/a"] = redirect(target)
    with pytest.raises(MediaError, match=fact) as refused:
        local_fetch(f"{site.url}/a", MIB)
    assert "secret" not in str(refused.value)


def test_five_redirects_are_followed_and_a_sixth_is_refused(site: Site) -> None:
    for step in range(6):
        site.answers[f"/{step}"] = redirect(f"/{step + 1}")
    site.answers["/6"] = body(b"arrived")
    assert local_fetch(f"{site.url}/1", MIB) == b"arrived"
    with pytest.raises(MediaError, match="redirected more than 5 times"):
        local_fetch(f"{site.url}/0", MIB)


@pytest.mark.parametrize("headers", [{}, {"Content_Length": "3000000"}])
def test_a_body_over_the_limit_is_refused_announced_or_not(site: Site, headers: dict[str, str]) -> None:
    site.answers["/a"] = body(b"x" * 3_000_000, **headers)
    with pytest.raises(MediaError, match="larger than the limit of 1 MiB"):
        local_fetch(f"{site.url}/a", MIB)


def test_a_compressed_body_is_refused_because_it_could_unpack_to_any_size(site: Site) -> None:
    site.answers["/a"] = body(b"x", Content_Encoding="gzip")
    with pytest.raises(MediaError, match="compressed"):
        local_fetch(f"{site.url}/a", MIB)


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(visit: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100:
                visit.wfile.write(bytes([letter]))
                time.sleep(0.05)

    site.answers["/a"] = drip
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 0.3)
    before = time.monotonic()
    with pytest.raises(MediaError, match="took too long"):
        local_fetch(f"{site.url}/a", MIB)
    assert time.monotonic() - before < 3


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("http://", "only http and https"),
        ("http://exa\nmple.com/", "malformed"),
        ("http://user:secret@127.0.0.1/", "user name or password"),
        ("http://does-not-exist.invalid/", "cannot be resolved"),
        (f"http://{'a' * 300}.com/", "cannot be resolved"),
    ],
)
def test_a_url_that_cannot_be_fetched_is_refused_in_words(url: str, fact: str) -> None:
    with pytest.raises(MediaError, match=fact) as refused:
        fetch_url(url, MIB)
    assert "secret" not in str(refused.value)
    assert refused.value.remedy


def test_a_status_that_is_not_ok_is_refused_and_the_query_stays_out_of_the_message(site: Site) -> None:
    site.answers["/a"] = lambda visit: visit.send_error(404)
    with pytest.raises(MediaError, match="answered 404") as refused:
        local_fetch(f"{site.url}/a?token=secret", MIB)
    assert "secret" not in str(refused.value)


def test_a_closed_port_is_a_media_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(MediaError, match="download failed"):
        local_fetch(f"http://127.0.0.1:{port}/", MIB)


def test_urls_are_refused_by_default_with_the_way_to_allow_them() -> None:
    with pytest.raises(MediaError, match="switched off") as refused:
        Media.load("HTTPS://example.com/cat.png?token=secret")
    assert "allow_urls=True" in refused.value.remedy
    assert "secret" not in str(refused.value)


def test_an_allowed_url_is_loaded_and_named_after_its_path(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, "PNG")
    site.answers["/album/red%20cat.png"] = body(file.getvalue())
    monkeypatch.setattr(fetch, "fetch_url", local_fetch)
    media = Media.load(f"{site.url}/album/red%20cat.png?size=big", allow_urls=True)
    assert (media.name, media.size) == ("red cat.png", (3, 2))


@pytest.mark.parametrize(
    ("source", "fact"),
    [
        ("no-such-file.jpg", "there is no such file"),
        ("", "The empty path"),
        ("file:///etc/passwd", "file: addresses are not loaded"),
        ("data:image/png;base64,AAAA", "data: addresses are not loaded"),
        ("ftp://example.com/a.jpg", "ftp:// addresses are not loaded"),
        ("a\x00b.jpg", "cannot be read"),
        ("a" * 5000, "cannot be read"),
        (os.devnull, "device or pipe"),
        (".", "this is a folder"),
    ],
)
def test_a_path_that_is_no_file_is_refused_in_words(source: str, fact: str) -> None:
    with pytest.raises(MediaError, match=fact) as refused:
        read_path(source, MIB)
    assert refused.value.remedy


def test_a_permission_error_of_the_system_is_a_media_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")

    def deny(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(MediaError, match="no permission"):
        read_path(path, MIB)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(50 * 2**30)
    with pytest.raises(MediaError, match="larger than the limit of 1 MiB"):
        read_path(path, MIB)


def test_a_file_object_that_gives_little_at_a_time_is_read_to_its_end_and_capped() -> None:
    class Trickle(io.RawIOBase):
        name = 7

        def __init__(self, count: int) -> None:
            self.left = count

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"xyz" if self.left >= 0 else b""

    assert read_source(Trickle(1000), MIB, allow_urls=False) == (b"xyz" * 1000, "file")
    with pytest.raises(MediaError, match="larger than the limit"):
        read_source(Trickle(10**9), MIB, allow_urls=False)


def test_a_file_opened_for_text_or_closed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words")
    with path.open() as file, pytest.raises(MediaError, match="gives str, not bytes"):
        read_source(file, MIB, allow_urls=False)
    with pytest.raises(MediaError, match="cannot be read"):
        read_source(file, MIB, allow_urls=False)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/me/cat.jpg", "cat.jpg"),
        ("C:\\photos\\cat.jpg", "cat.jpg"),
        ("a/\x1b[31mred\u202egpj.exe", "[31mredgpj.exe"),
        ("a\nb\u2028c.png", "abc.png"),
        ("/", "file"),
        ("x" * 100, "x" * 79 + "…"),
        (7, "file"),
    ],
)
def test_a_name_to_show_has_no_folders_and_nothing_invisible(path: object, name: str) -> None:
    assert display_name(path, "file") == name


@given(st.text())
def test_a_name_to_show_is_always_one_short_printable_line(path: str) -> None:
    name = display_name(path, "file")
    assert 0 < len(name) <= 80
    assert len(name.splitlines()) == 1
    assert not any(ord(c) < 32 or ord(c) == 127 for c in name)
