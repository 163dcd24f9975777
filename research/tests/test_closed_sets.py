"""Each closed set on a miniature in its authors' format, through the agent, with scores worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from miniatures import MINIATURES, amber, gqa, mm_vet, mmbench, mme, pope, vstar

from visagent.agent.agent import Agent
from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AgentBenchmark
from visagent.evaluation.agent_items import Embedded, as_attempt, usable
from visagent.evaluation.agent_run import evaluate_agent
from visagent.evaluation.agent_scores import agent_scores
from visagent.media.media import Media
from visagent.testing import ScriptedModel
from visagent_research.closed_sets.amber import AmberDiscriminative, AmberGenerative
from visagent_research.closed_sets.choices import HrBench, MmBench, VStarBench
from visagent_research.closed_sets.open_answers import ChartQa, DocVqa, Gqa, MmVet, MmVetOpen, anls, levenshtein
from visagent_research.closed_sets.video_chat import VideoChatGpt, word_f1
from visagent_research.closed_sets.videos import MvBench, VideoBench, VideoMme
from visagent_research.closed_sets.yes_no import Mme, Pope
from visagent_research.easy_vqa import EasyVqaBenchmark
from visagent_research.gta.end_to_end import GtaEndToEnd
from visagent_research.natural import Natural, says
from visagent_research.nlvr.agent import NlvrAgent

BENCHMARKS: dict[str, type[AgentBenchmark]] = {
    made.name: made
    for made in (
        *(AmberDiscriminative, AmberGenerative, ChartQa, DocVqa, EasyVqaBenchmark, Gqa, GtaEndToEnd, HrBench),
        *(MmBench, MmVet, MmVetOpen, Mme, MvBench, Natural, NlvrAgent, Pope, VideoBench, VideoChatGpt, VideoMme),
        VStarBench,
    )
}
REPLIES: dict[str, tuple[str, dict[str, float]]] = {
    # What the model says of everything, and what that comes to.
    "amber-discriminative": ("No.", {"accuracy": 2 / 3, "precision": 2 / 3, "recall": 1, "F1": 0.8}),
    "amber-generative": (
        "A puppy on the shore under a clear sky on a sunny day, and a ship.",
        {"CHAIRi": 2 / 5, "CHAIRs": 1, "Cover": 1, "Cog": 1 / 2},
    ),
    "chartqa": ("It was 41 in Norway.", {"relaxed accuracy": 1, "relaxed accuracy, word for word": 0}),
    "docvqa": ("Pari", {"ANLS": 0.4, "answer in the reply": 0}),
    "easy-vqa": ("The shape is grey.", {"exact match": 0.5}),
    "gqa": (
        "Yes, a cup.",
        {"accuracy": 3 / 4, "accuracy: binary": 2 / 3, "accuracy: open": 1, "consistency": 1},
    ),
    "gta-agent": ("It costs 10.81 USD.", {"AnsAcc": 1}),
    "hr-bench": ("white", {"accuracy": 1, "accuracy: single": 1, "all rotations right": 1}),
    "mm-vet": ("x is -1 or -5.", {"string match": 0.5, "string match: math": 1, "string match: rec": 0}),
    # Two of its three words are both of the first answer's; none is one of the others'.
    "mm-vet-open": ("-1 or -5.", {"word F1": (4 / 5) / 3, "string match of short answers": 0.5}),
    "mmbench": (
        "B",
        {
            "circular accuracy": 0,
            "circular accuracy: perception": 0,
            "accuracy, options as given": 0.5,
        },
    ),
    "mme": (
        "Yes",
        {"perception (of 400)": 1 / 4, "existence: acc": 0.5, "existence: acc+": 0, "landmark: acc": 0.5},
    ),
    "mvbench": ("a car", {"accuracy": 0.5, "accuracy: moving_direction": 1}),
    "natural": (
        "There are 12 cups.",
        # Of three, the first; the third states something where it should decline.
        {"right": 1 / 3, "right: count": 1, "stated": 1, "right of what is stated": 1 / 3},
    ),
    "nlvr-agent": ("Yes", {"accuracy": 2 / 3, "consistency": 0}),
    "pope": (
        "Yes",
        {"random: accuracy": 0.5, "random: precision": 0.5, "popular: recall": 1, "adversarial: F1": 2 / 3}
        | {"random: yes ratio": 1},
    ),
    "video-bench": (
        "luggage",
        # (1 x 1/2 + 0.5 x 1) / 1.5 on the level with two sets, 0 on the other.
        {"accuracy": 1 / 2, "accuracy: MOT": 1, "video-exclusive understanding": 2 / 3, "final score": 1 / 3},
    ),
    "video-chatgpt": (
        "A man is cooking.",
        # Three of his three words of four; none of four; two times one of three words.
        {"word F1: generic": 6 / 7, "word F1: temporal": 0, "word F1: consistency": 1 / 2}
        | {"consistency: word F1 of the two replies": 1},
    ),
    "video-mme": ("C", {"accuracy": 0.5}),
    "vstar": ("(B)", {"accuracy": 0.5, "accuracy: direct_attributes": 1}),
}


@pytest.mark.parametrize("name", MINIATURES)
async def test_a_miniature_through_the_agent_scores_what_was_worked_out_by_hand(name: str, tmp_path: Path) -> None:
    benchmark = BENCHMARKS[name]()
    reply, expected = REPLIES[name]
    model = ScriptedModel(reply, media=["image", "video"])
    agent = Agent("embedded", models={"main": model}, home=tmp_path / "home")
    data = MINIATURES[name](tmp_path / "data")
    run = await evaluate_agent(benchmark, data, tmp_path / "out", agent, mode="direct")
    scores = agent_scores(benchmark, run).measured.scores
    assert {metric: scores[metric].value for metric in expected} == pytest.approx(expected)
    assert len(model.prompts) == len(run.items) and not any(one.error for one in run.folder.attempts.values())


def test_every_set_has_a_miniature_and_a_name_of_its_own() -> None:
    assert set(BENCHMARKS) == set(MINIATURES) == set(REPLIES)


def metrics(benchmark: AgentBenchmark, data: Path, replies: Mapping[str, str]) -> dict[str, float]:
    """The scores of replies by item."""
    rows = []
    for item in usable(benchmark.load(data))[0]:
        reply = replies[item.id]
        attempt = as_attempt(item, "agent", "").model_copy(update={"reply": reply})
        rows.append((item, attempt.model_copy(update={"score": benchmark.grade(item, reply)})))
    return {name: found.value for name, found in benchmark.metrics(rows).items()}


def test_mme_adds_questions_and_pictures_both_of_whose_questions_are_right(tmp_path: Path) -> None:
    right = {"existence/1#1": "yes", "existence/1#2": "no", "existence/2#1": "yes", "existence/2#2": ""}
    found = metrics(Mme(), mme(tmp_path), right | {"landmark/9#1": "yes", "landmark/9#2": "no"})
    # existence: 75 + 50, landmark: 100 + 100, of 400.
    assert found["perception (of 400)"] == pytest.approx(325 / 400)
    assert (found["existence: acc"], found["existence: acc+"]) == (0.75, 0.5)


def upstream_pope(replies: list[str], labels: list[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 as POPE's evaluate.py counts them."""
    pairs = list(zip((reply == "yes" for reply in replies), (label == "yes" for label in labels), strict=True))
    hits = sum(said and true for said, true in pairs)
    precision, recall = hits / sum(said for said, _ in pairs), hits / sum(true for _, true in pairs)
    return precision, recall, 2 * precision * recall / (precision + recall)


