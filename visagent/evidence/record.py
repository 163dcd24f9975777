"""The base of every stored record. Knows no value."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable record that refuses unknown fields, so that a stored run cannot silently lose meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")
