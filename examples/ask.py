"""Ask one question about a photo; see the tree, the cited answer and the annotated picture."""

from pathlib import Path

from visagent import Agent

here = Path(__file__).parent
agent = Agent(profile="embedded")
answer = agent.ask("Is there a cup on the table, and what color is the cup?", here / "coffee.png")

print(answer.tree.to_text(answer.evidence))
print(answer.text)
for claim in answer.claims:
    print(f"  {claim.verdict}: {claim.text} {list(claim.cites)}")
answer.annotate().save("annotated.png")
