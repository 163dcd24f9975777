"""Closed sets of others, put to a whole agent: each a loader of the authors' files, and the authors' scores."""