def test_pope_equals_its_authors_count(tmp_path: Path) -> None:
    replies = {f"{setting}/{n}": "yes" for setting in Pope.settings for n in (1, 2)} | {"popular/2": "no"}
    found = metrics(Pope(), pope(tmp_path), replies)
    for setting in Pope.settings:
        theirs = upstream_pope([replies[f"{setting}/{n}"] for n in (1, 2)], ["yes", "no"])
        ours = tuple(found[f"{setting}: {name}"] for name in ("precision", "recall", "F1"))
        assert ours == pytest.approx(theirs)
    assert found["popular: yes ratio"] == 0.5


def test_mmbench_asks_every_rotation_and_reads_pictures_where_they_stand(tmp_path: Path) -> None:
    benchmark = MmBench()
    items = benchmark.load(mmbench(tmp_path))
    assert [item.id for item in items] == ["7#0", "7#1", "7#2", "8#0", "8#1"]
    assert [item.gold[0] for item in items] == ["B", "A", "C", "A", "B"]
    assert items[0].prompt.splitlines()[:2] == ["Look", "well"]
    for item in items:
        (medium,) = item.media
        assert isinstance(medium, Embedded) and Media.load(medium.read()).info.width == 24
    found = metrics(
        benchmark, tmp_path / "mmbench_dev_en.tsv", {item.id: item.gold[0] for item in items} | {"7#2": "A"}
    )
    assert found["circular accuracy"] == 0.5 and found["accuracy, options as given"] == 1


