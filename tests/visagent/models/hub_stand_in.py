"""A stand-in for the Hugging Face hub on loopback: files by their path, and the ways in which a download goes wrong."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from local_servers import Quiet, serving

COMMIT = "c" * 40


class Hub:
    """The state of the stand-in.

    Attributes:
        files: Content by `OWNER/NAME/file`.
        breaks: How many further replies end after a third of what was asked for.
        lies: Whether other content is sent than the digest says.
        ranges: Whether a part of a file can be asked for.
        moved: Where the hub says that a repository is now.
        hosts: The host that each request names, and the key that it shows.
        requests: Method, path and range of each request.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.breaks = 0
        self.lies = False
        self.ranges = True
        self.status = 200
        self.moved = ""
        self.hosts: list[tuple[str, str | None]] = []
        self.requests: list[tuple[str, str, str | None]] = []

    @property
    def asked_from(self) -> list[int]:
        """From which byte each content was asked for."""
        return [int(re.findall(r"\d+", asked or "0")[0]) for method, _, asked in self.requests if method == "GET"]


@contextmanager
def hub_stand_in() -> Iterator[Hub]:
    """Run one."""

    class Handler(Quiet):
        def do_HEAD(self) -> None:
            content = self.found()
            if content is None:
                return
            if hub.moved:
                self.send_response(307)
                self.send_header("Location", hub.moved + self.path)
                hub.moved = ""
                self.end_headers()
                return
            # As for a file in Git LFS: the content lies elsewhere, and the hub says its digest.
            self.send_response(302)
            self.send_header("Location", f"/elsewhere{self.path}")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.end_headers()

        def do_GET(self) -> None:
            content = self.found()
            if content is None:
                return
            if hub.lies:
                content = content[:-1] + b"!"
            start = 0
            if (asked := self.headers["Range"]) and hub.ranges:
                start = int(re.findall(r"\d+", asked)[0])
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            left = content[start:]
            self.send_header("Content-Length", str(len(left)))
            self.end_headers()
            if hub.breaks:
                hub.breaks -= 1
                left = left[: len(left) // 3]
            self.wfile.write(left)

        def found(self) -> bytes | None:
            hub.hosts.append((self.headers["Host"].partition(":")[0], self.headers["Authorization"]))
            hub.requests.append((self.command, self.path, self.headers["Range"]))
            match = re.fullmatch(r"(?:/elsewhere)?/([^/]+/[^/]+)/resolve/[^/]+/(.+)", unquote(self.path))
            content = hub.files.get(f"{match[1]}/{match[2]}") if match else None
            if content is None or hub.status != 200:
                self.send_response(hub.status if hub.status != 200 else 404)
                self.send_header("X-Error-Message", "Entry not found")
                self.end_headers()
                return None
            return content

    with serving(Handler) as address:
        hub = Hub(address)
        yield hub
