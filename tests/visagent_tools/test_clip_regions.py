"""Regions of clips: what tools see of them, and how a person points at one."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import Experts, beeps, decodes, loaded, scene, use_stand_ins
from PIL import Image

from visagent.agent.agent import Agent
from visagent.answering.frames import frames
from visagent.core.errors import MediaError, ToolError
from visagent.core.settings import load_profile
from visagent.evidence.values import Crop, Spans
from visagent.media.media import Media
from visagent.media.regions import MediaRegion, with_regions
from visagent.reporting.drawing import annotate
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Context
from visagent_tools.following import follow
from visagent_tools.moments import when
from visagent_tools.read_text import read_text
from visagent_tools.video import frame, track

pytest.importorskip("av", reason="video needs PyAV: pip install 'visagent[embedded]'")
pytest.importorskip("scenedetect", reason="shots need PySceneDetect: pip install 'visagent[embedded]'")

LEFT, RIGHT = (0.0, 0.0, 160.0, 180.0), (160.0, 0.0, 320.0, 180.0)


def walk(at: float) -> Image.Image:
    """A cat that walks from left to right, and is in the right half from 4 s on; a sign at the left from 2 to 5 s."""
    things = [("cat", 20 + round(at * 30), 60)]
    if 2 <= at < 5:
        things.append(("sign", 0, 0))
    return scene(*things)


@pytest.fixture(scope="module")
def clip() -> Media:
    return loaded(walk, 8, sound=beeps(8, (1, 1.5)))


@pytest.fixture
def experts(monkeypatch: pytest.MonkeyPatch) -> Experts:
    return use_stand_ins(monkeypatch)


@pytest.fixture
def here(tmp_path: Path) -> Context:
    return Context(home=tmp_path)


def test_a_thing_is_in_a_region_of_a_clip_while_half_of_it_is(experts: Experts, clip: Media, here: Context) -> None:
    for box, start, end in ((LEFT, 0.0, 4.0), (RIGHT, 4.0, 8.0)):
        (span,) = when(MediaRegion(clip, "r1", box), "cat", here).spans
        assert span.start == pytest.approx(start, abs=0.3) and span.end == pytest.approx(end, abs=0.3)


def test_a_region_of_a_clip_shares_the_clips_index(
    experts: Experts, clip: Media, here: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    when(clip, "cat", here)
    opened = decodes(monkeypatch)
    assert when(MediaRegion(clip, "r1", RIGHT), "cat", here).media == clip.hash
    assert not when(MediaRegion(clip, "r1", RIGHT), "dog", here).spans
    assert read_text(MediaRegion(clip, "r1", LEFT), here).text == "SALE 20 %"
    assert read_text(MediaRegion(clip, "r2", RIGHT), here).text == ""
    assert opened == []


def test_tracks_in_a_region_are_those_that_lie_in_it(experts: Experts, clip: Media, here: Context) -> None:
    right = MediaRegion(clip, "r1", RIGHT)
    quick = track(right, "cat", Context(home=here.home))
    full = follow(right, "cat", Context(options={"tracker": "sort"}, home=here.home))
    for found in (quick, full):
        (path,) = found.tracks
        assert path.seconds[0] == pytest.approx(4.0, abs=0.6)
        # Pixels of the clip's frame.
        assert min(box[0] for box in path.xyxy) >= 135


def test_a_frame_of_a_region_is_a_part_of_the_clips_frame(experts: Experts, clip: Media) -> None:
    region = MediaRegion(clip, "r1", RIGHT)
    shown = frame(region, 5.0)
    assert (shown.media, shown.xyxy, shown.seconds) == (clip.hash, RIGHT, 5.0)
    assert np.array_equal(np.asarray(shown.image()), np.asarray(clip.frame(5.0))[:, 160:])
    assert region.frame(5.0).size == region.size == (160, 180)


def test_a_model_is_shown_the_region_alone(clip: Media) -> None:
    shown = [part for part in frames(MediaRegion(clip, "r1", RIGHT), (1.0, 5.0)) if isinstance(part, Crop)]
    assert [(part.xyxy, part.seconds) for part in shown] == [(RIGHT, 1.0), (RIGHT, 5.0)]


def test_a_region_of_a_clip_has_no_sound(experts: Experts, clip: Media, here: Context) -> None:
    region = MediaRegion(clip, "r1", LEFT)
    assert not region.info.has_audio
    with pytest.raises(ToolError, match="A region of a clip has no sound of its own"):
        when(region, "one", here, by="heard")
    with pytest.raises(MediaError, match="no sound track"):
        region.audio()


def test_a_region_outside_the_frame_is_refused(clip: Media) -> None:
    with pytest.raises(MediaError, match="does not lie in the picture, which is 320 x 180 pixels"):
        with_regions({"video1": clip}, {"r1": (300, 0, 400, 90)})


def test_a_region_that_comes_from_another_process_is_not_taken_for_its_clip(clip: Media) -> None:
    region = pickle.loads(pickle.dumps(MediaRegion(clip, "r1", LEFT)))
    assert region.info.region == LEFT and not isinstance(Media.loaded(clip.hash), MediaRegion)


def test_a_question_names_a_region_of_a_clip(experts: Experts, clip: Media, tmp_path: Path) -> None:
    steps = [{"tool": "when", "event": "cat"}]
    profile = load_profile("embedded").model_copy(update={"hidden_tools": ()})
    models: Any = {"controller": ScriptedModel(steps)}
    agent = Agent(profile, home=tmp_path, models=models)
    answer = agent.ask("When is a cat in r1?", clip, regions={"r1": RIGHT})
    assert list(answer.media) == ["video1", "video1#r1"]
    assert answer.evidence["q1"].arguments["video"] == "video1#r1"
    value = answer.evidence["q1"].value
    assert isinstance(value, Spans) and len(value.spans) == 1 and "video1@" in answer.text
    assert annotate(answer.hold([clip])).size == (320, 180)
    again = agent.ask("And when is a dog in it?", follows=answer.run_id)
    assert again.media["video1#r1"].region == RIGHT


def test_of_two_clips_the_regions_name_theirs(clip: Media) -> None:
    other = loaded(walk, 1)
    with pytest.raises(MediaError, match=r"Name its picture too|has no picture"):
        with_regions({"video1": clip, "video2": other}, {"r1": LEFT})
    named = with_regions({"video1": clip, "video2": other}, {"video2#door": LEFT})
    assert named["video2#door"].hash == other.hash