def test_gqa_is_consistent_where_what_it_entails_is_right_too(tmp_path: Path) -> None:
    replies = {"01": "yes", "02": "no", "03": "There is a cup on it.", "04": "It is on the right."}
    found = metrics(Gqa(), gqa(tmp_path), replies)
    assert found["consistency"] == 0 and found["accuracy"] == 0.5
    assert found["accuracy, word for word"] == 0.25


def test_mm_vet_leaves_out_what_takes_a_judge(tmp_path: Path) -> None:
    kept, left_out = usable(MmVet().load(mm_vet(tmp_path)))
    assert [item.id for item in kept] == ["v1_0", "v1_1"] and left_out[0].id == "v1_2"


def test_mm_vet_open_asks_them_all_and_takes_the_nearest_alternative(tmp_path: Path) -> None:
    benchmark = MmVetOpen()
    items, left_out = usable(benchmark.load(mm_vet(tmp_path)))
    assert len(items) == 3 and not left_out
    assert [benchmark.grade(items[1], reply) for reply in ("A kitten.", "cat", "dog")] == [1, 1, 0]


def test_gtas_answer_needs_each_group_and_nothing_forbidden(tmp_path: Path) -> None:
    benchmark = GtaEndToEnd()
    kept, left_out = usable(benchmark.load(MINIATURES["gta-agent"](tmp_path)))
    (item,) = kept
    graded = [
        benchmark.grade(item, reply) for reply in ("10.81 usd", "10.81", "10.81 dollars, not a euro", "110.81 USD")
    ]
    assert graded == [1, 0, 0, 0] and [one.id for one in left_out] == ["1", "2"]


def test_anls_is_the_similarity_of_the_nearest_answer() -> None:
    assert levenshtein("kitten", "sitting") == 3
    assert anls("It is in Paris", ["Paris"]) == 0 and anls("pariss", ["Rome", "Paris"]) == pytest.approx(5 / 6)


def test_a_description_is_graded_by_what_it_makes_up(tmp_path: Path) -> None:
    benchmark = AmberGenerative()
    (item,) = benchmark.load(amber(tmp_path))
    assert benchmark.grade(item, "The sky over a beach.") == 1
    assert benchmark.grade(item, "Two boats under the sky.") == 0.5
    assert benchmark.grade(item, "Nothing of note.") == 0


def test_a_natural_question_wants_each_group_and_whole_words(tmp_path: Path) -> None:
    first, second, _ = Natural().load(MINIATURES["natural"](tmp_path))
    replies = ("twelve cups", "12 cups, or 13", "1200")
    assert [Natural().grade(first, reply) for reply in replies] == [1, 0, 0]
    assert Natural().grade(second, "12 cups at $3") == 1 and Natural().grade(second, "12 cups") == 0
    assert says("有12个杯子", "12") and not says("cupboards", "cup")


def test_video_chatgpt_compares_the_replies_to_two_wordings(tmp_path: Path) -> None:
    replies = {
        "generic/1": "",
        "temporal/1": "He cuts an onion",
        "consistency/1#1": "A man",
        "consistency/1#2": "A dog",
    }
    found = metrics(VideoChatGpt(), MINIATURES["video-chatgpt"](tmp_path), replies)
    assert found["word F1: temporal"] == 1 and found["word F1: consistency"] == 0.5
    assert found["consistency: word F1 of the two replies"] == 0
    assert word_f1("a b b", "b b c d") == pytest.approx(4 / 6)


def broken(file: Path, content: Any) -> None:
    file.write_text(content if isinstance(content, str) else json.dumps(content))


