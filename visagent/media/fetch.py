"""Gets the bytes of a medium from a path, a file object or the web. Knows nothing of what they mean.

A URL can come from a web page, a chat message or a model, so the host it names is not trusted: it is resolved once,
refused unless every address it has is public, and the connection goes to the very address that was checked. A
redirect is a new URL and passes the same checks.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from visagent.core.errors import MediaError

if TYPE_CHECKING:
    import httpx

__all__ = ["display_name", "fetch_url", "is_public", "read_path", "read_source"]

_MAX_NAME = 80
_PART = 2**20
_MAX_REDIRECTS = 5
_MAX_ADDRESSES = 4
_STEP_SECONDS = 15.0
TOTAL_SECONDS = 300.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_DOWNLOAD_IT = "Download the file yourself and pass its path."


def read_source(source: object, max_bytes: int, *, allow_urls: bool) -> tuple[bytes, str] | None:
    """Read a path, an http(s) URL, bytes or a binary file object.

    Returns:
        The bytes and a name to show, at most 80 characters; None when the source is none of these.

    Raises:
        MediaError: There is nothing to read, reading fails, or there is more than max_bytes.
    """
    if isinstance(source, str) and re.match(r"https?://", source, re.IGNORECASE):
        if not allow_urls:
            raise MediaError(
                f"{_shown(_parse(source))}: fetching from the web is switched off.",
                "Download the file and pass its path, or pass allow_urls=True.",
            )
        return fetch_url(source, max_bytes), display_name(unquote(urlsplit(source).path), "download")
    if isinstance(source, str | os.PathLike):
        return read_path(source, max_bytes), display_name(source, "file")
    if isinstance(source, bytes | bytearray | memoryview):
        _check_size("bytes", memoryview(source).nbytes, max_bytes)
        return bytes(source), "bytes"
    read = getattr(source, "read", None)
    if read is None:
        return None
    name = display_name(getattr(source, "name", ""), "file")
    try:
        return _read_all(read, name, max_bytes), name
    except (OSError, ValueError) as error:
        raise MediaError(f"{name}: the file object cannot be read ({error}).", "Open it again for reading.") from error


def read_path(source: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Read a regular file.

    Raises:
        MediaError: There is no such file, it is a folder or device, it cannot be read, or it is over max_bytes.
    """
    text = os.fspath(source)
    shown = _cleaned(text, 300) or "The empty path"
    # One letter before the colon is a Windows drive.
    scheme = re.match(r"file:|data:|[a-z][a-z0-9+.-]+://", text, re.IGNORECASE)
    if scheme:
        raise MediaError(
            f"{_cleaned(text, 60)}: {scheme[0]} addresses are not loaded.",
            "Pass a plain path, or the bytes themselves.",
        )
    try:
        path = Path(text)
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise MediaError(f"{shown}: this is a folder.", "Pass the files in it one by one.")
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"{shown}: this is a device or pipe, not a file.", "Pass a file, or the bytes themselves.")
        _check_size(shown, status.st_size, max_bytes)
        with path.open("rb") as file:
            return _read_all(file.read, shown, max_bytes)
    except FileNotFoundError as error:
        # Not done here: a path may come from somebody who has no business in a user's folder.
        home = "Python does not know ~: give Path(...).expanduser()." if text.startswith("~") else ""
        raise MediaError(
            f"{shown}: there is no such file.", home or "Check the path and the current folder."
        ) from error
    except PermissionError as error:
        raise MediaError(f"{shown}: there is no permission to read it.", "Change its owner or permissions.") from error
    except (OSError, ValueError) as error:
        raise MediaError(f"{shown}: the file cannot be read ({error}).", "Check the path and the disk.") from error


def display_name(path: object, otherwise: str) -> str:
    """Make a name to show from a path: no folders, control or invisible characters, at most 80 characters.

    Args:
        path: A path of any system; anything else has no name.
        otherwise: The name when nothing is left.
    """
    # Both separators, because the name may come from another system. A file object's name may be a number.
    last = re.split(r"[/\\]", os.fspath(path).rstrip("/"))[-1] if isinstance(path, str | os.PathLike) else ""
    return _cleaned(last, _MAX_NAME) or otherwise


