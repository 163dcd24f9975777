"""A name server on the loopback device, and this process's own resolver asking it instead of the system's."""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

TYPE_A, HEADER = 1, struct.Struct("!6H")


class NameServer(threading.Thread):
    """Answers over UDP, with a lifetime of 0 s, so that nothing remembers what it said.

    Args:
        answers: The addresses of a name, given how often it has been asked for before.

    Attributes:
        asked: Names of which an IPv4 address was wanted, in order.
    """

    def __init__(self, answers: Callable[[str, int], list[str]]) -> None:
        super().__init__(daemon=True)
        self._answers, self.asked = answers, list[str]()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])

    def run(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:
                return
            self._socket.sendto(self._reply(query), client)

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.join(5)
        self._socket.close()

    def _reply(self, query: bytes) -> bytes:
        labels, at = [], HEADER.size
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        question, name = query[HEADER.size : at + 5], ".".join(labels)
        found: list[str] = []
        if struct.unpack("!H", query[at + 1 : at + 3])[0] == TYPE_A:
            found = self._answers(name, self.asked.count(name))
            self.asked.append(name)
        head = HEADER.pack(struct.unpack("!H", query[:2])[0], 0x8180, 1, len(found), 0, 0)
        record = struct.pack("!3HLH", 0xC00C, TYPE_A, 1, 0, 4)
        return head + question + b"".join(record + socket.inet_aton(address) for address in found)


@contextmanager
def resolving(answers: Callable[[str, int], list[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """Names are looked up by the C library as ever, at a server of the test's own."""
    server = NameServer(answers)
    server.start()
    library = ctypes.CDLL(None)
    initialise, state_of_this_thread = library["__res_init"], library["__res_state"]
    state_of_this_thread.restype = ctypes.c_void_p
    look_up = socket.getaddrinfo

    def at_the_server(*args: Any, **kwargs: Any) -> Any:
        # The C library keeps each thread's servers in `struct __res_state`: their number, then their addresses.
        initialise()
        state = state_of_this_thread()
        ctypes.c_int.from_address(state + 16).value = 1
        address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", server.port) + socket.inet_aton("127.0.0.1")
        ctypes.memmove(state + 20, address + bytes(8), 16)
        return look_up(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", at_the_server)
    try:
        yield server
    finally:
        server.stop()