def test_what_is_not_in_the_format_is_named_by_its_line(tmp_path: Path) -> None:
    data = pope(tmp_path / "pope")
    broken(
        data / "coco_pope_random.json",
        '{"question_id": 1, "image": "a.jpg", "text": "?", "label": "no"}\n{"image": 3}\n',
    )
    with pytest.raises(InputError, match=r"coco_pope_random.json, line 2: question_id: Field required"):
        Pope().load(data)
    data = mme(tmp_path / "mme")
    broken(data / "existence" / "1.txt", "Is there a dog?\tYes\nIs there a cat? No\n")
    with pytest.raises(InputError, match=r"existence/1.txt, line 2"):
        Mme().load(data)
    table = mmbench(tmp_path / "mmbench")
    broken(table, table.read_text() + "9\tWhich?\n")
    with pytest.raises(InputError, match=r"mmbench_dev_en.tsv, line 5: 2 fields where the table has 11"):
        MmBench().load(table)
    data = vstar(tmp_path / "vstar")
    broken(data / "test_questions.jsonl", '{"image": \n')
    with pytest.raises(InputError, match=r"test_questions.jsonl, line 1"):
        VStarBench().load(data)
    data = MINIATURES["video-bench"](tmp_path / "bench")
    broken(data / "Eval_QA" / "NBA_QA_new.json", {"7": {"vid_path": "a.mp4"}})
    with pytest.raises(InputError, match=r"NBA_QA_new.json, question 7: question: Field required"):
        VideoBench().load(data)
    data = MINIATURES["video-chatgpt"](tmp_path / "chat")
    broken(data / "consistency_qa.json", [{"Q1": "?", "A": "x", "video_name": "v"}])
    with pytest.raises(InputError, match=r"consistency_qa.json, entry 1: Q2: Field required"):
        VideoChatGpt().load(data)
    data = gqa(tmp_path / "gqa")
    broken(data / "testdev_balanced_questions.json", '{\n "1": {"question": 3,}}')
    with pytest.raises(InputError, match=r"testdev_balanced_questions.json, line 2"):
        Gqa().load(data)


BROKEN: dict[str, tuple[str, str, str]] = {
    # A file of the miniature, what it becomes, and what is said of it.
    "amber-discriminative": (
        "annotations.json",
        '[{"id": 2, "type": "x"}]',
        r"entry 1: truth: Field",
    ),
    "amber-generative": ("query/query_generative.json", '[{"id": 1}]', r"query_generative.json, entry 1: image: Field"),
    "chartqa": ("test_human.json", '[{"imgname": "1.png"}]', r"test_human.json, entry 1: query: Field required"),
    "docvqa": (
        "val_v1.0_withQT.json",
        '{"data": [{"questionId": 5}]}',
        r".*1.*: question: Field",
    ),
    "easy-vqa": ("test/questions.json", '[["what?", "no"]]', r"questions.json holds no list of"),
    "gta-agent": ("dataset.json", '{"0": {"dialogs": []}}', r"dataset.json, request 0: files: Field required"),
    "hr-bench": ("hr_bench_4k.tsv", "index\tquestion\n1\tWhich?\n", r"hr_bench_4k.tsv, line 1: there is no column"),
    "mm-vet": ("mm-vet.json", '{"v1_0": {"question": "?"}}', r"mm-vet.json, question v1_0: imagename: Field"),
    "mm-vet-open": ("mm-vet.json", '{"v1_0": {"question": "?"}}', r"mm-vet.json, question v1_0: imagename: Field"),
    "mvbench": (
        "json/moving_direction.json",
        '[{"video": "a.mp4"}]',
        r"entry 1: question: Field",
    ),
    "natural": ("questions.jsonl", '{"id": "1"}\n', r"questions.jsonl, line 1: media: Field required"),
    "nlvr-agent": ("dev.jsonl", '{"id": "1"}\n', r"dev.jsonl, line 1: "),
    "video-mme": ("test-00000-of-00001.parquet", "no table", r"test-00000-of-00001.parquet is no table"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_entry_that_is_not_in_the_authors_form_is_named_with_its_place(name: str, tmp_path: Path) -> None:
    file, content, said = BROKEN[name]
    data = MINIATURES[name](tmp_path / "data")
    (target,) = (data if data.is_dir() else data.parent).rglob(Path(file).name)
    target.write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        BENCHMARKS[name]().load(data)
    assert "\n" not in str(caught.value) and caught.value.remedy


@pytest.mark.parametrize("name", MINIATURES)
def test_where_there_is_nothing_the_error_says_what_was_expected(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        BENCHMARKS[name]().load(tmp_path / "nowhere")
    assert "nowhere" in str(caught.value) and "\n" not in str(caught.value) and caught.value.remedy
