"""What all typed values are made of. Knows none of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Confidence = Annotated[float, Field(ge=0, le=1)]


class Frozen(BaseModel):
    """An immutable record that refuses unknown fields, so that a stored run cannot silently lose meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")
