import numpy as np
import pytest

from visagent.evidence.values import Box
from visagent_tools.engines.body_parts import BodyPart, outlines
from visagent_tools.engines.movenet import POINTS, Pose
from visagent_tools.engines.people import Person

SIZE = (200, 400)
STANDING = {
    "left shoulder": (140, 80), "right shoulder": (60, 80), "left elbow": (160, 140), "right elbow": (40, 140),
    "left wrist": (165, 200), "right wrist": (35, 200), "left hip": (125, 200), "right hip": (75, 200),
    "left knee": (125, 290), "right knee": (75, 290), "left ankle": (125, 370), "right ankle": (75, 370),
}  # fmt: skip


def person(points: dict[str, tuple[int, int]], box: tuple[int, int, int, int] = (10, 10, 190, 395)) -> Person:
    xy = np.array([points.get(name, (0, 0)) for name in POINTS], np.float32)
    scores = np.array([0.9 if name in points else 0.1 for name in POINTS], np.float32)
    return Person(Box(xyxy=box, label="person"), Pose(xy, scores), None)


def test_the_torso_lies_between_shoulders_and_hips_away_from_the_edges() -> None:
    (mask,) = outlines(person(STANDING), "torso", SIZE)
    left, top, right, bottom = mask.xyxy
    assert 60 < left < 90 and 110 < right < 140 and 90 < top < 120 and 170 < bottom < 200


@pytest.mark.parametrize(("part", "hidden"), [("torso", "shoulder"), ("legs", "knee"), ("hands", "wrist")])
def test_what_is_not_seen_has_no_outline(part: BodyPart, hidden: str) -> None:
    seen = {name: at for name, at in STANDING.items() if hidden not in name}
    assert outlines(person(STANDING), part, SIZE) and not outlines(person(seen), part, SIZE)


def test_without_hips_only_the_chest_counts() -> None:
    seen = {name: at for name, at in STANDING.items() if "hip" not in name}
    (whole,), (chest,) = outlines(person(STANDING), "torso", SIZE), outlines(person(seen), "torso", SIZE)
    assert chest.xyxy[3] < whole.xyxy[3]


def test_a_bare_arm_before_the_chest_is_left_out() -> None:
    (whole,) = outlines(person(STANDING), "torso", SIZE)
    (less,) = outlines(person(STANDING | {"left elbow": (150, 150), "left wrist": (120, 150)}), "torso", SIZE)
    assert less.area < whole.area and not less.array()[150, 115]


def test_a_pose_beyond_the_box_is_somebody_elses() -> None:
    assert not outlines(person(STANDING, (10, 10, 90, 395)), "torso", SIZE)


def test_each_hand_has_an_outline_of_its_own() -> None:
    assert len(outlines(person(STANDING), "hands", SIZE)) == 2


def test_a_dress_reaches_below_the_hips() -> None:
    (torso,), (body,) = outlines(person(STANDING), "torso", SIZE), outlines(person(STANDING), "body", SIZE)
    assert torso.xyxy[3] < 200 < body.xyxy[3]
