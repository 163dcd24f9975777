"""Other frameworks: an agent as a LangGraph node, batches on a Ray cluster."""
