"""What captions make up: objects against a list of what is there, claims against the experts' evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from visagent.core.errors import InputError
from visagent.evaluation.hallucination import (
    Caption,
    CheckedCaption,
    check_objects,
    claim_scores,
    mentions,
    read_captions,
    read_synonyms,
)
from visagent.evaluation.judge import judge_captions
from visagent.testing import ScriptedModel

WORDS = {"person": "person", "man": "person", "baby": "person", "dog": "dog", "puppy": "dog", "bird": "bird"}
WORDS |= {"hot dog": "hot dog", "table": "dining table", "dining table": "dining table", "toilet": "toilet"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Two puppies and a man.", ["puppy", "man"]),
        ("A hot dog on a dining table.", ["hot dog", "dining table"]),
        ("A baby bird.", ["bird"]),
        ("A baby and a bird.", ["baby", "bird"]),
        ("A hotdog stand, tables apart.", ["table"]),
        ("", []),
    ],
)
def test_words_are_found_in_the_plural_as_phrases_and_not_inside_others(text: str, named: list[str]) -> None:
    assert mentions(text, WORDS) == named


def test_chair_counts_mentions_and_captions() -> None:
    captions = [
        Caption(image="1.jpg", caption="A man with a dog at a table.", objects=("person", "dining table")),
        Caption(image="2.jpg", caption="A puppy.", objects=("dog", "bird")),
        Caption(image="3.jpg", caption="A man and a man.", objects=("dog",), imagined=("person", "bird")),
        Caption(image="4.jpg", caption="A dog."),
    ]
    checked, scores = check_objects(captions, WORDS)
    # 3 mentions with the dog wrong, 1 right, 2 wrong; 2 of 2, 1 of 2 and 0 of 1 objects are named.
    assert {name: found.value for name, found in scores.items()} == pytest.approx(
        {"CHAIRi": 3 / 6, "CHAIRs": 2 / 3, "Cover": 3 / 5, "Cog": 1 / 2}
    )
    assert checked[0].wrong == ("dog",) and checked[3].wrong is None


def test_an_object_that_the_vocabulary_cannot_name_is_refused() -> None:
    with pytest.raises(InputError, match="no word of the vocabulary means 'unicorn'"):
        check_objects([Caption(image="1.jpg", caption="A dog.", objects=("unicorn",))], WORDS)


def test_faithfulness_is_of_what_can_be_checked() -> None:
    checked = [
        CheckedCaption(image="1", caption="", supported=3, contradicted=("two dogs",), unverifiable=4),
        CheckedCaption(image="2", caption="", supported=1),
    ]
    found = {name: score.value for name, score in claim_scores(checked).items()}
    assert found == pytest.approx({"faithfulness": 4 / 5, "checkable": 5 / 9, "clean": 1 / 2})
    assert claim_scores([]) == {}


async def test_a_judge_says_of_each_caption_whether_something_is_made_up(tmp_path: Path) -> None:
    captions = [
        Caption(image="1.jpg", caption="A dog.", objects=("dog",)),
        Caption(image="2.jpg", caption="A cat and a zebra.", objects=("cat",)),
        Caption(image="3.jpg", caption="A bus."),
    ]
    replies = [{"reason": "", "scores": {"faithful": level}} for level in (1, 0)]
    model = ScriptedModel(*replies, "I would rather not say.", "No.", "No.")
    told: list[str] = []
    found = await judge_captions(captions, tmp_path, model, unjudged=lambda name, reason: told.append(name))
    assert found["faithful by the judge"].value == 0.5 and told == ["3.jpg"]
    assert "What is there: dog." in str(model.prompts[0])


def write(file: Path, *rows: Any) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_cocos_instances_say_what_is_there(tmp_path: Path) -> None:
    captions = write(tmp_path / "c.jsonl", {"image_id": 9, "caption": "A dog."}, {"image_id": 8, "caption": "A bird."})
    instances = tmp_path / "instances.json"
    stored = {"images": [{"id": 9}], "categories": [{"id": 18, "name": "dog"}]}
    instances.write_text(json.dumps(stored | {"annotations": [{"image_id": 9, "category_id": 18}]}))
    found = read_captions(captions, instances)
    assert [one.objects for one in found] == [("dog",), None]


def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    file = write(tmp_path / "c.jsonl", {"image": "1.jpg", "caption": "A dog."}, {"image": "2.jpg"})
    with pytest.raises(InputError, match=r"c.jsonl, line 2: caption: Field required"):
        read_captions(file)
    with pytest.raises(InputError, match="caption 1: neither image nor image_id"):
        read_captions(write(tmp_path / "d.jsonl", {"caption": "A dog."}))
    with pytest.raises(InputError, match="holds no instances: KeyError"):
        read_captions(write(tmp_path / "e.jsonl", {"image_id": 1, "caption": "A dog."}), write(tmp_path / "i.json", {}))


def test_a_vocabulary_is_read_as_chairs_authors_write_it(tmp_path: Path) -> None:
    (tmp_path / "synonyms.txt").write_text("person, girl, boy\nbicycle, bike\n")
    assert read_synonyms(tmp_path / "synonyms.txt")["boy"] == "person"
    with pytest.raises(InputError, match="cannot be read"):
        read_synonyms(tmp_path / "none.txt")
