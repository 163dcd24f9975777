"""Many questions at once: one that cannot be asked gives its error, and the others go on."""

from pathlib import Path

from visagent import Agent
from visagent.core.errors import VisagentError

here = Path(__file__).parent
agent = Agent(profile="embedded")
items = [
    ("How many cats are there?", [here / "cat.png"]),
    ("What color is the cup?", [here / "no-such-file.png"]),
    ("Is there a cup?", [here / "coffee.png"]),
]
for (question, _), outcome in zip(items, agent.batch(items), strict=True):
    if isinstance(outcome, VisagentError):
        print(f"{question} -> {type(outcome).__name__}: {outcome}")
    else:
        print(f"{question} -> {outcome.text}")
