"""A question becomes a checked plan."""
