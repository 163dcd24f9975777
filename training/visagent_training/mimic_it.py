"""MIMIC-IT's interleaved rows, in and out (arXiv:2306.05425): an instruction with others, solved, before it.

Two files: `*_instructions.json` holds `{"meta": …, "data": {ID: {"instruction": …, "answer": …, "image_ids": […],
"rel_ins_ids": […]}}}`, the other one, `*.json`, pictures in base64 by id. The instructions of `rel_ins_ids` are the
context: they come first, each with its pictures and its answer. As an example here they are turns of a conversation;
`<image2>` in a turn stands where the second picture is to be seen.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from visagent.core.encoding import decode_base64
from visagent.core.errors import InputError, MediaError
from visagent.core.files import write_whole
from visagent.core.validation import first_problem
from visagent.media.media import Media, MediaInfo
from visagent.media.store import MediaStore
from visagent_training.data_source import Drawn, Refused
from visagent_training.examples import TrainingExample, TurnRecord
from visagent_training.verified_sentences import FREE_TEXT

_WAY_OUT = "Take the files as Otter's authors publish them; see docs/training.md."


class _Instruction(BaseModel):
    instruction: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    image_ids: list[str]
    rel_ins_ids: list[str] = []


def mimic_examples(instructions: Path, images: Path, store: MediaStore) -> Iterator[Drawn]:
    """Each instruction after those that it is to be seen in the context of; what lacks one of them is refused.

    Args:
        instructions: The file of instructions.
        images: The file of pictures.
        store: Where the pictures are put.

    Raises:
        InputError: a file is missing or not in the format; names the entry.
    """
    rows = _read(instructions).get("data")
    pictures = _read(images)
    if not isinstance(rows, dict):
        raise InputError(f"{instructions.name} has no object 'data'.", _WAY_OUT)
    try:
        known = {id_: _Instruction.model_validate(row) for id_, row in rows.items()}
    except ValidationError as error:
        id_ = next(id_ for id_, row in rows.items() if not _fits(row))
        raise InputError(f"{instructions.name}, {id_}: {first_problem(error, 'the entry')}.", _WAY_OUT) from error
    for id_, one in known.items():
        missing = [other for other in one.rel_ins_ids if other not in known]
        shown = [*(known[other] for other in one.rel_ins_ids if other in known), one]
        lacking = [name for row in shown for name in row.image_ids if name not in pictures]
        if missing or lacking:
            yield Refused(id_, f"there is no {'instruction' if missing else 'picture'} {(missing or lacking)[0]}")
            continue
        try:
            yield _as_example(id_, shown, pictures, store)
        except MediaError as error:
            yield Refused(id_, error.fact.rstrip("."))


def _as_example(id_: str, shown: list[_Instruction], pictures: dict[str, Any], store: MediaStore) -> TrainingExample:
    turns: list[TurnRecord] = []
    media: dict[str, str | None] = {}
    for row in shown:
        marks = ""
        for name in row.image_ids:
            picture = Media.load(decode_base64(str(pictures[name]), f"the picture {name}"))
            store.put(picture)
            media[f"image{len(media) + 1}"] = picture.hash
            marks += f"<image{len(media)}>"
        turns.append(TurnRecord(role="user", content=f"{marks}{row.instruction}"))
        turns.append(TurnRecord(role="assistant", content=row.answer))
    return TrainingExample(
        id=f"mimic-it/{id_}",
        source="mimic-it",
        question=shown[-1].instruction,
        messages=tuple(turns[:-1]),
        media=media,
        schema=FREE_TEXT,
        target=shown[-1].answer,
    )


def write_mimic(examples: Iterable[TrainingExample], folder: Path, store: MediaStore, name: str = "VA") -> int:
    """Write examples as `NAME_instructions.json` and `NAME.json`; of a conversation each solved turn is an instruction.

    Args:
        examples: Examples with their pictures in the store; the system prompt of a planner is not MIMIC-IT's, and is
            left out.
        folder: Where the files go.
        store: Where the pictures are.
        name: What the ids begin with.

    Returns:
        How many instructions were written.

    Raises:
        MediaError: a picture is not in the store.
    """
    data: dict[str, dict[str, Any]] = {}
    pictures: dict[str, str] = {}
    for number, example in enumerate(examples):
        turns = [turn for turn in example.messages if turn.role != "system"]
        replies = [*(turn.content for turn in turns if turn.role == "assistant"), example.target]
        questions = [turn.content for turn in turns if turn.role == "user"]
        named = [mark for mark in example.media if any(f"<{mark}>" in text for text in questions)]
        before: list[str] = []
        for place, (question, reply) in enumerate(zip(questions, replies, strict=True)):
            # Pictures that no turn points at belong to the last one, which is asked about them.
            own = [mark for mark in named if f"<{mark}>" in question]
            own += [mark for mark in example.media if mark not in named] if place == len(questions) - 1 else []
            ids = []
            for mark in own:
                digest = example.media[mark]
                question = question.replace(f"<{mark}>", "")
                if digest is None or not mark.startswith("image"):
                    continue
                id_ = f"{name}_IMG_{digest[:16]}"
                if id_ not in pictures:
                    kind: Literal["image"] = "image"
                    found = store.get(MediaInfo(hash=digest, kind=kind, name=mark))
                    pictures[id_] = base64.b64encode(found.encoded()).decode()
                ids.append(id_)
            key = f"{name}_INS_{number:06d}" + (f"_{place}" if place < len(questions) - 1 else "")
            data[key] = {"instruction": question, "answer": reply, "image_ids": ids, "rel_ins_ids": list(before)}
            before.append(key)
    meta = {"version": "1.0.0", "time": datetime.now(UTC).date().isoformat(), "author": "visagent"}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}_instructions.json", json.dumps({"meta": meta, "data": data}, ensure_ascii=False))
    write_whole(folder / f"{name}.json", json.dumps(pictures))
    return len(data)


def _fits(row: Any) -> bool:
    try:
        _Instruction.model_validate(row)
    except ValidationError:
        return False
    return True


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"There is no file {file}.", _WAY_OUT) from error
    except ValueError as error:
        raise InputError(f"{file.name} is no JSON: {error}.", _WAY_OUT) from error
    if not isinstance(found, dict):
        raise InputError(f"{file.name} holds no object.", _WAY_OUT)
    return found
