"""A miniature of each closed set, in the form in which its authors publish it; pictures are small and white."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image


def png(color: str = "white", size: tuple[int, int] = (24, 16)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def jpg(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 16), "white").save(file)


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def mme(folder: Path) -> Path:
    """Two categories in both arrangements of the release: files side by side, and in two subfolders."""
    for name, questions in {
        "existence/1": [("Is there a dog?", "Yes"), ("Is there a cat?", "No")],
        "existence/2": [("Is there a cup?", "Yes"), ("Is there a bus?", "No")],
    }.items():
        jpg(folder / f"{name}.jpg")
        text = "".join(f"{question} Please answer yes or no.\t{answer}\n" for question, answer in questions)
        write(folder / f"{name}.txt", text)
    jpg(folder / "landmark/images/9.jpg")
    write(
        folder / "landmark/questions_answers_YN/9.txt",
        "Is it Rome? Please answer yes or no.\tYes\nIs it Oslo? Please answer yes or no.\tNo\n",
    )
    return folder


def pope(folder: Path) -> Path:
    """The three settings, two questions each; JSON lines in files called .json, as released."""
    for setting, other in (("random", "zebra"), ("popular", "person"), ("adversarial", "fork")):
        rows = [
            {"question_id": 1, "image": "COCO_1.jpg", "text": "Is there a knife in the image?", "label": "yes"},
            {"question_id": 2, "image": "COCO_1.jpg", "text": f"Is there a {other} in the image?", "label": "no"},
        ]
        write(folder / f"coco_pope_{setting}.json", lines(rows))
    jpg(folder / "val2014/COCO_1.jpg")
    return folder


def _table(file: Path, rows: list[dict[str, str]]) -> Path:
    columns = list(rows[0])
    text = "\t".join(columns) + "\n"
    for row in rows:
        quoted = (f'"{row[name]}"' if "\n" in row[name] else row[name] for name in columns)
        text += "\t".join(quoted) + "\n"
    write(file, text)
    return file


def mmbench(folder: Path) -> Path:
    """A question of three options with a hint over two lines, and one of two whose picture is the first one's."""
    shown = base64.b64encode(png()).decode()
    row = {"index": "7", "question": "Which color?", "hint": "Look\nwell", "A": "red", "B": "white", "C": "blue"}
    row |= {"answer": "B", "category": "attribute", "l2-category": "perception", "split": "dev", "image": shown}
    other = row | {"index": "8", "question": "Is it big?", "hint": "", "A": "small", "B": "large", "C": ""}
    other |= {"answer": "A", "l2-category": "reasoning", "image": "7"}
    return _table(folder / "mmbench_dev_en.tsv", [row, other])


def hr_bench(folder: Path) -> Path:
    """One question in its four rotations, and a cross-instance one."""
    texts = ["red", "white", "blue", "green"]
    rows = []
    for by in range(4):
        turned = texts[by:] + texts[:by]
        row = {"index": str(by), "question": "Which color is the flag?", **dict(zip("ABCD", turned, strict=True))}
        row |= {"answer": "ABCD"[turned.index("white")], "category": "single", "cycle_category": f"cycle{by}"}
        rows.append(row | {"image": base64.b64encode(png(size=(40, 30))).decode()})
    rows.append(rows[0] | {"index": "4", "question": "Which is left?", "category": "cross"})
    return _table(folder / "hr_bench_4k.tsv", rows)


def vstar(folder: Path) -> Path:
    """One question of each kind."""
    text = "What is the color of the cup?\n(A) red\n(B) white\n"
    text += "Answer with the option's letter from the given choices directly."
    rows = [
        {"image": "direct_attributes/sa_1.jpg", "text": text, "category": "direct_attributes", "label": "B"},
        {"image": "relative_position/sa_2.jpg", "text": text, "category": "relative_position", "label": "A"},
    ]
    write(folder / "test_questions.jsonl", lines([row | {"question_id": n} for n, row in enumerate(rows)]))
    for row in rows:
        jpg(folder / row["image"])
    return folder


def gqa(folder: Path) -> Path:
    """A binary question, one that it entails, an open one, and a choice."""

    def asked(question: str, answer: str, structural: str, entailed: list[str]) -> dict[str, Any]:
        return {
            "question": question,
            "imageId": "n1",
            "answer": answer,
            "fullAnswer": f"It is {answer}.",
            "types": {"structural": structural, "semantic": "obj", "detailed": "x"},
            "entailed": entailed,
            "isBalanced": True,
        }

    rows = {
        "01": asked("Is the cup white?", "yes", "verify", ["01", "02"]),
        "02": asked("Is there a cup?", "yes", "verify", []),
        "03": asked("What is on the table?", "cup", "query", []),
        "04": asked("Is it left or right?", "left", "choose", []),
    }
    write(folder / "testdev_balanced_questions.json", rows)
    jpg(folder / "images/n1.jpg")
    return folder


