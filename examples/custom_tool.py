"""A tool of your own: a type-hinted, documented function is all it takes."""

from pathlib import Path

from visagent import Agent, Crop, Number, tool


@tool
def brightness(image: Crop) -> Number:
    """Measure how bright a picture or object is.

    Args:
        image: What to measure.
    """
    return Number(value=round(float(image.array().mean()) / 255 * 100), unit="%")


agent = Agent(profile="embedded", tools=[brightness])
answer = agent.ask("How bright is the picture?", Path(__file__).parent / "cat.png")
print(answer.tree.to_text(answer.evidence))
print(answer.text)
