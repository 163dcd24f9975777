"""Addresses as people write them. Opens none."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_of(address: str) -> str | None:
    """Whom an address names; None where it is no address.

    >>> host_of("http://127.0.0.1:8000/v1"), host_of("http://[::1"), host_of("http://a:99999"), host_of("photo.jpg")
    ('127.0.0.1', None, None, None)
    """
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises where there can be no such port
        host = parts.hostname
        return host if host is None or host.encode("idna") else None
    except ValueError:
        return None