def chartqa(folder: Path) -> Path:
    """Both parts."""
    write(folder / "test_human.json", [{"imgname": "1.png", "query": "How many in 2020?", "label": "40"}])
    write(folder / "test_augmented.json", [{"imgname": "1.png", "query": "Which is largest?", "label": "Norway"}])
    jpg(folder / "png/1.png")
    return folder


def docvqa(folder: Path) -> Path:
    """One page with two questions."""
    row = {"questionId": 5, "question": "Which city?", "question_types": ["form"], "image": "documents/p_1.png"}
    row |= {"docId": 1, "ucsf_document_id": "p", "answers": ["Paris", "paris"], "data_split": "val"}
    other = row | {"questionId": 6, "question": "Which year?", "answers": ["1998"]}
    write(folder / "val_v1.0_withQT.json", {"dataset_name": "SP-DocVQA", "data": [row, other]})
    jpg(folder / "documents/p_1.png")
    return folder


def mm_vet(folder: Path) -> Path:
    """An answer of two parts, one of two alternatives, and a sentence that takes a judge."""
    rows = {
        "v1_0": {"question": "What is x?", "answer": "-1<AND>-5", "capability": ["ocr", "math"]},
        "v1_1": {"question": "Which animal?", "answer": "cat<OR>kitten", "capability": ["rec"]},
        "v1_2": {
            "question": "Why is it funny?",
            "answer": "Because a cat wears a large red hat",
            "capability": ["gen"],
        },
    }
    write(
        folder / "mm-vet.json",
        {id_: row | {"imagename": "v1_0.png", "imagesource": "web"} for id_, row in rows.items()},
    )
    jpg(folder / "images/v1_0.png")
    return folder


def mvbench(folder: Path) -> Path:
    """Two tasks, one about a part of its clip."""
    row = {"video": "a.mp4", "question": "What moves?", "candidates": ["a dog", "a car", "a cup"], "answer": "a car"}
    write(folder / "json/moving_direction.json", [row])
    write(folder / "json/action_sequence.json", [row | {"start": 1.5, "end": 3.0, "answer": "a cup"}])
    clip(folder / "video/star/a.mp4")
    return folder


def video_mme(folder: Path) -> Path:
    """Two questions about one clip."""
    import pyarrow
    import pyarrow.parquet as parquet

    row = {"video_id": "001", "duration": "short", "domain": "Knowledge", "sub_category": "Art", "videoID": "fFjv"}
    row |= {"url": "", "question_id": "001-1", "task_type": "Counting", "question": "How many cups?", "answer": "C"}
    options = ["A. One.", "B. Two.", "C. Three.", "D. Four."]
    rows = [row | {"options": options}, row | {"question_id": "001-2", "options": options, "answer": "A"}]
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "test-00000-of-00001.parquet")
    clip(folder / "data/fFjv.mp4")
    return folder


def video_bench(folder: Path) -> Path:
    """A set of each of two levels, one of which counts half in its level; clips of both questions of a set are one."""
    row = {"vid_path": "Eval_video/MSVD/a.mp4", "choices": {"A": "a basket", "B": "luggage"}, "video_id": "a"}
    row |= {"question": "What does he carry?", "answer": "B"}
    write(folder / "Eval_QA/MSVD_QA_new.json", {"40810": row, "40811": row | {"answer": "A"}})
    write(folder / "Eval_QA/MOT_QA_new.json", {"1": row})
    write(folder / "Eval_QA/NBA_QA_new.json", {"7": row | {"answer": "A"}})
    clip(folder / "Eval_video/MSVD/a.mp4")
    return folder


def video_chat(folder: Path) -> Path:
    """A question of each kind; that of consistency in two wordings."""
    one = {"Q": "What is happening?", "A": "A man is cooking soup.", "video_name": "v_p1QG"}
    write(folder / "generic_qa.json", [one])
    write(folder / "temporal_qa.json", [one | {"Q": "What happens first?", "A": "He cuts an onion."}])
    two = {"Q1": "Who cooks?", "Q2": "Who is it that cooks?", "A": "A man.", "video_name": "v_p1QG"}
    write(folder / "consistency_qa.json", [two])
    clip(folder / "videos/v_p1QG.mp4")
    return folder


