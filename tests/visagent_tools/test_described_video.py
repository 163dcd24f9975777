"""Captions and vectors in the index of a video, by the profile's model or by small networks that are made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import Experts, loaded, scene, use_stand_ins
from PIL import Image

from visagent.agent.agent import Agent
from visagent.core.errors import ConfigError, ModelError, UnknownLabel
from visagent.core.settings import load_profile
from visagent.evidence.values import Box, Crop, Spans
from visagent.media.media import Media
from visagent.media.regions import MediaRegion
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Context
from visagent_tools.engines.describing import describer_for, embedder_for
from visagent_tools.engines.video_index import IndexedFrame, VideoIndex
from visagent_tools.engines.video_indexing import Indexing, indexed, stretches_to_describe
from visagent_tools.moments import seen_spans, when
from visagent_tools.video_moments import choose

pytest.importorskip("av", reason="video needs PyAV: pip install 'visagent[embedded]'")
pytest.importorskip("scenedetect", reason="shots need PySceneDetect: pip install 'visagent[embedded]'")


def night(at: float) -> Image.Image:
    """Another ground from 6 s on."""
    return scene(ground=(120, 120, 120) if at < 6 else (20, 30, 90))


@pytest.fixture(scope="module")
def film() -> Media:
    return loaded(night, 12)


@pytest.fixture
def experts(monkeypatch: pytest.MonkeyPatch) -> Experts:
    return use_stand_ins(monkeypatch)


class Eyes:
    """Says what the ground is, and how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[float | None] = []

    def __call__(self, crop: Crop) -> str:
        self.asked.append(crop.seconds)
        return "A dark lagoon at night." if crop.array().mean() < 80 else "A grey wall."


OWN = {"captioner": "profile"}


def test_each_shot_is_described_once_and_what_no_detector_knows_is_found_by_it(
    experts: Experts, film: Media, tmp_path: Path
) -> None:
    eyes = Eyes()
    here = Context(options=OWN, home=tmp_path, describe=eyes)
    (span,) = when(film, "lagoon", here, by="seen").spans
    assert (span.start, span.end) == (6.0, 12.0)
    assert eyes.asked == [3.0, 9.0]
    assert not when(film, "forest", here).spans and len(eyes.asked) == 2
    # A region's descriptions are not those of the whole picture.
    with pytest.raises(UnknownLabel):
        when(MediaRegion(film, "r1", (0, 0, 80, 80)), "lagoon", here, by="seen")


def test_an_index_that_was_made_without_the_model_is_described_when_it_is_there(
    experts: Experts, film: Media, tmp_path: Path
) -> None:
    assert not indexed(film, OWN, tmp_path).descriptions
    looks = experts.detector.looks
    assert [one.caption for one in indexed(film, OWN, tmp_path, describe=Eyes()).descriptions] == [
        "A grey wall.",
        "A dark lagoon at night.",
    ]
    assert experts.detector.looks == looks


def test_a_model_that_fails_half_way_goes_on_where_it_stopped(experts: Experts, film: Media, tmp_path: Path) -> None:
    def failing(crop: Crop) -> str:
        if crop.seconds == 9.0:
            raise ModelError("The server is away.", "Start it.")
        return "A grey wall."

    half = indexed(film, OWN, tmp_path, describe=failing)
    assert half.complete and len(half.descriptions) == 1
    eyes = Eyes()
    assert len(indexed(film, OWN, tmp_path, describe=eyes).descriptions) == 2 and eyes.asked == [9.0]


def test_frames_are_chosen_by_what_was_said_of_them(experts: Experts, film: Media, tmp_path: Path) -> None:
    indexed(film, OWN, tmp_path, describe=Eyes())
    assert 9.0 in choose(film, "Which boats lie in the lagoon?", 2, options=OWN, home=tmp_path)


def test_the_profiles_own_model_describes_a_video_for_a_tool(film: Media, tmp_path: Path) -> None:
    looks = ScriptedModel("A quiet lagoon.", "A quiet lagoon.", media=["image"])
    profile = load_profile("endpoint").model_copy(
        update={"tools": {"when": {**OWN, "speech": False, "text": False, "detector": "nanodet"}}, "hidden_tools": ()}
    )
    models: Any = {
        "controller": ScriptedModel([{"tool": "when", "event": "lagoon", "by": "seen"}]),
        "observer": looks,
        "refiner": ScriptedModel("{}"),
    }
    answer = Agent(profile, models=models, home=tmp_path).ask("When is a lagoon seen?", film, mode="tree")
    value = answer.evidence["q1"].value
    assert isinstance(value, Spans) and [(span.start, span.end) for span in value.spans] == [(0.0, 12.0)]


