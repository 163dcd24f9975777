from typing import Any, Literal, TypeVar

import pytest
from PIL import Image

from visagent.core.errors import ToolDefinitionError
from visagent.evidence.values import Boxes, Crop, Failure, Label, Labels, Number, Text
from visagent.media.media import Media
from visagent.tools.toolkit import Audio, Context, Tool, Toolkit, Video, tool

Kind = TypeVar("Kind", Boxes, Text)


@tool
def tyre_pressure(region: Crop, unit: Literal["bar", "psi"] = "bar") -> Number:
    """Estimate tyre pressure from a photo of a wheel.

    Args:
        region: The wheel.
        unit: Of the result.
    """
    return Number(value=2.4, unit=unit)


def test_a_tool_is_described_by_its_signature_and_docstring() -> None:
    spec = tyre_pressure.spec
    assert spec.signature() == (
        "tyre_pressure(region: image, unit?: bar|psi) -> number: Estimate tyre pressure from a photo of a wheel."
    )
    assert [parameter.description for parameter in spec.parameters] == ["The wheel.", "Of the result."]
    assert spec.parameters[1].default == "bar"


def test_a_tool_stays_a_plain_function() -> None:
    whole = Crop(media="m", xyxy=(0, 0, 1, 1))
    assert tyre_pressure(whole, unit="psi") == Number(value=2.4, unit="psi")


def test_annotations_say_what_a_plan_may_wire() -> None:
    @tool
    def everything(
        image: Crop,
        images: list[Crop],
        audio: Audio,
        video: Video,
        boxes: Boxes,
        text: Text,
        word: str,
        number: float,
        values: list[bool],
        maybe: int | None = None,
        *,
        context: Context,
    ) -> str:
        """Take everything."""
        return ""

    taken = {parameter.name: parameter for parameter in everything.spec.parameters}
    assert "context" not in taken
    assert taken["image"].media == ("image",) and taken["image"].accepts == ("crop", "boxes")
    assert not taken["images"].many and taken["images"].media == ("image",)
    assert taken["audio"].media == ("audio", "video") and taken["video"].media == ("video",)
    assert taken["text"].accepts == ("text", "transcript", "labels", "look") and taken["text"].literal is None
    assert taken["word"].literal == {"type": "string"} and "number" in taken["word"].accepts
    assert taken["values"].many and taken["values"].accepts == ("boolean",)
    assert not taken["maybe"].required and taken["maybe"].literal == {"type": "integer"}


def test_a_result_that_depends_on_a_parameter_says_so() -> None:
    @tool
    def first(items: Kind) -> Kind:
        """The first."""
        return items

    assert first.spec.result == ("boxes", "text") and first.spec.same_as == "items"


def undocumented(image: Crop) -> str:
    return ""


def unannotated(image) -> str:  # type: ignore[no-untyped-def]
    """Doc."""
    return ""


def unresolved(image: "Crops") -> str:  # type: ignore[name-defined]  # noqa: F821
    """Doc."""
    return ""


def no_return(image: Crop):  # type: ignore[no-untyped-def]
    """Doc."""


def wrong_return(image: Crop) -> bytes:
    """Doc."""
    return b""


def wrong_parameter(image: bytes) -> str:
    """Doc."""
    return ""


def many_arguments(*images: Crop) -> str:
    """Doc."""
    return ""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (undocumented, "undocumented has no docstring"),
        (unannotated, r"unannotated\(image\) has no annotation"),
        (unresolved, "unresolved: an annotation cannot be resolved: name 'Crops'"),
        (no_return, "no_return has no return annotation"),
        (wrong_return, "wrong_return returns bytes"),
        (wrong_parameter, r"wrong_parameter\(image\): a plan cannot give a bytes"),
        (many_arguments, r"many_arguments\(images\): a plan gives arguments by name"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_by_name_and_parameter(function: Any, message: str) -> None:
    with pytest.raises(ToolDefinitionError, match=message) as refused:
        tool(function)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("returned", "value"),
    [
        (True, "boolean"),
        (3, "number"),
        ("x", "text"),
        (["a", "b"], "labels"),
        (Failure(error="E", message="m"), "failure"),
    ],
)
def test_plain_results_become_evidence(returned: Any, value: str) -> None:
    @tool
    def anything(text: str) -> bool | float | str | list[str]:
        """Return anything."""
        raise AssertionError

    assert anything.result(returned).type == value
    if value == "labels":
        assert anything.result(returned) == Labels(labels=(Label(name="a"), Label(name="b")))


def test_the_installed_toolkit_holds_the_first_party_experts_in_a_fixed_order() -> None:
    names = list(Toolkit.installed())
    assert names[:3] == ["detect", "read_text", "transcribe"]
    assert {"count", "left_of", "calculate", "contains", "caption", "classify", "dominant_colors", "zoom"} <= set(names)


def test_tools_are_added_by_object_function_module_and_path() -> None:
    import visagent_tools.logic

    def plain(text: str) -> str:
        """Echo."""
        return text

    toolkit = Toolkit([tyre_pressure, plain, visagent_tools.logic, "visagent_tools.geometry:left_of"])
    assert {"tyre_pressure", "plain", "count", "left_of"} <= set(toolkit)


@pytest.mark.parametrize("path", ["visagent_tools.nowhere", "visagent_tools.logic:nothing", "json"])
def test_a_path_that_leads_to_no_tool_is_refused(path: str) -> None:
    with pytest.raises(ToolDefinitionError):
        Toolkit([path])


def test_two_tools_of_one_name_are_refused_and_an_unknown_name_lists_the_known_ones() -> None:
    def other() -> Tool:
        @tool(name="tyre_pressure")
        def another(region: Crop) -> Number:
            """Guess."""
            return Number(value=1)

        return another

    with pytest.raises(ToolDefinitionError, match="Two tools are named tyre_pressure"):
        Toolkit([tyre_pressure, other()])
    with pytest.raises(ToolDefinitionError, match="no tool named 'fly'.*tyre_pressure"):
        Toolkit([tyre_pressure])["fly"]
    with pytest.raises(ToolDefinitionError, match=r"Did you mean 'tyre_pressure'\?"):
        Toolkit([tyre_pressure])["tire_presure"]


def test_a_tool_of_pictures_and_clips_is_given_a_picture_as_a_crop() -> None:
    @tool
    def read(image: list[Crop] | Video) -> Text:
        """Read."""
        return Text(text="")

    picture = Media.load(Image.new("RGB", (4, 3)))
    assert read.bind({"image": picture}) == {"image": [Crop.whole(picture)]}
    assert read.bind({"image": [picture, picture]}) == {"image": [Crop.whole(picture)] * 2}
    parameter = read.spec.parameter("image")
    assert parameter is not None and parameter.media == ("image", "video") and parameter.several