def clip(file: Path) -> None:
    """Three white frames."""
    import av
    import numpy as np

    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 255, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def amber(folder: Path) -> Path:
    """A description and a question of each dimension."""
    annotations = [
        {"id": 1, "type": "generative", "truth": ["sky", "beach"], "hallu": ["dog", "umbrella"]},
        {"id": 2, "type": "discriminative-attribute-state", "truth": "yes"},
        {"id": 3, "type": "discriminative-hallucination", "truth": "no"},
        {"id": 4, "type": "relation", "truth": "no"},
    ]
    queries = {2: "Is the sky sunny?", 3: "Is there a dog?", 4: "Is there direct contact?"}
    asked = [{"id": id_, "image": "AMBER_1.jpg", "query": query} for id_, query in queries.items()]
    write(folder / "annotations.json", annotations)
    write(folder / "query/query_discriminative.json", asked)
    described = {"id": 1, "image": "AMBER_1.jpg", "query": "Describe this image."}
    write(folder / "query/query_generative.json", [described])
    relation = {"sky": ["heaven"], "beach": ["shore"], "dog": ["puppy"], "umbrella": [], "boat": ["ship"], "day": []}
    write(folder / "relation.json", relation)
    write(folder / "safe_words.txt", "day\nphoto\n")
    jpg(folder / "image/AMBER_1.jpg")
    return folder


def gta(folder: Path) -> Path:
    """A request with a list of words, one for a picture, and one with a sentence for an answer."""
    request = {"tools": [{"name": "OCR"}], "files": [{"type": "image", "path": "image/image_1.jpg", "url": None}]}
    dialogs = [{"role": "user", "content": "How much is it?"}, {"role": "assistant", "tool_calls": [], "thought": "?"}]
    answer = {"whitelist": [["10.81", "10,81"], ["dollars", "USD"]], "blacklist": [["euro"]]}
    rows = {"0": answer, "1": None, "2": ["It is a small dog on a bed."]}
    write(
        folder / "dataset.json", {id_: request | {"dialogs": dialogs, "gt_answer": gold} for id_, gold in rows.items()}
    )
    jpg(folder / "image/image_1.jpg")
    return folder


def nlvr(folder: Path) -> Path:
    """A sentence of two pictures in which there is a shape, and its group's other one."""
    rows = [
        {"id": "1-0", "group": "1", "sentence": "There is a shape.", "label": "true", "images": ["a.png", "b.png"]},
        {"id": "1-1", "group": "1", "sentence": "There is a shape.", "label": "false", "images": ["a.png"]},
    ]
    write(folder / "dev.jsonl", lines([row | {"structured_rep": []} for row in rows]))
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(png())
    return folder


def natural(folder: Path) -> Path:
    """A question with one word of several, one with two groups, and one that cannot be answered."""
    row = {"media": ["pictures/a.png"], "kind": "count", "hops": 1, "lang": "en"}
    rows = [
        row | {"id": "1", "question": "how many cups?", "any": ["12", "twelve"], "none": ["13"]},
        row | {"id": "2", "question": "cups and price?", "all": [["12"], ["$3"]], "kind": "yesno2"},
        row | {"id": "3", "question": "who made it?", "any": ["cannot"], "kind": "unanswerable"},
    ]
    write(folder / "natural" / "questions.jsonl", lines(rows))
    jpg(folder / "pictures" / "a.png")
    return folder / "natural"


def easy_vqa(folder: Path) -> Path:
    """Two questions of the test part."""
    write(folder / "test/questions.json", [["what color is the shape?", "gray", 0], ["is it red?", "no", 0]])
    jpg(folder / "test/images/0.png")
    return folder


MINIATURES: dict[str, Callable[[Path], Path]] = {
    "amber-discriminative": amber,
    "amber-generative": amber,
    "chartqa": chartqa,
    "docvqa": docvqa,
    "easy-vqa": easy_vqa,
    "gqa": gqa,
    "gta-agent": gta,
    "hr-bench": hr_bench,
    "mm-vet": mm_vet,
    "mm-vet-open": mm_vet,
    "mmbench": mmbench,
    "mme": mme,
    "mvbench": mvbench,
    "natural": natural,
    "nlvr-agent": nlvr,
    "pope": pope,
    "video-bench": video_bench,
    "video-chatgpt": video_chat,
    "video-mme": video_mme,
    "vstar": vstar,
}
"""By the name under which each is installed."""
