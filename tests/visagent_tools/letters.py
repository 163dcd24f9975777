"""A tokenizer for networks of toy size that read phrases: of single letters, as CLIP's own is of pieces of words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def letters_tokenizer(folder: Path) -> Any:
    """The tokenizer, with its files in the folder; begin and end of a text are its last two tokens."""
    import transformers

    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer.from_pretrained(folder, model_max_length=16)
