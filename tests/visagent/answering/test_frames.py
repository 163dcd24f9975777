"""What a model is shown of a video: frames that are chosen by the question, the same ones in every look of a run."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from seeing import SeeingModel

from visagent.answering.eyes import Eyes
from visagent.answering.frames import VideoFrames, chosen, evenly
from visagent.answering.look import observers
from visagent.core.errors import MediaError
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.models.grounding import Convention
from visagent.models.protocol import Capabilities

av = pytest.importorskip("av", reason="video needs PyAV: pip install 'visagent[embedded]'")

SURE = {"reasoning": "A red square.", "answer": "It turns red.", "sure": "certain", "regions": [], "checks": []}
YES = {"verdicts": [{"number": 1, "see": "so it is", "verdict": "yes"}]}


@pytest.fixture(scope="module")
def video() -> Media:
    """Eight seconds of grey."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=2)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(16):
            picture = Image.fromarray(np.full((48, 64, 3), 128, np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return Media.load(file.getvalue())


class Watching(SeeingModel):
    """A model that can be shown videos, and so many pictures."""

    def __init__(self, most: int | None = None, **replies: object) -> None:
        super().__init__(**replies)
        media = frozenset({"image", "video"})
        self.capabilities = Capabilities(media=media, grounding=Convention.RELATIVE_1000, max_images=most)


def shown(model: SeeingModel, role: str) -> list[float | None]:
    (messages,) = [messages for played, messages in model.prompts if played == role]
    return [part.seconds for part in messages[-1].content if isinstance(part, Crop)]


async def test_the_first_look_and_the_judge_are_shown_the_same_frames(video: Media) -> None:
    asked: list[tuple[str, int]] = []

    def moments(clip: Media, question: str, most: int) -> list[float]:
        asked.append((question, most))
        return [1.5, 6.0]

    model = Watching(first=SURE, judge=YES)
    eyes = Eyes(model, {"video1": video}, "en", lambda reply: None, {}, VideoFrames(moments))
    await eyes.look("When does it turn red?")
    await eyes.judge(["It turns red."], "When does it turn red?")
    assert shown(model, "first") == shown(model, "judge") == [1.5, 6.0]
    assert asked == [("When does it turn red?", 8)]
    # Each has its time before it, which is how the model can tell when.
    assert "[1.5 s]" in model.asked("first")[0] and "[6.0 s]" in model.asked("first")[0]


async def test_no_more_frames_are_shown_than_the_model_takes(video: Media) -> None:
    model = Watching(most=3, first=SURE)
    await Eyes(model, {"video1": video}, "en", lambda reply: None, {}).look("What is it?")
    assert len(shown(model, "first")) == 3


async def test_frames_are_spread_evenly_where_nobody_can_choose(video: Media) -> None:
    def fails(clip: Media, question: str, most: int) -> list[float]:
        raise MediaError("The clip cannot be decoded.", "Record it again.")

    assert await chosen(video, "What is it?", 4, fails) == (1.0, 3.0, 5.0, 7.0)
    assert evenly(video, "What is it?", 2) == [2.0, 6.0]


async def test_a_later_question_about_a_video_gets_frames_of_its_own(video: Media) -> None:
    model = Watching(look={"reasoning": "Red.", "answer": "red", "sure": "certain"})
    tools = {tool.spec.name: tool for tool in observers(model, "en", lambda reply: None, lambda *_: [4.2])}
    await tools["watch"](video, "What color is it?")
    ((_, messages),) = model.prompts
    assert [part.seconds for part in messages[-1].content if isinstance(part, Crop)] == [4.2]