def test_long_shots_are_described_in_parts_and_of_quick_cuts_not_every_one() -> None:
    assert np.allclose(stretches_to_describe(VideoIndex("0", shown_until=30.0)), [(0, 10), (10, 20), (20, 30)])
    quick = VideoIndex("0", cuts=tuple(np.arange(0.5, 60, 0.5).tolist()), shown_until=60.0)
    assert len(stretches_to_describe(quick)) <= 12


def test_what_is_no_model_is_refused() -> None:
    for option in ("captioner", "embedder"):
        with pytest.raises(ConfigError, match=f"{option} = 3"):
            describer_for({option: 3}, None)
    assert describer_for({}, None) is None and describer_for(OWN, None) is None


def small_clip(folder: Path) -> str:
    """CLIP with random weights and a word-level tokenizer, saved as transformers saves them."""
    pytest.importorskip("torch", reason="an embedding model needs torch: pip install 'visagent[local]'")
    transformers: Any = pytest.importorskip("transformers", reason="needs transformers: pip install 'visagent[local]'")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"<pad>": 0, "<unk>": 1, "<end>": 2, "lagoon": 3, "wall": 4}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    part = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**part, "vocab_size": 5, "max_position_embeddings": 64, "eos_token_id": 2},
        vision_config={**part, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    pictures = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    transformers.CLIPProcessor(image_processor=pictures, tokenizer=fast).save_pretrained(folder)
    return str(folder)


def test_vectors_of_frames_are_in_the_index_and_choose_frames(experts: Experts, film: Media, tmp_path: Path) -> None:
    options = {"embedder": small_clip(tmp_path / "clip")}
    index = indexed(film, options, tmp_path)
    rows = [np.frombuffer(one.vector, np.float16).astype(float) for one in index.descriptions]
    assert len(rows) == 2 and all(np.linalg.norm(row) == pytest.approx(1, abs=0.01) for row in rows)
    assert index.described and not any(one.caption for one in index.descriptions)
    embedder = embedder_for(options)
    assert embedder is not None and embedder.words("a lagoon " * 100).shape == (8,)
    assert {3.0, 9.0} <= set(choose(film, "Is there a lagoon?", 4, options=options, home=tmp_path))


def test_a_model_that_embeds_no_pictures_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot load this as an embedding model"):
        describer_for({"embedder": str(tmp_path)}, None)


def at(seconds: float, x: float, sure: float, *, weak: bool) -> IndexedFrame:
    box = Box(xyxy=(x, 0, x + 40, 40), label="cat", confidence=sure)
    return IndexedFrame(seconds, max(0.0, seconds - 0.5), () if weak else (box,), None, (box,) if weak else ())


def test_a_weak_sighting_counts_where_the_thing_was_just_before_or_after() -> None:
    frames = (
        at(0.0, 200, 0.2, weak=True),
        at(0.5, 10, 0.2, weak=True),
        at(1.0, 14, 0.6, weak=False),
        at(1.5, 18, 0.2, weak=True),
        at(2.0, 22, 0.16, weak=True),
        IndexedFrame(2.5, 2.0, ()),
        at(5.0, 22, 0.2, weak=True),
    )
    index = VideoIndex("0", frames, shown_until=6.0)
    (span,) = seen_spans(index, "cat", Indexing({}), tool_name="when")
    # Neither the one at another place nor the one long after.
    assert (span.start, span.end, span.confidence) == (0.25, 2.25, 0.6)


def test_weak_sightings_alone_are_none() -> None:
    index = VideoIndex("0", tuple(at(step / 2, 10, 0.2, weak=True) for step in range(8)), shown_until=4.0)
    assert seen_spans(index, "cat", Indexing({}), tool_name="when") == []


def test_the_packaged_detector_tells_what_it_is_less_sure_of() -> None:
    from visagent_tools.engines.detector import NanoDetDetector

    pytest.importorskip("onnxruntime", reason="detecting needs onnxruntime: pip install 'visagent[embedded]'")
    cat = np.asarray(Image.open(Path(__file__).parents[1] / "data" / "samples" / "images" / "chelsea.png"))[..., :3]
    strict, usual = NanoDetDetector(0.9), NanoDetDetector()
    sure, weak = usual.find_weak(cat)
    assert sure == usual.find(cat, None) and all(0.15 <= box.confidence < 0.3 for box in weak)
    assert strict.find_weak(cat)[0] == [] and any(box.label == "cat" for box in strict.find_weak(cat)[1])
