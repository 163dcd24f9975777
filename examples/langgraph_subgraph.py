"""An agent as a node of a larger LangGraph graph: it looks at a picture, and the graph goes on with what it found."""

from pathlib import Path

from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from visagent import Agent
from visagent.integrations.langgraph import as_graph

here = Path(__file__).parent


class State(MessagesState):
    media: list[str]
    run_id: str
    report: str


def report(state: State) -> dict[str, str]:
    """The next step of the larger graph."""
    return {"report": f"Report: {state['messages'][-1].text} (run {state['run_id']})"}


builder = StateGraph(State)
builder.add_node("look", as_graph(Agent(profile="embedded")))
builder.add_node("report", report)
builder.add_edge(START, "look")
builder.add_edge("look", "report")
builder.add_edge("report", END)
graph = builder.compile()

question = HumanMessage("How many cats are there?")
for mode, part in graph.stream(
    {"messages": [question], "media": [str(here / "cat.png")]}, stream_mode=["custom", "updates"]
):
    if mode == "updates" and "report" in part:
        print(part["report"]["report"])
