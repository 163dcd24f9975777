"""Bytes as base64 text and back. Knows nothing of what the bytes are."""

from __future__ import annotations

import base64

from visagent.core.errors import MediaError, VisagentError


def decode_base64(text: str, what: str, error: type[VisagentError] = MediaError) -> bytes:
    """The bytes that base64 text stands for.

    Args:
        text: Base64 of the standard alphabet, with its padding.
        what: What the text is, for the message, such as `The picture`.
        error: Type of the error to raise.

    Raises:
        VisagentError: of the given type, where the text is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as cause:  # also of letters outside ASCII
        raise error(f"{what} is not base64.", "Encode the file's bytes with the standard alphabet.") from cause


def encode_base64(data: bytes) -> str:
    """Bytes as base64 text of the standard alphabet, with padding and without line breaks."""
    return base64.b64encode(data).decode("ascii")


def data_uri(mime: str, data: bytes) -> str:
    """Bytes as a `data:` URI.

    Args:
        mime: Media type, such as `image/png`.
        data: The content.
    """
    return f"data:{mime};base64,{encode_base64(data)}"
