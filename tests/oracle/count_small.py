"""Small things in large pictures: eyes that miss some in one look at the whole, and see all of them in a part of it.

    python tests/oracle/count_small.py [--scenes 20] [--seed 1]

A look at the whole picture, and the boxes drawn in it, miss the same things: those of the smallest third or so. First
look and tool agree on a wrong count then, and nothing would look closer if the boxes were not drawn part by part. Boxes
are drawn a little off, and what a part's edge cuts is drawn as far as it goes. Prints one line a scene.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from visagent.agent.agent import Agent
from visagent.core.config import Profile
from visagent.evidence.values import XYXY, Crop
from visagent.media.media import Media
from visagent.models.grounding import Convention
from visagent.models.protocol import Capabilities, Message, Reply, TokenUsage

SIZE = (3600, 2400)
SEEN = 24
"""Pixels below which a thing is missed in a picture that is shrunk to 1,568."""


class Scene:
    """A picture of so many red dots of 30 to 90 pixels.

    Args:
        seed: Decides how many, how large, and where.
    """

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.dots: list[XYXY] = []
        wanted = draw.randint(14, 40)
        while len(self.dots) < wanted:
            side = draw.uniform(30, 90)
            x, y = draw.uniform(0, SIZE[0] - side), draw.uniform(0, SIZE[1] - side)
            if all(max(abs(x - one[0]), abs(y - one[1])) > 100 for one in self.dots):
                self.dots.append((x, y, x + side, y + side))
        self.picture = Image.new("RGB", SIZE, "white")
        pen = ImageDraw.Draw(self.picture)
        for dot in self.dots:
            pen.ellipse(dot, fill="red")

    def shown(self, crop: Crop) -> list[XYXY]:
        """The dots that eyes make out in a region, as far as it shows them, pixels of the whole picture."""
        left, top, right, bottom = crop.xyxy
        shrunk = min(crop.scale, 1568 / max(right - left, bottom - top))
        found = []
        for x1, y1, x2, y2 in self.dots:
            part = (max(x1, left), max(y1, top), min(x2, right), min(y2, bottom))
            if min(part[2] - part[0], part[3] - part[1]) * shrunk >= SEEN:
                found.append(part)
        return found


class Eyes:
    """A model that sees such a scene.

    Args:
        scene: What it is shown.
        seed: Of how far its boxes are off.
    """

    name = "eyes"
    capabilities = Capabilities(media=frozenset({"image"}), grounding=Convention.RELATIVE_1000)

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene, self._draw = scene, random.Random(seed)
        self.first, self.calls = 0, 0

    def load(self) -> None: ...

    def close(self) -> None: ...

    async def chat(self, messages: Sequence[Message], schema: Any = None, **_: Any) -> Reply:
        self.calls += 1
        parts = [part for part in messages[-1].content if not isinstance(part, str)]
        crops = [part for part in parts if isinstance(part, Crop)]
        if schema["type"] == "array":
            reply: Any = self._boxes(crops[0])
        elif "verdicts" in schema["properties"]:
            reply = {"verdicts": [{"number": 1, "see": "many dots", "verdict": "yes"}]}
        elif "other" in schema["properties"]:
            # Each box has a number there, so that what was boxed is seen.
            counted = re.search(r"q2: .*?“(\d+)”", messages[-1].text)
            number = self.first if counted is None else int(counted[1])
            reply = {"reasoning": "", "answer": f"There are {number} red dots.", "sure": "certain", "rests_on": []}
            reply["other"] = ""
        else:
            self.first = len(self._scene.shown(crops[0]))
            answer = f"There are {self.first} red dots."
            reply = {"reasoning": "", "answer": answer, "sure": "certain", "regions": [], "checks": ["count: red dots"]}
        return Reply(text=json.dumps(reply), usage=TokenUsage())

    def _boxes(self, crop: Crop) -> list[dict[str, Any]]:
        left, top, right, bottom = crop.xyxy
        across, down = 1000 / (right - left), 1000 / (bottom - top)
        drawn = []
        for x1, y1, x2, y2 in self._scene.shown(crop):
            edges = ((x1 - left) * across, (y1 - top) * down, (x2 - left) * across, (y2 - top) * down)
            off = [min(1000, max(0, round(edge + self._draw.uniform(-2, 2)))) for edge in edges]
            drawn.append({"bbox_2d": off, "label": "red dot"})
        return drawn


def count(seed: int) -> tuple[int, int, int, int]:
    """How many there are, what the first look said, what the answer says, and the calls it took."""
    scene = Scene(seed)
    eyes = Eyes(scene, seed)
    roles = dict.fromkeys(("controller", "observer", "verifier"), "main")
    models = {"main": {"backend": "object"}}
    profile = Profile.model_validate({"name": "eyes", "models": models, "roles": roles, "hidden_tools": ["locate"]})
    with tempfile.TemporaryDirectory() as home:
        agent = Agent(profile, models={"main": eyes}, home=Path(home), cache=False)
        answer = agent.ask("How many red dots are there?", Media.load(scene.picture))
    said = next(int(word) for word in answer.text.split() if word.isdigit())
    return len(scene.dots), eyes.first, said, eyes.calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = [count(options.seed + number) for number in range(options.scenes)]
    for there, first, said, calls in found:
        print(f"{there:3} things, first look {first:3}, answer {said:3}, {calls} calls")
    right = [(first == there, said == there) for there, first, said, _ in found]
    print(f"right: first look {sum(one for one, _ in right)}, answer {sum(one for _, one in right)}, of {len(found)}")


if __name__ == "__main__":
    main()