def is_public(address: str) -> bool:
    """Tell whether an IP address, as text, lies on the public internet.

    IPv6 addresses that carry an IPv4 address (mapped, 6to4, NAT64) are judged by the address they carry.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        carried = ip.ipv4_mapped or ip.sixtofour
        if carried is None and ip in _NAT64:
            carried = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if carried is not None:
            return is_public(str(carried))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def fetch_url(url: str, max_bytes: int, *, _is_allowed: Callable[[str], bool] = is_public) -> bytes:
    """Download the body behind an http or https URL.

    Proxies from the environment are not used, because a proxy would resolve the host a second time.

    Args:
        url: The address; it may not carry a user name or password.
        max_bytes: The download stops, with an error, as soon as it is longer than this.
        _is_allowed: Decides on one IP address; tests replace it to reach a server on the loopback device.

    Raises:
        MediaError: The URL is malformed, leads to an address that is not public, fails, takes too long, redirects too
            often or is too large. The message never shows the query or the credentials of the URL.
    """
    # A thread of its own, because the caller may already run an event loop; async, because only a cancelled
    # coroutine stops a server that sends one byte per read time-out.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(_fetch(url, max_bytes, _is_allowed))).result()


async def _fetch(url: str, max_bytes: int, is_allowed: Callable[[str], bool]) -> bytes:
    import httpx

    target = _parse(url)
    # No connection is kept: a pool knows connections by address, and two names may share one.
    limits = httpx.Limits(max_keepalive_connections=0)
    verify = httpx.create_ssl_context()
    try:
        async with (
            asyncio.timeout(TOTAL_SECONDS),
            httpx.AsyncClient(trust_env=False, verify=verify, timeout=_STEP_SECONDS, limits=limits) as client,
        ):
            for _ in range(_MAX_REDIRECTS + 1):
                response = await _request(client, target, await _resolve(target, is_allowed))
                try:
                    if not response.has_redirect_location:
                        return await _body(response, target, max_bytes)
                    target = _parse(response.headers["location"], base=target)
                finally:
                    await response.aclose()
    except (TimeoutError, httpx.TimeoutException) as error:
        raise MediaError(f"{_shown(target)}: the server took too long to answer.", _DOWNLOAD_IT) from error
    except httpx.HTTPError as error:
        raise MediaError(f"{_shown(target)}: the download failed ({error}).", _DOWNLOAD_IT) from error
    raise MediaError(f"{_shown(_parse(url))}: the server redirected more than {_MAX_REDIRECTS} times.", _DOWNLOAD_IT)


def _parse(url: str, base: httpx.URL | None = None) -> httpx.URL:
    import httpx

    try:
        parsed = httpx.URL(url) if base is None else base.join(url)
    except httpx.InvalidURL as error:
        raise MediaError(f"The URL is malformed ({error}).", "Check its spelling.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise MediaError(f"{_shown(parsed)}: only http and https addresses can be fetched.", _DOWNLOAD_IT)
    if parsed.userinfo:
        raise MediaError(f"{_shown(parsed)}: the URL carries a user name or password.", _DOWNLOAD_IT)
    return parsed


async def _resolve(url: httpx.URL, is_allowed: Callable[[str], bool]) -> list[str]:
    host = url.raw_host.decode("ascii")
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    except (OSError, OverflowError, UnicodeError) as error:
        raise MediaError(
            f"{_shown(url)}: the host name cannot be resolved ({error}).", "Check its spelling."
        ) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_allowed(address):
            raise MediaError(
                f"{_shown(url)}: the host leads to {address}, which is not a public address, so it is not fetched.",
                _DOWNLOAD_IT,
            )
    return addresses[:_MAX_ADDRESSES]


async def _request(client: httpx.AsyncClient, url: httpx.URL, addresses: list[str]) -> httpx.Response:
    import httpx

    headers = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", "User-Agent": "visagent"}
    extensions = {"sni_hostname": url.raw_host.decode("ascii")}
    failure: httpx.TransportError | None = None
    for address in addresses:
        pinned = url.copy_with(host=address)
        try:
            return await client.send(
                client.build_request("GET", pinned, headers=headers, extensions=extensions), stream=True
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failure = error
    raise failure or httpx.ConnectError("the host has no address")


async def _body(response: httpx.Response, url: httpx.URL, max_bytes: int) -> bytes:
    if response.status_code != 200:
        raise MediaError(f"{_shown(url)}: the server answered {response.status_code}.", "Check the address.")
    # A compressed body could unpack to any size between two checks of the cap.
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise MediaError(f"{_shown(url)}: the server sent a compressed body unasked.", _DOWNLOAD_IT)
    announced = response.headers.get("content-length", "")
    if announced.isdecimal():
        _check_size(_shown(url), int(announced), max_bytes)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        _check_size(_shown(url), len(body), max_bytes)
    return bytes(body)


def _shown(url: httpx.URL) -> str:
    text = f"{url.scheme}://{url.host}{f':{url.port}' if url.port else ''}{url.path}"
    return _cleaned(text, 200)


def _read_all(read: Callable[[int], object], name: str, max_bytes: int) -> bytes:
    # In parts, because the limit may be far more than there is, and a socket gives what it has.
    body = bytearray()
    while part := read(_PART):
        if not isinstance(part, bytes):
            raise MediaError(f"{name}: the file gives {type(part).__name__}, not bytes.", 'Open it with mode "rb".')
        body += part
        _check_size(name, len(body), max_bytes)
    return bytes(body)


def _check_size(name: str, count: int, max_bytes: int) -> None:
    if count > max_bytes:
        raise MediaError(
            f"{name}: the file is larger than the limit of {max_bytes / 2**20:.4g} MiB.",
            "Pass a smaller one, or raise MediaLimits(bytes=...).",
        )


def _cleaned(text: str, most: int) -> str:
    # Category C holds control characters, surrogates, and the marks that turn or hide text; Zl and Zp break lines.
    kept = "".join(c for c in text if unicodedata.category(c)[0] != "C" and unicodedata.category(c) not in ("Zl", "Zp"))
    return kept if len(kept) <= most else f"{kept[: most - 1]}…"
