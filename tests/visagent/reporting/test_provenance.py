"""What a citation points at in the media."""

from __future__ import annotations

from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall, build_tree
from visagent.evidence.values import (
    Box,
    Boxes,
    Cell,
    Evidence,
    Label,
    Labels,
    Line,
    Number,
    Table,
    Text,
    Track,
    Tracks,
    Transcript,
    Value,
)
from visagent.media.media import MediaInfo
from visagent.reporting.provenance import Ground, grounds, own_grounds

PHOTO = MediaInfo(hash="a" * 64, kind="image", name="photo.jpg", width=100, height=80)
CLIP = MediaInfo(hash="b" * 64, kind="video", name="clip.mp4", width=64, height=48, seconds=9.0, has_audio=True)
MEDIA = {"image1": PHOTO, "video1": CLIP}
DOGS = Boxes(media=PHOTO.hash, boxes=(Box(xyxy=(1, 2, 30, 40), label="dog", confidence=0.9),))


def run(*steps: tuple[str, dict[str, str], Value]) -> tuple[QuestionTree, dict[str, Evidence]]:
    nodes = [
        SubQuestion(id=f"q{at}", question="?", solver=ToolCall(tool=tool, arguments=dict(arguments)))
        for at, (tool, arguments, _) in enumerate(steps, 1)
    ]
    found = {f"q{at}": Evidence(id=f"q{at}", tool=step[0], value=step[2]) for at, step in enumerate(steps, 1)}
    return build_tree("?", nodes), found


def test_a_count_stands_where_what_was_counted_stands() -> None:
    tree, found = run(("detect", {"image": "image1"}, DOGS), ("count", {"items": "$q1"}, Number(value=1)))
    (place,) = grounds("q2", tree, found, MEDIA)
    assert place == Ground("q1", "image1", (1, 2, 30, 40), label="dog 90%")


def test_the_nearest_places_count_and_not_those_below_them() -> None:
    picked = DOGS.replace(DOGS.boxes)
    tree, found = run(("detect", {"image": "image1"}, DOGS), ("largest", {"items": "$q1"}, picked))
    assert {place.id for place in grounds("q2", tree, found, MEDIA)} == {"q2"}


def test_what_two_branches_share_is_pointed_at_once() -> None:
    tree, found = run(
        ("detect", {"image": "image1"}, DOGS),
        ("count", {"items": "$q1"}, Number(value=1)),
        ("exists", {"items": "$q1"}, Number(value=1)),
        ("add", {"a": "$q2", "b": "$q3"}, Number(value=2)),
    )
    assert len(grounds("q4", tree, found, MEDIA)) == 1


def test_what_has_no_place_and_nothing_below_stands_on_the_whole_medium() -> None:
    tree, found = run(("classify", {"image": "image1"}, Labels(labels=(Label(name="tabby"),))))
    assert grounds("q1", tree, found, MEDIA) == (Ground("q1", "image1"),)


def test_speech_and_read_text_name_seconds_and_boxes() -> None:
    said = Transcript(text="hello", media=CLIP.hash, lines=(Line(text="hello", start=1.5, end=2.0),))
    read = Text(text="EXIT", media=PHOTO.hash, lines=(Line(text="EXIT", xyxy=(5, 5, 9, 9)),))
    (heard,) = own_grounds(Evidence(id="q1", tool="transcribe", value=said), MEDIA)
    (seen,) = own_grounds(Evidence(id="q2", tool="read_text", value=read), MEDIA)
    assert (heard.media, heard.start, heard.end) == ("video1", 1.5, 2.0)
    assert (seen.media, seen.xyxy, seen.label) == ("image1", (5, 5, 9, 9), "EXIT")


def test_a_track_is_a_place_a_moment() -> None:
    track = Track(id=3, label="car", seconds=(0.0, 0.5), xyxy=((0, 0, 4, 4), (1, 0, 5, 4)))
    places = own_grounds(Evidence(id="q1", tool="track", value=Tracks(media=CLIP.hash, tracks=(track,))), MEDIA)
    assert [(place.start, place.label) for place in places] == [(0.0, "car 3"), (0.5, "car 3")]


def test_evidence_of_a_medium_that_the_run_does_not_have_has_no_place() -> None:
    strange = Boxes(media="c" * 64, boxes=DOGS.boxes)
    assert own_grounds(Evidence(id="q1", tool="detect", value=strange), MEDIA) == ()


def test_a_citation_of_nothing_points_nowhere() -> None:
    tree, found = run(("detect", {"image": "image1"}, DOGS))
    assert grounds("q9", tree, found, MEDIA) == ()


def test_labels_are_one_line_without_markup() -> None:
    line = Line(text="<b>a</b>\n[q9]", xyxy=(0, 0, 1, 1))
    tree, found = run(("read_text", {"image": "image1"}, Text(text="x", media=PHOTO.hash, lines=(line,))))
    (place,) = grounds("q1", tree, found, MEDIA)
    assert not set("<>[]\n") & set(place.label)


def test_of_several_pictures_each_part_stands_in_its_own() -> None:
    other = MediaInfo(hash="c" * 64, kind="image", name="other.jpg", width=50, height=50)
    media = {"image1": PHOTO, "image2": other}
    both = (PHOTO.hash, other.hash)
    dog = Box(xyxy=(1, 2, 3, 4), label="dog", confidence=0.5, media=other.hash)
    found = Evidence(id="q1", tool="detect", value=Boxes(media=PHOTO.hash, boxes=(dog,), pictures=both))
    assert own_grounds(found, media) == (Ground("q1", "image2", (1, 2, 3, 4), label="dog 50%"),)
    assert own_grounds(found, {"image1": PHOTO}) == ()
    text = Text(text="Ghent", media=PHOTO.hash, lines=(Line(text="Ghent", media=other.hash),), pictures=both)
    assert own_grounds(Evidence(id="q1", tool="read_text", value=text), media)[0].media == "image2"


def test_what_was_looked_for_in_several_pictures_stands_on_each_of_them() -> None:
    other = MediaInfo(hash="c" * 64, kind="image", name="other.jpg", width=50, height=50)
    tree, found = run(("detect", {"image": ["image1", "image2"]}, Boxes(media=PHOTO.hash)))  # type: ignore[dict-item]
    assert [place.media for place in grounds("q1", tree, found, {"image1": PHOTO, "image2": other})] == [
        "image1",
        "image2",
    ]


def test_a_table_stands_where_its_filled_cells_do() -> None:
    cells = (Cell(row=0, column=0, text="Tea", xyxy=(1, 1, 9, 9)), Cell(row=0, column=1))
    table = Evidence(id="q1", tool="read_table", value=Table(media=PHOTO.hash, cells=cells))
    assert own_grounds(table, MEDIA) == (Ground("q1", "image1", (1, 1, 9, 9), label="Tea"),)
