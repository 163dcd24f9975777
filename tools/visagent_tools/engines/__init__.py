"""Inference engines: one file per network or library, arrays and samples in, boxes, labels or text out.

They know nothing of agents, plans or user interfaces. Importing one imports no heavy library: that happens when the
engine is made.
"""
